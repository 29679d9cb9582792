"""What is typed into the search field, and what is understood."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gitperch_graph.search.dates import moment
from gitperch_graph.search.folding import folded, folded_bytes
from gitperch_graph.search.grammar import LONGEST, MOST, parsed

NOW = datetime(2024, 5, 31, 12, 30, tzinfo=UTC).timestamp()


def terms(text: str) -> list[tuple[str, str, bool]]:
    return [(term.key, term.value, term.negated) for term in parsed(text, NOW).terms]


def day(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("", []),
        ("   ", []),
        ("fix", [("text", "fix", False)]),
        ("fix  the\tparser", [("text", "fix", False), ("text", "the", False), ("text", "parser", False)]),
        ('"race condition" now', [("text", "race condition", False), ("text", "now", False)]),
        ('-"race condition"', [("text", "race condition", True)]),
        ("author:ada -author:bob", [("author", "ada", False), ("author", "bob", True)]),
        ('AUTHOR:"Ada L" x', [("author", "Ada L", False), ("text", "x", False)]),
        (r'message:"say \"yes\""', [("message", 'say "yes"', False)]),
        ("hash:1A2b", [("hash", "1A2b", False)]),
        ("merge:only", [("merge", "only", False)]),
        ("merge:exclude", [("merge", "only", True)]),
        ("-merge:exclude", [("merge", "only", False)]),
        ("branch:release/* tag:v1.0", [("branch", "release/*", False), ("tag", "v1.0", False)]),
        ("file:*.css path:src/", [("file", "*.css", False), ("path", "src/", False)]),
        ("a-b -- -", [("text", "a-b", False), ("text", "-", True), ("text", "-", False)]),
        ("author:ada:b", [("author", "ada:b", False)]),
        ("since:2024 until:2025", [("after", "2024", False), ("before", "2025", False)]),
        ("net: fix", [("text", "net:", False), ("text", "fix", False)]),
        ("https://example.com/x", [("text", "https://example.com/x", False)]),
    ],
)
def test_what_is_understood(typed: str, understood: list[tuple[str, str, bool]]) -> None:
    assert terms(typed) == understood
    assert parsed(typed, NOW).hints == ()


@pytest.mark.parametrize(
    ("typed", "left", "at", "says"),
    [
        ("autor:ada", [("text", "autor:ada", False)], 0, "did you mean author:?"),
        ("x foo:bar", [("text", "x", False), ("text", "foo:bar", False)], 2, "foo: is no key"),
        ("x after:soon", [("text", "x", False)], 2, "soon is no date"),
        ("after:2024-02-30", [], 0, "2024-02-30 is no date"),
        ("merge:maybe", [], 0, "only and exclude"),
        ("hash:xyz", [], 0, "hexadecimal digits"),
        ("hash:ab", [], 0, "4 to 64"),
        ("path:**/a/**/b/**", [], 0, "at most 2 times **"),
        ("author: ada", [("text", "ada", False)], 0, "wants a value"),
        ('ab "cd e', [("text", "ab", False), ("text", "cd e", False)], 8, 'closing "'),
        ("😀 foo:bar", [("text", "😀", False), ("text", "foo:bar", False)], 3, "foo: is no key"),
    ],
)
def test_a_hint_says_where_and_what_instead(typed: str, left: list[tuple[str, str, bool]], at: int, says: str) -> None:
    assert terms(typed) == left
    (hint,) = parsed(typed, NOW).hints
    assert hint.at == at
    assert says in hint.text


def test_a_query_has_a_bounded_number_of_terms() -> None:
    query = parsed("a " * (LONGEST // 2), NOW)
    assert len(query.terms) == MOST
    assert query.hints[0].at == 2 * MOST


def test_terms_say_where_they_stand() -> None:
    described = parsed('😀 -author:"Ada L"', NOW).described()["terms"]
    assert [(term["at"], term["length"]) for term in described] == [(0, 2), (3, 15)]


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("2h", NOW - 7200),
        ("7d", NOW - 7 * 86400),
        ("2w", NOW - 14 * 86400),
        ("3m", datetime(2024, 2, 29, 12, 30, tzinfo=UTC).timestamp()),
        ("1y", datetime(2023, 5, 31, 12, 30, tzinfo=UTC).timestamp()),
        ("99999y", 0),
        ("2024", day(2024, 1, 1)),
        ("2024-03", day(2024, 3, 1)),
        ("2024-3-7", day(2024, 3, 7)),
        ("2024/03/07", day(2024, 3, 7)),
        ("2024-03-07T10:00", day(2024, 3, 7, 10)),
        ("2024-03-07t10:00+02:00", day(2024, 3, 7, 8)),
        ("today", day(2024, 5, 31)),
        ("yesterday", day(2024, 5, 30)),
        ("1700000000", 1_700_000_000),
        ("99999999999999999", None),
        ("2024-13-01", None),
        ("7x", None),
        ("", None),
    ],
)
def test_points_in_time(typed: str, seconds: float | None) -> None:
    assert moment(typed, NOW) == (None if seconds is None else int(seconds))


def test_what_is_typed_and_what_is_committed_compare_without_case() -> None:
    for typed, said in (
        ("STRASSE", "Straße"),
        ("É", "e\u0301"),
        ("räume", "RÄUME"),
        ("ΌΣΟΣ", "όσος"),
        ("a b", "A \n\t B"),
        ("K", "\u212a"),
    ):
        assert folded(typed) == folded_bytes(said.encode())
    assert folded_bytes("Räume".encode("latin-1"), b"ISO-8859-1") == folded("räume")
    assert folded_bytes("日本".encode("shift_jis"), b"Shift_JIS") == folded("日本")
    assert folded_bytes(b"\xe9t\xe9", b"no such thing") == folded("été")
    assert folded_bytes("aé".encode()[:2]) == b"a"  # cut in the middle of a character
    assert folded(" a ") == b" a "
