"""A real server in a process of its own, with a data folder of its own, and the real git to talk to it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from support import compiled
from support.commands import commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

PASSWORD = "correct-horse-battery"
START_SECONDS = 120.0  # on a machine that has much else to do


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


@dataclass
class Server:
    """Started by `start`; `admin` can sign in with `password`."""

    data: Path
    admin: str = "alice"
    password: str = PASSWORD
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.data.parent), "LC_ALL": "C.UTF-8", **self.settings}

    def start(self, *flags: str) -> None:
        """Start and wait until it answers. The first start picks a free port, later ones keep it."""
        if not (self.data / "gitperch.db").exists():
            self.cli("user", "add", self.admin, "--admin", "--password-stdin", input=self.password + "\n")
        compiled.share(self.data)
        self.port = self.port or free_port()
        command = [*self.program(), "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}"]
        log = (self.data.parent / "server.log").open("a")
        with log:
            self.process = subprocess.Popen([*command, *flags], env=self.environment, stdout=log, stderr=log, text=True)
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"the server ended at once:\n{self.log}"
            if time.monotonic() > until:
                self.kill()
                raise AssertionError(f"the server does not answer:\n{self.log}")
            time.sleep(0.02)

    def program(self) -> list[str]:
        return [sys.executable, "-m", "gitperch"]

    def _answers(self) -> bool:
        try:
            return self.get("/healthz").status == 200
        except OSError:
            return False

    @property
    def log(self) -> str:
        return (self.data.parent / "server.log").read_text()

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        return self._signal(signal.SIGTERM)

    def kill(self) -> int:
        """End it as a power cut would."""
        return self._signal(signal.SIGKILL)

    def restart(self, *flags: str) -> None:
        self.stop()
        self.start(*flags)

    def _signal(self, number: signal.Signals) -> int:
        if not self.process:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(60)
        self.process = None
        return status

    def cli(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 -- as subprocess calls it
        """Standard output of a command on this server's data folder. Raises when it fails."""
        command = [*arguments, "--data", str(self.data)]
        if {"PATH", "PYTHONPATH"} & self.settings.keys():  # what such a command finds has to be found anew
            whole = [sys.executable, "-m", "gitperch", *command]
            done = subprocess.run(
                whole, input=input, capture_output=True, text=True, env=self.environment, timeout=120, check=False
            )
        else:
            done = commands().run(command, self.environment, input)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_user(self, name: str, password: str = PASSWORD) -> None:
        self.cli("user", "add", name, "--password-stdin", input=password + "\n")

    def remote(self, full_name: str, user: str | None = None, password: str | None = None) -> str:
        """The address of a repository for git, with credentials inside."""
        return f"http://{user or self.admin}:{password or self.password}@localhost:{self.port}/{full_name}.git"

    def get(self, path: str, *, user: str | None = None, password: str = PASSWORD, **options: Any) -> Answer:
        """One request; `user` signs in by Basic. `path` may be a whole address, whose host is then sent to this server."""
        return self.request("GET", path, user=user, password=password, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        user: str | None = None,
        password: str = PASSWORD,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if "://" in path:
            address = urlsplit(path)
            sent.setdefault("Host", address.netloc)
            path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        if user:
            sent["Authorization"] = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=sent, method=method)
        try:
            with urllib.request.build_opener(_Stay).open(request, timeout=60) as response:
                return Answer(response.status, _lower(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers), error.read())

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Standard output and error of a git command that has to succeed."""
        done = git(*arguments, cwd=cwd)
        assert done.returncode == 0, f"git {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def free_port() -> int:
    """A port that nobody listens on, and that nobody else comes upon before it is used, or while its server is away.

    It is below those that the kernel gives out (ip_local_port_range) and that apps get, and of a thousand that are this worker's.
    """
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("endless")


def _ports_of_this_worker() -> Iterator[int]:
    first = 10_000 + 1_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 10)
    begin = random.randrange(1_000)  # others may test on this machine too
    return itertools.cycle([first + (begin + nth) % 1_000 for nth in range(1_000)])


_PORTS = _ports_of_this_worker()


GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.com",
    "GIT_CONFIG_COUNT": "4",
    "GIT_CONFIG_KEY_0": "init.defaultBranch",
    "GIT_CONFIG_VALUE_0": "main",
    "GIT_CONFIG_KEY_1": "protocol.file.allow",
    "GIT_CONFIG_VALUE_1": "always",
    "GIT_CONFIG_KEY_2": "core.compression",
    "GIT_CONFIG_VALUE_2": "0",
    "GIT_CONFIG_KEY_3": "maintenance.auto",  # else one more process after each commit and fetch
    "GIT_CONFIG_VALUE_3": "false",
}


def git(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real git, as a person with no configuration of their own would run it."""
    return subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env=GIT_ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=120,
        check=False,
    )


def commit(work: Path, files: dict[str, str | bytes], message: str = "A commit") -> str:
    """Commit `files` (path → content) in the work tree `work`, made if need be; the new commit's oid."""
    _begun(work)
    for name, content in files.items():
        target = work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    assert git("add", "--all", cwd=work).returncode == 0
    done = git("commit", "--quiet", "--allow-empty", "-m", message, cwd=work)
    assert done.returncode == 0, done.stderr
    return _head(work)


def commits(work: Path, many: Iterable[tuple[Mapping[str, str], str]], begin: int = 0, step: int = 0) -> str:
    """As `commit` for each of `many` (files, message), by one git-fast-import(1); the last one's oid.

    The first is dated `begin` (Unix seconds, now if 0), each other `step` seconds later than the one before.
    """
    _begun(work)
    now, head, stream = begin or int(time.time()), _head(work), []
    for files, message in many:
        stream += [f"commit {_branch(work)}", f"author Ada Author <ada@example.com> {now} +0000"]
        stream += [f"committer Carl Committer <carl@example.com> {now} +0000"]
        stream += [f"data {len(message.encode()) + 1}", f"{message}\n"]
        if head:
            stream.append(f"from {head}")
        head, now = "", now + step
        for name, content in files.items():
            stream += [f"M 100644 inline {name}", f"data {len(content.encode())}", content]
    done = subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=work,
        env=GIT_ENVIRONMENT,
        input="\n".join([*stream, ""]).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert git("reset", "--quiet", "--hard", cwd=work).returncode == 0
    return _head(work)


def _begun(work: Path) -> None:
    if not (work / ".git").exists():
        work.mkdir(parents=True, exist_ok=True)
        assert git("init", "--quiet", cwd=work).returncode == 0


def _branch(work: Path) -> str:
    """What HEAD points to; an oid where it is detached."""
    return (work / ".git/HEAD").read_text().strip().removeprefix("ref: ")


def _head(work: Path) -> str:
    """HEAD's commit; "" where there is none. Read from git's files where it is in one of its own."""
    branch = _branch(work)
    ref = work / ".git" / branch
    if not branch.startswith("refs/"):
        return branch
    if ref.exists():
        return ref.read_text().strip()
    found = git("rev-parse", "--quiet", "--verify", "HEAD", cwd=work)
    return found.stdout.strip() if found.returncode == 0 else ""
