"""Refs that are told without asking git are, byte for byte, what git would have told: over generated repositories and requests.

The repositories hold what people have, and what nobody should: nested tags, broken and symbolic refs, packed and loose mixes, unborn
and detached HEADs, hidden refs, names that begin other names, names that are not ASCII, or not even UTF-8.
"""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git
from gitperch.git.listing import Listings
from gitperch.transport import ls_refs, nonces, packets
from gitperch.transport.advertisements import Advertisements
from gitperch.transport.opened import Opened
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from gitperch.git.listing import Listing
    from gitperch.transport.opened import Service

NAMES = [
    *(f"refs/heads/{name}" for name in ("main", "top", "topic", "topic-1", "topic.1", "topic0", "to/pic", "to-pic", "ünï", "日本", "@")),
    *(f"refs/tags/{name}" for name in ("v1", "v1.0", "v1-again", "v1/x", "v10", "light")),
    *("refs/notes/commits", "refs/gitperch/keep", "refs/gitperchless/x", "refs/stash", "refs/pull/1/head"),
]  # fmt: skip
RAW_NAME = b"refs/heads/\xff\xfe"
PREFIXES = (
    """HEAD H refs/ refs/heads/ refs/heads/topic refs/heads/topic/ refs/tags/v1 refs/gitperch/ refs/heads/ü x""".split()
)


# Out of the ordinary, but git has an answer: files of a repository by what is in them.
ODD = [
    {"refs/heads/broken": "nonsense\n"},
    {"refs/heads/empty": ""},
    {"refs/heads/missing": "{missing}\n"},
    {"refs/heads/zero": "{zero}\n"},
    {"refs/heads/bad..name": "{oid}\n"},
    {"refs/heads/alias": "ref: refs/heads/main\n"},
    {"refs/heads/left.lock": "{oid}\n", "refs/heads/.hidden": "{oid}\n", "refs/heads/trailing": "{oid} \n\n"},
    {"refs/heads/upper": "{OID}\n"},
    {"refs/heads/more": "{oid} and more\n"},
    {"refs/heads/link": "-> main"},
    {"refs/heads/main": "-> nowhere"},
    {"HEAD": "{oid}\n"},
    {"HEAD": "ref: refs/gitperch/keep\n"},
    {"HEAD": "ref:refs/heads/topic  \n"},
    {"HEAD": "-> refs/heads/main"},
    {"shallow": "{oid}\n"},
    {"packed-refs": "# pack-refs with: peeled\n{oid} refs/heads/old\n"},
    {"packed-refs": "{oid} refs/tags/old\n"},
    {"packed-refs": "{oid} refs/tags/old\nnonsense\n"},
    {"packed-refs": "{oid} refs/tags/old"},
    {"packed-refs": "{missing} refs/tags/old\n"},
    {"config": "[transfer]\n\thideRefs = refs/tags\n"},
    {"config": "[receive]\n\tcertNonceSeed = seed\n"},
    {"config": "[lsrefs]\n\tunborn = ignore\n"},
    {"config": "[transfer]\n\tadvertiseSID = true\n"},
    {"config": "[receive]\n\tadvertiseAtomic = false\n[uploadpack]\n\tallowTipSHA1InWant = true\n"},
]


