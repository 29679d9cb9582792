"""How far from everything else an app is kept: tried out once, on the machine as it is, and then the same for all.

With bubblewrap an app sees the system read-only, its own check-out, a home and a /tmp of its own, and its own processes; neither the
data folder nor other check-outs are there for it. Where the server is root, each repository has a user of its own. What an app costs is
limited by the kernel where it lets us (`cgroups`), else by looking (`watch`). The network is the machine's in all cases.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_preview.runners.process import proc
from gitperch_preview.runners.process.cgroups import Groups, Limits, groups, works

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_UID = 1_900_000_000  # of a range that neither Debian nor systemd gives to anybody (systemd, UIDS-GIDS.md)
UIDS_OF_A_FOLDER = 100_000
SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
SHM_BYTES = 64 << 20
FILES = 4096
FILE_BYTES = 2 << 30

_SYSTEM = ("/usr", "/opt", "/nix")
_LINKED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives ca-certificates ca-certificates.conf crypto-policies fonts host.conf hosts ld.so.cache ld.so.conf ld.so.conf.d"
    " localtime magic mime.types nsswitch.conf pki protocols resolv.conf services ssl terminfo timezone"
).split()

# A program with arguments, without anything by which a shell would do more than start it.
_PLAIN = re.compile(r"((?:export PATH=\"[^\"`\\\n]*\"; )?)([A-Za-z0-9_./+-]+)(?:[ \t][^;&|<>()`\n\\#]*)?")
_OF_THE_SHELL = frozenset(
    ". : [ alias bg break case cd command continue do done echo elif else esac eval exec exit export false fg fi for getopts hash if"
    " in jobs kill local printf pwd read readonly return set shift test then time times trap true type ulimit umask unalias unset"
    " until wait while function select source".split()
)

# $1: the group's file, or "". The kernel ends previews before anything else, and their session has what is left of the processor.
_OUTER = """\
umask 022
{ echo 1000 >/proc/self/oom_score_adj; echo 10 >/proc/self/autogroup; } 2>/dev/null
[ -z "$1" ] || echo $$ >"$1" || exit 125
shift
exec nice -n 5 "$@\""""
# $1: the folder, $2: the command, $3: processes that its user may have. The environment comes by standard input: no argument,
# which every process of the machine could read. Nothing of it counts before here, where all that is privileged has been left behind.
_INNER = f"""\
unset XDG_RUNTIME_DIR INVOCATION_ID
{{ ulimit -c 0; ulimit -n {FILES}; ulimit -f {FILE_BYTES // 512}; }} 2>/dev/null
ulimit -p "$3" 2>/dev/null || ulimit -u "$3" || exit
eval "$(cat)"
exec </dev/null
cd "$1" && exec /bin/sh -c "$2\""""


@dataclass(frozen=True)
class Home:
    """The folders of one deployment: `app` is the check-out, `home` and `tmp` belong to its processes, `etc` is made by the server.

    `cache` is the repository's, for package managers, None where a process has no business with it.
    """

    app: Path
    home: Path
    tmp: Path
    etc: Path
    cache: Path | None = None


@dataclass(frozen=True)
class Spec:
    """What to run: `line` by a shell, in `folder` of the check-out, into `log_path`."""

    deployment_id: int
    repo_id: int
    home: Home
    folder: str
    line: str
    environment: Mapping[str, str]
    limits: Limits
    log_path: Path


@dataclass(frozen=True)
class Cell:
    """What holds here. `path` are the folders with programs, `groups` is None where the kernel's limits cannot be had."""

    name: str
    own_user: bool
    bubblewrap: bool
    groups: Groups | None
    path: tuple[str, ...] = SYSTEM_PATH

    @property
    def words(self) -> str:
        """For people: how isolated an app is."""
        parts = [
            *(["own user"] if self.own_user else []),
            *(["bubblewrap"] if self.bubblewrap else []),
            "cgroup limits" if self.groups else "limits by watching",
        ]
        if self.own_user or self.bubblewrap:
            return f"{', '.join(parts)}; shares the machine's network"
        return f"limits only ({parts[-1]}): runs as the server's user"

    @property
    def problem(self) -> str:
        """Why nothing can be run here, if that is so."""
        if os.geteuid() == 0 and not self.own_user:
            return (
                "The server runs as root and cannot give apps a user of their own, and as root they do not run."
                " Start it as an ordinary user, or install setpriv (of util-linux)."
            )
        return ""

    def uid(self, repo_id: int) -> int | None:
        """The user (and group) of a repository's apps; None where it is the server's own."""
        if not self.own_user:
            return None
        return uids(self.name)[repo_id % UIDS_OF_A_FOLDER]

    def inside(self, home: Home) -> Home:
        """The same folders under the names that a process sees."""
        if not self.bubblewrap:
            return home
        return Home(Path("/app"), Path("/home/app"), Path("/tmp"), Path("/etc"), Path("/cache") if home.cache else None)  # noqa: S108 -- its own

    def command(self, spec: Spec, uid: int | None, group: str, info: int) -> list[str]:
        """The arguments that have it run by a shell. `group` is the file to enter a group by, or "", `info` the descriptor that
        bubblewrap tells by which process the app's first one is. Looks at all processes: for a thread."""
        # The kernel counts all that a user has, but in a namespace of users (bubblewrap, not as root) only what is in there.
        counted = [] if self.bubblewrap and uid is None else proc.of_user(os.geteuid() if uid is None else uid)
        processes = sum(one.threads for one in counted) + spec.limits.processes
        folder = str(self.inside(spec.home).app / spec.folder)
        words = ["/bin/sh", "-c", _OUTER, "sh", group]
        if self.bubblewrap:
            words += ["bwrap", "--info-fd", str(info), *self._view(spec.home), "--"]
        if uid is not None:
            words += ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
            words += ["--inh-caps=-all", "--bounding-set=-all", "--"]
        return [*words, "/bin/sh", "-c", _INNER, "sh", folder, becoming(spec.line), str(processes)]

    def _view(self, home: Home) -> list[str]:
        seen = self.inside(home)
        words = _base_view()
        for path in self.path:
            if not path.startswith(tuple(f"{one}/" for one in (*_SYSTEM, *_LINKED)) + _LINKED):
                words += ["--ro-bind-try", _with_libraries(path), _with_libraries(path)]
        for source, target in ((home.app, seen.app), (home.home, seen.home), (home.tmp, seen.tmp)):
            words += ["--bind", str(source), str(target)]
        if home.cache:
            words += ["--bind", str(home.cache), str(seen.cache)]
        for name in ("passwd", "group"):
            words += ["--ro-bind", str(home.etc / name), f"/etc/{name}"]
        return [*words, "--remount-ro", "/", "--chdir", "/"]


