"""What an app finds in its environment, and which names a repository may set."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitperch_preview.contract import Recipe

LONGEST = 32 << 10  # bytes of a value; Linux takes 128 KiB for a name with its value
VITE_HOSTS = "__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# The server's own, and what git in a container reads beside its token; then what takes hold of the programs that start an app,
# before it is shut in.
_OURS = frozenset({"PORT", "HOST", "SESSION_BRANCH", VITE_HOSTS})
_SYSTEM = frozenset({"PATH", "HOME", "SHELL", "USER", "LOGNAME", "PWD", "IFS", "ENV", "BASH_ENV", "XDG_RUNTIME_DIR"})
_LOADER = ("LD_", "DYLD_", "GLIBC_", "GCONV_", "MALLOC_", "BASH_FUNC_", "SYSTEMD_", "DBUS_", "LISTEN_", "NOTIFY_")


@dataclass(frozen=True)
class Environment:
    """`values` is all that an app gets (a runner adds PORT and HOST), `secrets` those of them that were made here.

    `missing` are names that the repository needs a value for and that nobody has given one.
    """

    values: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    missing: tuple[str, ...] = ()


def environment(
    recipe: Recipe,
    *,
    branch: str,
    commit: str,
    url: str,
    settings: Mapping[str, str] | None = None,
    generate: Callable[[str], str] | None = None,
) -> Environment:
    """What the processes of a deployment get: the recipe's variables, then `settings` (the repository's own on this server), then ours.

    `url` is the preview's address. `generate` makes the value of a variable that the recipe wants made: the same for the same name.
    """
    given = settings or {}
    made = {name: generate(name) for name in recipe.generated if generate and name not in given}
    values = {**recipe.environment, **made, **{name: given[name] for name in given if not problem(name, given[name])}}
    missing = tuple(name for name in recipe.required if name not in values)
    values |= {"GITPERCH_BRANCH": branch, "GITPERCH_COMMIT": commit, "GITPERCH_URL": url}
    host = urlsplit(url).hostname
    if host:
        values[VITE_HOSTS] = host  # Vite answers requests for other names with 403, WebSockets too
    return Environment(values, tuple(made.values()), missing)


def problem(name: str, value: str) -> str:
    """Why a variable cannot be had so, in a sentence; "" where it can."""
    if not _NAME.fullmatch(name):
        shown = "".join(letter if letter.isprintable() else "�" for letter in name[:60])
        return f"“{shown}” cannot be a name; letters, digits and _ can, a letter or _ first, 128 in all."
    why = reserved(name)
    if why:
        return why
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        return f"the value of {name} is no text."
    if len(value.encode()) > LONGEST:
        return f"the value of {name} is longer than {LONGEST} bytes."
    return ""


def reserved(name: str) -> str:
    """Why nobody but the server sets this variable, in a sentence; "" for any other name."""
    upper = name.upper()
    if upper == "PORT":
        return (
            "PORT is the server's to give; where an app insists on a port, [preview] port in gitperch.toml says which."
        )
    if upper in _OURS or upper.startswith(("GITPERCH_", "GIT_")):
        return f"{name} is the server's to give. Take another name."
    if upper in _SYSTEM or upper.startswith(_LOADER):
        return f"{name} cannot be set here: it changes how programs are started. Set it in the command itself."
    return ""
