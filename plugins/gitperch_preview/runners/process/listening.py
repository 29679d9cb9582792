"""Who listens at a port of this machine, as the kernel tells (sock_diag(7)).

All processes share the machine's loopback, so an app may listen where another is expected: at the port of one that has ended, or was
slower to begin. What the gateway has connected to is asked for here each time, which costs a tenth of a millisecond.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY, _ERROR, _DONE = 20, 2, 3  # SOCK_DIAG_BY_FAMILY, NLMSG_ERROR, NLMSG_DONE
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_LISTEN = 1 << 10  # TCP_LISTEN, as a bit
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBBI48s")  # inet_diag_req_v2
_ANSWER = struct.Struct("=4B48s5I")  # inet_diag_msg: the last two are the user and the inode
_AT_LEAST, _AT_MOST = 2, 3  # INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE
_STEP = struct.Struct("=BBHBBH")  # two inet_diag_bc_op
_MOST = 20_000  # descriptors of an app that are looked at


class Listening:
    """Whether it is an app that listens at `port`: one of the processes that `pids` names (which takes a thread), or at least of `uid`."""

    def __init__(self, port: int, pids: Callable[[], Iterable[int]], uid: int) -> None:
        self._port = port
        self._pids = pids
        self._uid = uid
        self._own: frozenset[int] = frozenset()
        self._looking = asyncio.Lock()

    async def __call__(self) -> bool:
        """Whether all that listen there are known to be the app's, and have been since this was last asked.

        So a connection that was made in between is with the app. If not, it is found out for the next time. Where the kernel does not
        tell, nothing can be proven, and it counts as the app's.
        """
        try:
            there = sockets(self._port)
        except OSError:
            return True
        known = frozenset(there)
        if known and known == self._own:
            return True
        async with self._looking:
            if known != self._own:
                own = await asyncio.to_thread(self._are_own, there)
                self._own = known if own else frozenset()
        return False

    def _are_own(self, there: Mapping[int, int]) -> bool:
        left, looked_at, hidden = dict(there), 0, False
        for pid in self._pids():
            try:
                with os.scandir(f"/proc/{pid}/fd") as descriptors:
                    for descriptor in descriptors:
                        left.pop(_inode(descriptor.path), None)
                        looked_at += 1
                        if not left or looked_at > _MOST:
                            return not left
            except PermissionError:  # it hides itself (prctl(2), PR_SET_DUMPABLE), or this server may not look
                hidden = True
            except OSError:
                continue
        return hidden and set(left.values()) == {self._uid}


def sockets(port: int) -> dict[int, int]:
    """The inodes of the sockets that listen at `port` of any address, with their users. Raises OSError where the kernel does not tell."""
    found: dict[int, int] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        for family in (socket.AF_INET, socket.AF_INET6):
            kernel.send(_question(family, port))
            while (said := _answered(kernel.recv(64 << 10), found)) != _DONE:
                if said == _ERROR:
                    raise OSError("sock_diag")
    return found


def _question(family: int, port: int) -> bytes:
    # A program for the kernel to sort by: each step leads on by so many bytes where it is true, and beyond the end where not.
    program = _STEP.pack(_AT_LEAST, 8, 20, 0, 0, port) + _STEP.pack(_AT_MOST, 8, 12, 0, 0, port)
    body = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, _LISTEN, bytes(48))
    body += struct.pack("=HH", 4 + len(program), 1) + program  # INET_DIAG_REQ_BYTECODE
    return _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _DUMP, 1, 0) + body


def _answered(data: bytes, found: dict[int, int]) -> int:
    """What the last message of `data` is; sockets go into `found`."""
    at, kind = 0, 0
    while at < len(data):
        size, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if kind == _BY_FAMILY:
            *_, uid, inode = _ANSWER.unpack_from(data, at + _HEADER.size)
            found[inode] = uid
        elif kind in (_ERROR, _DONE):
            break
        at += (size + 3) & ~3
    return int(kind)


def _inode(path: str) -> int:
    try:
        said = os.readlink(path)  # noqa: PTH115 -- thousands of Path objects
    except OSError:
        return 0
    return int(said[8:-1]) if said.startswith("socket:[") else 0
