"""Limits that the kernel keeps for a group of processes together (Linux, Documentation/admin-guide/cgroup-v2.rst).

systemd makes such a group where it runs and lets us ask, a scope for each thing that is started, in a slice of this data folder's.
Elsewhere the server makes them below its own, if it may: a service of an ordinary user, if it has `Delegate=yes`. Version 1, and a
container's read-only view, count as none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

PROBE_SECONDS = 10.0
CPU_WEIGHT = 50  # half of what anything else on the machine has
_LEAF = "gitperch-server"  # a group whose members limits are set for may have no processes of its own


@dataclass(frozen=True)
class Limits:
    """`memory` in bytes; `processes` counts threads too, as the kernel does; `cpus` may be a part of one."""

    memory: int
    processes: int
    cpus: float = 1.0


@dataclass(frozen=True)
class Group:
    """One group of processes, by its folder. `ooms`: how often memory had run out beside it when it began."""

    path: Path
    ooms: int = 0

    @property
    def scope(self) -> bool:
        """Whether it is systemd's, which takes it away when it sees that nothing is left in it."""
        return self.path.suffix == ".scope"

    @property
    def over(self) -> bool:
        return not (self.path.exists() if self.scope else self.pids())

    @property
    def unit(self) -> str:
        return self.path.name.removesuffix(".scope")

    def pids(self) -> set[int]:
        try:
            return {int(pid) for pid in (self.path / "cgroup.procs").read_text().split()}
        except OSError:
            return set()

    def kill(self) -> None:
        """End everything in it at once, whatever it forks meanwhile (Linux 5.14)."""
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")

    def memory(self) -> int | None:
        """Bytes, without what is only kept of files in case they are read again."""
        try:
            used = int((self.path / "memory.current").read_text())
            stat = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            return None
        return max(0, used - int(stat.get("inactive_file", 0)) - int(stat.get("active_file", 0)))

    def out_of_memory(self, *, killed: bool) -> bool:
        """Whether the kernel ended it for its memory. `killed`: it ended as by that."""
        own = _ooms(self.path)
        if own is not None:
            return own > 0
        # systemd takes a group away with its last process, and with it what the kernel noted there; not so in the slice above.
        return killed and (_ooms(self.path.parent) or 0) > self.ooms

    def remove(self) -> None:
        if not self.scope:
            with contextlib.suppress(OSError):  # it is gone, or has processes still
                self.path.rmdir()


class Groups:
    """Makes groups, named for what runs in them. `base` is the folder they are made in, None where systemd makes them.

    `name` is the data folder's.
    """

    def __init__(self, name: str, base: Path | None, *, user: bool = False) -> None:
        self._name = name
        self._base = base
        self._user = user

    def prefix(self, name: str, limits: Limits) -> list[str]:
        """The command in front of what is to be in the group `name`."""
        if self._base:
            return []
        properties = {
            "MemoryMax": limits.memory,
            "MemorySwapMax": 0,
            "TasksMax": limits.processes,
            "CPUWeight": CPU_WEIGHT,
            "CPUQuota": f"{max(1, round(limits.cpus * 100))}%",
        }
        settings = [word for key, value in properties.items() for word in ("--property", f"{key}={value}")]
        scope = ["systemd-run", "--scope", "--quiet", "--collect", f"--slice={self._name}", f"--unit={name}"]
        scope += ["--description=An app of Gitperch", *settings]
        return [*scope, *(["--user"] if self._user else []), "--"]

    def make(self, name: str, limits: Limits) -> Path | None:
        """The file that a process writes its number to, to be in the group `name`. None: `prefix` has seen to it."""
        if not self._base:
            return None
        path = self._base / name
        path.mkdir(exist_ok=True)
        (path / "memory.max").write_text(str(limits.memory))
        (path / "pids.max").write_text(str(limits.processes))
        period = 100_000  # microseconds
        files = {"memory.swap.max": "0", "memory.oom.group": "1", "cpu.weight": f"{CPU_WEIGHT}"}
        for file, value in (files | {"cpu.max": f"{max(1000, int(limits.cpus * period))} {period}"}).items():
            with contextlib.suppress(OSError):  # not every kernel has them
                (path / file).write_text(value)
        return path / "cgroup.procs"

    def of(self, pid: int, name: str) -> Group | None:
        """The group `name`, which `pid` is in."""
        if self._base:
            path = self._base / name
            return Group(path) if path.is_dir() else None
        mount, own = _where(pid)
        if not mount or not own or Path(own).name != f"{name}.scope":
            return None
        path = mount / own
        with contextlib.suppress(OSError):  # systemd 252 has no property of scopes for it
            (path / "memory.oom.group").write_text("1")
        return Group(path, (_ooms(path.parent) or 0) - (_ooms(path) or 0))

    def left(self, beginning: str) -> list[Group]:
        """The groups there are, of which the name begins so."""
        if self._base:
            return [Group(path) for path in self._base.glob(f"{beginning}*") if path.is_dir()]
        mount, _ = _where(os.getpid())
        # Not `rglob`, which raises where another's group vanishes while it is looked into.
        walk = os.walk(mount) if mount else ()
        return [
            Group(Path(top) / name)
            for top, names, _ in walk
            for name in names
            if name.startswith(beginning) and name.endswith(".scope")
        ]


