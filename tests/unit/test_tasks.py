"""Background tasks begin and end as the supervisor promises."""

from __future__ import annotations

import asyncio

from gitperch.tasks import Supervisor


def test_a_task_that_has_just_ended_can_be_started_again_at_once() -> None:
    """A lane that found nothing more ends; an event that comes in that very moment needs a lane again, or waits for ever."""

    async def scene() -> list[str]:
        tasks, ran = Supervisor(), []

        async def first() -> None:
            ran.append("first")
            # Runs after this task's last step, and before the loop calls back those who wait for its end.
            asyncio.get_running_loop().call_soon(tasks.start, "lane", second)

        async def second() -> None:
            ran.append("second")

        tasks.start("lane", first)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not tasks.running("lane")
        return ran

    assert asyncio.run(scene()) == ["first", "second"]


def test_a_task_that_runs_is_not_started_twice() -> None:
    async def scene() -> int:
        tasks, ran = Supervisor(), []

        async def work() -> None:
            ran.append(1)
            await asyncio.sleep(60)

        for _ in range(3):
            tasks.start("lane", work)
        await asyncio.sleep(0)
        await tasks.stop()
        return len(ran)

    assert asyncio.run(scene()) == 1
