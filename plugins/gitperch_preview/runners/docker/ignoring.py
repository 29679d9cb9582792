"""What `.dockerignore` keeps out of an image's build. Engines leave that to whoever sends them the files, which is this server.

Format: https://docs.docker.com/build/concepts/context/#dockerignore-files; in detail what github.com/moby/patternmatcher does.
Patterns and paths are a stranger's: nothing here takes longer than their lengths, multiplied.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from gitperch_preview.contract import RunnerError

if TYPE_CHECKING:
    from collections.abc import Collection

FILE = ".dockerignore"
BYTES, PATTERNS = 64 << 10, 500

_State = tuple[int, ...] | bool
"""Of a pattern and a path: which of the pattern's parts may come next; True once all of them have, for all below too."""


class Pattern:
    """One line. `exception`: it had a `!` in front, and brings back what lines before it kept out."""

    def __init__(self, line: str) -> None:
        """Raises ValueError where it means nothing."""
        self.exception = line.startswith("!")
        text = line.removeprefix("!").strip()
        if not text:
            raise ValueError(line)
        parts = posixpath.normpath(text).lstrip("/").split("/")
        # `**.log` is `**/*.log`; elsewhere inside of a name two stars are as one, since what is below a match is kept out as well.
        split = [["**", part[1:]] if part.startswith("**") and part != "**" else [part] for part in parts]
        flat = [part for some in split for part in some]
        if flat[-1] == "**":  # something has to be there for it
            flat.append("*")
        self._parts = [None if part == "**" else _name(part) for part in flat]
        self.first = self._from([0])

    def next(self, state: _State, name: str) -> _State:
        """The state of `name` in a folder whose state is `state`."""
        if isinstance(state, bool) or not state:
            return state
        found = []
        for position in state:
            part = self._parts[position]
            if part is None:
                found.append(position)
            elif part.fullmatch(name):
                found.append(position + 1)
        return self._from(found)

    def _from(self, positions: list[int]) -> _State:
        found = set(positions)
        for position in positions:
            while position < len(self._parts) and self._parts[position] is None:  # any number of folders, and none
                position += 1
                found.add(position)
        return len(self._parts) in found or tuple(sorted(found))


class Ignored:
    """The patterns of one file, asked for one path after another, as an archive has them: folders before what is in them."""

    def __init__(self, patterns: list[Pattern], always: Collection[str]) -> None:
        """`always`: paths that are never kept out."""
        self._patterns = patterns
        self._always = always
        self._names: list[str] = []
        self._states: list[list[_State]] = [[pattern.first for pattern in patterns]]

    def __contains__(self, path: str) -> bool:
        names = path.split("/")
        same = 0
        while same < min(len(names), len(self._names)) and names[same] == self._names[same]:
            same += 1
        del self._names[same:], self._states[same + 1 :]
        for name in names[same:]:
            above = self._states[-1]
            self._states.append([each.next(state, name) for each, state in zip(self._patterns, above, strict=True)])
            self._names.append(name)
        kept_out = False
        for pattern, state in zip(self._patterns, self._states[-1], strict=True):
            if state is True:
                kept_out = not pattern.exception
        return kept_out and path not in self._always


def patterns(text: str, name: str = FILE) -> list[Pattern]:
    """The patterns that the file `name` says. Raises RunnerError, with the line."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.startswith("#") or not line.strip():
            continue
        try:
            found.append(Pattern(line.strip()))
        except ValueError:
            raise RunnerError(f"{name}, line {number}: {line.strip()[:100]!r} is no pattern.") from None
    if len(found) > PATTERNS:
        raise RunnerError(f"{name} has {len(found)} patterns; it may have {PATTERNS}. Name folders instead of files.")
    return found


def _name(pattern: str) -> re.Pattern[str]:
    """`*`, `?`, `[a-z]`, `[^a-z]` and `\\` in one name. What a star takes it never gives back, which for names changes nothing."""
    pieces, rest = [""], pattern
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == "*":
            pieces.append("")
        elif sign == "?":
            pieces[-1] += "."
        elif sign == "[":
            found, rest = _class(rest)
            pieces[-1] += found
        else:
            letter, rest = _letter(sign + rest)
            pieces[-1] += re.escape(letter)
    first, *more = pieces
    # Only the last star may take less than it could.
    stars = [*(f"(?>.*?{piece})" for piece in more[:-1]), *(f".*{piece}" for piece in more[-1:])]
    return re.compile(first + "".join(stars), re.DOTALL)


def _class(rest: str) -> tuple[str, str]:
    """What follows a `[`, as a class of a regular expression, and what follows that."""
    negated = rest.startswith("^")
    rest = rest[negated:]
    ranges: list[str] = []
    while not (ranges and rest.startswith("]")):
        if rest[:1] in ("", "-", "]"):
            raise ValueError(rest)
        low, rest = _letter(rest)
        high = low
        if rest.startswith("-"):
            high, rest = _letter(rest[1:])
        ranges.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    if not any(ranges):
        return ("." if negated else "(?!)"), rest[1:]
    return f"[{'^' * negated}{''.join(ranges)}]", rest[1:]


def _letter(rest: str) -> tuple[str, str]:
    if rest.startswith("\\"):
        rest = rest[1:]
    if not rest:
        raise ValueError(rest)
    return rest[0], rest[1:]
