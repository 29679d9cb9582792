"""Places for git processes: bounded, in turn among clients, and never lost."""

from __future__ import annotations

import asyncio
import random

import pytest

from gitperch.errors import Busy
from gitperch.git.admission import Admission


def test_a_client_with_many_requests_delays_its_own() -> None:
    async def scene() -> None:
        admission, order = Admission(2, 5), []

        async def request(client: str) -> None:
            async with admission.turn(client):
                order.append(client)
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(request("greedy"))
            await asyncio.sleep(0)
            group.create_task(request("modest"))
        assert order.index("modest") == 2, "the first place that got free"

    asyncio.run(scene())


def test_who_waits_too_long_is_told_so_and_takes_no_place_with_it() -> None:
    async def scene() -> None:
        admission = Admission(1, 0.02)
        async with admission.turn("a"):
            with pytest.raises(Busy):
                async with admission.turn("b"):
                    pytest.fail("there was no place")
        async with admission.turn("b"):
            pass

    asyncio.run(scene())


def test_no_place_is_lost_whenever_those_who_wait_go_away() -> None:
    async def scene() -> None:
        chance, admission, inside, most = random.Random(4), Admission(3, 0.004), 0, 0

        async def request(client: str) -> None:
            nonlocal inside, most
            async with admission.turn(client):
                inside += 1
                most = max(most, inside)
                try:
                    await asyncio.sleep(chance.random() / 200)
                finally:
                    inside -= 1

        tasks = []
        for number in range(400):
            tasks.append(asyncio.create_task(request(str(number % 7))))
            await asyncio.sleep(chance.random() / 2000)
            if chance.random() < 0.4:
                chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most == 3
        async with admission.turn("a"), admission.turn("b"), admission.turn("c"):
            assert inside == 0

    asyncio.run(scene())


def test_a_quarter_of_the_places_is_for_others() -> None:
    async def scene() -> None:
        admission = Admission(4, 0.02)
        async with admission.turn("a"), admission.turn("a"), admission.turn("a"):
            with pytest.raises(Busy):
                async with admission.turn("a"):
                    pytest.fail("it has three of four")
            async with admission.turn("b"):
                pass

    asyncio.run(scene())
