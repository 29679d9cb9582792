"""What happens to a branch's preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

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
