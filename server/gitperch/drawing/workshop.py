"""The server's side of the process that draws: it is started at the first job, and one thread hands it one job after the other."""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from typing import Any

from gitperch.drawing import LENGTH
from gitperch.errors import Busy

log = logging.getLogger("gitperch.drawing")

REST = 30.0  # seconds without a job after which the process is ended
WAITING = 200  # jobs
PIPE = 64 << 10

Drawn = tuple[dict[str, Any], bytes]


class Undrawn(Exception):
    """The process did not finish a job in time, or not at all."""


class Workshop:
    """One for a server. The process lives as long as there are jobs."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[Future[Drawn], bytes, float]] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    @property
    def runs(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None

    def ask(self, job: dict[str, Any], body: bytes, seconds: float) -> Future[Drawn]:
        """Hand in a job that may take `seconds` once it is its turn. Cancel the future to have it left out.

        The future raises Undrawn. Raises Busy where too many wait.
        """
        future: Future[Drawn] = Future()
        with self._lock:
            try:
                self._jobs.put_nowait((future, json.dumps(job).encode() + b"\n" + body, seconds))
            except queue.Full:
                raise Busy("The server is busy drawing for others. Try again in a minute.") from None
            if not self._thread:
                self._thread = threading.Thread(target=self._work, name="drawing", daemon=True)
                self._thread.start()
        return future

    def _work(self) -> None:
        while True:
            try:
                future, content, seconds = self._jobs.get(timeout=REST)
            except queue.Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._thread = None
                        self.close()
                        return
                continue
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._draw(content, time.monotonic() + seconds))
            except Exception as error:  # noqa: BLE001 -- whoever asked is told
                self.close()
                future.set_exception(error if isinstance(error, Undrawn) else Undrawn(str(error)))

    def _draw(self, content: bytes, until: float) -> Drawn:
        process = self._process = self._process or _started()
        assert process.stdin  # noqa: S101 -- pipes, as asked for
        assert process.stdout  # noqa: S101
        _write(process.stdin.fileno(), LENGTH.pack(len(content)) + content, until)
        length = LENGTH.unpack(_read(process.stdout.fileno(), LENGTH.size, until))[0]
        first, _, html = _read(process.stdout.fileno(), length, until).partition(b"\n")
        facts = json.loads(first)
        if "failed" in facts:
            log.error("a file could not be drawn: %s", facts["failed"])
            raise Undrawn("failed")
        return facts, html

    def close(self) -> None:
        """End the process; whoever waits for it is told."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()


_START = "import runpy, sys; sys.path[:] = sys.argv[1:]; runpy.run_module('gitperch.drawing', run_name='__main__')"


def _started() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        # The server's own path: it may have been started from a folder that nothing else knows.
        [sys.executable, "-I", "-c", _START, *(entry for entry in sys.path if entry)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        bufsize=0,
        start_new_session=True,
    )
    assert process.stdin  # noqa: S101 -- a pipe, as asked for
    os.set_blocking(process.stdin.fileno(), False)
    return process


def _write(pipe: int, data: bytes, until: float) -> None:
    rest = memoryview(data)
    while rest:
        _wait(pipe, select.POLLOUT, until)
        rest = rest[os.write(pipe, rest[:PIPE]) :]


def _read(pipe: int, length: int, until: float) -> bytes:
    data = bytearray()
    while len(data) < length:
        _wait(pipe, select.POLLIN, until)
        chunk = os.read(pipe, min(length - len(data), 1 << 20))
        if not chunk:
            raise Undrawn("the process ended")
        data += chunk
    return bytes(data)


def _wait(pipe: int, what: int, until: float) -> None:
    poll = select.poll()  # `select` ends at 1,024 open files
    poll.register(pipe, what)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise Undrawn("not done in time")
