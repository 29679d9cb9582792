"""Script modules in one file: what a module imports, and that imports, in front of it, so that a page asks once instead of sixty times.

Not a build step but what is done to stylesheets, too: files are joined when they are first asked for. It understands the plain
ways of importing and exporting that the house uses, and refuses the others rather than guess.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*? |const |class )(\w+))", re.MULTILINE)
_STRANGE = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
# Behind code only where it has ended a line for certain: what is inside a string has no such end.
_ASIDE = re.compile(r"(?<=[;,{}()\]])[ \t]+// [^\n\"'`]*$", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_REMARK = re.compile(r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE)


class NotLinkable(Exception):
    """A module imports or exports in a way that cannot be joined; the sentence names it."""


def linked(entry: Path) -> str:
    """`entry` and all that it imports as one module, without the remarks. Raises NotLinkable."""
    order: dict[Path, str] = {}
    _visit(entry.resolve(), order, [])
    return "".join(order.values())


def _visit(file: Path, order: dict[Path, str], above: list[Path]) -> None:
    """Put `file` behind everything that it needs."""
    if file in order:
        return
    if file in above:
        raise NotLinkable(f"{file.name} imports itself, by way of {above[-1].name}.")
    text = file.read_text("utf-8")
    needs = {match[2]: (file.parent / match[2]).resolve() for match in _IMPORT.finditer(text)}
    for need in needs.values():
        _visit(need, order, [*above, file])
    names = {path: f"m{number}" for number, path in enumerate(order)}

    def imported(match: re.Match[str]) -> str:
        wanted = ", ".join(
            " ".join(name.split()).replace(" as ", ": ") for name in (match[1] or "").split(",") if name.strip()
        )
        return f"const {{ {wanted} }} = {names[needs[match[2]]]};\n" if wanted else ""

    exported = [match[1] for match in _EXPORT.finditer(text)]
    body = _EXPORT.sub("", _IMPORT.sub(imported, _ASIDE.sub("", _REMARK.sub("", text))))
    if strange := _STRANGE.search(body):
        raise NotLinkable(f"{file.name} cannot be joined with others: {strange[0][:80]}")
    if not any(line.count("`") % 2 for line in body.splitlines()):  # no text runs over several lines
        body = _INDENT.sub("", body)
    order[file] = f"const m{len(order)} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"