@dataclass
class Both:
    """Ours and git's word on the same repository."""

    git: Git
    listings: Listings
    advertisements: Advertisements

    async def listed(self, path: Path, asked: bytes) -> bytes | None:
        command = packets.command(asked)
        assert command
        request = ls_refs.parse(command)
        assert request
        listing = await self.listings.of(path)
        return ls_refs.answer(request, listing) if listing else None

    async def advertised(self, path: Path, service: Service, protocol: str) -> bytes | None:
        return await self.advertisements.of(Opened(path, plain=True), service, protocol)

    def by_git(self, path: Path, service: str, protocol: str, *options: str, stdin: bytes = b"") -> bytes:
        command = ["git", service.removeprefix("git-"), *options, str(path)]
        environment = self.git.environment | ({"GIT_PROTOCOL": protocol} if protocol else {})
        done = subprocess.run(command, input=stdin, env=environment, capture_output=True, check=False)
        return done.stdout

    async def compare(self, path: Path, dice: random.Random, requests: int) -> int:
        """How many of these questions were answered without git."""
        answered = 0
        for _ in range(requests):
            asked = request(dice, await self.listings.of(path))
            ours = await self.listed(path, asked)
            assert ours in (None, self.by_git(path, "upload-pack", "version=2", "--stateless-rpc", stdin=asked)), asked
            answered += ours is not None
        questions: list[tuple[Service, str]] = [("git-upload-pack", ""), ("git-upload-pack", "version=1")]
        questions += [("git-receive-pack", ""), ("git-receive-pack", "version=1"), ("git-upload-pack", "version=2")]
        for service, protocol in questions:
            said = self.by_git(path, service, protocol, "--stateless-rpc", "--http-backend-info-refs")
            for _ in range(2):  # learned, and then made of what was learned
                ours = await self.advertised(path, service, protocol)
                assert ours is None or constant(ours) == constant(said), (service, protocol)
            answered += ours is not None
        return answered


@pytest.fixture
def both(tmp_path: Path) -> Both:
    house = Git(GitSettings(), tmp_path / "house", "seed")
    listings = Listings(house)
    return Both(house, listings, Advertisements(house, listings))


def run(both: Both, scene: Coroutine[Any, Any, None]) -> None:
    async def inside() -> None:
        both.git.prepare()
        try:
            await scene
        finally:
            both.git.close()

    asyncio.run(inside())


def constant(said: bytes) -> bytes:
    """Without the name of the session, which is another one each time, and the time in a nonce."""
    return re.sub(rb"session-id=\S+|(?<=push-cert=)\S+", b"", said)


def request(dice: random.Random, listing: Listing | None) -> bytes:
    lines = [word for word in ("peel", "symrefs", "unborn") if dice.random() < 0.5]
    lines += [f"ref-prefix {prefix}" for prefix in dice.sample(PREFIXES, dice.choice((0, 0, 1, 2, 3)))]
    dice.shuffle(lines)
    rest = b"".join(packets.packet(line.encode() + b"\n") for line in lines)
    form = packets.packet(b"object-format=" + listing.object_format) if listing else b""
    return packets.packet(b"command=ls-refs\n") + form + (packets.DELIMITER + rest if lines else b"") + packets.FLUSH


