"""Rows of a table for a file's patch: one column of lines, or the two sides beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitperch.drawing import hunks
from gitperch.drawing.characters import marked, shown
from gitperch.drawing.colours import coloured
from gitperch.lfs import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch.drawing.hunks import Hunk, Line, Patch

POINTER_LINES = 16


def diff(job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
    """Draw the patch `body` of the file `path`, once `old_path`.

    `split` draws two sides, `lines` is how many may be drawn. With `whole` the patch has the whole file in it, of which `context` lines
    around each change are drawn.
    """
    patch = hunks.read(body, 10**9 if job["whole"] else job["lines"])
    stored = _stored(patch)
    if stored:
        return {"stored": stored}, ""
    for hunk in patch.hunks:
        _colour(hunk, job)
    last = None
    if job["whole"]:
        last = max((line.new or 0 for hunk in patch.hunks for line in hunk.lines), default=0)
        patch = hunks.trimmed(patch, job["context"])
    html = "".join(_table(patch, job["split"], last))
    return {"foreign": patch.foreign, "cut": patch.cut}, html


def lines(job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
    """Draw the lines `first` to `last` of a file, whose numbers on the old side are `shift` higher. `end` tells that no more follow."""
    text, foreign = _text(body)
    drawn = coloured(job["path"], text) if len(text) <= job["colour"] else None
    plain = text.removesuffix("\n").split("\n") if text else []
    rows: list[str] = []
    for number in range(max(1, job["first"]), min(len(plain), job["last"]) + 1):
        content = plain[number - 1].removesuffix("\r")
        line = hunks.Line("context", number + job["shift"], number, content[: hunks.LINE_LIMIT])
        if len(content) > hunks.LINE_LIMIT:
            line.length = len(content)
        elif drawn:
            line.html = drawn[number - 1]
        rows += _split([line]) if job["split"] else _unified([line])
    return {"end": job["last"] >= len(plain), "foreign": foreign}, "".join(rows)


def _text(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode("utf-8"), False
    except UnicodeDecodeError:
        return body.decode("latin-1"), True


def _stored(patch: Patch) -> list[int | None] | None:
    """The sizes of the large file of LFS before and after, where that is what the patch is about."""
    if len(patch.hunks) != 1 or len(patch.hunks[0].lines) > POINTER_LINES:
        return None
    sizes: list[int | None] = []
    for other in ("add", "del"):
        side = [line.text for line in patch.hunks[0].lines if line.kind not in (other, "note")]
        found = pointer.parse(("\n".join(side) + "\n").encode()) if side else None
        if side and not found:
            return None
        sizes.append(found.size if found else None)
    return sizes


def _colour(hunk: Hunk, job: dict[str, Any]) -> None:
    for path, kind, other in ((job["path"], "add", "del"), (job["old_path"], "del", "add")):
        side = [line for line in hunk.lines if line.kind not in (other, "note")]
        if not side or (kind == "del" and not any(line.kind == kind for line in side)):
            continue  # the new side has had the context
        drawn = coloured(path, "\n".join(line.text for line in side))
        if drawn is None:
            continue
        for line, html in zip(side, drawn, strict=True):
            line.html = html if line.html is None or line.kind == kind else line.html


def _table(patch: Patch, split: bool, last: int | None) -> Iterator[str]:
    """`last` is the number of the file's last line, None where it is not known."""
    at, shift = 1, 0
    merged = False  # the old side is several then, and its numbers with it
    for hunk in patch.hunks:
        known = next((line for line in hunk.lines if line.old and line.new), None)
        merged = merged or any(line.kind == "context" and not line.old for line in hunk.lines)
        if known:
            shift = (known.old or 0) - (known.new or 0)
            shift -= sum((line.kind == "del") - (line.kind == "add") for line in hunk.lines[: hunk.lines.index(known)])
        if hunk.new > at or hunk.heading or at > 1:
            yield _gap(split, (at, hunk.new - 1, shift) if not merged else None, hunk.heading)
        yield from _split(hunk.lines) if split else _unified(hunk.lines)
        shift += sum((line.kind == "del") - (line.kind == "add") for line in hunk.lines)
        at = max((line.new for line in hunk.lines if line.new), default=at - 1) + 1
    # A file that is all new, or all gone, has no more than what is shown.
    context = any(line.kind == "context" for hunk in patch.hunks for line in hunk.lines)
    if context and not merged and not patch.cut and (last is None or at <= last):
        yield _gap(split, (at, last, shift), "")


