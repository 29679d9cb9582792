#!/usr/bin/env python3
"""Chromium for tests: as a program, it becomes the Chromium of this machine, which then hears of no change of the network.

Chromium drops what it is about to fetch (ERR_NETWORK_CHANGED) whenever an address comes or goes, such as those of the
tests' Docker engines. It hears of them by a netlink socket; refused one, it takes the machine to be online for good
(net/base/address_tracker_linux.cc). The refusal is a filter of system calls: seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import struct
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SOCKET = {"x86_64": 41, "aarch64": 198}  # the number of socket(2)
_LOAD, _UNLESS, _RETURN = (
    0x20,
    0x15,
    0x06,
)  # linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_NUMBER, _FIRST_ARGUMENT = 0, 16  # where struct seccomp_data has them
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT
_AF_NETLINK, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _PR_SET_NO_NEW_PRIVS = 16, 22, 2, 38


def installed() -> str | None:
    """The path of this machine's Chromium; None when it has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def executable() -> str | None:
    """What to start as Chromium: this file; None when there is none to become."""
    return __file__ if installed() else None


def _refuse_netlink(socket: int) -> None:
    steps = (
        (_LOAD, 0, 0, _NUMBER),
        (_UNLESS, 0, 3, socket),  # skips three
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_UNLESS, 0, 1, _AF_NETLINK),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0)


if __name__ == "__main__":
    if number := _SOCKET.get(platform.machine()):
        _refuse_netlink(number)
    chromium = installed() or sys.exit("There is no Chromium on this machine: apt-get install chromium")
    os.execv(chromium, [chromium, *sys.argv[1:]])  # noqa: S606 (an argument vector, as everywhere)
