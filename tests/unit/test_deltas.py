"""Deltas give back what they were made of, and are short where two versions are alike."""

from __future__ import annotations

import random

from hypothesis import example, given
from hypothesis import strategies as st

from gitperch.transport import deltas

CONTENT = st.binary(max_size=400) | st.lists(st.sampled_from([b"a\n", b"bb;", b"\0\0", b"x" * 40, b"\n"])).map(b"".join)


def applied(old: bytes, delta: bytes) -> bytes:
    """What git's patch-delta.c makes of it."""
    at = 0

    def size() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = delta[at]
            at, number, shift = at + 1, number | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return number

    assert size() == len(old)
    length, out = size(), bytearray()
    while at < len(delta):
        command, at = delta[at], at + 1
        assert command
        if command < 0x80:
            out += delta[at : at + command]
            at += command
            continue
        operands = bytearray(7)
        for bit in range(7):
            if command >> bit & 1:
                operands[bit] = delta[at]
                at += 1
        source = int.from_bytes(operands[:4], "little")
        copied = int.from_bytes(operands[4:], "little") or 0x10000
        assert source + copied <= len(old)
        out += old[source : source + copied]
    assert len(out) == length
    return bytes(out)


@given(CONTENT, CONTENT, CONTENT, CONTENT)
@example(b"", b"", b"", b"")
@example(b"x" * 200_000, b"", b"y", b"x" * 100_000)  # copies longer than one may be
def test_a_delta_gives_back_what_it_was_made_of(one: bytes, two: bytes, three: bytes, four: bytes) -> None:
    for old, new in (
        (one + two, one + three),
        (one + two + four, four + two + one),
        (one, two),
        (one + two, two + one + two),
    ):
        assert applied(old, deltas.encode(old, new)) == new
        assert applied(old, deltas.encode(old, new, tree=True)) == new


def test_edits_moves_and_repetitions_cost_little() -> None:
    dice = random.Random(1)
    lines = [b"%d is a line of some length, %d\n" % (number, dice.randrange(1000)) for number in range(2000)]
    old = b"".join(lines)
    edited = [*lines[:300], b"something else\n", *lines[301:900], *lines[950:]]
    moved = [*lines[1000:1500], *lines[:1000], *lines[1500:]]
    twice = [*lines, *lines[100:700]]
    for new in map(b"".join, (edited, moved, twice)):
        delta = deltas.encode(old, new)
        assert applied(old, delta) == new
        assert len(delta) < 100


def test_content_without_lines_is_compared_too() -> None:
    dice = random.Random(2)
    noise = dice.randbytes(60_000)
    changed = noise[:10_000] + b"?" + noise[10_000:30_000] + dice.randbytes(50) + noise[30_000:]
    script = b";".join(b"f%d(x,%d)" % (number, number * 7) for number in range(5000))
    edited = script.replace(b"f70(", b"g(").replace(b"f4000(", b"hello(")
    for old, new in ((noise, changed), (script, edited)):
        delta = deltas.encode(old, new)
        assert applied(old, delta) == new
        assert len(delta) < 300


def test_a_tree_is_compared_entry_by_entry() -> None:
    dice = random.Random(3)
    entries = [b"100644 file%03d\0" % number + dice.randbytes(20) for number in range(600)]
    changed = [*entries[:100], b"100644 file100\0" + dice.randbytes(20), *entries[101:400], *entries[420:]]
    old, new = b"".join(entries), b"".join(changed)
    delta = deltas.encode(old, new, tree=True)
    assert applied(old, delta) == new
    assert len(delta) < 60
