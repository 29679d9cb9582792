"""Code as HTML: coloured, with nothing hidden in it, and never for long."""

from __future__ import annotations

import asyncio
import html
import random
import re
import time
from typing import TYPE_CHECKING

import pytest

from gitperch.drawing import colours
from gitperch.drawing.characters import marked, shown
from gitperch.drawing.workshop import Undrawn, Workshop
from gitperch.pages.highlight import LIMIT, highlight, highlighted

if TYPE_CHECKING:
    from collections.abc import Iterator


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a/b.py", "def f(): return '<x>'", '<span class="hl-k">def</span>'),
        ("x.C", "int main;", '<span class="hl-t">int</span>'),
        ("Makefile", "all: x\n\tcc x", "hl-"),
        ("run", "#!/usr/bin/env python3\nimport os", '<span class="hl-k">import</span>'),
        ("x.ts", "const a: number = 1", '<span class="hl-m">1</span>'),
    ],
)
def test_languages_are_told_by_their_names(path: str, text: str, expected: str) -> None:
    lines = highlight(path, text)
    assert lines is not None
    assert expected in "\n".join(lines)
    assert text_of("\n".join(lines)) == text


def test_a_text_has_as_many_lines_in_colour_as_without() -> None:
    for text in ("", "\n", "\n\n", "x = '''a\n\nb'''\n", "# é\r\nx\n", "a\x0cb\nc"):
        lines = highlight("x.py", text)
        assert lines is not None
        assert len(lines) == len(text.split("\n")), text


def test_what_has_no_language_or_is_too_long_stays_plain() -> None:
    assert highlight("notes.unknown", "text") is None
    assert highlight("x.txt", "text") is None
    assert highlight("x.py", "#" * (LIMIT + 1)) is None
    assert highlight("x.py", "é" * (LIMIT // 2 + 1)) is None
    assert highlight("x.js", "x" * (colours.LONGEST_LINE + 1)) is None


def test_markup_in_code_stays_text() -> None:
    lines = highlight("x.html", '<script>alert("1")</script>')
    assert lines
    assert "<script" not in lines[0]
    assert text_of(lines[0]) == '<script>alert("1")</script>'


def test_hidden_characters_are_named() -> None:
    assert shown("a\u202eb") == 'a<i class="odd" title="U+202E">U+202E</i>b'
    assert shown("\x1b[0m") == '<i class="odd" title="U+001B">ESC</i>[0m'
    assert shown("\udcff") == '<i class="odd" title="A byte that is not UTF-8">FF</i>'
    assert shown("\tfamily 👨\u200d👩 می\u200cخواهم & é") == "\tfamily 👨\u200d👩 می\u200cخواهم &amp; é"
    lines = highlight("x.py", "access = 'user\u202e \u2066# admin\u2069'\udc80\ud800")
    assert lines
    assert lines[0].count('class="odd"') == 5


def test_marks_stand_around_characters_whatever_they_became() -> None:
    assert marked(shown("a<b>c"), [(1, 4)]) == "a<mark>&lt;b&gt;</mark>c"
    coloured = '<span class="hl-k">def</span> <span class="hl-f">name</span>()'
    assert marked(coloured, [(2, 6)]) == (
        '<span class="hl-k">de</span><mark><span class="hl-k">f</span> <span class="hl-f">na</span></mark>'
        '<span class="hl-f">me</span>()'
    )
    assert marked(coloured, [(0, 3), (8, 10)]) == (
        '<mark><span class="hl-k">def</span></mark> <span class="hl-f">name</span><mark>()</mark>'
    )
    assert marked(shown("\u202ex"), [(0, 1)]).startswith('<mark><i class="odd"')
    assert marked("ab", [(1, 9)]) == "a<mark>b</mark>"


def test_marks_neither_lose_nor_move_a_character() -> None:
    dice = random.Random(5)
    for _ in range(400):
        text = "".join(dice.choice("ab <>&\"'\u202e\x1bé(){}") for _ in range(dice.randrange(4, 40)))
        lines = colours.coloured("x.js", text)
        assert lines
        cuts = sorted(dice.sample(range(len(text) + 1), 4))
        ranges = [(cuts[0], cuts[1]), (cuts[2], cuts[3])]
        found = re.sub(r"<i [^>]*>[^<]*</i>", "?", marked(lines[0], ranges))
        plain = re.sub("[\u202e\x1b]", "?", text)
        assert text_of(found) == plain
        assert [text_of(part) for part in re.findall("<mark>(.*?)</mark>", found)] == [plain[a:b] for a, b in ranges]


def test_a_job_that_fails_is_told_so(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Undrawn):
        workshop.ask({"draw": "diff"}, b"", 60).result(60)
    assert "could not be drawn" in caplog.text
    assert workshop.ask({"draw": "code", "path": "x.py"}, b"1", 60).result(60)[0]["known"]


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.close()


def test_a_job_that_takes_too_long_costs_the_process_not_the_next_job(workshop: Workshop) -> None:
    slow = "x = f(1, 'a')\n" * 30_000
    begun = time.monotonic()
    stuck = workshop.ask({"draw": "code", "path": "x.py"}, slow.encode(), 0.05)
    with pytest.raises(Undrawn):
        stuck.result(60)
    facts, drawn = workshop.ask({"draw": "code", "path": "x.py"}, b"import os", 60).result(60)
    assert facts["known"]
    assert b"hl-k" in drawn
    assert time.monotonic() - begun < 30


def test_the_process_ends_when_there_is_nothing_to_do(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitperch.drawing.workshop.REST", 0.05)
    workshop.ask({"draw": "code", "path": "x.py"}, b"1", 60).result(60)
    until = time.monotonic() + 60
    while workshop.runs and time.monotonic() < until:
        time.sleep(0.01)
    assert not workshop.runs
    assert workshop.ask({"draw": "code", "path": "x.py"}, b"1", 60).result(60)[0]["known"]


def test_the_event_loop_goes_on_meanwhile() -> None:
    text = "def f(x):\n    return {'a': [x, 1]}\n" * 6000

    async def look() -> tuple[float, int]:
        task = asyncio.ensure_future(highlighted("x.py", text))
        longest = 0.0
        while not task.done():
            begun = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - begun)
            await asyncio.sleep(0.001)
        return longest, len(task.result() or ())

    longest, lines = asyncio.run(look())
    assert lines in (0, 12_001)  # a slow machine shows it without colours
    assert longest < 0.25
