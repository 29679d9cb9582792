"""When a repository is packed anew, when it is rolled up, and when it is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitperch.git.base_pack import BasePack
from gitperch.maintenance.inventory import Inventory, Pack
from gitperch.maintenance.journal import Journal
from gitperch.maintenance.plan import Situation, Step, is_put_off, step

HOUR = 3600.0
NOW = 1_800_000_000.0
# Where there is certainly some room left on the disk: beside this file.
FOLDER = Path(__file__).parent


def pack(objects: int, number: int = 0, **flags: bool) -> Pack:
    beside = {"kept": False, "cruft": False, "promised": False, "bitmap": False} | flags
    return Pack(FOLDER / f"pack-{number}.pack", objects * 100, objects, **beside)


def situation(*objects: int, loose: int = 0, base: int = 0, **changes: Any) -> Situation:
    """Packs of so many objects each, of which the first is the base pack if `base` says so."""
    packs = tuple(pack(count, number) for number, count in enumerate(objects))
    seen = Inventory(packs, (), loose, 0, midx_bitmap=False)
    proven = BasePack(packs[0].path, base, packs[0].size, frozenset({b"1"})) if base else None
    it = Situation(seen, proven, True, Journal(), 384 << 20, idle=0.0, now=NOW)
    return replace(it, **changes)


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (situation(), Step.NOTHING),
        (situation(loose=3), Step.FULL),
        (situation(1000, base=1000), Step.NOTHING),
        (situation(1000, loose=100, base=1000), Step.NOTHING),
        (situation(1000, loose=130, base=1000), Step.FULL),
        (situation(1000, 130, base=1000), Step.FULL),
        (situation(1000, base=1000, reached=False), Step.FULL),
        # Loose objects that no ref reaches stay for two weeks where git has no cruft packs: they are nothing new.
        (situation(1000, loose=130, base=1000, journal=Journal(left=120)), Step.NOTHING),
        # Nothing could be proven after the last repack.
        (situation(1000, journal=Journal(packed_at=NOW, unproven="pack-0.pack")), Step.NOTHING),
        (situation(1000, loose=130, journal=Journal(packed_at=NOW, unproven="pack-0.pack")), Step.FULL),
        (situation(1000, journal=Journal(packed_at=NOW - 2 * HOUR, unproven="pack-0.pack")), Step.FULL),
        (situation(1000, journal=Journal(failed_at=NOW - HOUR)), Step.NOTHING),
        (situation(1000, journal=Journal(failed_at=NOW - HOUR), pressed=True), Step.FULL),
    ],
)
def test_small_ones_are_packed_anew_as_they_grow(it: Situation, expected: Step) -> None:
    assert step(it) is expected


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (situation(400_000), Step.FULL),
        (situation(400_000, loose=999, base=400_000), Step.NOTHING),
        (situation(400_000, loose=1000, base=400_000), Step.ROLL_UP),
        (situation(400_000, *[120] * 6, base=400_000), Step.ROLL_UP),
        (situation(400_000, *[100 << n for n in range(6, 0, -1)], base=400_000), Step.NOTHING),
        (situation(300_000, 200_000, base=300_000), Step.NOTHING),
        (situation(300_000, 200_000, base=300_000, idle=2 * HOUR), Step.FULL),
        (situation(300_000, 200_000, base=300_000, pressed=True), Step.FULL),
        (situation(250_000, 250_000, base=250_000), Step.FULL),
        # What a large repository's last repack took decides how long it rests.
        (situation(400_000, base=400_000, reached=False, journal=Journal(packed_at=NOW - HOUR)), Step.FULL),
        (
            situation(400_000, base=400_000, reached=False, journal=Journal(packed_at=NOW - HOUR, packed_seconds=300)),
            Step.NOTHING,
        ),
        (situation(900_000), Step.NOTHING),
        (situation(900_000, loose=5000), Step.ROLL_UP),
        (situation(900_000, memory=1 << 30), Step.FULL),
    ],
)
def test_large_ones_are_rolled_up_and_rarely_packed_anew(it: Situation, expected: Step) -> None:
    assert step(it) is expected


def test_what_is_put_off_is_known() -> None:
    grown = situation(300_000, 200_000, base=300_000)
    assert is_put_off(grown)
    assert not is_put_off(replace(grown, idle=2 * HOUR))  # since it is done now
    assert not is_put_off(replace(grown, journal=Journal(failed_at=NOW - HOUR)))
    assert is_put_off(situation(100, 300_000, base=100, journal=Journal(packed_at=NOW - 10)))
    assert not is_put_off(situation(400_000, base=400_000))


def test_one_whose_objects_are_elsewhere_is_left_alone() -> None:
    seen = Inventory((pack(1000),), (pack(10, 1, promised=True),), 5000, 0, midx_bitmap=False)
    assert step(replace(situation(1000), seen=seen)) is Step.NOTHING
