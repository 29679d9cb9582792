"""Clones and fetches. Whatever can be answered without a process is; the rest is `git upload-pack`'s, streamed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.git.listing import Listings
from gitperch.transport import fetch_request, ls_refs, packets
from gitperch.transport.relay import beside, feed, relay

if TYPE_CHECKING:
    from gitperch.git import Git
    from gitperch.transport.answer import Answer
    from gitperch.transport.body import Body
    from gitperch.transport.fetch_request import FetchRequest
    from gitperch.transport.opened import Opened

_LOOKED_AT = 64 << 10  # bytes; a longer request is git's to answer


class Uploads:
    def __init__(self, git: Git) -> None:
        self._git = git
        self._listings = Listings(git)

    async def answer(self, opened: Opened, body: Body, answer: Answer, protocol: str) -> None:
        """Answer one POST to `git-upload-pack`. `protocol` is the Git-Protocol header."""
        if protocol == "version=2" and opened.plain:
            asked = await body.whole(_LOOKED_AT)
            command = packets.command(asked) if asked else None
            if asked and command and await self._answered(opened, command, asked, answer):
                return
        async with self._git.children.turn(opened.client):
            await self._by_git(opened, body, answer, protocol)

    async def _answered(self, opened: Opened, command: packets.Command, asked: bytes, answer: Answer) -> bool:
        """Whether the request could be answered without a process of its own."""
        if listing_request := ls_refs.parse(command):
            listing = await self._listings.of(opened.path)
            if not listing:
                return False
            if len(listing.entries) > ls_refs.AT_ONCE:
                listed = await asyncio.to_thread(ls_refs.answer, listing_request, listing)
            else:
                listed = ls_refs.answer(listing_request, listing)
            if listed is not None:
                await answer.whole(listed)
            return listed is not None
        if request := fetch_request.parse(command):
            return await self._fetched(opened, request, asked, answer)
        return False

    async def _fetched(self, opened: Opened, request: FetchRequest, asked: bytes, answer: Answer) -> bool:
        return False

    async def _by_git(self, opened: Opened, body: Body, answer: Answer, protocol: str) -> None:
        git = self._git.stream(
            "upload-pack",
            "--stateless-rpc",
            str(opened.path),
            environment={**opened.environment, **({"GIT_PROTOCOL": protocol} if protocol else {})},
            timeout=self._git.settings.request_seconds,
            check=False,
        )
        # A client that goes away ends the block, and with it git's process group.
        async with git as process, beside(feed(body, process, body.gone)):
            await relay(process, answer)
        await answer.end()
