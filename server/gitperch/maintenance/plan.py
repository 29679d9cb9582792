"""What pays. Small repositories are packed anew whenever they have grown by a little; large ones are rolled up, and packed anew rarely.

The sizes are those of a machine with 1 GB and two slow cores: a full repack of a small repository takes a second or two there.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.git.base_pack import BasePack
    from gitperch.maintenance.inventory import Inventory, Pack
    from gitperch.maintenance.journal import Journal

SMALL_OBJECTS = 50_000
SMALL_BYTES = 64 << 20
LARGE_OBJECTS = 100_000  # from here on a bitmap pays where the largest pack has none
MUCH = 10  # and one over all packs, once those beside it hold a tenth of its objects
# Measured with git's own repository of 420,000 objects: a full repack with a bitmap needs 280 MB of data, writing a bitmap 170 MB.
FIXED_BYTES = 64 << 20
REPACK_BYTES = 560
BITMAP_BYTES = 320

LITTLE = 64  # objects outside the base pack that are not worth a repack of even the smallest repository
LOOSE = 1000
PACKS = 6
IDLE_SECONDS = 3600.0
REST_FACTOR = 20  # a large repository rests so many times as long as its last full repack took
REST_SECONDS = 60.0
AFTER_FAILURE = 86400.0


class Step(Enum):
    NOTHING = "nothing to do"
    ROLL_UP = "rolled up"
    FULL = "packed anew"


@dataclass(frozen=True)
class Situation:
    """`base` is None where no pack could be proven. `reached`: its tips still are. `idle`: seconds since the last push.

    `memory` is in bytes. `pressed`: an operator waits for it, so that nothing is put off.
    """

    seen: Inventory
    base: BasePack | None
    reached: bool
    journal: Journal
    memory: int
    idle: float
    now: float
    pressed: bool = False

    @property
    def largest(self) -> Pack | None:
        return self.seen.packs[0] if self.seen.packs else None

    @property
    def anchor(self) -> int:
        """Objects in the pack that stays when others are rolled up."""
        return self.base.objects if self.base else self.largest.objects if self.largest else 0

    @property
    def new(self) -> int:
        """Objects outside that pack which have come since the last full repack."""
        return self.seen.objects - self.anchor - self.journal.left

    @property
    def failed(self) -> bool:
        """Whether a full repack has failed lately."""
        return self.now < self.journal.failed_at + AFTER_FAILURE

    @property
    def small(self) -> bool:
        return self.seen.objects <= SMALL_OBJECTS and self.seen.size <= SMALL_BYTES

    @property
    def bitmap_pays(self) -> bool:
        """Whether git has much to walk without one, and the memory to write it."""
        return self.seen.objects >= LARGE_OBJECTS and self.fits(BITMAP_BYTES)

    @property
    def bitmap_over_all_pays(self) -> bool:
        return self.bitmap_pays and MUCH * (self.seen.objects - self.anchor) >= self.anchor

    def fits(self, bytes_per_object: int) -> bool:
        """Whether git will manage with its memory."""
        return FIXED_BYTES + self.seen.objects * bytes_per_object <= self.memory


def step(it: Situation) -> Step:
    """What to do now."""
    seen, journal = it.seen, it.journal
    if seen.promised or not seen.objects:
        return Step.NOTHING
    many = seen.loose - journal.left >= LOOSE or (len(seen.packs) > PACKS and not _is_geometric(seen.packs[1:]))
    otherwise = Step.ROLL_UP if many else Step.NOTHING
    if (it.failed and not it.pressed) or not (it.small or it.fits(REPACK_BYTES)) or not _has_room(it):
        return otherwise
    rested = it.pressed or it.now >= journal.packed_at + max(REST_SECONDS, REST_FACTOR * journal.packed_seconds)
    if not it.base:
        # Only packing anew makes a pack that can be proven. Once tried in vain, it is not tried at every push.
        tried = it.largest is not None and it.largest.path.name == journal.unproven
        if not tried or (it.small and it.now > journal.packed_at + IDLE_SECONDS):
            return Step.FULL
    elif not it.reached and (it.small or rested):
        return Step.FULL
    if it.small:
        return Step.FULL if it.new >= max(LITTLE, it.anchor // 8) else otherwise
    grown = it.new * 2 >= it.anchor and (it.pressed or it.idle >= IDLE_SECONDS or it.new >= it.anchor)
    return Step.FULL if grown and rested else otherwise


def is_put_off(it: Situation) -> bool:
    """Whether a full repack pays and only waits for its time, which comes without another push."""
    return not it.failed and step(it) is not Step.FULL and step(replace(it, pressed=True)) is Step.FULL


def _is_geometric(packs: Sequence[Pack]) -> bool:
    """Whether each holds at least twice as many objects as the next: there would be nothing to roll up."""
    return all(one.objects >= 2 * other.objects for one, other in pairwise(packs))


def _has_room(it: Situation) -> bool:
    """Whether the disk can hold everything twice."""
    return not it.largest or shutil.disk_usage(it.largest.path.parent).free > it.seen.size * 1.5 + (64 << 20)
