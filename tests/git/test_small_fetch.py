"""A small fetch that is answered without git leaves the client with what git would have: whole, acknowledged alike, and as thin."""

from __future__ import annotations

import asyncio
import random
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git
from gitperch.git.listing import Listings
from gitperch.transport import fetch_request, packets
from gitperch.transport.small_fetch import SmallFetches
from support.server import GIT_ENVIRONMENT
from support.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENVIRONMENT = GIT_ENVIRONMENT | {"GIT_CONFIG_COUNT": "0"}  # packs as git makes them for others
EVERYTHING = ["thin-pack", "ofs-delta", "include-tag", "no-progress"]


@dataclass
class Answerer:
    """Ours and git's answers to the same request."""

    ours: SmallFetches
    listings: Listings

    def __call__(self, path: Path, wants: Sequence[str], haves: Sequence[str], words: Sequence[str]) -> bytes | None:
        return asyncio.run(self._answered(path, body(wants, haves, words)))

    async def _answered(self, path: Path, asked: bytes) -> bytes | None:
        command = packets.command(asked)
        assert command
        request = fetch_request.parse(command)
        listing = await self.listings.of(path)
        assert request
        assert listing
        return await self.ours.answer(path, request, listing)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answerer:
    house = Git(GitSettings(), tmp_path_factory.mktemp("house"))
    house.config_path.touch()
    return Answerer(SmallFetches(house), Listings(house))


def body(wants: Sequence[str], haves: Sequence[str], words: Sequence[str]) -> bytes:
    lines = [*words, *(f"want {oid}" for oid in wants), *(f"have {oid}" for oid in haves)]
    rest = b"".join(packets.packet(line.encode() + b"\n") for line in lines)
    return packets.packet(b"command=fetch\n") + packets.DELIMITER + rest + packets.FLUSH


def run(path: Path, *arguments: str, stdin: bytes = b"", **environment: str) -> bytes:
    done = subprocess.run(
        ["git", *arguments], cwd=path, input=stdin, env=ENVIRONMENT | environment, capture_output=True, check=False
    )
    assert done.returncode == 0, (arguments, done.stdout[-500:], done.stderr[-500:])
    return done.stdout


def upload_pack(path: Path, asked: bytes) -> bytes:
    return run(path, "upload-pack", "--stateless-rpc", str(path), stdin=asked, GIT_PROTOCOL="version=2")


def sections(answer: bytes) -> tuple[bytes, bytes | None]:
    """Everything before the pack, as it stands, and the pack."""
    before, mark, after = answer.partition(packets.packet(b"packfile\n"))
    if not mark:
        return before, None
    pack, at = bytearray(), 0
    while after[at : at + 4] != packets.FLUSH:
        size = int(after[at : at + 4], 16)
        if after[at + 4] == 1:
            pack += after[at + 5 : at + size]
        at += size
    assert len(after) == at + 4
    return before, bytes(pack)


def client(folder: Path, server: Path, tips: Sequence[str]) -> Path:
    """A bare repository that has the tips and all that they reach."""
    run(server, "init", "--quiet", "--bare", str(folder))
    pack = run(server, "pack-objects", "--revs", "--stdout", "--quiet", stdin="\n".join([*tips, ""]).encode())
    run(folder, "index-pack", "--stdin", stdin=pack)
    return folder


def receive(path: Path, pack: bytes, wants: Sequence[str], haves: Sequence[str]) -> None:
    """Take a pack as `git fetch` does and look whether anything is missing then."""
    run(path, "index-pack", "--stdin", "--fix-thin", "--strict", stdin=pack)
    refs = [f"create refs/all/{number} {oid}\n" for number, oid in enumerate([*wants, *haves])]
    run(path, "update-ref", "--stdin", stdin="".join(refs).encode())
    run(path, "fsck", "--full", "--strict", "--no-dangling")


@dataclass(frozen=True)
class Fetch:
    """What a client that has `tips`, and all that they reach, asks for."""

    tips: list[str]
    wants: list[str]
    haves: list[str]
    words: list[str]


def fetch(path: Path, world: World, dice: random.Random) -> Fetch:
    tips = dice.sample(world.commits, dice.randrange(1, 4))
    theirs = run(path, "rev-list", *tips).decode().split()
    haves = [*tips, *dice.sample(theirs, min(len(theirs), dice.randrange(4))), dice.randbytes(20).hex()]
    dice.shuffle(haves)
    words = [word for word in [*EVERYTHING, "done"] if dice.random() < 0.7]
    return Fetch(tips, dice.sample(world.refs, dice.randrange(1, 4)), haves, words)


@pytest.mark.parametrize("kept", ["loose", "packed", "bitmapped", "lying"])
@pytest.mark.parametrize("seed", range(2))
def test_any_fetch_makes_the_client_whole_with_gits_acknowledgments(
    answer: Answerer, tmp_path: Path, seed: int, kept: str
) -> None:
    dice = random.Random(seed)
    path = tmp_path / "server.git"
    world = World(path, dice, 60, lying=kept == "lying")
    if kept in ("packed", "bitmapped"):
        run(path, "repack", "-adq", "--write-bitmap-index" if kept == "bitmapped" else "--no-write-bitmap-index")
        run(path, "commit-graph", "write", "--reachable")
    answered = sent = 0
    for number in range(8):
        asked = fetch(path, world, dice)
        ours = answer(path, asked.wants, asked.haves, asked.words)
        if ours is None:
            continue
        answered += 1
        gits = upload_pack(path, body(asked.wants, asked.haves, asked.words))
        (before, pack), (gits_before, gits_pack) = sections(ours), sections(gits)
        assert before == gits_before, asked
        assert (pack is None) == (gits_pack is None)
        if pack is not None and gits_pack is not None:
            sent += 1
            receive(client(tmp_path / f"{number}.git", path, asked.tips), pack, asked.wants, asked.tips)
            if kept != "lying":  # git itself sends too much then, if less
                # With a bitmap git knows all that the client has, old content that comes back included.
                assert len(pack) <= 1.5 * len(gits_pack) + (4096 if kept == "bitmapped" else 0), asked
    assert answered >= (2 if kept == "bitmapped" else 6)
    assert sent >= (1 if kept == "bitmapped" else 3)
