"""Upkeep leaves repositories whole, their packs few, and a base pack that holds what it says, whatever happens meanwhile."""

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
from gitperch.git import GitError, base_pack
from gitperch.maintenance import journal, layers, plan, upkeep
from support.house import runner
from support.server import Server, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitperch.repositories import Repository
    from support.house import House, Test


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, seconds=150)


def said(*arguments: str, cwd: Path) -> str:
    done = git(*arguments, cwd=cwd)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def push(work: Path, repo: Repository, *refspecs: str) -> None:
    said("push", "--quiet", "--force", str(repo.path), *(refspecs or ("HEAD:refs/heads/main",)), cwd=work)


def check(path: Path) -> None:
    """git's own checks of everything that upkeep writes."""
    said("fsck", "--full", cwd=path)
    said("commit-graph", "verify", cwd=path)
    if (path / "objects" / "pack" / "multi-pack-index").exists():
        said("multi-pack-index", "verify", cwd=path)


def held(pack_path: Path) -> set[str]:
    index = pack_path.with_suffix(".idx").read_bytes()
    show = ["git", "-C", str(pack_path.parents[2]), "show-index"]
    shown = subprocess.run(show, input=index, capture_output=True, check=True).stdout
    return {line.split()[1] for line in shown.decode().splitlines()}


def reached(path: Path, *tips: str) -> set[str]:
    return {line.split()[0] for line in said("rev-list", "--objects", *tips, cwd=path).splitlines()}


def check_base(path: Path) -> base_pack.BasePack:
    base = base_pack.read(path)
    assert base
    assert held(base.pack_path) == reached(path, *(tip.decode() for tip in base.tips))
    assert base.objects == len(held(base.pack_path))
    return base


def files(path: Path) -> list[str]:
    return sorted(file.name for file in (path / "objects" / "pack").iterdir())


