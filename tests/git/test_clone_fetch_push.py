"""The real git over a live port: what everybody does every day, in each protocol."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from support.server import GIT_ENVIRONMENT, Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work tree with three commits, a second branch and an annotated tag."""
    work = tmp_path / "work"
    commit(work, {"index.html": "<h1>one</h1>"}, "One")
    commit(work, {"a/b.txt": "b\n"}, "Two")
    git("branch", "feature/ü", cwd=work)
    git("tag", "-a", "v1", "-m", "Version 1", cwd=work)
    commit(work, {"index.html": "<h1>three</h1>"}, "Three")
    return work


def push_all(server: Server, work: Path, name: str) -> str:
    """Push `work` to a repository of the administrator's; what git printed."""
    return server.git("push", server.remote(f"{server.admin}/{name}"), "--all", "--follow-tags", cwd=work)


def test_first_push_creates_a_private_repository_and_names_its_addresses(server: Server, work: Path) -> None:
    said = push_all(server, work, "first")
    assert f"remote: Graph    {server.url}/alice/first" in said
    assert f"http://main-first.localhost:{server.port}/" in said
    assert "alice/first is new here, and private" in said
    assert "alice/first\tprivate" in server.cli("repo", "list")


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_clone_brings_every_ref_in_each_protocol_version(
    server: Server, work: Path, tmp_path: Path, version: str
) -> None:
    push_all(server, work, f"clone{version}")
    clone = tmp_path / "clone"
    server.git("-c", f"protocol.version={version}", "clone", "-q", server.remote(f"alice/clone{version}"), str(clone))
    assert git("fsck", "--strict", cwd=clone).returncode == 0
    assert (clone / "index.html").read_text() == "<h1>three</h1>"
    refs = git("for-each-ref", "--format=%(refname)", cwd=clone).stdout.split()
    assert {"refs/remotes/origin/main", "refs/remotes/origin/feature/ü", "refs/tags/v1"} <= set(refs)


@pytest.mark.parametrize("version", ["0", "2"])
def test_fetch_brings_only_what_is_new(server: Server, work: Path, tmp_path: Path, version: str) -> None:
    push_all(server, work, f"fetch{version}")
    clone = tmp_path / "clone"
    server.git("clone", "-q", server.remote(f"alice/fetch{version}"), str(clone))
    new = commit(work, {"new.txt": "new\n"}, "New")
    push_all(server, work, f"fetch{version}")
    server.git("-c", f"protocol.version={version}", "pull", "-q", cwd=clone)
    assert git("rev-parse", "HEAD", cwd=clone).stdout.strip() == new
    assert server.git("-c", f"protocol.version={version}", "fetch", cwd=clone) == ""


def test_shallow_clones_deepen_and_become_whole(server: Server, work: Path, tmp_path: Path) -> None:
    push_all(server, work, "shallow")
    clone = tmp_path / "clone"
    server.git("clone", "-q", "--depth=1", server.remote("alice/shallow"), str(clone))
    assert git("rev-list", "--count", "HEAD", cwd=clone).stdout.strip() == "1"
    server.git("fetch", "-q", "--deepen=1", cwd=clone)
    assert git("rev-list", "--count", "HEAD", cwd=clone).stdout.strip() == "2"
    server.git("fetch", "-q", "--unshallow", cwd=clone)
    assert git("rev-list", "--count", "HEAD", cwd=clone).stdout.strip() == "3"


@pytest.mark.parametrize("wanted", ["blob:none", "blob:limit=1k", "tree:0"])
def test_partial_clones_fetch_the_rest_when_it_is_needed(
    server: Server, work: Path, tmp_path: Path, wanted: str
) -> None:
    name = "partial" + wanted.replace(":", "-").replace("=", "-")
    commit(work, {"big.bin": os.urandom(5000)}, "Big")
    push_all(server, work, name)
    clone = tmp_path / "clone"
    server.git("clone", "-q", "--no-checkout", f"--filter={wanted}", server.remote(f"alice/{name}"), str(clone))
    missing = git("rev-list", "--objects", "--all", "--missing=print", cwd=clone).stdout
    assert "?" in missing
    server.git("checkout", "-q", "main", cwd=clone)
    assert (clone / "big.bin").stat().st_size == 5000


