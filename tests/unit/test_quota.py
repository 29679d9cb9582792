"""What a repository holds is counted as it lies on disk, and a disk that is almost full takes nothing more."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from gitperch.assembly import assembled
from gitperch.config import load
from gitperch.lfs import store
from gitperch.repositories.quota import OverQuota

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from gitperch.host import Host
    from gitperch.repositories import Repository


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 100_000):
        yield content[at : at + 100_000]


def with_repository(data: Path, limit: int, scene: Callable[[Host, Repository], Coroutine[Any, Any, None]]) -> None:
    async def inside() -> None:
        data.mkdir()
        config = load({"data": data}, {"GITPERCH_GIT_REPOSITORY_MAX_BYTES": str(limit)})
        async with assembled(config) as host:
            await scene(host, await host.repositories.create(await host.people.add("alice", None), "thing"))

    asyncio.run(inside())


async def keep(host: Host, repo: Repository, content: bytes) -> None:
    oid = hashlib.sha256(content).hexdigest()
    async with host.lfs.received(oid, len(content), pieces(content)) as path:
        await host.lfs.place(repo, oid, len(content), path)


def test_git_and_lfs_count_together_and_a_quarantine_at_once(tmp_path: Path) -> None:
    async def scene(host: Host, repo: Repository) -> None:
        empty = await host.quota.size(repo)
        await keep(host, repo, os.urandom(300_000))
        assert await host.quota.size(repo) == empty + 300_000
        quarantine = repo.path / "objects" / "tmp_objdir-incoming-x" / "pack"
        quarantine.mkdir(parents=True)
        (quarantine / "tmp_pack").write_bytes(b"x" * 500_000)
        assert await host.quota.size(repo) == empty + 800_000
        with pytest.raises(OverQuota, match=r"alice/thing would hold 1\.1 MB with this, and may hold 1\.0 MB"):
            await keep(host, repo, os.urandom(300_000))
        (quarantine / "tmp_pack").rename(repo.path / "objects" / "pack" / "pack-x.pack")
        quarantine.rmdir()
        quarantine.parent.rmdir()
        assert await host.quota.size(repo) == empty + 800_000
        (repo.path / "objects" / "pack" / "pack-x.pack").unlink()
        assert await host.quota.size(repo) == empty + 300_000
        await keep(host, repo, os.urandom(600_000))

    with_repository(tmp_path / "data", 1_000_000, scene)


def test_a_disk_that_fills_up_meanwhile_ends_an_upload_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(host: Host, repo: Repository) -> None:
        content = os.urandom(1_000_000)
        oid = hashlib.sha256(content).hexdigest()

        async def filling() -> AsyncIterator[bytes]:
            async for piece in pieces(content):
                yield piece
                monkeypatch.setattr(store, "SPARE", 1 << 62)  # as if everything else had taken the room

        with pytest.raises(OverQuota, match="disk is full"):
            async with host.lfs.received(oid, len(content), filling()):
                pytest.fail("it went on")
        assert not list((host.config.data / "lfs" / "incoming").iterdir())
        with pytest.raises(OverQuota, match="disk is full"):
            await keep(host, repo, content)

    with_repository(tmp_path / "data", 0, scene)
