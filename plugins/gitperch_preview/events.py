"""What happens to a branch's preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gitperch.events import Event


@dataclass(frozen=True, kw_only=True)
class PreviewChanged(Event):
    """A branch's preview has appeared, shows something new, or is gone.

    `state` is "ready", or "" when there is nothing to show; `url` is "" when the branch is gone.
    """

    kind: ClassVar[str] = "preview.changed"
    live: ClassVar[bool] = True

    branch: str
    state: str
    url: str
