"""What the plugin tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gitperch.events import Event


@dataclass(frozen=True, kw_only=True)
class InsightsChanged(Event):
    """The figures of a repository are up to `tip` now. Announced only while somebody looks at them."""

    kind: ClassVar[str] = "insights.changed"
    live: ClassVar[bool] = True
    tip: str
