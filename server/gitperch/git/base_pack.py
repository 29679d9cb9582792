"""The base pack of a repository: one packfile of which it is proven that it holds exactly what certain tips reach.

What is proven once can be sent as it lies to whoever may have all of these tips. The record stands beside the packs and is
believed only as long as its pack is there; whoever repacks writes a new one, or none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

RECORD = "objects/info/gitperch-base"


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