class Repository:
    """A bare repository that `step` changes in ways of all kinds."""

    def __init__(self, path: Path, dice: random.Random, object_format: str = "sha1") -> None:
        self.path, self.dice = path, dice
        self.git(
            "init", "--bare", "--quiet", "-b", "main", f"--object-format={object_format}", str(path), cwd=path.parent
        )
        tree = self.git("mktree")
        objects = [tree]
        self.commits: list[str] = []
        for number in range(4):
            parents = [word for commit in self.commits[-1:] for word in ("-p", commit)]
            self.commits.append(self.git("commit-tree", tree, *parents, "-m", str(number)))
        for number, kind in enumerate(("tree", "tag", "tag", "commit", "tag")):
            target = self.commits[0] if kind == "commit" else objects[-1]
            text = f"object {target}\ntype {kind}\ntag t{number}\ntagger T <t@example.com> 1700000000 +0000\n\nt\n"
            objects.append(self.git("mktag", stdin=text.encode()))
        self.objects = self.commits + objects

    def git(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, check: bool = True) -> str:
        identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
        } | identity
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=cwd or self.path, input=stdin, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.decode().strip()

    def move(self, count: int) -> None:
        """Make, move and delete refs, at most one of them by a name that is not UTF-8."""
        lines = []
        for name in self.dice.sample(NAMES, min(count, len(NAMES))):
            branch = name.startswith("refs/heads/")
            oid = self.dice.choice(self.commits if branch else self.objects)
            lines.append(f"delete {name}\n" if self.dice.random() < 0.2 else f"update {name} {oid}\n")
        for line in lines:  # each by itself, since what is a folder now cannot be a ref
            self.git("update-ref", "--stdin", stdin=line.encode(), check=False)

    def step(self) -> None:
        oid = self.dice.choice(self.commits)
        choice = self.dice.randrange(6)
        if choice == 0:
            self.git("pack-refs", *self.dice.choice((["--all"], ["--all", "--no-prune"], [])))
        elif choice == 1:
            self.git("update-ref", "--stdin", stdin=b"update " + RAW_NAME + b" " + oid.encode() + b"\n")
        elif choice == 2:
            self.git("symbolic-ref", "HEAD", self.dice.choice(("refs/heads/main", "refs/heads/unborn", "refs/tags/v1")))
        else:
            self.move(self.dice.randrange(1, 5))

    def odd(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(exist_ok=True)
            oid = self.commits[0]
            content = text.format(oid=oid, OID=oid.upper(), missing="1234" * 10, zero="0" * 40)
            if name == "config":
                content = file.read_text() + content
            file.unlink(missing_ok=True)
            if content.startswith("-> "):
                file.symlink_to(content.removeprefix("-> "))
            else:
                file.write_text(content)


@pytest.mark.parametrize("seed", range(8))
def test_ordinary_repositories_are_answered_for_without_git(both: Both, tmp_path: Path, seed: int) -> None:
    async def scene() -> None:
        dice = random.Random(seed)
        repository = Repository(tmp_path / "r.git", dice, "sha256" if seed == 7 else "sha1")
        for number in range(5):
            if number:
                repository.move(12) if number == 1 else repository.step()
            asked = 4
            assert await both.compare(repository.path, dice, asked) >= asked + 4, number

    run(both, scene())


@pytest.mark.parametrize("files", ODD, ids=lambda files: repr(files)[1:40])
def test_what_is_out_of_the_ordinary_is_never_answered_wrongly(
    both: Both, tmp_path: Path, files: dict[str, str]
) -> None:
    async def scene() -> None:
        dice = random.Random(len(repr(files)))
        repository = Repository(tmp_path / "r.git", dice)
        repository.move(8)
        await both.compare(repository.path, dice, 1)
        repository.odd(files)
        await both.compare(repository.path, dice, 3)
        repository.move(3)
        await both.compare(repository.path, dice, 2)

    run(both, scene())


def test_three_thousand_refs_and_every_move_of_one(both: Both, tmp_path: Path) -> None:
    async def scene() -> None:
        dice = random.Random(1)
        repository = Repository(tmp_path / "r.git", dice)
        refs = [f"refs/{dice.choice(('heads', 'pull'))}/{number % 40}/x{number}" for number in range(3000)]
        lines = "".join(f"create {name} {dice.choice(repository.commits)}\n" for name in refs)
        repository.git("update-ref", "--stdin", stdin=lines.encode())
        assert await both.compare(repository.path, dice, 3) >= 7
        repository.git("pack-refs", "--all")
        for _ in range(4):
            repository.step()
            assert await both.compare(repository.path, dice, 2) >= 6

    run(both, scene())


def test_a_reftable_is_left_to_git(both: Both, tmp_path: Path) -> None:
    async def scene() -> None:
        repository = Repository(tmp_path / "r.git", random.Random(1))
        assert await both.listings.of(repository.path)
        repository.odd({"config": "[extensions]\n\trefStorage = reftable\n"})
        assert await both.listings.of(repository.path) is None

    run(both, scene())


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_nonces_of_signed_pushes_are_gits_own(both: Both, tmp_path: Path, object_format: str) -> None:
    path = tmp_path / "it.git"
    git("init", "-q", "--bare", f"--object-format={object_format}", str(path))

    async def scene() -> None:
        said = both.by_git(path, "git-receive-pack", "", "--stateless-rpc", "--http-backend-info-refs")
        found = re.search(rb"push-cert=((\d+)-\S+)", said)
        assert found
        assert found[1] == nonces.of("seed", str(path), object_format.encode(), int(found[2]))
        for _ in range(2):
            ours = await both.advertised(path, "git-receive-pack", "")
            nonce = re.search(rb"push-cert=((\d+)-\S+)", ours or b"")
            assert nonce
            assert nonce[1] == nonces.of("seed", str(path), object_format.encode(), int(nonce[2]))
            assert abs(int(nonce[2]) - time.time()) < 60

    run(both, scene())
