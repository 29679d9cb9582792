"""A lost connection is shown, comes back by itself, and nothing that happened meanwhile is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server

LOST = ("WebSocket", "net::ERR_")


def test_a_page_outlives_its_server(
    page: Page,
    own_server: Server,
    sign_in: Callable[[Page, Server], None],
    complaints: Any,
    tmp_path: Path,
) -> None:
    server, work = own_server, tmp_path / "work"
    for number in range(5):
        commit(work, {"notes.txt": f"{number}\n"}, f"Note {number}")
    name = f"{server.admin}/perch"
    server.git("push", "--quiet", server.remote(name), "main", cwd=work)
    sign_in(page, server)
    graph = GraphPage(page, server, name).open()
    page.evaluate("window.neverReloaded = true")

    complaints.expect(*LOST)
    server.kill()
    expect(graph.live).to_contain_text("Connection lost")
    assert graph.subjects()[0] == "Note 4"

    server.start()
    commit(work, {"notes.txt": "meanwhile"}, "Meanwhile")
    server.git("push", "--quiet", server.remote(name), "main", cwd=work)
    expect(graph.commit("Meanwhile")).to_be_visible()
    expect(graph.live).to_have_text("Live")
    expect(graph.row(1)).to_contain_text("Meanwhile")
    expect(graph.row(2)).to_contain_text("Note 4")
    assert page.evaluate("window.neverReloaded")


def test_a_page_says_when_its_reader_may_read_no_longer(
    page: Page,
    own_server: Server,
    open_page: Callable[..., Page],
    sign_in: Callable[[Page, Server], None],
    complaints: Any,
    tmp_path: Path,
) -> None:
    server, work = own_server, tmp_path / "work"
    commit(work, {"notes.txt": "x"}, "A note")
    name = f"{server.admin}/open"
    server.cli("repo", "add", name, "--public", "--from", str(work))
    graph = GraphPage(page, server, name).open()
    complaints.expect("401")
    owner = open_page()
    sign_in(owner, server)
    owner.goto(f"{server.url}/{name}/settings")
    owner.get_by_role("radio", name="Private").check()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("The settings are saved.")).to_be_visible()
    expect(graph.live).to_have_text("No access any more")
