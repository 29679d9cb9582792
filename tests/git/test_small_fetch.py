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
from support.server import GIT_ENVIRONMENT, Server, commit, git
from support.world import World, loose, loose_commit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
    """Take a pack, both as `git fetch` takes few objects and as it takes many, and look whether anything is missing then."""
    run(path, "unpack-objects", "-n", "--strict", stdin=pack)
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
    world = World(path, dice, lying=kept == "lying")
    world.grow(40)
    if kept in ("packed", "bitmapped"):
        run(path, "repack", "-adq", "--write-bitmap-index" if kept == "bitmapped" else "--no-write-bitmap-index")
        run(path, "commit-graph", "write", "--reachable")
    world.grow(20)
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
    assert answered >= 3
    assert sent >= 2


@dataclass
class Pushed:
    """A repository of two commits, of which a client has the first."""

    path: Path
    old: str
    new: str

    @property
    def asked(self) -> tuple[list[str], list[str], list[str]]:
        return [self.new], [self.old], EVERYTHING


def tree(path: Path, *entries: tuple[str, bytes, str]) -> str:
    """A tree of (mode, name, oid)."""
    return loose(
        path, "tree", b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    )


def pushed(path: Path, old_tree: str, new_tree: str) -> Pushed:
    old = loose_commit(path, old_tree)
    new = loose_commit(path, new_tree, old)
    run(path, "update-ref", "refs/heads/main", new)
    return Pushed(path, old, new)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "server.git"
    run(tmp_path, "init", "--quiet", "--bare", str(path))
    return path


@pytest.fixture
def simple(bare: Path) -> Pushed:
    first, second = (loose(bare, "blob", b"line\n" * count) for count in (50, 60))
    return pushed(bare, tree(bare, ("100644", b"a", first)), tree(bare, ("100644", b"a", second)))


def received(answer: Answerer, it: Pushed, folder: Path) -> bytes:
    """The pack of an answer that there has to be, once a client has taken it."""
    ours = answer(it.path, *it.asked)
    assert ours
    pack = sections(ours)[1]
    assert pack
    receive(client(folder / "client.git", it.path, [it.old]), pack, [it.new], [it.old])
    return pack


def test_what_only_looks_as_if_the_client_had_it_is_sent(answer: Answerer, bare: Path, tmp_path: Path) -> None:
    """A file's name may be the bytes of another's oid, and a submodule may have an oid that is a blob's."""
    named, linked = (loose(bare, "blob", content) for content in (b"named 1", b"linked"))
    name = bytes.fromhex(named)
    assert not {0, 47} & set(name)
    other = loose(bare, "blob", b"other")
    before = [("100644", name, other), ("160000", b"sub", linked)]
    after = [*before, ("100644", b"x", named), ("100644", b"y", linked)]
    it = pushed(
        bare, tree(bare, *sorted(before, key=lambda one: one[1])), tree(bare, *sorted(after, key=lambda one: one[1]))
    )
    received(answer, it, tmp_path)


def test_a_file_that_went_through_many_versions_comes_as_one_and_its_changes(
    answer: Answerer, bare: Path, tmp_path: Path
) -> None:
    lines = [b"line %d\n" % number for number in range(500)]
    commits: list[str] = []
    for number in range(130):
        lines[number * 3] = b"changed %d\n" % number
        blob = loose(bare, "blob", b"".join(lines))
        commits.append(
            loose_commit(bare, tree(bare, ("100644", b"a", blob)), *commits[-1:], date=1_700_000_000 + number)
        )
    run(bare, "update-ref", "refs/heads/main", commits[-1])
    pack = received(answer, Pushed(bare, commits[40], commits[-1]), tmp_path)
    assert len(pack) <= 1.5 * len(sections(upload_pack(bare, body([commits[-1]], [commits[40]], EVERYTHING)))[1] or b"")
    assert answer(bare, [commits[-1]], [commits[20]], EVERYTHING) is None  # over a hundred: git's to answer


