"""Whatever happens beside upkeep, other processes, kills, pushes, clones, deletions: it leaves repositories whole."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch.delivery import EventLog, RefsObserver
from gitperch.git import base_pack
from gitperch.maintenance import plan, upkeep
from support.house import runner
from support.server import Server, commit
from support.upkeep import at_work_in, check, check_base, comes, files, packs, push, said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.house import House, Test


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, seconds=150)


def test_two_upkeeps_never_run_at_once(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {"a": "1"})
        push(work, repo)
        async with it.host.upkeep._for_packs.turn():
            command = [sys.executable, "-m", "gitperch", "repo", "upkeep", repo.full_name]
            command += ["--data", str(it.host.config.data)]
            other = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            await asyncio.sleep(1.5)
            assert base_pack.read(repo.path) is None
            assert other.returncode is None
        output, _ = await other.communicate()
        assert b"base pack: 3 objects" in output
        check_base(repo.path)

    run(test)


def test_an_upkeep_that_is_killed_ends_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.add_user("alice")
    source = generate(tmp_path / "source.git", commits=1500, branches=20, documents=300)
    server.cli("repo", "add", "alice/thing", "--from", str(source))
    path = server.data / "repositories" / "1.git"
    said("repack", "-a", "-d", "-q", "--max-pack-size=1m", cwd=path)
    assert len(packs(path)) > 3
    command = [sys.executable, "-m", "gitperch", "repo", "upkeep", "alice/thing", "--data", str(server.data)]
    process = subprocess.Popen(command, env=server.environment)
    until = time.monotonic() + 90
    while not [name for name in files(path) if "tmp" in name]:
        assert time.monotonic() < until
        assert process.poll() is None
    assert at_work_in(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 60
    while at_work_in(path):
        assert time.monotonic() < until
        time.sleep(0.02)
    check(path)
    assert "packed anew" in server.cli("repo", "upkeep", "alice/thing")
    assert not [name for name in files(path) if "tmp" in name]
    check_base(path)
    check(path)


def test_leftovers_go_when_they_are_old(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {"a": "1"})
        push(work, repo)
        objects = repo.path / "objects"
        old = [
            objects / "pack" / "tmp_pack_1",
            objects / "pack" / "pack-1.keep",
            objects / "17" / "tmp_obj_x",
            repo.path / "refs" / "heads" / "main.lock",
            repo.path / "packed-refs.lock",
            objects / "incoming-1" / "pack" / "tmp_pack_2",
        ]
        for file in old:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("receive-pack 1 on here")
            for name in (file, file.parent):
                if name == file or "incoming" in str(name):
                    os.utime(name, (1, 1))
        os.utime(objects / "incoming-1", (1, 1))
        young = [objects / "pack" / "tmp_pack_3", objects / "incoming-2" / "tmp_obj_y", repo.path / "HEAD.lock"]
        for file in young:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        assert "6 leftovers removed" in await it.host.upkeep.now(repo)
        assert not [file for file in old if file.exists()]
        assert all(file.exists() for file in young)

    run(test)


def test_what_a_killed_server_did_not_get_to_is_done_by_the_next(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "START_SECONDS", 0.1)
    server = Server(tmp_path / "data")
    server.add_user("carol")
    server.cli("repo", "add", "carol/pushed")
    commit(tmp_path / "work", {"a": "1"})
    said("push", "-q", str(server.data / "repositories" / "1.git"), "HEAD:refs/heads/main", cwd=tmp_path / "work")

    async def test(it: House) -> None:
        repo = await it.host.repositories.find("carol", "pushed")
        assert repo
        await comes(repo.path)
        check_base(repo.path)

    run(test)


def test_refs_that_another_process_has_moved_are_followed(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {"a": "1"})
        push(work, repo)
        elsewhere = EventLog(it.host.db)
        await RefsObserver(it.host.db, it.host.git, elsewhere).observe(repo, source="test")
        await comes(repo.path)
        check_base(repo.path)
        check(repo.path)

    run(test)


def test_an_import_is_well_packed_when_it_is_announced_as_done(server: Server, tmp_path: Path) -> None:
    for number in range(20):
        commit(tmp_path / "work", {"a": str(number)})
    server.cli("repo", "add", "alice/loose", "--from", str(tmp_path / "work"))
    path = server.data / "repositories" / "1.git"
    assert check_base(path).objects == 60
    check(path)
    assert server.cli("repo", "upkeep", "alice/loose").startswith("nothing to do\nbase pack: 60 objects, ")


def test_clones_and_pushes_go_on_while_packs_are_replaced(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "LITTLE", 1)

    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        url = f"http://alice:{await it.token()}@127.0.0.1:{it.port}/{repo.full_name}.git"
        commit(work, {f"file-{number}": str(number) * 100 for number in range(300)})
        await asyncio.to_thread(said, "push", "--quiet", url, "HEAD:refs/heads/main", cwd=work)
        done = asyncio.Event()

        async def pushes() -> None:
            for number in range(15):
                await asyncio.to_thread(commit, work, {f"new-{n}": f"{number}.{n}" for n in range(30)})
                forced = ["HEAD:refs/heads/main", f"HEAD~{number % 2}:refs/heads/moving"]
                await asyncio.to_thread(said, "push", "--quiet", "--force", url, *forced, cwd=work)
            done.set()

        async def clones() -> None:
            number = 0
            while not done.is_set():
                number += 1
                clone = tmp_path / f"clone-{number}"
                await asyncio.to_thread(said, "clone", "--quiet", "--mirror", url, str(clone), cwd=tmp_path)
                await asyncio.to_thread(said, "fsck", "--full", cwd=clone)

        async def keeps() -> None:
            while not done.is_set():
                await it.host.upkeep.now(repo)

        async with asyncio.TaskGroup() as group:
            for work_ in (pushes(), clones(), keeps()):
                group.create_task(work_)
        await it.host.upkeep.now(repo)
        check(repo.path)
        check_base(repo.path)
        assert said("rev-parse", "main", cwd=repo.path) == said("rev-parse", "HEAD", cwd=work)

    run(test)


def test_a_repository_that_is_deleted_meanwhile_is_passed_over(
    run: Callable[[Test], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {"a": "1"})
        push(work, repo)
        await it.host.repositories.delete(repo)
        await it.host.upkeep._look_after(repo)
        await it.host.upkeep.commit_graph(repo)
        assert not [record for record in caplog.records if record.name.startswith("gitperch.upkeep")]

    run(test)
