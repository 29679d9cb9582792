"""A patch taken apart: hunks of lines, with what changed inside a line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

LINE_LIMIT = 1200  # characters of one line that are shown
WORDS = 300  # of a line that are compared one by one
ALIKE = 0.45  # how much of two lines has to be the same for marks to be more than noise
PAIRED = 12  # lines of a block that are compared with every one on the other side
HEADING_LINES = 1000  # looked at for the function that a hunk is in
HEADING_LIMIT = 80
_HUNK = re.compile(rb"@@+ -(\d+)(?:,\d+)? .*?\+(\d+)(?:,(\d+))? @@+ ?(.*)", re.DOTALL)
_BEGINS = re.compile(r"[A-Za-z_$]")
_WORD = re.compile(r"\d+(?:\.\d+)*|\w+|\s+|.", re.DOTALL)

LineKind = Literal["context", "add", "del", "note"]
Ranges = list[tuple[int, int]]


@dataclass
class Line:
    """A line of a hunk with its number on each side; of one that was cut off, `length` is what it was in characters.

    `changed` are the parts (start, end) in which it differs from `partner`, its counterpart in the hunk's lines.
    """

    kind: LineKind
    old: int | None
    new: int | None
    text: str
    length: int | None = None
    changed: Ranges = field(default_factory=list)
    partner: int | None = None
    html: str | None = None


@dataclass
class Hunk:
    heading: str
    lines: list[Line]

    @property
    def old(self) -> int:
        return next((line.old for line in self.lines if line.old), 0)

    @property
    def new(self) -> int:
        return next((line.new for line in self.lines if line.new), 0)


@dataclass
class Patch:
    """`foreign` says that there were lines which are no UTF-8, and are read as Latin-1; `cut` that there are more lines."""

    hunks: list[Hunk] = field(default_factory=list)
    foreign: bool = False
    cut: bool = False


def read(patch: bytes, limit: int) -> Patch:
    """The hunks of one file's patch, at most `limit` lines of them (`cut` says if there were more). Combined ones, of merges, too."""
    found = Patch()
    signs, old, new, end, count = 1, 0, 0, 0, 0
    hunk: Hunk | None = None
    for raw in patch.split(b"\n"):
        if raw.startswith(b"@@") and (match := _HUNK.fullmatch(raw)):
            signs = len(raw) - len(raw.lstrip(b"@")) - 1
            old, new = int(match[1]), int(match[2])
            end = new + int(match[3] or 1)
            hunk = Hunk(_decoded(match[4], found)[:HEADING_LIMIT], [])
            found.hunks.append(hunk)
        elif raw.startswith(b"diff "):
            hunk = None
        elif hunk is not None and raw:
            count += 1
            if count > limit:
                found.cut = True
                break
            sign, text = raw[:signs], raw[signs:]
            if raw.startswith(b"\\"):
                hunk.lines.append(Line("note", None, None, "No newline at the end of the file"))
                continue
            kind: LineKind = "del" if b"-" in sign else "add" if b"+" in sign else "context"
            line = _line(kind, text, found)
            line.old = old if kind != "add" and signs == 1 else None
            line.new = new if kind != "del" else None
            old += line.old is not None
            new += line.new is not None
            hunk.lines.append(line)
    if hunk is not None and new < end and not found.cut:  # git was not done
        found.cut = True
        del hunk.lines[-1:]
    _carriage_returns(found)
    for hunk in found.hunks:
        _compare(hunk.lines)
    return found


def trimmed(patch: Patch, context: int) -> Patch:
    """`patch`, made with all of the file as context, with no more than `context` lines around each change."""
    hunks: list[Hunk] = []
    for whole in patch.hunks:
        near = [False] * len(whole.lines)
        for at, line in enumerate(whole.lines):
            if line.kind != "context":
                first = max(0, at - context)
                near[first : at + context + 1] = [True] * len(near[first : at + context + 1])
        at = 0
        while at < len(near):
            start = at
            while at < len(near) and near[at] == near[start]:
                at += 1
            if near[start]:
                hunks.append(_moved(whole, start, at))
                hunks[-1].heading = _function(whole.lines, start)
    return Patch(hunks, patch.foreign, patch.cut)


def _function(lines: list[Line], start: int) -> str:
    """The line above `start` that begins a function, by git's own rule where it knows no language: a letter in the first column."""
    for line in reversed(lines[max(0, start - HEADING_LINES) : start]):
        if line.new and _BEGINS.match(line.text):
            return line.text[:HEADING_LIMIT]
    return ""


