"""TOML of a repository, which may mean harm."""

from __future__ import annotations

import tomllib
from typing import Any

# tomllib takes time by the square of a key's parts: 60 KB of "a.a.a…" keep it, and the whole server, busy for half a minute.
DOTS = 200  # in one line; a key cannot go over the end of it


def loads(text: str) -> dict[str, Any]:
    """The document. Raises ValueError with a reason for what is not TOML, or is nested beyond all need."""
    if any(line.count(".") > DOTS for line in text.splitlines()):
        raise ValueError(f"a line of it has more than {DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
