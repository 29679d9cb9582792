"""What is shown of a commit, however strange the object."""

from __future__ import annotations

import time

import pytest

from gitperch_graph.commits import Commit, line
from gitperch_graph.commits import parsed as really_parsed


def parsed(data: bytes) -> Commit:
    """What `parsed` says, which `line` has to say, too."""
    commit, told = really_parsed(data), line(data)
    assert told == (commit.author, commit.email, commit.committer, commit.time, commit.subject, commit.body)
    return commit


TREE = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
ADA = b"author Ada Lovelace <ada@example.com> 1700000000 +0100\ncommitter Carl <carl@example.com> 1700000777 -0800\n"


def test_an_ordinary_commit() -> None:
    commit = parsed(TREE + b"parent " + b"1" * 40 + b"\nparent " + b"2" * 40 + b"\n" + ADA + b"\nSubject\n\nBody\n")
    assert commit.parents == ("1" * 40, "2" * 40)
    assert (commit.author, commit.email, commit.time) == ("Ada Lovelace", "ada@example.com", 1700000777)
    assert commit.subject == "Subject"


def test_a_subject_over_several_lines_becomes_one() -> None:
    assert parsed(TREE + ADA + b"\n\n\nfirst\n  second \nthird\n\nbody").subject == "first second third"


@pytest.mark.parametrize(
    ("message", "subject", "body"),
    [
        (b"Subject", "Subject", False),
        (b"Subject\n", "Subject", False),
        (b"Subject\n\n \n\n", "Subject", False),
        (b"Subject\n\nBody", "Subject", True),
        (b"Subject\nsecond line", "Subject second line", False),
        (b"Subject\nsecond line\n\nBody\n", "Subject second line", True),
        (b"Subject\r\n\r\nBody\r\n", "Subject", True),
        (b"Subject\n \t\nBody", "Subject", True),
        (b"\n\n  Subject  \n", "Subject", False),
        (b" \n", "", False),
        (b"", "", False),
    ],
)
def test_a_subject_and_whether_there_is_more(message: bytes, subject: str, body: bool) -> None:
    commit = parsed(TREE + ADA + b"\n" + message)
    assert (commit.subject, commit.body, commit.committer) == (subject, body, "Carl")


@pytest.mark.parametrize(
    ("encoding", "message", "subject"),
    [
        (b"", "Größe 日本".encode(), "Größe 日本"),
        (b"encoding ISO-8859-1\n", "Größe".encode("latin-1"), "Größe"),
        (b"encoding Shift_JIS\n", "件名".encode("shift_jis"), "件名"),
        (b"encoding ISO-8859-1\n", "Größe".encode(), "Größe"),
        (b"encoding no-such\n", b"caf\xe9", "café"),
        (b"encoding hex\n", b"caf\xe9", "café"),
        (b"encoding utf-8\n", b"caf\xe9", "café"),
        (b"encoding \xff\n", b"caf\xe9", "café"),
    ],
)
def test_messages_by_their_encoding(encoding: bytes, message: bytes, subject: str) -> None:
    assert parsed(TREE + ADA + encoding + b"\n" + message).subject == subject


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"author  <nobody@example.com> 1 +0000", ("", "nobody@example.com")),
        (b"author <nobody@example.com> 1 +0000", ("", "nobody@example.com")),
        (b"author Nobody <> 1 +0000", ("Nobody", "")),
        (b"author Only a name", ("Only a name", "")),
        (b"author ", ("", "")),
        (b"nothing at all", ("", "")),
    ],
)
def test_authors_without_a_name_or_an_address(line: bytes, expected: tuple[str, str]) -> None:
    commit = parsed(TREE + line + b"\ncommitter C <c@example.com> 5 +0000\n\nx")
    assert (commit.author, commit.email) == expected
    assert commit.time == 5


@pytest.mark.parametrize("at", [b"", b"x", b"9" * 5000])
def test_times_that_are_none(at: bytes) -> None:
    assert parsed(TREE + b"committer C <c@example.com> " + at + b" +0000\n\nx").time == 0


def test_what_a_signature_holds_is_not_taken_for_the_commit() -> None:
    signature = b"gpgsig -----BEGIN\n author Eve <eve@example.com> 1 +0000\n parent 3\n -----END\n"
    commit = parsed(TREE + ADA + signature + b"\nSigned")
    assert (commit.author, commit.parents, commit.subject) == ("Ada Lovelace", (), "Signed")


def test_a_message_made_to_keep_a_decoder_busy_is_cut_before() -> None:
    began = time.thread_time()
    commit = parsed(TREE + ADA + b"encoding punycode\n\n\xff" + b"a-9" * 2_000_000)
    assert time.thread_time() - began < 1
    assert len(commit.subject) <= 2000
    assert parsed(TREE + ADA + b"\n" + "é".encode() * 5000).subject == "é" * 1000
    assert parsed(TREE + ADA + b"\nx" + "é".encode() * 5000).subject == "x" + "é" * 999