def test_a_large_push_goes_through_the_probe_and_a_chunked_body(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "large"
    commit(work, {"large.bin": os.urandom(3 << 20)})
    done = git(
        "-c", "http.postBuffer=65536", "push", server.remote("alice/large"), "main", cwd=work, GIT_CURL_VERBOSE="1"
    )
    assert done.returncode == 0, done.stderr
    assert "Transfer-Encoding: chunked" in done.stderr
    assert "Content-Length: 4" in done.stderr
    clone = tmp_path / "clone"
    server.git("clone", "-q", server.remote("alice/large"), str(clone))
    assert (clone / "large.bin").read_bytes() == (work / "large.bin").read_bytes()


def test_a_refused_probe_creates_nothing(server: Server) -> None:
    answer = server.request(
        "POST",
        "/alice/probed.git/git-receive-pack",
        user="alice",
        headers={"Content-Type": "application/x-git-receive-pack-request"},
        body=b"0000",
    )
    assert (answer.status, answer.body) == (200, b"")
    assert "alice/probed" not in server.cli("repo", "list")


def test_asking_whether_one_may_push_creates_nothing(server: Server, work: Path) -> None:
    server.git("push", "--dry-run", server.remote("alice/dry"), "main", cwd=work)
    assert "alice/dry" not in server.cli("repo", "list")


def test_gzip_bodies_are_inflated(server: Server, work: Path) -> None:
    push_all(server, work, "zipped")
    oid = git("rev-parse", "main", cwd=work).stdout.strip()
    lines = b"0032want " + oid.encode() + b"\n" + b"0000" + b"0009done\n"
    answer = server.request(
        "POST",
        "/alice/zipped.git/git-upload-pack",
        user="alice",
        headers={"Content-Type": "application/x-git-upload-pack-request", "Content-Encoding": "gzip"},
        body=gzip.compress(lines),
    )
    assert answer.status == 200
    assert answer.body.startswith(b"0008NAK\nPACK")


def test_headers_are_those_of_gits_own_cgi(server: Server, work: Path) -> None:
    push_all(server, work, "headers")
    answer = server.get("/alice/headers.git/info/refs?service=git-upload-pack", user="alice")
    assert answer.headers["content-type"] == "application/x-git-upload-pack-advertisement"
    assert answer.headers["cache-control"] == "no-cache, max-age=0, must-revalidate"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["expires"] == "Fri, 01 Jan 1980 00:00:00 GMT"
    assert answer.body.startswith(b"001e# service=git-upload-pack\n0000")
    dumb = server.get("/alice/headers.git/info/refs", user="alice")
    assert dumb.status == 403
    wrong = server.request("POST", "/alice/headers.git/git-upload-pack", user="alice", body=b"0000")
    assert wrong.status == 415
    assert server.get("/alice/headers.git/git-upload-pack", user="alice").status == 405


def test_branches_and_tags_are_moved_forced_and_deleted(server: Server, work: Path) -> None:
    push_all(server, work, "moves")
    remote = server.remote("alice/moves")
    git("reset", "-q", "--hard", "HEAD~1", cwd=work)
    commit(work, {"other.txt": "other"}, "Other")
    assert git("push", remote, "main", cwd=work).returncode != 0
    server.git("push", "--force", remote, "main", cwd=work)
    server.git("push", "--atomic", remote, ":feature/ü", ":v1", cwd=work)
    listed = server.git("ls-remote", remote)
    assert "feature" not in listed
    assert "v1" not in listed
    assert git("rev-parse", "main", cwd=work).stdout.strip() in listed
    done = git("push", remote, ":main", cwd=work)
    assert done.returncode != 0
    assert "deletion of the current branch prohibited" in done.stderr


def test_the_first_branch_pushed_becomes_the_default_one(server: Server, work: Path, tmp_path: Path) -> None:
    git("branch", "-m", "main", "trunk", cwd=work)
    server.git("push", server.remote("alice/trunk"), "trunk", cwd=work)
    clone = tmp_path / "clone"
    server.git("clone", "-q", server.remote("alice/trunk"), str(clone))
    assert git("branch", "--show-current", cwd=clone).stdout.strip() == "trunk"


def test_two_thousand_branches_in_one_push(server: Server, work: Path) -> None:
    oid = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    lines = "".join(f"create refs/heads/many/{number} {oid}\n" for number in range(2000))
    subprocess.run(["git", "update-ref", "--stdin"], input=lines, text=True, cwd=work, env=GIT_ENVIRONMENT, check=True)
    push_all(server, work, "many")
    assert server.git("ls-remote", server.remote("alice/many")).count("refs/heads/many/") == 2000


def test_a_broken_object_is_refused_with_its_reason(server: Server, work: Path) -> None:
    bad = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor no date <a@b>\ncommitter c <c@d> 1 +0000\n\nbad\n"
    hashed = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=bad,
        cwd=work,
        env=GIT_ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    git("branch", "bad", hashed.stdout.decode().strip(), cwd=work)
    done = git("push", server.remote("alice/bad"), "bad", cwd=work)
    assert done.returncode != 0
    assert "missingSpaceBeforeDate" in done.stderr
    assert "alice/bad" not in server.cli("repo", "list"), "a push that failed leaves nothing behind"


def test_git_ends_when_the_client_goes_away(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "gone"
    commit(work, {"blob.bin": os.urandom(40 << 20)})
    push_all(server, work, "gone")
    clone = subprocess.Popen(
        ["git", "clone", "-q", server.remote("alice/gone"), str(tmp_path / "clone")], env=GIT_ENVIRONMENT
    )
    assert server.process
    until = time.monotonic() + 60
    while not children(server.process.pid, "upload-pack") and clone.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    clone.kill()
    clone.wait()
    while children(server.process.pid, "pack") and time.monotonic() < until:
        time.sleep(0.05)
    assert not children(server.process.pid, "pack")
    assert server.get("/healthz").status == 200


def children(pid: int, word: str) -> list[str]:
    """Command lines of the server's git processes that hold `word`."""
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(pid) and word in line]


def test_a_push_of_many_megabytes_does_not_grow_the_server(own_server: Server, tmp_path: Path) -> None:
    work = tmp_path / "much"
    commit(work, {"index.html": "hello"})
    own_server.git("push", own_server.remote("alice/small"), "main", cwd=work)
    before = peak_memory(own_server)
    # Nothing here can be compressed, nor told as a delta: the client need not try for more than a minute.
    for setting in ("core.compression=0", "core.bigFileThreshold=1m"):
        git("config", *setting.split("="), cwd=work)
    for number in range(4):
        commit(work, {f"blob{number}.bin": os.urandom(24 << 20)}, f"Blob {number}")
    own_server.git("push", own_server.remote("alice/much"), "main", cwd=work)
    grown = peak_memory(own_server) - before
    assert grown < 8 << 20, f"the server's peak grew by {grown >> 20} MB"


def peak_memory(server: Server) -> int:
    assert server.process
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:  # noqa: PTH123 -- a kernel file
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    assert found
    return int(found[1]) << 10
