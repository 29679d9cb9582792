"""What somebody typed into the search field, as terms that all have to be true, and hints where it was not understood.

    author:ada "race condition" -merge:only after:3m path:src/ file:*.css branch:release/*

Nothing is refused: an unknown key is text, a value that makes no sense is left out, and a hint says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gitperch_graph.search.dates import moment
from gitperch_graph.search.folding import folded
from gitperch_graph.search.paths import DEEP

LONGEST = 1000  # characters of a query
MOST = 32  # terms
SHORTEST_HASH = 4  # digits

KEYS = ("author", "message", "hash", "after", "before", "merge", "branch", "tag", "file", "path")
_ALIASES = {"since": "after", "until": "before"}  # git's own names
_EXAMPLES = {
    "author": "author:ada",
    "message": 'message:"race condition"',
    "hash": "hash:1a2b3c",
    "after": "after:2024-05-17 or after:2w",
    "before": "before:2024-05-17 or before:2w",
    "merge": "merge:only or merge:exclude",
    "branch": "branch:main or branch:release/*",
    "tag": "tag:v1.0 or tag:v1.*",
    "file": "file:README.md or file:*.css",
    "path": "path:src/ or path:docs/**/*.md",
}
_TERM = re.compile(
    r"""\s*(?P<whole>(?P<minus>-)?(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>(?:[^"\\]|\\.)*)(?P<end>"|\Z)|(?P<bare>\S*)))""",
    re.DOTALL,
)
_HEX = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `key` is one of `KEYS` or "text"; `at` is where it begins in what was typed, in UTF-16 units, as browsers count.

    `value` is as it was typed; `needle` the same for comparing; `time` the Unix seconds that a date stands for.
    """

    key: str
    value: str
    negated: bool
    at: int
    length: int
    time: int = 0

    @property
    def needle(self) -> bytes:
        return folded(self.value)

    @property
    def oid_prefix(self) -> str:
        """The beginning of an oid that this may be; "" if it cannot be one."""
        text = self.value.lower()
        return text if self.key in ("text", "hash") and _HEX.fullmatch(text) else ""


@dataclass(frozen=True, slots=True)
class Hint:
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    terms: tuple[Term, ...]
    hints: tuple[Hint, ...]

    def described(self) -> dict[str, Any]:
        """As the API gives it."""
        names = ("key", "value", "negated", "at", "length")
        return {
            "terms": [
                {name: getattr(term, name) for name in names} | ({"time": term.time} if term.time else {})
                for term in self.terms
            ]
        }


def parsed(text: str, now: float) -> Query:
    """The query in `text`; relative times count back from `now` (Unix seconds)."""
    terms: list[Term] = []
    hints: list[Hint] = []
    end = 0
    while end < len(text):
        match = _TERM.match(text, end)
        if not match or match.end() == end:
            break
        end = match.end()
        if not match["whole"]:
            continue
        at = _units(text[: match.start("whole")])
        if len(terms) == MOST:
            hints.append(Hint(at, f"A search takes {MOST} terms; from here on nothing was looked for."))
            break
        if match["quoted"] is not None and not match["end"]:
            hints.append(Hint(_units(text), 'The closing " is missing; everything up to the end is one phrase.'))
        term, hint = _term(match, at, now)
        if hint:
            hints.append(Hint(at, hint))
        if term:
            terms.append(term)
    return Query(tuple(terms), tuple(hints))


def _term(match: re.Match[str], at: int, now: float) -> tuple[Term | None, str]:
    """The term that was typed, or None; and what to say about it, or ""."""
    whole, negated, typed = match["whole"], bool(match["minus"]), (match["key"] or "").lower()
    length = _units(whole)
    quoted = match["quoted"] is not None
    value = re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL) if quoted else match["bare"]
    key = _ALIASES.get(typed, typed)
    if whole == "-":
        return Term("text", "-", False, at, length), ""
    if key not in KEYS:
        hint = _unknown(typed, value, quoted)
        if typed:
            value = f"{match['key']}:{value}"
        return (Term("text", value, negated, at, length), hint) if folded(value) else (None, hint)
    if not value.strip():
        return None, f"{typed}: wants a value, as in {_EXAMPLES[key]}."
    if key in ("after", "before"):
        time = moment(value, now)
        if time is None:
            return None, f"{value} is no date; give one as in {_EXAMPLES[key]}."
        return Term(key, value, negated, at, length, time), ""
    if key == "merge":
        return _merge(value, negated, at, length)
    if key == "hash" and not _HEX.fullmatch(value.lower()):
        return None, f"A hash is looked for by {SHORTEST_HASH} to 64 hexadecimal digits, as in {_EXAMPLES[key]}."
    if key in ("path", "file") and value.count("**") > DEEP - (key == "file"):
        return None, f"{typed}: takes at most {DEEP - (key == 'file')} times ** in a glob."
    return Term(key, value, negated, at, length), ""


def _merge(value: str, negated: bool, at: int, length: int) -> tuple[Term | None, str]:
    wanted = {"only": False, "yes": False, "exclude": True, "no": True}.get(value.lower())
    if wanted is None:
        return None, f"merge: takes only and exclude, not {value}."
    return Term("merge", "only", negated != wanted, at, length), ""


def _unknown(typed: str, value: str, quoted: bool) -> str:
    # "net: fix", a web address and the like are just text.
    if not typed or not (value or quoted) or value.startswith("//"):
        return ""
    import difflib  # late: 0.7 MB for those who mistype

    near = difflib.get_close_matches(typed, KEYS, 1)
    instead = f"; did you mean {near[0]}:?" if near else f". Known are {', '.join(f'{key}:' for key in KEYS)}."
    return f"{typed}: is no key of the search and was taken as text{instead}"


def _units(text: str) -> int:
    """The length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
