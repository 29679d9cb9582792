"""`gitperch.toml`: what a repository says itself, in `[preview]`. Ours, so that what cannot be understood is said and not passed over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from gitperch_preview import toml
from gitperch_preview.contract import Health
from gitperch_preview.recipes import variables
from gitperch_preview.recipes.tree import Unusable, plain, runnable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitperch_preview.recipes.tree import Tree

NAME = "gitperch.toml"
RUNNERS = ("static", "process", "docker")
LEAST_MEMORY, MOST_MEMORY = 16 << 20, 1 << 40  # bytes
MOST_COMMANDS = 20
_SIZE = re.compile(r"(\d{1,9})\s*([kmg])i?b?", re.IGNORECASE)
_TIME = re.compile(r"(\d{1,9})\s*([smhd])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HEALTH = {"attempts": (1, 10_000), "timeout": (0.1, 600), "wait": (0, 3600), "pause": (0.05, 600)}


@dataclass(frozen=True)
class Settings:
    """What `[preview]` says; None and empty: nothing. `site` is whether `[site]` names a root for files."""

    install: tuple[str, ...] | None = None
    build: tuple[str, ...] | None = None
    command: tuple[str, ...] = ()
    port: int | None = None
    health: Health | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    runner: str = ""
    idle: float | None = None
    memory: int | None = None
    site: str = ""


def read(top: Tree) -> Settings:
    """The settings of the commit. Raises Unusable with a sentence that names the key and says what it may be."""
    text = top.text(NAME)
    if text is None:
        return Settings()
    try:
        document = toml.loads(text)
    except ValueError as error:
        raise Unusable(f"{NAME} is not valid TOML: {plain(error)}.") from None
    section, site = document.get("preview", {}), document.get("site", {})
    if not isinstance(section, dict):
        raise Unusable(f"{NAME}: “preview” has to be a table, [preview], with its keys below it.")
    unknown = next((key for key in section if key not in _READERS), None)
    if unknown is not None:
        raise Unusable(f"{NAME}: [preview] knows no “{plain(unknown)}”. It may have {', '.join(_READERS)}.")
    found = {key: _READERS[key](key, value) for key, value in section.items()}
    root = site.get("root") if isinstance(site, dict) else None
    settings = Settings(**found, site=root if isinstance(root, str) else "")
    if settings.runner == "static" and (settings.command or settings.build):
        other = "command" if settings.command else "build"
        raise Unusable(
            f'{NAME}: [preview] has runner = "static", which runs nothing, and {other}. Take one of them out.'
        )
    return settings


def _wrong(key: str, value: object, may_be: str) -> Unusable:
    return Unusable(f"{NAME}: [preview] {key} is {plain(repr(value))}; it may be {may_be}.")


def _lines(key: str, value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if value == "" and key != "command":
        return ()
    lines = tuple(line.strip() for line in listed if runnable(line))
    if not lines or len(lines) < len(listed) or len(lines) > MOST_COMMANDS:
        raise _wrong(key, value, f"a command for the shell, or a list of at most {MOST_COMMANDS}")
    return lines


def _port(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise _wrong(key, value, "a number from 1 to 65535")
    return value


def _health(key: str, value: object) -> Health:
    table = value if isinstance(value, dict) else {"path": value}
    unknown = next((name for name in table if name not in ("path", *_HEALTH)), None)
    if unknown is not None:
        raise Unusable(f"{NAME}: [preview] health knows no “{plain(unknown)}”. It may have path, {', '.join(_HEALTH)}.")
    numbers: dict[str, Any] = {}
    for name, (least, most) in _HEALTH.items():
        number = table.get(name)
        if number is None:
            continue
        whole = name == "attempts"
        if isinstance(number, bool) or not isinstance(number, int if whole else (int, float)):
            raise _wrong(f"health.{name}", number, f"a {'whole number' if whole else 'number of seconds'}")
        if not least <= number <= most:
            raise _wrong(f"health.{name}", number, f"{least} to {most}")
        numbers[name] = number
    path = table.get("path")
    if path is not None and not is_path(path):
        raise _wrong(
            f"{key}.path" if table is value else key, path, "a path on the app that begins with /, such as /healthz"
        )
    return Health(path, **numbers)


def is_path(path: object) -> TypeGuard[str]:
    """Whether `path` can be asked for in a request line."""
    return isinstance(path, str) and bool(re.fullmatch(r"/[!-~]{0,2000}", path))


def _env(key: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _wrong(key, value, "a table of names and texts")
    found = {}
    for name, given in value.items():
        if not isinstance(given, str | int | float):
            raise _wrong(f"{key}.{plain(name)}", given, "a text or a number")
        text = str(given).lower() if isinstance(given, bool) else str(given)
        problem = variables.problem(name, text)
        if problem:
            raise Unusable(f"{NAME}: [preview] env: {problem}")
        found[name] = text
    return found


def _root(key: str, value: object) -> str:
    parts = value.split("/") if isinstance(value, str) and len(value) <= 4096 and "\0" not in value else [".."]
    if ".." in parts or (parts[0] == "" and len(parts) > 1):
        raise _wrong(key, value, "a folder of the repository, such as apps/web")
    return "/".join(part for part in parts if part not in ("", "."))


def _runner(key: str, value: object) -> str:
    if value not in RUNNERS:
        raise _wrong(key, value, "static, process or docker")
    return str(value)


def _idle(key: str, value: object) -> float:
    if value == "never":
        return 0.0
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds: float = int(match[1]) * _SECONDS[match[2].lower()] if match else 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value * 60
    if not 1 <= seconds < 1e9:
        raise _wrong(key, value, "a time such as 30m or 2h, a number of minutes, or never")
    return float(seconds)


def _memory(key: str, value: object) -> int:
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    size = int(match[1]) << {"k": 10, "m": 20, "g": 30}[match[2].lower()] if match else 0
    if not LEAST_MEMORY <= size <= MOST_MEMORY:
        raise _wrong(key, value, "a size such as 256m or 1g, 16m at least")
    return size


_READERS: dict[str, Any] = {
    "build": _lines,
    "command": _lines,
    "port": _port,
    "health": _health,
    "env": _env,
    "root": _root,
    "runner": _runner,
    "idle": _idle,
    "memory": _memory,
    "install": _lines,
}
