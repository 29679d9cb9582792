"""Parts of a text are what splitting all of it would give, whatever its lines are like."""

from __future__ import annotations

import random

import pytest

from gitperch.pages import lines


def split(data: bytes) -> list[str]:
    parts = data.removesuffix(b"\n").split(b"\n") if data else []
    return [part.removesuffix(b"\r").decode("utf-8", "replace") for part in parts]


@pytest.mark.parametrize("seed", range(8))
def test_every_part_of_a_text(seed: int) -> None:
    chance = random.Random(seed)
    longest = chance.choice([1, 3, 80, 3000])
    count = chance.choice([0, 1, 7, 900, 40_000 if longest < 4 else 2000])
    data = b"\n".join(
        b"x" * chance.randrange(longest) + chance.choice([b"", b"\r", "é".encode(), b"\xe9"]) for _ in range(count)
    )
    data += chance.choice([b"", b"\n"])
    expected = split(data)
    assert lines._count(data) == len(expected)
    for start in {0, 1, count // 3, max(0, count - 10), chance.randrange(count + 1)}:
        end = min(len(expected), start + 500)
        if start >= end:
            continue
        before, chosen = lines._taken(data, start, end)
        assert chosen == expected[start:end]
        assert before == expected[max(0, start - lines.LEAD) : start]


def test_a_line_without_end_is_neither_read_whole_nor_in_the_way() -> None:
    data = b"a\n" + b"x" * 3_000_000 + b"\nb\n"
    before, chosen = lines._taken(data, 0, 3)
    assert [len(text) for text in chosen] == [1, 4 * lines.COLUMNS + 4, 1]
    assert lines._taken(data, 2, 3) == ([], ["b"])
    assert before == []
