"""The sizes in small packs, as git makes them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gitperch.transport.small_pack import largest
from support.server import GIT_ENVIRONMENT, commit, git

if TYPE_CHECKING:
    from pathlib import Path


def packed(work: Path, *arguments: str, revisions: str) -> bytes:
    command = ["git", "pack-objects", "--revs", "--stdout", "-q", *arguments]
    return subprocess.run(
        command, cwd=work, env=GIT_ENVIRONMENT, input=revisions.encode(), capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize("arguments", [(), ("--delta-base-offset",), ("--window=0",)])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_the_largest_object_is_found_whole_or_told_by_a_delta(
    tmp_path: Path, arguments: tuple[str, ...], object_format: str
) -> None:
    work = tmp_path / "w"
    git("init", "-q", "-b", "main", f"--object-format={object_format}", str(work))
    lines = "".join(f"line {number} of many\n" for number in range(3000))
    commit(work, {"a.txt": lines, "b/c.txt": "small\n"}, "One")
    commit(work, {"a.txt": lines + "one more\n"}, "Two")
    width = 20 if object_format == "sha1" else 32
    assert largest(packed(work, *arguments, revisions="main\n"), width) == len(lines) + len("one more\n")
    # A thin pack: only a delta on what is not in it.
    thin = packed(work, *arguments, "--thin", revisions="main\n^main~1\n")
    assert largest(thin, width) == len(lines) + len("one more\n")


def test_whatever_is_cut_off_changed_or_too_much_is_not_known(tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a.txt": "a\n" * 100}, "One")
    pack = packed(tmp_path / "w", revisions="main\n")
    assert largest(b"", 20) == 0
    assert (largest(pack, 20) or 0) >= 200
    assert [size for size in range(1, len(pack)) if largest(pack[:size], 20) is not None] == []
    assert largest(pack + b"x", 20) is None
    assert largest(pack[:11] + b"\xff" + pack[12:], 20) is None
    commit(tmp_path / "w", {"zeros": b"\0" * 2_000_000}, "Two")
    assert largest(packed(tmp_path / "w", revisions="main\n"), 20) is None
