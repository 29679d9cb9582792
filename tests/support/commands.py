"""The command `gitperch`, again and again: each runs in a fork of one process that has the program in memory already.

A Python that starts anew reads 600 modules first, which takes longer than all that most commands do.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import gitperch.assembly
import gitperch.cli.doctor
import gitperch.cli.key
import gitperch.cli.repo
import gitperch.cli.token
import gitperch.cli.user
import gitperch.plugins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS = 120.0
_REQUEST = 1 << 20


class Commands:
    """One process, which runs one command at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(_SECONDS)
        with theirs:
            theirs.set_inheritable(True)
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        input: str | None = None,  # noqa: A002 -- as subprocess calls it
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` would; `environment` is all that it has."""
        with (
            self._turn,
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write((input or "").encode())
            given.seek(0)
            request = json.dumps([list(arguments), dict(environment)]).encode()
            socket.send_fds(self._ours, [request], [given.fileno(), out.fileno(), err.fileno()])
            status = int(self._ours.recv(16) or b"1")
            texts = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode() for file in (out, err)]
        return subprocess.CompletedProcess(arguments, status, *texts)

    def close(self) -> None:
        self._ours.close()
        self._process.wait(_SECONDS)


def commands() -> Commands:
    """Those of this process, in the network that the calling thread is in."""
    return _commands(str(Path("/proc/thread-self/ns/net").readlink()))


@functools.cache
def _commands(_network: str) -> Commands:
    made = Commands()
    atexit.register(made.close)
    return made


def _serve(here: socket.socket) -> None:
    gitperch.plugins.Plugins.classes()
    gc.freeze()
    while True:
        request, files, _, _ = socket.recv_fds(here, _REQUEST, 3)
        if not request:
            return
        arguments, environment = json.loads(request)
        pid = os.fork()
        if not pid:
            here.close()
            _run(arguments, environment, files)
        for file in files:
            os.close(file)
        _, status = os.waitpid(pid, 0)
        here.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(arguments: list[str], environment: dict[str, str], files: list[int]) -> NoReturn:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    status = 1
    try:
        status = gitperch.cli.main()
    except SystemExit as end:  # argparse's own
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 -- as the interpreter would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as end:
        _serve(end)
