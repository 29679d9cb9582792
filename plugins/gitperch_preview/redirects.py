"""`_redirects`, as Netlify has it: a line is `FROM TO [STATUS]`, `#` begins a comment.

FROM is a path; `:name` stands for one part of it, `*` at its end for the rest, which TO calls `:splat`. TO is a path of the site or an
https:// address. STATUS is 301 (default), 302, 303, 307 or 308; 200 shows the file at TO in place; 404 and 410 show it with that status.
`!` after the status puts the rule before files. Lines with conditions, and those that would fetch another server's pages, are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MOVES = frozenset((301, 302, 303, 307, 308))
SHOWS = frozenset((200, 404, 410))
RULE_LIMIT = 1000
_STATUS = re.compile(r"(\d{3})(!?)")
_NAME = re.compile(r":([A-Za-z]\w*)")


@dataclass(frozen=True)
class Rule:
    """One line. `forced` rules come before files."""

    parts: tuple[str, ...]
    target: str
    status: int
    forced: bool

    def applied(self, path: str) -> str | None:
        """Where `path` goes by this rule; None when the rule is not about it."""
        asked = [part for part in path.split("/") if part]
        values: dict[str, str] = {}
        for at, part in enumerate(self.parts):
            if part == "*":
                values["splat"] = "/".join(asked[at:])
                break
            if at >= len(asked):
                return None
            if part.startswith(":") and len(part) > 1:
                values[part[1:]] = asked[at]
            elif part != asked[at]:
                return None
        else:
            if len(asked) != len(self.parts):
                return None
        # File names keep what is not UTF-8 as surrogates.
        filled = _NAME.sub(lambda name: quote(values.get(name[1], ""), safe="/", errors="surrogateescape"), self.target)
        # A rest that begins with a slash must not turn a path of ours into the address of another server.
        return "/" + filled.lstrip("/\\") if filled.startswith("/") else filled


def parse(text: str) -> tuple[Rule, ...]:
    """The rules in `text` that can be followed, in order, at most `RULE_LIMIT`."""
    rules = (_rule(line.partition(" #")[0].split()) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return tuple([rule for rule in rules if rule][:RULE_LIMIT])


def first(rules: Iterable[Rule], path: str, *, forced: bool) -> tuple[int, str] | None:
    """(status, target) by the first rule for `path` among the forced or the other ones."""
    for rule in rules:
        if rule.forced is forced:
            target = rule.applied(path)
            if target is not None and not (rule.status in MOVES and target == quote(path, errors="surrogateescape")):
                return rule.status, target
    return None


def _rule(words: list[str]) -> Rule | None:
    if len(words) not in (2, 3):
        return None
    source, target = words[:2]
    match = _STATUS.fullmatch(words[2] if len(words) == 3 else "301")
    if not match or not source.startswith("/") or "*" in source[:-1]:
        return None
    status, local = int(match[1]), target.startswith("/") and target[1:2] not in ("/", "\\")
    if status not in (MOVES if not local else MOVES | SHOWS) or not (local or _is_https(target)):
        return None
    return Rule(tuple(part for part in source.split("/") if part), target, status, bool(match[2]))


def _is_https(target: str) -> bool:
    """Whether `target` is an https address of a server that no part of a path can choose."""
    try:
        address = urlsplit(target)
        fixed = address.hostname and not _NAME.search(address.netloc.rpartition(":")[0] or address.netloc)
    except ValueError:
        return False
    return bool(address.scheme == "https" and fixed and "\\" not in target and "@" not in address.netloc)
