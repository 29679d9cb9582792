"""What a client lacks to have some commits whole, found by comparing their trees with their parents' trees."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gitperch.transport.history import BLOB, COMMIT, TAG, TREE, Undecided

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitperch.transport.history import Objects

_SENT = 300  # objects in one answer
_SEARCHED = 30  # questions
_WIDTH = 20  # bytes of a binary oid
_DEPTH = 200  # folders within folders
_LARGE = 2048  # bytes of a file that is worth looking for
_LOOKED_IN = 60  # folders in which the new files of a commit are looked for
_FOLDER, _SUBMODULE = b"40000", b"160000"

# No other modes: what git makes of a mode that it would not write itself is git's to know.
_entries = re.compile(rb"(?:40000|100644|100755|100664|120000|160000) [^\0]+\0.{20}", re.DOTALL).findall


@dataclass(frozen=True, slots=True)
class Missing:
    """An object to be sent. `bases` are what it may be told by: sent before it, or with the client already."""

    kind: int
    bases: tuple[bytes, ...] = ()


class _Old(NamedTuple):
    """A tree that is compared with: whether it is the client's already, or sent before."""

    oid: bytes
    theirs: bool


class _Theirs:
    """Trees and blobs that are known to be with the client: those in trees of commits that it has."""

    def __init__(self, entries: Callable[[bytes], list[bytes]]) -> None:
        self._entries = entries
        self._trees: dict[bytes, bytes] = {}
        self._added: set[bytes] = set()
        self._oids: set[bytes] = set()
        self._asked = 0

    def add(self, tree: bytes, data: bytes) -> None:
        if tree not in self._added:
            self._added.add(tree)
            self._trees[tree] = data

    def __contains__(self, oid: bytes) -> bool:
        if oid in self._oids or oid in self._added:
            return True
        self._asked += 1
        # A few questions are answered sooner by a search than by a set. What is found may be part of a name: so it is looked at properly.
        for tree in [tree for tree, data in self._trees.items() if self._asked > _SEARCHED or oid in data]:
            self._oids |= self._inside(tree)
            del self._trees[tree]
        return oid in self._oids

    def _inside(self, tree: bytes) -> set[bytes]:
        return {entry[-_WIDTH:] for entry in self._entries(tree) if not entry.startswith(_SUBMODULE)}


