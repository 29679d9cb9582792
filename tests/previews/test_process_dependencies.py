"""Dependencies that are had again, and when they must not be."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from gitperch_preview.contract import Command
from support.processes import Bench, Run, answering, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap")
# An install in a second's fraction, whose every run shows.
INSTALL = "mkdir -p node_modules/it && cat /proc/sys/kernel/random/uuid > node_modules/it/stamp && echo once >> node_modules/it/runs"
PACKAGE: dict[str, Any] = {"dependencies": {"it": "1.0.0"}, "scripts": {"start": "python3 app.py"}}


def files(package: dict[str, Any] | None = None, lock: str = "{}", folder: str = "") -> dict[str, str]:
    found = {
        "package.json": json.dumps(package or PACKAGE),
        "package-lock.json": lock,
        "app.py": serving("open('node_modules/it/stamp').read()"),
    }
    return {folder + name: text for name, text in found.items()}


async def stamp(bench: Bench, oid: str, line: str = INSTALL, **more: Any) -> tuple[int, str]:
    """Build, and what the install says that the app has."""
    deployment = bench.deployment(oid, install=(Command(line, "package-lock.json"),), **more)
    await bench.runner.build(deployment, bench.log)
    running = await bench.runner.start(deployment, bench.log, Command("python3 app.py", "a test"))
    said = await answering(running)
    await bench.runner.stop(running)
    return deployment.id, said


def app(bench: Bench, number: int) -> Path:
    return bench.folder / "runner" / "checkouts" / str(number) / "app"


def test_what_was_installed_is_had_again_while_the_lock_file_is_the_same(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        one, first = await stamp(bench, bench.commit(files()))
        two, second = await stamp(bench, bench.commit({"other.txt": "changed"}))
        assert second == first
        assert bench.log.text.count("Installing:") == 1
        assert "Dependencies as before, package-lock.json has not changed" in bench.log.text
        (app(bench, two) / "node_modules" / "new").write_text("of the second alone")
        assert not (app(bench, one) / "node_modules" / "new").exists()
        await bench.runner.discard(one)
        three, third = await stamp(bench, bench.commit({"other.txt": "again"}))
        assert third == first
        assert not (app(bench, three) / "node_modules" / "new").exists()
        _, fourth = await stamp(bench, bench.commit({"package-lock.json": '{"a": 1}'}))
        assert fourth != first

    benched(test)


@pytest.mark.parametrize(
    "package",
    [
        {**PACKAGE, "scripts": {"postinstall": "make"}},
        {**PACKAGE, "workspaces": ["packages/*"]},
        {"dependencies": {"it": "file:../it"}},
        {"dependencies": {"it": "github:somebody/it"}, "name": "x"},
    ],
)
def test_an_install_that_depends_on_more_than_its_lock_file_is_made_again(
    benched: Run, package: dict[str, Any]
) -> None:
    async def test(bench: Bench) -> None:
        _, first = await stamp(bench, bench.commit(files(package)))
        _, second = await stamp(bench, bench.commit({"other.txt": "changed"}))
        assert second != first

    benched(test)


def test_what_an_install_needs_in_its_home_is_not_had_without_it(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        line = f"{INSTALL} && mkdir -p ~/.cache/browser"
        _, first = await stamp(bench, bench.commit(files()), line)
        _, second = await stamp(bench, bench.commit({"other.txt": "changed"}), line)
        assert second != first

    benched(test)


def test_other_variables_and_other_commands_make_other_dependencies(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit(files())
        seen = {
            (await stamp(bench, oid))[1],
            (await stamp(bench, oid, environment={"NODE_ENV": "production"}))[1],
            (await stamp(bench, oid, f"true && {INSTALL}"))[1],
        }
        assert len(seen) == 3
        assert (await stamp(bench, oid, environment={"GITPERCH_COMMIT": oid}))[1] in seen

    benched(test)


def test_nothing_is_kept_through_a_link_that_an_install_has_put_in_the_way(benched: Run, tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "node_modules").mkdir(parents=True)
    (private / "node_modules" / "secret").write_text("the server's")

    async def test(bench: Bench) -> None:
        oid = bench.commit(files(folder="web/"))
        for line in (
            f"cd .. && mv web aside && ln -s {private} web",
            f"ln -s {private}/node_modules node_modules",
        ):
            install = (Command(line, "package-lock.json"),)
            deployment = bench.deployment(oid, root="web", install=install)
            await bench.runner.build(deployment, bench.log)
            assert not (app(bench, deployment.id).parent / "kept").exists()
        await bench.runner.free(1 << 50)
        assert (private / "node_modules" / "secret").exists()

    benched(test)


def test_a_sleeper_gives_its_dependencies_for_room_and_has_them_when_it_wakes(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit(files())
        install = (Command(INSTALL, "package-lock.json"),)
        sleeper, awake = bench.deployment(oid, install=install), bench.deployment(oid, install=install)
        running = await bench.up(awake, "python3 app.py")
        await bench.runner.build(sleeper, bench.log)
        assert await bench.runner.free(1 << 50) > 0
        assert not (app(bench, sleeper.id) / "node_modules").exists()
        assert (app(bench, awake.id) / "node_modules").exists()
        before = await answering(running)
        woken = await bench.runner.start(sleeper, bench.log, Command("python3 app.py", "a test"))
        assert await answering(woken) != before
        await bench.runner.stop(woken)
        await bench.runner.start(sleeper, bench.log, Command("python3 app.py", "a test"))
        assert bench.log.text.count("are installed again") == 1

    benched(test)
