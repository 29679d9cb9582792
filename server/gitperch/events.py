"""What can happen to a repository, as typed facts in the past tense.

An event is recorded once, gets an `id` that only grows, and is then delivered at least once to every plugin that listens for it.
A plugin may define events of its own: subclass `Event`, give it a `kind` with the plugin's name in front.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

_kinds: dict[str, type[Event]] = {}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Fields of subclasses are JSON values (or override `payload` and `from_payload`).

    `id` and `at` (Unix seconds) are set when the event is recorded; an event that was only announced keeps the newest recorded id.
    `live` events are also forwarded, as they are, to the open pages of people who may read the repository.
    """

    kind: ClassVar[str]
    live: ClassVar[bool] = False

    repo_id: int
    id: int = 0
    at: float = 0.0

    def __init_subclass__(cls) -> None:
        _kinds[cls.kind] = cls

    def payload(self) -> dict[str, Any]:
        """The event's own fields as JSON values, without `repo_id`, `id` and `at`."""
        return {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("repo_id", "id", "at")
        }

    @classmethod
    def from_payload(cls, payload: dict[str, Any], *, repo_id: int, id: int, at: float) -> Self:  # noqa: A002 -- the field's name
        return cls(repo_id=repo_id, id=id, at=at, **payload)


def event_class(kind: str) -> type[Event] | None:
    """The class that `kind` was recorded from; None when its plugin is not installed any more."""
    return _kinds.get(kind)


@dataclass(frozen=True)
class RefChange:
    """One ref's move. `old` is None for a new ref, `new` is None for a deleted one; both are full hex oids."""

    ref: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True)
class RefsUpdated(Event):
    """Refs have moved: by a push, the API, an import, or found moved by the reconciliation. Nothing else triggers work.

    `changes` holds each ref once; `actor` is a user name, or "" where nobody is known; `source` says which way it came.
    """

    kind: ClassVar[str] = "refs.updated"
    changes: tuple[RefChange, ...] = field(default=())
    actor: str = ""
    source: str = "push"

    def payload(self) -> dict[str, Any]:
        return {"changes": [[c.ref, c.old, c.new] for c in self.changes], "actor": self.actor, "source": self.source}

    @classmethod
    def from_payload(cls, payload: dict[str, Any], *, repo_id: int, id: int, at: float) -> Self:  # noqa: A002
        changes = tuple(RefChange(*change) for change in payload.pop("changes"))
        return cls(repo_id=repo_id, id=id, at=at, changes=changes, **payload)

    def branches(self) -> list[tuple[str, RefChange]]:
        """The changed branches by their short names."""
        return [(c.ref.removeprefix("refs/heads/"), c) for c in self.changes if c.ref.startswith("refs/heads/")]


@dataclass(frozen=True, kw_only=True)
class RepositoryCreated(Event):
    kind: ClassVar[str] = "repository.created"
    owner: str
    name: str


@dataclass(frozen=True, kw_only=True)
class RepositoryChanged(Event):
    """Its settings changed (visibility, description, previews, default branch). Read the repository for the new ones."""

    kind: ClassVar[str] = "repository.changed"
    live: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class RepositoryDeleted(Event):
    """It is gone; only its id and old name are left. Remove everything that was kept for it."""

    kind: ClassVar[str] = "repository.deleted"
    owner: str
    name: str
