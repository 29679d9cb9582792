"""Push a branch, see it grow: what git does in a terminal shows in an open page, without a reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, commits, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page, WebSocketRoute

    from support.server import Server


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work tree with thirty commits on main."""
    folder = tmp_path / "work"
    commits(folder, (({"notes.txt": f"{number}\n"}, f"Note {number}") for number in range(30)))
    return folder


@pytest.fixture
def graph(signed_in: Page, server: Server, work: Path, request: pytest.FixtureRequest) -> GraphPage:
    """The open graph page of a repository that `work` was pushed to."""
    name = f"{server.admin}/{re.sub('[^a-z]+', '-', request.node.name)[:60].strip('-')}"
    server.git("remote", "add", "origin", server.remote(name), cwd=work)
    server.git("push", "--quiet", "origin", "main", cwd=work)
    # A reload would take this mark away.
    page = GraphPage(signed_in, server, name).open()
    signed_in.evaluate("window.neverReloaded = true")
    return page


def push(server: Server, work: Path, *arguments: str) -> None:
    server.git("push", "--quiet", *(arguments or ("origin", "main")), cwd=work)


def test_commits_arrive_while_the_page_is_open(graph: GraphPage, server: Server, work: Path) -> None:
    assert graph.subjects()[0] == "Note 29"
    for subject in ("Sow", "Water", "Wait"):
        commit(work, {"garden.txt": subject}, subject)
    push(server, work)
    expect(graph.commit("Wait")).to_be_visible()
    expect(graph.page.get_by_role("status").filter(has_text="3 new commits")).to_be_attached()
    expect(graph.row(1)).to_contain_text("Wait")
    expect(graph.row(1)).to_be_in_viewport(ratio=1)
    for row, subject in enumerate(("Wait", "Water", "Sow", "Note 29"), 1):
        expect(graph.row(row)).to_contain_text(subject)
    expect(graph.row(1).locator(".chip")).to_contain_text("main")
    expect(graph.grid).to_have_attribute("aria-rowcount", "33")
    assert graph.page.evaluate("window.neverReloaded")


def test_the_keyboard_stays_at_its_commit_when_the_page_has_to_look_itself_what_is_new(
    graph: GraphPage, server: Server, work: Path
) -> None:
    news: list[str | bytes] = []

    def without_the_graph(socket: WebSocketRoute) -> None:
        def hear(message: str | bytes) -> None:
            news.append(message)
            told = [each for each in news if "graph.changed" not in str(each)]
            if "hello" in str(message) or len(told) < len(news):  # then the server has the graph that they tell of
                for each in told:
                    socket.send(each)

        socket.connect_to_server().on_message(hear)

    graph.page.route_web_socket(re.compile("/api/"), without_the_graph)
    graph.open()
    for _ in range(5):
        graph.page.keyboard.press("j")
    current = graph.grid.locator("[data-current]")
    expect(current).to_contain_text("Note 25")
    commit(work, {"garden.txt": "sown"}, "Sow")
    commit(work, {"garden.txt": "watered"}, "Water")
    push(server, work)
    expect(graph.row(1)).to_contain_text("Water")
    expect(current).to_contain_text("Note 25")
    expect(graph.row(7)).to_have_attribute("data-current", "")


def test_who_scrolled_away_keeps_the_place_and_is_told(graph: GraphPage, server: Server, work: Path) -> None:
    graph.scroll_to(1)
    expect(graph.commit("Note 0")).to_be_visible()
    before = graph.place("Note 3")
    for number in range(4):
        commit(work, {"more.txt": str(number)}, f"More {number}")
    push(server, work)
    news = graph.page.get_by_role("button", name="4 new commits")
    expect(news).to_be_visible()
    assert graph.place("Note 3") == pytest.approx(before, abs=1)
    news.click()
    expect(graph.commit("More 3")).to_be_visible()
    expect(news).to_be_hidden()


def test_branches_and_tags_come_move_and_go(graph: GraphPage, server: Server, work: Path) -> None:
    git("switch", "--quiet", "--create", "feature/pond", "main~3", cwd=work)
    commit(work, {"pond.txt": "deep"}, "Dig the pond")
    push(server, work, "origin", "feature/pond")
    expect(graph.commit("Dig the pond").locator(".chip")).to_contain_text("feature/pond")

    git("tag", "v1", "main~5", cwd=work)
    git("tag", "--annotate", "--message", "Second", "v2", "main~6", cwd=work)
    push(server, work, "origin", "v1", "v2")
    expect(graph.commit("Note 24").locator(".chip")).to_contain_text("v1")
    expect(graph.commit("Note 23").locator(".chip")).to_contain_text("v2")

    commit(work, {"pond.txt": "deeper"}, "Fill the pond")
    push(server, work, "origin", "feature/pond")
    expect(graph.commit("Fill the pond").locator(".chip")).to_contain_text("feature/pond")
    expect(graph.commit("Dig the pond").locator(".chip")).to_have_count(0)

    push(server, work, "--delete", "origin", "feature/pond")
    expect(graph.commit("Fill the pond")).to_have_count(0)
    expect(graph.chip("feature/pond")).to_have_count(0)
    assert graph.page.evaluate("window.neverReloaded")


