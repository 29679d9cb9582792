"""Folders and their files: what each entry is, and what scripts ask for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from support.previews import wait
from support.server import commit, git
from support.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 123456\n".format("a" * 64)
MODULES = """[submodule "one"]
	path = lib/one
	url = https://example.com/one.git
[submodule "two"]
	path = two
	url = git@example.com:two.git
[submodule "three"]
	path = three
	url = javascript:alert(1)
"""


@pytest.fixture(scope="module")
def attic(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`alice/attic`, public: submodules, links, an LFS pointer, a folder of many files."""
    work = tmp_path_factory.mktemp("attic")
    commit(
        work, {"large.psd": POINTER, "lib/x": "x", ".gitmodules": MODULES, "a.pdf": b"%PDF\0", "wide.js": "x" * 9000}
    )
    (work / "way").symlink_to("lib/x")
    oid = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    for path in ("lib/one", "two", "three"):
        git("update-index", "--add", "--cacheinfo", f"160000,{oid},{path}", cwd=work)
    git("add", "way", cwd=work)
    git("commit", "-qm", "Modules", cwd=work)
    git("branch", "topic/one", cwd=work)
    git("tag", "v1", cwd=work)
    (work / "many").mkdir()
    for number in range(2100):
        (work / "many" / f"f{number:04}").write_text("x")
    git("add", "many", cwd=work)
    git("commit", "-qm", "Many", cwd=work)
    server.cli("repo", "add", "alice/attic", "--public")
    server.git("push", "-q", server.remote("alice/attic"), "--all", cwd=work)
    server.git("push", "-q", server.remote("alice/attic"), "--tags", cwd=work)
    return work


def page(server: Server, path: str) -> str:
    answer = Visitor(server).get(f"/alice/attic/{path}")
    assert answer.status == 200, answer.text
    return answer.text


def test_entries_say_what_they_are(server: Server, attic: Path) -> None:
    top = page(server, "tree/main")
    assert 'title="Kept with Git LFS">LFS</span>' in top
    assert re.search(r"12\d KB", top)
    assert "→ lib/x" in top
    assert "Submodule" in top
    assert "javascript:" not in top
    assert "git@example.com" not in top
    assert 'href="https://example.com/one"' in page(server, "tree/main/lib")
    assert "This file is a PDF document." in page(server, "blob/main/a.pdf")
    cut = page(server, "blob/main/wide.js")
    assert "Very long lines are cut here" in cut
    assert "x" * 4001 not in cut


@pytest.mark.parametrize("kind", ["tree", "blob", "blame"])
def test_a_submodule_is_shown_in_its_folder(server: Server, attic: Path, kind: str) -> None:
    answer = Visitor(server).get(f"/alice/attic/{kind}/main/lib/one")
    assert answer.headers["location"] == "/alice/attic/tree/main/lib"
    assert Visitor(server).get(f"/alice/attic/{kind}/main/two").headers["location"] == "/alice/attic/tree/main"


def test_a_large_folder_has_a_beginning_and_the_tree_too(server: Server, attic: Path) -> None:
    text = page(server, "tree/main/many")
    assert "1,100 more entries not shown" in text
    assert "f0999" in text
    assert "f1000" not in text
    said = server.get("/api/repos/alice/attic/tree/main/many?from_top").json()
    assert [folder["path"] for folder in said["folders"]] == ["", "many"]
    assert said["folders"][1]["more"] == 1100
    assert {"name": "many", "kind": "tree", "path": "many"} in said["folders"][0]["entries"]
    assert server.get("/api/repos/alice/attic/tree/main/nope").status == 404
    assert server.get("/api/repos/alice/attic/tree/main/a.pdf").status == 404
    assert len(server.get("/api/repos/alice/attic/tree/main/a.pdf?from_top").json()["folders"]) == 1


