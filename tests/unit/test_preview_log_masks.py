"""What an app says is shown without secrets, and without what could steer a terminal."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitperch_preview.logs.masking import Masker
from gitperch_preview.logs.plain import text_of, whole
from gitperch_preview.logs.reading import CHUNK, Reader, start_of_last

if TYPE_CHECKING:
    from pathlib import Path

SECRET = 'p/ss wörd+"quoted"=='
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nqhkiG9w0BAQEFAASCBKcwggSjAgEA\n-----END KEY-----\n"


def read(path: Path, secrets: tuple[str, ...], offset: int = 0, *, colours: bool = False) -> str:
    text = ""
    with Reader(path, secrets, offset, colours=colours) as reader:
        while piece := reader.read():
            text += piece.text
        while piece := reader.read(last=True):
            text += piece.text
    return text


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote(SECRET, safe=" ").replace(" ", "+"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_secret_is_hidden_in_every_form(said: str) -> None:
    shown = Masker([SECRET]).masked(f"token={said};\n".encode()).decode()
    assert shown == "token=•••;\n"


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "x-token"])
@pytest.mark.parametrize("secret", ["hunter2hunter2", "0123456789abcdef0", "0123456789abcdef01"])
def test_a_secret_is_hidden_inside_of_basic_credentials(user: str, secret: str) -> None:
    encoded = base64.b64encode(f"{user}:{secret}@host".encode())
    shown = Masker([secret]).masked(encoded)
    assert "•••".encode() in shown
    # What is left cannot be decoded to more than two bytes at its ends.
    assert len(shown) - len("•••".encode()) <= len(encoded) - len(secret)


def test_a_key_of_many_lines_is_hidden_line_by_line() -> None:
    said = "".join(f"  12:03 {line}\r\n" for line in KEY.splitlines())
    assert Masker([KEY]).masked(said.encode()).decode() == "  12:03 •••\r\n" * 4
    wrapped = base64.encodebytes(KEY.encode())
    assert set(Masker([KEY]).masked(wrapped).decode()) <= set("•=\n")


def test_short_values_are_left_alone() -> None:
    assert Masker(["", "1", "abc"]).masked(b"1 abc") == b"1 abc"


@given(st.lists(st.integers(0, 60), max_size=6), st.sampled_from(["aab", "ab", "ba", "aabaab"]))
@settings(max_examples=150, deadline=None)
def test_where_the_pieces_end_makes_no_difference(cuts: list[int], infix: str) -> None:
    """Secrets that begin like each other, and like themselves."""
    masker = Masker(["aabaabx", "aabaab", "abxyab", "xyxyxyz"])
    data = f"{infix}aabaabx{infix}abxyaabaabxyxyxyz.aabaabxyabxyabend".encode()
    whole_spans, _ = masker.look(data, last=True)
    found, start = [], 0
    for cut in [*sorted(cuts), len(data)]:
        piece = data[start:cut]
        spans, sure = masker.look(piece, last=cut == len(data))
        found += [(start + a, start + b) for a, b in spans]
        start += sure
    hidden = {i for a, b in found for i in range(a, b)}
    assert hidden >= {i for a, b in whole_spans for i in range(a, b)}


def test_a_secret_across_the_pieces_of_a_long_log_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    secret = "s3cret-" * 5
    content = b"".join(b"x" * (CHUNK - 12) + secret.encode() + b"\n" for _ in range(5))
    path.write_bytes(content)
    assert read(path, (secret,)) == ("x" * (CHUNK - 12) + "•••\n") * 5


def test_no_offset_lets_a_part_of_a_secret_through(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    secret = "0123456789abcdef"
    path.write_text(f"key {secret} end\n")
    for offset in range(4, 20):
        assert read(path, (secret,), offset) == ("•••" if offset < 20 else "") + " end\n", offset
    path.write_text(f"key {secret[:-1]}")
    assert read(path, (secret,)) == "key •••"


def test_a_reader_goes_on_where_another_one_was(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    path.write_text("one\ntwö \x1b[31mred\x1b[0m s3cr")
    with Reader(path, ("s3cret",)) as reader:
        piece = reader.read()
        assert piece
        assert piece.text == "one\ntwö red "
        assert reader.read() is None
    with path.open("a") as file:
        file.write("et, three\n")
    assert read(path, ("s3cret",), piece.end) == "•••, three\n"


def test_nothing_steers_a_terminal() -> None:
    odd = b"a\x1b[31;1mred\x1b[0m\x1b[2J\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1bP1q\x1b\\\x1bc\x07\x9b\xc2\x9b31m\x00\x1b(B\x1b\x7f\xe2\x80\xaeb"
    assert text_of(odd, colours=False) == "aredlink\ufffd31mb"
    assert text_of(odd, colours=True) == "a\x1b[31;1mred\x1b[0mlink\ufffd31mb"
    assert text_of(b"10 %\r20 %\r\nend\r\n", colours=False) == "10 %\n20 %\nend\n"


@pytest.mark.parametrize("tail", [b"\x1b", b"\x1b[3", b"\x1b]0;tit", b"\r", "ö".encode()[:1], "😀".encode()[:3]])
def test_what_is_cut_in_two_waits_for_its_end(tail: bytes) -> None:
    assert whole(b"abc" + tail) == 3
    assert whole(b"abc" + tail + b"\n" * 300) == 303 + len(tail)


def test_the_last_lines_are_found_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    path.write_text("".join(f"line {n}\n" for n in range(30_000)))
    assert read(path, (), start_of_last(path, 3)) == "line 29997\nline 29998\nline 29999\n"
    assert len(read(path, (), start_of_last(path, 20_000)).splitlines()) == 20_000
    assert start_of_last(path, 40_000) == 0
    assert start_of_last(path, 0) == path.stat().st_size
    assert start_of_last(tmp_path / "none", 3) == 0
