"""The runner `docker` on a real engine: clone inside, install, start, stop, the end of things, and what is left of them."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.contract import Command, Recipe, RunnerError
from support.lfs import oid_of, pointer_to
from support.yard import SERVES, START, answering, inside_yard, page

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.yard import Inside, Yard


@pytest.fixture
def inside(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    return inside_yard(engine, tmp_path, monkeypatch)


def test_a_container_clones_its_branch_inside_itself_and_serves_it(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push(
            {"app.py": SERVES, "about.txt": "spring"}, branch="feature/ü cart".replace(" ", "-")
        )
        running = await it.up(deployment, log)
        assert await page(running.upstream, "/about.txt") == "spring"
        container = str(running.handle["container"])
        assert (
            engine.run(container, "git", "-C", "/workspace", "symbolic-ref", "--short", "HEAD").strip()
            == deployment.branch
        )
        assert engine.run(container, "git", "-C", "/workspace", "rev-parse", "HEAD").strip() == deployment.oid
        assert "-----> Cloning feature/ü-cart\n" in log.text
        async with asyncio.timeout(60):
            while "the app listens\n" not in log.text:  # noqa: ASYNC110 -- a file
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert log.text.count("the app listens\n") == 1
        assert 0 < (await it.runner.memory(running) or 0) < deployment.memory
        described = engine.inspect(container)
        limits = described["HostConfig"]
        assert limits["Memory"] == limits["MemorySwap"] == deployment.memory
        assert (limits["NanoCpus"], limits["PidsLimit"], limits["CapDrop"], limits["CapAdd"]) == (
            10**9,
            256,
            ["ALL"],
            None,
        )
        assert limits["SecurityOpt"] == ["no-new-privileges"]
        assert limits["Init"] is True
        assert limits["LogConfig"]["Config"]
        assert not limits["Binds"]
        assert {mount["Type"] for mount in described["Mounts"]} == {"volume"}
        assert described["Config"]["User"] == "1000:1000"
        assert engine.run(container, "cat", "/proc/self/status").count("CapEff:\t0000000000000000") == 1

    inside(test)


def test_the_commit_that_was_pushed_is_shown_though_its_branch_has_moved_on(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        first, log = await it.push({"app.py": SERVES, "about.txt": "first"})
        await it.push({"about.txt": "second"})
        assert await page((await it.up(first, log)).upstream, "/about.txt") == "first"

    inside(test)


def test_what_is_stopped_starts_again_with_what_it_wrote_and_no_new_clone(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        writes = Command("echo x >>kept.txt; exec python3 app.py", "test")
        deployment, log = await it.push({"app.py": SERVES}, Recipe("process", commands=(writes,)))
        running = await it.up(deployment, log)
        await it.runner.stop(running)
        await it.runner.stop(running)
        assert (await running.ended).code == 128 + signal.SIGTERM
        again = await it.runner.start(deployment, log, writes)
        await answering(again.upstream)
        assert await page(again.upstream, "/kept.txt") == "x\nx\n"
        await it.runner.stop(again)
        assert log.text.count("Cloning main") == 1
        assert log.text.count("the app listens") == 2
        assert not again.ended.cancelled()

    inside(test)


def test_a_step_that_fails_says_which_and_the_log_has_what_it_said(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        steps = {
            "Installing failed": Recipe("process", install=(Command("echo no such package; exit 3", "package.json"),)),
            "Building failed": Recipe("process", build=(Command("echo no such compiler; exit 4", "package.json"),)),
            "Releasing failed": Recipe("process", release=Command("echo no database; false", "Procfile release")),
        }
        for message, recipe in steps.items():
            deployment, log = await it.push({"app.py": SERVES}, recipe)
            with pytest.raises(RunnerError, match=message):
                await it.runner.build(deployment, log)
            assert re.search(r"-----> \w+ing: echo no .* \(.*\)\nno ", log.text), log.text
            await it.runner.discard(deployment.id)
        assert engine.everything()["containers"] == []

    inside(test)


def test_the_second_start_of_a_site_finds_the_packages_of_the_first(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        recipe = Recipe(
            "process",
            install=(Command("npm ci --no-audit --no-fund --prefer-offline", "package-lock.json"),),
            commands=(START,),
        )
        package = '{"name":"shop","version":"1.0.0","dependencies":{"left-pad":"1.3.0"}}'
        lock = """{"name":"shop","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"shop","version":"1.0.0",
          "dependencies":{"left-pad":"1.3.0"}},"node_modules/left-pad":{"version":"1.3.0",
          "resolved":"https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz",
          "integrity":"sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA=="}}}"""
        files = {"app.py": SERVES, "package.json": package, "package-lock.json": lock}
        one, log = await it.push(files, recipe, memory=256 << 20)
        await it.up(one, log)
        # Whatever is fetched from now on would come through this, and nothing listens there.
        deployment, log = await it.push(
            files | {"new": "1"},
            recipe,
            branch="other",
            memory=256 << 20,
            environment={"https_proxy": "http://127.0.0.1:9"},
        )
        running = await it.up(deployment, log)
        assert "1.3.0" in await page(running.upstream, "/node_modules/left-pad/package.json")

    inside(test)


def test_the_end_of_an_app_is_known_at_once_and_running_out_of_memory_is_told_apart(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        leaves = Command("sleep 0.5; exit 7", "test")
        deployment, log = await it.push({"a": "1"}, Recipe("process", commands=(leaves,)))
        await it.runner.build(deployment, log)
        running = await it.runner.start(deployment, log, leaves)
        began = time.monotonic()
        async with asyncio.timeout(60):
            ended = await running.ended
        assert (ended.code, ended.oom, ended.reason) == (7, False, "It ended with status 7.")
        assert time.monotonic() - began < 15
        eats = Command("exec python3 -c 'x = [bytearray(1 << 20) for _ in range(10000)]'", "test")
        running = await it.runner.start(deployment, log, eats)
        async with asyncio.timeout(30):
            ended = await running.ended
        assert ended.oom, ended
        assert "64 MB" in ended.reason

    inside(test)


def test_a_build_that_eats_memory_is_ended_and_says_so(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        eats = Command("python3 -c 'x = [bytearray(1 << 20) for _ in range(10000)]'", "test")
        deployment, log = await it.push({"a": "1"}, Recipe("process", build=(eats,)))
        with pytest.raises(RunnerError, match=r"Building failed: It needed more memory than the 512 MB"):
            await it.runner.build(deployment, log)

    inside(test)


def test_labels_say_whose_everything_is_and_nothing_is_left(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES}, branch="feature/cart")
        running = await it.up(deployment, log)
        labels = engine.inspect(str(running.handle["container"]))["Config"]["Labels"]
        assert labels["gitperch.repository"] == "alice/shop"
        assert labels["gitperch.branch"] == "feature/cart"
        assert labels["gitperch.commit"] == deployment.oid
        assert labels["gitperch.preview"] == str(deployment.id)
        assert re.fullmatch(r"[0-9a-f]{12}", labels["gitperch.managed"])
        await it.restart()
        things = await it.runner.things()
        kinds = {thing.kind: (thing.repo_id, thing.deployment_id) for thing in things}
        repo = deployment.repository.id
        assert kinds == {"container": (repo, deployment.id), "network": (repo, None), "volume": (repo, None)}
        await it.runner.discard(deployment.id)
        await it.runner.discard(deployment.id)
        for thing in await it.runner.things():
            await it.runner.remove(thing)
            await it.runner.remove(thing)
        assert not any(engine.everything().values())
        assert not list((it.folder / "runner" / "read").iterdir())

    inside(test)


def test_a_network_and_a_cache_go_with_what_still_runs_in_them(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        running = await it.up(*await it.push({"app.py": SERVES}))
        for thing in sorted(await it.runner.things(), key=lambda thing: thing.kind != "network"):
            await it.runner.remove(thing)
        assert (await running.ended).code
        assert not any(engine.everything().values())

    inside(test)


def lines(text: str) -> list[int]:
    """The numbers of the lines that an app has counted."""
    return [int(found) for found in re.findall(r"^line (\d+)$", text, re.MULTILINE)]


def test_the_next_server_adopts_what_runs_and_its_log_goes_on_without_doubling(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        counts = Command('i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.05; done', "test")
        deployment, log = await it.push({"a": "1"}, Recipe("process", commands=(counts,)))
        await it.runner.build(deployment, log)
        running = await it.runner.start(deployment, log, counts)
        container = str(running.handle["container"])
        await asyncio.sleep(0.5)
        for name in ("docker events", f"log of container {container[:12]}"):  # as SIGKILL would
            it.house.host.tasks._tasks[name].cancel()
        await asyncio.sleep(0.5)
        await it.restart()
        assert (
            await it.runner.adopt(deployment, {"container": container, "port": "none"} | dict(running.handle))
            is not None
        )
        before = lines(log.text)
        async with asyncio.timeout(60):
            while len(lines(log.text)) <= max(20, len(before)):  # noqa: ASYNC110 -- a file
                await asyncio.sleep(0.05)
        counted = lines(log.text)
        assert counted == list(range(1, len(counted) + 1))
        await it.restart()
        adopted = await it.runner.adopt(deployment, running.handle)
        assert adopted
        assert adopted.upstream == running.upstream
        await it.runner.stop(adopted)
        async with asyncio.timeout(60):
            await adopted.ended
        assert await it.runner.adopt(deployment, running.handle) is None

    inside(test)


def test_a_container_that_no_handle_names_is_ended_rather_than_adopted(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        running = await it.up(deployment, log)
        await it.restart()
        assert await it.runner.adopt(deployment, {}) is None
        assert not engine.inspect(str(running.handle["container"]))["State"]["Running"]

    inside(test)


def test_a_build_that_is_cancelled_leaves_nothing_running(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        recipe = Recipe("process", install=(Command("echo it installs; sleep 60", "test"),))
        deployment, log = await it.push({"a": "1"}, recipe)
        building = asyncio.ensure_future(it.runner.build(deployment, log))
        async with asyncio.timeout(30):
            while "it installs\n" not in log.text:  # noqa: ASYNC110 -- a file
                await asyncio.sleep(0.05)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        await it.runner.discard(deployment.id)
        assert engine.everything()["containers"] == []

    inside(test)


def test_the_engine_may_be_stopped_and_started(inside: Inside, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitperch_preview.runners.docker.runner._AWAY_SECONDS", 0.5)

    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        running = await it.up(deployment, log)
        await asyncio.to_thread(engine.stop)
        assert "There is no Docker engine at" in await it.runner.usable()
        with pytest.raises(RunnerError, match="There is no Docker engine"):
            await it.runner.start(deployment, log, START)
        await asyncio.to_thread(engine.start)
        async with asyncio.timeout(60):
            ended = await running.ended
        assert ended.code is not None
        assert await it.runner.usable() == ""
        again = await it.runner.start(deployment, log, START)
        await answering(again.upstream)
        await it.runner.stop(again)

    inside(test)


def test_large_files_of_git_lfs_come_through_the_same_door(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        content = b"a large file\n" * 1000
        files: dict[str, str | bytes] = {
            "app.py": SERVES,
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            "a.bin": pointer_to(content),
        }
        deployment, log = await it.push(files)
        url = f"{it.house.url}/alice/shop.git/info/lfs/objects/batch"
        await asyncio.to_thread(bring, url, await it.house.token(), content)
        running = await it.up(deployment, log)
        assert (await page(running.upstream, "/a.bin")).encode() == content

    inside(test)


def bring(url: str, token: str, content: bytes) -> None:
    """Upload a large file as git-lfs does."""
    media = "application/vnd.git-lfs+json"
    asked = {"operation": "upload", "objects": [{"oid": oid_of(content), "size": len(content)}]}
    headers = {"Authorization": f"Bearer {token}", "Accept": media, "Content-Type": media}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(asked).encode(), headers), timeout=10) as answer:
        action = json.load(answer)["objects"][0]["actions"]["upload"]
    request = urllib.request.Request(action["href"], content, action["header"], method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_an_app_that_never_stops_talking_neither_holds_up_the_server_nor_ends(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        talks = Command("yes 'a line of an app that never stops talking' & exec python3 app.py", "test")
        deployment, log = await it.push({"app.py": SERVES}, Recipe("process", commands=(talks,)))
        running = await it.up(deployment, log)
        longest, before = 0.0, time.monotonic()
        for _ in range(100):
            await asyncio.sleep(0.02)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        assert longest < 3.0
        assert "never stops" in log.text
        began = time.monotonic()
        await it.runner.stop(running)
        assert time.monotonic() - began < 30
        assert log.path.stat().st_size < 30 << 20

    inside(test)


def test_a_command_that_is_not_the_first_is_given_to_the_container_that_stayed(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        fails = Command("exit 5", "package.json scripts.dev")
        recipe = Recipe("process", commands=(fails, START))
        deployment, log = await it.push({"app.py": SERVES}, recipe)
        await it.runner.build(deployment, log)
        running = await it.runner.start(deployment, log, fails)
        assert (await running.ended).code == 5
        running = await it.runner.start(deployment, log, START)
        await answering(running.upstream)
        await it.runner.stop(running)
        again, log = await it.push({"b": "1"}, recipe)
        await it.runner.build(again, log)
        running = await it.runner.start(again, log, START)
        await answering(running.upstream)
        assert log.text.count("the app listens") <= 1

    inside(test)


def test_what_is_not_started_soon_after_its_build_ends_and_starts_all_the_same(
    inside: Inside, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitperch_preview.runners.docker.runner._STAY_SECONDS", 0.0)

    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES}, environment={"COLOUR": "red"})
        running = await it.up(deployment, log)
        assert "COLOUR=red" in engine.run(
            str(running.handle["container"]), "sh", "-c", "cat /proc/*/environ | tr '\\0' '\\n'"
        )

    inside(test)
