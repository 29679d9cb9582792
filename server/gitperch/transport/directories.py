"""Which folder is a repository, as git's CGI finds it (`enter_repo`), and which one a URL path means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def below(root: Path | str) -> Callable[[str], Path | None]:
    """A function for `Transport` that finds repositories in the folder `root` and, however deep, below it.

    `/a/b` means `a/b/.git`, `a/b`, `a/b.git/.git` or `a/b.git`, whichever comes first. Symbolic links are followed, as git does.
    """
    folder = Path(root)

    def find(path: str) -> Path | None:
        parts = path.removeprefix("/").split("/")
        if "\0" in path or not {"", ".", ".."}.isdisjoint(parts):
            return None
        wanted = folder.joinpath(*parts)
        return git_directory(wanted) or git_directory(wanted.with_name(wanted.name + ".git"))

    return find


def git_directory(path: Path) -> Path | None:
    """The repository of a work tree at `path`, or the one that `path` itself is; None where there is neither."""
    inner = path / ".git"
    try:
        if inner.is_file():  # gitfile (gitrepository-layout(5))
            inner = path / inner.read_text("utf-8", "surrogateescape").removeprefix("gitdir:").strip()
        return next((each for each in (inner, path) if _is_repository(each)), None)
    except (OSError, ValueError):  # a name that no file can have
        return None


def _is_repository(path: Path) -> bool:
    if (path / "commondir").is_file():  # of a further work tree
        return (path / "HEAD").exists()
    return (path / "HEAD").exists() and (path / "objects").is_dir() and (path / "refs").is_dir()
