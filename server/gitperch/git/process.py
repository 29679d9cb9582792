"""The one way to run git, and the one way to use libgit2.

git runs from an argument vector in a clean environment, with one configuration file that is the server's own, in a process
group that ends at a deadline or with whoever asked for it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from gitperch.config import ConfigError
from gitperch.errors import AppError
from gitperch.git.admission import Admission
from gitperch.git.names import HIDDEN_REFS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.config import GitSettings

T = TypeVar("T")

OLDEST = (2, 31)  # rev-parse --path-format
STDERR_LIMIT = 64 << 10
GRACE_SECONDS = 5.0
READ_SIZE = 256 << 10
LOOKERS = 6  # processes at once that find out what pages show
# For `environment`: an object is what its oid says, whatever `refs/replace/` has in its place, as upload-pack and pack-objects see it.
AS_NAMED = {"GIT_NO_REPLACE_OBJECTS": "1"}

CONFIG = """# Written at every start; the whole configuration that git sees besides a repository's own.
[core]
	hooksPath = {hooks}
	protectNTFS = true
	protectHFS = true
	logAllRefUpdates = false
	packedGitLimit = 256m
	packedGitWindowSize = 16m
	deltaBaseCacheLimit = 32m
	bigFileThreshold = 32m
	commitGraph = true
	createObject = rename
[init]
	defaultBranch = main
[safe]
	directory = *
[gc]
	auto = 2000
	autoDetach = false
	writeCommitGraph = true
[receive]
	advertisePushOptions = true
	autogc = false
	fsckObjects = true
	maxInputSize = {push_max_bytes}
	unpackLimit = 100
	denyCurrentBranch = ignore
	denyDeleteCurrent = refuse
	keepAlive = 5
{signed}[uploadpack]
	allowFilter = true
	allowReachableSHA1InWant = true
	keepAlive = 5
[uploadpackfilter "sparse:oid"]
	allow = false
[pack]
	threads = {pack_threads}
	windowMemory = {pack_memory}
	deltaCacheSize = 32m
	writeBitmapHashCache = true
	writeBitmapLookupTable = true
	writeReverseIndex = true
[repack]
	writeBitmaps = true
[protocol]
	version = 2
[transfer]
	hideRefs = {hidden}
"""


class GitError(Exception):
    """git ended with a status other than 0, or not in time. `stderr` is what it said."""

    def __init__(self, arguments: Sequence[str], status: int, stderr: str) -> None:
        super().__init__(f"git {' '.join(arguments[:4])} ended with {status}: {stderr.strip()[-500:]}")
        self.status = status
        self.stderr = stderr


class UnreadableRepository(AppError):
    """libgit2 cannot open a repository that git can: one with SHA-256 object ids, or one that is damaged."""

    status = 501
    code = "unreadable_repository"


class Git:
    """Runs git and libgit2 for the whole server.

    `children` are the places for processes that serve clients, `receivers` those that are kept for pushes: who has something to
    say does not wait for ten who listen.
    """

    def __init__(self, settings: GitSettings, folder: Path, nonce_seed: str = "") -> None:
        """`folder` will hold `config` and `hooks/`, both written anew by `prepare`. Without a `nonce_seed` pushes cannot be signed."""
        self.settings = settings
        self.nonce_seed = nonce_seed
        self.config_path = folder / "config"
        self.hooks_path = folder / "hooks"
        self.children = Admission(settings.children, settings.wait_seconds)
        self.receivers = Admission(max(2, settings.children // 3), settings.wait_seconds)
        self.lookers = asyncio.Semaphore(LOOKERS)
        self._executor = ThreadPoolExecutor(2, "libgit2")
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.config_path),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
        }

    def prepare(self) -> None:
        """Write the configuration file. Called once at start."""
        # Later versions do so by themselves; what they did before needs a thread for each child.
        if sys.version_info < (3, 12):
            watcher = asyncio.PidfdChildWatcher()
            watcher.attach_loop(asyncio.get_running_loop())
            asyncio.set_child_watcher(watcher)
        self.config_path.parent.mkdir(parents=True, exist_ok=True)
        values = {name: getattr(self.settings, name) for name in ("push_max_bytes", "pack_threads", "pack_memory")}
        signed = f"\tcertNonceSeed = {self.nonce_seed}\n\tcertNonceSlop = 900\n" if self.nonce_seed else ""
        text = CONFIG.format(hooks=self.hooks_path, hidden=HIDDEN_REFS.rstrip("/"), signed=signed, **values)
        self.config_path.touch(0o600)
        self.config_path.write_text(text, "utf-8")

    async def check(self) -> None:
        """Raises ConfigError where git is missing or too old."""
        try:
            said = (await self.run("version")).decode()
        except FileNotFoundError:
            raise ConfigError("git is not installed; Gitperch needs it, on Debian: apt-get install git") from None
        found = re.search(r"(\d+)\.(\d+)", said)
        if not found or (int(found[1]), int(found[2])) < OLDEST:
            raise ConfigError(f"This is {said.strip()!r}; Gitperch needs git {OLDEST[0]}.{OLDEST[1]} or later.")

    async def run(
        self,
        *arguments: str,
        path: Path | None = None,
        stdin: bytes = b"",
        timeout: float = 60.0,
        max_output: int = 64 << 20,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        told: Callable[[str], None] | None = None,
    ) -> bytes:
        """git's standard output. `path` is the repository, `told` hears the lines of standard error as they come (for `--progress`).

        Raises GitError for any status but 0, and when it takes longer than `timeout` seconds or says more than `max_output` bytes.
        """
        options: dict[str, Any] = {"environment": environment, "prefix": prefix, "pass_fds": pass_fds, "told": told}
        async with self.stream(*arguments, path=path, timeout=timeout, **options) as process:
            assert process.stdin  # noqa: S101 -- pipes, as asked for
            assert process.stdout  # noqa: S101
            output = bytearray()
            feeding = asyncio.ensure_future(_feed(process.stdin, stdin))
            try:
                while chunk := await process.stdout.read(READ_SIZE):
                    output += chunk
                    if len(output) > max_output:
                        raise GitError(arguments, -1, f"more than {max_output} bytes of output")
                await feeding
            finally:
                feeding.cancel()
        return bytes(output)

    @asynccontextmanager
    async def stream(
        self,
        *arguments: str,
        path: Path | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        prefix: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        check: bool = True,
        complain: Callable[[str], None] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """A running git with pipes for `stdin` and `stdout`, waited for at the end of the block.

        `prefix` is a command that becomes git, such as `nice`, and `pass_fds` are what it inherits.
        Leaving the block by an exception ends its process group: first with SIGTERM, so that git removes its lock files.
        Raises GitError as `run` does; with `check=False` the status is the caller's to look at, and `complain` hears what git said
        to standard error if it failed. `told` hears the lines of that as they come, those of progress, too.
        """
        repository = {"GIT_DIR": str(path)} if path else {}
        process = await asyncio.create_subprocess_exec(
            *prefix,
            "git",
            *arguments,
            cwd=path,
            env=self.environment | repository | dict(environment or {}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=READ_SIZE,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        assert process.stderr  # noqa: S101 -- a pipe, as asked for
        stderr = asyncio.ensure_future(_capped(process.stderr, told))
        try:
            async with asyncio.timeout(timeout):
                yield process
                status = await process.wait()
        except BaseException as error:
            await _end(process)
            if isinstance(error, TimeoutError):
                raise GitError(arguments, -1, f"not done after {timeout} s") from None
            raise
        finally:
            message = await _at_last(stderr)
        if status and complain:
            complain(message)
        if check and status:
            raise GitError(arguments, status, message)

    async def read(self, path: Path, function: Callable[..., T], *arguments: Any) -> T:
        """`function(repository, *arguments)` in the libgit2 executor, with a pygit2 Repository of `path`.

        The repository must not leave the function; plain values come out. Short work only: libgit2 holds the interpreter lock.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, _with_repository, str(path), function, arguments
        )

    async def look_up(self, path: Path, function: Callable[..., T], *arguments: Any) -> T:
        """As `read`; where libgit2 does not know the repository's object ids, `git cat-file` stands in for it (`CatFile`).

        For functions that read whole objects by their ids, and nothing else of pygit2.
        """
        try:
            return await self.read(path, function, *arguments)
        except UnreadableRepository as error:
            if "object format" not in error.message and "objectformat" not in error.message:
                raise
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, _with_git, str(path), self.environment | AS_NAMED, function, arguments
            )

    def read_here(self, path: Path, function: Callable[..., T], *arguments: Any) -> T:
        """As `read`, but in this thread: for what is sure to take less time than to wake another one up, a fraction of a millisecond."""
        return _with_repository(str(path), function, arguments)

    async def warm(self) -> None:
        """Load libgit2 now, beside whatever else goes on, so that the first page does not wait for it."""
        await asyncio.get_running_loop().run_in_executor(self._executor, _libgit2)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        if sys.version_info < (3, 12):  # it belongs to this event loop; the next one in this process needs its own
            asyncio.set_child_watcher(None)  # type: ignore[arg-type]  # None takes it away


