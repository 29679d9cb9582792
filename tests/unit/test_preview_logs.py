"""A deployment's log stays small while its app writes to it, and can be followed meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitperch_preview.logs import Logs, cap
from gitperch_preview.logs.reading import Reader, follow

LIMIT = 256 << 10
BLOCKS = 16 << 10  # more: a file system keeps whole ones
# Writes numbered lines to its standard output for a while, and then says so.
APP = """
import os, sys, time
n, until = 0, time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    for _ in range(400):
        os.write(1, b"line %08d of an app that talks too much\\n" % n); n += 1
    time.sleep(float(sys.argv[2]))
os.write(1, b"the end after %d\\n" % n)
"""


async def none() -> tuple[str, ...]:
    return ()


def app(path: Path, seconds: float, pause: float) -> subprocess.Popen[bytes]:
    """An app whose standard output is the file, as a runner gives it."""
    with path.open("ab") as file:
        return subprocess.Popen([sys.executable, "-c", APP, str(seconds), str(pause)], stdout=file)


def text_of(path: Path) -> str:
    with Reader(path, ()) as reader:
        text = ""
        while piece := reader.read(last=True):
            text += piece.text
    return text


async def small(path: Path) -> None:
    """Wait until somebody has made it so."""
    async with asyncio.timeout(60):
        while path.stat().st_blocks * 512 > LIMIT + BLOCKS:  # noqa: ASYNC110 -- a file
            await asyncio.sleep(0.05)


@pytest.fixture(params=["a hole", "a shift"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Both ways of keeping a file small; the second where the file system knows no holes."""
    if request.param == "a shift":
        monkeypatch.setattr(cap, "_punch", lambda *_: False)
    else:
        probe = tmp_path / "probe"
        probe.write_bytes(b"x" * (1 << 20))
        if not cap.held(probe, LIMIT):
            pytest.skip("this file system knows no holes")
    return str(request.param)


def test_a_log_is_kept_small_under_a_writing_process_with_its_beginning_and_its_end(tmp_path: Path, way: str) -> None:
    logs = Logs(tmp_path / "logs", LIMIT)

    async def main() -> None:
        written = logs.open(1, 7)
        written.heading("Found a Procfile")
        written.line("web: ./serve\nbecause it is there")
        keeper = asyncio.ensure_future(logs.keep_small())
        process = app(written.path, 2.5, 0.01)
        assert await asyncio.to_thread(process.wait, 20) == 0
        await small(written.path)
        keeper.cancel()

    asyncio.run(main())
    path = logs.path(1, 7)
    assert path.stat().st_mode & 0o777 == 0o600
    text = text_of(path)
    assert text.startswith("-----> Found a Procfile · ")
    assert "       web: ./serve\n       because it is there\nline 00000000" in text
    last = int(text.splitlines()[-1].removeprefix("the end after "))
    assert f"line {last - 1:08} of an app" in text
    assert last * 44 > 4 * LIMIT, "the app did not write enough for this test"
    assert len(text) <= LIMIT + BLOCKS
    assert text.count("left out") >= 1
    if way == "a hole":  # every line that is still there is whole, and none but those left out are missing
        numbers = [int(line[5:13]) for line in text.splitlines() if line.startswith("line ")]
        gaps = [b - a for a, b in itertools.pairwise(numbers) if b - a != 1]
        assert len(gaps) == 1, gaps


