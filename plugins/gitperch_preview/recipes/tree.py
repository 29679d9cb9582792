"""A commit's files, read one by one out of git's objects. Runs inside `Git.look_up`: whole objects by their ids, nothing else.

Symbolic links are followed inside the tree only, submodules not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from gitperch.git import objects

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

SMALL = 64 << 10  # bytes: what a file of settings may have
FOLDER = 4 << 20  # bytes: some hundred thousand entries; what is in a larger folder is not looked for
LINK_HOPS = 20
SHOWN = 120  # characters of a repository's own words in a sentence of ours

Place = tuple[str, ...]


LEFT_OUT = ": left out"  # ends a note about a file that cannot be read


class Unusable(Exception):
    """A file cannot be used. The text is a sentence that names it."""

    @property
    def note(self) -> str:
        """That of a file without which it goes on."""
        return str(self).removesuffix(".") + LEFT_OUT


class Tree:
    """The folder `place` of a commit; names are paths below it."""

    def __init__(self, repository: LibgitRepository, commit: str) -> None:
        self._repository = repository
        self._top = objects.find(repository, commit, "")
        self._known: dict[str, dict[str, objects.Entry]] = {}
        self.place: Place = ()

    def below(self, name: str) -> Tree | None:
        """The folder `name`; None where there is none."""
        found = self._walk(name)
        if not found or found[1].kind != "tree":
            return None
        inner = object.__new__(Tree)
        inner.__dict__.update(self.__dict__, place=found[0])
        return inner

    def above(self) -> Tree | None:
        """The folder that this one is in; None at the top."""
        if not self.place:
            return None
        outer = object.__new__(Tree)
        outer.__dict__.update(self.__dict__, place=self.place[:-1])
        return outer

    def has(self, name: str) -> bool:
        """Whether `name` is a file."""
        found = self._walk(name)
        return bool(found and found[1].kind == "blob")

    def names(self) -> list[str]:
        """What is in this folder."""
        found = self._walk("")
        return list(self._entries(found[1])) if found else []

    def text(self, name: str, limit: int = SMALL) -> str | None:
        """The text of the file `name`, line ends as Unix has them; None where there is none.

        Raises Unusable for one above `limit` bytes, and for bytes that are no text.
        """
        found = self._walk(name)
        if not found or found[1].kind != "blob":
            return None
        blob = objects.blob(self._repository, found[1].oid, limit)
        shown = "/".join((*self.place, name))
        if not blob.whole:
            raise Unusable(f"{shown} has {blob.size} bytes; at most {limit} are read.")
        if b"\0" in blob.data:
            raise Unusable(f"{shown} is no text: it has NUL bytes.")
        return blob.data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")

    def _walk(self, name: str) -> tuple[Place, objects.Entry] | None:
        """Where `name` is in the end, and what; None where there is nothing, or a way out of the tree."""
        if self._top is None:
            return None
        stack: list[tuple[str, objects.Entry]] = []
        waiting = [*reversed(name.split("/")), *reversed(self.place)]
        hops = 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not stack:
                    return None
                stack.pop()
                continue
            here = stack[-1][1] if stack else self._top
            entry = self._entries(here).get(part) if here.kind == "tree" else None
            if entry is None:
                return None
            if entry.kind == "link":
                hops += 1
                target = objects.blob(self._repository, entry.oid, 4096)
                if hops > LINK_HOPS or not target.whole or target.data.startswith(b"/"):
                    return None
                waiting += reversed(target.data.decode("utf-8", "surrogateescape").split("/"))
                continue
            stack.append((part, entry))
        return tuple(part for part, _ in stack), stack[-1][1] if stack else self._top

    def _entries(self, tree: objects.Entry) -> dict[str, objects.Entry]:
        known = self._known.get(tree.oid)
        if known is None:
            small = int(self._repository.odb.read_header(tree.oid)[1]) <= FOLDER
            listed = objects.entries(self._repository, tree.oid) if small else []
            known = self._known[tree.oid] = {entry.name: entry for entry in listed}
        return known


def plain(text: object) -> str:
    """A repository's own words for a sentence of ours: one line, printable, short."""
    line = "".join(letter if letter.isprintable() else "�" for letter in str(text)[: SHOWN + 1])
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def runnable(line: object) -> TypeGuard[str]:
    """Whether a process can be given this text: a string that is not blank, without NUL, in UTF-8, and not endless."""
    if not isinstance(line, str) or not line.strip() or len(line) > SMALL or "\0" in line:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in line)  # halves of characters, which JSON can spell
