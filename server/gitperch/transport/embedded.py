"""The transport on its own: an ASGI application for repositories of your own, with neither database nor accounts.

`docs/embedding.md` shows it at work. What it answers is what `git http-backend` would, unless it is told otherwise.
"""

from __future__ import annotations

import inspect
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gitperch.config import GitSettings
from gitperch.errors import AppError, Forbidden, NotFound, Unauthorized
from gitperch.git import Git, GitError
from gitperch.tasks import Supervisor
from gitperch.transport.answer import NO_CACHE
from gitperch.transport.configuration import Configurations, configured, plain
from gitperch.transport.directories import git_directory
from gitperch.transport.opened import Opened
from gitperch.transport.smart_http import SmartHTTP
from gitperch.unread import with_unread_taken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Message, Receive, Scope, Send

    from gitperch.transport.opened import GitRequest

log = logging.getLogger("gitperch.transport")

T = TypeVar("T")

# The repository is what `find` says; these would have git look elsewhere.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class Allowed:
    """The request may have what it asks for. `user` is who it comes from, "" for anybody."""

    user: str = ""


@dataclass(frozen=True)
class SignIn:
    """It has to come again with other credentials: 401, with a challenge for Basic authentication."""

    realm: str = "git"


@dataclass(frozen=True)
class Refused:
    """It may not, whoever it comes from: 403. A reason is shown to the person at the other end."""

    reason: str = ""


Verdict = Allowed | SignIn | Refused


@dataclass(frozen=True)
class Served:
    """A repository, and how it is served."""

    path: Path | str
    """A bare repository, a `.git`, or the work tree that has one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that git's processes see for it, over those of the whole transport."""
    configuration: Mapping[str, str] = field(default_factory=dict)
    """Over the repository's own, as `git -c` would have it: `{"http.receivepack": "true"}`."""


Found = Served | Path | str | None


class Transport:
    """An ASGI application that can be mounted anywhere, or served as it is."""

    def __init__(
        self,
        find: Callable[[str], Found | Awaitable[Found]],
        may: Callable[[GitRequest], Verdict | Awaitable[Verdict]],
        *,
        environment: Mapping[str, str] | None = None,
        hooks: bool = False,
        files: bool = True,
        limits: GitSettings | None = None,
    ) -> None:
        """`find` says which repository a URL path means; `may` is asked first, of every request. Either may be async.

        `environment` is all that git's processes see of variables, besides this process's PATH. `hooks`: whether repositories' own
        hooks run. `files`: whether the dumb protocol's files are given out where `http.getanyfile` allows it.
        Raises ValueError for a variable that would lead git to another repository.
        """
        _check(environment or {})
        self._git = _OperatorsGit(limits or GitSettings(), environment or {})
        backend = _Repositories(self._git, find, may, environment or {}, hooks=hooks, files=files)
        self._smart_http = SmartHTTP(self._git, backend)
        self._tasks = Supervisor()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await with_unread_taken(self._answer, self._tasks, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def aclose(self) -> None:
        """End what still runs: the end of the lifespan does, which a mounted application does not hear of."""
        await self._tasks.stop()
        self._git.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._smart_http(scope, receive, sending)
        except (AppError, GitError) as error:
            if begun:
                raise  # too late for a status; the server ends the connection
            await _draw(error, send)


class _OperatorsGit(Git):
    """git with the operator's own configuration and variables, instead of the product's."""

    def __init__(self, settings: GitSettings, environment: Mapping[str, str]) -> None:
        super().__init__(settings, Path(os.devnull))
        self.environment = {name: self.environment[name] for name in ("PATH", "LC_ALL")} | dict(environment)


class _Repositories:
    """The backend made of two functions, with the rules of `git http-backend`."""

    def __init__(
        self,
        git: Git,
        find: Callable[[str], Found | Awaitable[Found]],
        may: Callable[[GitRequest], Verdict | Awaitable[Verdict]],
        environment: Mapping[str, str],
        *,
        hooks: bool,
        files: bool,
    ) -> None:
        self._find = find
        self._may = may
        self._environment = environment
        self._hooks = hooks
        self._files = files
        self._configurations = Configurations(git)

    async def open(self, request: GitRequest) -> Opened:
        verdict: Verdict = await _awaited(self._may(request))
        if isinstance(verdict, SignIn):
            raise _Challenge(verdict.realm)
        if isinstance(verdict, Refused):
            raise _Refusal(verdict.reason)
        found: Found = await _awaited(self._find(request.path))
        served = found if isinstance(found, Served) else Served(found) if found else None
        path = git_directory(Path(served.path).absolute()) if served else None
        if not served or not path:
            raise NotFound("There is no repository here.")
        _check(served.environment)
        environment = configured({**self._environment, **served.environment}, served.configuration)
        if "GIT_HTTP_EXPORT_ALL" not in environment and not (path / "git-daemon-export-ok").exists():
            raise NotFound("There is no repository here.")
        return await self._opened(request, verdict.user, path, environment)

    async def _opened(self, request: GitRequest, user: str, path: Path, environment: Mapping[str, str]) -> Opened:
        configuration = await self._configurations.of(path, environment)
        if not configuration.serves(request.service, user) or (request.service is None and not self._files):
            raise Forbidden(f"This repository does not serve {request.service or 'its files'}.")
        # What git's CGI, and its hooks, know of the client; the names for reflogs are its choice too.
        identity = {
            "GIT_COMMITTER_NAME": user or "anonymous",
            "GIT_COMMITTER_EMAIL": f"{user or 'anonymous'}@http.{request.client or '(none)'}",
            "REMOTE_ADDR": request.client,
            **({"REMOTE_USER": user} if user else {}),
        }
        return Opened(
            path,
            environment=identity | configured(environment, {} if self._hooks else {"core.hooksPath": os.devnull}),
            plain=plain(path, configuration),
            filters=configuration.flag("uploadpack.allowfilter") or False,
            settings=configuration,
            client=request.client,
        )

    async def ended(self, opened: Opened, *, told: bool) -> None:
        """Nobody has to be told."""


class _Challenge(Unauthorized):
    def __init__(self, realm: str) -> None:
        super().__init__("Sign in with a name and a password that may do this.")
        self.realm = realm


class _Refusal(Forbidden):
    """Whose reason is the operator's."""


async def _awaited(value: T | Awaitable[T]) -> T:
    return await value if inspect.isawaitable(value) else value


def _check(environment: Mapping[str, str]) -> None:
    for name in _MISLEADING:
        if name in environment:
            raise ValueError(f"{name} cannot be in the environment of a transport: `find` says where a repository is.")


async def _draw(error: AppError | GitError, send: Send) -> None:
    """With no body where git's CGI has none: git's own sentences for 403 and 404 are good ones."""
    status, text = (error.status, error.message) if isinstance(error, AppError) else (500, "")
    if isinstance(error, GitError):
        log.error("%s", error)
    elif isinstance(error, Forbidden | NotFound) and not isinstance(error, _Refusal):
        text = ""
    headers = list(NO_CACHE)
    if text:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    if isinstance(error, _Challenge):
        realm = error.realm.replace("\\", "\\\\").replace('"', '\\"')
        headers.append((b"www-authenticate", f'Basic realm="{realm}"'.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + b"\n" if text else b""})