class MissingObjects:
    """The objects of commits that are added parents first. All methods raise Undecided."""

    def __init__(self, objects: Objects, commits: Sequence[bytes]) -> None:
        self._objects = objects
        self._found: dict[bytes, Missing] = {}
        self._theirs = _Theirs(self._entries)
        self._news: list[tuple[bytes, bytes]] = []
        self._gone: dict[bytes, bytes] = {}
        self._gone_trees: list[_Old] = []
        self._boundary: list[_Old] = []  # trees of commits that the client has
        wanted = set(commits)
        for oid in commits:
            commit = objects.commit(oid)
            self._add(oid, Missing(COMMIT))
            before = [_Old(objects.commit(parent).tree, parent not in wanted) for parent in commit.parents]
            self._boundary += [old for old in before if old.theirs]
            self._tree(commit.tree, before, 0)
            self._moved()

    def tag(self, oid: bytes) -> None:
        self._add(oid, Missing(TAG))

    def found(self) -> dict[bytes, Missing]:
        """In an order in which each comes after its base. Some that looked new may have been found at another path meanwhile."""
        return {oid: missing for oid, missing in self._found.items() if oid not in self._theirs}

    def _add(self, oid: bytes, missing: Missing) -> None:
        self._found.setdefault(oid, missing)
        if len(self._found) > _SENT:
            raise Undecided

    def _known(self, oid: bytes) -> bool:
        return oid in self._found or oid in self._theirs

    def _tree(self, oid: bytes, before: Sequence[_Old], depth: int) -> None:
        """Add a tree and what is new in it. `before` are the trees at its path that the client has or is sent."""
        if self._known(oid):
            return
        if depth > _DEPTH:
            raise Undecided
        self._add(oid, Missing(TREE, _nearest_first(before)))
        entries = self._entries(oid)
        old: dict[bytes, bool] = {}  # entry → whether the client has it already
        for tree in sorted(before, key=lambda tree: tree.theirs):
            old.update(dict.fromkeys(self._old_entries(tree), tree.theirs))
        new = [entry for entry in entries if entry not in old]
        if not new:
            return
        for entry in old.keys() & set(entries):
            del old[entry]
        replaced, gone = self._replaced(old, new)
        for entry in new:
            mode, name, target = _parsed(entry)
            bases = replaced.get((name, mode == _FOLDER), [])
            if mode == _FOLDER:
                self._tree(target, bases or gone, depth + 1)
            elif mode != _SUBMODULE and not self._known(target):
                self._add(target, Missing(BLOB, _nearest_first(bases)))
                if not bases:
                    self._news.append((target, name))

    def _replaced(
        self, old: Mapping[bytes, bool], new: Sequence[bytes]
    ) -> tuple[dict[tuple[bytes, bool], list[_Old]], list[_Old]]:
        """Old entries by name and by whether they are trees; and trees that are no longer there, one of which a new one may have been."""
        names = {(name, mode == _FOLDER) for mode, name, _ in map(_parsed, new)}
        replaced: dict[tuple[bytes, bool], list[_Old]] = {}
        gone = []
        for entry, theirs in old.items():
            mode, name, oid = _parsed(entry)
            if mode == _SUBMODULE:
                continue
            if (key := (name, mode == _FOLDER)) in names:
                replaced.setdefault(key, []).append(_Old(oid, theirs))
            elif mode == _FOLDER:
                gone.append(_Old(oid, theirs))
            else:
                self._gone[name] = oid
        self._gone_trees += gone
        return replaced, gone[:2]

    def _moved(self) -> None:
        """Files that are new at their path may have come from another: whole, or as one of the same name, or of the same kind."""
        if self._news:
            endings = {name.rpartition(b".")[2]: oid for name, oid in self._gone.items()}
            self._look_around()
            for oid, name in self._news:
                base = self._gone.get(name) or endings.get(name.rpartition(b".")[2])
                if base and base != oid:
                    self._found[oid] = Missing(BLOB, (base,))
            self._news.clear()
        self._gone.clear()
        self._gone_trees.clear()

    def _look_around(self) -> None:
        """Look where new files may have come from: in folders that are gone; for a large one everywhere, though not for long."""
        trees = dict.fromkeys(self._gone_trees)
        if any(len(self._objects.content(oid, BLOB)) > _LARGE for oid, _ in self._news):
            trees |= dict.fromkeys(self._boundary)
        waiting = list(trees)
        for tree in itertools.islice(waiting, _LOOKED_IN):  # it grows meanwhile
            for mode, name, oid in map(_parsed, self._old_entries(tree)):
                if mode == _FOLDER and (inside := _Old(oid, tree.theirs)) not in trees:
                    trees[inside] = None
                    waiting.append(inside)
                elif mode not in (_FOLDER, _SUBMODULE):
                    self._gone.setdefault(name, oid)

    def _old_entries(self, tree: _Old) -> list[bytes]:
        """The entries of a tree that the client has or is sent."""
        if tree.theirs or tree.oid in self._theirs:  # which a folder may be in a commit that is sent, too
            self._theirs.add(tree.oid, self._objects.content(tree.oid, TREE))
        return self._entries(tree.oid)

    def _entries(self, oid: bytes) -> list[bytes]:
        data = self._objects.content(oid, TREE)
        entries: list[bytes] = _entries(data)
        if b"".join(entries) != data:
            raise Undecided  # damaged, or with a mode that is not among them
        return entries


def _nearest_first(bases: Sequence[_Old]) -> tuple[bytes, ...]:
    """Of what a merge brings together, what the client has is mostly the longer branch, and so nearer."""
    return tuple(base.oid for base in sorted(bases, key=lambda base: not base.theirs))


def _parsed(entry: bytes) -> tuple[bytes, bytes, bytes]:
    """Mode, name and oid."""
    mode, _, name = entry[: -_WIDTH - 1].partition(b" ")
    return mode, name, entry[-_WIDTH:]
