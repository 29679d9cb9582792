"""git itself in libgit2's place, for repositories whose object ids libgit2 does not know: those with SHA-256."""

from __future__ import annotations

import subprocess
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}
SECONDS = 20.0  # for all that one function asks


class CatFile:
    """As much of a pygit2 Repository as `objects.py` and `commits.py` use: `read`, `odb.read_header`, `expand_id`, `free`.

    It speaks to `git cat-file` through pipes (git-cat-file(1), "BATCH OUTPUT"), started when first needed and ended by `free` or
    after `SECONDS`. Raises KeyError for what is not there.
    """

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = {**environment, "GIT_DIR": path}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._deadline = threading.Timer(SECONDS, self._end)
        self._deadline.daemon = True
        self._deadline.start()
        self.odb = self

    def read(self, oid: str) -> tuple[int, bytes]:
        """The number of the object's type, as libgit2 counts them, and its content."""
        answers, kind, size = self._ask("--batch", oid)
        data = answers.read(size + 1)[:size]
        if len(data) != size:
            raise KeyError(oid)
        return kind, data

    def read_header(self, oid: str) -> tuple[int, int]:
        """The number of the object's type, and its size in bytes."""
        _, kind, size = self._ask("--batch-check", oid)
        return kind, size

    def expand_id(self, prefix: str) -> str:
        """The one oid that begins with these hex digits. Raises ValueError where several do."""
        done = subprocess.run(
            ["git", "rev-parse", f"--disambiguate={prefix}"],
            cwd=self._path,
            env=self._environment,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        found = done.stdout.decode("ascii", "replace").split()
        if not found:
            raise KeyError(prefix)
        if len(found) > 1:
            raise ValueError(prefix)
        return found[0]

    def free(self) -> None:
        self._deadline.cancel()
        self._end()
        for process in self._running.values():
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()

    def _ask(self, mode: str, oid: str) -> tuple[IO[bytes], int, int]:
        """Where the content follows, the type and the size of `oid`, as git says them."""
        if not all(digit in "0123456789abcdef" for digit in oid):
            raise KeyError(oid)
        process = self._running.get(mode) or self._start(mode)
        assert process.stdin  # noqa: S101 -- pipes, as asked for
        assert process.stdout  # noqa: S101
        try:
            process.stdin.write(oid.encode("ascii") + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise KeyError(oid) from None
        said = process.stdout.readline().split()
        if len(said) != 3 or said[1] not in _TYPES:
            raise KeyError(oid)
        return process.stdout, _TYPES[said[1]], int(said[2])

    def _start(self, mode: str) -> subprocess.Popen[bytes]:
        self._running[mode] = process = subprocess.Popen(
            ["git", "cat-file", mode],
            cwd=self._path,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return process

    def _end(self) -> None:
        for process in list(self._running.values()):
            process.kill()
