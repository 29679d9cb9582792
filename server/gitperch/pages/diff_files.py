"""Which of many changed files a page shows: those that a filter finds, a page of them at a time, and all as a tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitperch.git.diff import Changes, FileChange

PER_PAGE = 150
TREE = 1500  # files in the tree

Numbered = tuple[int, "FileChange"]
"""A change and its place in the whole list, from 1."""


@dataclass
class Folder:
    """A folder of the tree; one that holds nothing but another folder has become one with it (`a/b`)."""

    name: str
    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[Numbered] = field(default_factory=list)


@dataclass(frozen=True)
class Listing:
    """`found_files` are those that the filter found, `chosen` the ones of them on this page; `tree` has the first `TREE`."""

    changes: Changes
    chosen: list[Numbered]
    found_files: list[Numbered]
    query: str
    number: int
    tree: Folder

    @property
    def found(self) -> int:
        return len(self.found_files)

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PER_PAGE))


def listing_of(changes: Changes, parameters: Mapping[str, str]) -> Listing:
    """By `?files=` and `?page=`."""
    query = parameters.get("files", "").strip()[:200]
    found = [
        (number, file)
        for number, file in enumerate(changes.files, 1)
        if not query or query.lower() in file.path.lower() or (file.old_path and query.lower() in file.old_path.lower())
    ]
    text = parameters.get("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    number = min(number, max(1, -(-len(found) // PER_PAGE)))
    chosen = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    return Listing(changes, chosen, found, query, number, tree_of(found[:TREE]))


def tree_of(files: Sequence[Numbered]) -> Folder:
    """The folders that hold `files`."""
    top = Folder("")
    for number, file in files:
        here = top
        *folders, _ = file.path.split("/")
        for name in folders:
            here = here.folders.setdefault(name, Folder(name))
        here.files.append((number, file))
    top.folders = {name: _joined(folder) for name, folder in top.folders.items()}
    return top


def _joined(folder: Folder) -> Folder:
    while len(folder.folders) == 1 and not folder.files:
        (inner,) = folder.folders.values()
        folder = Folder(f"{folder.name}/{inner.name}", inner.folders, inner.files)
    folder.folders = {name: _joined(inner) for name, inner in folder.folders.items()}
    return folder
