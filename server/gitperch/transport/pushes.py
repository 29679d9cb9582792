"""Pushes: `git receive-pack`, streamed, with the server at the other end of its hook."""

from __future__ import annotations

import os
from contextlib import ExitStack, aclosing, suppress
from typing import TYPE_CHECKING

from gitperch.transport import commands
from gitperch.transport.body import ClientGone
from gitperch.transport.configuration import configured
from gitperch.transport.hooks_pipe import HookPipe
from gitperch.transport.packets import FLUSH, LARGEST, packet
from gitperch.transport.relay import beside, feed, relay

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gitperch.git import Git
    from gitperch.transport.answer import Answer
    from gitperch.transport.body import Body
    from gitperch.transport.hooks_pipe import Command, Receiver
    from gitperch.transport.opened import Opened

# What came is checked against the refs here. git would list them a second time, in a process of its own, since to a quarantine
# this repository is an alternate; it has no others.
_NO_ALTERNATES = {"core.alternateRefsCommand": "true"}
_NO_HOOKS = {"core.hooksPath": os.devnull}
# The check reads every tag to get at its commit. Branches are enough to tell what is here already, or nearly all of it, and what is
# hidden is left out (since git 2.39).
_BRANCHES_ALONE = {"receive.hideRefs": "refs/tags"}
# What came is indexed by all cores: somebody waits for it, as nobody does for packing in the background.
_THREADS = {"pack.threads": str(min(os.cpu_count() or 1, 4))}
_BAND = b"side-band-64k"  # the only one that git's receive-pack knows
_SMALL = 64 << 10  # bytes of a push that is looked at before git has it


async def receive(git: Git, opened: Opened, body: Body, answer: Answer, protocol: str) -> Following | None:
    """Relay one POST to `git receive-pack` and all of its answer but the end. When this returns, the receiver knows what has moved.

    Once all of it is here, a push is finished even if the client does not wait for the answer. What is returned is still to be told.
    """
    environment = opened.speaking(protocol)
    lines: list[bytes] = []
    ending = _AllButTheEnd(answer)
    with ExitStack() as stack:
        hooks = None
        if opened.receiver:
            if opened.ends and (foreseen := await _foreseen(opened.receiver, body)):
                branches = all(command.ref.startswith("refs/heads/") for command in foreseen)
                environment = configured(
                    environment, _NO_ALTERNATES | _NO_HOOKS | (_BRANCHES_ALONE if branches else {})
                )
            else:
                hooks = stack.enter_context(HookPipe(opened.receiver))
                environment = configured(environment, _NO_ALTERNATES | _THREADS) | hooks.environment
        receiving = git.stream(
            "receive-pack",
            "--stateless-rpc",
            str(opened.path),
            environment=environment,
            timeout=git.settings.request_seconds,
            pass_fds=hooks.inherited if hooks else (),
            check=False,
            complain=opened.complain,
        )
        passing = commands.bounded(body, lines)
        async with receiving as process, beside(feed(passing, process), *([hooks.serve()] if hooks else [])):
            await relay(process, ending, patient=True)
    said = b""
    following = None
    if opened.receiver:
        # Here rather than in a post-receive hook, whose shell would take longer than all that is done here.
        chosen, moved = commands.parsed(lines)
        told = await opened.receiver.after(moved)
        # git says that it wants to be left alone with progress where its standard error is no terminal.
        watched = b"quiet" not in chosen
        further = await opened.receiver.progress(watched=watched) if told and _BAND in chosen else None
        if further and not watched:
            told = [*told, *[line async for line in further]]
        elif further and ending.held == FLUSH and not ending.gone:
            following = Following(further, body, answer)
        said = _aside([*told, ""] if told and not following else told, chosen)
    if not ending.gone:
        with suppress(ClientGone):
            # In one piece with the end, which the client waits for.
            await answer.write((said if ending.held == FLUSH else b"") + (b"" if following else ending.held))
    return following


class Following:
    """Lines that a pusher at a terminal still waits for, and the end of git's answer behind them."""

    def __init__(self, lines: AsyncGenerator[str, None], body: Body, answer: Answer) -> None:
        self._lines = lines
        self._body = body
        self._answer = answer

    async def tell(self) -> None:
        """Pass them on as they come, until they end or the client leaves."""
        with suppress(ClientGone):
            async with aclosing(self._lines), beside(self._body.gone()):
                async for line in self._lines:
                    await self._answer.write(_banded([line]))
            await self._answer.write(_banded([""]) + FLUSH)


async def _foreseen(receiver: Receiver, body: Body) -> Sequence[Command]:
    """The commands of a push that is all here, if it can be seen to be allowed, so that git need not start a hook to ask."""
    came = await body.whole(_SMALL)
    if not came:
        return ()
    lines, pack = commands.split(came)
    chosen, moves = commands.parsed(lines)
    if not moves or b"push-options" in chosen:
        return ()  # of another kind, or with more before its pack
    return moves if receiver.foreseen(moves, pack) else ()


class _AllButTheEnd:
    """Passes on what git says but its last packet, so that something can be said before that."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.held = b""
        self.gone = False

    async def write(self, data: bytes) -> None:
        """Raises ClientGone."""
        data = self.held + data
        self.held = data[-len(FLUSH) :]
        if data := data[: -len(FLUSH)]:
            self.gone = True  # unless it takes this
            await self._answer.write(data)
            self.gone = False


def _aside(lines: Sequence[str], chosen: frozenset[bytes]) -> bytes:
    """Lines for the pusher, if it has a place for them; b"" where there is none."""
    return _banded(lines) if _BAND in chosen else b""


def _banded(lines: Sequence[str]) -> bytes:
    """Lines as the second side band has them (gitprotocol-pack(5))."""
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    size = LARGEST - 5
    return b"".join(packet(b"\x02" + text[at : at + size]) for at in range(0, len(text), size))
