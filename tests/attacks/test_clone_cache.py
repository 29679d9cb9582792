"""Answers that are kept, and packs that are sent as they lie: never a wrong, truncated or forbidden byte."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitperch.git import base_pack
from gitperch.repositories import importing
from gitperch.transport.clones import responses, service, spool
from support.fetching import Brake, ask, begin, body, objects, pack, reached, watch
from support.house import runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitperch.repositories import Repository
    from gitperch.transport.clones import Clones
    from support.house import House, Test

NAME = "alice/thing"
SECRET = b"the-password-that-should-never-have-been-pushed"


@pytest.fixture
def clones(monkeypatch: pytest.MonkeyPatch) -> list[Clones]:
    return watch(monkeypatch)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clones: list[Clones]) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch)


def history(work: Path, megabytes: float) -> Path:
    """A work tree with so many bytes that cannot be compressed."""
    dice = random.Random(3)
    for number in range(4):
        commit(work, {f"f{number}": dice.randbytes(int(megabytes * (1 << 18)))})
    git("branch", "old", "HEAD~2", cwd=work)
    return work


async def hosted(it: House, work: Path, *, private: bool = False, proven: bool = False) -> Repository:
    repo = await it.repository(private=private)
    await importing.fill(it.host.git, repo, work / ".git")
    await asyncio.to_thread(git, "repack", "-adbq", cwd=repo.path)
    if proven:
        (found,) = (repo.path / "objects" / "pack").glob("*.pack")
        proof = await base_pack.prove(it.host.git, repo.path, found)
        assert proof
        base_pack.write(repo.path, proof)
    return repo


def oid(repo: Repository, revision: str) -> str:
    return git("rev-parse", "--verify", revision, cwd=repo.path).stdout.strip()


def shown(repo: Repository) -> list[str]:
    lines = git("for-each-ref", "--format=%(objectname) %(refname)", cwd=repo.path).stdout.splitlines()
    return [line.split()[0] for line in lines if "refs/gitperch/" not in line]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 -- what is waited for is outside of this loop
            await asyncio.sleep(0.01)


def held() -> Counter[str]:
    """What this process holds open of packs, of files without a name, and towards clients; not what runs in the background."""
    links = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(link.readlink()))
    return Counter(link for link in links if link.startswith("socket:") or link.endswith((".pack", "(deleted)")))


def test_a_fill_that_is_killed_half_way_is_cut_for_those_who_have_it_and_never_kept(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 4))
        asked = body([oid(repo, "main")])
        brake = Brake(it, tmp_path / "brake", 1_500_000)
        streams = [await begin(it, NAME, asked) for _ in range(4)]
        for stream in streams:
            await stream.some(100_000)
        brake.die()
        for stream in streams:
            with pytest.raises(asyncio.IncompleteReadError):
                await stream.rest()
        assert len(brake.begun) == clones[0].counters.failed == 1
        brake.reset()
        brake.release()
        data = await ask(it, NAME, asked)
        assert objects(pack(data), tmp_path / "a") == reached(repo.path, "main")
        assert await ask(it, NAME, asked) == data

    run(test)


def test_a_fill_that_dies_before_its_first_byte_is_asked_again_of_git(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 0.1))
        brake = Brake(it, tmp_path / "brake", 0)
        brake.die()
        asking = asyncio.ensure_future(begin(it, NAME, body([oid(repo, "main")])))
        await until(lambda: len(brake.begun) > 1)
        refused = await asking
        assert refused.status == 500  # git was killed twice
        await refused.rest()
        brake.reset()
        brake.release()
        data = pack(await ask(it, NAME, body([oid(repo, "main")])))
        assert objects(data, tmp_path / "a") == reached(repo.path, "main")

    run(test)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of that size at `folder`: a real one, for those who may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_changes_no_byte_for_anybody(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "_LEFT_FREE", 0)

    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 12))
        asked = body([oid(repo, "main")])
        with small_disk(it.host.config.data / "git" / "clones", 3):
            await check_passing(it, repo, asked, clones[0], tmp_path)

    run(test)


@pytest.mark.parametrize("room", [0, 2 << 20])
def test_a_cache_without_room_changes_no_byte_for_anybody(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, room: int
) -> None:
    async def test(it: House) -> None:
        it.host.git.settings = dataclasses.replace(it.host.git.settings, cache_max_bytes=room)
        repo = await hosted(it, history(tmp_path / "w", 12))
        await check_passing(it, repo, body([oid(repo, "main")]), clones[0], tmp_path)

    run(test)


async def check_passing(it: House, repo: Repository, asked: bytes, clones: Clones, folder: Path) -> None:
    """That clones of more than there is room for are right, at once at different paces and one after the other."""

    async def one(pause: float) -> bytes:
        stream = await begin(it, NAME, asked)
        await asyncio.sleep(pause)
        return await stream.rest()

    answers = [*await asyncio.gather(*(one(pause) for pause in (0, 0.1, 0.2, 0.5))), await one(0), await one(0)]
    for number, answer in enumerate(answers):
        assert objects(pack(answer), folder / f"o{number}") == reached(repo.path, "main")
    assert clones.counters.passed == clones.counters.fills - clones.counters.failed > 1
    await until(lambda: clones.counters.bytes_on_disk == 0)


def test_what_is_kept_stays_within_its_bound_and_the_oldest_goes_first(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        it.host.git.settings = dataclasses.replace(it.host.git.settings, cache_max_bytes=9 << 20)
        repo = await hosted(it, history(tmp_path / "w", 4))
        counters = clones[0].counters
        tip = oid(repo, "main")
        for depth in (10, 10, 11, 11, 12, 12, 13, 13):
            await ask(it, NAME, body([tip], f"deepen {depth}"))
            assert counters.bytes_on_disk <= 9 << 20
        assert counters.evictions == 2
        filled = counters.fills
        for depth in (13, 12):
            await ask(it, NAME, body([tip], f"deepen {depth}"))
        assert counters.fills == filled
        it.host.git.settings = dataclasses.replace(it.host.git.settings, cache_hours=0)
        await ask(it, NAME, body([tip], "deepen 13"))
        assert counters.fills == filled + 1

    run(test)


def test_a_branch_that_moves_while_an_answer_is_made(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", 4)
        repo = await hosted(it, work)
        before = oid(repo, "main")
        brake = Brake(it, tmp_path / "brake", 1_500_000)
        early = await begin(it, NAME, body([before]))
        after = commit(work, {"new": "new"})
        git("fetch", "-q", str(work), "main:main", cwd=repo.path)
        late = await begin(it, NAME, body([after]))
        brake.release()
        assert objects(pack(await early.rest()), tmp_path / "a") == reached(repo.path, before)
        assert objects(pack(await late.rest()), tmp_path / "b") == reached(repo.path, after)
        clone = tmp_path / "c"
        assert (await asyncio.to_thread(git, "clone", "-q", f"{it.url}/{NAME}.git", str(clone))).returncode == 0
        assert git("rev-parse", "HEAD", cwd=clone).stdout.strip() == after

    run(test)


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("how", ["push", "delete", "tag", "hide"])
def test_a_secret_that_is_taken_back_is_in_no_clone_any_more(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, proven: bool, how: str
) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", 0.1)
        name = "main" if how == "push" else "leak"
        if how != "push":
            git("checkout", "-q", "-b", "leak", cwd=work)
        secret = commit(work, {"secret": SECRET})
        if how == "tag":
            git("tag", "-a", "-m", "leak", "leaked", cwd=work)
            git("checkout", "-q", "main", cwd=work)
            git("branch", "-D", "leak", cwd=work)
        repo = await hosted(it, work, proven=proven)
        wants = shown(repo)
        for _ in range(3):  # by now it is kept, whatever way it was answered
            assert secret in objects(pack(await ask(it, NAME, body(wants))), tmp_path / "before")
        if how == "push":
            git("update-ref", f"refs/heads/{name}", f"{secret}~1", cwd=repo.path)
        elif how == "hide":
            git("update-ref", "refs/gitperch/kept", secret, cwd=repo.path)
            git("branch", "-D", name, cwd=repo.path)
        else:
            git(*(("tag", "-d", "leaked") if how == "tag" else ("branch", "-D", name)), cwd=repo.path)
        for options in (
            ["--bare"],
            ["--mirror"],
            ["--depth=1", "--no-single-branch"],
            ["--filter=blob:none", "--bare"],
        ):
            for number in range(2):
                target = tmp_path / f"{options[0]}{number}"
                url = f"{it.url}/{NAME}.git"
                assert (await asyncio.to_thread(git, "clone", "-q", *options, url, str(target))).returncode == 0
                listed = git("cat-file", "--batch-all-objects", "--batch-check", cwd=target).stdout
                assert listed and secret not in listed
        data = pack(await ask(it, NAME, body(shown(repo), "include-tag")))
        assert objects(data, tmp_path / "raw") == reached(repo.path, *shown(repo))
        # Who remembers its name is answered by git, not out of what is kept, before it is cleaned up and after.
        kept = clones[0].counters.hits, clones[0].counters.virtual
        assert b"not our ref" in await ask(it, NAME, body(wants))
        git("update-ref", "-d", "refs/gitperch/kept", cwd=repo.path)
        git("reflog", "expire", "--expire=all", "--all", cwd=repo.path)
        git("gc", "-q", "--prune=now", cwd=repo.path)
        answer = await ask(it, NAME, body(wants))
        assert b"ERR upload-pack: not our ref" in answer
        assert b"PACK" not in answer
        assert kept == (clones[0].counters.hits, clones[0].counters.virtual)

    run(test)


def test_a_repository_made_anew_in_the_same_place_is_another(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", 0.1)
        repo = await hosted(it, work)
        wants = shown(repo)
        first = await ask(it, NAME, body(wants))
        assert await ask(it, NAME, body(wants)) == first
        await it.host.repositories.delete(repo)
        again = await it.repository(private=False)
        shutil.rmtree(again.path)
        git("init", "-q", "--bare", str(again.path))
        assert b"not our ref" in await ask(it, NAME, body(wants))
        commit(tmp_path / "other", {"other": "other"})
        git("fetch", "-q", str(tmp_path / "other"), "main:main", cwd=again.path)
        assert objects(pack(await ask(it, NAME, body(shown(again)))), tmp_path / "a") == reached(again.path, "main")
        assert b"not our ref" in await ask(it, NAME, body(wants))

    run(test)


def test_a_repack_in_the_middle_of_a_virtual_pack(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", 24)
        repo = await hosted(it, work, proven=True)
        stream = await begin(it, NAME, body(shown(repo)))
        assert (clones[0].counters.virtual, stream.length > 24 << 20) == (1, True)
        git("fetch", "-q", str(work), f"{commit(work, {'new': 'new'})}:refs/heads/new", cwd=repo.path)
        (old,) = (repo.path / "objects" / "pack").glob("*.pack")
        await asyncio.to_thread(git, "repack", "-adq", cwd=repo.path)
        assert not old.exists()
        assert objects(pack(await stream.rest()), tmp_path / "a") == reached(repo.path, "main", "old")
        data = pack(await ask(it, NAME, body(shown(repo))))
        assert objects(data, tmp_path / "b") == reached(repo.path, "--all")
        assert clones[0].counters.virtual == 1

    run(test)


def test_a_record_of_another_pack_is_not_believed(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", 0.2)
        repo = await hosted(it, work, proven=True)
        wants, record = shown(repo), base_pack.read(repo.path)
        assert record
        # The same name and size, and other bytes: as a pack of other objects would look to a glance.
        data = bytearray(record.pack_path.read_bytes())
        moved = record.pack_path.with_name("pack-" + "1" * 40 + ".pack")
        for suffix in (".pack", ".idx", ".rev", ".bitmap"):
            with contextlib.suppress(FileNotFoundError):
                record.pack_path.with_suffix(suffix).rename(moved.with_suffix(suffix))
        data[-20:] = b"1" * 20
        record.pack_path.write_bytes(data)
        with contextlib.suppress(AssertionError):
            pack(await ask(it, NAME, body(wants)))
        assert clones[0].counters.virtual == 0
        record.pack_path.unlink()
        for forged in (dataclasses.replace(record, pack_path=moved), dataclasses.replace(record, objects=3)):
            base_pack.write(repo.path, forged)
            assert objects(pack(await ask(it, NAME, body(wants))), tmp_path / "a") == reached(repo.path, "--all")
        assert clones[0].counters.virtual == 0

    run(test)


def test_a_damaged_base_pack_is_never_sent_to_its_end(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        work = history(tmp_path / "w", 8)
        repo = await hosted(it, work, proven=True)
        # What was pushed since would have a checksum made that covers whatever was sent.
        git("fetch", "-q", str(work), f"{commit(work, {'new': 'new'})}:refs/heads/new", cwd=repo.path)
        (found,) = (path for path in (repo.path / "objects" / "pack").glob("*.pack") if path.stat().st_size > 1 << 20)
        found.chmod(0o644)
        with found.open("r+b") as file:
            file.seek(3 << 20)
            file.write(b"\0\0\0\0")
        stream = await begin(it, NAME, body(shown(repo)))
        with pytest.raises(asyncio.IncompleteReadError):
            await stream.rest()
        assert clones[0].counters.virtual == 1
        with contextlib.suppress(asyncio.IncompleteReadError, AssertionError):
            await ask(it, NAME, body(shown(repo)))
        assert clones[0].counters.virtual == 1

    run(test)


def test_whoever_may_not_read_is_refused_before_anything_kept_is_looked_at(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        for proven in (False, True):
            repo = await hosted(it, history(tmp_path / "w", 0.1), private=True, proven=proven)
            token, asked = await it.token(), body(shown(repo))
            for _ in range(3):
                assert pack(await ask(it, NAME, asked, token))
            before = dataclasses.replace(clones[0].counters)
            stream = await begin(it, NAME, asked)
            assert stream.status == 401
            assert b"PACK" not in await stream.rest()
            assert clones[0].counters == before
            await it.host.repositories.delete(repo)
            shutil.rmtree(tmp_path / "w")

    run(test)


def test_one_who_does_not_read_holds_up_neither_git_nor_the_others(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 24))
        asked = body([oid(repo, "main")])
        stalled = await begin(it, NAME, asked)
        began = time.monotonic()
        others = await asyncio.gather(*(ask(it, NAME, asked) for _ in range(3)))
        assert time.monotonic() - began < 20
        assert len(set(others)) == clones[0].counters.fills == 1
        assert await stalled.rest() == others[0]

    run(test)


def test_those_who_do_not_read_hold_a_bounded_number_of_buffers(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_STREAMS", 2)

    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 24), proven=True)
        stalled = [await begin(it, NAME, body(shown(repo))) for _ in range(2)]
        waiting = asyncio.ensure_future(ask(it, NAME, body(shown(repo))))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        stalled[0].close()
        assert pack(await waiting)
        stalled[1].close()

    run(test)


def test_large_packs_are_computed_one_after_the_other(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "_LARGE", 0)

    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 4))
        brake = Brake(it, tmp_path / "brake", 1_500_000)
        depths = [asyncio.ensure_future(ask(it, NAME, body([oid(repo, "main")], f"deepen {n}"))) for n in (2, 3, 4)]
        await until(lambda: brake.begun)
        depths[1].cancel()  # whoever waits may leave
        await asyncio.sleep(0.5)
        assert len(brake.begun) == 1
        brake.release()
        assert pack(await depths[0]) and pack(await depths[2])
        await until(lambda: clones[0].counters.fills == 3)
        assert 2 <= len(brake.begun) <= 3

    run(test)


def test_a_fill_ends_with_the_last_who_waited_for_it(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 4))
        asked = body([oid(repo, "main")])
        brake = Brake(it, tmp_path / "brake", 1_500_000)
        streams = [await begin(it, NAME, asked) for _ in range(3)]
        (process,) = brake.begun
        for stream in streams[1:]:
            stream.close()
        await asyncio.sleep(0.5)
        os.kill(process, 0)  # the first still waits for it
        streams[0].close()
        await until(lambda: not _lives(process))
        await until(lambda: clones[0].counters.bytes_on_disk == 0)
        brake.release()
        assert objects(pack(await ask(it, NAME, asked)), tmp_path / "a") == reached(repo.path, "main")

    run(test)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_who_leaves_in_the_middle_leaves_nothing_behind(
    run: Callable[[Test], None], clones: list[Clones], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 1000)

    async def test(it: House) -> None:
        repo = await hosted(it, history(tmp_path / "w", 24), proven=True)
        small = body([oid(repo, "main")], "deepen 3")
        for _ in range(2):
            await ask(it, NAME, small)
        before = held()
        for asked in (body(shown(repo)), small) * 5:
            stream = await begin(it, NAME, asked)
            await stream.some(1000)
            stream.close()
        await until(lambda: not held() - before and not it.host.git.children.taken)

    run(test)