def at_work_in(path: Path) -> list[str]:
    """The processes whose working directory it is."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and _cwd(pid) == str(path)]  # noqa: PTH208 -- no paths


def _cwd(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 -- as above
    except OSError:
        return ""


async def comes(path: Path) -> None:
    """Wait for a base pack."""
    async with asyncio.timeout(60):
        while not base_pack.read(path):  # noqa: ASYNC110 -- the file system tells nobody
            await asyncio.sleep(0.05)


def packs(path: Path) -> list[Path]:
    return list((path / "objects" / "pack").glob("pack-*.pack"))


def test_every_burst_gets_a_layer_and_layers_stay_few(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        for number in range(25):
            commit(work, {"a": str(number)})
            push(work, repo)
            await it.host.upkeep.commit_graph(repo)
            assert 1 <= layers.count(repo.path) <= layers.MANY
        check(repo.path)

    run(test)


def test_a_push_is_followed_by_a_layer_and_a_proven_base_pack(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {f"file-{number}": str(number) for number in range(150)})
        push(work, repo)
        await it.host.refs.observe(repo, source="test")
        await comes(repo.path)
        check(repo.path)
        assert layers.count(repo.path) == 1
        assert check_base(repo.path).objects == 152

    run(test)


def test_a_base_pack_stays_while_little_comes_and_is_made_anew_when_more_has(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {f"file-{number}": str(number) for number in range(50)})
        said("tag", "-a", "v1", "-m", "v1", cwd=work)
        push(work, repo, "HEAD:refs/heads/main", "v1")
        assert "packed anew" in await it.host.upkeep.now(repo)
        first = check_base(repo.path)
        assert {tip.decode() for tip in first.tips} == set(said("rev-parse", "v1", "HEAD", cwd=work).split())
        commit(work, {"file-0": "changed"})
        push(work, repo)
        assert await it.host.upkeep.now(repo) == ""
        assert check_base(repo.path) == first
        commit(work, {f"more-{number}": f"more {number}" for number in range(90)})
        push(work, repo)
        assert "packed anew" in await it.host.upkeep.now(repo)
        assert check_base(repo.path).objects == 53 + 3 + 92
        assert len(packs(repo.path)) == 1
        said("rev-list", "--test-bitmap", "HEAD", cwd=repo.path)
        check(repo.path)

    run(test)


def test_a_sha256_repository_is_kept_as_well(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        alice, work = await it.host.people.find("alice"), tmp_path / "work"
        assert alice
        repo = await it.host.repositories.create(alice, "thing", object_format="sha256")
        said("init", "--quiet", "--object-format=sha256", str(work), cwd=tmp_path)
        for number in range(3):
            commit(work, {"a": str(number)})
        push(work, repo)
        assert "packed anew" in await it.host.upkeep.now(repo)
        assert check_base(repo.path).objects == 9
        commit(work, {"a": "4"})
        push(work, repo)
        (repo.path / base_pack.RECORD).unlink()
        assert "base pack of 9 objects proven" in await it.host.upkeep.now(repo)
        check_base(repo.path)
        check(repo.path)

    run(test)


def test_packs_of_a_large_repository_are_rolled_up_beside_its_base_pack(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=400, branches=5, documents=50)
    monkeypatch.setattr(plan, "SMALL_OBJECTS", 100)
    monkeypatch.setattr(plan, "LARGE_OBJECTS", 100)

    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        said("push", "--quiet", "--mirror", str(repo.path), cwd=source)
        assert "bitmap written" in await it.host.upkeep.now(repo)
        base = check_base(repo.path)
        said("config", "receive.unpackLimit", "1", cwd=repo.path)
        said("config", "receive.autogc", "false", cwd=repo.path)  # as the server's own configuration says
        said("clone", "--quiet", str(repo.path), str(work), cwd=tmp_path)
        old = said("rev-parse", "HEAD", cwd=work).strip()
        for much in (10, 1000):
            monkeypatch.setattr(plan, "MUCH", much)
            for number in range(15):
                commit(work, {"a": f"{number} of {much}"})
                push(work, repo)
                if "rolled up" in await it.host.upkeep.now(repo) and much == 1000:
                    said("rev-list", "--test-bitmap", "HEAD", cwd=repo.path)
                assert len(packs(repo.path)) <= plan.PACKS + 1
                said("rev-list", "--test-bitmap", old, cwd=repo.path)
            assert "rolled up" in journal.read(repo.path).did
            check(repo.path)
        assert check_base(repo.path) == base

    run(test)


def test_a_pack_stays_provable_when_newer_ones_have_come(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        old = commit(work, {"a": "1"})
        push(work, repo, "HEAD:refs/heads/main", "HEAD:refs/heads/old")
        said("repack", "-a", "-d", "-q", cwd=repo.path)
        commit(work, {"a": "2"})
        said("tag", "-a", "late", "-m", "late", old, cwd=work)
        commit(work, {"a": "3"})
        push(work, repo, "HEAD:refs/heads/main", "late", ":refs/heads/old")
        base = await base_pack.prove(it.host.git, repo.path, packs(repo.path)[0])
        assert base
        assert base.tips == {old.encode()}
        assert base.objects == 3
        assert await base_pack.is_reached(it.host.git, repo.path, base)

    run(test)


@pytest.mark.parametrize("flaw", ["unreachable", "hidden", "promised", "shallow", "missing"])
def test_a_pack_that_is_not_just_what_refs_reach_is_never_proven(
    run: Callable[[Test], None], tmp_path: Path, flaw: str
) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        first = commit(work, {"a": "1"})
        commit(work, {"a": "2"})
        push(work, repo, "HEAD:refs/heads/main", "HEAD:refs/gitperch/pull/1")
        blob = said("rev-parse", "main:a", cwd=repo.path).strip()
        said("repack", "-a", "-d", "-q", cwd=repo.path)
        [pack] = packs(repo.path)
        assert await base_pack.prove(it.host.git, repo.path, pack)
        if flaw == "unreachable":
            push(work, repo, f"{first}:refs/heads/main", ":refs/gitperch/pull/1")
        elif flaw == "hidden":
            push(work, repo, f"{first}:refs/heads/main")
        elif flaw == "promised":
            pack.with_suffix(".promisor").touch()
        elif flaw == "shallow":
            (repo.path / "shallow").write_text(f"{first}\n")
        else:
            names = "".join(f"{oid}\n" for oid in held(pack) - {blob}).encode()
            made = await it.host.git.run("pack-objects", "-q", "objects/pack/pack", path=repo.path, stdin=names)
            pack.with_suffix(".idx").unlink()
            pack.unlink()
            pack = pack.with_name(f"pack-{made.decode().strip()}.pack")
        assert await base_pack.prove(it.host.git, repo.path, pack) is None

    run(test)


def test_after_a_force_push_the_secret_leaves_the_base_pack_and_is_kept_beside_it(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        clean = commit(work, {"a": "1"})
        secret = commit(work, {"password": "hunter2"})
        push(work, repo)
        await it.host.upkeep.now(repo)
        assert secret in held(check_base(repo.path).pack_path)
        push(work, repo, f"{clean}:refs/heads/main")
        assert "packed anew" in await it.host.upkeep.now(repo)
        assert held(check_base(repo.path).pack_path) == reached(repo.path, clean)
        [layer] = (repo.path / "objects" / "info" / "commit-graphs").glob("*.graph")
        assert bytes.fromhex(clean) in layer.read_bytes()
        assert bytes.fromhex(secret) not in layer.read_bytes()
        assert said("cat-file", "-t", secret, cwd=repo.path) == "commit\n"  # a push that builds on it may be on its way
        check(repo.path)
        assert await it.host.upkeep.now(repo) == ""

    run(test)


def test_what_the_servers_own_refs_reach_alone_keeps_a_repository_from_being_packed_over_and_over(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        first = commit(work, {"a": "1"})
        commit(work, {"a": "2"})
        push(work, repo, "HEAD:refs/gitperch/pull/1", f"{first}:refs/heads/main")
        assert "packed anew" in await it.host.upkeep.now(repo)
        assert base_pack.read(repo.path) is None
        assert await it.host.upkeep.now(repo) == ""

    run(test)


def test_a_repository_that_git_has_no_memory_for_is_not_packed_anew(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "SMALL_OBJECTS", 10)
    monkeypatch.setattr(plan, "REPACK_BYTES", 1 << 30)
    monkeypatch.setattr(plan, "LOOSE", 100)

    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {f"file-{number}": str(number) for number in range(90)})
        push(work, repo)
        assert await it.host.upkeep.now(repo) == ""
        commit(work, {f"file-{number}": str(-number) for number in range(90)})
        push(work, repo)
        assert "rolled up" in await it.host.upkeep.now(repo)
        assert len(packs(repo.path)) == 1
        check(repo.path)

    run(test)


def test_memory_that_does_not_suffice_leaves_everything_as_it_was(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {f"file-{number}": os.urandom(20_000) for number in range(150)})
        push(work, repo)
        before = files(repo.path)
        monkeypatch.setattr(it.host.upkeep._for_packs, "memory", 1 << 20)
        with pytest.raises(GitError):
            await it.host.upkeep.now(repo)
        assert files(repo.path) == before
        assert journal.read(repo.path).failed_at
        check(repo.path)

    run(test)


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
    until = time.monotonic() + 5
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
