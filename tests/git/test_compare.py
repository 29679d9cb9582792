"""Commits, comparisons and patches over HTTP, from the real git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.server import GIT_ENVIRONMENT, commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server

FOREIGN = os.fsdecode(b"caf\xe9.txt")
TEXT = "".join(f"line {number}\n" for number in range(1, 101))
MESSAGE = """Say what there is

It began with {first}, as https://example.com/a(b) tells (see <https://example.com/c>.).
Not a commit: 1234567, deadbeefdeadbeef.

Co-authored-by: Zoe <zoe@example.com>
Reviewed-by: Ada <ada@example.com>
Fixes: https://example.com/issues/12
"""


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public repository: main and `topic/one`, which parted, and merged again in `both`."""
    work = tmp_path_factory.mktemp("work")
    first = commit(
        work, {"a.txt": TEXT, "b.txt": "b\n", "<script>.py": "x = 1\n", "index.html": "<h1>hi</h1>"}, "First"
    )
    git("switch", "-qc", "topic/one", cwd=work)
    commit(work, {"a.txt": TEXT.replace("line 50\n", "line fifty\n"), FOREIGN: "coffee\n"}, "On the topic")
    commit(work, {"<script>.py": "x = '</script><script>alert(1)</script>'\n"}, "More on the topic")
    git("switch", "-q", "main", cwd=work)
    commit(work, {"b.txt": "bee\n"}, "On main")
    git("switch", "-qc", "both", cwd=work)
    git("merge", "-q", "--no-ff", "-m", "Join", "topic/one", cwd=work)
    git("switch", "-q", "main", cwd=work)
    commit(work, {"c.txt": "c\n"}, MESSAGE.format(first=first[:9]))
    git("tag", "-a", "-m", "One", "v1", cwd=work)
    git("switch", "-q", "--orphan", "island", cwd=work)
    commit(work, {"palm": "tree\n"}, "Alone")
    git("switch", "-q", "main", cwd=work)
    server.git("push", "-q", "--all", server.remote("alice/pair"), cwd=work)
    server.git("push", "-q", "--tags", server.remote("alice/pair"), cwd=work)
    return work


def oid(work: Path, name: str) -> str:
    return git("rev-parse", f"{name}^{{commit}}", cwd=work).stdout.strip()


def page(server: Server, path: str, status: int = 200) -> str:
    answer = server.get(f"/alice/pair/{path}", user="alice", headers={"Accept": "text/html"})
    assert answer.status == status, answer.text[:2000]
    return answer.text


def files(text: str) -> list[str]:
    return re.findall(r'<details class="diff" id="file-\d+" data-path="([^"]*)"', text)


def test_two_branches_are_compared_since_they_parted_or_straight(server: Server, work: Path) -> None:
    text = page(server, "compare/main...topic/one")
    assert "<strong>2 commits</strong> ahead, 2 behind" in text
    assert oid(work, "main~2")[:8] in text
    assert "On the topic" in text
    assert "On main" not in text
    assert files(text) == ["&lt;script&gt;.py", "a.txt", "cafE9.txt"]
    straight = page(server, "compare/main..topic/one")
    assert len(files(straight)) == 5
    assert "topic/one has nothing that both has not" in page(server, "compare/both...topic/one")
    assert "Both are the same commit" in page(server, "compare/v1...main")
    assert len(files(page(server, "compare/topic/one"))) == 3


def test_the_form_leads_to_the_comparison(server: Server, work: Path) -> None:
    answer = server.get("/alice/pair/compare?from=main&to=topic/one&dots=3", user="alice")
    assert (answer.status, answer.headers["location"]) == (302, "/alice/pair/compare/main...topic/one")
    assert 'name="from" value="main"' in page(server, "compare")
    assert "no branch, tag or commit" in page(server, "compare/main...nowhere", 404)
    assert "Name two branches" in page(server, "compare/main...", 400)
    assert 'href="/alice/pair/compare/main...topic/one"' in page(server, "branches")


def test_histories_that_never_met_are_compared_straight(server: Server, work: Path) -> None:
    text = page(server, "compare/main...island")
    assert "no commit in common" in text
    assert "palm" in files(text)


