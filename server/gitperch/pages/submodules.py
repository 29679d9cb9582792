"""Where submodules come from: what `.gitmodules` says of them (gitmodules(5)), as far as a browser can go there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitperch.git import objects

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

LIMIT = 256 << 10  # bytes of the file
_SETTING = re.compile(r'^\s*(path|url)\s*=\s*"?([^"\n]*?)"?\s*$', re.MULTILINE)


def addresses(repository: LibgitRepository, commit: str) -> dict[str, str]:
    """The pages of submodules, by their paths. Runs inside `Git.look_up`. Raises MissingObject."""
    entry = objects.find(repository, commit, ".gitmodules")
    if not entry or entry.kind != "blob":
        return {}
    text = objects.blob(repository, entry.oid, LIMIT).data.decode("utf-8", "surrogateescape")
    found = {}
    for section in text.split("[submodule")[1:]:
        values = dict(_SETTING.findall(section))
        address = _page(values.get("url", ""))
        if address and "path" in values:
            found[values["path"]] = address
    return found


def _page(url: str) -> str:
    """The address for a browser; "" for those that only git understands."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    return url.removesuffix(".git")
