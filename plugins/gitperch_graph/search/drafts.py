"""Making segments of texts out of raw commits, one after the other, the oldest first."""

from __future__ import annotations

import zlib
from array import array
from typing import TYPE_CHECKING

from gitperch_graph.search.folding import folded_bytes
from gitperch_graph.search.segments import ROWS, STRIDE, TEXTS, encoded

if TYPE_CHECKING:
    from gitperch_graph.search.segments import Segment, Values

SUBJECT_LIMIT = 1000  # bytes of a subject; what is longer belongs to the rest of the message
PERSON_LIMIT = 400
BODY_LIMIT = 16 << 10  # bytes that are kept of the rest of one message
ALLOWANCE = 1 << 10  # bytes that the rest of a message may take on average
CREDIT = 2 << 20  # bytes by which a segment may go beyond that
RAW_LIMIT = 64 << 10  # bytes of a commit that are looked at
_BLOCK = 256 << 10
_LEVEL = 3
_TIME_DIGITS = 15  # no clock shows more


class TextsDraft:
    """A segment that grows.

    However long messages are, it takes CREDIT + rows × (ALLOWANCE + SUBJECT_LIMIT + PERSON_LIMIT) bytes at most.
    """

    def __init__(self) -> None:
        self._subject_at = array("I", [0])
        self._subjects: list[bytes] = []
        self._subjects_size = 0
        self._times = array("q")
        self._merges = array("H")
        self._people: dict[bytes, array[int]] = {}
        self._body_row, self._body_at = array("H", [0]), array("I", [0])
        self._blocks: list[bytes] = []
        self._block: list[bytes] = []
        self._block_size = 0
        self._credit = CREDIT

    @classmethod
    def after(cls, segment: Segment) -> TextsDraft:
        """One that goes on where `segment` ends."""
        draft, numbers, subjects = cls(), segment.numbers, segment.read("subjects")
        draft._subjects, draft._subjects_size = [subjects], len(subjects)
        draft._subject_at = numbers("subject_at")[: -(-segment.count // STRIDE)]
        if segment.count % STRIDE == 0:
            draft._subject_at.append(len(subjects))
        draft._times, draft._merges = numbers("times"), numbers("merges")
        draft._people = read_groups(segment.read("people"), numbers("person_at"), numbers("by_person"))
        draft._body_row, draft._body_at = numbers("body_row"), numbers("body_at")
        draft._blocks, draft._credit = [segment.read("bodies")], 0
        return draft

    @property
    def count(self) -> int:
        return len(self._times)

    def add(self, data: bytes) -> None:
        """The next commit, of which `data` has RAW_LIMIT bytes at least, or all. What is out of form in it comes out empty."""
        row = len(self._times)
        head, _, message = data.partition(b"\n\n")
        author, committer = _line(head, b"\nauthor "), _line(head, b"\ncommitter ")
        # Names the encoding of texts that are not UTF-8.
        encoding = b"" if data.isascii() else _line(head, b"\nencoding ")
        subject, _, body = message.lstrip(b"\n").partition(b"\n\n")
        if len(subject) > SUBJECT_LIMIT:
            subject, body = subject[:SUBJECT_LIMIT], subject[SUBJECT_LIMIT:] + b"\n" + body
        line = folded_bytes(subject, encoding)[:SUBJECT_LIMIT]
        self._subjects.append(line + b"\n")
        self._subjects_size += len(line) + 1
        self._times.append(_time(committer))
        if head.count(b"\nparent ") > 1:
            self._merges.append(row)
        person = _person(author, encoding)
        self._people.setdefault(person, array("H")).append(row)
        self._add_body(folded_bytes(body[:BODY_LIMIT], encoding) if body else b"")
        if len(self._times) % STRIDE == 0:
            self._subject_at.append(self._subjects_size)

    def _add_body(self, body: bytes) -> None:
        self._credit += ALLOWANCE
        kept = body[: min(BODY_LIMIT, self._credit)]
        self._credit -= len(kept)
        self._block.append(kept)
        self._block_size += len(kept) + 1
        if self._block_size >= _BLOCK:
            self._end_block()

    def _end_block(self) -> None:
        if not self._block:
            return
        said = self._block_size > len(self._block)
        packed = zlib.compress(b"\n".join(self._block) + b"\n", _LEVEL) if said else b""
        self._blocks.append(packed)
        self._body_at.append(self._body_at[-1] + len(packed))
        self._body_row.append(len(self._times))
        self._block, self._block_size = [], 0

    def encoded(self, digest: bytes) -> bytes:
        """The segment; nothing can be added afterwards."""
        self._end_block()
        if len(self._times) % STRIDE:
            self._subject_at.append(self._subjects_size)
        people, person_at, by_person = written_groups(self._people)
        sections: dict[str, Values] = {
            "subject_at": self._subject_at,
            "subjects": b"".join(self._subjects),
            "times": self._times,
            "merges": self._merges,
            "people": people,
            "person_at": person_at,
            "by_person": by_person,
            "body_row": self._body_row,
            "body_at": self._body_at,
            "bodies": b"".join(self._blocks),
        }
        return encoded(TEXTS, self.count, digest, sections)


def person_of(data: bytes) -> bytes:
    """A commit's author, "name <email>", as segments have it."""
    head = data.partition(b"\n\n")[0]
    encoding = b"" if data.isascii() else _line(head, b"\nencoding ")
    return _person(_line(head, b"\nauthor "), encoding)


def read_groups(lines: bytes, at: array[int], rows: array[int]) -> dict[bytes, array[int]]:
    """The rows of each line."""
    return {line: rows[at[nth] : at[nth + 1]] for nth, line in enumerate(lines.split(b"\n")[:-1])}


def written_groups(groups: dict[bytes, array[int]]) -> tuple[bytes, array[int], array[int]]:
    """(the lines, where the rows of each begin, the rows)."""
    at, rows = array("I", [0]), array("H")
    for some in groups.values():
        rows.extend(some)
        at.append(len(rows))
    return b"".join(line + b"\n" for line in groups), at, rows


assert ROWS <= 0xFFFF  # noqa: S101 -- rows are kept in 16 bits


def _line(head: bytes, key: bytes) -> bytes:
    # A line of a signature or of a merged tag begins with a space.
    at = head.find(key)
    if at < 0:
        return b""
    at += len(key)
    end = head.find(b"\n", at)
    return head[at : end if end >= 0 else len(head)]


def _person(author: bytes, encoding: bytes) -> bytes:
    return folded_bytes(author[: author.rfind(b">") + 1] or author, encoding)[:PERSON_LIMIT]


def _time(person: bytes) -> int:
    for word in person[person.rfind(b">") + 1 :].split(maxsplit=1)[:1]:
        if word.removeprefix(b"-").isdigit() and len(word) <= _TIME_DIGITS:
            return int(word)
    return 0
