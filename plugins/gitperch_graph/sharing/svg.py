"""The newest commits as one SVG: no script, no style from outside, nothing to load, every text escaped and kept in its box."""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_graph.repository import SHOWN
from gitperch_graph.sharing.lines import HUES, Grid, drawing, hue
from gitperch_graph.sharing.words import ago, clean, cut, day, escaped, width

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from gitperch_graph.sharing.picture import Drawn, Picture

THEMES = ("auto", "light", "dark")

# tokens.css in sRGB: not everything that draws an image knows OKLCH. A test holds them together.
LIGHT = {
    "paper": "#fbfaf7", "line": "#e1e0da", "ink": "#1b1f27", "ink-2": "#4b5059", "ink-3": "#666c75",
    "lane-1": "#008fad", "lane-2": "#9f5700", "lane-3": "#8c7dd5", "lane-4": "#118054",
    "lane-5": "#bd5b7d", "lane-6": "#a98600", "lane-7": "#5f60b5", "lane-8": "#47a05f",
}  # fmt: skip
DARK = {
    "paper": "#111419", "line": "#282c32", "ink": "#e9e8e3", "ink-2": "#b0b4bb", "ink-3": "#8e929a",
    "lane-1": "#4abbdb", "lane-2": "#cd813d", "lane-3": "#bcb2ff", "lane-4": "#45ac7b",
    "lane-5": "#ed86a7", "lane-6": "#e5c057", "lane-7": "#898ee7", "lane-8": "#83dc97",
}  # fmt: skip

_FONT = '-apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif'
_HEAD, _ROW, _FOOT, _PAD = 44, 28, 12, 18
_PITCH = 14
_SUBJECT, _SMALL, _CHIP = 13, 12, 11
_CHIPS = 2
_CHIP_WIDTH, _CHIP_LEAST = 150.0, 40.0


@dataclass(frozen=True)
class Frame:
    """What stands around the rows: the repository's name, the sentence beside it, when it is now (None: days instead of ages)."""

    name: str
    aside: str
    theme: str = "auto"
    width: int = 800
    now: float | None = None


def svg(picture: Picture, frame: Frame) -> str:
    """The picture as a document of its own."""
    height = _HEAD + _ROW * max(1, len(picture.rows)) + _FOOT
    grid = Grid(_PAD + 8, _HEAD, _PITCH, _ROW, max(1, min(picture.lanes, int(frame.width * 0.3 / _PITCH))))
    name, aside = clean(frame.name), clean(frame.aside)
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{frame.width}" height="{height}" viewBox="0 0 {frame.width} {height}"',
            ' role="img" aria-labelledby="t d">',
            f'<title id="t">Commits of {escaped(name)}</title><desc id="d">{escaped(_described(picture, aside))}</desc>',
            f"<style>{style(frame.theme)}</style>",
            f'<rect class="paper" x=".5" y=".5" width="{frame.width - 1}" height="{height - 1}" rx="9.5"/>',
            *_title(name, aside, frame.width),
            *(_rows(picture, frame, grid) if picture.rows else _nothing(frame)),
            "</svg>",
        ]
    )


def _described(picture: Picture, aside: str) -> str:
    newest = "; ".join(clean(drawn.commit.subject)[:200] for drawn in picture.rows[:5])
    return f"{aside}. The newest: {newest}" if newest else aside


def _title(name: str, aside: str, wide: int) -> Iterator[str]:
    room = wide - 2 * _PAD
    aside_width = min(width(aside, _SMALL) + 8, room * 0.6)
    yield _boxed(
        _PAD,
        8,
        room - aside_width - 8,
        30,
        f'<text class="name" y="20">{escaped(cut(name, room - aside_width - 8, 14.5))}</text>',
    )
    yield f'<text class="soft" text-anchor="end" x="{wide - _PAD}" y="28">{escaped(cut(aside, aside_width, _SMALL))}</text>'
    yield f'<path class="rule" d="M0 {_HEAD - 4.5}h{wide}"/>'


def _nothing(frame: Frame) -> Iterator[str]:
    yield f'<text class="soft" text-anchor="middle" x="{frame.width / 2:g}" y="{_HEAD + 19}">Nothing has been pushed yet.</text>'


