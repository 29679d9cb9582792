"""Apps as processes of this machine: from a commit to an answer, and to nothing again."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from gitperch_preview.contract import Command, RunnerError
from gitperch_preview.runners.process.cell import becoming
from support.processes import Bench, Run, answering, serving, step


def test_a_commit_is_built_started_asked_and_stopped(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({"app.py": serving("open('built').read()")})
        deployment = bench.deployment(
            oid, build=step("echo building; echo made-of-$COLOUR > built"), environment={"COLOUR": "it's red"}
        )
        running = await bench.up(deployment, "python3 app.py")
        assert await answering(running) == "made-of-it's red\n"
        assert bench.log.headings[0].startswith("Checking out ")
        assert "\nbuilding\n" in bench.log.text
        used = await bench.runner.memory(running)
        assert used, kind
        assert 2 << 20 < used < 200 << 20
        await bench.runner.stop(running)
        await bench.runner.stop(running)
        assert (await running.ended).reason == "It was stopped."
        assert await bench.runner.memory(running) is None
        again = await bench.runner.start(deployment, bench.log, Command("exec python3 app.py", "a test"))
        assert await answering(again) == "made-of-it's red\n"
        await bench.runner.discard(deployment.id)
        assert again.ended.done()
        assert [thing.kind for thing in await bench.runner.things()] == ["cache"]
        await bench.runner.discard(deployment.id)

    benched(test)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_an_app_in_node_listens_where_it_is_told(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        app = "require('http').createServer((_, r) => r.end('node ' + process.cwd())).listen(process.env.PORT, process.env.HOST)"
        deployment = bench.deployment(bench.commit({"web/app.js": app}), root="web")
        running = await bench.up(deployment, "node app.js")
        assert (await answering(running)).endswith("/web")

    benched(test)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 3", "It ended with status 3."),
        ("kill -SEGV $$", "It was ended by SIGSEGV."),
        ("no-such-program", "It ended with status 127."),
    ],
)
def test_the_end_of_an_app_is_told_in_words(benched: Run, line: str, words: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"a": "b"}))
        await bench.runner.build(deployment, bench.log)
        running = await bench.runner.start(deployment, bench.log, Command(line, "a test"))
        assert (await asyncio.wait_for(running.ended, 60)).reason == words

    benched(test)


def test_a_build_that_fails_says_what_failed_and_leaves_nothing(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({"a": "b"})
        with pytest.raises(RunnerError, match=r"`false` failed\. It ended with status 1\."):
            await bench.runner.build(bench.deployment(oid, build=step("false")), bench.log)
        with pytest.raises(RunnerError, match="root is 'nowhere'"):
            await bench.runner.build(bench.deployment(oid, root="nowhere"), bench.log)
        assert [thing.kind for thing in await bench.runner.things()] == ["cache"]

    benched(test)


@pytest.mark.parametrize(
    ("line", "became"),
    [
        ("node server.js --port $PORT", "exec node server.js --port $PORT"),
        ("./run 'a b'", "exec ./run 'a b'"),
        ("a && b", "a && b"),
        ("a; b", "a; b"),
        ("a | b", "a | b"),
        ("A=1 b", "A=1 b"),
        ("cd web", "cd web"),
        ("(a)", "(a)"),
        ("a &", "a &"),
        ("a\nb", "a\nb"),
        ("if true", "if true"),
    ],
)
def test_a_shell_stays_only_where_it_is_needed(line: str, became: str) -> None:
    assert becoming(line) == became
