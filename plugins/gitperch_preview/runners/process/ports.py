"""Loopback ports for apps."""

from __future__ import annotations

import errno
import secrets
import socket
from pathlib import Path

from gitperch_preview.contract import RunnerError

LOWEST, HIGHEST = 20_000, 31_999
TRIES = 200


class Ports:
    """Gives free ports, none twice.

    They are below those that the kernel gives to connections (ip_local_port_range): between the look and the app's own bind, nobody else
    comes upon one by chance.
    """

    def __init__(self) -> None:
        self._held: dict[int, int] = {}

    def take(self, deployment_id: int, wanted: int | None) -> int:
        """A port for the app of a deployment; `wanted` where it insists on one. Raises RunnerError where there is none."""
        if wanted is not None:
            if wanted in self._held.values() or not _free(wanted):
                raise RunnerError(
                    f"It insists on port {wanted}, which is taken on this machine. Have it listen on $PORT."
                )
            self.keep(deployment_id, wanted)
            return wanted
        highest = min(HIGHEST, _first_of_the_kernel() - 1)
        low = LOWEST if highest - LOWEST > TRIES else 1024
        for _ in range(TRIES):
            port = low + secrets.randbelow(max(highest, low + TRIES) - low)
            if port not in self._held.values() and _free(port):
                self.keep(deployment_id, port)
                return port
        raise RunnerError("There is no free port on this machine. Stop a preview, and try again.")

    def keep(self, deployment_id: int, port: int) -> None:
        self._held[deployment_id] = port

    def give_back(self, deployment_id: int) -> None:
        self._held.pop(deployment_id, None)


def _free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):  # noqa: S104 -- only tried
        try:
            with socket.socket(family) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, port))
        except OSError as error:
            if family is socket.AF_INET or error.errno == errno.EADDRINUSE:
                return False
    return True


def _first_of_the_kernel() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768
