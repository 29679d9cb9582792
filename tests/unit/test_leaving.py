"""Work for somebody who has left is ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from gitperch.errors import NotFound
from gitperch.pages.leaving import LEFT, ends_with_client

if TYPE_CHECKING:
    from collections.abc import Awaitable


class Handlers:
    ended = False

    @ends_with_client
    async def slow(self, request: Request) -> Response:
        try:
            await asyncio.sleep(60)
        finally:
            self.ended = True
        return Response("done")

    @ends_with_client
    async def quick(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return Response("done")

    @ends_with_client
    async def wrong(self, request: Request) -> Response:
        raise NotFound("There is nothing.")


def request(leaves: bool) -> Request:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.01 if leaves else 60)
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "headers": []}, receive)


async def answered(work: Awaitable[Response]) -> Response:
    return await work


def test_a_client_that_leaves_ends_the_work_for_it() -> None:
    handlers = Handlers()
    response = asyncio.run(answered(handlers.slow(request(leaves=True))))
    assert response.status_code == LEFT
    assert handlers.ended


def test_a_client_that_stays_gets_its_answer_or_its_error() -> None:
    assert asyncio.run(answered(Handlers().quick(request(leaves=False)))).body == b"done"
    with pytest.raises(NotFound):
        asyncio.run(answered(Handlers().wrong(request(leaves=False))))


def test_a_handler_that_is_cancelled_takes_its_work_along() -> None:
    handlers = Handlers()

    async def stop() -> None:
        task = asyncio.ensure_future(handlers.slow(request(leaves=False)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(stop())
    assert handlers.ended
