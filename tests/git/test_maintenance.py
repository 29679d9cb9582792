"""Upkeep leaves repositories whole, their packs few, and a base pack that holds what it says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch.git import GitError, base_pack
from gitperch.maintenance import journal, layers, plan
from support.house import runner
from support.server import commit
from support.upkeep import check, check_base, comes, files, held, packs, push, reached, said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.house import House, Test


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, seconds=150)


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
        assert await it.host.upkeep.now(repo) == "changed paths noted"
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