def test_the_last_words_of_an_app_are_looked_at_and_those_that_another_server_heard(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs", LIMIT)

    async def main() -> None:
        keeper = asyncio.ensure_future(logs.keep_small())
        await asyncio.sleep(0.1)
        written = logs.open(1, 7)
        await asyncio.sleep(0.1)
        written.append("first\n")
        written.append(("x" * 99 + "\n") * 20_000)
        logs.rest(1, 7)
        await small(written.path)
        keeper.cancel()

    asyncio.run(main())
    long = logs.path(2, 8)
    long.parent.mkdir()
    long.write_text(("x" * 99 + "\n") * 20_000)
    again = Logs(tmp_path / "logs", LIMIT)

    async def start() -> None:
        keeper = asyncio.ensure_future(again.keep_small())
        await small(long)
        keeper.cancel()

    asyncio.run(start())
    assert text_of(long).count("left out") == 1


def test_whoever_follows_reads_every_line_once_though_the_log_is_cut_meanwhile(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs", 2 * LIMIT)  # its last half is longer than what is said between two looks

    async def main() -> str:
        written = logs.open(1, 7)
        keeper = asyncio.ensure_future(logs.keep_small())
        process = app(written.path, 3, 0.05)

        def over() -> bool:
            return process.poll() is not None

        text = ""
        with Reader(written.path, ()) as reader:
            async for piece in follow(reader, none, over):
                text += piece.text if piece else ""
        keeper.cancel()
        return text

    lines = asyncio.run(main()).splitlines()
    assert lines[-1].startswith("the end after ")
    numbers = [int(line[5:13]) for line in lines[:-1] if line.startswith("line ")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) == int(lines[-1].removeprefix("the end after "))
    assert "left out" in text_of(logs.path(1, 7)), "the log was not cut"


def test_a_log_that_is_not_there_yet_can_be_followed_and_one_that_is_removed_ends(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs")
    seen: list[str] = []

    async def main() -> None:
        async def reading() -> None:
            with Reader(logs.path(1, 7), ()) as reader:
                async for piece in follow(reader, none, lambda: False):
                    if piece:
                        seen.append(piece.text)  # noqa: PERF401 -- to be seen at once

        task = asyncio.ensure_future(reading())
        await asyncio.sleep(0.3)
        logs.open(1, 7).line("hello")
        async with asyncio.timeout(60):
            while not seen:  # noqa: ASYNC110 -- what another task has read
                await asyncio.sleep(0.05)
            await logs.remove(1, 7)
            await task

    asyncio.run(main())
    assert "".join(seen) == "       hello\n"
    assert not (tmp_path / "logs" / "1").exists()


def test_an_app_that_empties_or_stretches_its_own_log_harms_nobody_else(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs", LIMIT)
    path = logs.open(1, 7).path
    logs.open(1, 7).line("first")
    with Reader(path, ()) as reader:
        assert reader.read()
        os.truncate(path, 0)
        logs.open(1, 7).line("second")
        os.truncate(path, 1 << 40)
        begun = time.monotonic()
        cap.held(path, LIMIT)
        while reader.read(last=True):
            pass
        assert time.monotonic() - begun < 5
    assert text_of(path).startswith("       second\n")
    assert path.stat().st_blocks * 512 <= LIMIT


def test_a_log_is_made_short_again_before_its_app_may_write_no_further(tmp_path: Path) -> None:
    """An app under RLIMIT_FSIZE is killed when its own log gets longer than that, holes or not."""
    logs = Logs(tmp_path / "logs", LIMIT)
    path = logs.open(1, 7).path
    logs.open(1, 7).line("first")
    os.truncate(path, 1 << 30)  # as after a month of holes
    with path.open("a") as file:
        file.write("".join(f"line {n:08}\n" for n in range(40_000)))
    with Reader(path, ()) as reader:
        while reader.read():
            pass
        assert cap.held(path, LIMIT) == 0
        assert path.stat().st_size <= LIMIT + 4096
        with path.open("a") as file:
            file.write("more\n")
        assert reader.read() is None, "what was written before it noticed"
        with path.open("a") as file:
            file.write("and more\n")
        piece = reader.read()
        assert piece
        assert piece.text == "and more\n"
    text = text_of(path)
    assert text.startswith("       first\n")
    assert text.endswith("line 00039999\nmore\nand more\n")


def test_a_sweep_removes_what_no_record_explains(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs")

    async def main() -> None:
        for repo_id, number in ((1, 7), (1, 8), (2, 9)):
            logs.open(repo_id, number)

        async def known() -> set[int]:
            return {8}

        await logs.sweep(known)

    asyncio.run(main())
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == ["logs", "logs/1", "logs/1/8.log"]


def test_what_is_written_after_its_log_was_removed_makes_no_new_one(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs")
    written = logs.open(1, 7)
    logs.open(1, 8)
    asyncio.run(logs.remove(1, 7))
    written.heading("Too late")
    assert [path.name for path in (tmp_path / "logs" / "1").iterdir()] == ["8.log"]


def test_a_heading_is_one_line_whatever_a_repository_puts_into_it(tmp_path: Path) -> None:
    written = Logs(tmp_path).open(1, 7)
    written.heading("Building \x1b[2J\nevil\r\x00name")
    written.line("")
    text = text_of(written.path)
    assert text.splitlines()[0].startswith("-----> Building  evil name · ")
    assert len(text.splitlines()) == 2


def test_a_log_is_never_written_through_a_link(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs")
    written = logs.open(1, 7)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    written.path.unlink()
    written.path.symlink_to(victim)
    written.line("no")
    with pytest.raises(OSError, match="symbolic"):
        text_of(written.path)
    assert Path(victim).read_text() == "precious"