def name_of(folder: Path) -> str:
    """What everything of a runner's folder is called on this machine. `folder` without links."""
    return f"gitperch-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def uids(name: str) -> range:
    """The users that apps of such a name have."""
    first = FIRST_UID + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 2000 * UIDS_OF_A_FOLDER
    return range(first, first + UIDS_OF_A_FOLDER)


async def cell(folder: Path, search_path: str) -> Cell:
    """Try out what this machine has. `folder` is where the runner keeps its things, `search_path` the server's own PATH."""
    name = name_of(folder.resolve())
    root = os.geteuid() == 0
    setpriv = ["setpriv", f"--reuid={FIRST_UID}", f"--regid={FIRST_UID}", "--clear-groups", "--no-new-privs"]
    wrap = ["bwrap", *_base_view(), "--"]
    own_user = root and bool(shutil.which("setpriv")) and await works(*setpriv, "true")
    bubblewrap = bool(shutil.which("bwrap")) and await works(*wrap, *(setpriv if own_user else ()), "true")
    path = SYSTEM_PATH if root else await asyncio.to_thread(_programs, search_path)
    return Cell(name, own_user, bubblewrap, await groups(name), path)


def becoming(line: str) -> str:
    """`line` with `exec` in front where that means the same: a shell that only waits takes memory, and stands in a signal's way."""
    found = _PLAIN.fullmatch(line.strip())
    if not found or found[2] in _OF_THE_SHELL:
        return line
    return f"{found[1]}exec {line.strip().removeprefix(found[1])}"


def exports(environment: Mapping[str, str]) -> bytes:
    """Lines for a shell that make `environment` its own. Raises ValueError with the name of what cannot be in one."""
    lines = []
    for name, value in environment.items():
        if not name.isascii() or not name.isidentifier() or "\0" in value:
            raise ValueError(name)
        quoted = value.replace("'", "'\\''")
        lines.append(f"export {name}='{quoted}'\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _base_view() -> list[str]:
    words = ["--unshare-pid", "--unshare-ipc", "--proc", "/proc", "--dev", "/dev"]
    words += ["--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108 -- its own
    for name in ("/etc", "/home", "/run", "/run/systemd"):  # bubblewrap makes what is above a mount for root alone
        words += ["--perms", "0755", "--dir", name]
    for name in _SYSTEM:
        words += ["--ro-bind-try", name, name]
    for name in _LINKED:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        else:
            words += ["--ro-bind-try", name, name]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    # What /etc/resolv.conf may lead to.
    return [*words, "--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve"]


def _programs(search_path: str) -> tuple[str, ...]:
    """The folders on the server's own PATH that hold programs for everybody: an ordinary user may have Node in a folder of their own.

    Left out are a home as a whole, and the environment that the server itself was installed into.
    """
    found = []
    for text in search_path.split(":"):
        path = Path(text)
        own = path.resolve().is_relative_to(Path(sys.prefix).resolve()) and sys.prefix != sys.base_prefix
        if path.is_absolute() and path != Path.home() and not own and _is_folder(path):
            found.append(text)
    return tuple(dict.fromkeys([*found, *SYSTEM_PATH]))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def _with_libraries(path: str) -> str:
    """`…/v20/bin` needs `…/v20/lib`; but of a home, and of ~/.local, only the programs are shown."""
    folder = Path(path)
    above = folder.parent
    shareable = folder.name in ("bin", "shims") and above != Path.home() and above.name != ".local"
    return str(above if shareable and len(above.parts) > 2 else folder)


def passwd(uid: int, home: Path) -> Sequence[tuple[str, str]]:
    """What /etc says of the one user there is: programs ask for their own name."""
    return (("passwd", f"app:x:{uid}:{uid}::{home}:/bin/sh\n"), ("group", f"app:x:{uid}:\n"))
