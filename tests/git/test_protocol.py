"""All that git clients ask of a server, in each version of the protocol they may speak: the installed git does the asking."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.embedded import Program
from support.server import GIT_ENVIRONMENT, Server, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSIONS = ("0", "1", "2")
DAYS = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five commits, one each month, with a tag on the second and a branch on the third."""
    work = tmp_path_factory.mktemp("w") / "work"
    for number, day in enumerate(DAYS):
        commit(work, {"a.txt": f"{number}\n", f"folder/{number}.bin": os.urandom(2000)}, f"Commit {number}")
        when = f"{day}T12:00:00Z"
        git("commit", "-q", "--amend", "--no-edit", "--date", when, cwd=work, GIT_COMMITTER_DATE=when)
    git("tag", "-a", "v1", "-m", "1", "HEAD~3", cwd=work)
    git("branch", "side", "HEAD~2", cwd=work)
    return work


@pytest.fixture(scope="module")
def address(server: Server, work: Path) -> str:
    """Of a repository with all of `work`, which the tests only read."""
    address = server.remote("alice/read")
    server.git("push", "-q", address, "--all", "--follow-tags", cwd=work)
    return address


def speak(version: str, *arguments: str, cwd: Path | None = None) -> str:
    """What a git that speaks this version prints; it has to succeed."""
    done = git("-c", f"protocol.version={version}", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def count(clone: Path) -> int:
    return int(git("rev-list", "--count", "HEAD", cwd=clone).stdout)


def missing(clone: Path) -> set[str]:
    """Oids of what a partial clone has not fetched yet."""
    listed = git("rev-list", "--objects", "--all", "--missing=print", cwd=clone).stdout.split()
    return {word[1:] for word in listed if word.startswith("?")}


def whole(clone: Path) -> bool:
    return git("fsck", "--strict", cwd=clone).returncode == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_clone_has_all_refs_and_objects(address: str, work: Path, tmp_path: Path, version: str) -> None:
    speak(version, "clone", "-q", "--mirror", address, str(tmp_path / "c"))
    assert whole(tmp_path / "c")
    named = ("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
    assert git(*named, cwd=tmp_path / "c").stdout == git(*named, cwd=work).stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_shallow_clones_deepen_since_a_day_and_become_whole(address: str, tmp_path: Path, version: str) -> None:
    clone = tmp_path / "c"
    speak(version, "clone", "-q", "--depth=1", address, str(clone))
    assert count(clone) == 1
    speak(version, "fetch", "-q", "--deepen=1", cwd=clone)
    assert count(clone) == 2
    speak(version, "fetch", "-q", "--shallow-since=2024-02-15", cwd=clone)
    assert count(clone) == 3
    speak(version, "fetch", "-q", "--shallow-exclude=v1", "origin", "main", cwd=clone)
    assert count(clone) == 3
    speak(version, "fetch", "-q", "--unshallow", cwd=clone)
    assert count(clone) == len(DAYS)
    assert whole(clone)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_push_from_a_shallow_clone_arrives(server: Server, address: str, tmp_path: Path, version: str) -> None:
    clone = tmp_path / "c"
    speak(version, "clone", "-q", "--depth=2", address, str(clone))
    new = commit(clone, {"from-shallow.txt": version})
    speak(version, "push", "-q", address, f"HEAD:shallow-{version}", cwd=clone)
    assert new in git("ls-remote", address, f"shallow-{version}").stdout
    speak(version, "clone", "-q", "-b", f"shallow-{version}", address, str(tmp_path / "d"))
    assert whole(tmp_path / "d")
    assert count(tmp_path / "d") == len(DAYS) + 1


@pytest.mark.parametrize("wanted", ["blob:none", "blob:limit=1k", "tree:0", "combine:blob:none+tree:1"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_partial_clone_fetches_the_rest_when_it_is_needed(
    address: str, work: Path, tmp_path: Path, version: str, wanted: str
) -> None:
    clone = tmp_path / "c"
    speak(version, "clone", "-q", "--no-checkout", f"--filter={wanted}", address, str(clone))
    git("config", "protocol.version", version, cwd=clone)
    assert missing(clone)
    speak(version, "checkout", "-q", "main", cwd=clone)
    assert (clone / "folder/4.bin").read_bytes() == (work / "folder/4.bin").read_bytes()
    assert git("show", "main~4:folder/0.bin", cwd=clone).returncode == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_filter_by_sparse_oid_is_refused_in_words(address: str, tmp_path: Path, version: str) -> None:
    done = git(
        "-c", f"protocol.version={version}", "clone", "--filter=sparse:oid=main:a.txt", address, str(tmp_path / "c")
    )
    assert done.returncode
    assert "filter 'sparse:oid' not supported" in done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reachable_commit_may_be_fetched_by_its_oid(address: str, work: Path, tmp_path: Path, version: str) -> None:
    inner = git("rev-parse", "main~1", cwd=work).stdout.strip()
    git("init", "-q", str(tmp_path / "c"))
    speak(version, "fetch", "-q", address, inner, cwd=tmp_path / "c")
    assert git("rev-list", "--count", inner, cwd=tmp_path / "c").stdout.strip() == str(len(DAYS) - 1)


@pytest.fixture(scope="module")
def secret(server: Server, work: Path) -> tuple[str, str]:
    """The address of a repository, and the oid of a commit in it that was pushed away."""
    address = server.remote("alice/secret")
    gone = git("commit-tree", "-m", "Secret", "main^{tree}", cwd=work).stdout.strip()
    server.git("push", "-q", address, "main", f"{gone}:refs/heads/gone", cwd=work)
    server.git("push", "-q", address, "+main:gone", cwd=work)
    return address, gone


@pytest.mark.parametrize("version", VERSIONS)
def test_a_commit_that_was_pushed_away_may_not(secret: tuple[str, str], tmp_path: Path, version: str) -> None:
    address, gone = secret
    git("init", "-q", str(tmp_path / "c"))
    done = git("-c", f"protocol.version={version}", "fetch", "-q", address, gone, cwd=tmp_path / "c")
    assert done.returncode
    assert f"not our ref {gone}" in done.stderr


def test_nor_may_one_that_only_a_hidden_ref_reaches_however_much_else_is_asked(
    server: Server, secret: tuple[str, str], work: Path
) -> None:
    kept = (server.data / "repositories").glob("*.git")
    path = next(path for path in kept if not git("cat-file", "-e", secret[1], cwd=path).returncode)
    git("update-ref", "refs/gitperch/hidden", secret[1], cwd=path)
    tip = git("rev-parse", "main", cwd=work).stdout.strip()
    padding = [f"have {number:040x}" for number in range(10_000)]
    for wanted in (secret[1], secret[1].upper(), "--all", "main", "f" * 40):
        lines = [f"want {tip}", *padding, f"want {wanted}", "done"]
        body = b"0011command=fetch0001" + b"".join(b"%04x%s\n" % (len(line) + 5, line.encode()) for line in lines)
        headers = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}
        answer = server.request(
            "POST", "/alice/secret.git/git-upload-pack", user="alice", headers=headers, body=body + b"0000"
        )
        assert b"not our ref" in answer.body, wanted
        assert b"packfile" not in answer.body


@pytest.mark.parametrize("version", VERSIONS)
def test_pushes_move_all_or_nothing_with_a_lease_and_delete(
    server: Server, work: Path, tmp_path: Path, version: str
) -> None:
    address = server.remote(f"alice/pushed{version}")
    speak(version, "push", "-q", address, "main", "main~1:refs/heads/one", "main~2:refs/heads/two", cwd=work)
    before = git("ls-remote", "--heads", address).stdout
    amended = git("commit-tree", "-m", "Other", "-p", "main~3", "main^{tree}", cwd=work).stdout.strip()

    both = git("push", "--atomic", address, "main:one", f"{amended}:two", cwd=work)
    assert both.returncode
    assert git("ls-remote", "--heads", address).stdout == before

    stale = git("rev-parse", "main", cwd=work).stdout.strip()
    lease = git("push", f"--force-with-lease=two:{stale}", address, f"{amended}:two", cwd=work)
    assert "stale info" in lease.stderr
    speak(
        version, "push", "-q", "--force-with-lease=two:" + git_oid(before, "two"), address, f"{amended}:two", cwd=work
    )
    speak(version, "push", "-q", "--atomic", address, "main:one", "main:refs/heads/three", cwd=work)
    speak(version, "push", "-q", address, ":one", ":two", cwd=work)
    left = git("ls-remote", "--heads", address).stdout.split()[1::2]
    assert left == ["refs/heads/main", "refs/heads/three"]


def git_oid(listed: str, branch: str) -> str:
    return next(line.split()[0] for line in listed.splitlines() if line.endswith(f"/{branch}"))


def test_push_options_are_taken(server: Server, work: Path) -> None:
    address = server.remote("alice/options")
    server.git("push", "-q", "-o", "ci.skip", "-o", "reviewer=ada", address, "main", cwd=work)
    assert git("ls-remote", address, "main").stdout


def test_server_options_are_taken(address: str) -> None:
    assert "refs/heads/main" in speak("2", "ls-remote", "-o", "one", "-o", "two", address)


def test_two_thousand_refs_arrive_in_one_push(server: Server, work: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(work / ".git", source / ".git")
    oid = git("rev-parse", "main", cwd=work).stdout.strip()
    lines = "".join(f"create refs/heads/many/{number} {oid}\n" for number in range(2000))
    subprocess.run(
        ["git", "update-ref", "--stdin"], input=lines, text=True, cwd=source, env=GIT_ENVIRONMENT, check=True
    )
    address = server.remote("alice/many")
    server.git("push", "-q", address, "refs/heads/many/*:refs/heads/many/*", cwd=source)
    assert git("ls-remote", "--heads", address).stdout.count("refs/heads/many/") == 2000


@pytest.mark.parametrize("version", VERSIONS)
def test_a_repository_of_sha_256_is_cloned_fetched_and_pushed(sha256: Program, tmp_path: Path, version: str) -> None:
    address = f"{sha256.url}/new.git"
    work = tmp_path / "w"
    git("init", "-q", "--object-format=sha256", str(work))
    first = commit(work, {"a": version})
    assert len(first) == 64
    speak(version, "push", "-q", address, f"HEAD:refs/heads/in-{version}", cwd=work)
    clone = tmp_path / "c"
    speak(version, "clone", "-q", "--depth=1", "-b", f"in-{version}", address, str(clone))
    assert git("rev-parse", "HEAD", cwd=clone).stdout.strip() == first
    second = commit(work, {"b": version})
    speak(version, "push", "-q", address, f"HEAD:refs/heads/in-{version}", cwd=work)
    speak(version, "pull", "-q", cwd=clone)
    assert git("rev-parse", "HEAD", cwd=clone).stdout.strip() == second
    assert whole(clone)


OPEN = """
from gitperch.transport import Allowed, Transport, below
app = Transport(below("."), lambda request: Allowed("anybody"), environment={"GIT_HTTP_EXPORT_ALL": ""})
"""


@pytest.fixture(scope="module")
def sha256(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("sha256")
    git("init", "-q", "--bare", "--object-format=sha256", str(folder / "new.git"))
    yield from Program(folder, OPEN).run()


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_request_may_be_compressed(server: Server, address: str, work: Path, encoding: str) -> None:
    oid = git("rev-parse", "main", cwd=work).stdout.strip()
    body = gzip.compress(b"0011command=fetch0001" + b"0032want %s\n" % oid.encode() + b"0009done\n0000")
    headers = {
        "Git-Protocol": "version=2",
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": encoding,
        "Accept-Encoding": "gzip",
    }
    answer = server.request("POST", "/alice/read.git/git-upload-pack", user="alice", headers=headers, body=body)
    assert answer.body.startswith(b"000dpackfile\n")
    assert answer.body.endswith(b"0000")
    assert "content-encoding" not in answer.headers


def test_a_client_that_waits_to_be_told_to_go_on_is_told(server: Server, address: str) -> None:
    done = curl(
        "-v",
        "-H",
        "Expect: 100-continue",
        "-H",
        "Content-Type: application/x-git-upload-pack-request",
        "-H",
        "Git-Protocol: version=2",
        "--expect100-timeout",
        "20",
        "--data-binary",
        "0014command=ls-refs\n0000",
        address + "/git-upload-pack",
    )
    assert "HTTP/1.1 100" in done.stderr
    assert "refs/heads/main" in done.stdout


def test_http_2_without_encryption(address: str) -> None:
    done = curl("-v", "--http2-prior-knowledge", address + "/info/refs?service=git-upload-pack")
    assert "HTTP/2 200" in done.stderr
    assert "refs/heads/main" in done.stdout


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "--silent", "--max-time", "30", *arguments], capture_output=True, encoding="latin-1", check=False
    )


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Served with a certificate of its own making."""
    folder = tmp_path_factory.mktemp("tls")
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "certificate"]
    subprocess.run([*asked, "-subj", "/CN=127.0.0.1", "-days", "2"], cwd=folder, capture_output=True, check=True)
    git("init", "-q", "--bare", str(folder / "r.git"))
    yield from Program(folder, OPEN, ("--certfile", "certificate", "--keyfile", "key")).run()


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_clones_and_pushes_over_tls(encrypted: Program, work: Path, tmp_path: Path, version: str) -> None:
    address = encrypted.url.replace("http:", "https:") + "/r.git"
    spoken = ("-c", f"http.version={version}", "-c", "http.sslVerify=false", "-c", "http.postBuffer=65536")
    pushed = git(*spoken, "push", address, "main", cwd=work, GIT_CURL_VERBOSE="1")
    assert pushed.returncode == 0, pushed.stderr
    cloned = git(*spoken, "clone", "-b", "main", address, str(tmp_path / "c"), GIT_CURL_VERBOSE="1")
    assert cloned.returncode == 0, cloned.stderr
    assert f"{version} 200" in cloned.stderr
    assert whole(tmp_path / "c")


@pytest.mark.parametrize("size", [1, 200_000], ids=["small", "large"])
def test_a_signed_push_is_taken_with_a_fresh_nonce(server: Server, tmp_path: Path, size: int) -> None:
    key, work = tmp_path / "key", tmp_path / "w"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    commit(work, {"a": os.urandom(size)})
    for name, value in (("gpg.format", "ssh"), ("user.signingKey", str(key))):
        git("config", name, value, cwd=work)
    remote = server.remote(f"alice/signed{size}")
    for _ in range(2):
        tip = commit(work, {"a": os.urandom(size)})
        assert "main -> main" in server.git("push", "--signed=true", remote, "main", cwd=work)
        assert tip in server.git("ls-remote", remote, "refs/heads/main")
        assert server.get(f"/alice/signed{size}/commit/{tip}", user="alice").status == 200
