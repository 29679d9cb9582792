"""The base pack of a repository: one packfile of which it is proven that it holds exactly what certain tips reach.

What is proven once can be sent as it lies to whoever may have all of these tips. The record stands beside the packs and is
believed only as long as its pack is there; whoever repacks writes a new one, or none.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gitperch.git import names, refs
from gitperch.git.pack_index import PackIndex
from gitperch.git.process import AS_NAMED, GitError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

RECORD = "objects/info/gitperch-base"
SECONDS = 1800.0
_COMMITS = 20_000  # newer than the pack, among which the pack's own tips are looked for
_EMPTY_PACK = 12 + 32  # bytes: its header and the longer of the two hashes


class Runs(Protocol):
    """`Git`, or what runs it more quietly."""

    async def run(
        self,
        *arguments: str,
        path: Path | None = ...,
        stdin: bytes = ...,
        timeout: float = ...,
        max_output: int = ...,
        environment: Mapping[str, str] | None = ...,
    ) -> bytes: ...


@dataclass(frozen=True)
class BasePack:
    """`pack_path` ends in `.pack`; `tips` are hex oids, annotated tags as themselves, and nothing but what they reach is in the pack."""

    pack_path: Path
    objects: int
    size: int
    tips: frozenset[bytes]


def read(path: Path) -> BasePack | None:
    """What was proven of the repository at `path`, if its pack is still the one it was proven of."""
    try:
        record = json.loads((path / RECORD).read_text("ascii"))
        pack_path = path / "objects" / "pack" / Path(record["pack"]).name
        if pack_path.stat().st_size != record["size"]:
            return None
        tips = frozenset(tip.encode("ascii") for tip in record["tips"])
        return BasePack(pack_path, int(record["objects"]), int(record["size"]), tips)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(path: Path, base: BasePack) -> None:
    """Put down what was proven; the last word before a rename."""
    record = {
        "pack": base.pack_path.name,
        "objects": base.objects,
        "size": base.size,
        "tips": sorted(tip.decode() for tip in base.tips),
    }
    target = path / RECORD
    target.parent.mkdir(exist_ok=True)
    beside = target.with_suffix(".new")
    beside.write_text(json.dumps(record), "ascii")
    beside.replace(target)


async def prove(git: Runs, path: Path, pack_path: Path) -> BasePack | None:
    """Whether `pack_path` holds exactly what certain tips reach that refs for everybody name or have grown from; then the tips too.

    Nothing is written. A pack with a bitmap is proven in a fraction of a second, another takes two walks over its objects.
    None also where objects are missing or promised, and for a history that is cut off (shallow) or grafted.
    """
    if await asyncio.to_thread(_is_special, path):
        return None
    try:
        index = PackIndex(pack_path.with_suffix(".idx"))
        size = pack_path.stat().st_size
        tips = await _tips(git, path, index)
        if not tips:
            return None
        options: dict[str, Any] = {"path": path, "stdin": _lines(tips), "timeout": SECONDS, "environment": AS_NAMED}
        # Nothing that the tips reach lies outside, …
        outside = ("pack-objects", "--revs", "--stdout", "--quiet", "--window=0", f"--keep-pack={pack_path.name}")
        pack = await git.run(*outside, **options, max_output=_EMPTY_PACK)
        if int.from_bytes(pack[8:12], "big"):
            return None
        # … and as many lie inside as they reach: so it is the same objects.
        count = ("rev-list", "--use-bitmap-index", "--count", "--objects", "--stdin")
        reached = int(await git.run(*count, **options))
    except (GitError, OSError, ValueError):
        return None
    return BasePack(pack_path, len(index), size, frozenset(tips)) if reached == len(index) else None


async def is_reached(git: Runs, path: Path, base: BasePack) -> bool:
    """Whether the refs for everybody still reach all of `base`. Raises GitError."""
    visible = set((await asyncio.to_thread(visible_refs, path)).values())
    moved = sorted(base.tips - visible)
    if not moved:
        return True
    kinds = await git.run("cat-file", "--batch-check=%(objecttype)", path=path, stdin=_lines(moved))
    if set(kinds.split()) != {b"commit"}:
        return False  # a tag, for one, is reached by nothing but its ref
    options: dict[str, Any] = {"path": path, "timeout": SECONDS, "environment": AS_NAMED}
    lost = await git.run("rev-list", "--max-count=1", "--stdin", **options, stdin=_lines(moved, visible))
    return not lost


def visible_refs(path: Path) -> dict[str, bytes]:
    """The oids of all refs but the server's own."""
    found = refs.snapshot(path).items()
    return {name: oid.encode("ascii") for name, oid in found if not name.startswith(names.HIDDEN_REFS)}


def _is_special(path: Path) -> bool:
    """Whether what a clone gets is not simply all that the refs reach."""
    objects = path / "objects"
    if any(objects.glob("pack/*.promisor")) or (objects / "info" / "alternates").exists():
        return True
    if any((path / name).exists() for name in ("shallow", "info/grafts")):
        return True
    return "hiderefs" in (path / "config").read_text("utf-8", "replace").lower()


async def _tips(git: Runs, path: Path, index: PackIndex) -> set[bytes]:
    """Oids in the pack from which all refs that have come since have grown: what was pushed or packed last, most likely."""
    command = ("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")
    inside, outside, hidden = set(), set(), names.HIDDEN_REFS.encode()
    for line in (await git.run(*command, path=path)).splitlines():
        name, oid, peeled = line.split(b" ")
        if name.startswith(hidden):
            continue
        # A tag that came later than its commit hides it.
        for found in (oid, peeled):
            if found and bytes.fromhex(found.decode()) in index:
                inside.add(found)
                break
        else:
            outside.add(oid)
    if not outside:
        return inside
    walk = ("rev-list", "--parents", f"--max-count={_COMMITS}", "--stdin")
    lines = await git.run(*walk, path=path, stdin=_lines(outside, inside), timeout=SECONDS, environment=AS_NAMED)
    return inside | await asyncio.to_thread(_grown_from, lines, index)


def _grown_from(lines: bytes, index: PackIndex) -> set[bytes]:
    """The parents in the pack of those commits that are not in it."""
    found: set[bytes] = set()
    for line in lines.splitlines():
        oid, *parents = line.split(b" ")
        if bytes.fromhex(oid.decode()) not in index:
            found.update(parent for parent in parents if bytes.fromhex(parent.decode()) in index)
    return found


def _lines(oids: Iterable[bytes], excluded: Collection[bytes] = ()) -> bytes:
    return b"".join(oid + b"\n" for oid in oids) + b"".join(b"^" + oid + b"\n" for oid in excluded)
