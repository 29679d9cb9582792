"""What a search reads: the texts of a history in segments, written down, damaged, gone, and made again."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate

from gitperch_graph.search import answers, changes, drafts, texts, writing
from gitperch_graph.search.grammar import parsed
from gitperch_graph.search.reach import Reaches
from support.graph_client import Client, News
from support.graph_search import by_git, found, have_small_segments, until
from support.house import House, Test, runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    have_small_segments(monkeypatch)


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "another", "gone"])
def test_texts_that_do_not_fit_are_made_again(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(texts, "TAIL", 0)
    source = generate(tmp_path / "source.git", commits=300, branches=3, seed=5)
    other = generate(tmp_path / "other.git", commits=300, branches=3, seed=6)
    expected = by_git(source, "--grep=parser", "-i")

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        second = await Client.of(it, other, name="other")
        await news.next()
        await news.next()
        assert set(await found(client, "parser")) == expected
        await found(second, "parser")
        folder = it.host.config.data / "plugins" / "graph_texts"
        (file,) = (folder / "1").iterdir()
        data = file.read_bytes()
        plugin: Any = it.host.plugins.by_name["graph"]
        shelves = plugin.search.texts._shelves
        shelves.clear()  # as after a restart
        if damage == "gone":
            file.unlink()
        elif damage == "another":
            file.write_bytes((folder / "2" / file.name).read_bytes())
        else:
            file.write_bytes(data[:-9] if damage == "truncated" else data[:900] + b"?" + data[901:])
        assert set(await found(client, "parser")) == expected
        assert file.read_bytes() == data

    run(test)


def test_long_messages_are_cut_and_hide_nothing(run: Callable[[Test], None], tmp_path: Path) -> None:
    work, message = tmp_path / "work", tmp_path / "message"
    commit(work, {"a": "1"})
    for long in ("first\n\n" + "x" * 100 + " early " + "y" * (1 << 20) + " late", "z" * (1 << 20), "last"):
        message.write_text(long)
        assert git("commit", "-q", "--allow-empty", "-F", str(message), cwd=work).returncode == 0

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, work / ".git")
        await news.next()
        assert [len(await found(client, query)) for query in ("early", "late", "zzzz", "last")] == [1, 0, 1, 1]

    run(test)


def test_texts_stay_small_however_long_the_messages_are() -> None:
    head = (
        b"tree 0\nauthor Ada <ada@example.com> 1700000000 +0000\ncommitter Ada <ada@example.com> 1700000000 +0000\n\n"
    )
    dice = random.Random(1)
    draft, paths = drafts.TextsDraft(), changes.PathsDraft()
    for number in range(400):
        noise = dice.randbytes(6000).hex().encode()
        draft.add(head + b"%d\n\n" % number + noise)
        paths.add([noise[at : at + 200] for at in range(0, 12000, 10)])
    size = len(draft.encoded(b""))
    assert 1 << 20 < size < drafts.CREDIT + 400 * (drafts.ALLOWANCE + 200)
    assert len(paths.encoded(b"")) < changes.SIZE + 2 * changes.CREDIT + 400 * 2 * (changes.ALLOWANCE + 10)


@pytest.mark.usefixtures("small_segments")
def test_who_searches_before_everything_is_written_takes_what_is_there(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "TAIL", 0)
    monkeypatch.setattr(writing, "PROGRESS_SECONDS", 0.01)
    source = generate(tmp_path / "source.git", commits=300, branches=3, seed=5)
    asked, go_on = list[int](), asyncio.Event()
    really = writing._ask

    async def slowly(*arguments: Any) -> None:
        asked.append(1)
        if len(asked) > 2:
            await go_on.wait()
        await really(*arguments)

    async def test(it: House) -> None:
        monkeypatch.setattr(writing, "_ask", slowly)
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        plugin: Any = it.host.plugins.by_name["graph"]
        repo, index = client.repo, await plugin.graphs.index(client.repo)
        search = answers.Search(
            it.host.git, plugin.search.texts, Reaches(), repo, index, index, "", parsed("the", 0), 1000, "me"
        )
        said, rows = [], 0
        async for line in search.lines():
            assert isinstance(line, dict)
            said.append(line)
            rows += len(line.get("hits", ()))
            if "building" in line and rows == 300 % 64 + 64:
                assert 0.3 < line["building"] < 0.5
                go_on.set()
        assert go_on.is_set()
        assert (rows, said[-1]["count"], said[-1]["more"]) == (300, 300, False)
        assert len(asked) == 5

    run(test)


def test_a_deleted_repository_leaves_no_texts(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "TAIL", 0)
    source = generate(tmp_path / "source.git", commits=100, branches=2)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        assert await found(client, "the -path:nowhere")
        folder = it.host.config.data / "plugins" / "graph_texts"
        assert {file.name for file in (folder / "1").iterdir()} == {"00000.texts", "00000.paths"}
        await it.host.repositories.delete(client.repo)
        await until(lambda: not list(folder.iterdir()))

    run(test)
