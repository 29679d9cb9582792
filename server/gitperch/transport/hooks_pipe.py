"""How a hook speaks to the server: through two pipes that `git receive-pack` inherits and passes on.

A Python start in a hook would cost more than a small push; a few lines of shell and an inherited pipe cost two milliseconds.
See `hooks/` for the other end. Only what git cannot go on without is asked there: that refs have moved, the server sees by itself.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType

SCRIPTS = Path(__file__).parent / "hooks"
_LINE_LIMIT = 8 << 10


@dataclass(frozen=True)
class Command:
    """One ref that a push wants to move, or has moved. An oid of zeros means: absent."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        return not self.new.strip("0")


class Receiver(Protocol):
    """What a push is told by the server."""

    def foreseen(self, commands: Sequence[Command], pack: bytes) -> bool:
        """Whether it is certain that `before` would say yes, and nothing else, whatever git finds in this `pack`."""

    async def before(self, commands: Sequence[Command], quarantine: str) -> tuple[bool, Sequence[str]]:
        """Whether the refs may move, and lines for the pusher. `quarantine` is the folder of the objects that came."""

    async def after(self, commands: Sequence[Command] | None) -> Sequence[str]:
        """git is done, and these refs may have moved; None: any may. Lines for the pusher."""

    async def progress(self, *, watched: bool) -> AsyncGenerator[str, None] | None:
        """After `after`: more lines, as they come; None where there are none. `watched`: the client shows them to a person who waits."""


def install(folder: Path) -> None:
    """Write the hooks into `folder`, over whatever is there; other files go."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for script in SCRIPTS.iterdir():
        target = folder / script.name
        target.write_bytes(script.read_bytes())
        target.chmod(0o755)


class HookPipe:
    """The server's end for one receive-pack. A context manager: its descriptors are closed at the end."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._ask, self._ask_for_git = os.pipe()
        self._answer_for_git, self._answer = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in (self._ask, self._ask_for_git, self._answer_for_git, self._answer):
            os.close(descriptor)

    @property
    def environment(self) -> dict[str, str]:
        return {"HOOK_ASK": str(self._ask_for_git), "HOOK_ANSWER": str(self._answer_for_git)}

    @property
    def inherited(self) -> tuple[int, int]:
        return self._ask_for_git, self._answer_for_git

    async def serve(self) -> None:
        """Answer hooks until cancelled."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        file = os.fdopen(os.dup(self._ask), "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        try:
            while question := (await reader.readline()).decode("utf-8", "surrogateescape").rstrip("\n"):
                _, _, quarantine = question.partition(" ")
                allowed, lines = await self._receiver.before(await _commands(reader), quarantine)
                text = "".join(f" {line}\n" for line in lines) + ("ok\n" if allowed else "no\n")
                # A pipe holds 64 KiB, and the hook is reading.
                os.write(self._answer, text.encode("utf-8", "surrogateescape")[-(60 << 10) :])
        finally:
            transport.close()


async def _commands(reader: asyncio.StreamReader) -> list[Command]:
    commands = []
    while line := (await reader.readline()).decode("utf-8", "surrogateescape").rstrip("\n"):
        old, new, ref = line.split(" ", 2)
        commands.append(Command(old, new, ref))
    return commands
