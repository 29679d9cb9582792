"""What the kernel says of processes (proc(5)). A look at all of them takes milliseconds and belongs in a thread.

Everything that is started for a deployment has `GITPERCH_DEPLOYMENT=FOLDER.DEPLOYMENT.RUN` in its first environment. FOLDER stands for
one data folder, so that two servers on one machine leave each other's processes alone; RUN is another each time something is started.
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MARKER = "GITPERCH_DEPLOYMENT"
_MARKED = f"{MARKER}=".encode()
_PF_KTHREAD = 0x00200000  # include/linux/sched.h
_EXEC_SECONDS = 0.01  # a process that is just becoming another program has no environment for a moment (execve(2))
_ENVIRONMENT = 256 << 10  # bytes of an environment that are looked at; the marker stands in front


@dataclass(frozen=True)
class Process:
    """`started` is in clock ticks since the boot: with `pid` it names one process for as long as the machine runs.

    `kernel`: it is a thread of the kernel's own.
    """

    pid: int
    parent: int
    session: int
    started: int
    threads: int
    zombie: bool
    kernel: bool


def process(pid: int) -> Process | None:
    """The process `pid`, None where there is none (any more)."""
    try:
        stat = _read(f"/proc/{pid}/stat", 4096)
    except OSError:
        return None
    fields = stat[stat.rfind(b")") + 2 :].split()  # the name before it may hold anything
    if len(fields) < 20:
        return None
    # A process whose first thread has ended looks like a zombie, but its others go on.
    gone = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    return Process(
        pid, int(fields[1]), int(fields[3]), int(fields[19]), int(fields[17]), gone, bool(int(fields[6]) & _PF_KTHREAD)
    )


def alive() -> list[Process]:
    """Every process that is not over."""
    found = (process(int(name)) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 -- thousands of Path objects
    return [one for one in found if one and not one.zombie]


def marker(pid: int) -> str:
    """What the marker of `pid` says, "" without one, and where this server may not look."""
    environment = _environment(pid)
    if not environment:
        time.sleep(_EXEC_SECONDS)
        environment = _environment(pid)
    return _marker(environment)


def _environment(pid: int) -> bytes:
    try:
        return _read(f"/proc/{pid}/environ", _ENVIRONMENT)
    except OSError:
        return b"-"


def _marker(environment: bytes) -> str:
    for value in environment.split(b"\0"):
        if value.startswith(_MARKED):
            return value.removeprefix(_MARKED).decode("ascii", "replace")
    return ""


def marked(beginning: str) -> dict[int, str]:
    """Every process whose marker begins with `beginning`, and the marker."""
    known = {one.pid: _environment(one.pid) for one in alive() if not one.kernel}
    if becoming := [pid for pid, environment in known.items() if not environment]:
        time.sleep(_EXEC_SECONDS)
        known |= {pid: _environment(pid) for pid in becoming}
    found = {pid: _marker(environment) for pid, environment in known.items()}
    return {pid: text for pid, text in found.items() if text.startswith(beginning)}


def family(among: Collection[Process], roots: Collection[int], session: int = 0) -> set[int]:
    """Of the processes `among`: `roots`, all that descends from them, and all of `session`."""
    children: dict[int, list[int]] = {}
    for one in among:
        children.setdefault(one.parent, []).append(one.pid)
    found: set[int] = set()
    ahead = [one.pid for one in among if one.pid in roots or (session and one.session == session)]
    while ahead:
        pid = ahead.pop()
        if pid not in found:
            found.add(pid)
            ahead += children.get(pid, ())
    return found


def is_shell(pid: int) -> bool:
    """Whether it is the system's shell."""
    try:
        return os.path.samefile(f"/proc/{pid}/exe", "/bin/sh")  # noqa: PTH121 -- what it is in, in a namespace of its own, is the system's too
    except OSError:
        return False


def of_user(uid: int) -> list[Process]:
    """The processes that run as `uid`."""
    found = []
    for one in alive():
        try:
            if os.stat(f"/proc/{one.pid}").st_uid == uid:  # noqa: PTH116 -- hundreds of Path objects
                found.append(one)
        except OSError:
            continue
    return found


def memory(pids: Iterable[int], *, exact: bool = False) -> int:
    """Bytes of memory that `pids` have and no file holds too. What they share counts for each of them, unless `exact`, which costs more."""
    return sum(_shares(pid) if exact else _own(pid) for pid in pids)


def available() -> int:
    """Bytes that could be had before the machine would swap or kill."""
    for line in _read("/proc/meminfo", 4096).splitlines():
        if line.startswith(b"MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0


def boot() -> str:
    """Another one after each start of the machine."""
    return _read("/proc/sys/kernel/random/boot_id", 64).decode("ascii").strip()


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


class Watched:
    """One process, by a file descriptor that stays its own even when the number is given to another (pidfd_open(2))."""

    def __init__(self, pid: int, started: int | None = None) -> None:
        """Raises ProcessLookupError where `pid` is gone, or is not the one that began at `started`."""
        self.pid = pid
        self.fd = os.pidfd_open(pid)
        found = process(pid)
        if not found or (started is not None and found.started != started):
            self.close()
            raise ProcessLookupError(pid)
        self.started = found.started

    @property
    def over(self) -> bool:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, number: signal.Signals) -> None:
        if self.fd < 0:
            return
        try:
            signal.pidfd_send_signal(self.fd, number)
        except (ProcessLookupError, PermissionError):
            return

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _own(pid: int) -> int:
    try:
        status = _read(f"/proc/{pid}/status", 4096)
    except OSError:
        return 0
    total = 0
    for line in status.splitlines():
        if line.startswith((b"RssAnon:", b"RssShmem:", b"VmSwap:")):
            total += int(line.split()[1]) << 10
    return total


def _shares(pid: int) -> int:
    """Its proportional share, of what no file on disk holds."""
    try:
        rollup = _read(f"/proc/{pid}/smaps_rollup", 4096)
    except OSError:
        return _own(pid)
    total = 0
    for line in rollup.splitlines():
        if line.startswith((b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")):
            total += int(line.split()[1]) << 10
    return total


def _read(path: str, limit: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while chunk := os.read(fd, limit - len(data)):
            data += chunk
        return data
    finally:
        os.close(fd)