def test_every_path_is_given_once(server: Server, attic: Path) -> None:
    answer = server.get("/api/repos/alice/attic/paths/main")
    listed = git("ls-tree", "-r", "-z", "--name-only", "main", cwd=attic).stdout
    assert answer.text == listed
    again = server.get("/api/repos/alice/attic/paths/main", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304


def test_refs_are_found_by_a_part_of_their_names(server: Server, attic: Path) -> None:
    everything = server.get("/api/repos/alice/attic/refs").json()
    assert [ref["name"] for ref in everything["branches"]] == ["main", "topic/one"]
    assert [ref["name"] for ref in everything["tags"]] == ["v1"]
    assert [ref["path"] for ref in server.get("/api/repos/alice/attic/refs?q=PIC").json()["branches"]] == ["topic/one"]


def test_last_commits_are_streamed_by_the_number_of_the_entry(server: Server, attic: Path) -> None:
    answer = server.get("/api/repos/alice/attic/last-commits/main")
    said = [json.loads(line) for line in answer.body.splitlines()]
    assert said[-1] == {"done": True}
    order = re.findall(
        r'<tr data-n="(\d+)">\s*<td class="name">.*?</svg><span>([^< ]+)', page(server, "tree/main"), re.DOTALL
    )
    names = {int(n): name for n, name in order}
    subjects = {names[line["n"]]: line["subject"] for line in said[:-1]}
    assert subjects["many"] == "Many"
    assert subjects["way"] == "Modules"
    assert subjects["large.psd"] == "A commit"
    one = server.get("/api/repos/alice/attic/last-commits/main/lib/x").body.splitlines()
    assert json.loads(one[0])["n"] == 0


def test_a_raw_file_can_be_saved_under_its_name(server: Server, attic: Path) -> None:
    headers = server.get("/alice/attic/raw/main/lib/x?download").headers
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''x"
    assert "content-disposition" not in server.get("/alice/attic/raw/main/lib/x").headers


@pytest.mark.parametrize("query", ["from=nope", "from=--all", f"from={'a' * 40}&skip=x", f"from={'a' * 40}&path=../x"])
def test_a_history_from_nowhere_is_refused(server: Server, attic: Path, query: str) -> None:
    assert Visitor(server).get(f"/alice/attic/history/main/lib/x?{query}").status == 400


def test_what_was_never_there_has_no_history(server: Server, attic: Path) -> None:
    assert Visitor(server).get("/alice/attic/history/main/never").status == 404
    unknown = Visitor(server).get(f"/alice/attic/history/main/lib/x?from={'a' * 40}&path=lib/x&skip=0")
    assert unknown.status == 400
    assert "missing in this repository" in unknown.text


def test_after_a_push_last_commits_are_those_of_the_new_history(server: Server, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1", "b": "1", "gone": "1"}, "One")
    first = commit(tmp_path, {"b": "2"}, "Two")

    def shown() -> dict[str, str]:
        server.git("push", "-qf", server.remote("alice/moving"), "main", cwd=tmp_path)
        alice = Visitor(server)
        alice.sign_in()

        def cells() -> list[list[str]]:
            rows = re.findall(r"<tr data-n=.*?</tr>", alice.get("/alice/moving/tree/main").text, re.DOTALL)
            found = [re.findall(r"<(?:span|a href=[^>]*/commit/[^>]*)>([^<]+)", row) for row in rows]
            return found if all(len(cell) > 1 for cell in found) else []  # a page does not wait for long

        return {cell[0]: cell[1] for cell in wait(cells, "every last commit is found")}

    assert shown() == {"a": "One", "b": "Two", "gone": "One"}
    git("rm", "-q", "gone", cwd=tmp_path)
    commit(tmp_path, {"a": "2", "c": "1"}, "Three")
    assert shown() == {"a": "Three", "b": "Two", "c": "Three"}
    git("reset", "-q", "--hard", first, cwd=tmp_path)
    assert shown() == {"a": "One", "b": "Two", "gone": "One"}
    git("switch", "-qc", "side", cwd=tmp_path)
    commit(tmp_path, {"b": "3"}, "On the side")
    git("switch", "-q", "main", cwd=tmp_path)
    commit(tmp_path, {"d": "1"}, "On top")
    git("merge", "-q", "--no-ff", "-m", "Join", "side", cwd=tmp_path)
    assert shown() == {"a": "One", "b": "On the side", "d": "On top", "gone": "One"}
