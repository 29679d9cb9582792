"""Counting what came since: a process of its own, which works for about so many seconds, and goes on where it stopped.

nice python -m gitperch_insights.counting STORE COMMIT SECONDS git

Runs in the repository's folder. Standard output tells, a line of JSON at a time, how far it has come; the last line says whether
everything up to COMMIT is counted.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gitperch_insights.records import BATCH, Reader
from gitperch_insights.store import Store, StoreUnusable, remove
from gitperch_insights.tally import Tally

if TYPE_CHECKING:
    from gitperch_insights.store import State

WRITE_SECONDS = 2.0
TELL_SECONDS = 0.5
WRITE_SIZE = 100_000  # sums that are kept in memory at most
LIST_SECONDS = 600
_MAILMAPPED = re.compile(r"(.*?) ?<(.*)>", re.DOTALL)


class HistoryUnreadable(Exception):
    """git cannot list the commits. The sentence is git's."""


class Counting:
    """One turn at one store."""

    def __init__(self, store: Store, git: str, seconds: float) -> None:
        self._store = store
        self._git = git
        self._told_at = 0.0
        self._seconds = seconds
        self._until = 0.0
        shallow = Path("shallow")
        self._boundary = frozenset(shallow.read_text("ascii").split() if shallow.exists() else ())

    def run(self, commit: str) -> bool:
        """Go on counting; whether everything up to `commit` is counted now. Raises HistoryUnreadable, StoreUnusable."""
        state = self._bounded(self._store.state())
        target = state.target or commit
        began = time.monotonic()
        removed, added = self._lists(state, target)
        listed = time.monotonic()
        # Long enough that most of the turn is not spent on finding out what is to be done.
        self._until = listed + max(self._seconds, 4 * (listed - began))
        total = len(removed) + len(added)
        if not state.target:
            state = self._change(state, target=target, done=0, total=total)
        elif state.total != total:
            raise StoreUnusable("the commits to count are others than they were")
        with Reader(self._git, self._boundary) as reader:
            for sign, oids in ((-1, removed), (1, added)):
                skipped = len(removed) if sign > 0 else 0
                while state.target and state.done < skipped + len(oids):
                    rest = oids.after(state.done - skipped)
                    state = self._some(state, reader, sign, rest, shrinking=bool(removed))
                    if state.target and time.monotonic() > self._until:
                        return False
        if state.target:  # there was nothing to count
            self._finish(state, Tally(), shrinking=bool(removed))
        return target == commit

    def _some(self, state: State, reader: Reader, sign: int, oids: Oids, *, shrinking: bool) -> State:
        """Count some of `oids`, and write that down; with the last ones, finish in the same transaction."""
        tally, done = Tally(), 0
        until = min(time.monotonic() + WRITE_SECONDS, self._until)
        while done < len(oids) and tally.size < WRITE_SIZE and (not done or time.monotonic() < until):
            records, read = reader.read(oids.after(done).first(BATCH))
            for record in records:
                tally.add(record, sign)
            done += read
            self._tell(state.done + done, state.total)
        if state.done + done == state.total:
            return self._finish(state, tally, shrinking=shrinking)
        with self._store.transaction(state):
            self._store.add(tally)
            self._store.change(done=state.done + done)
        return self._store.state()

    def _tell(self, done: int, total: int) -> None:
        if time.monotonic() > self._told_at + TELL_SECONDS:
            self._told_at = time.monotonic()
            say(done=done, total=total)

    def _finish(self, state: State, tally: Tally, *, shrinking: bool) -> State:
        mailmap = self._run("rev-parse", "--quiet", "--verify", f"{state.target}:.mailmap", accepted=1).strip()
        with self._store.transaction(state):
            self._store.add(tally)
            if shrinking:
                self._store.drop_empty()
            self._store.count_rework()
            self._store.name_people(
                lambda identities: self._mapped(identities, mailmap), everybody=mailmap != state.mailmap
            )
            self._store.change(base=state.target, target=None, done=0, total=0, mailmap=mailmap)
        return self._store.state()

    def _change(self, state: State, **columns: object) -> State:
        with self._store.transaction(state):
            self._store.change(**columns)
        return self._store.state()

    def _bounded(self, state: State) -> State:
        """Note where a shallow history ends. Raises StoreUnusable where it ended elsewhere before."""
        boundary = hashlib.blake2b("\n".join(sorted(self._boundary)).encode(), digest_size=12).hexdigest()
        if boundary == state.boundary:
            return state
        if state.base or state.target:
            raise StoreUnusable("the history was cut elsewhere")
        return self._change(state, boundary=boundary)

    def _lists(self, state: State, target: str) -> tuple[Oids, Oids]:
        """The commits to take away and those to add. Raises StoreUnusable where counting anew is less work, or the only way."""
        if not state.base:
            return Oids(), self._listed(target)
        try:
            removed = self._listed(state.base, f"^{target}")
        except HistoryUnreadable as error:
            raise StoreUnusable(str(error)) from None
        if not state.done and 2 * len(removed) > self._store.commits():
            raise StoreUnusable("most of what was counted is gone")
        return removed, self._listed(target, f"^{state.base}")

    def _listed(self, *revisions: str) -> Oids:
        with tempfile.TemporaryFile(dir=self._store.path.parent) as output:
            self._run("rev-list", "--end-of-options", *revisions, stdout=output)
            return Oids.of(output)

    def _mapped(self, identities: list[tuple[str, str]], mailmap: str) -> list[tuple[str, str]]:
        """Who these are by the repository's mailmap, the blob `mailmap`; themselves where there is none or git cannot tell."""
        if not mailmap or not identities:
            return identities
        contacts = "".join(f"{_plain(name)} <{_plain(email)}>\n" for name, email in identities)
        try:
            lines = self._run("-c", f"mailmap.blob={mailmap}", "check-mailmap", "--stdin", stdin=contacts).splitlines()
        except HistoryUnreadable:
            return identities
        found = [match.groups() for line in lines if (match := _MAILMAPPED.fullmatch(line))]
        return [(name, email) for name, email in found] if len(found) == len(identities) else identities

    def _run(self, *arguments: str, stdin: str = "", accepted: int = 0, stdout: IO[bytes] | None = None) -> str:
        done = subprocess.run(
            [self._git, *arguments],
            input=stdin.encode("utf-8", "replace"),
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            timeout=LIST_SECONDS,
        )
        if not 0 <= done.returncode <= accepted:
            raise HistoryUnreadable(done.stderr.decode("utf-8", "replace").strip()[-500:])
        return (done.stdout or b"").decode("utf-8", "replace")


