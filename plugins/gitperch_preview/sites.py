"""A commit as a site: where its root is, and which object a path means. Everything here runs inside `Git.look_up`.

Nothing is checked out. Symbolic links are followed inside the tree only, submodules are not followed, and nothing whose name begins
with a dot is ever found, except below `.well-known/` (RFC 8615).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from gitperch.git import objects
from gitperch_preview import kinds, redirects, toml

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

ROOTS = ("public", "dist", "_site", "docs")
INDEX = "index.html"
SETTINGS = "gitperch.toml"
WELL_KNOWN = ".well-known"
LINK_HOPS = 20
SMALL_FILE = 64 << 10  # bytes; what our own settings may have
LARGE_FILE = 4 << 20  # bytes; from here on a file is streamed, not loaded
LINK = 4096  # bytes that a symbolic link may have
_FILE = 0o100000
_COMMIT = 1  # as git's packs and libgit2 number the types of objects

Place = tuple[str, ...]


@dataclass(frozen=True)
class Site:
    """What a commit shows. `root` is the folder it is served from; None: there is nothing to show, and `problem` may say why."""

    commit: str
    root: Place | None
    rules: tuple[redirects.Rule, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class File:
    """A blob that answers for a path. `size` in bytes."""

    oid: str
    size: int
    kind: str


@dataclass(frozen=True)
class Moved:
    """The same thing is at another path."""

    path: str


def read_site(repository: LibgitRepository, commit: str) -> Site:
    """Find the site of a commit (full oid): `[site] root` of gitperch.toml, a folder with an index.html, or the top."""
    top = _top(repository, commit)
    try:
        root = _configured(repository, top)
    except ValueError as error:
        return Site(commit, None, problem=str(error))
    if root is None:
        places: tuple[Place, ...] = (*((name,) for name in ROOTS), ())
        root = next((place for place in places if _file(repository, top, (*place, INDEX), place)), None)
    if root is None:
        return Site(commit, None)
    rules = _text(repository, top, (*root, "_redirects"), root)
    return Site(commit, root, redirects.parse(rules) if rules else ())


def states(repository: LibgitRepository, commits: list[str]) -> list[bool]:
    """Whether each of the commits has something to show."""
    import pygit2

    known: dict[str, bool] = {}
    found = []
    for commit in commits:
        try:
            tree = _top(repository, commit).oid
            if tree not in known:
                known[tree] = read_site(repository, commit).root is not None
            found.append(known[tree])
        except (objects.MissingObject, KeyError, ValueError, pygit2.GitError):
            found.append(False)  # a branch that points to nothing readable has nothing to show
    return found


def find(repository: LibgitRepository, site: Site, path: str) -> File | Moved | None:
    """What the decoded URL path `path` means on `site`, without redirects by rule."""
    if site.root is None:
        return None
    parts = _parts(path)
    if parts is None:
        return None
    top, root = _top(repository, site.commit), site.root
    place = (*root, *parts)
    folder = path.endswith("/")
    found = _walk(repository, top, place, root)
    if found and found.kind == "tree" and _file(repository, top, (*place, INDEX), root):
        return _described(repository, top, (*place, INDEX), root) if folder else Moved(f"{path}/")
    if found and found.kind == "blob" and not folder and parts[-1:] != ("_redirects",):
        return _described(repository, top, place, root)
    clean = (*place[:-1], f"{place[-1]}.html") if parts else ()
    if clean and _file(repository, top, clean, root):
        return Moved(path.rstrip("/")) if folder else _described(repository, top, clean, root)
    return None


@dataclass(frozen=True)
class Outcome:
    """What a request for a path comes to: a file with a status, or another address; neither: 404, and the site has no page for it."""

    status: int
    file: File | None = None
    location: str = ""


def outcome(repository: LibgitRepository, site: Site, path: str) -> Outcome:
    """Files first, then the rules of `_redirects` (forced ones before files), then the site's own 404.html."""
    by_rule = _ruled(repository, site, path, forced=True)
    if by_rule:
        return by_rule
    found = find(repository, site, path)
    if isinstance(found, File):
        return Outcome(200, found)
    if isinstance(found, Moved):
        return Outcome(302, location=quote(found.path, errors="surrogateescape"))
    return _ruled(repository, site, path, forced=False) or Outcome(404, _shown(repository, site, "/404.html"))


def _ruled(repository: LibgitRepository, site: Site, path: str, *, forced: bool) -> Outcome | None:
    rule = redirects.first(site.rules, path, forced=forced)
    if not rule:
        return None
    status, target = rule
    if status in redirects.MOVES:
        return Outcome(status, location=target)
    shown = _shown(repository, site, unquote(target.partition("#")[0].partition("?")[0], errors="surrogateescape"))
    return Outcome(status, shown) if shown else None


