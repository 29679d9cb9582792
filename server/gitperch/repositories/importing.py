"""Filling a new repository from one that lies on this machine.

Objects are copied as they are, so that a well packed repository stays so, and one that lacks objects on purpose (commits alone)
comes too. Nothing but objects, refs, HEAD and a shallow boundary is taken: no configuration, no hooks, no alternates.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest
from gitperch.git import GitError, names, refs

if TYPE_CHECKING:
    from gitperch.git import Git
    from gitperch.repositories.service import Repository

SECONDS = 6 * 3600.0
STASH = "refs/stash"  # its owner's own; what is below refs/stashes/ somebody has put there to be shared
# Not `.keep`, which holds up a repack for reasons of somebody else's; `.mtimes` says of unreachable objects how old they are.
_PACK_FILES = (".pack", ".idx", ".rev", ".bitmap", ".mtimes")


async def source_at(git: Git, given: str) -> Path:
    """The git directory of the bare repository or work tree at `given`. Raises BadRequest where there is none."""
    path = Path(given).expanduser().absolute()
    try:
        found = await git.run("-C", str(path), "rev-parse", "--path-format=absolute", "--git-common-dir")
    except GitError:
        raise BadRequest(
            f"{path} is not a git repository; give the folder of a bare repository or of a work tree.", field="from"
        ) from None
    return Path(found.decode("utf-8", "surrogateescape").rstrip("\n"))


async def object_format(git: Git, source: Path) -> str:
    """The hash function of `source`: sha1 or sha256."""
    return (await git.run("rev-parse", "--show-object-format", path=source)).decode().strip()


async def fill(git: Git, repo: Repository, source: Path) -> None:
    """Copy every object and every ref but the stash of the git directory `source` into the empty `repo`."""
    if (source / "objects" / "info" / "alternates").exists():
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", str(source))
        await git.run(
            *fetch,
            "+refs/*:refs/*",
            f"^{STASH}",
            f"^{names.HIDDEN_REFS}*",
            path=repo.path,
            timeout=SECONDS,
        )
    else:
        await asyncio.to_thread(_copy_objects, source, repo.path)
        if (source / "shallow").exists():
            shutil.copyfile(source / "shallow", repo.path / "shallow")
        found = await asyncio.to_thread(refs.snapshot, source)
        commands = [f"create {name} {oid}\n" for name, oid in found.items() if _is_wanted(name)]
        stdin = "".join(commands).encode("utf-8", "surrogateescape")
        await git.run("update-ref", "--stdin", path=repo.path, stdin=stdin, timeout=SECONDS)
        await git.run("pack-refs", "--all", path=repo.path, timeout=SECONDS)
    head = refs.head(source)
    if head and refs.read(repo.path, [head]):
        await git.run("symbolic-ref", "HEAD", head, path=repo.path)


def _is_wanted(name: str) -> bool:
    return name != STASH and not name.startswith(names.HIDDEN_REFS)


def _copy_objects(source: Path, target: Path) -> None:
    for folder in (source / "objects").iterdir():
        if folder.name != "pack" and len(folder.name) != len("ab"):
            continue
        (target / "objects" / folder.name).mkdir(exist_ok=True)
        for file in folder.iterdir():
            if not file.is_symlink() and (folder.name != "pack" or _is_of_a_pack(file.name)):
                _link_or_copy(file, target / "objects" / folder.name / file.name)


def _is_of_a_pack(name: str) -> bool:
    """An index of many packs is left behind, with its bitmap: upkeep writes one where it pays."""
    return name.startswith("pack-") and name.endswith(_PACK_FILES)


def _link_or_copy(file: Path, target: Path) -> None:
    """Objects never change once written, so a second name for the same file is as good as a copy."""
    try:
        target.hardlink_to(file)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, target)