async def groups(name: str) -> Groups | None:
    """What this machine lets this server make groups with; None where it does not. `name` is this data folder's."""
    if Path("/run/systemd/system").is_dir() and shutil.which("systemd-run"):
        made = Groups(name, None, user=os.geteuid() != 0)
        probe = made.prefix(f"{name}-probe-{os.urandom(4).hex()}", Limits(64 << 20, 16))
        if await works(*probe, "true"):
            return made
        if os.geteuid() == 0:  # and might change a group that is not its own
            return None
    try:
        base = await asyncio.to_thread(_own_base, name)
    except OSError:
        return None
    return Groups(name, base) if base else None


async def works(*command: str) -> bool:
    """Whether a command, given a few seconds, ends well."""
    try:
        environment = {"PATH": os.defpath, "XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()


def _ooms(path: Path) -> int | None:
    """How many processes the kernel has ended in there for want of memory; None where there is no such group any more."""
    try:
        events = dict(line.split() for line in (path / "memory.events").read_text().splitlines())
        return int(events.get("oom_kill", 0))
    except (OSError, ValueError):
        return None


def _own_base(name: str) -> Path | None:
    """A folder below this process's own group, made for groups with limits. Raises OSError where that is not allowed."""
    mount, own = _where(os.getpid())
    if not mount or own is None:
        return None
    parent = mount / own
    if parent.name == _LEAF:
        parent = parent.parent
    if not {"memory", "pids"} <= set((parent / "cgroup.controllers").read_text().split()):
        return None
    if (parent / "cgroup.type").exists():  # not the root: it has to be empty before its children can have limits
        leaf = parent / _LEAF
        leaf.mkdir(exist_ok=True)
        for pid in (parent / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
    _enable(parent)
    base = parent / name
    base.mkdir(exist_ok=True)
    _enable(base)
    return base


def _enable(path: Path) -> None:
    (path / "cgroup.subtree_control").write_text("+memory +pids")
    with contextlib.suppress(OSError):
        (path / "cgroup.subtree_control").write_text("+cpu")


def _where(pid: int) -> tuple[Path | None, str | None]:
    """Where groups of version 2 are mounted, and the path below that of the group that `pid` is in."""
    mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    mount = next((Path(line.split()[1]) for line in mounts if line.split()[2] == "cgroup2"), None)
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return mount, None
    return mount, next((line.removeprefix("0::").strip("/") for line in lines if line.startswith("0::")), None)
