"""What git itself says of a history, added up the slow way, to hold the figures against."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from support.member import Member
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.server import Answer

LOG = "--format=%x01%H%x02%P%x02%cd%x02%ad%x02%aN"
DAY = 86_400
START = 1_700_000_000
SIZES = (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def expected(path: Path, tip: str = "HEAD", after: str = "0000", before: str = "9999") -> dict[str, Any]:
    """The figures of the days from `after` to `before` by `git log --numstat` and `git shortlog`."""
    output = git("log", "-z", "--numstat", "-M", "--date=format-local:%Y-%m-%d", LOG, tip, cwd=path, TZ="UTC").stdout
    local = git("log", "--date=format:%u %H", "--format=%H %ad", tip, cwd=path).stdout
    hours = dict(line.split(" ", 1) for line in local.splitlines())
    found: dict[str, Any] = dict.fromkeys(("commits", "merges", "added", "deleted"), 0)
    people: dict[str, list[Any]] = defaultdict(lambda: [0, 0, 0, 0, "9999", ""])
    cells: dict[str, int] = Counter()
    sizes: dict[int, int] = Counter()
    per_file: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    per_day: dict[tuple[str, str], int] = Counter()
    days = set()
    for block in output.split("\x01")[1:]:
        head, *fields = block.split("\0")
        oid, parents, day, _, name = head.split("\x02")
        changes = list(_changes(fields))
        added = sum(int(change[0]) for change in changes if change[0] != "-")
        deleted = sum(int(change[1]) for change in changes if change[1] != "-")
        merge = " " in parents
        for change in changes:
            lines_of_it = 0 if change[0] == "-" else int(change[0]) + int(change[1])
            per_day[change[2], day] += lines_of_it
        if not after <= day <= before:
            continue
        days.add(day)
        for key, more in (("commits", 1), ("merges", merge), ("added", added), ("deleted", deleted)):
            found[key] += more
        person = people[name]
        person[:4] = [a + b for a, b in zip(person[:4], (1, merge, added, deleted), strict=True)]
        person[4:] = [min(person[4], day), max(person[5], day)]
        cells[hours[oid]] += 1
        if not merge:
            sizes[sum(added + deleted > bound for bound in SIZES)] += 1
        for change in changes:
            of_file = per_file[change[2]]
            of_file[0] += 1
            if change[0] != "-":
                of_file[1] += int(change[0])
                of_file[2] += int(change[1])
    reworked = sum(
        lines
        for (path_, day), lines in per_day.items()
        if after <= day <= before and any((path_, _earlier(day, back)) in per_day for back in range(1, 22))
    )
    return found | {
        "active_days": len(days),
        "people": len(people),
        "files": len(per_file),
        "authors": dict(people),
        "hours": [[cells[f"{day} {hour:02}"] for hour in range(24)] for day in range(1, 8)],
        "sizes": [sizes[at] for at in range(len(SIZES) + 1)],
        "per_file": dict(per_file),
        "reworked": reworked,
    }


def _changes(fields: list[str]) -> Iterator[list[str]]:
    rest = iter(field for field in fields if field.strip("\n"))
    for entry in rest:
        added, deleted, name = entry.lstrip("\n").split("\t", 2)
        yield [added, deleted, name or [next(rest), next(rest)][1]]


def check(figures: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Hold an answer of the API against `expected`."""
    for name in ("commits", "merges", "added", "deleted", "active_days", "people", "files"):
        assert figures[name] == wanted[name], name
    assert figures["hours"] == wanted["hours"]
    assert figures["sizes"]["commits"] == wanted["sizes"]
    assert figures["rework"]["reworked"] == wanted["reworked"]
    assert figures["rework"]["lines"] == wanted["added"] + wanted["deleted"]
    named = ("commits", "merges", "added", "deleted", "first", "last")
    shown = {author["name"]: [author[name] for name in named] for author in figures["authors"]}
    assert shown == wanted["authors"]
    for order, weights in (("by_changes", (1, 0, 0)), ("by_churn", (0, 1, 1))):
        spots = [[spot["changes"], spot["added"], spot["deleted"]] for spot in figures["hot_spots"][order]]
        assert [spot["path"] for spot in figures["hot_spots"][order] if spot["path"] not in wanted["per_file"]] == []
        assert spots == [wanted["per_file"][spot["path"]] for spot in figures["hot_spots"][order]]
        heaviest = sorted((_weight(file, weights) for file in wanted["per_file"].values()), reverse=True)
        assert [_weight(spot, weights) for spot in spots] == heaviest[:25]
    weeks = figures["weeks"]
    assert sum(weeks["commits"]) + weeks["outside"] == wanted["commits"]
    assert date.fromisoformat(weeks["first"]).weekday() == 0


