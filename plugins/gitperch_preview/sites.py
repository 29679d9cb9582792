"""A commit as a site: where its root is, and which object a path means. Everything here runs inside `Git.read`.

Nothing is checked out. Symbolic links are followed inside the tree only, submodules are not followed, and nothing whose name begins
with a dot is ever found, except below `.well-known/` (RFC 8615).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from gitperch_preview import kinds, redirects, toml

if TYPE_CHECKING:
    from pygit2 import Object, Tree
    from pygit2.repository import Repository as LibgitRepository

ROOTS = ("public", "dist", "_site", "docs")
INDEX = "index.html"
SETTINGS = "gitperch.toml"
WELL_KNOWN = ".well-known"
LINK_HOPS = 20
SMALL_FILE = 64 << 10  # bytes; what our own settings may have
LARGE_FILE = 4 << 20  # bytes; from here on a file is streamed, not loaded
_TREE, _LINK, _FILE = 0o040000, 0o120000, 0o100000

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
            tree = str(_top(repository, commit).id)
            if tree not in known:
                known[tree] = read_site(repository, commit).root is not None
            found.append(known[tree])
        except (KeyError, ValueError, pygit2.GitError):
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
    if found and _is_tree(found) and _file(repository, top, (*place, INDEX), root):
        return _described(repository, top, (*place, INDEX), root) if folder else Moved(f"{path}/")
    if found and not _is_tree(found) and not folder and parts[-1:] != ("_redirects",):
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
    data: bytes = _object(repository, oid).data  # type: ignore[attr-defined]  # a blob, as its tree said
    return data


def commit_of(repository: LibgitRepository, prefix: str) -> str | None:
    """The only commit whose oid begins with `prefix` (hex, four digits at least); None where there is none, or several objects."""
    import pygit2

    try:
        oid = repository.expand_id(prefix)
        kind, _ = repository.odb.read_header(oid)
    except (KeyError, ValueError, pygit2.GitError):
        return None
    return str(oid) if int(kind) == pygit2.enums.ObjectType.COMMIT else None


def _configured(repository: LibgitRepository, top: Tree) -> Place | None:
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
    if place is None or not found or not _is_tree(found):
        raise ValueError(f"{SETTINGS} says that the site is in {name!r}, but this commit has no such folder.")
    return place


def _parts(path: str) -> Place | None:
    """The parts of a URL path; None for one that no file can have."""
    parts = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    odd = "\x00" in path or "\\" in path or "//" in path or not path.startswith("/")
    if odd or any(part in ("", ".", "..") for part in parts) or len(path) > 4096:
        return None
    return parts


def _walk(repository: LibgitRepository, top: Tree, place: Place, root: Place) -> Object | None:
    """The tree entry at `place` (from the top), links followed; None where there is none that may be shown.

    Below `root`, and wherever a link leads, names that begin with a dot are not found. `root` itself may have such a name.
    """
    stack: list[tuple[str, Object]] = []
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
        here: Object = stack[-1][1] if stack else top
        before = tuple(passed for passed, _ in stack)
        inside_root = not linked and len(before) < len(root) and (*before, name) == root[: len(before) + 1]
        if not _is_tree(here) or (not inside_root and _is_hidden(name, before, root)):
            return None
        try:
            entry = here[name]  # type: ignore[index]  # a tree, as its mode says
        except (KeyError, ValueError, TypeError):
            return None
        if entry.filemode == _LINK:
            hops, linked = hops + 1, True
            target = entry.data.decode("utf-8", "surrogateescape") if hops <= LINK_HOPS else "/"
            if target.startswith("/") or len(target) > 4096:
                return None
            waiting += reversed(target.split("/"))
            continue
        stack.append((name, entry))
    found: Object = stack[-1][1] if stack else top
    if _is_tree(found):
        return found
    is_file = found.filemode & 0o170000 == _FILE and stack[-1][0] != WELL_KNOWN
    return found if is_file else None


def _is_tree(entry: Object) -> bool:
    return entry.filemode in (None, _TREE)  # a tree that no other tree named has no mode


def _is_hidden(name: str, before: Place, root: Place) -> bool:
    return name.startswith(".") and not (name == WELL_KNOWN and before == root)


def _file(repository: LibgitRepository, top: Tree, place: Place, root: Place) -> Object | None:
    found = _walk(repository, top, place, root)
    return found if found and not _is_tree(found) else None


def _described(repository: LibgitRepository, top: Tree, place: Place, root: Place) -> File | None:
    entry = _file(repository, top, place, root)
    if not entry:
        return None
    size = int(repository.odb.read_header(entry.id)[1])
    kind = kinds.content_type(place[-1])
    if kind is None:
        kind = kinds.sniffed(load(repository, str(entry.id))) if size < LARGE_FILE else kinds.UNKNOWN
    return File(str(entry.id), size, kind)


def _text(repository: LibgitRepository, top: Tree, place: Place, root: Place) -> str | None:
    """A small text file of ours; None where there is none, or one that is too large."""
    entry = _file(repository, top, place, root)
    if not entry or int(repository.odb.read_header(entry.id)[1]) > SMALL_FILE:
        return None
    return load(repository, str(entry.id)).decode("utf-8", "replace")


def _top(repository: LibgitRepository, commit: str) -> Tree:
    import pygit2

    found = _object(repository, commit)
    if not isinstance(found, pygit2.Commit):
        raise KeyError(commit)
    return found.tree


def _object(repository: LibgitRepository, oid: str) -> Object:
    found: Object = repository[oid]
    return found
