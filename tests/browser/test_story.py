"""The whole story, as a newcomer lives it: sign in, push, watch it grow, open the preview, show it to somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from browser.conftest import Complaints
    from support.server import Server


def test_push_a_branch_and_see_it_grow(
    server: Server, signed_in: Page, open_page: Callable[..., Page], tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expect("favicon.ico", "status of 401", "status of 404")  # the bakery has no icon, and its branch goes
    work, remote = tmp_path / "bakery", server.remote(f"{server.admin}/bakery")
    commit(work, {"index.html": "<!doctype html><title>Bakery</title><h1>Bread at seven</h1>"}, "Open the bakery")

    # The first push makes the repository, and the terminal says where everything is.
    said = server.git("push", remote, "--all", cwd=work)
    assert f"{server.url}/alice/bakery" in said
    assert f"http://main-bakery.localhost:{server.port}/" in said

    # It is on the list, and its graph is one click away.
    signed_in.goto(server.url)
    signed_in.get_by_role("link", name="bakery").first.click()
    graph = GraphPage(signed_in, server, "alice/bakery")
    expect(graph.row(1)).to_contain_text("Open the bakery")
    expect(graph.live).to_have_text("Live")

    # A branch arrives while the page is open: commits, chip and preview, without a reload.
    signed_in.evaluate("window.neverReloaded = true")
    git("checkout", "-q", "-b", "feature/cakes", cwd=work)
    commit(work, {"index.html": "<!doctype html><title>Cakes</title><h1>Cakes at eight</h1>"}, "Cakes")
    said = server.git("push", remote, "feature/cakes", cwd=work)
    expect(graph.row(1)).to_contain_text("Cakes")
    chip = graph.chip("feature/cakes")
    expect(chip).to_be_visible()
    assert signed_in.evaluate("window.neverReloaded")

    # The preview of each branch shows that branch, to whoever may read the repository: the private one sends to the host and back.
    preview = next(word for word in said.split() if word.startswith("http://feature-cakes-bakery"))
    signed_in.goto(preview)
    expect(signed_in.get_by_role("heading", name="Cakes at eight")).to_be_visible()
    assert signed_in.url == preview
    signed_in.goto(f"http://main-bakery.localhost:{server.port}/")
    expect(signed_in.get_by_role("heading", name="Bread at seven")).to_be_visible()

    # Nobody else sees it, until the owner opens the previews.
    stranger = open_page()
    stranger.goto(preview)
    expect(stranger.get_by_role("button", name="Sign in")).to_be_visible()
    signed_in.goto(f"{server.url}/alice/bakery/settings")
    signed_in.get_by_label("Open to everybody").check()
    signed_in.get_by_role("button", name="Save").first.click()
    expect(signed_in.get_by_role("status").filter(has_text="saved")).to_be_visible()
    stranger.goto(preview)
    expect(stranger.get_by_role("heading", name="Cakes at eight")).to_be_visible()

    # A commit made in the meantime is live the moment the push is over.
    commit(work, {"index.html": "<!doctype html><title>Cakes</title><h1>Sold out</h1>"}, "Sold out")
    server.git("push", remote, "feature/cakes", cwd=work)
    stranger.reload()
    expect(stranger.get_by_role("heading", name="Sold out")).to_be_visible()

    # The branch goes, and its preview with it.
    server.git("push", remote, ":feature/cakes", cwd=work)
    answer = stranger.goto(preview)
    assert answer
    assert answer.status in (401, 404) or "/signin" in stranger.url
