"""Code with its words told apart: each token in a `<span>` of one of a few classes."""

from __future__ import annotations

import functools
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gitperch.drawing.characters import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 512 << 10  # characters of a text that is coloured
LONGEST_LINE = 10_000  # characters; what is longer was written by a program, and is read by none but programs
SECONDS = 1.5  # of the processor

# Of each token the longest beginning of its name that is here decides. None is text like any other.
_CLASSES = {
    "Comment": "c",
    "Comment.Preproc": "p",
    "Comment.PreprocFile": "s",
    "Generic.Deleted": "x",
    "Generic.Heading": "k",
    "Generic.Inserted": "i",
    "Generic.Subheading": "f",
    "Keyword": "k",
    "Keyword.Constant": "m",
    "Keyword.Type": "t",
    "Literal": "s",
    "Literal.Number": "m",
    "Literal.String": "s",
    "Literal.String.Doc": "c",
    "Literal.String.Escape": "e",
    "Literal.String.Interpol": "e",
    "Literal.String.Regex": "e",
    "Literal.String.Symbol": "m",
    "Name.Attribute": "a",
    "Name.Builtin": "t",
    "Name.Builtin.Pseudo": "m",
    "Name.Class": "f",
    "Name.Constant": "m",
    "Name.Decorator": "p",
    "Name.Entity": "e",
    "Name.Exception": "t",
    "Name.Function": "f",
    "Name.Label": "a",
    "Name.Property": "a",
    "Name.Tag": "k",
    "Operator.Word": "k",
}
# Endings that several languages claim: whose they are nearly always.
_USUAL = {
    "h": "C", "m": "Objective-C", "pl": "Perl", "pm": "Perl", "t": "Perl", "v": "verilog", "ts": "TypeScript", "tsx": "TypeScript",
    "sql": "SQL", "inc": "PHP", "html": "HTML", "htm": "HTML", "xml": "XML", "s": "GAS", "asm": "NASM", "r": "S", "rs": "Rust",
    "php": "PHP", "js": "JavaScript", "mjs": "JavaScript", "cjs": "JavaScript", "jsx": "JavaScript", "py": "Python", "rb": "Ruby",
    "go": "Go", "cs": "C#", "d": "D", "f": "Fortran", "css": "CSS", "cl": "Common Lisp", "lisp": "Common Lisp", "fs": "F#",
    "toml": "TOML", "json": "JSON", "jsonc": "JSON", "ipynb": "JSON", "hh": "C++", "xsl": "XML",
    "yml": "YAML", "yaml": "YAML", "sh": "Bash", "ml": "OCaml", "vue": "Vue", "nix": "Nix",
    "zig": "Zig", "txt": "", "cls": "TeX", "sty": "TeX", "bas": "", "as": "ActionScript 3", "mod": "", "spec": "RPMSpec",
    "pot": "Gettext Catalog",
}  # fmt: skip
_NAMES = {"go.mod": "", "dockerfile": "Docker", "makefile": "Makefile", "cmakelists.txt": "CMake", "gemfile": "Ruby"}
_SHEBANG = re.compile(
    r"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?(python|bash|sh|zsh|dash|perl|ruby|node|php|lua|awk|tclsh)[\d.]*\b"
)
_SHELLS = {
    "python": "Python",
    "perl": "Perl",
    "ruby": "Ruby",
    "node": "JavaScript",
    "php": "PHP",
    "lua": "Lua",
    "awk": "Awk",
    "tclsh": "Tcl",
}


def coloured(path: str, text: str) -> list[str] | None:
    """The lines of `text` (as `text.split("\\n")` would give them) in HTML, or None where that cannot or should not be.

    That is where no language is known by `path` or a `#!` line, the text or one of its lines is too long, or it takes too long.
    """
    lexer = _lexer(path, text)
    if lexer is None or len(text) > LIMIT or max(map(len, text.split("\n"))) > LONGEST_LINE:
        return None
    try:
        with _at_most(SECONDS):
            lines = list(_lines(lexer, text))
    except (TimeoutError, RecursionError):
        return None
    # Whoever shows them puts numbers beside them; no lexer ought to lose or add a line.
    return lines if len(lines) == text.count("\n") + 1 else None


def _lines(lexer: Any, text: str) -> Iterator[str]:
    line: list[tuple[str, str]] = []  # class and text; neighbours of one class become one
    for _, token, value in lexer.get_tokens_unprocessed(text):
        name = _class(token)
        for number, part in enumerate(value.split("\n")):
            if number:
                yield _html(line)
                line = []
            if part and line and line[-1][0] == name:
                line[-1] = (name, line[-1][1] + part)
            elif part:
                line.append((name, part))
    yield _html(line)


def _html(line: list[tuple[str, str]]) -> str:
    return "".join(
        f'<span class="hl-{name}">{shown(text)}</span>' if name and not text.isspace() else shown(text)
        for name, text in line
    )


@functools.cache
def _class(token: Any) -> str:
    parts = tuple(token)
    for length in range(len(parts), 0, -1):
        found = _CLASSES.get(".".join(parts[:length]))
        if found:
            return found
    return ""


def _lexer(path: str, text: str) -> Any:
    name = path.rpartition("/")[2]
    ending = name.rpartition(".")[2] if "." in name[1:] else ""
    language = _NAMES.get(name.lower(), _USUAL.get(ending.lower()))
    if language is None and not ending and (match := _SHEBANG.match(text)):
        language = _SHELLS.get(match[1], "Bash")
    if language is None:
        endings, names = _known()
        language = names.get(name) or endings.get(ending) or endings.get(ending.lower())
    return _made(language) if language else None


@functools.cache
def _known() -> tuple[dict[str, str], dict[str, str]]:
    """Languages by ending and by whole name, as pygments lists them; what two claim is nobody's."""
    from pygments.lexers._mapping import LEXERS

    endings: dict[str, str] = {}
    names: dict[str, str] = {}
    for _, language, _, patterns, _ in LEXERS.values():
        for pattern in patterns:
            table, key = (endings, pattern[2:]) if pattern.startswith("*.") else (names, pattern)
            if not any(letter in key for letter in "*?["):
                table[key] = "" if table.get(key, language) != language else language
    return endings, names


@functools.cache
def _made(language: str) -> Any:
    import importlib

    from pygments.lexers._mapping import LEXERS

    for name, (module, title, _, _, _) in LEXERS.items():
        if title == language:
            return getattr(importlib.import_module(module), name)()
    return None


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside the block after so much time of the processor, however busy the machine is."""

    # Python's regular expressions, too, look at signals now and then.
    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
