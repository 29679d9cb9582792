"""What of a commit comes into a check-out, and what never does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.process import checkout
from support.processes import Bench, Run, step
from support.server import git

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def tree(folder: Path) -> dict[str, str]:
    """Every path below `folder`: what a file holds, where a link leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
        found[name] = f"-> {path.readlink()}" if path.is_symlink() else path.read_text() if path.is_file() else "/"
    return found


def ran(*command: str) -> bool:
    return subprocess.run(command, check=False).returncode == 0


async def checked_out(bench: Bench, oid: str) -> Path:
    deployment = bench.deployment(oid)
    await bench.runner.build(deployment, bench.log)
    return bench.folder / "runner" / "checkouts" / str(deployment.id) / "app"


def test_a_check_out_has_the_files_of_the_commit_as_they_are_and_nothing_else(benched: Run) -> None:
    files = {
        ".gitattributes": "*.txt text eol=crlf ident\n*.bin filter=lfs\n*.u16 working-tree-encoding=UTF-16\nhidden export-ignore\n",
        "a.txt": "one\n$Id$\ntwo\n",
        "b.bin": "bytes\n",
        "c.u16": "text\n",
        "hidden": "there\n",
        "deep/er/ünï code/\n-x": "odd\n",
        ".gitmodules": '[submodule "m"]\n\tpath = m\n\turl = ../m\n',
    }

    async def test(bench: Bench) -> None:
        bench.commit({name: text for name, text in files.items() if name != ".gitattributes"} | {"run": "#!/bin/sh\n"})
        (bench.work / ".gitattributes").write_text(files[".gitattributes"])
        git("-C", str(bench.work), "add", ".gitattributes")
        git("-C", str(bench.work), "update-index", "--chmod=+x", "run")
        git("-C", str(bench.work), "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},m")
        app = await checked_out(bench, bench.commit_index())
        found = tree(app)
        assert {name: text for name, text in found.items() if text != "/"} == {**files, "run": "#!/bin/sh\n"}
        assert {name for name, text in found.items() if text == "/"} == {"deep", "deep/er", "deep/er/ünï code", "m"}
        assert os.access(app / "run", os.X_OK)
        assert not os.access(app / "a.txt", os.X_OK)
        assert {path.name for path in app.parent.iterdir()} == {"app", "home", "tmp", "etc"}

    benched(test)


def test_no_link_of_a_commit_leads_out_by_whatever_way(benched: Run, tmp_path: Path) -> None:
    links = {
        "passwd": "/etc/passwd",
        "up": "../../../..",
        "deep/up": "../../etc",
        "deep/er/d": "../../flat",  # leads to flat, so that …
        "deep/er/round": "d/../../secret",  # … this, which looks like deep/secret, leads out
        "loop": "loop",
        "inside": "deep/er",
        "absolute": str(tmp_path),
        "good": "flat/file",
    }

    async def test(bench: Bench) -> None:
        app = await checked_out(bench, bench.commit({"flat/file": "inside"}, links))
        found = {name: text for name, text in tree(app).items() if text.startswith("->")}
        assert set(found) == {"deep/er/d", "loop", "inside", "good"}
        assert (app / "good").read_text() == "inside"
        assert bench.log.text.count("leads out of the repository") == 5

    benched(test)


def test_a_tree_that_puts_files_behind_a_link_writes_nothing_outside(benched: Run, tmp_path: Path) -> None:
    """Two entries of one name, a link and a folder: what git once wrote through (CVE-2021-21300)."""
    outside = tmp_path / "outside"
    outside.mkdir()

    async def test(bench: Bench) -> None:
        bench.commit({"x": "y"})
        where = ("-C", str(bench.work))

        def made(kind: str, data: str) -> str:
            done = subprocess.run(
                ["git", *where, "hash-object", "--literally", "-w", "-t", kind, "--stdin"], input=data.encode("latin-1"),
                capture_output=True, check=True,
            )  # fmt: skip
            return done.stdout.decode().strip()

        link, evil = made("blob", str(outside)), made("blob", "evil")
        inner = made("tree", f"100644 evil\0{bytes.fromhex(evil).decode('latin-1')}")
        entries = [("120000 a", link), ("40000 a", inner)]
        top = made("tree", "".join(f"{name}\0{bytes.fromhex(oid).decode('latin-1')}" for name, oid in entries))
        commit = git(*where, "commit-tree", "-m", "evil", top).stdout.strip()
        for oid in (link, evil, inner, top, commit):  # past what a push would have refused
            source = bench.work / ".git" / "objects" / oid[:2] / oid[2:]
            target = bench.repository.path / "objects" / oid[:2] / oid[2:]
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes())
        with contextlib.suppress(RunnerError):
            await checked_out(bench, commit)
        assert list(outside.iterdir()) == []

    benched(test)


def test_large_files_stand_in_the_place_of_their_pointers(benched: Run) -> None:
    content = b"a picture" * 1000
    oid, missing = hashlib.sha256(content).hexdigest(), "0" * 64

    def pointer(oid: str, size: int) -> str:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"

    async def test(bench: Bench) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        lfs = bench.house.host.lfs
        async with lfs.received(oid, len(content), chunks()) as path:
            await lfs.place(bench.repository, oid, len(content), path)
        files = {"pic.png": pointer(oid, len(content)), "gone.png": pointer(missing, 7), "odd.png": pointer(oid, 7)}
        app = await checked_out(bench, bench.commit(files))
        assert (app / "pic.png").read_bytes() == content
        assert (app / "gone.png").read_text() == files["gone.png"]
        assert (app / "odd.png").read_text() == files["odd.png"]
        assert "2 files of Git LFS are not on this server" in bench.log.text

    benched(test)


def test_a_repository_with_sha256_is_checked_out(benched_sha256: Run) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({"a": "b"})
        assert len(oid) == 64
        assert tree(await checked_out(bench, oid)) == {"a": "b"}

    benched_sha256(test)


def test_a_commit_too_large_is_refused_before_anything_is_written(
    benched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({f"copy{number}": "x" * 1000 for number in range(50)})
        monkeypatch.setattr(checkout, "BYTES", 40_000)
        with pytest.raises(RunnerError, match="take more than"):
            await checked_out(bench, oid)
        monkeypatch.setattr(checkout, "BYTES", 60_000)
        monkeypatch.setattr(checkout, "FILES", 49)
        with pytest.raises(RunnerError, match="more than 49 files"):
            await checked_out(bench, oid)
        with pytest.raises(RunnerError, match="git could not check out 000000000000"):
            await checked_out(bench, "0" * 40)
        assert not list((bench.folder / "runner" / "checkouts").iterdir())

    benched(test)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_told_and_nothing_stays_on_it(benched: Run, tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        disk = bench.folder / "runner"
        disk.mkdir()
        if not ran("mount", "-t", "tmpfs", "-o", "size=80m", "none", str(disk)):
            pytest.skip("this machine lets nobody mount")
        try:
            large = bench.commit({"large": os.urandom(20 << 20)})
            with pytest.raises(RunnerError, match="disk is full"):
                await checked_out(bench, large)
            small = bench.deployment(
                bench.commit({"large": "no more"}), build=step("head -c 100000000 /dev/zero > filling")
            )
            with pytest.raises(RunnerError, match=r"The disk is full|filled the server's disk"):
                await bench.runner.build(small, bench.log)
            assert sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) < 10_000
        finally:
            await bench.runner.close()
            for thing in await bench.runner.things():
                await bench.runner.remove(thing)
            assert ran("umount", "--lazy", str(disk))

    benched(test)