def _rows(picture: Picture, frame: Frame, grid: Grid) -> Iterator[str]:
    left, bottom = grid.x(grid.lanes - 1) + 20, grid.y(len(picture.rows) - 0.5)
    yield _boxed(0, 0, left, bottom + _FOOT - 2, drawing(picture, grid))
    if picture.more:  # lanes that go on below fade away
        yield '<linearGradient id="f" x2="0" y2="1"><stop class="fade" stop-opacity="0"/><stop class="fade" offset="1"/></linearGradient>'
        yield f'<rect fill="url(#f)" x="{_PAD - 6}" y="{bottom - 12:g}" width="{left - _PAD:g}" height="{_FOOT + 10}"/>'
    dates = 104 if frame.width >= 440 else 0
    authors = 150 if frame.width >= 640 else 0
    right = frame.width - _PAD
    for row, drawn in enumerate(picture.rows):
        top, commit = grid.y(row) - _ROW / 2, drawn.commit
        taken = yield from _chips(drawn, picture.head, left, top, (right - dates - authors - left) * 0.55)
        begin = left + taken
        room = right - dates - authors - begin
        subject = clean(commit.subject) or "(no message)"
        yield _boxed(begin, top, room, _ROW, f'<text y="18.5">{escaped(cut(subject, room, _SUBJECT))}</text>')
        if authors:
            author = cut(clean(commit.author) or "unknown", authors - 12, _SMALL)
            yield _boxed(
                right - dates - authors + 12,
                top,
                authors - 12,
                _ROW,
                f'<text class="soft" y="18.5">{escaped(author)}</text>',
            )
        if dates:
            when = day(commit.time) if frame.now is None else ago(commit.time, frame.now)
            yield f'<text class="faint" text-anchor="end" x="{right}" y="{top + 18.5:g}">{escaped(when)}</text>'


def _chips(drawn: Drawn, head: str, x: float, top: float, room: float) -> Generator[str, None, float]:
    """The labels of refs, from `x` on; returns how much room they took."""
    begin, shown = x, 0
    for name in sorted(drawn.refs, key=lambda name: (name != head, not name.startswith("refs/heads/"), name))[:_CHIPS]:
        longest = min(_CHIP_WIDTH, room - (x - begin))
        if longest < _CHIP_LEAST:
            break
        text = cut(short(name), longest - 20, _CHIP)
        wide = round(width(text, _CHIP) * 1.06 + 18)
        if name.startswith("refs/heads/"):
            fill, ink = ("main", "onmain") if name == head else (f"p{hue(drawn.lane)}", f"c{hue(drawn.lane)}")
            shape, middle = (
                f'<rect class="{fill}" x="{x:g}" y="{top + 5:g}" width="{wide}" height="18" rx="9"/>',
                wide / 2,
            )
        else:
            shape, ink, middle = (
                f'<path class="tag" d="M{x:g} {top + 5:g}h{wide}l-6 9l6 9h{-wide}z"/>',
                "soft",
                wide / 2 - 3,
            )
        words = f'<text class="chip {ink}" text-anchor="middle" x="{middle:g}" y="18">{escaped(text)}</text>'
        yield shape + _boxed(x, top, wide, _ROW, words)
        x, shown = x + wide + 6, shown + 1
    if len(drawn.refs) > shown:
        text = f"+{len(drawn.refs) - shown}"
        yield f'<text class="chip faint" x="{x:g}" y="{top + 18:g}">{text}</text>'
        x += width(text, _CHIP) + 8
    return x - begin + (2 if x > begin else 0)


def short(ref: str) -> str:
    """A ref's name as a label has it."""
    return clean(next((ref.removeprefix(folder) for folder in SHOWN if ref.startswith(folder)), ref)) or "?"


def _boxed(x: float, y: float, wide: float, high: float, inside: str) -> str:
    """What is inside cannot be seen outside: text is as wide and as high as its font and its marks make it."""
    return f'<svg x="{x:g}" y="{y:g}" width="{max(1, wide):g}" height="{high:g}">{inside}</svg>'


@functools.cache
def style(theme: str) -> str:
    """The style sheet, by the theme alone: `policy` allows it by its digest."""
    shapes = (
        f"text{{font:{_SUBJECT}px {_FONT}}}.name{{font-size:14.5px;font-weight:600}}.soft,.faint{{font-size:{_SMALL}px}}"
        f".chip{{font-size:{_CHIP}px;font-weight:550}}.e{{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}}.thin{{stroke-width:1.5}}"
    )
    if theme != "auto":
        return shapes + _colours(DARK if theme == "dark" else LIGHT)
    return f"{shapes}{_colours(LIGHT)}@media(prefers-color-scheme:dark){{{_colours(DARK)}}}"


def _colours(token: Mapping[str, str]) -> str:
    paper, ink = token["paper"], token["ink"]
    rules = [
        f"text{{fill:{ink}}}.paper{{fill:{paper};stroke:{token['line']}}}.hole{{fill:{paper}}}.rule{{stroke:{token['line']}}}",
        f".soft{{fill:{token['ink-2']}}}.faint{{fill:{token['ink-3']}}}.fade{{stop-color:{paper}}}",
        f".main{{fill:{ink}}}.onmain{{fill:{paper}}}.tag{{fill:{_mixed(ink, paper, 0.09)}}}",
    ]
    for number in range(HUES + 1):
        lane = token[f"lane-{number}"] if number else ink
        rules.append(
            f".e{number}{{stroke:{lane}}}.n{number}{{fill:{lane}}}"
            f".p{number}{{fill:{_mixed(lane, paper, 0.14)}}}.c{number}{{fill:{_mixed(lane, ink, 0.45)}}}"
        )
    return "".join(rules)


def _mixed(one: str, other: str, part: float) -> str:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a * part + b * (1 - part)):02x}" for a, b in pairs)


@functools.cache
def policy(theme: str) -> str:
    """The Content-Security-Policy of such a document: its own style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style(theme).encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