def _moved(whole: Hunk, start: int, end: int) -> Hunk:
    lines = whole.lines[start:end]
    for line in lines:
        if line.partner is not None:
            line.partner -= start
    return Hunk("", lines)


def _line(kind: LineKind, text: bytes, found: Patch) -> Line:
    decoded = _decoded(text, found)
    if len(decoded) > LINE_LIMIT:
        return Line(kind, None, None, decoded[:LINE_LIMIT], len(decoded))
    return Line(kind, None, None, decoded)


def _decoded(text: bytes, found: Patch) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        found.foreign = True
        return text.decode("latin-1")


def _carriage_returns(patch: Patch) -> None:
    """Show them only where they changed: in a file that has always had them, they are noise."""
    changed = [line for hunk in patch.hunks for line in hunk.lines if line.kind in ("add", "del")]
    everywhere = all(line.text.endswith("\r") for line in changed if line.length is None)
    for hunk in patch.hunks:
        for line in hunk.lines:
            if everywhere or line.kind == "context":
                line.text = line.text.removesuffix("\r")


def _compare(lines: list[Line]) -> None:
    """Find for each deleted line the added one that it became, and mark what changed between the two."""
    at = 0
    while at < len(lines):
        middle = _end_of(lines, at, "del")
        end = _end_of(lines, middle, "add")
        if middle > at and end > middle:
            for old, new in _pairs(lines, range(at, middle), range(middle, end)):
                lines[old].partner, lines[new].partner = new, old
                lines[old].changed, lines[new].changed = words(lines[old].text, lines[new].text)
        at = max(end, at + 1)


def _end_of(lines: list[Line], start: int, kind: LineKind) -> int:
    """The end of a run, with the notes in it."""
    while start < len(lines) and lines[start].kind in (kind, "note"):
        start += 1
    return start


def _pairs(lines: list[Line], old: range, new: range) -> list[tuple[int, int]]:
    gone = [at for at in old if lines[at].kind == "del"]
    come = [at for at in new if lines[at].kind == "add"]
    if len(gone) == len(come) or len(gone) > PAIRED or len(come) > PAIRED:
        return list(zip(gone, come, strict=False))
    # The most alike in order, as an alignment of the two runs.
    score = [[0.0] * (len(come) + 1) for _ in range(len(gone) + 1)]
    for i in range(len(gone) - 1, -1, -1):
        for j in range(len(come) - 1, -1, -1):
            both = score[i + 1][j + 1] + _likeness(lines[gone[i]].text, lines[come[j]].text)
            score[i][j] = max(both, score[i + 1][j], score[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(gone) and j < len(come):
        if score[i][j] == score[i + 1][j]:
            i += 1
        elif score[i][j] == score[i][j + 1]:
            j += 1
        else:
            found.append((gone[i], come[j]))
            i, j = i + 1, j + 1
    return found


def _likeness(old: str, new: str) -> float:
    """How many words the two have in common: 0 to 1, 0 for little."""
    mine, theirs = set(_WORD.findall(old[:400])), set(_WORD.findall(new[:400]))
    part = len(mine & theirs) / max(1, len(mine | theirs))
    return part if part > 0.3 else 0.0


def words(old: str, new: str) -> tuple[Ranges, Ranges]:
    """The parts of two lines that differ, by words; none where the lines have little in common."""
    a, b = _WORD.findall(old), _WORD.findall(new)
    if len(a) > WORDS or len(b) > WORDS:
        return _middle(old, new)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    same = sum(len(word) for block in blocks for word in a[block.a : block.a + block.size] if not word.isspace())
    if same < ALIKE * max(len(old.replace(" ", "")), len(new.replace(" ", ""))) * 0.8:
        return [], []
    # A blank between two changed words is no reason to end a mark.
    blocks = [m for m in blocks if not "".join(a[m.a : m.a + m.size]).isspace() or m.a == m.b == 0]
    return _gaps(a, [(m.a, m.size) for m in blocks]), _gaps(b, [(m.b, m.size) for m in blocks])


def _gaps(tokens: list[str], blocks: list[tuple[int, int]]) -> Ranges:
    """Where `tokens` are that no block has, in characters."""
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token))
    found, at = [], 0
    for start, size in [*blocks, (len(tokens), 0)]:
        if start > at:
            found.append((starts[at], starts[start]))
        at = start + size
    return found


def _middle(old: str, new: str) -> tuple[Ranges, Ranges]:
    """All between the first and the last character in which two long lines differ."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head + tail < shorter * ALIKE:
        return [], []
    return [(head, len(old) - tail)], [(head, len(new) - tail)]
