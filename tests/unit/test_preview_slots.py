"""Build slots: so many at once, the repositories in turn, and none lost to whoever is cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch_preview.conductor.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Builds:
    """Builds that go on until they are let go; `begun` are the repositories in the order in which they had a turn."""

    def __init__(self, places: int) -> None:
        self.slots = Slots(places)
        self.begun: list[int] = []
        self._go: list[asyncio.Event] = []

    async def build(self, repo_id: int) -> None:
        async with self.slots.turn(repo_id):
            self.begun.append(repo_id)
            go = asyncio.Event()
            self._go.append(go)
            await go.wait()

    async def end_one(self) -> None:
        self._go.pop(0).set()
        await turns()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_repositories_have_their_turns_one_after_another() -> None:
    async def test() -> None:
        builds = Builds(1)
        async with asyncio.TaskGroup() as group:
            for repo_id in (1, 1, 1, 2, 3, 2):
                group.create_task(builds.build(repo_id))
            await turns()
            assert builds.slots.are_taken
            for _ in range(6):
                await builds.end_one()
        assert builds.begun == [1, 2, 3, 1, 2, 1]
        assert not builds.slots.are_taken

    run(test())


def test_no_place_is_lost_to_who_is_cancelled_at_the_moment_of_its_turn() -> None:
    """A task that was cancelled stands in the row until its own turn of the event loop."""

    async def test() -> None:
        builds = Builds(1)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(builds.build(1))
            second = group.create_task(builds.build(2))
            group.create_task(builds.build(3))
            await turns()
            second.cancel()
            first.cancel()
            await turns()
            assert builds.begun == [1, 3]
            fourth = group.create_task(builds.build(4))
            await turns()
            builds._go[-1].set()
            fourth.cancel()  # its turn comes in the same moment
            await turns()
        assert not builds.slots.are_taken

    run(test())