def _weight(file: list[int], weights: tuple[int, ...]) -> int:
    return sum(value * weight for value, weight in zip(file, weights, strict=True))


def _earlier(day: str, days: int) -> str:
    return (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) - timedelta(days)).strftime("%Y-%m-%d")


class Onlooker(Member):
    """Alice, who looks at the figures of one repository."""

    async def answer(self, query: str = "", path: str = "", **headers: str) -> Answer:
        """What the API says; with `path` another address. `headers` with underscores for dashes."""
        return await self.ask((path or f"/api/repos/{self.repo.full_name}/graph/analytics") + query, **headers)

    async def figures(self, query: str = "") -> dict[str, Any]:
        """The figures, when they are there and up to date."""
        async with asyncio.timeout(30):
            while True:
                answer = await self.answer(query)
                if answer.status == 200 and (found := answer.json())["current"]:
                    return dict(found)
                assert answer.status in (200, 202), answer.text
                await asyncio.sleep(0.05)


class Writer:
    """A work tree whose history runs over months, written by several people in several time zones."""

    def __init__(self, path: Path, seed: int = 0) -> None:
        self.path = path
        self.dice = random.Random(seed)
        self.now = START
        path.mkdir()
        git("init", "--quiet", cwd=path)

    def commit(self, files: int = 2, message: str = "work") -> None:
        dice = self.dice
        for _ in range(files):
            file = self.path / dice.choice(
                ["a.txt", "b.txt", "ü ñ.txt", "lib/c.txt", "lib/d.txt", f"new{dice.random()}"]
            )
            file.parent.mkdir(exist_ok=True)
            lines = file.read_text().splitlines() if file.exists() else []
            lines[dice.randrange(len(lines) + 1) :] = [
                f"{dice.random()}" for _ in range(dice.choice([0, 1, 3, 30, 400]))
            ]
            file.write_text("".join(f"{line}\n" for line in lines))
        if dice.random() < 0.15 and (self.path / "a.txt").exists():
            git("mv", "-f", "a.txt", f"was-a-{dice.random()}.txt", cwd=self.path)
        if dice.random() < 0.1:
            (self.path / "picture.bin").write_bytes(dice.randbytes(300) + b"\0")
        self.now += dice.choice([60, 3600, DAY, 3 * DAY, 9 * DAY, 40 * DAY])
        git("add", "--all", cwd=self.path)
        self.git("commit", "--quiet", "--allow-empty", "-m", message)

    def git(self, *arguments: str) -> None:
        name = self.dice.choice(["Ada Author", "Bob <b>", "Zoë Ünlü", "A. Author"])
        people = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": f"{name[0].lower()}@example.com"}
        zone = self.dice.choice(["+0000", "+0530", "-0800", "+1345"])
        dates = {"GIT_AUTHOR_DATE": f"{self.now - 5000} {zone}", "GIT_COMMITTER_DATE": f"{self.now} {zone}"}
        done = git(*arguments, cwd=self.path, **people, **dates)
        assert done.returncode == 0, done.stderr

    def merge(self) -> None:
        """A branch from a while ago, merged."""
        base = git("rev-list", "HEAD", cwd=self.path).stdout.split()
        git("switch", "--quiet", "-C", "side", base[min(len(base) - 1, 4)], cwd=self.path)
        self.commit()
        self.commit()
        git("switch", "--quiet", "main", cwd=self.path)
        self.now += DAY
        self.git("merge", "--quiet", "--no-ff", "-s", "ours", "-m", "merged", "side")
