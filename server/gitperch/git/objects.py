"""Trees and blobs of a repository, as plain values. Functions here run inside `Git.read`.

Objects are read raw and parsed here: nothing in them is believed to be UTF-8, and a damaged one becomes a sentence.
Names and paths keep bytes that are not UTF-8 as surrogates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitperch.errors import NotFound

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git.cat_file import CatFile

Kind = Literal["tree", "blob", "link", "module"]
_KINDS: dict[int, Kind] = {0o040000: "tree", 0o120000: "link", 0o160000: "module"}
_TYPES = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_TAG_DEPTH = 10
SNIFF = 8000  # bytes that git, too, looks at to tell text from binary


class MissingObject(NotFound):
    """An object that ought to be there is not, or is of another kind: the repository is not whole."""

    code = "missing_object"


@dataclass(frozen=True)
class Entry:
    """What a tree holds under a name. `mode` as git has it; `kind` is what a person would call it."""

    name: str
    mode: int
    oid: str

    @property
    def kind(self) -> Kind:
        return _KINDS.get(self.mode & 0o170000, "blob")

    @property
    def executable(self) -> bool:
        return self.kind == "blob" and bool(self.mode & 0o100)


@dataclass(frozen=True)
class Blob:
    """A file's content, up to the limit that was asked for; `size` is that of all of it, in bytes."""

    oid: str
    size: int
    data: bytes

    @property
    def binary(self) -> bool:
        return b"\0" in self.data[:SNIFF]

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")

    @property
    def whole(self) -> bool:
        return len(self.data) == self.size


def read(repository: LibgitRepository | CatFile, oid: str, kind: str) -> bytes:
    """The raw content of an object. Raises MissingObject where it is absent, unreadable or not a `kind`."""
    import pygit2

    try:
        number, data = repository.read(oid)
    except (KeyError, ValueError, pygit2.GitError):
        raise MissingObject(
            f"The {kind} {oid} is not in this repository: it is incomplete. Push its history again, or restore it from a backup."
        ) from None
    if _TYPES.get(int(number)) != kind:
        raise MissingObject(f"{oid} is a {_TYPES.get(int(number), 'thing of its own')} here, not a {kind}.")
    return data


def commit_oid(repository: LibgitRepository, revision: str) -> str | None:
    """The commit that a full or abbreviated (4 digits at least) hex id means, tags peeled; None for anything else."""
    import pygit2

    if not 4 <= len(revision) <= 64 or any(digit not in "0123456789abcdef" for digit in revision):
        return None
    try:
        oid = str(repository.expand_id(revision)) if len(revision) not in (40, 64) else revision
        for _ in range(_TAG_DEPTH):
            number, data = repository.read(oid)
            if _TYPES.get(int(number)) == "commit":
                return oid
            if _TYPES.get(int(number)) != "tag":
                return None
            oid = data.split(b"\n", 1)[0].removeprefix(b"object ").decode("ascii")
    except (KeyError, ValueError, pygit2.GitError):
        pass
    return None


def entries(repository: LibgitRepository, oid: str) -> list[Entry]:
    """The entries of a tree, in git's order. Raises MissingObject."""
    data = read(repository, oid, "tree")
    width, found, at = len(oid) // 2, [], 0
    while at < len(data):
        end = data.find(b"\0", at)
        mode, blank, name = data[at:end].partition(b" ")
        if end < 0 or not blank or len(data) < end + 1 + width:
            raise MissingObject(f"The tree {oid} of this repository is damaged. Restore it from a backup.")
        found.append(
            Entry(name.decode("utf-8", "surrogateescape"), int(mode, 8), data[end + 1 : end + 1 + width].hex())
        )
        at = end + 1 + width
    return found


def find(repository: LibgitRepository, commit: str, path: str) -> Entry | None:
    """What is at `path` in the tree of `commit` ("" is the tree itself). Symbolic links are not followed. Raises MissingObject."""
    header = read(repository, commit, "commit").split(b"\n", 1)[0]
    here = Entry("", 0o040000, header.removeprefix(b"tree ").decode("ascii", "replace"))
    for part in path.split("/") if path else ():
        if here.kind != "tree":
            return None
        inside = next((entry for entry in entries(repository, here.oid) if entry.name == part), None)
        if inside is None:
            return None
        here = inside
    return here


def child(repository: LibgitRepository, tree: str, name: str) -> Entry | None:
    """What a tree holds under `name`, without making values of all that is beside it. Raises MissingObject."""
    from gitperch.git.cat_file import CatFile

    if isinstance(repository, CatFile):
        return _child(repository, tree, name)
    try:
        found = repository[tree][name]  # type: ignore[index]  # libgit2 looks among thousands in no time
    except (KeyError, ValueError, TypeError):
        return None
    return Entry(name, found.filemode, str(found.id))


def _child(repository: CatFile, tree: str, name: str) -> Entry | None:
    data, width = read(repository, tree, "tree"), len(tree) // 2
    wanted = b" %b\0" % name.encode("utf-8", "surrogateescape")
    last, at = data.rfind(wanted), 0  # an object id may look like a name: it is one only where an entry begins
    while at <= last:
        end = data.index(b"\0", at)
        blank = end + 1 - len(wanted)
        if blank > at and data.startswith(wanted, blank) and b" " not in data[at:blank]:
            return Entry(name, int(data[at:blank], 8), data[end + 1 : end + 1 + width].hex())
        at = end + 1 + width
    return None


def folder(repository: LibgitRepository, oid: str, sized: int) -> list[tuple[Entry, int | None]]:
    """The entries of a tree, folders first, each of the first `sized` with the size of a file in bytes. Raises MissingObject."""
    listed = sorted(
        entries(repository, oid), key=lambda entry: (entry.kind not in ("tree", "module"), entry.name.lower())
    )
    return [
        (entry, _size(repository, entry.oid) if entry.kind == "blob" and number < sized else None)
        for number, entry in enumerate(listed)
    ]


def blob(repository: LibgitRepository, oid: str, limit: int) -> Blob:
    """A blob's content, or of one above `limit` bytes only its size. Raises MissingObject."""
    size = _size(repository, oid)
    if size is not None and size > limit:
        return Blob(oid, size, b"")
    data = read(repository, oid, "blob")
    return Blob(oid, len(data), data)


def _size(repository: LibgitRepository, oid: str) -> int | None:
    import pygit2

    try:
        return int(repository.odb.read_header(oid)[1])
    except (KeyError, ValueError, pygit2.GitError):
        return None