@pytest.mark.parametrize("name", ["main", "topic/one", "both", "main~2"])
def test_a_patch_makes_of_the_parent_what_the_commit_is(server: Server, work: Path, tmp_path: Path, name: str) -> None:
    clone, wanted = tmp_path / "clone", oid(work, name)
    server.git("clone", "-q", server.remote("alice/pair"), str(clone))
    tree = git("rev-parse", f"{wanted}^{{tree}}", cwd=clone).stdout
    for ending, apply in (("patch", ("am", "-q")), ("diff", ("apply", "--index"))):
        answer = server.get(f"/alice/pair/commit/{wanted}.{ending}", user="alice")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        git("switch", "-q", "--discard-changes", "--orphan", f"try-{ending}", cwd=clone)
        if name != "main~2":
            git("reset", "-q", "--hard", f"{wanted}~1", cwd=clone)
        done = subprocess.run(
            ["git", *apply], cwd=clone, env=GIT_ENVIRONMENT, input=answer.body, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert git("write-tree", cwd=clone).stdout == tree
    assert git("log", "-1", "--format=%an", "try-patch", cwd=clone).stdout.strip() == "Ada Author"


def test_one_file_can_be_asked_for_by_any_name(server: Server, work: Path) -> None:
    topic = oid(work, "topic/one~1")
    for name, expected in (("a.txt", "<mark>fifty</mark>"), (FOREIGN, "coffee")):
        query = quote(os.fsencode(name))
        fragment = page(server, f"commit/{topic}?file={query}&fragment=1")
        assert expected in fragment
        assert "<html" not in fragment
        assert expected in page(server, f"commit/{topic}?file={query}")
        assert expected in page(server, f"compare/main...topic/one?file={query}&fragment=1")
    assert "did not change" in page(server, f"commit/{topic}?file=b.txt", 404)
    assert "cannot be used" in page(server, f"commit/{topic}?file=../b.txt", 400)


def test_what_a_file_says_stays_text(server: Server, work: Path) -> None:
    topic = oid(work, "topic/one")
    text = page(server, f"commit/{topic}")
    assert "<script>alert" not in text
    assert "<script>.py" not in text
    assert "alert(1)" in re.sub(r"<[^>]*>", "", text)


def test_lines_around_a_change_come_as_rows(server: Server, work: Path) -> None:
    topic = oid(work, "topic/one~1")
    assert '<tr class="gap" data-first="1" data-last="46" data-shift="0">' in page(server, f"commit/{topic}")
    answer = server.get(f"/alice/pair/commit/{topic}/lines?path=a.txt&first=45&last=46&shift=2", user="alice")
    assert re.findall(r'data-n="(\d+)"', answer.text) == ["47", "45", "48", "46"]
    assert answer.headers["x-file-end"] == "false"
    answer = server.get(
        f"/alice/pair/commit/{topic}/lines?path=a.txt&first=95&last=120&shift=0&view=split", user="alice"
    )
    assert answer.headers["x-file-end"] == "true"
    assert answer.text.count("<tr>") == 6
    assert answer.text.count("<td") == 24
    for query, field in (
        ("path=a.txt&first=0&last=5&shift=0", "last"),
        ("path=a.txt&first=1&last=5000&shift=0", "last"),
        ("path=a.txt&first=one&last=5&shift=0", "first"),
        ("path=a.txt&first=1&last=2&shift=--1", "shift"),
        ("path=../a&first=1&last=2&shift=0", "path"),
    ):
        answer = server.get(
            f"/alice/pair/commit/{topic}/lines?{query}", user="alice", headers={"Accept": "application/json"}
        )
        assert (answer.status, answer.json()["field"]) == (400, field)
    assert server.get(f"/alice/pair/commit/{topic}/lines?path=no&first=1&last=2&shift=0", user="alice").status == 404


def test_a_merge_is_shown_against_each_parent_or_all(server: Server, work: Path) -> None:
    merge = oid(work, "both")
    assert len(files(page(server, f"commit/{merge}"))) == 3
    assert files(page(server, f"commit/{merge}?parent=2")) == ["b.txt"]
    assert files(page(server, f"commit/{merge}?parent=all")) == []
    assert "no parent" in page(server, f"commit/{merge}?parent=3", 400)
    assert "no parent" in page(server, f"commit/{oid(work, 'main')}?parent=all", 400)


def test_the_way_of_showing_is_remembered_by_a_cookie(server: Server, work: Path) -> None:
    topic = oid(work, "topic/one~1")
    answer = server.get(f"/alice/pair/commit/{topic}?view=split", user="alice")
    assert answer.headers["set-cookie"].startswith("diff=split;")
    assert '<table class="split"' in answer.text
    again = server.get(f"/alice/pair/commit/{topic}", user="alice", headers={"Cookie": "diff=split"})
    assert '<table class="split"' in again.text
    assert '<table class="unified"' in page(server, f"commit/{topic}")


def test_a_message_has_links_trailers_and_everybody_who_wrote_it(server: Server, work: Path) -> None:
    text = page(server, f"commit/{oid(work, 'main')}")
    first = oid(work, "main~2")
    assert f'href="/alice/pair/commit/{first}" data-commit="{first}">{first[:9]}</a>' in text
    for url in ("https://example.com/a(b)", "https://example.com/c", "https://example.com/issues/12"):
        assert f'<a href="{url}" rel="noopener noreferrer nofollow ugc">{url}</a>' in text
    assert '>Zoe</strong> <span class="hint">wrote it, too' in text
    assert "<dt>Reviewed by</dt>" in text
    assert "Co-authored-by" not in text
    assert text.count('data-commit="') == 2  # the one that is named, and the parent


def test_a_commit_leads_to_its_own_preview_where_it_has_one(server: Server, work: Path) -> None:
    main = oid(work, "main")
    link = re.search(r'class="preview" href="([^"]+)"', page(server, f"commit/{main}"))
    assert link
    assert main in link[1]
    assert 'class="preview"' not in page(server, f"commit/{oid(work, 'island')}")


def test_branches_and_tags_that_contain_a_commit_are_found(server: Server, work: Path) -> None:
    text = page(server, f"commit/{oid(work, 'topic/one')}/about?fragment")
    assert re.findall(r'class="ref (\w+)" href="/alice/pair/tree/([^"]+)"', text) == [
        ("branch", "both"),
        ("branch", "topic/one"),
    ]
    assert ("tag", "v1") in re.findall(
        r'class="ref (\w+)" href="/alice/pair/tree/([^"]+)"', page(server, f"commit/{oid(work, 'main')}/about")
    )


def test_many_files_are_shown_a_page_at_a_time_and_found_by_path(server: Server, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n"})
    commit(tmp_path, {f"d{number % 7}/sub/f{number:04}.txt": "1\n" for number in range(1700)}, "Many")
    server.git("push", "-q", server.remote("alice/many"), "main", cwd=tmp_path)
    address = f"/alice/many/commit/{oid(tmp_path, 'main')}"
    text = server.get(address, user="alice").text
    assert "1,700 files changed" in text
    assert len(files(text)) == 150
    assert "The tree has the first 1,500 files" in text
    second = server.get(f"{address}?page=2", user="alice").text
    assert not set(files(text)) & set(files(second))
    found = server.get(f"{address}?files=f1699", user="alice").text
    assert files(found) == ["d5/sub/f1699.txt"]
    assert len(files(server.get(f"{address}?panel=1&page=999", user="alice").text)) == 1700 % 150


def test_large_objects_submodules_and_links_are_called_what_they_are(server: Server, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
    first = commit(tmp_path, {"film": pointer.format("a" * 64, 1_500_000), "sub": "a file\n", "x.png": b"\x89PNG\0one"})
    git("rm", "-q", "sub", cwd=tmp_path)
    (tmp_path / "film").write_text(pointer.format("b" * 64, 2_500_000))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\0two")
    (tmp_path / "way").symlink_to("film")
    git("add", "-A", cwd=tmp_path)
    git("update-index", "--add", "--cacheinfo", f"160000,{first},lib", cwd=tmp_path)
    git("commit", "-qm", "Odd", cwd=tmp_path)
    git("push", "-q", server.remote("alice/odd"), "main", cwd=tmp_path)
    text = server.get(f"/alice/odd/commit/{oid(tmp_path, 'main')}", user="alice").text
    assert "Stored with LFS: 1.5 MB → 2.5 MB" in text
    assert f'Submodule added at <code title="{first}">{first[:8]}</code>' in text
    assert f'src="/alice/odd/raw/{first}/x.png"' in text
    assert f"/raw/{oid(tmp_path, 'main')}/x.png" in text


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen makes the keys")
def test_a_signature_is_checked_where_the_key_is_somebodys_here(server: Server, tmp_path: Path) -> None:
    known, strange, repo = tmp_path / "known", tmp_path / "strange", tmp_path / "repo"
    for key in (known, strange):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    server.cli("user", "key", "add", "alice", input=known.with_suffix(".pub").read_text())
    commit(repo, {"a": "1\n"})
    oids = []
    for key in (known, strange):
        signing = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}")
        assert git(*signing, "commit", "-qS", "--allow-empty", "-m", "Signed", cwd=repo).returncode == 0
        oids.append(oid(repo, "HEAD"))
    raw = git("cat-file", "commit", oids[0], cwd=repo).stdout.replace("\nSigned\n", "\nForged\n")
    forged = subprocess.run(
        ["git", "hash-object", "-w", "-t", "commit", "--stdin"],
        cwd=repo,
        input=raw,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    git("branch", "forged", forged, cwd=repo)
    server.git("push", "-q", "--all", server.remote("alice/signed"), cwd=repo)
    said = [server.get(f"/alice/signed/commit/{it}/about?fragment", user="alice").text for it in (*oids, forged)]
    assert "Signed by alice, with the SSH key SHA256:" in said[0]
    assert "Signed with an SSH key that nobody here has, so it is not checked: SHA256:" in said[1]
    assert "do not trust it" in said[2]


def test_what_is_private_is_not_there_for_strangers(server: Server, work: Path) -> None:
    main = oid(work, "main")
    server.add_user("mallory")
    for path in (
        f"commit/{main}",
        f"commit/{main}.patch",
        f"commit/{main}/about",
        f"commit/{main}/lines?path=a.txt&first=1&last=2&shift=0",
        "compare",
        "compare/main...both",
    ):
        assert server.get(f"/alice/pair/{path}", user="mallory").status == 404
        assert server.get(f"/alice/pair/{path}", headers={"Accept": "application/json"}).status == 401
