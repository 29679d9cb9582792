"""What is answered without asking git is, byte for byte, what git would have said."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.server import GIT_ENVIRONMENT, Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}
PREFIXES = ["", "HEAD", "refs/heads/", "refs/heads/main", "refs/tags/", "refs/", "refs/heads/topic/", "refs/no", "H"]


def packet(text: str) -> bytes:
    return f"{len(text.encode()) + 5:04x}{text}\n".encode()


def request(dice: random.Random) -> bytes:
    arguments = [word for word in ("peel", "symrefs", "unborn") if dice.random() < 0.6]
    arguments += [f"ref-prefix {prefix}" for prefix in dice.sample(PREFIXES, dice.randrange(4)) if prefix]
    capabilities = ["agent=git/2.39.5", "object-format=sha1"][: dice.randrange(3)]
    middle = b"".join(map(packet, capabilities))
    rest = b"0001" + b"".join(map(packet, arguments)) if arguments or dice.random() < 0.5 else b""
    return packet("command=ls-refs") + middle + rest + b"0000"


def upload_pack(path: Path, body: bytes) -> bytes:
    command = ["git", "-c", "transfer.hideRefs=refs/gitperch", "upload-pack", "--stateless-rpc", str(path)]
    environment = GIT_ENVIRONMENT | {"GIT_PROTOCOL": "version=2"}
    return subprocess.run(command, input=body, env=environment, stdout=subprocess.PIPE, check=False).stdout


def newest(server: Server) -> Path:
    return max((server.data / "repositories").glob("*.git"), key=lambda path: int(path.stem))


@pytest.fixture(scope="module")
def path(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On disk, alice/listed: loose and packed branches, tags of tags, refs of other kinds, hidden ones."""
    work = tmp_path_factory.mktemp("w") / "w"
    commit(work, {"a": "1"})
    for number in range(20):
        git("branch", f"topic/{number}", cwd=work)
    git("tag", "-a", "v1", "-m", "1", cwd=work)
    git("tag", "-a", "v1-again", "-m", "tag of a tag", "v1", cwd=work)
    git("tag", "light", cwd=work)
    git("pack-refs", "--all", cwd=work)
    commit(work, {"a": "2"})
    git("branch", "ünï", cwd=work)
    git("tag", "-a", "v2", "-m", "2", cwd=work)
    git("update-ref", "refs/notes/x", "HEAD", cwd=work)
    server.cli("repo", "add", "alice/listed", "--public", "--from", str(work))
    found = newest(server)
    git("update-ref", "refs/gitperch/secret", "refs/heads/main", cwd=found)
    return found


def ask(server: Server, body: bytes, name: str = "listed") -> bytes:
    answer = server.request("POST", f"/alice/{name}.git/git-upload-pack", user="alice", headers=HEADERS, body=body)
    assert answer.status == 200
    return answer.body


def test_any_request_gets_gits_own_bytes(server: Server, path: Path) -> None:
    dice = random.Random(7)
    for _ in range(60):
        body = request(dice)
        assert ask(server, body) == upload_pack(path, body), body


def test_every_move_of_a_ref_is_seen_at_once(server: Server, path: Path) -> None:
    body = packet("command=ls-refs") + b"0001" + packet("peel") + packet("symrefs") + b"0000"
    first, second = git("rev-list", "main", cwd=path).stdout.split()[:2]
    for number in range(40):
        choice = number % 5
        if choice == 0:
            git("update-ref", "refs/heads/main", (first, second)[number % 2], cwd=path)
        elif choice == 1:
            git("update-ref", f"refs/heads/new/{number}/x", first, cwd=path)
        elif choice == 2:
            git("pack-refs", "--all", cwd=path)
        elif choice == 3:
            git("update-ref", "-d", f"refs/heads/topic/{number % 20}", cwd=path)
        else:
            git("tag", "-a", f"t{number}", "-m", "t", first, cwd=path)
        assert ask(server, body) == upload_pack(path, body), number


def test_detached_unborn_and_symbolic_refs_are_answered_by_git_itself(server: Server, tmp_path: Path) -> None:
    body = packet("command=ls-refs") + b"0001" + packet("symrefs") + packet("unborn") + b"0000"
    server.cli("repo", "add", "alice/unborn")
    path = newest(server)
    assert ask(server, body, "unborn") == upload_pack(path, body)
    assert b"unborn HEAD symref-target:refs/heads/main" in ask(server, body, "unborn")
    commit(tmp_path / "w", {"a": "a"})
    server.git("push", server.remote("alice/unborn"), "main", cwd=tmp_path / "w")
    git("symbolic-ref", "refs/heads/alias", "refs/heads/main", cwd=path)
    assert ask(server, body, "unborn") == upload_pack(path, body)
    git("symbolic-ref", "-d", "refs/heads/alias", cwd=path)
    git("update-ref", "--no-deref", "HEAD", git("rev-parse", "main", cwd=path).stdout.strip(), cwd=path)
    (path / "HEAD").write_text(git("rev-parse", "main", cwd=path).stdout)
    assert ask(server, body, "unborn") == upload_pack(path, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0000",
        b"zzzz",
        b"0014command=ls-refs\n",
        b"0013command=nothing0000",
        packet("command=ls-refs") + b"0001" + packet("what") + b"0000",
    ],
)
def test_requests_out_of_form_are_left_to_git(server: Server, path: Path, body: bytes) -> None:
    answer = server.request("POST", "/alice/listed.git/git-upload-pack", user="alice", headers=HEADERS, body=body)
    assert answer.status == 200
    assert answer.body == upload_pack(path, body)
