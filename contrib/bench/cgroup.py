"""A control group for a server and all its children: their CPU time to the nanosecond, and a limit for their memory (cgroups(7)).

The times that a parent sees miss what nobody waited for: fcgiwrap ignores the end of its children.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Group:
    """Version 1 (a folder for each controller) or version 2. Raises OSError where the system does not let us make one."""

    def __init__(self, name: str) -> None:
        if (ROOT / "cpuacct").is_dir():
            self._cpu, self._memory = ROOT / "cpuacct" / name, ROOT / "memory" / name
        else:
            self._cpu = self._memory = ROOT / name
        for folder in self._folders():
            folder.mkdir()

    def _folders(self) -> list[Path]:
        return list(dict.fromkeys((self._cpu, self._memory)))

    def command(self, *command: str) -> list[str]:
        """`command`, begun inside the group."""
        joins = "".join(f"echo $$ >{folder}/cgroup.procs && " for folder in self._folders())
        return ["sh", "-c", f'{joins}exec "$@"', "sh", *command]

    def cpu_seconds(self) -> float:
        """CPU time of everything that ever ran in the group."""
        usage = self._cpu / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        return int((self._cpu / "cpu.stat").read_text().split()[1]) / 1e6

    def limit_memory(self, size: int) -> None:
        """Let the group have `size` bytes, cached files included. Raises OSError where that cannot be set."""
        version_1 = self._memory / "memory.limit_in_bytes"
        (version_1 if version_1.exists() else self._memory / "memory.max").write_text(str(size))

    def killed(self) -> int:
        """How many of its processes the kernel ended for want of memory."""
        for name in ("memory.oom_control", "memory.events"):
            with contextlib.suppress(FileNotFoundError):
                words = (self._memory / name).read_text().split()
                return int(words[words.index("oom_kill") + 1])
        return 0

    def remove(self) -> None:
        """Give it back; its processes have ended, or are about to."""
        for folder in self._folders():
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
