"""Lists, files, branches, commits: pages of real repositories, odd ones included."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import commit, git
from support.visitor import Visitor

if TYPE_CHECKING:
    from support.server import Server

README = """# Über gardens

[page](docs/a.md) [top](/index.html) [here](#über-gardens) [out](https://example.com/) [bad](javascript:alert(1))
![leaf](images/leaf.svg) <script>alert(1)</script> ~~gone~~

| a | b |
|---|---|
| 1 | 2 |
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def garden(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`alice/garden`, public, with whatever a page could stumble over."""
    work = tmp_path_factory.mktemp("garden")
    commit(
        work, {"README.md": README, "docs/a.md": "# A\n", "images/leaf.svg": SVG, "index.html": "<h1>x</h1>\n"}, "Begin"
    )
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "link").symlink_to("/etc/passwd")
    commit(work, {"data.bin": b"\0\1" * 50, "<b>&.txt": "x\n", "a..b": "y\n", "empty": ""}, "Odd names\n\n<i>body</i>")
    Path(os.fsdecode(os.fsencode(work) + b"/caf\xe9.txt")).write_bytes(b"caf\xe9\n")
    commit(work, {}, "Bytes")
    tree = git("write-tree", cwd=work).stdout.strip()
    (work.parent / "message").write_bytes(b"Gr\xfc\xdfe\n\nLatin-1 body \xe4\n")
    oid = git("commit-tree", tree, "-p", "HEAD", "-F", str(work.parent / "message"), cwd=work).stdout.strip()
    git("reset", "-q", "--hard", oid, cwd=work)
    git("branch", "feature/x", cwd=work)
    git("branch", "feature/x-y", "HEAD~1", cwd=work)
    git("tag", "-a", "v1", "-m", "First", cwd=work)
    git("switch", "-q", "feature/x", cwd=work)
    git("mv", "docs/a.md", "docs/b.md", cwd=work)
    (work / "run.sh").chmod(0o644)
    commit(work, {"index.html": "<h1>y</h1>\n", "big.txt": "line\n" * 5000}, "Move a page")
    server.cli("repo", "add", "alice/garden", "--public")
    server.git("push", "-q", server.remote("alice/garden"), "--all", cwd=work)
    server.git("push", "-q", server.remote("alice/garden"), "--tags", cwd=work)
    return work


def page(server: Server, path: str) -> str:
    answer = Visitor(server).get(path)
    assert answer.status == 200, (path, answer.status, answer.text[:500])
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>alert" not in answer.text
    return answer.text


def test_the_list_names_the_last_push_and_counts_the_weeks(server: Server, garden: Path) -> None:
    text = page(server, "/")
    assert re.search(r"<strong>alice</strong> pushed <q>Gr\S+e</q> to <span class=\"mono\">main", text)
    assert "5 commits in the last twelve weeks" in text
    assert "garden" in page(server, "/alice?q=garden")
    assert "No repository here matches" in page(server, "/?q=nothing-like-it")


def test_a_newcomer_is_told_how_to_push(server: Server, garden: Path) -> None:
    server.add_user("newcomer")
    newcomer = Visitor(server)
    newcomer.sign_in("newcomer")
    assert f"git remote add perch {server.url}/newcomer/thing.git" in newcomer.get("/").text
    assert "git remote add" not in page(server, "/")
    newcomer.post("/new", {"name": "first"})
    assert "git remote add" not in newcomer.get("/").text


def test_private_repositories_look_as_if_they_were_not_there(server: Server, garden: Path) -> None:
    server.cli("repo", "add", "alice/hidden", "--private")
    server.add_user("bob")
    bob = Visitor(server)
    bob.sign_in("bob")
    assert "alice/hidden" not in page(server, "/") + bob.get("/").text
    for path in ("", "/tree", "/branches", "/commit/0000", "/raw/main/a", "/settings"):
        missing, hidden = bob.get(f"/alice/nothere{path}"), bob.get(f"/alice/hidden{path}")
        assert (missing.status, hidden.status) == (404, 404)
        assert missing.text.replace("nothere", "hidden") == hidden.text
        for name in ("nothere", "hidden"):
            anonymous = Visitor(server).get(f"/alice/{name}{path}")
            assert (anonymous.status, anonymous.headers["location"]) == (303, f"/signin?next=/alice/{name}{path}")
    assert bob.get("/nobody").status == 404


def test_a_token_for_one_repository_opens_no_other(server: Server, garden: Path) -> None:
    server.cli("repo", "add", "alice/first", "--private")
    server.cli("repo", "add", "alice/second", "--private")
    token = server.cli("token", "add", "alice", "--scope", "read:repository", "--repo", "alice/first").split()[-1]
    headers = {"Authorization": f"token {token}"}
    assert server.get("/alice/first", headers=headers).status == 200
    assert server.get("/alice/first/settings", headers=headers).status == 403
    assert server.get("/alice/second", headers=headers).status == 404
    assert "alice/second" not in server.get("/", headers=headers).text


def test_files_are_listed_with_their_last_commit_and_the_readme_is_drawn(server: Server, garden: Path) -> None:
    text = page(server, "/alice/garden/tree")
    row = re.search(r"&lt;b&gt;&amp;\.txt</span>.*?</tr>", text, re.DOTALL)
    assert row
    assert "Odd names" in row[0]
    assert 'href="/alice/garden/blob/main/caf%E9.txt"' in text
    assert '<h1 id="md-über-gardens">' in text
    assert 'href="/alice/garden/blob/main/docs/a.md"' in text
    assert 'href="/alice/garden/blob/main/index.html"' in text
    assert 'href="#md-%C3%BCber-gardens"' in text
    assert 'src="/alice/garden/raw/main/images/leaf.svg"' in text
    assert 'href="javascript:' not in text
    assert "<s>gone</s>" in text
    assert "<td>2</td>" in text


def test_the_longest_ref_at_the_beginning_of_an_address_is_meant(server: Server, garden: Path) -> None:
    assert "b.md" in page(server, "/alice/garden/tree/feature/x/docs")
    assert "a.md" in page(server, "/alice/garden/tree/feature/x-y/docs")
    assert "a.md" in page(server, "/alice/garden/tree/v1/docs")
    oid = git("rev-parse", "main~2", cwd=garden).stdout.strip()
    assert "a.md" in page(server, f"/alice/garden/tree/{oid}/docs")
    assert "data.bin" in page(server, f"/alice/garden/tree/{oid[:9]}")
    for missing in ("nope", "main/nope", "feature", "--all", "main~1", "refs/heads/main/x", "0" * 40, "a" * 400):
        answer = Visitor(server).get(f"/alice/garden/tree/{missing}")
        assert answer.status == 404, missing
        assert "Nothing here" in answer.text


@pytest.mark.parametrize("path", ["main/../../x", "main/./a", "main/docs//a.md", "main/%00"])
def test_paths_out_of_form_are_refused(server: Server, garden: Path, path: str) -> None:
    assert Visitor(server).get(f"/alice/garden/tree/{path}").status in (400, 404)


def test_each_kind_of_file_has_its_page(server: Server, garden: Path) -> None:
    base = "/alice/garden/blob/main"
    assert "&lt;h1&gt;x&lt;/h1&gt;" in re.sub(r"<[^>]*>", "", page(server, f"{base}/index.html"))
    assert "caf\ufffd" in page(server, f"{base}/caf%E9.txt")
    assert "not text" in page(server, f"{base}/data.bin")
    assert "points to <code>/etc/passwd</code>" in page(server, f"{base}/link")
    assert "This file is empty" in page(server, f"{base}/empty")
    assert "executable" in page(server, f"{base}/run.sh")
    assert "y" in page(server, f"{base}/a..b")
    assert '<img src="/alice/garden/raw/main/images/leaf.svg"' in page(server, f"{base}/images/leaf.svg")
    assert "# Über gardens" in page(server, f"{base}/README.md?plain")
    assert Visitor(server).get(f"{base}/docs").headers["location"] == "/alice/garden/tree/main/docs"
    back = Visitor(server).get("/alice/garden/tree/main/caf%E9.txt")
    assert back.headers["location"] == f"{base}/caf%E9.txt"


def test_raw_files_cannot_act_as_the_site(server: Server, garden: Path) -> None:
    for name, kind in (
        ("index.html", "text/plain; charset=utf-8"),
        ("images/leaf.svg", "image/svg+xml"),
        ("data.bin", "application/octet-stream"),
        ("caf%E9.txt", "text/plain; charset=utf-8"),
        ("link", "text/plain; charset=utf-8"),
    ):
        answer = server.get(f"/alice/garden/raw/main/{name}")
        assert answer.headers["content-type"] == kind
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert server.get("/alice/garden/raw/main/link").body == b"/etc/passwd"
    assert server.get("/alice/garden/raw/main/caf%E9.txt").body == b"caf\xe9\n"


def test_raw_files_are_kept_by_their_oid(server: Server, garden: Path) -> None:
    first = server.get("/alice/garden/raw/main/index.html")
    etag = first.headers["etag"]
    assert server.get("/alice/garden/raw/main/index.html", headers={"If-None-Match": etag}).status == 304
    oid = git("rev-parse", "main", cwd=garden).stdout.strip()
    assert "immutable" in server.get(f"/alice/garden/raw/{oid}/index.html").headers["cache-control"]
    assert "immutable" not in first.headers["cache-control"]


def test_a_large_raw_file_arrives_whole(server: Server, garden: Path, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    commit(tmp_path, {"large.dat": content}, "Large")
    server.git("push", "-q", server.remote("alice/large"), "main", cwd=tmp_path)
    answer = server.get("/alice/large/raw/main/large.dat", user="alice")
    assert answer.headers["content-length"] == str(len(content))
    assert answer.body == content


def test_a_commit_shows_message_people_refs_and_changes(server: Server, garden: Path) -> None:
    oid = git("rev-parse", "feature/x", cwd=garden).stdout.strip()
    text = page(server, f"/alice/garden/commit/{oid}")
    for expected in (
        "Move a page",
        "Ada Author",
        "Carl Committer",
        "4 files changed",
        "Mode 100755 → 100644",
        '<span class="old">docs/a.md</span> → docs/b.md',
        "<mark>x</mark>",
        "5,000 changed lines",
        f'href="/alice/garden/blob/{oid}/big.txt"',
        "+5,001",
        'href="/alice/garden/tree/feature/x"',
    ):
        assert expected in text, expected
    latin = page(server, f"/alice/garden/commit/{git('rev-parse', 'main', cwd=garden).stdout.strip()}")
    assert "Grüße" in latin
    assert "Latin-1 body ä" in latin
    assert ">v1<" in latin
    root = git("rev-list", "--max-parents=0", "main", cwd=garden).stdout.strip()
    assert "4 files changed" in page(server, f"/alice/garden/commit/{root}")


def test_the_panel_is_the_commit_alone_and_short_ids_lead_to_the_whole(server: Server, garden: Path) -> None:
    oid = git("rev-parse", "main~1", cwd=garden).stdout.strip()
    panel = page(server, f"/alice/garden/commit/{oid}?panel=1")
    assert panel.startswith("<article")
    assert "<html" not in panel
    short = Visitor(server).get(f"/alice/garden/commit/{oid[:7]}?panel=1")
    assert short.headers["location"] == f"/alice/garden/commit/{oid}?panel=1"
    for missing in ("0" * 40, "zzzz", "-x", "main"):
        assert Visitor(server).get(f"/alice/garden/commit/{missing}").status == 404


def test_a_merge_is_compared_with_its_first_parent(server: Server, garden: Path, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n"}, "One")
    git("switch", "-qc", "side", cwd=tmp_path)
    commit(tmp_path, {"b": "2\n"}, "Two")
    git("switch", "-q", "main", cwd=tmp_path)
    commit(tmp_path, {"c": "3\n"}, "Three")
    git("merge", "-q", "--no-ff", "-m", "Join", "side", cwd=tmp_path)
    server.git("push", "-q", server.remote("alice/merged"), "--all", cwd=tmp_path)
    alice = Visitor(server)
    alice.sign_in()
    text = alice.get(f"/alice/merged/commit/{git('rev-parse', 'main', cwd=tmp_path).stdout.strip()}").text
    assert 'aria-current="true">First parent</a>' in text
    assert "1 file changed" in text
    assert "Parents" in text


def test_branches_say_how_far_they_are_from_the_default_one(server: Server, garden: Path) -> None:
    text = page(server, "/alice/garden/branches")
    assert "0 commits behind and 1 ahead of main" in text
    assert "1 commit behind and 0 ahead of main" in text
    assert text.index(">main<") < text.index(">feature/x<")
    assert ">v1<" in page(server, "/alice/garden/tags")
    assert "No branch has" in page(server, "/alice/garden/branches?q=zzz")


def test_a_repository_without_commits_says_how_to_push(server: Server) -> None:
    server.cli("repo", "add", "alice/fresh", "--public")
    for path in ("", "/tree", "/branches"):
        assert "git push" in page(server, f"/alice/fresh{path}") or path == ""
    assert Visitor(server).get("/alice/fresh/tree/main/x").status == 200


def test_commits_whose_trees_are_missing_are_named_not_crashed_on(server: Server, tmp_path: Path) -> None:
    oid = commit(tmp_path, {"a": "1"}, "Whole once")
    server.git("push", "-q", server.remote("alice/broken"), "main", cwd=tmp_path)
    tree = git("rev-parse", "main^{tree}", cwd=tmp_path).stdout.strip()
    found = list((server.data / "repositories").glob(f"*/objects/{tree[:2]}/{tree[2:]}"))
    assert len(found) == 1
    found[0].unlink()
    shutil.rmtree(found[0].parent, ignore_errors=True)
    alice = Visitor(server)
    alice.sign_in()
    files = alice.get("/alice/broken/tree")
    assert files.status == 404
    assert f"The tree {tree} is not in this repository" in files.text
    shown = alice.get(f"/alice/broken/commit/{oid}")
    assert shown.status == 200
    assert "is not in this repository" in shown.text
    assert "Whole once" in shown.text
    assert alice.get("/alice/broken/branches").status == 200
    assert alice.get("/").status == 200


def test_a_repository_that_libgit2_cannot_open_spoils_no_list(server: Server, tmp_path: Path) -> None:
    if git("init", "-q", "--object-format=sha256", cwd=tmp_path).returncode:
        pytest.skip("this git knows no SHA-256 repositories")
    commit(tmp_path, {"a": "1"}, "With long ids")
    server.cli("repo", "add", "alice/long-ids", "--from", str(tmp_path))
    alice = Visitor(server)
    alice.sign_in()
    assert "alice/long-ids" in alice.get("/").text
    assert alice.get("/alice/long-ids/branches").status == 200
    for path in ("", "/tree"):
        answer = alice.get(f"/alice/long-ids{path}")
        assert answer.status in (200, 501)
        assert answer.status == 200 or "Clone, fetch and push work" in answer.text
