"""What upkeep did to a repository last, beside its objects: for the next look, also after a restart, and for `gitperch doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RECORD = "objects/info/gitperch-upkeep"


@dataclass(frozen=True)
class Journal:
    """Times are Unix seconds.

    `at` and `did`: the last upkeep, in words. `began`: one that has not ended, 0 where there is none.
    `packed_at`, `packed_seconds`, `left`: the last full repack, and how many objects were outside its largest pack after it.
    `unproven`: the name of a pack of which nothing could be proven. `failed_at`: the last repack that failed.
    """

    at: float = 0.0
    did: str = ""
    began: float = 0.0
    packed_at: float = 0.0
    packed_seconds: float = 0.0
    left: int = 0
    unproven: str = ""
    failed_at: float = 0.0


def read(path: Path) -> Journal:
    """The journal of the repository at `path`; a new one where there is none that can be read."""
    try:
        record = json.loads((path / RECORD).read_text("utf-8"))
        fields = asdict(Journal())
        return Journal(**{name: type(fields[name])(record[name]) for name in fields if name in record})
    except (OSError, ValueError, TypeError):
        return Journal()


def write(path: Path, journal: Journal) -> None:
    """Raises OSError where the repository is gone."""
    target = path / RECORD
    target.parent.mkdir(exist_ok=True)
    beside = target.with_suffix(".new")
    beside.write_text(json.dumps(asdict(journal)), "utf-8")
    beside.replace(target)
