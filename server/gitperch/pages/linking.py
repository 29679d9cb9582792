"""Script modules in one file: what a module imports, and that imports, in front of it, so that a page asks once instead of sixty times.

What a module asks for later, by `await import("./name.js")`, is a second file, with all that the first one has not, and shares its modules.

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
_LATER = re.compile(r'(?<=\bawait )import\("\./([\w-]+)\.js"\)')
_TAKEN = re.compile(r"^const \{[^}]*\} = m(\d+);$", re.MULTILINE)
_STRANGE = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
# Behind code only where it has ended a line for certain: what is inside a string has no such end.
_ASIDE = re.compile(r"(?<=[;,{}()\]])[ \t]+// [^\n\"'`]*$", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_REMARK = re.compile(r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE)


class NotLinkable(Exception):
    """A module imports or exports in a way that cannot be joined; the sentence names it."""


def linked(entry: Path) -> str:
    """`entry` and all that it imports as one module, without the remarks. Raises NotLinkable."""
    order = _ordered(entry)
    *_, last = order
    order[last], later = _LATER.subn(rf'import("./\1.after.{entry.stem}.js")', order[last])
    names = ", ".join(f"m{number}" for number in range(len(order)))
    return "".join(order.values()) + (f"export {{ {names} }};\n" if later else "")


def asks_later(first: Path, name: str) -> bool:
    """Whether `first`, not one of those that it imports, has an `await import("./NAME.js")`."""
    return name in _LATER.findall(first.read_text("utf-8"))


def linked_later(entry: Path, first: Path) -> str:
    """`entry` and what it imports as one module that comes after `first`, whose modules it takes from there. Raises NotLinkable."""
    known = _ordered(first)
    order = _ordered(entry, known)
    own = list(order.values())[len(known) :]
    taken = {int(name) for text in own for name in _TAKEN.findall(text)}
    names = ", ".join(f"m{number}" for number in sorted(taken) if number < len(known))
    exported = ", ".join(_exported(entry.read_text("utf-8")))
    end = f"export const {{ {exported} }} = m{len(order) - 1};\n"
    return f'import {{ {names} }} from "./{first.stem}.all.js";\n' + "".join(own) + end


def _ordered(entry: Path, known: dict[Path, str] | None = None) -> dict[Path, str]:
    """What has to be there before `entry`, and itself at the end; behind what is `known`."""
    order = dict(known or {})
    _visit(entry.resolve(), order, [])
    return order


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

    exported = _exported(text)
    body = _EXPORT.sub("", _IMPORT.sub(imported, _ASIDE.sub("", _REMARK.sub("", text))))
    if strange := _STRANGE.search(body) or (_LATER.search(body) if above else None):
        raise NotLinkable(f"{file.name} cannot be joined with others: {strange[0][:80]}")
    if not any(line.count("`") % 2 for line in body.splitlines()):  # no text runs over several lines
        body = _INDENT.sub("", body)
    order[file] = f"const m{len(order)} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"


def _exported(text: str) -> list[str]:
    return [match[1] for match in _EXPORT.finditer(text)]
