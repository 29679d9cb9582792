"""What a repository's configuration says to whoever serves it, as git itself reads it in a given environment.

git is asked once for each state of the files; whether the state is still the same is seen from their times.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import AppError
from gitperch.git import GitError
from gitperch.git.file_times import SETTLED_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gitperch.git import Git
    from gitperch.transport.opened import Service

_REMEMBERED = 1000

# Keys that have no say in what may be fetched, nor in how it is announced. Whatever else is there is git's to interpret.
_HARMLESS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|symlinks|precomposeunicode"
    r"|sharedrepository|compression|loosecompression|bigfilethreshold|packedgit\w+|deltabasecachelimit|hookspath"
    r"|commitgraph|protectntfs|protecthfs|fsync\w*|autocrlf|eol|editor|pager|excludesfile|attributesfile)"
    r"|extensions\.objectformat|uploadpack\.(allowfilter|keepalive)|transfer\.(fsckobjects|unpacklimit)|protocol\.version"
    r"|http\.(uploadpack|receivepack|uploadarchive|getanyfile|maxrequestbuffer)|remote\..*\.(url|fetch|push|pushurl|mirror)"
    r"|pack\.(threads|window|depth|windowmemory|packsizelimit|compression|deltacachesize|writebitmap\w+)"
    r"|receive\.(?!hiderefs|certnonce).*|(uploadarchive|filter|user|author|committer|init|safe|color|advice|alias|branch|gc|maintenance|repack|push|pull"
    r"|merge|rebase|diff|log|commit|tag|gpg|credential|gitweb)\..*",
    re.DOTALL,
)
# The same of variables. Those that bring configuration are answered for by what it says: git lists it with the rest.
_HARMLESS_VARIABLES = re.compile(
    r"GIT_(HTTP_\w+|EXEC_PATH|COMMITTER_\w+|AUTHOR_\w+|TRACE\w*|TERMINAL_PROMPT|ASKPASS|PROTOCOL|TEMPLATE_DIR"
    r"|CONFIG_\w+)"
)
# Files in a repository that change what upload-pack sends.
_MARKS = ("shallow", "objects/info/alternates", "info/grafts", "commondir", "config.worktree", "refs/gitperch")


class BadConfiguration(AppError):
    """The repository's configuration is not one that git can read."""

    status = 500
    code = "bad_configuration"


@dataclass(frozen=True)
class Configuration:
    values: Mapping[str, str | None]
    """The last value of each key; None for a key without one, which means true."""
    plain: bool
    """Whether nothing in it, nor in the environment, has a say in what may be fetched or what a push is told of refs."""

    def flag(self, key: str) -> bool | None:
        """A boolean as git reads it; None where the key is not there. Raises BadConfiguration."""
        if key not in self.values:
            return None
        value = self.values[key]
        if value is None or value.lower() in ("true", "yes", "on"):
            return True
        if value.lower() in ("false", "no", "off", ""):
            return False
        try:
            return int(value) != 0
        except ValueError:
            raise BadConfiguration(f"{key} in this repository's configuration is neither true nor false.") from None

    def serves(self, service: Service | None, user: str) -> bool:
        """Whether `http.*` allows a service, or, with None, the files of the dumb protocol.

        As with `git http-backend`: fetches and files are allowed unless refused, the other two to known users unless said otherwise.
        """
        key = "getanyfile" if service is None else service.removeprefix("git-").replace("-", "")
        said = self.flag(f"http.{key}")
        if said is not None:
            return said
        return service in (None, "git-upload-pack") or bool(user)


class Configurations:
    """Remembers what git said of each repository in each environment."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._kept: dict[object, tuple[list[str], tuple[object, ...], Configuration]] = {}

    async def of(self, path: Path, environment: Mapping[str, str]) -> Configuration:
        """Raises BadConfiguration where git cannot read it."""
        key = (path, frozenset(environment.items()))
        if kept := self._kept.get(key):
            files, times, known = kept
            if _times(files) == times:
                return known
        files = _files(path, {**self._git.environment, **environment})
        times = _times(files)  # before git looks: a change meanwhile shows up the next time
        values, origins = await self._asked(path, environment)
        ours = all(_HARMLESS.fullmatch(key) for key in values) and not any(map(_matters, environment.items()))
        found = Configuration(values, plain=ours)
        newest = max((seen[1] for seen in times if isinstance(seen, tuple)), default=0)
        if origins <= set(files) and time.time_ns() - newest > SETTLED_NS:
            if len(self._kept) >= _REMEMBERED:
                self._kept.clear()
            self._kept[key] = files, times, found
        return found

    async def _asked(self, path: Path, environment: Mapping[str, str]) -> tuple[dict[str, str | None], set[str]]:
        try:
            output = await self._git.run(
                "config", "--list", "--show-origin", "-z", path=path, environment={**environment, "GIT_DIR": str(path)}
            )
        except GitError as error:
            raise BadConfiguration(f"git cannot read this repository's configuration: {error.stderr[:300]}") from None
        fields = output.decode("utf-8", "surrogateescape").split("\0")
        values: dict[str, str | None] = {}
        for line in fields[1::2]:
            key, newline, value = line.partition("\n")
            values[key] = value if newline else None
        files = {os.path.join(path, name[5:]) for name in fields[:-1:2] if name.startswith("file:")}  # noqa: PTH118
        return values, files


def configured(environment: Mapping[str, str], configuration: Mapping[str, str]) -> dict[str, str]:
    """`environment`, with `configuration` in the variables by which git takes it (git-config(1), ENVIRONMENT)."""
    before = int(environment.get("GIT_CONFIG_COUNT") or 0)
    found = dict(environment)
    for number, (key, value) in enumerate(configuration.items(), before):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found | ({"GIT_CONFIG_COUNT": str(before + len(configuration))} if configuration else {})


def plain(path: Path, configuration: Configuration) -> bool:
    """Whether answers about the repository at `path` may be made without git, by what lies in it besides its objects.

    One that belongs to somebody else is left to git, which has rules for that (`safe.directory`).
    """
    return (
        configuration.plain
        and path.stat().st_uid == os.geteuid()
        and not any(os.path.exists(f"{path}/{mark}") for mark in _MARKS)  # noqa: PTH110 -- as cheap as can be
    )


def _matters(variable: tuple[str, str]) -> bool:
    name, value = variable
    return name.startswith("GIT_") and bool(value) and not _HARMLESS_VARIABLES.fullmatch(name)


def _files(path: Path, environment: Mapping[str, str]) -> list[str]:
    """Where git looks for configuration (git-config(1), FILES). A file that it finds elsewhere is never believed to stay as it is."""
    home = environment.get("HOME", "")
    config_home = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    found = [f"{path}/config", f"{path}/config.worktree"]
    if "GIT_CONFIG_GLOBAL" in environment:
        found.append(environment["GIT_CONFIG_GLOBAL"])
    else:
        found += [f"{config_home}/git/config", f"{home}/.gitconfig"]
    return [*found, environment.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig")]


def _times(files: Iterable[str]) -> tuple[object, ...]:
    found: list[object] = []
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 -- a Path for each would cost more than the stat
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)
