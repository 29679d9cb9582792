"""A server that was killed finds its apps again, and no other's."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_preview.contract import Command
from gitperch_preview.runners.process import ProcessRunner
from support.processes import Bench, Run, answering, get, marked, serving

if TYPE_CHECKING:
    from gitperch_preview.contract import Deployment

ROOT = Path(__file__).parents[2]


async def started_by_another(bench: Bench, deployment: Deployment) -> dict[str, str | int]:
    """An app that runs, and the handle of it from a server that does not any more."""
    await bench.runner.build(deployment, bench.log)
    arguments = [str(bench.folder / "runner"), str(bench.log.path), str(deployment.id), str(bench.repository.id)]
    paths = os.pathsep.join(str(ROOT / name) for name in ("server", "plugins", "tests"))
    python = os.environ.get("PYTHONPATH", "")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "tests" / "support" / "runner_that_dies.py"),
        *arguments,
        "python3 app.py",
        *bench.lacking,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{paths}{os.pathsep}{python}"},
    )
    assert process.stdout
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    process.kill()
    await process.wait()
    handle: dict[str, str | int] = json.loads(line)
    return handle


def test_an_app_outlives_a_killed_server_and_is_adopted(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving("str(os.getppid())")}))
        handle = await started_by_another(bench, deployment)
        running = await bench.runner.adopt(deployment, handle)
        assert running, kind
        assert running.upstream.port == handle["port"]
        await answering(running)
        assert await bench.runner.memory(running)
        assert sorted(thing.kind for thing in await bench.runner.things()) == ["cache", "check-out", "processes"]
        os.kill(int(handle["leader"]), 9)
        ended = await asyncio.wait_for(running.ended, 60)
        assert ended.code is None
        assert "went unseen" in ended.reason
        assert not marked(bench)

    benched(test)


def test_an_adopted_app_is_stopped_as_any_other(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving(repr(kind))}))
        handle = await started_by_another(bench, deployment)
        running = await bench.runner.adopt(deployment, handle)
        assert running
        assert await answering(running) == kind
        await bench.runner.stop(running)
        assert (await running.ended).reason == "It was stopped."
        assert await bench.runner.adopt(deployment, handle) is None

    benched(test)


def test_what_cannot_be_adopted_is_ended(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving(repr(kind))}))
        handle = await started_by_another(bench, deployment)
        assert marked(bench)
        for wrong in ({**handle, "leader_started": 1}, {}, {"name": "x", "memory": "y", "port": "z"}):
            assert await bench.runner.adopt(deployment, wrong) is None
            assert not marked(bench)

    benched(test)


def test_a_process_that_no_record_explains_is_found_and_removed(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving("'left'")}))
        await started_by_another(bench, deployment)
        (left,) = [thing for thing in await bench.runner.things() if thing.kind == "processes"]
        assert left.deployment_id == deployment.id
        await bench.runner.remove(left)
        await bench.runner.remove(left)
        assert not marked(bench)

    benched(test)


def test_the_processes_of_another_server_are_not_ours(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        running = await bench.up(bench.deployment(bench.commit({"app.py": serving("'mine'")})), "python3 app.py")
        other = ProcessRunner(bench.house.host, bench.folder / "another")
        assert await other.things() == []
        await other.discard(running.deployment_id)
        assert get(running.upstream.port) == "mine"

    benched(test)


def test_starting_again_and_again_leaves_one(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving("'again'")}))
        running = await bench.up(deployment, "python3 app.py")
        for _ in range(3):
            await bench.runner.stop(running)
            running = await bench.runner.start(deployment, bench.log, Command("python3 app.py", "a test"))
        assert await answering(running) == "again"
        assert len([thing for thing in await bench.runner.things() if thing.kind == "processes"]) == 1

    benched(test)


def test_a_start_that_is_cancelled_leaves_nothing(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving(repr(kind))}))
        await bench.runner.build(deployment, bench.log)
        for pause in (0, 0.001, 0.005, 0.02, 0.05):
            starting = asyncio.ensure_future(bench.runner.start(deployment, bench.log, Command("sleep 300", "a test")))
            await asyncio.sleep(pause)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await bench.runner.discard(deployment.id)
            assert not marked(bench)
            await bench.runner.build(deployment, bench.log)

    benched(test)
