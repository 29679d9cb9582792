"""Insights: every figure is git's own, whatever was pushed in whatever order."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate

from gitperch_insights import service, tally
from gitperch_insights.answers import figures
from gitperch_insights.events import InsightsChanged
from gitperch_insights.periods import today
from gitperch_insights.ranges import Range
from gitperch_insights.store import Store
from support.house import House, Test, runner
from support.insights import DAY, START, Onlooker, Writer, check, expected
from support.server import commit, git
from support.world import loose, loose_commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitperch.events import Event


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_insights:InsightsPlugin")


def test_figures_are_gits_own_after_each_push_and_in_every_range(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work")

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        assert (await look.figures())["commits"] == 0
        for _ in range(4):
            for _ in range(6):
                writer.commit()
            writer.merge()
            await look.push(writer.path, "main")
            check(await look.figures(), expected(writer.path))
        for after, before in (("2024-01-15", "2024-06-30"), ("2023-12-02", "2025-03-03"), ("2024-02-29", "2024-02-29")):
            figures = await look.figures(f"?after={after}&before={before}")
            assert (figures["after"], figures["before"]) == (after, before)
            wanted = expected(writer.path, after=after, before=before)
            if wanted["commits"]:
                check(figures, wanted)
            else:
                assert (figures["commits"], figures["authors"], figures["files"]) == (0, [], 0)

    run(test)


def test_after_rewinds_and_rebases_nothing_is_left_of_what_is_gone(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work", seed=3)

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        for _ in range(12):
            writer.commit()
        writer.merge()
        await look.push(writer.path, "main")
        await look.figures()
        for back in (1, 2, 5):
            git("reset", "--quiet", "--hard", f"HEAD~{back}", cwd=writer.path)
            await look.push(writer.path, "main")
            check(await look.figures(), expected(writer.path))
            writer.commit()
            await look.push(writer.path, "main")
            check(await look.figures(), expected(writer.path))
        git("checkout", "--quiet", "--orphan", "fresh", cwd=writer.path)
        writer.commit(message="another history")
        await look.push(writer.path, "fresh:main")
        check(await look.figures(), expected(writer.path, "fresh"))

    run(test)


def test_another_default_branch_has_figures_of_its_own(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work", seed=4)

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        for _ in range(10):
            writer.commit()
        git("branch", "other", "HEAD~3", cwd=writer.path)
        await look.push(writer.path, "main", "other")
        check(await look.figures(), expected(writer.path))
        await it.host.repositories.set_default_branch(look.repo, "other")
        figures = await look.figures()
        assert figures["head"] == "refs/heads/other"
        check(figures, expected(writer.path, "other"))

    run(test)


def test_after_a_push_only_what_is_new_is_read(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work", seed=5)

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        for _ in range(8):
            writer.commit()
        await look.push(writer.path, "main")
        await look.figures()
        old = git("rev-parse", "HEAD~4^{tree}", cwd=writer.path).stdout.strip()
        for _ in range(2):
            writer.commit()
        await look.push(writer.path, "main")
        (look.repo.path / "objects" / old[:2] / old[2:]).unlink()  # whoever reads the old commits now fails to
        figures = await look.figures()
        assert figures["unread"] == 0
        check(figures, expected(writer.path))

    run(test)


def test_people_are_who_the_mailmap_says_also_when_it_changes(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work", seed=6)

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        for _ in range(10):
            writer.commit()
        await look.push(writer.path, "main")
        check(await look.figures(), expected(writer.path))
        for text in ("Ada Author <a@example.com> A. Author <a@example.com>\n", "Zed <z@x> <z@example.com>\n"):
            (writer.path / ".mailmap").write_text(text)
            writer.commit()
            await look.push(writer.path, "main")
            check(await look.figures(), expected(writer.path))

    run(test)


def test_a_history_larger_than_a_turn_is_counted_in_several(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=6000, branches=3, documents=40)

    async def test(it: House) -> None:
        monkeypatch.setattr(service, "SLICE_SECONDS", 0.0)
        stream = it.host.git.stream
        turns: list[str] = []

        def watched(*arguments: str, **options: Any) -> Any:
            turns.extend(word for word in options.get("prefix", ()) if word == "gitperch_insights.counting")
            return stream(*arguments, **options)

        monkeypatch.setattr(it.host.git, "stream", watched)
        look = await Onlooker.of(it, source)
        figures = await look.figures()
        assert len(turns) > 1
        names = {
            line.split("\t")[1]: int(line.split("\t")[0])
            for line in git("shortlog", "-sn", "HEAD", cwd=source).stdout.splitlines()
        }
        assert {author["name"]: author["commits"] for author in figures["authors"]} == names

    run(test)


def test_a_count_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=4000, branches=3, documents=30)
    tip = git("rev-parse", "main", cwd=source).stdout.strip()
    command = [sys.executable, "-m", "gitperch_insights.counting", str(tmp_path / "1.db"), tip, "0", "git"]
    done = []
    for kill in (True, False) * 3:
        with subprocess.Popen(command, cwd=source, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            if kill:
                process.stdout.readline()
                process.kill()
        if not kill:
            with Store.open(tmp_path / "1.db") as opened:
                done.append(opened.state())
    assert [state.done or state.base for state in done] != [0, 0, 0]
    subprocess.run([*command[:-2], "60", "git"], cwd=source, check=True, capture_output=True)
    with Store.open(tmp_path / "1.db") as opened:
        assert opened.state().base == tip
        assert opened.commits() == int(git("rev-list", "--count", "main", cwd=source).stdout)


def test_a_sweep_over_very_many_files_is_no_hot_spot(run: Callable[[Test], None], tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {f"{number}.txt": "1\n" for number in range(tally.FILES + 1)}, "Import")
    commit(work, {"1.txt": "1\n2\n"}, "Change")

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        await look.push(work, "main")
        figures = await look.figures()
        assert (figures["commits"], figures["added"], figures["files"]) == (2, tally.FILES + 2, 1)
        assert figures["hot_spots"]["by_changes"] == [{"path": "1.txt", "changes": 1, "added": 1, "deleted": 0}]
        assert figures["rework"] == {"days": 21, "lines": 1, "reworked": 0}

    run(test)


def test_histories_with_longer_oids_are_counted_too(tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=200, branches=0, documents=9, object_format="sha256")
    tip = git("rev-parse", "main", cwd=source).stdout.strip()
    path = tmp_path / "100 % ? #1.db"  # a folder may be called anything
    command = [sys.executable, "-m", "gitperch_insights.counting", str(path), tip, "60", "git"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    with Store.open(path) as opened:
        check(figures(opened, Range(), today()), expected(source))


def test_progress_is_told_while_there_are_no_figures(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=500, branches=2)

    async def test(it: House) -> None:
        monkeypatch.setattr("gitperch_insights.routes.PATIENCE", 0.0)
        look = await Onlooker.of(it, source)
        answer = await look.answer()
        assert (answer.status, answer.headers["retry-after"]) == (202, "1")
        assert answer.json().keys() == {"building", "progress", "commits", "total"}
        assert (await look.figures())["commits"] == int(git("rev-list", "--count", "HEAD", cwd=source).stdout)

    run(test)


def test_a_store_that_is_damaged_or_of_another_version_is_counted_anew(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    writer = Writer(tmp_path / "work", seed=7)

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        for _ in range(5):
            writer.commit()
        await look.push(writer.path, "main")
        await look.figures()
        path = it.host.folder("insights") / f"{look.repo.id}.db"
        path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
        check(await look.figures("?months=1200"), expected(writer.path))
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        check(await look.figures("?months=1199"), expected(writer.path))

    run(test)


def test_commits_without_their_trees_are_counted_and_said_to_be_unread(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        tip = loose_commit(look.repo.path, "1" * 40, date=START)
        for number in range(60):
            tip = loose_commit(look.repo.path, "1" * 40, tip, date=START + number * DAY)
        (look.repo.path / "refs" / "heads" / "main").write_text(f"{tip}\n")
        figures = await look.figures()
        # A commit with the tree of its parent needs none to be compared; the first one does.
        assert (figures["commits"], figures["files"], figures["added"]) == (61, 0, 0)
        assert figures["unread"] >= 1

    run(test)


def test_a_shallow_history_is_not_taken_for_an_import(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work", seed=8)
    for _ in range(9):
        writer.commit()
    assert (
        git("clone", "--quiet", "--bare", "--depth=3", f"file://{writer.path}", "shallow.git", cwd=tmp_path).returncode
        == 0
    )

    async def test(it: House) -> None:
        look = await Onlooker.of(it, tmp_path / "shallow.git")
        figures = await look.figures()
        assert (figures["commits"], figures["unread"]) == (3, 1)
        lines = git("log", "-2", "--numstat", "--format=", cwd=writer.path).stdout.splitlines()
        assert figures["added"] == sum(int(line.split("\t")[0]) for line in lines if line and line[0] != "-")

    run(test)


def test_attack_13_strange_names_paths_and_dates_are_only_data(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        path = look.repo.path
        blob = loose(path, "blob", b"x\n" * 7)
        names = [b"\x01end 0123", b"7\t7\tx", b"<script>", b"a\nb", b"\xff\xfe"]
        entries = b"".join(b"100644 %s\0" % name + bytes.fromhex(blob) for name in sorted(names))
        folder = loose(path, "tree", b"")  # a mailmap that is none
        tree = loose(path, "tree", b"40000 .mailmap\0" + bytes.fromhex(folder) + entries)
        tip = ""
        for author, date in (
            (b"</script><b>\x01 <x@\xff>", b"1700000000 +9999"),
            (b" <>", b"99999999999999 -0000"),
            (b"A\x02B <a\x01b>", b"12345 +0100"),
        ):
            parent = b"parent %s\n" % tip.encode() if tip else b""
            person = author + b" " + date
            data = b"tree %s\n%sauthor %s\ncommitter %s\n\nm\n" % (tree.encode(), parent, person, person)
            tip = loose(path, "commit", data)
        (path / "refs" / "heads" / "main").write_text(f"{tip}\n")
        figures = await look.figures()
        assert (figures["commits"], figures["files"], figures["added"], figures["people"]) == (3, 5, 35, 3)
        assert len(figures["weeks"]["commits"]) < 10_000
        page = await look.answer(path=f"/{look.repo.full_name}/insights")
        assert page.status == 200
        assert "<b>" not in page.text

    run(test)


def test_whoever_looks_is_told_when_a_push_is_counted(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work", seed=9)

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        told: asyncio.Queue[InsightsChanged] = asyncio.Queue()

        def hear(event: Event) -> None:
            if isinstance(event, InsightsChanged):
                told.put_nowait(event)

        it.host.events.listen(hear)
        writer.commit()
        await look.push(writer.path, "main")
        await asyncio.sleep(1)
        assert told.empty(), "nobody has looked"
        await look.figures()
        await asyncio.wait_for(told.get(), 60)
        writer.commit()
        await look.push(writer.path, "main")
        event = await asyncio.wait_for(told.get(), 60)
        assert event.tip == git("rev-parse", "HEAD", cwd=writer.path).stdout.strip()

    run(test)


def test_nothing_is_left_of_a_deleted_repository(run: Callable[[Test], None], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "work")

    async def test(it: House) -> None:
        look = await Onlooker.of(it)
        writer.commit()
        await look.push(writer.path, "main")
        await look.figures()
        folder = it.host.folder("insights")
        assert (folder / f"{look.repo.id}.db").exists()
        await it.host.repositories.delete(look.repo)
        async with asyncio.timeout(60):
            while list(folder.iterdir()):  # noqa: ASYNC110 -- nobody tells when a file is gone
                await asyncio.sleep(0.02)

    run(test)
