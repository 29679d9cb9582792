"""A folder's entries as people read them: folders first, with sizes, where links lead, and which files LFS keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from gitperch.errors import NotFound
from gitperch.git import objects
from gitperch.lfs import pointer
from gitperch.pages.filters import urlpath

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git.objects import Blob, Entry
    from gitperch.lfs.pointer import Pointer
    from gitperch.pages.repository import RepositoryPage
    from gitperch.pages.revisions import Place

# Small things that are opened to say what they are; no more than so many in a folder.
OPENED = 200
POINTERS = range(110, 200)  # bytes; those that git-lfs writes have about 130
TARGET = 300
READ_HERE = 256 << 10  # bytes
READ_SECONDS = 20.0


@dataclass(frozen=True)
class Item:
    """An entry, its size in bytes (None where it has none), where a link leads to, and what an LFS pointer stands for."""

    entry: Entry
    size: int | None
    target: str = ""
    pointer: Pointer | None = None


def items(repository: LibgitRepository, oid: str, described: int) -> list[Item]:
    """All of a tree; of the first `described` entries more than their names. Runs inside `Git.look_up`. Raises MissingObject."""
    listed, opened = [], 0
    for number, (entry, size) in enumerate(objects.folder(repository, oid, described)):
        item = Item(entry, size)
        worth = entry.kind == "link" or (entry.kind == "blob" and size in POINTERS)
        if worth and opened < OPENED and number < described:
            opened += 1
            item = _opened(repository, item)
        listed.append(item)
    return listed


def _opened(repository: LibgitRepository, item: Item) -> Item:
    try:
        data = objects.blob(repository, item.entry.oid, TARGET).data
    except objects.MissingObject:
        return item
    if item.entry.kind == "link":
        return Item(item.entry, None, target=data.decode("utf-8", "replace"))
    return Item(item.entry, item.size, pointer=pointer.parse(data))


async def entry_at(page: RepositoryPage, place: Place) -> Entry:
    """What the address names. Raises NotFound, MissingObject."""
    entry = await page.host.git.look_up(page.repository.path, objects.find, place.oid, place.path)
    if entry is None:
        raise NotFound(
            f"There is no {place.path[:300]!r} in {place.name} of {page.repository.full_name}. "
            "It may have been renamed or deleted there: its folder, or the history of the folder, has what became of it."
        )
    return entry


async def content_of(page: RepositoryPage, oid: str, limit: int) -> Blob:
    """A blob; of one above `limit` bytes only its size. What is large is read by a process, so that nobody else waits.

    Raises MissingObject, GitError.
    """
    git, path = page.host.git, page.repository.path
    content = await git.look_up(path, objects.blob, oid, min(limit, READ_HERE))
    if content.whole or content.size > limit:
        return content
    data = await git.run("cat-file", "blob", oid, path=path, max_output=limit, timeout=READ_SECONDS)
    return replace(content, data=data)


def address(page: RepositoryPage, kind: str, place: Place) -> str:
    """The address of a page of this `kind` (tree, blob, raw, history, blame) for the place."""
    path = f"/{urlpath(place.path)}" if place.path else ""
    return f"{page.root}/{kind}/{urlpath(place.name)}{path}"


def elsewhere(page: RepositoryPage, place: Place, entry: Entry) -> RedirectResponse:
    """To the page that what is at the place has: a folder's, a file's; a submodule is shown in its folder."""
    if entry.kind == "module":
        return RedirectResponse(address(page, "tree", place.at(place.parent)), 302)
    return RedirectResponse(address(page, "tree" if entry.kind == "tree" else "blob", place), 302)


def suffix(name: str) -> str:
    """`.png`, in small letters; "" where there is none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
