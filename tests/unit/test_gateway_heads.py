"""What an app says, however its packets fall, is read in one way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitperch_preview.gateway import headers
from gitperch_preview.gateway.heads import BadAnswer, Body, parsed

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
CUTS = st.lists(st.integers(0, 600), max_size=12)


def taken(head: bytes, data: bytes, cuts: list[int]) -> tuple[bytes, bool, bytes]:
    """Content, whether it was all of it, and what came behind it."""
    body = Body(parsed(head, "GET"))
    content, at = b"", 0
    for cut in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        if body.over:
            return content, True, body.rest + data[at:]
        content += body.taken(data[at:cut])
        at = cut
    return content, body.over, body.rest


@given(PIECES, CUTS, st.binary(max_size=20), st.sampled_from([b"", b";a=b", b" ; x"]))
def test_a_chunked_body(pieces: list[bytes], cuts: list[int], rest: bytes, extension: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    assert taken(head, chunks + b"0\r\nA: b\r\n\r\n" + rest, cuts) == (b"".join(pieces), True, rest)
    whole = b"".join(pieces)
    content, over, _ = taken(head, chunks, cuts)
    assert (content, over) == (whole, False)


@given(st.binary(max_size=100), CUTS, st.binary(max_size=20))
def test_a_body_of_a_known_length(content: bytes, cuts: list[int], rest: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    assert taken(head, content + rest, cuts) == (content, True, rest)


@given(st.binary(max_size=100), CUTS)
def test_a_body_until_the_end(content: bytes, cuts: list[int]) -> None:
    body = Body(parsed(b"HTTP/1.1 200 OK\r\n\r\n", "GET"))
    assert (body.taken(content), body.over) == (content, False)
    assert body.end()


@pytest.mark.parametrize(
    "data",
    [
        b"3\r\nabcd\r\n",
        b"3\r\nabc\r0",
        b"3\nabc\r\n",
        b"-1\r\n",
        b"0x3\r\nabc\r\n",
        b"3 3\r\nabc\r\n",
        b"\r\n",
        b"1000000000000000\r\n",
        b"0\r\nA: b\n\n",
        b"3" + b";" + b"x" * 5000 + b"\r\nabc\r\n",
        b"0\r\n" + b"A: b\r\n" * 4000,
    ],
)
def test_chunks_that_are_none(data: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for cuts in ([], list(range(60))):
        with pytest.raises(BadAnswer):
            taken(head, data, cuts)


@given(st.binary(max_size=60))
def test_what_is_read_as_a_head_has_no_line_end_in_it(noise: bytes) -> None:
    for head in (
        noise + b"\r\n\r\n",
        b"HTTP/1.1 200 " + noise + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n",
    ):
        try:
            answer = parsed(head, "GET")
        except BadAnswer:
            continue
        for name, value in answer.headers:
            assert re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name)
            assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value)


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=20)), max_size=4), st.binary(max_size=20)
)
def test_a_request_that_is_passed_on_is_one_request(fields: list[tuple[bytes, bytes]], path: bytes) -> None:
    """Whatever bytes another version of HTTP brings as names, values and paths."""
    scope = {
        "type": "http", "method": "GET", "http_version": "2", "scheme": "http", "client": ("127.0.0.1", 1), "raw_path": b"/" + path,
        "query_string": b"", "headers": [(b"host", b"a"), (b"content-length", b"0"), *((name.lower(), value) for name, value in fields)],
    }  # fmt: skip

    made = headers.request(scope, _nobody)
    try:
        made.send(None)
    except StopIteration as done:
        head = done.value.head
    except headers.Refused:
        return
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")
    assert head.startswith(b"GET /")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:-2]]
    assert names.count(b"host") == names.count(b"x-forwarded-for") == 1
    assert b"transfer-encoding" not in names and names.count(b"content-length") == 0


def test_cookies_that_came_one_by_one_are_one_field() -> None:
    """RFC 9113, section 8.2.3: in HTTP/2 each may have a field of its own."""
    scope = {
        "type": "http", "method": "GET", "http_version": "2", "scheme": "https", "client": ("::1", 1), "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"a"), (b"cookie", b"a=1"), (b"cookie", b"__Host-gitperch=x"), (b"cookie", b"b=2; gitperch=y"),
                    (b"content-length", b"0")],
    }  # fmt: skip
    with pytest.raises(StopIteration) as done:
        headers.request(scope, _nobody).send(None)
    assert done.value.value.head.split(b"\r\n")[1:-2] == [
        b"host: a",
        b"cookie: a=1; b=2",
        b"x-forwarded-for: ::1",
        b"x-forwarded-proto: https",
        b"x-forwarded-host: a",
    ]


async def _nobody(name: str) -> bool:
    return False