def test_a_file_below_a_folder_that_an_earlier_commit_left_alone_is_not_sent_again(
    answer: Answerer, bare: Path, tmp_path: Path
) -> None:
    """Nor is it a delta of itself, when only its mode has changed."""
    file = loose(bare, "blob", b"".join(b"line %d\n" % number for number in range(900)))
    one, two = (loose(bare, "blob", content) for content in (b"1", b"2"))
    plain, executable = (tree(bare, (mode, b"a", file)) for mode in ("100644", "100755"))
    old = loose_commit(bare, tree(bare, ("100644", b"a", one), ("40000", b"lib", plain)))
    middle = loose_commit(bare, tree(bare, ("100644", b"a", two), ("40000", b"lib", plain)), old)
    new = loose_commit(bare, tree(bare, ("100644", b"a", two), ("40000", b"lib", executable)), middle)
    run(bare, "update-ref", "refs/heads/main", new)
    pack = received(answer, Pushed(bare, old, new), tmp_path)
    assert int.from_bytes(pack[8:12], "big") == 6  # two commits, their three new trees, one file


def test_dates_that_lie_do_not_make_the_server_ready_before_git_is(answer: Answerer, bare: Path) -> None:
    empty = tree(bare)
    old = loose_commit(bare, empty, date=2000)
    middle = loose_commit(bare, empty, old, date=1000)
    new = loose_commit(bare, empty, middle, date=500)
    run(bare, "update-ref", "refs/heads/middle", middle)
    run(bare, "update-ref", "refs/heads/new", new)
    for wants in ([new], [middle], [new, middle], [middle, new]):
        ours = answer(bare, wants, [old], EVERYTHING)
        gits = upload_pack(bare, body(wants, [old], EVERYTHING))
        assert ours is None or sections(ours)[0] == sections(gits)[0], wants


def test_objects_that_replace_others_here_are_no_matter_of_the_clients(
    answer: Answerer, simple: Pushed, tmp_path: Path
) -> None:
    run(simple.path, "replace", simple.new, loose_commit(simple.path, tree(simple.path)))
    received(answer, simple, tmp_path)


def _lose_a_file(it: Pushed) -> None:
    oid = run(it.path, "rev-parse", f"{it.new}:a").decode().strip()
    (it.path / "objects" / oid[:2] / oid[2:]).unlink()


UNUSUAL: dict[str, Callable[[Pushed], object]] = {
    "shallow": lambda it: (it.path / "shallow").write_text(it.old + "\n"),
    "grafts": lambda it: (it.path / "info/grafts").write_text(it.new + "\n"),
    "alternates": lambda it: (it.path / "objects/info/alternates").write_text("/somewhere/objects\n"),
    "partial": lambda it: (it.path / "objects/pack/pack-1.promisor").touch(),
    "incomplete": _lose_a_file,
    "moved": lambda it: run(it.path, "update-ref", "refs/heads/main", it.old),
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_a_repository_that_is_not_whole_in_itself_is_left_to_git(answer: Answerer, simple: Pushed, what: str) -> None:
    assert answer(simple.path, *simple.asked)
    UNUSUAL[what](simple)
    assert answer(simple.path, *simple.asked) is None


def test_large_content_is_left_to_git_before_it_is_read(answer: Answerer, bare: Path) -> None:
    blob = loose(bare, "blob", random.Random(1).randbytes(3 << 20))
    it = pushed(bare, tree(bare), tree(bare, ("100644", b"a", blob)))
    assert answer(bare, *it.asked) is None


def test_a_client_with_nothing_in_common_is_told_so(answer: Answerer, simple: Pushed) -> None:
    haves = [f"{number:040x}" for number in range(1, 17)]
    ours = answer(simple.path, [simple.new], haves, EVERYTHING)
    assert ours == upload_pack(simple.path, body([simple.new], haves, EVERYTHING))
    assert answer(simple.path, [simple.new], haves, [*EVERYTHING, "done"]) is None


def test_a_fetch_after_a_push_is_answered_by_the_server_itself(server: Server, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for number in range(3):
        commit(first, {"a": f"{number}\n" * 100, "lib/b": "b"})
    server.git("push", server.remote("alice/fetched"), "main", cwd=first)
    server.git("clone", server.remote("alice/fetched"), str(second))
    for number in range(3):  # the later ones in the server's own thread
        new = commit(first, {"lib/b": f"b{number}"}, message=f"Change {number}")
        git("tag", "-a", f"v{number}", "-m", "A version", cwd=first)
        server.git("push", "--follow-tags", server.remote("alice/fetched"), "main", cwd=first)
        said = server.git("fetch", "--progress", cwd=second)
        assert "remote: Total 5 (delta" in said
        assert "Counting objects" not in said  # which git itself would have said
        assert git("rev-parse", "origin/main", f"v{number}^{{}}", cwd=second).stdout.split() == [new, new]
    assert git("fsck", "--full", "--strict", cwd=second).returncode == 0
