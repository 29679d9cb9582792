"""Clones that were not computed for whoever gets them are the clones that git would have made."""

from __future__ import annotations

import asyncio
import hashlib
import random
import zlib
from typing import TYPE_CHECKING

import pytest

from gitperch.git import base_pack
from gitperch.repositories import importing
from gitperch.transport.clones import spool
from support.fetching import ask, begin, body, check_clone, objects, pack, reached, watch
from support.house import runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitperch.repositories import Repository
    from gitperch.transport.clones import Clones
    from support.house import House, Test

NAME = "alice/thing"
TAG = ("tag", "-a", "-m", "A tag")


@pytest.fixture
def clones(monkeypatch: pytest.MonkeyPatch) -> list[Clones]:
    return watch(monkeypatch)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clones: list[Clones]) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch)


def history(work: Path, commits: int = 12, noise: int = 3000, object_format: str = "sha1") -> Path:
    """A work tree with branches, light and annotated tags, and some bytes that cannot be compressed."""
    dice = random.Random(1)
    work.mkdir()
    git("init", "--quiet", f"--object-format={object_format}", cwd=work)
    for number in range(commits):
        commit(work, {f"d{number % 3}/f{number}": dice.randbytes(noise), "log": f"{number}\n" * 50})
    git("branch", "topic", "HEAD~3", cwd=work)
    git("tag", "light", "HEAD~5", cwd=work)
    git(*TAG, "v1", "HEAD~4", cwd=work)
    git(*TAG, "v1-again", "v1", cwd=work)
    return work


async def hosted(it: House, work: Path, *, proven: bool = True, object_format: str = "sha1") -> Repository:
    """The public repository alice/thing with what is in `work`, packed; with a base pack if that is wanted."""
    owner = await it.host.people.find("alice")
    assert owner
    repo = await it.host.repositories.create(owner, "thing", private=False, object_format=object_format)
    await asyncio.to_thread(git, "repack", "-adq", cwd=work)
    await importing.fill(it.host.git, repo, work / ".git")
    await asyncio.to_thread(git, "repack", "-adbq", cwd=repo.path)
    if proven:
        await prove(it, repo)
    return repo


async def prove(it: House, repo: Repository) -> None:
    (found,) = (repo.path / "objects" / "pack").glob("*.pack")
    proof = await base_pack.prove(it.host.git, repo.path, found)
    assert proof
    base_pack.write(repo.path, proof)


async def cloned(it: House, target: Path, *options: str) -> Path:
    done = await asyncio.to_thread(git, "clone", "--quiet", *options, f"{it.url}/{NAME}.git", str(target))
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_full_clones_come_from_the_base_pack_and_what_was_pushed_since_behind_it(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, object_format: str
) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", object_format=object_format)
        repo = await hosted(it, work, object_format=object_format)
        counters = clones[0].counters
        check_clone(await cloned(it, tmp_path / "c0", "--bare"), repo.path)
        assert (counters.virtual, counters.tails) == (1, 0)
        address = f"http://alice:{await it.token()}@127.0.0.1:{it.port}/{NAME}.git"
        for number in range(1, 4):
            commit(work, {"log": f"{number}", "d0/f0": "0" * number})
            git("branch", f"new{number}", cwd=work)
            git(*TAG, f"v2.{number}", cwd=work)
            assert (
                await asyncio.to_thread(git, "push", "-q", "--tags", address, "main", f"new{number}", cwd=work)
            ).stderr
            check_clone(await cloned(it, tmp_path / f"c{number}", "--bare"), repo.path)
            check_clone(await cloned(it, tmp_path / f"d{number}"), repo.path)
            # So few objects are unpacked one by one (`fetch.unpackLimit`), instead of indexed.
            fresh = tmp_path / f"e{number}"
            git("init", "--quiet", "--bare", f"--object-format={object_format}", str(fresh))
            fetched = ("fetch", "--quiet", f"{it.url}/{NAME}.git", "+refs/*:refs/*")
            assert (await asyncio.to_thread(git, *fetched, cwd=fresh)).returncode == 0
            assert not list((fresh / "objects/pack").iterdir())
            check_clone(fresh, repo.path)
            assert (counters.virtual, counters.tails) == (1 + 3 * number, number)
        assert counters.fills == 0

    run(test)


