"""The server that is measured, in a process of its own on loopback. `cgi_hosts.py` has the others."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.cgroup import Group

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "bench-password"
GIT = {
    "PATH": os.environ["PATH"] + ":/usr/sbin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Bench",
    "GIT_AUTHOR_EMAIL": "bench@example.com",
    "GIT_COMMITTER_NAME": "Bench",
    "GIT_COMMITTER_EMAIL": "bench@example.com",
}
QUIET_SECONDS = 40.0  # without a child and without a change on disk: longer than upkeep lets a repository rest
UPKEEP_SECONDS = 1800.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def group(name: str) -> Group | None:
    """A control group of this run's own, where the system lets us."""
    try:
        return Group(f"{name}-{os.getpid()}")
    except OSError:
        return None


class Host(ABC):
    """A server of git repositories: everybody reads, `user` with PASSWORD pushes, what comes is checked by fsck."""

    title: str
    user = "bench"
    group: Group | None = None

    @abstractmethod
    def start(self) -> float:
        """Start it; seconds until the first answer."""

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def pids(self) -> list[int]:
        """The processes that everything else descends from."""

    @abstractmethod
    def url(self, name: str) -> str: ...

    @abstractmethod
    def add(self, name: str, source: Path) -> None:
        """Add the bare repository `source`, as whoever runs such a server would."""

    @abstractmethod
    def prepare_push(self, name: str) -> None:
        """See to it that `name`, which is not there yet, can be pushed to."""

    @abstractmethod
    def upkeep(self) -> None:
        """Return when the repositories are as well packed as they will ever be."""

    def push_url(self, name: str) -> str:
        return self.url(name).replace("://", f"://{self.user}:{PASSWORD}@")

    def cpu_seconds(self) -> float | None:
        """CPU time of the server and all it ever started, since its first start; None where the system does not say."""
        return self.group.cpu_seconds() if self.group else None

    def spawn(
        self, *command: str, env: dict[str, str], log: Path, new_session: bool = False
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as file:
            wrapped = self.group.command(*command) if self.group else list(command)
            return subprocess.Popen(wrapped, env=env, stdout=file, stderr=file, start_new_session=new_session)

    def __enter__(self) -> Host:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self.group:
            self.group.remove()


class Gitperch(Host):
    """`gitperch serve` on a data folder."""

    title = "Gitperch"

    def __init__(self, data: Path, *, settings: dict[str, str] | None = None) -> None:
        self.data = data
        self.log = data.parent / "gitperch.log"
        self.settings = settings or {}
        self.program: tuple[str, ...] = ("-m", "gitperch")
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        if not (data / "gitperch.db").exists():
            self.cli("user", "add", self.user, "--admin", "--password-stdin", stdin=PASSWORD)

    def cli(self, *arguments: str, stdin: str = "") -> str:
        command = [sys.executable, "-m", "gitperch", *arguments, "--data", str(self.data)]
        return subprocess.run(
            command, input=stdin, text=True, env=GIT | self.settings, check=True, stdout=subprocess.PIPE
        ).stdout

    def start(self) -> float:
        began = time.perf_counter()
        command = [sys.executable, *self.program, "serve", "--data", str(self.data)]
        self.process = self.spawn(*command, "--listen", f"127.0.0.1:{self.port}", env=GIT | self.settings, log=self.log)
        while not answers(f"http://127.0.0.1:{self.port}/healthz"):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()}")
            time.sleep(0.002)
        return time.perf_counter() - began

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def pids(self) -> list[int]:
        return [self.process.pid] if self.process else []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{self.user}/{name}.git"

    def add(self, name: str, source: Path) -> None:
        self.cli("repo", "add", f"{self.user}/{name}", "--public", "--from", str(source))

    def prepare_push(self, name: str) -> None:
        """A push to a name that is not there makes the repository."""

    def upkeep(self) -> None:
        """Wait until the server has done its own: no child, and no change in any repository."""
        quiet_since = began = time.monotonic()
        before: dict[str, tuple[int, int]] = {}
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if time.monotonic() - began > UPKEEP_SECONDS:
                raise RuntimeError(f"the server is still at work in {self.data} after {UPKEEP_SECONDS} s")
            time.sleep(0.25)
            now = self._files()
            if now != before or len(processes.tree(self.pids())) > 1:
                quiet_since, before = time.monotonic(), now

    def _files(self) -> dict[str, tuple[int, int]]:
        found = {}
        for folder, _, names in os.walk(self.data / "repositories"):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    stat = os.stat(f"{folder}/{name}")  # noqa: PTH116 -- thousands of them
                    found[f"{folder}/{name}"] = (stat.st_size, stat.st_mtime_ns)
        return found

    def memory(self) -> float:
        """Resident memory of the server's process, in MB."""
        assert self.process
        return processes.resident_memory(self.process.pid) / (1 << 20)

    def remote(self, name: str) -> str:
        return self.push_url(name).replace("127.0.0.1", "localhost")


def program(name: str) -> str | None:
    return shutil.which(name, path=GIT["PATH"])
