"""Images of a repository's own Dockerfile: built from its objects, started as they say, gone with their deployment."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.contract import Command, Recipe, RunnerError
from support.yard import SERVES, answering, inside_yard, page

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.yard import Inside, Yard

IMAGE = Recipe("image", dockerfile="Dockerfile")


@pytest.fixture
def inside(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    return inside_yard(engine, tmp_path, monkeypatch)


def dockerfile(engine: Engine, *lines: str) -> str:
    return "\n".join((f"FROM {engine.image}", "WORKDIR /app", "COPY . .", *lines, ""))


def test_a_dockerfile_becomes_an_app_at_the_port_that_it_exposes(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        lines = ("RUN echo built >made.txt", "EXPOSE 80/tcp 53/udp", 'CMD ["python3", "app.py"]')
        files = {"app.py": SERVES, "Dockerfile": dockerfile(engine, *lines), "own.txt": "of the commit"}
        deployment, log = await it.push(files, IMAGE, environment={"COLOUR": "red"})
        running = await it.up(deployment, log)
        assert running.upstream.port == 80
        assert await page(running.upstream, "/made.txt") == "built\n"
        assert await page(running.upstream, "/own.txt") == "of the commit"
        assert ".git/" not in await page(running.upstream)
        assert "Step 4/" in log.text
        described = engine.inspect(str(running.handle["container"]))
        assert {"COLOUR=red", "PORT=80"} <= set(described["Config"]["Env"])
        image = engine.call("GET", f"/images/{described['Image']}/json")[1]
        assert image["Config"]["Labels"]["gitperch.preview"] == str(deployment.id)
        assert image["Config"]["Labels"]["gitperch.commit"] == deployment.oid
        kinds = sorted(thing.kind for thing in await it.runner.things() if thing.deployment_id == deployment.id)
        assert kinds == ["container", "image"]
        await it.runner.discard(deployment.id)
        there = engine.everything()
        assert there["containers"] == there["images"] == []

    inside(test)


def test_an_image_that_slept_has_what_it_wrote_and_new_settings_make_a_new_container(
    inside: Inside, engine: Engine
) -> None:
    async def test(it: Yard) -> None:
        start = 'CMD ["sh", "-c", "echo x >>kept.txt; exec python3 app.py"]'
        deployment, log = await it.push({"app.py": SERVES, "Dockerfile": dockerfile(engine, start)}, IMAGE)
        running = await it.up(deployment, log)
        await it.runner.stop(running)
        running = await it.runner.start(deployment, log, None)
        await answering(running.upstream)
        assert await page(running.upstream, "/kept.txt") == "x\nx\n"
        await it.runner.stop(running)
        object.__setattr__(deployment, "environment", {"COLOUR": "blue"})
        running = await it.runner.start(deployment, log, Command("env >env.txt; exec python3 app.py", "test"))
        await answering(running.upstream)
        assert "COLOUR=blue" in await page(running.upstream, "/env.txt")
        assert await page(running.upstream, "/kept.txt") == "404"
        assert len(engine.everything()["containers"]) == 1

    inside(test)


def test_a_folder_of_the_repository_can_be_the_whole_of_an_image(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        recipe = Recipe("image", dockerfile="Dockerfile", root="web/app", release=Command("test -f app.py", "Procfile"))
        start = 'CMD ["python3", "app.py"]'
        files = {"web/app/app.py": SERVES, "web/app/Dockerfile": dockerfile(engine, start), "other.txt": "no"}
        deployment, log = await it.push(files, recipe)
        running = await it.up(deployment, log)
        assert await page(running.upstream, "/other.txt") == "404"
        assert "-----> Releasing: test -f app.py (Procfile)" in log.text
        assert [name for name in engine.everything()["containers"] if "release" in name] == []

    inside(test)


def test_a_failed_build_says_why_and_the_next_goes_on_from_there(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        slow = "RUN echo the slow step && date +%N >when.txt"
        files = {"app.py": SERVES, "Dockerfile": f"FROM {engine.image}\n{slow}\nRUN echo no such thing; exit 3\n"}
        deployment, log = await it.push(files, IMAGE)
        with pytest.raises(RunnerError, match="returned a non-zero code: 3"):
            await it.runner.build(deployment, log)
        assert "       no such thing" in log.text
        (left,) = [thing for thing in await it.runner.things() if thing.kind == "image"]
        assert left.deployment_id == deployment.id
        files["Dockerfile"] = f"FROM {engine.image}\n{slow}\nRUN echo now\n"
        again, log = await it.push(files, IMAGE)
        await it.runner.build(again, log)
        assert "Using cache" in log.text
        for thing in await it.runner.things():
            await it.runner.remove(thing)
        assert engine.everything()["images"] == []

    inside(test)


def test_a_step_that_eats_memory_is_ended_and_the_engine_lives(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        eats = "RUN python3 -c 'x = [bytearray(1 << 20) for _ in range(10000)]'"
        deployment, log = await it.push({"Dockerfile": dockerfile(engine, eats)}, IMAGE)
        with pytest.raises(RunnerError, match=r"needed more memory than builds have \(previews.build_megabytes\)"):
            await it.runner.build(deployment, log)
        assert await it.runner.usable() == ""

    inside(test)


def test_a_dockerfile_that_cannot_be_read_or_built_from_says_so(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        for text, why in (("NONSENSE x\n", "NONSENSE"), ("", "empty"), ("FROM no.example/image:1\n", "no.example")):
            deployment, log = await it.push({"Dockerfile": text}, IMAGE)
            with pytest.raises(RunnerError, match=why):
                await it.runner.build(deployment, log)
        assert not [thing for thing in await it.runner.things() if thing.kind in ("image", "container")]

    inside(test)


def test_a_build_that_is_cancelled_leaves_no_step_running(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"Dockerfile": dockerfile(engine, "RUN echo it builds; sleep 60")}, IMAGE)
        building = asyncio.ensure_future(it.runner.build(deployment, log))
        async with asyncio.timeout(30):
            while "       it builds\n" not in log.text:  # noqa: ASYNC110 -- a file
                await asyncio.sleep(0.05)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        await it.runner.discard(deployment.id)
        async with asyncio.timeout(60):
            while engine.everything()["containers"]:  # noqa: ASYNC110 -- the engine's
                await asyncio.sleep(0.1)

    inside(test)


def test_room_is_made_by_what_failed_builds_left_and_by_caches(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        fills = Command("dd if=/dev/zero of=/caches/big bs=1M count=30 2>&1", "test")
        sleeper, log = await it.push(
            {"app.py": SERVES}, Recipe("process", install=(fills,), commands=(Command("sleep 99", "t"),))
        )
        await it.runner.build(sleeper, log)
        running = await it.runner.start(sleeper, log, sleeper.recipe.commands[0])
        await it.runner.stop(running)
        spends = "RUN dd if=/dev/zero of=/big bs=1M count=20\nRUN exit 1"
        failed, log = await it.push({"Dockerfile": dockerfile(engine, spends)}, IMAGE, branch="b")
        with pytest.raises(RunnerError):
            await it.runner.build(failed, log)
        assert await it.runner.free(1) >= 20 << 20
        assert [thing.kind for thing in await it.runner.things() if thing.kind == "image"] == []
        assert await it.runner.free(1) >= 30 << 20
        assert await it.runner.free(1) < 1 << 20
        again = await it.runner.start(sleeper, log, sleeper.recipe.commands[0])
        assert not again.ended.done()

    inside(test)


def test_what_a_dockerfile_is_given_is_what_git_has_and_no_more(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        lists = "RUN ls -A && python3 -c 'import os, json; print(json.dumps(sorted(os.environ)))'"
        deployment, log = await it.push(
            {"Dockerfile": dockerfile(engine, lists), "a b": "1"}, IMAGE, environment={"SECRET": "of the preview"}
        )
        await it.runner.build(deployment, log)
        assert "       a b\n" in log.text
        assert ".git\n" not in log.text
        names = json.loads(next(line for line in log.text.splitlines() if line.strip().startswith("[")))
        assert "SECRET" not in names

    inside(test)


def test_the_base_image_is_built_when_it_is_first_needed_and_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "Dockerfile").write_text(f"FROM {engine.image}\nCOPY own.txt /own.txt\n")
    (shipped / "own.txt").write_text("made here")
    monkeypatch.setattr("gitperch_preview.runners.docker.images.shipped", lambda: shipped)

    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        running = await it.up(deployment, log)
        assert "-----> Building the base image of previews, once" in log.text
        assert engine.run(str(running.handle["container"]), "cat", "/own.txt") == "made here"
        again, log = await it.push({"b": "1"})
        await it.up(again, log)
        assert "base image" not in log.text
        assert not [thing for thing in await it.runner.things() if thing.kind == "image"]

    inside_yard(engine, tmp_path, monkeypatch, IMAGE="gitperch-preview-base")(test)


def test_a_base_image_that_cannot_be_had_is_said(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        with pytest.raises(RunnerError, match="localhost:9"):
            await it.runner.build(deployment, log)
        assert "-----> Pulling localhost:9/none:1, once" in log.text

    inside_yard(engine, tmp_path, monkeypatch, IMAGE="localhost:9/none:1")(test)
