"""What the rooms of this plugin hand each other: a recipe says what to run, a runner runs it, the gateway finds it at its upstream.

States are those of `gitperch.plugin.BranchLink`: queued → building → starting → ready ⇄ sleeping, failed, stopped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from gitperch.repositories import Repository

_PATH = re.compile(r'export PATH="[^"]*"; |PATH="\$PATH:\$PWD/\.venv-tools/bin" ')
_MANAGER = re.compile(r"\$\(command -v (\w+) \|\| echo npx --yes [^()]*\)")  # recipes/managers.py


@dataclass(frozen=True)
class Command:
    """A line for `/bin/sh -c`, and the file (and key) that it is from: `Procfile web`, `package.json scripts.dev`."""

    line: str
    source: str

    @property
    def shown(self) -> str:
        """The line as people know it: without what only has its programs found."""
        return _MANAGER.sub(r"\1", _PATH.sub("", self.line))


@dataclass(frozen=True)
class Health:
    """When a new version may have the host: `path` answers with 2xx or 3xx; without a path, the port takes connections.

    `wait` seconds before the first look, `timeout` seconds for each, `attempts` looks with `pause` seconds between them.
    """

    path: str | None = None
    attempts: int = 120
    timeout: float = 5.0
    wait: float = 0.0
    pause: float = 0.5


@dataclass(frozen=True)
class Recipe:
    """What to do with a commit. `found` are the lines that say what was found and why, and stand first in the log.

    `kind` is "static" (no process; `empty`: nor a site), "process" (commands), "image" (a Dockerfile) or "" where `problem` says, in a
    sentence for the person who pushed, why nothing can be done. `commands` are tried in this order until one stays up. `root` is the
    folder in the tree they run in, "" for its top. `port` is the one that the app insists on; None: it listens on $PORT. `runner` is ""
    or the one asked for.
    `memory` in bytes, `idle` in seconds (0: never sleeps), None: the server's settings. `caches` name package managers: npm, pip, ….
    `generated` name variables whose values the server makes, `required` those that somebody has to give a value (`recipes.environment`).
    """

    kind: str
    found: tuple[str, ...] = ()
    root: str = ""
    install: tuple[Command, ...] = ()
    build: tuple[Command, ...] = ()
    release: Command | None = None
    commands: tuple[Command, ...] = ()
    dockerfile: str = ""
    port: int | None = None
    health: Health = field(default_factory=Health)
    environment: Mapping[str, str] = field(default_factory=dict)
    runner: str = ""
    memory: int | None = None
    idle: float | None = None
    caches: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    problem: str = ""
    empty: bool = False


@dataclass(frozen=True)
class Deployment:
    """One commit of one branch that gets a place. `id` only grows, and names everything that is made for it.

    `environment` is what its processes get, secrets included (`PORT` and `HOST` are the runner's to add); `secrets` are the values that no
    log may show. `url` is the preview's address. `memory` in bytes.
    """

    id: int
    repository: Repository
    branch: str
    oid: str
    label: str
    url: str
    recipe: Recipe
    memory: int
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Upstream:
    """Where an app listens: a TCP address that this server can reach.

    `proof`, where others can listen there too, says whether it is known of whoever does that it is the app, and was when this was last
    asked; if not, it finds out (`reaching.connected`).
    """

    host: str
    port: int
    proof: Callable[[], Awaitable[bool]] | None = field(default=None, compare=False, repr=False)


_REMEDIES = {
    0: " Its command has to stay in the foreground as long as the app runs.",
    126: " By that a shell says that the file may not be run: `git update-index --chmod=+x FILE`, then commit.",
    127: " By that a shell says that it found no such program: look at its name, and at what is installed.",
}


@dataclass(frozen=True)
class Ended:
    """An app is over. `reason` is a sentence: the exit status in words, or that it had no memory left (`oom`).

    `final`: nothing of its deployment is left that could be started again, and it would only end the same way.
    """

    code: int | None
    oom: bool
    reason: str
    final: bool = False

    @property
    def remedy(self) -> str:
        """A sentence to go on with: what to do about it, where that can be seen from the end; else its own last words have to say it."""
        if self.oom:
            return (
                " More is asked for with `memory` in gitperch.toml, as far as the server allows (previews.memory_max)."
            )
        return _REMEDIES.get(self.code, "") if self.code is not None else ""


@dataclass(frozen=True)
class Running:
    """An app that was started. `handle` (JSON values) is all that `adopt` needs after a restart of the server.

    `ended` gets its result once, when nothing of the app runs any more; it is never cancelled by its runner.
    """

    deployment_id: int
    upstream: Upstream
    handle: Mapping[str, str | int]
    ended: asyncio.Future[Ended]


@dataclass(frozen=True)
class Thing:
    """Something that a runner has made, read off the machine and not off records: a container, a check-out, a process group, ….

    `deployment_id` or, for what all deployments of a repository share (a network, caches), `repo_id` alone says to whom it belongs.
    """

    kind: str
    name: str
    repo_id: int | None
    deployment_id: int | None


class Log(Protocol):
    """Where a deployment writes. Processes are given the file itself (`path`, opened to append), so that they outlive this server."""

    path: Path

    def heading(self, text: str) -> None:
        """`-----> text`, as Dokku has it: a step begins."""

    def line(self, text: str) -> None:
        """An indented line below a step."""


class RunnerError(Exception):
    """A deployment cannot go on. The text is for the person who pushed: what failed, why, what to do."""


class Runner(Protocol):
    """Each method may be cancelled at any moment; `discard` afterwards leaves nothing behind."""

    name: str
    shares_ports: bool
    """Whether all its apps listen on one machine, so that a port is one app's at a time."""

    async def usable(self) -> str:
        """ "" where this runner can work here, else a sentence that says what is missing."""

    async def isolation(self) -> str:
        """In a word or a few how isolated an app is here: for `gitperch doctor` and the preview's page."""

    async def build(self, deployment: Deployment, log: Log) -> None:
        """Bring the commit here, install, build, release: all before `start`. Raises RunnerError."""

    async def start(self, deployment: Deployment, log: Log, command: Command | None) -> Running:
        """Start the app with `command` (None: as its image says). Returns as soon as it runs; whether it is healthy others ask.
        Raises RunnerError. A deployment can be started again, without a build, as long as it was not discarded."""

    async def adopt(self, deployment: Deployment, handle: Mapping[str, str | int]) -> Running | None:
        """The app that `handle` is of, if it still runs; None, and nothing of it left running, otherwise."""

    async def stop(self, running: Running) -> None:
        """End the app: asked first, killed after a grace. What `build` made stays. Doing it twice is harmless."""

    async def memory(self, running: Running) -> int | None:
        """Bytes that the app uses now."""

    async def things(self) -> Sequence[Thing]:
        """All that this runner has made on this machine, whatever the records say."""

    async def remove(self, thing: Thing) -> None:
        """Remove it, running or not. What is gone already is fine."""

    async def discard(self, deployment_id: int) -> None:
        """Remove all that was ever made for this deployment. Doing it twice is harmless."""

    async def free(self, wanted: int) -> int:
        """Remove what can be made again (caches, unused images) until `wanted` bytes of disk are won; the bytes won."""

    async def close(self) -> None:
        """The server stops."""


@dataclass(eq=False)
class Place:
    """A branch with an app, as the gateway sees it: one object as long as the branch has an app, kept true by the conductor.

    `deployment_id` is the one that `state` and `problem` are about (the newest); `upstream` is where the version that serves listens, None
    while none does. The gateway counts `open` requests and sockets, and sets `visited_at` (Unix seconds; 0: never)
    at the begin and end of each.
    """

    repo_id: int
    branch: str
    deployment_id: int
    state: str
    upstream: Upstream | None = None
    problem: str = ""
    open: int = 0
    visited_at: float = 0.0


class Places(Protocol):
    """What the conductor offers to the gateway and the pages."""

    def find(self, repo_id: int, branch: str) -> Place | None:
        """The place of a branch; None where the branch is files, or nothing. Quick: it is asked at every request."""

    async def awake(self, place: Place, seconds: float) -> Upstream | None:
        """Have it run: a sleeper is woken, whatever else is going on is waited for, at most so long. None: not yet, or it failed."""

    async def unreachable(self, place: Place, upstream: Upstream) -> None:
        """The app did not take a connection: look after it."""

    def tail(self, place: Place, lines: int) -> list[str]:
        """The last lines of its newest log, without secrets."""
