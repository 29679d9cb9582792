"""The garden's history as commits: `site/story.txt` told from its beginning, with people and times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch.demo.shapes import wobble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DAYS = 92.0  # how far back the first commit lies
PEOPLE = {
    "ada": ("Ada Okafor", "ada@example.com", "+0100"),
    "joaquim": ("Joaquim Reis", "joaquim@example.com", "+0000"),
    "mei": ("Mei Tanaka", "mei@example.com", "+0900"),
    "noor": ("Noor Haddad", "noor@example.com", "+0200"),
    "tomasz": ("Tomasz Wilk", "tomasz@example.com", "+0200"),
}


@dataclass(frozen=True)
class Person:
    """Who, and at which moment (Unix seconds)."""

    name: str
    at: int

    def line(self) -> str:
        """As git writes it in a commit."""
        name, mail, zone = PEOPLE[self.name]
        return f"{name} <{mail}> {self.at} {zone}"


@dataclass(frozen=True)
class Commit:
    """`mark` is its number, from 1; `parents` are numbers too. `state` says what there is (see render.py)."""

    mark: int
    parents: tuple[int, ...]
    author: Person
    message: str
    state: Mapping[str, int]


@dataclass(frozen=True)
class Tag:
    """`message` is "" for a light one."""

    name: str
    commit: int
    author: Person
    message: str


@dataclass
class History:
    commits: list[Commit] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    branches: dict[str, int] = field(default_factory=dict)


def told(story: str, now: float) -> History:
    """The history that `story` tells, ending a little before `now` (Unix seconds)."""
    return _Telling(list(_steps(story)), now).tell()


@dataclass
class _Step:
    command: str  # "commit", or a word after @
    names: list[str]
    who: str = ""
    text: str = ""
    changes: list[str] = field(default_factory=list)
    body: str = ""


def _steps(story: str) -> Iterator[_Step]:
    waiting: _Step | None = None
    for line in story.splitlines():
        if line.startswith("  ") and waiting:
            waiting.body = f"{waiting.body}\n{line.strip()}".strip()
            continue
        if waiting:
            yield waiting
            waiting = None
        words = [word.strip() for word in line.split("|")]
        if line.startswith("@"):
            command, *names = words[0][1:].split()
            who, text = [*words[1:], "", ""][:2]
            yield _Step(command, names, who, text)
        elif line and not line.startswith("#"):
            waiting = _Step("commit", [], words[0], words[1], words[2].split())
    if waiting:
        yield waiting


class _Telling:
    def __init__(self, steps: list[_Step], now: float) -> None:
        self._steps = steps
        self._now = now
        self._before_end = _moments(sum(step.command in ("commit", "merge") for step in steps))
        self._history = History()
        self._began: dict[str, Mapping[str, int]] = {}  # branch → what there was when it began
        self._here = "main"
        self._last = 0

    def tell(self) -> History:
        for step in self._steps:
            getattr(self, f"_{step.command}")(step)
        return self._history

    def _commit(self, step: _Step) -> None:
        tip = self._history.branches.get(self._here)
        state = dict(self._state(tip))
        for change in step.changes:
            name, _, version = change.partition("=")
            state[name] = int(version or 1)
        message = f"{step.text}\n\n{step.body}" if step.body else step.text
        self._add((tip,) if tip else (), step.who, message, state)

    def _branch(self, step: _Step) -> None:
        (name,) = step.names
        self._history.branches[name] = self._history.branches[self._here]
        self._on(step)
        self._began[name] = self._state(self._history.branches[name])

    def _from(self, step: _Step) -> None:
        tag, name = step.names
        (commit,) = (each.commit for each in self._history.tags if each.name == tag)
        self._history.branches[name] = commit
        self._began[name] = self._state(commit)
        self._here = name

    def _on(self, step: _Step) -> None:
        (self._here,) = step.names

    def _merge(self, step: _Step) -> None:
        ours = self._history.branches[self._here]
        tips = [self._history.branches.pop(name) for name in step.names]
        state = dict(self._state(ours))
        for name, tip in zip(step.names, tips, strict=True):
            began = self._began.pop(name)
            state |= {key: version for key, version in self._state(tip).items() if began.get(key) != version}
        quoted = [f"'{name}'" for name in step.names]
        several = f"es {', '.join(quoted[:-1])} and" if len(quoted) > 1 else ""
        self._add((ours, *tips), step.who, f"Merge branch{several} {quoted[-1]}", state)

    def _tag(self, step: _Step) -> None:
        commit = self._history.branches[self._here]
        who = step.who or "ada"
        self._history.tags.append(Tag(step.names[0], commit, Person(who, self._last + 600), step.text))

    def _state(self, mark: int | None) -> Mapping[str, int]:
        return self._history.commits[mark - 1].state if mark else {}

    def _add(self, parents: tuple[int, ...], who: str, message: str, state: Mapping[str, int]) -> None:
        mark = len(self._history.commits) + 1
        self._last = max(int(self._now - 1500 - self._before_end[mark - 1]), self._last + 660)
        self._history.commits.append(Commit(mark, parents, Person(who, self._last), message, state))
        self._history.branches[self._here] = mark


def _moments(number: int) -> list[float]:
    """So many moments as seconds before the last of them: evenings with many commits, then days without one."""
    gaps = [0.02 + wobble("gap", at, 0, 1) ** 7 for at in range(number - 1)]
    scale = DAYS * 86400 / sum(gaps)
    return [sum(gaps[at:]) * scale for at in range(number)]
