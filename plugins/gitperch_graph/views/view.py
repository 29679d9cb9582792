"""Which commits somebody wants to see, as the parameters of an address say it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from gitperch.errors import BadRequest

if TYPE_CHECKING:
    from typing import Protocol

    class Parameters(Protocol):
        """As Starlette's `QueryParams` has them."""

        def get(self, key: str, default: str) -> str: ...
        def getlist(self, key: str) -> list[str]: ...


REFS = 50
_REF_LENGTH = 1000
_PATH_LENGTH = 4000
_AUTHOR_LENGTH = 200
_LATEST = 1 << 40  # seconds; beyond it nobody means a time
_SECOND_DIGITS = 13


@dataclass(frozen=True)
class View:
    """A choice of commits. Without any it is the whole graph.

    `refs`: only what these reach, full names (or `HEAD`); `first_parent`: no other parents are followed; `merges`: whether they are
    shown; `stashes`: whether stashes are, and what only they reach, where no `refs` are chosen; `path`: only commits that change it;
    `author`: only those whose author's `Name <email>` contains it, whatever the case; `after` ≤ committer's time < `before`, in Unix
    seconds.
    """

    refs: tuple[str, ...] = ()
    first_parent: bool = False
    merges: bool = True
    stashes: bool = True
    path: str = ""
    author: str = ""
    after: int | None = None
    before: int | None = None

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """What `ref=` (repeatable), `first_parent=1`, `merges=0`, `stashes=0`, `path=`, `author=`, `after=` and `before=` say.

        Raises BadRequest, which names the parameter.
        """
        view = cls(
            refs=_refs(parameters.getlist("ref")),
            first_parent=_flag(parameters, "first_parent", default=False),
            merges=_flag(parameters, "merges", default=True),
            stashes=_flag(parameters, "stashes", default=True),
            path=_path(parameters.get("path", "")),
            author=_author(parameters.get("author", "")),
            after=_time(parameters.get("after", ""), "after"),
            before=_time(parameters.get("before", ""), "before"),
        )
        if view.after is not None and view.before is not None and view.after >= view.before:
            raise BadRequest("before has to be later than after; between them there is nothing.", field="before")
        return view

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self == WHOLE

    @property
    def digest(self) -> str:
        """16 hex digits, the same for the same view."""
        text = json.dumps(dataclasses.astuple(self)).encode()
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    @property
    def name(self) -> str:
        """The digest; "" for the whole graph."""
        return "" if self.whole else self.digest


WHOLE = View()


def _refs(given: list[str]) -> tuple[str, ...]:
    names = sorted({name for name in given if name})
    if len(names) > REFS:
        raise BadRequest(f"ref may be given {REFS} times at most, not {len(names)}.", field="ref")
    for name in names:
        if len(name) > _REF_LENGTH or any(character < " " for character in name):
            raise BadRequest("ref has to be the full name of a branch or tag, such as refs/heads/main.", field="ref")
    return tuple(names)


def _flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    text = parameters.get(name, "")
    if text not in ("", "0", "1"):
        raise BadRequest(f"{name} has to be 0 or 1.", field=name)
    return text == "1" if text else default


def _path(text: str) -> str:
    path = text.strip("/")
    if len(path) > _PATH_LENGTH or "\0" in path:
        raise BadRequest(
            f"path has to be a path inside the repository, of {_PATH_LENGTH} characters at most.", field="path"
        )
    if not {"", ".", ".."}.isdisjoint(path.split("/")) and path:
        raise BadRequest("path has to be written in full: no empty parts, no . and no .. in it.", field="path")
    return path


def _author(text: str) -> str:
    author = " ".join(text.split())
    if len(author) > _AUTHOR_LENGTH or "\0" in author:
        raise BadRequest(
            f"author has to be a part of a name or address, of {_AUTHOR_LENGTH} characters at most.", field="author"
        )
    return author


def _time(text: str, name: str) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _SECOND_DIGITS and int(text) < _LATEST:
        return int(text)
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadRequest(
            f"{name} has to be a day, such as 2024-05-31, or a time in Unix seconds.", field=name
        ) from None
    return int(day.timestamp())
