"""A Unix socket for the proxy in front: whoever may open the file is believed about where requests come from.

At a port of the machine anybody can speak, an app of a preview too. Who reaches a file, the system says.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODE = 0o660  # for the file's user and group


@contextlib.contextmanager
def proxy_socket(path: str) -> Iterator[socket.socket | None]:
    """The socket at `path`, bound, as long as the block runs; None where `path` is "". Raises ConfigError where it cannot be had.

    A socket that a killed server has left there is replaced. Before any other thread runs: it changes the umask.
    """
    if not path:
        yield None
        return
    _clear(Path(path))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~MODE)
    try:
        listener.bind(path)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise ConfigError(f"Cannot make the socket {path}: {why}. Name another file in proxy_socket.") from None
    finally:
        os.umask(before)
    own = os.stat(path).st_ino  # noqa: PTH116 -- as below
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            if os.stat(path).st_ino == own:  # noqa: PTH116 -- and not that of a server that came after
                os.unlink(path)  # noqa: PTH108


def _clear(path: Path) -> None:
    """Remove a socket at which nobody listens any more."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # there is none; or binding says why it cannot be
    if not stat.S_ISSOCK(mode):
        raise ConfigError(
            f"proxy_socket is {str(path)!r}, which is there and is no socket. Remove it, or name another file."
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                path.unlink()
            return
        except OSError:
            pass  # full, or not ours to open: somebody is there
    raise ConfigError(f"Another server listens at {path}. Stop it, or name another file in proxy_socket.")