def test_a_branch_gets_the_dot_of_its_preview_when_there_is_something_to_show(
    graph: GraphPage, server: Server, work: Path
) -> None:
    preview = graph.commit("Note 29").get_by_role("link", name="Preview of main")
    expect(preview).to_have_count(0)
    commit(work, {"index.html": "<!doctype html><title>Pond</title><h1>Pond</h1>"}, "Open the garden")
    push(server, work)
    preview = graph.commit("Open the garden").get_by_role("link", name="Preview of main: ready")
    expect(preview).to_be_visible()
    assert "//main-" in (preview.get_attribute("href") or "")


def test_a_force_push_replaces_what_was_there(graph: GraphPage, server: Server, work: Path) -> None:
    git("reset", "--quiet", "--hard", "main~2", cwd=work)
    commit(work, {"notes.txt": "again"}, "Note 28, told anew")
    push(server, work, "--force", "origin", "main")
    expect(graph.commit("Note 28, told anew")).to_be_visible()
    expect(graph.commit("Note 29")).to_have_count(0)
    expect(graph.row(1)).to_contain_text("Note 28, told anew")
    expect(graph.row(2)).to_contain_text("Note 27")


def test_a_commit_opens_beside_the_graph_and_back_closes_it(graph: GraphPage) -> None:
    graph.commit("Note 27").click()
    expect(graph.details.get_by_role("heading", name="Note 27")).to_be_visible()
    expect(graph.details).to_contain_text("notes.txt")
    expect(graph.page).to_have_url(re.compile(r"\?commit=[0-9a-f]{40}$"))
    expect(graph.commit("Note 27")).to_have_attribute("aria-selected", "true")
    graph.commit("Note 25").click()
    expect(graph.details.get_by_role("heading", name="Note 25")).to_be_visible()
    graph.page.go_back()
    expect(graph.details.get_by_role("heading", name="Note 27")).to_be_visible()
    graph.page.go_back()
    expect(graph.details).to_be_hidden()
    graph.page.go_forward()
    graph.page.reload()
    expect(graph.details.get_by_role("heading", name="Note 27")).to_be_visible()
    graph.details.get_by_role("button", name="Close the details").click()
    expect(graph.details).to_be_hidden()


def test_an_empty_repository_becomes_the_graph_with_its_first_push(signed_in: Page, server: Server, work: Path) -> None:
    name = f"{server.admin}/seedbed"
    server.cli("repo", "add", name, "--private")
    signed_in.goto(f"{server.url}/{name}")
    expect(signed_in.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    expect(signed_in.get_by_text("git push -u origin --all")).to_be_visible()
    expect(signed_in.locator("#live")).to_have_text("Live")
    server.git("push", "--quiet", server.remote(name), "main", cwd=work)
    expect(GraphPage(signed_in, server, name).commit("Note 29")).to_be_visible()


def test_without_a_script_the_newest_commits_can_be_read(
    open_page: Callable[..., Page], server: Server, work: Path
) -> None:
    name = f"{server.admin}/plain"
    server.cli("repo", "add", name, "--public", "--from", str(work))
    page = open_page(java_script_enabled=False)
    page.goto(f"{server.url}/{name}")
    page.get_by_role("link", name="Note 29").click()
    expect(page.get_by_role("heading", name="Note 29")).to_be_visible()


def test_attack_12_what_a_commit_and_a_branch_are_called_is_only_text(
    graph: GraphPage, server: Server, work: Path
) -> None:
    subject, branch = "<img src=x onerror=\"document.title='owned'\">", "x<b>bold</b>\"'"
    git("switch", "--quiet", "--create", branch, cwd=work)
    commit(work, {"notes.txt": "x"}, subject)
    push(server, work, "origin", branch)
    row = graph.commit(subject)
    expect(row.locator(".chip-name")).to_have_text(branch)
    row.click()
    expect(graph.details.get_by_role("heading", name=subject)).to_be_visible()
    graph.page.keyboard.press("/")
    expect(graph.page.get_by_role("option").filter(has_text=branch)).to_be_visible()
    assert graph.page.locator("#graph :is(img, b)").count() == 0
    assert graph.page.title() != "owned"