def _with_repository(path: str, function: Callable[..., T], arguments: Sequence[Any]) -> T:
    repository = _open(path)
    try:
        return function(repository, *arguments)
    finally:
        repository.free()


def _with_git(path: str, environment: Mapping[str, str], function: Callable[..., T], arguments: Sequence[Any]) -> T:
    from gitperch.git.cat_file import CatFile

    repository = CatFile(path, environment)
    try:
        return function(repository, *arguments)
    finally:
        repository.free()


@functools.cache
def _libgit2() -> ModuleType:
    import pygit2  # late: 11 MB that a command which reads no object does not need

    pygit2.settings.cache_max_size(8 << 20)
    # Every object read would be hashed again, at twice the cost of reading it; damage on disk is seen by zlib's checksums.
    pygit2.settings.enable_strict_hash_verification(False)
    return pygit2


def _open(path: str) -> LibgitRepository:
    pygit2 = _libgit2()
    try:
        repository: LibgitRepository = pygit2.Repository(path)
    except pygit2.GitError as error:
        why = str(error).rpartition(": ")[2]
        raise UnreadableRepository(
            f"The objects of this repository cannot be shown here: libgit2 says “{why}”. Clone, fetch and push work as ever."
        ) from None
    return repository


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    try:
        if data:
            stdin.write(data)
            await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # git ended before it had read everything; its status says why
    finally:
        stdin.close()


async def _at_last(stderr: asyncio.Future[str]) -> str:
    """What the process said, if nothing that it left behind keeps the pipe open."""
    try:
        return await asyncio.wait_for(stderr, GRACE_SECONDS)
    except TimeoutError:
        return ""


async def _capped(stream: asyncio.StreamReader, told: Callable[[str], None] | None = None) -> str:
    """Everything a stream says, of which the first `STDERR_LIMIT` bytes are kept; `told` hears its lines."""
    kept = bytearray()
    while chunk := await stream.read(READ_SIZE):
        kept += chunk[: STDERR_LIMIT - len(kept)]
        if told:  # git writes each of these lines at once
            for line in chunk.decode("utf-8", "replace").replace("\r", "\n").split("\n"):
                told(line)
    return kept.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), GRACE_SECONDS)
        except TimeoutError:
            continue
        break
