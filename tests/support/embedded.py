"""A program of somebody's own that serves git by `gitperch.transport`, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from support.server import Answer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@dataclass
class Program:
    """`source` defines `app`; it runs in `folder`, as `hypercorn program:app` would have it."""

    folder: Path
    source: str
    flags: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> Iterator[Program]:
        """For a fixture: runs until the test is over."""
        (self.folder / "program.py").write_text(self.source)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'server'}:{self.folder}"}
        bind = f"127.0.0.1:{self.port}"
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "hypercorn", "program:app", "--bind", bind, *self.flags],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            until = time.monotonic() + 60
            while not self._listens():
                assert process.poll() is None, self.log
                assert time.monotonic() < until, self.log
                time.sleep(0.02)
            yield self
        finally:
            process.terminate()
            process.wait(60)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return not probe.connect_ex(("127.0.0.1", self.port))

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """`headers` with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(self.url + path, data=body, headers=named, method=method)
        try:
            with urlopen(request, timeout=60) as response:
                return Answer(response.status, _lower(response.headers), response.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers), error.read())


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
