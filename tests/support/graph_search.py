"""Somebody who searches in a history, and what git itself finds there."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitperch_graph.search import answers, shelf, texts, writing
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from support.graph_client import Client

Line = dict[str, Any]


def have_small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 64 commits, so that a short history has several."""
    for module in (answers, shelf, texts, writing):
        monkeypatch.setattr(module, "ROWS", 64)


async def lines(client: Client, query: str, options: str = "&limit=1000") -> list[Line]:
    answer = await client.answer(f"/search?q={quote(query)}{options}")
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def found(client: Client, query: str) -> list[str]:
    """The oids of what a query finds, in the order of the answer."""
    said = await lines(client, query)
    hits = [hit for line in said for hit in line.get("hits", ())]
    assert said[-1]["count"] == len(hits)
    assert not said[-1]["more"]
    return [hit["oid"] for hit in hits]


def by_git(repository: Path, *options: str) -> set[str]:
    return set(git("log", "--branches", "--tags", "--format=%H", *options, cwd=repository).stdout.split())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 -- what is waited for happens inside the server
            await asyncio.sleep(0.01)
