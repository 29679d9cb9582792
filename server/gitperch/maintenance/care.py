"""One look after one repository: leftovers, packs, bitmap, base pack, in this order, and only what pays."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitperch.git import GitError, base_pack
from gitperch.maintenance import inventory, journal, leftovers, plan
from gitperch.maintenance.plan import Situation, Step

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git.base_pack import BasePack
    from gitperch.maintenance.inventory import Inventory
    from gitperch.maintenance.packing import Packing
    from gitperch.maintenance.quietly import Quietly

LOOSE_REFS = 200


class Care:
    """For one repository, once, within a turn of `git`. `idle` is in seconds since the last push, `pressed` as in Situation."""

    def __init__(self, git: Quietly, packing: Packing, path: Path, *, idle: float, pressed: bool) -> None:
        self._git = git
        self._packing = packing
        self._path = path
        self._idle = idle
        self._pressed = pressed
        self.packed_anew = False
        self.put_off = False
        self._said: list[str] = []
        self._journal = journal.read(path)

    async def give(self) -> str:
        """Do what pays; what was done in words, "" for nothing. Raises GitError, OSError where the repository is gone."""
        removed = await asyncio.to_thread(leftovers.remove, self._path, since=self._journal.began or None)
        if removed:
            self._said.append(f"{removed} leftovers removed")
        self._note(began=time.time())
        try:
            await self._packs()
        except GitError:
            # git does not tidy up when its memory runs out.
            await asyncio.to_thread(leftovers.remove, self._path, since=self._journal.began)
            self._note(began=0.0)
            raise
        did = ", ".join(self._said)
        self._note(began=0.0, **({"at": time.time(), "did": did} if did else {}))
        return did

    async def _packs(self) -> None:
        seen = await asyncio.to_thread(inventory.taken, self._path)
        base = base_pack.read(self._path) or await self._proven(seen)
        reached = base is None or await base_pack.is_reached(self._git, self._path, base)
        situation = self._situation(seen, base, reached=reached)
        chosen, self.put_off = plan.step(situation), plan.is_put_off(situation)
        if chosen is Step.FULL:
            await self._pack_fully(seen)
        elif chosen is Step.ROLL_UP:
            await self._roll_up(seen, base)
        elif not base and seen.packs:
            self._note(unproven=seen.packs[0].path.name)
        if seen.loose_refs > LOOSE_REFS:
            await self._packing.refs(self._path)
            self._said.append(f"{seen.loose_refs} refs packed")

    async def _pack_fully(self, before: Inventory) -> None:
        began = time.monotonic()
        try:
            await self._packing.fully(self._path)
        except GitError:
            self._note(failed_at=time.time(), unproven=before.packs[0].path.name if before.packs else "")
            raise
        took = time.monotonic() - began
        self.packed_anew = True
        self._did(Step.FULL, before, took)
        seen = await asyncio.to_thread(inventory.taken, self._path)
        largest = seen.packs[0] if seen.packs else None
        left = seen.objects - largest.objects if largest else 0
        self._note(packed_at=time.time(), packed_seconds=took, left=left, failed_at=0.0, unproven="")
        base = await self._proven(seen)
        if largest and not base:
            self._note(unproven=largest.path.name)

    async def _roll_up(self, before: Inventory, base: BasePack | None) -> None:
        began = time.monotonic()
        stays = next((pack for pack in before.packs if not base or pack.path == base.pack_path), None)
        bitmap = self._situation(before, base).bitmap_over_all_pays
        await self._packing.roll_up(self._path, stays, bitmap=bitmap)
        self._did(Step.ROLL_UP, before, time.monotonic() - began)
        await self._bitmap(await asyncio.to_thread(inventory.taken, self._path))

    async def _bitmap(self, seen: Inventory) -> None:
        """One for the largest pack, where it pays and none is there."""
        if not seen.has_bitmap and self._situation(seen, None).bitmap_pays:
            with contextlib.suppress(GitError):  # the pack may lack what its commits need: then there is none
                await self._packing.write_bitmap(self._path, seen.packs[0])
                self._said.append("bitmap written")

    async def _proven(self, seen: Inventory) -> BasePack | None:
        """The largest pack, with its proof put on record; None where there is no proof to be had."""
        if not seen.packs or (seen.packs[0].path.name == self._journal.unproven and not self._pressed):
            return None
        largest = seen.packs[0]
        if 2 * largest.objects < seen.objects and self._situation(seen, None).fits(plan.REPACK_BYTES):
            return None  # packing it anew is cheaper than a proof, a bitmap and a new pack soon
        await self._bitmap(seen)  # it makes the proof ten times as quick
        base = await base_pack.prove(self._git, self._path, largest.path)
        if base:
            await asyncio.to_thread(base_pack.write, self._path, base)
            self._said.append(f"base pack of {base.objects} objects proven")
        return base

    def _situation(self, seen: Inventory, base: BasePack | None, *, reached: bool = True) -> Situation:
        options: dict[str, Any] = {"memory": self._git.memory, "idle": self._idle, "pressed": self._pressed}
        return Situation(seen, base, reached, self._journal, now=time.time(), **options)

    def _did(self, step: Step, before: Inventory, took: float) -> None:
        what = f"{before.objects} objects in {len(before.packs)} packs and {before.loose} loose"
        self._said.append(f"{step.value} in {took:.1f} s (before: {what})")

    def _note(self, **changes: Any) -> None:
        self._journal = replace(self._journal, **changes)
        journal.write(self._path, self._journal)