def test_what_a_virtual_pack_holds_is_what_the_wants_reach_and_nothing_twice(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", noise=200_000)
        repo = await hosted(it, work)
        shown = git("for-each-ref", "--format=%(objectname)", cwd=repo.path).stdout.split()
        first = await ask(it, NAME, body(shown))
        assert objects(pack(first), tmp_path / "a") == reached(repo.path, "--all")
        # An older content comes again, on a branch that begins before the base pack's end.
        git("checkout", "-q", "-b", "back", "HEAD~6", cwd=work)
        commit(work, {"d1/f10": (work / "d0/f0").read_bytes(), "log": "0\n" * 50})
        git("fetch", "-q", str(work), "back:back", cwd=repo.path)
        shown = git("for-each-ref", "--format=%(objectname)", cwd=repo.path).stdout.split()
        for _ in range(2):
            data = pack(await ask(it, NAME, body(shown)))
            everything = reached(repo.path, "--all")
            assert objects(data, tmp_path / "b") == everything
            assert int.from_bytes(data[8:12], "big") == len(everything)
        assert (clones[0].counters.virtual, clones[0].counters.tails) == (3, 1)

    run(test)


def test_ten_at_once_get_the_same_virtual_pack_at_different_paces(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", noise=400_000)
        repo = await hosted(it, work)
        git("fetch", "-q", str(work), f"{commit(work, {'new': 'new'})}:refs/heads/main", cwd=repo.path)
        shown = git("for-each-ref", "--format=%(objectname)", cwd=repo.path).stdout.split()

        async def one(number: int) -> bytes:
            stream = await begin(it, NAME, body(shown))
            await asyncio.sleep(0.02 * (number % 4))
            return await stream.rest()

        answers = await asyncio.gather(*map(one, range(10)))
        assert len(set(answers)) == 1
        assert objects(pack(answers[0]), tmp_path / "a") == reached(repo.path, "--all")

    run(test)


def test_a_clone_of_thousands_of_tags(run: Callable[[Test], None], clones: list[Clones], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w")
        oid, who = git("rev-parse", "main", cwd=work).stdout.strip(), "A <a@example.com> 1700000000 +0000"
        for number in range(4000):  # as `git mktag` would make them, a thousand times faster
            data = f"object {oid}\ntype commit\ntag t{number}\ntagger {who}\n\n{number}\n".encode()
            data = b"tag %d\0%s" % (len(data), data)
            name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
            loose = work / ".git/objects" / name[:2] / name[2:]
            loose.parent.mkdir(exist_ok=True)
            loose.write_bytes(zlib.compress(data, 0))
            (work / ".git/refs/tags" / f"t{number}").write_text(name + "\n")
        repo = await hosted(it, work)
        check_clone(await cloned(it, tmp_path / "c", "--bare"), repo.path)
        assert clones[0].counters.virtual == 1

    run(test)


def test_a_tip_that_is_no_branch_any_more_may_be_sent_while_others_reach_it(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w"))
        git("branch", "-D", "topic", cwd=repo.path)
        check_clone(await cloned(it, tmp_path / "a", "--bare"), repo.path)
        assert clones[0].counters.virtual == 1
        # A tag is reached by its ref alone: without that it is nobody's.
        tag = git("rev-parse", "v1-again", cwd=repo.path).stdout.strip()
        git("tag", "-d", "v1-again", cwd=repo.path)
        check_clone(await cloned(it, tmp_path / "b", "--bare"), repo.path)
        assert clones[0].counters.virtual == 1
        assert git("cat-file", "-e", tag, cwd=tmp_path / "b").returncode != 0

    run(test)


KINDS = {
    "one branch": ("--single-branch", "--branch=topic"),
    "one branch without tags": ("--single-branch", "--branch=topic", "--no-tags"),
    "depth": ("--depth=1",),
    "depth of all branches": ("--depth=2", "--no-single-branch"),
    "since": ("--shallow-since=2000-01-01T00:00:00Z",),
    "no blobs": ("--filter=blob:none", "--bare"),
    "no large blobs": ("--filter=blob:limit=1k", "--bare"),
    "no trees": ("--filter=tree:0", "--bare"),
    "all, without a base pack": (),
}


@pytest.mark.parametrize("in_memory", [spool.IN_MEMORY, 1000])
def test_what_git_said_once_is_said_again(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", in_memory)

    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w"), proven=False)
        counters = clones[0].counters
        for kind, options in KINDS.items():
            filled, hits = counters.fills, counters.hits
            # The second request is what shows that it pays to keep an answer that is not small.
            seen = [await cloned(it, tmp_path / f"{kind} {number}", *options) for number in range(3)]
            assert counters.fills - filled <= (1 if in_memory > 1000 else 2), kind
            assert counters.hits > hits, kind
            ours = [git("cat-file", "--batch-all-objects", "--batch-check", cwd=clone).stdout for clone in seen]
            theirs = tmp_path / f"{kind} git"
            allowed = ("--no-local", "--upload-pack=git -c uploadpack.allowFilter=true upload-pack")
            assert git("clone", "-q", *allowed, *options, f"file://{repo.path}", str(theirs)).returncode == 0
            assert {*ours} == {git("cat-file", "--batch-all-objects", "--batch-check", cwd=theirs).stdout}, kind
            assert git("fsck", "--full", cwd=seen[-1]).returncode == 0, kind
        assert counters.bytes_on_disk > 0 if in_memory == 1000 else counters.bytes_on_disk == 0

    run(test)


def test_twenty_who_ask_the_same_at_once_are_one_question_to_git(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", noise=300_000), proven=False)
        tip = git("rev-parse", "main", cwd=repo.path).stdout.strip()
        answers = await asyncio.gather(*(ask(it, NAME, body([tip])) for _ in range(20)))
        assert len(set(answers)) == 1
        assert objects(pack(answers[0]), tmp_path / "a") == reached(repo.path, "main")
        assert (clones[0].counters.fills, clones[0].counters.hits) == (1, 19)

    run(test)


def test_the_order_of_arguments_and_the_clients_version_make_no_difference(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w"), proven=False)
        one, two = (git("rev-parse", name, cwd=repo.path).stdout.strip() for name in ("main", "topic"))
        first = await ask(it, NAME, body([one, two], "deepen 2"))
        asked = body([two, one], "deepen 2", capabilities=("ofs-delta", "thin-pack", "no-progress"))
        assert await ask(it, NAME, asked.replace(b"0001", b"0013agent=git/2.99\n0001", 1)) == first
        assert clones[0].counters.fills == 1
        assert await ask(it, NAME, body([one, two], "deepen 3")) != first
        assert clones[0].counters.fills == 2

    run(test)


def test_a_tag_that_comes_later_comes_along_with_the_next_clone(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w")
        repo = await hosted(it, work, proven=False)
        options = ("--single-branch", "--branch=main", "--depth=1")
        for name in ("one", "two", "three"):
            git(*TAG, name, "main", cwd=repo.path)
            await asyncio.sleep(0.1)
            clone = await cloned(it, tmp_path / name, *options)
            await cloned(it, tmp_path / f"{name} again", *options)
            assert name in git("tag", cwd=clone).stdout
            assert name in git("tag", cwd=tmp_path / f"{name} again").stdout

    run(test)


def test_older_protocols_and_clients_without_ofs_delta_are_git_s_own(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w"))
        for version in (0, 1):
            await asyncio.to_thread(
                git,
                "-c",
                f"protocol.version={version}",
                "clone",
                "-q",
                "--bare",
                f"{it.url}/{NAME}.git",
                str(tmp_path / str(version)),
            )
            check_clone(tmp_path / str(version), repo.path)
        tip = git("rev-parse", "main", cwd=repo.path).stdout.strip()
        data = pack(await ask(it, NAME, body([tip], capabilities=("no-progress",))))
        assert objects(data, tmp_path / "a") == reached(repo.path, "main")
        assert clones[0].counters.virtual == 0

    run(test)


@pytest.mark.parametrize("mark", ["shallow", "info/grafts"])
def test_a_history_that_is_cut_off_is_gits_to_tell(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, mark: str
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w"))
        (repo.path / "info").mkdir(exist_ok=True)
        (repo.path / mark).write_text(git("rev-parse", "main~1", cwd=repo.path).stdout)
        await cloned(it, tmp_path / "a")
        assert (clones[0].counters.virtual, clones[0].counters.fills) == (0, 0)

    run(test)
