"""Random histories with everything that git allows in them."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from support.server import git

if TYPE_CHECKING:
    import random
    from pathlib import Path

NAMES = ["a", "lib", "b.c", "c.c", "lib/a", "lib/b.c", "lib/deep/er/x.py", "lib/deep/y.py", "doc/a", "doc/ünï", "z"]
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
LINKS = [f"target{number}".encode() for number in range(9)]
WORDS = [f"word{number} " for number in range(300)]
_BY_OID = ("160000", "40000")

Tree = dict[str, tuple[str, bytes]]
"""Path → mode and content; the content of a submodule or an empty tree is its oid in hex."""


def object_id(kind: str, data: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()  # noqa: S324 -- git's name for it


def loose(path: Path, kind: str, data: bytes) -> str:
    """Make a loose object in the repository at `path`, as odd as it may be; its oid."""
    oid = object_id(kind, data)
    file = path / "objects" / oid[:2] / oid[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data))
    return oid


def loose_commit(path: Path, tree: str, *parents: str, date: int = 1_700_000_000) -> str:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author A <a@x> {date} +0000", f"committer C <c@x> {date} +0000", "", "A commit", ""]
    return loose(path, "commit", "\n".join(lines).encode())


class World:
    """A bare repository at `path`: `commits` in the order they were made, `refs` the oids of branches and tags.

    With `lying`, some commits are dated long before their parents or after their children.
    """

    def __init__(self, path: Path, dice: random.Random, *, lying: bool = False) -> None:
        self._dice, self._lying = dice, lying
        self._path = path
        self._trees: list[Tree] = []
        self.commits: list[str] = []
        assert git("init", "--quiet", "--bare", str(path)).returncode == 0
        self._written: set[tuple[str, bytes]] = set()
        self._write("tree", b"")
        self._refs: dict[str, str] = {}

    @property
    def refs(self) -> list[str]:
        return sorted(set(self._refs.values()))

    def grow(self, commits: int) -> None:
        """Add so many commits, which move branches, and some tags."""
        for _ in range(commits):
            self._refs[f"refs/heads/b{self._dice.randrange(6)}"] = self._commit(len(self.commits))
        for oid in self._dice.sample(self.commits, 4):
            name = f"t{len(self._refs)}"
            self._refs[f"refs/tags/{name}"] = tag = self._tag("commit", oid, name)
            if self._dice.random() < 0.3:
                self._refs[f"refs/tags/{name}-again"] = self._tag("tag", tag, f"{name}-again")
        for name, oid in self._refs.items():
            (self._path / name).write_text(oid + "\n")

    def _write(self, kind: str, data: bytes) -> str:
        """Make an object, but not again what may have been packed since."""
        if (kind, data) in self._written:
            return object_id(kind, data)
        self._written.add((kind, data))
        return loose(self._path, kind, data)

    def _tag(self, kind: str, oid: str, name: str) -> str:
        return self._write(
            "tag", f"object {oid}\ntype {kind}\ntag {name}\ntagger T <t@x> 1700000000 +0000\n\nm\n".encode()
        )

    def _commit(self, number: int) -> str:
        dice = self._dice
        parents = self._parents(number)
        tree = dict(self._trees[parents[0]]) if parents else {}
        for parent in parents[1:]:
            tree |= {name: self._trees[parent][name] for name in self._trees[parent] if dice.random() < 0.7}
        if self._trees and dice.random() < 0.06:
            tree = dict(dice.choice(self._trees))  # back to what it was
        for _ in range(dice.choice([0, 1, 1, 2, 5])):
            self._change(tree)
        self._trees.append(tree := _consistent(tree))
        date = 1_700_000_000 + 60 * number + (dice.randrange(-9000, 9000) if self._lying and dice.random() < 0.1 else 0)
        oid = loose_commit(self._path, self._tree(tree), *(self.commits[parent] for parent in parents), date=date)
        self.commits.append(oid)
        return oid

    def _tree(self, tree: Tree) -> str:
        entries: dict[str, tuple[str, str]] = {}
        folders: dict[str, Tree] = {}
        for path, (mode, content) in tree.items():
            name, _, rest = path.partition("/")
            if rest:
                folders.setdefault(name, {})[rest] = (mode, content)
            else:
                entries[name] = (mode, content.decode() if mode in _BY_OID else self._write("blob", content))
        entries |= {name: ("40000", self._tree(inside)) for name, inside in folders.items()}
        order = sorted(entries, key=lambda name: (name + "/" * (entries[name][0] == "40000")).encode())
        return self._write(
            "tree",
            b"".join(f"{entries[name][0]} {name}\0".encode() + bytes.fromhex(entries[name][1]) for name in order),
        )

    def _parents(self, number: int) -> list[int]:
        if not number or self._dice.random() < 0.03:
            return []
        recent = list(range(max(0, number - self._dice.choice([1, 3, 6, 12])), number))
        return self._dice.sample(recent, min(len(recent), self._dice.choice([1, 1, 1, 1, 2, 2, 4])))

    def _change(self, tree: Tree) -> None:
        dice = self._dice
        name = dice.choice(NAMES)
        if name in tree and dice.random() < 0.6 and tree[name][0].startswith("100"):
            tree[name] = (tree[name][0], self._edited(tree[name][1]))
        elif tree and dice.random() < 0.4:
            self._rearrange(tree, name, dice.choice(list(tree)))
        else:
            tree[name] = self._entry()

    def _rearrange(self, tree: Tree, name: str, old: str) -> None:
        what = self._dice.randrange(4)
        if what == 0:
            del tree[old]
        elif what == 1:
            tree[name] = tree.pop(old)
        elif what == 2 and tree[old][0].startswith("100"):
            tree[old] = ({"100644": "100755", "100755": "100644"}[tree[old][0]], tree[old][1])
        else:  # a folder moves, whole
            for path in [path for path in tree if path.startswith("lib/deep/")]:
                tree["moved/" + path.removeprefix("lib/")] = tree.pop(path)

    def _entry(self) -> tuple[str, bytes]:
        dice = self._dice
        what = dice.randrange(8)
        if what == 0:
            return "120000", dice.choice(LINKS)
        if what == 1:  # what is a submodule here may be a blob elsewhere
            return "160000", object_id("blob", dice.choice(LINKS)).encode()
        if what == 2:
            return "40000", EMPTY_TREE.encode()
        if what == 3:
            return "100644", dice.randbytes(dice.randrange(20_000))
        return "100644", self._text(dice.randrange(200))

    def _text(self, lines: int) -> bytes:
        return b"".join("".join(self._dice.choices(WORDS, k=6)).encode() + b"\n" for _ in range(lines))

    def _edited(self, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        for _ in range(self._dice.randrange(1, 4)):
            at = self._dice.randrange(len(lines) + 1)
            if self._dice.random() < 0.5:
                lines[at:at] = self._text(self._dice.randrange(4)).splitlines(keepends=True)
            else:
                del lines[at : at + self._dice.randrange(5)]
        return b"".join(lines)


def _consistent(tree: Tree) -> Tree:
    """Without files where there are folders, in either order."""
    kept: Tree = {}
    for name, entry in reversed(tree.items()):
        if not any(other.startswith(name + "/") or name.startswith(other + "/") for other in kept):
            kept[name] = entry
    return kept
