"""One entry of a tree, found in its raw bytes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pygit2
import pytest

from gitperch.git import objects
from gitperch.git.cat_file import CatFile
from support.server import GIT_ENVIRONMENT, git

if TYPE_CHECKING:
    from pathlib import Path


def made(work: Path, entries: list[tuple[bytes, bytes, bytes]]) -> str:
    """A tree of (mode, name, object id), whatever these are."""
    data = b"".join(b"%b %b\0%b" % entry for entry in entries)
    arguments = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    done = subprocess.run(arguments, cwd=work, env=GIT_ENVIRONMENT, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize(("kind", "width"), [("sha1", 20), ("sha256", 32)])
def test_an_object_id_or_a_part_of_a_name_is_no_entry(tmp_path: Path, kind: str, width: int) -> None:
    assert git("init", "--quiet", f"--object-format={kind}", cwd=tmp_path).returncode == 0
    tricky = b"100644 fake\0".ljust(width, b"z")
    entries = [
        (b"100644", b"a fake", b"1" * width),
        (b"100755", b"b", tricky),
        (b"40000", b"c", b" x".rjust(width, b"z")),
        (b"100644", b"me", b"2" * width),
        (b"120000", "ü".encode("latin-1"), b"3" * width),
    ]
    tree = made(tmp_path, entries)
    repository = (
        pygit2.Repository(str(tmp_path)) if kind == "sha1" else CatFile(str(tmp_path / ".git"), GIT_ENVIRONMENT)
    )

    def child(name: str) -> objects.Entry | None:
        return objects.child(repository, tree, name)  # type: ignore[arg-type]  # one stands in for the other

    for name in ("fake", "x100644 me", "100644 me", "nothing", ""):
        assert child(name) is None, name
    found = [child(name.decode("utf-8", "surrogateescape")) for _, name, _ in entries]
    assert found == [
        objects.Entry(name.decode("utf-8", "surrogateescape"), int(mode, 8), oid.hex()) for mode, name, oid in entries
    ]
    repository.free()
