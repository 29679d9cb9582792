"""What happens to a branch's preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gitperch.events import Event


@dataclass(frozen=True, kw_only=True)
class PreviewChanged(Event):
    """A branch's preview has appeared, shows something new, is on its way to that, or is gone.

    `state` is one of `gitperch.plugin.BranchLink`, or "" when there is nothing to show; `url` is "" when the branch is gone. Of an app, it
    is the newest deployment that all this is about, whose commit is `oid`; `problem` is a sentence that says why it failed or was stopped.
    """

    kind: ClassVar[str] = "preview.changed"
    live: ClassVar[bool] = True

    branch: str
    state: str
    url: str
    deployment: int = 0
    oid: str = ""
    problem: str = ""

    def payload(self) -> dict[str, Any]:
        return {name: value for name, value in super().payload().items() if value or name in ("branch", "state", "url")}


@dataclass(frozen=True, kw_only=True)
class EnvironmentChanged(Event):
    """Settings or secrets of a repository were set or removed: `names`, never values. What runs with them has to start anew."""

    kind: ClassVar[str] = "preview.environment_changed"

    names: tuple[str, ...]
    scope: str

    @classmethod
    def from_payload(cls, payload: dict[str, Any], *, repo_id: int, id: int, at: float) -> Self:  # noqa: A002 -- the field's name
        return cls(repo_id=repo_id, id=id, at=at, names=tuple(payload["names"]), scope=payload["scope"])