def _gap(split: bool, hidden: tuple[int, int | None, int] | None, heading: str) -> str:
    """The row between two hunks. `hidden`: the new side's lines that are left out, first and last (None for all the rest), and
    how much higher their numbers are on the old side.
    """
    attributes = ""
    if hidden:
        first, last, shift = hidden
        attributes = f' data-first="{first}" data-last="{"" if last is None else last}" data-shift="{shift}"'
    cells = ("", ' colspan="3"') if split else (' colspan="2"', "")
    return (
        f'<tr class="gap"{attributes}><td class="n"{cells[0]}></td><td class="t"{cells[1]}>{shown(heading)}</td></tr>'
    )


def _unified(lines: list[Line]) -> Iterator[str]:
    for line in lines:
        if line.kind == "note":
            yield f'<tr class="note"><td class="n"></td><td class="n"></td><td class="t">{line.text}</td></tr>'
            continue
        kind = f' class="{line.kind}"' if line.kind != "context" else ""
        yield f'<tr{kind}>{_number(line.old)}{_number(line.new)}<td class="t">{_content(line)}</td></tr>'


def _split(lines: list[Line]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.kind == "context":
            text = f'<td class="t">{_content(line)}</td>'
            yield f"<tr>{_number(line.old)}{text}{_number(line.new)}{text}</tr>"
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].kind != "context":
            end += 1
        for left, right in _beside(lines, at, end):
            yield f"<tr>{_half(lines, left)}{_half(lines, right)}</tr>"
        at = end


def _beside(lines: list[Line], start: int, end: int) -> Iterator[tuple[int | None, int | None]]:
    """A run of changes as rows: partners beside each other, the others in order around them."""
    left: list[int] = []
    right: list[int] = []
    for at in range(start, end):
        line = lines[at]
        # A note belongs to the side of the line before it.
        side = line.kind if line.kind != "note" else lines[at - 1].kind if at > start else "del"
        (right if side == "add" else left).append(at)
    i = j = 0
    while i < len(left) or j < len(right):
        old = left[i] if i < len(left) else None
        new = right[j] if j < len(right) else None
        if old is not None and new is not None:
            waits_right = lines[old].partner is not None and lines[old].partner != new
            waits_left = lines[new].partner is not None and lines[new].partner != old
            if waits_right and not waits_left:
                old = None
            elif waits_left and not waits_right:
                new = None
        i, j = i + (old is not None), j + (new is not None)
        yield old, new


def _half(lines: list[Line], at: int | None) -> str:
    if at is None:
        return '<td class="n none"></td><td class="t none"></td>'
    line = lines[at]
    if line.kind == "note":
        return f'<td class="n"></td><td class="t note">{line.text}</td>'
    number = line.new if line.kind == "add" else line.old
    return f'{_number(number, line.kind)}<td class="t {line.kind}">{_content(line)}</td>'


def _number(number: int | None, kind: str = "") -> str:
    name = f"n {kind}" if kind else "n"
    return f'<td class="{name}" data-n="{number}"></td>' if number else f'<td class="{name}"></td>'


def _content(line: Line) -> str:
    html = marked(line.html if line.html is not None else shown(line.text), line.changed)
    if line.length:
        html += f' <i class="cut">… {line.length:,} characters in this line</i>'
    return html
