"""Keys and SSH addresses, by somebody who clicks and types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.server import commit
from support.ssh import Ssh, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from browser.conftest import Complaints
    from support.server import Server


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    folder = tmp_path_factory.mktemp("ssh")
    with running(folder) as started:
        commit(folder / "w", {"index.html": "hello"})
        started.server.cli("repo", "add", "alice/thing", "--from", str(folder / "w"))
        yield started


@pytest.fixture
def alice(page: Page, ssh: Ssh, sign_in: Callable[[Page, Server], None]) -> Page:
    sign_in(page, ssh.server)
    return page


def test_a_key_is_added_used_and_removed(alice: Page, ssh: Ssh) -> None:
    alice.goto(f"{ssh.server.url}/account")
    form = alice.get_by_role("region", name="SSH keys")
    form.get_by_label("Public key").fill(ssh.public("laptop"))
    form.get_by_role("button", name="Add key").click()
    expect(alice.get_by_role("status").filter(has_text="The key is added")).to_be_visible()
    expect(form.get_by_text("laptop@test")).to_be_visible()
    assert "Hello alice" in ssh.command(key="laptop").stderr
    alice.reload()
    expect(form.get_by_role("listitem").filter(has_text="laptop@test")).to_contain_text("used")
    form.get_by_role("button", name="Remove laptop@test").click()
    alice.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(alice.get_by_role("status").filter(has_text="The key is removed")).to_be_visible()
    expect(form.get_by_text("laptop@test")).to_have_count(0)
    assert "Permission denied" in ssh.command(key="laptop").stderr


def test_a_wrong_key_comes_back_with_what_is_wrong_beside_it(alice: Page, ssh: Ssh, complaints: Complaints) -> None:
    complaints.expect("422")
    alice.goto(f"{ssh.server.url}/alice/thing/settings")
    keys = alice.get_by_role("region", name="Deploy keys")
    keys.get_by_label("Public key").fill("ssh-dss AAAA")
    keys.get_by_label("Title").fill("builder")
    keys.get_by_text("Read and write").click()
    keys.get_by_role("button", name="Add key").click()
    field = keys.get_by_label("Public key")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(keys.get_by_role("alert")).to_contain_text("DSA keys are too weak")
    expect(field).to_have_value("ssh-dss AAAA")
    expect(keys.get_by_label("Title")).to_have_value("builder")
    expect(keys.get_by_role("radio", name="Read and write")).to_be_checked()


def test_the_clone_box_changes_between_http_and_ssh_by_mouse_and_keyboard(alice: Page, ssh: Ssh) -> None:
    alice.goto(f"{ssh.server.url}/alice/thing/branches")
    box = alice.get_by_role("group", name="Clone address")
    http, by_ssh = box.get_by_text(re.compile(r"^http://")), box.get_by_text(re.compile(r"^ssh://git@"))
    expect(http).to_be_visible()
    expect(by_ssh).to_be_hidden()
    box.get_by_role("radio", name="SSH").check()
    expect(by_ssh).to_be_visible()
    expect(http).to_be_hidden()
    expect(box.get_by_role("button", name="Copy the clone address")).to_have_count(1)
    box.get_by_role("radio", name="SSH").press("ArrowLeft")
    expect(http).to_be_visible()


def test_pages_with_keys_fit_a_phone(
    open_page: Callable[..., Page], ssh: Ssh, sign_in: Callable[[Page, Server], None]
) -> None:
    ssh.add_deploy_key("alice/thing", "phone", "write")
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    sign_in(page, ssh.server)
    for path in ("/account", "/alice/thing/settings", "/alice/thing", "/alice/thing/branches"):
        page.goto(f"{ssh.server.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    height = page.locator(".clone-ways label").first.bounding_box()
    assert height
    assert height["height"] >= 40