def _shown(repository: LibgitRepository, site: Site, path: str) -> File | None:
    """The file that `path` shows in the end."""
    found = find(repository, site, path)
    if isinstance(found, Moved):
        found = find(repository, site, found.path)
    return found if isinstance(found, File) else None


def load(repository: LibgitRepository, oid: str) -> bytes:
    """The content of a blob."""
    return objects.read(repository, oid, "blob")


def commit_of(repository: LibgitRepository, prefix: str) -> str | None:
    """The only commit whose oid begins with `prefix` (hex, four digits at least); None where there is none, or several objects."""
    import pygit2

    try:
        oid = repository.expand_id(prefix)
        kind, _ = repository.odb.read_header(oid)
    except (KeyError, ValueError, pygit2.GitError):
        return None
    return str(oid) if int(kind) == _COMMIT else None


def _configured(repository: LibgitRepository, top: objects.Entry) -> Place | None:
    """The root that gitperch.toml names; None where it names none. Raises ValueError with a sentence when it cannot be used."""
    text = _text(repository, top, (SETTINGS,), ())
    if text is None:
        return None
    try:
        document = toml.loads(text)
    except ValueError as error:
        raise ValueError(f"{SETTINGS} is not valid TOML: {error}.") from None
    section = document.get("site", {})
    name = section.get("root") if isinstance(section, dict) else None
    if name is None:
        return None
    place = tuple(part for part in name.split("/") if part not in ("", ".")) if isinstance(name, str) else None
    found = _walk(repository, top, place, place) if place is not None else None
    if place is None or not found or found.kind != "tree":
        raise ValueError(f"{SETTINGS} says that the site is in {name!r}, but this commit has no such folder.")
    return place


def _parts(path: str) -> Place | None:
    """The parts of a URL path; None for one that no file can have."""
    parts = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    odd = "\x00" in path or "\\" in path or "//" in path or not path.startswith("/")
    if odd or any(part in ("", ".", "..") for part in parts) or len(path) > 4096:
        return None
    return parts


def _walk(repository: LibgitRepository, top: objects.Entry, place: Place, root: Place) -> objects.Entry | None:
    """The tree or file at `place` (from the top), links followed; None where there is none that may be shown.

    Below `root`, and wherever a link leads, names that begin with a dot are not found. `root` itself may have such a name.
    """
    stack: list[objects.Entry] = []
    waiting = list(reversed(place))
    hops, linked = 0, False
    while waiting:
        name = waiting.pop()
        if name in ("", "."):
            continue
        if name == "..":
            if not stack:
                return None  # out of the tree
            stack.pop()
            continue
        here = stack[-1] if stack else top
        before = tuple(passed.name for passed in stack)
        inside_root = not linked and len(before) < len(root) and (*before, name) == root[: len(before) + 1]
        if here.kind != "tree" or (not inside_root and _is_hidden(name, before, root)):
            return None
        entry = objects.child(repository, here.oid, name)
        if entry is None:
            return None
        if entry.kind == "link":
            hops, linked = hops + 1, True
            target = objects.blob(repository, entry.oid, LINK)
            if hops > LINK_HOPS or not target.whole or target.data.startswith(b"/"):
                return None
            waiting += reversed(target.data.decode("utf-8", "surrogateescape").split("/"))
            continue
        stack.append(entry)
    found = stack[-1] if stack else top
    is_file = found.mode & 0o170000 == _FILE and found.name != WELL_KNOWN
    return found if is_file or found.kind == "tree" else None


def _is_hidden(name: str, before: Place, root: Place) -> bool:
    return name.startswith(".") and not (name == WELL_KNOWN and before == root)


def _file(repository: LibgitRepository, top: objects.Entry, place: Place, root: Place) -> objects.Entry | None:
    found = _walk(repository, top, place, root)
    return found if found and found.kind == "blob" else None


def _described(repository: LibgitRepository, top: objects.Entry, place: Place, root: Place) -> File | None:
    entry = _file(repository, top, place, root)
    if not entry:
        return None
    size = _size(repository, entry)
    kind = kinds.content_type(place[-1])
    if kind is None:
        kind = kinds.sniffed(load(repository, entry.oid)) if size < LARGE_FILE else kinds.UNKNOWN
    return File(entry.oid, size, kind)


def _text(repository: LibgitRepository, top: objects.Entry, place: Place, root: Place) -> str | None:
    """A small text file of ours; None where there is none, or one that is too large."""
    entry = _file(repository, top, place, root)
    if not entry or _size(repository, entry) > SMALL_FILE:
        return None
    return load(repository, entry.oid).decode("utf-8", "replace")


def _size(repository: LibgitRepository, entry: objects.Entry) -> int:
    return int(repository.odb.read_header(entry.oid)[1])


def _top(repository: LibgitRepository, commit: str) -> objects.Entry:
    top = objects.find(repository, commit, "")
    assert top  # noqa: S101 -- a commit has a tree
    return top
