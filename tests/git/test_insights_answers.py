"""What is asked for the figures of a history over HTTP, and what is refused."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from support.house import House, Test, runner
from support.insights import Onlooker
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_insights:InsightsPlugin")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?after=yesterday", "after"),
        ("?before=2026-02-30", "before"),
        ("?after=2026-02-03&before=2026-02-01", "after"),
        ("?months=0", "months"),
        ("?months=" + "9" * 5000, "months"),
        ("?months=3&after=2026-01-01", "months"),
    ],
)
def test_bad_ranges_are_named(run: Callable[[Test], None], query: str, field: str) -> None:
    async def test(it: House) -> None:
        answer = await (await Onlooker.of(it)).answer(query)
        assert (answer.status, answer.json()["field"]) == (400, field)

    run(test)


def test_an_answer_that_is_known_is_not_sent_again(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=300, branches=0)

    async def test(it: House) -> None:
        look = await Onlooker.of(it, source)
        await look.figures()
        plain, packed = await look.answer(), await look.answer(Accept_Encoding="gzip")
        assert gzip.decompress(packed.body) == plain.body
        assert (await look.answer(If_None_Match=plain.headers["etag"])).status == 304
        assert (await look.answer("?months=3", If_None_Match=plain.headers["etag"])).status == 200
        git("update-ref", "refs/heads/main", "main~1", cwd=look.repo.path)
        assert (await look.answer(If_None_Match=plain.headers["etag"])).status == 200

    run(test)


def test_private_figures_look_like_none_at_all(run: Callable[[Test], None]) -> None:
    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        assert (await look.answer(Authorization="")).status == 401
        look.token = await it.token("bob")
        assert (await look.answer()).status == 404
        assert (await look.answer(path="/alice/thing/insights")).status == 404
        public = await Onlooker.of(it, name="open", private=False)
        assert (await public.answer(Authorization="")).status == 200
        page = await public.answer(path="/alice/open/insights", Authorization="")
        assert (page.status, "No commits yet" in page.text) == (200, True)

    run(test)