class Oids:
    """Oids as git lists them, of which there may be millions: a file that is gone already, mapped."""

    def __init__(self, lines: bytes | mmap.mmap | memoryview = b"", size: int = 40, start: int = 0) -> None:
        self._lines = memoryview(lines)
        self._step = size + 1
        self._start = start

    @classmethod
    def of(cls, file: IO[bytes]) -> Oids:
        """What was written to `file`, a line for each."""
        file.seek(0)
        size = len(file.readline().rstrip(b"\n"))
        return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), size) if size else cls()

    def __len__(self) -> int:
        return len(self._lines) // self._step - self._start

    def after(self, count: int) -> Oids:
        """Without the first `count`."""
        return Oids(self._lines, self._step - 1, self._start + count)

    def first(self, count: int) -> list[str]:
        start = self._start * self._step
        return str(self._lines[start : start + count * self._step], "ascii").split()


def _plain(text: str) -> str:
    """Without what would end the field that it stands in."""
    return re.sub(r"[<>\r\n]", "", text).strip()


def say(**values: object) -> None:
    """A line for whoever started this. Raises BrokenPipeError when nobody listens any more."""
    print(json.dumps(values), flush=True)  # noqa: T201 -- a protocol, not a message


def main() -> None:
    path, commit, seconds, git = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]
    try:
        try:
            say(finished=_turn(path, commit, seconds, git))
        except (StoreUnusable, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk is no reason to begin anew
                raise
            remove(path)
            say(finished=_turn(path, commit, seconds, git))
    except HistoryUnreadable as error:
        sys.exit(str(error))


def _turn(path: Path, commit: str, seconds: float, git: str) -> bool:
    with Store.made(path) as store:
        return Counting(store, git, seconds).run(commit)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)
