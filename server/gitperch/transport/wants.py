"""Only what a repository shows may be wanted, in protocol v2 as in the older ones.

There, `git upload-pack` sends a commit that is not a ref's if it is reachable from one (`uploadpack.allowReachableSHA1InWant`). In
version 2 it sends whatever it has to those who know the oid: what was pushed away by force, and what only hidden refs reach.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from gitperch.git import names
from gitperch.git.process import AS_NAMED
from gitperch.transport import packets

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterable, AsyncIterator, Collection
    from pathlib import Path
    from types import TracebackType

    from gitperch.git import Git

_SHOWN = ("--not", f"--exclude={names.HIDDEN_REFS}*", "--all")
_SECONDS = 120.0
_WANT = b"want "
_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class NotShownError(Exception):
    """A request wants what no ref that is shown reaches. `oid` is the first such commit, b"" where it is not a commit's."""

    def __init__(self, oid: bytes = b"") -> None:
        self.oid = oid


class Wants:
    """Looks at a request on its way to git. A context manager: the process that it may need ends with it.

    Commits are looked for, and those that tags point to. A file or folder by its oid is what lazy fetches ask for; git gives those out
    in every version.
    """

    def __init__(self, git: Git, path: Path, tips: Collection[bytes]) -> None:
        """`tips` are oids, in hex, that may be wanted without a further look."""
        self._git = git
        self._path = path
        self._tips = tips
        self._stack = AsyncExitStack()
        self._looking: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def checked(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """`body`, whose first flush packet is held back until all that is wanted is known to be shown. Raises NotShownError.

        git says nothing before it has that, and takes no second request.
        """
        ahead = b""  # what has come of a packet that is not all here yet
        ended = False
        async for chunk in body:
            ahead += chunk
            at, wanted = 0, []
            while not ended and at + (size := packets.size(ahead, at)) <= len(ahead):
                ended = ahead[at : at + 4] == packets.FLUSH
                if ahead.startswith(_WANT, at + 4):
                    wanted.append(ahead[at + 9 : at + size].removesuffix(b"\n").lower())
                at += size
            await self._look([oid for oid in wanted if oid not in self._tips])
            if ended:
                await self._found()
                at = len(ahead)
            yield ahead[:at]
            ahead = ahead[at:]
        yield ahead

    async def _look(self, oids: list[bytes]) -> None:
        """Have git look for these as well."""
        if not oids:
            return
        if not all(map(_OID.fullmatch, oids)):
            raise NotShownError
        if not self._looking:
            looking = self._git.stream(
                "rev-list",
                "--stdin",
                "--max-count=1",
                *_SHOWN,
                path=self._path,
                environment=AS_NAMED,
                timeout=_SECONDS,
                check=False,
            )
            self._looking = await self._stack.enter_async_context(looking)
        assert self._looking.stdin  # noqa: S101 -- a pipe, as `stream` makes it
        try:
            self._looking.stdin.write(b"".join(b"%s\n" % oid for oid in oids))
            await self._looking.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # one of them is not there at all; the status will say so

    async def _found(self) -> None:
        looking, self._looking = self._looking, None
        if not looking:
            return
        assert looking.stdin  # noqa: S101 -- pipes, as above
        assert looking.stdout  # noqa: S101
        looking.stdin.close()
        if (found := await looking.stdout.read()) or await looking.wait():
            raise NotShownError(found.strip())
