"""Clones and fetches. Whatever can be answered without a process is; the rest is `git upload-pack`'s, streamed."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from gitperch.transport import fetch_request, ls_refs, packets
from gitperch.transport.clones import Clones
from gitperch.transport.relay import beside, check_whole, feed, relay
from gitperch.transport.said import Said
from gitperch.transport.small_fetch import SmallFetches
from gitperch.transport.wants import NotShownError, Wants

if TYPE_CHECKING:
    from gitperch.git import Git
    from gitperch.git.listing import Listings
    from gitperch.transport.answer import Answer
    from gitperch.transport.body import Body
    from gitperch.transport.fetch_request import FetchRequest
    from gitperch.transport.opened import Opened

_SHORT = 2 << 10  # bytes of prefixes in a request that may come again
_LOOKED_AT = 256 << 10  # bytes; a longer request is git's to answer


def _request(asked: bytes) -> ls_refs.Request | FetchRequest | None:
    """What is asked in a body of protocol v2; None for what is git's to answer."""
    command = packets.command(asked)
    return (ls_refs.parse(command) or fetch_request.parse(command)) if command else None


_usual = functools.lru_cache(200)(_request)  # clients of a kind ask for the refs in the same words


class Uploads:
    def __init__(self, git: Git, listings: Listings) -> None:
        self._git = git
        self._listings = listings
        self._said = Said()
        self._clones = Clones(git)
        self.counters = self._clones.counters
        self._small = SmallFetches(git)

    async def answer(self, opened: Opened, body: Body, answer: Answer, protocol: str) -> None:
        """Answer one POST to `git-upload-pack`. `protocol` is the Git-Protocol header."""
        if protocol == "version=2" and opened.plain:
            asked = await body.whole(_LOOKED_AT)
            if asked and await self._answered(opened, asked, body, answer):
                return
        async with self._git.children.turn(opened.client):
            await self._by_git(opened, body, answer, protocol)

    async def _answered(self, opened: Opened, asked: bytes, body: Body, answer: Answer) -> bool:
        """Whether the request could be answered without a process of its own."""
        request = _usual(asked) if len(asked) < _SHORT else _request(asked)
        if isinstance(request, ls_refs.Request):
            return await self._listed(opened, request, answer)
        return request is not None and await self._fetched(opened, request, body, answer)

    async def _listed(self, opened: Opened, request: ls_refs.Request, answer: Answer) -> bool:
        listing = await self._listings.of(opened.path)
        if not listing:
            return False
        listed = self._said.again(opened.path, request, listing)
        if not listed:
            if len(listing.entries) > ls_refs.AT_ONCE:
                listed = await asyncio.to_thread(ls_refs.answer, request, listing)
            else:
                listed = ls_refs.answer(request, listing)
            if not listed:
                return False
            if sum(map(len, request.prefixes)) < _SHORT:
                self._said.remember(opened.path, request, listing, listed)
        await answer.whole(listed)
        return True

    async def _fetched(self, opened: Opened, request: FetchRequest, body: Body, answer: Answer) -> bool:
        listing = await self._listings.of(opened.path)
        if not listing:
            return False
        if not request.haves:
            return await self._clones.answer(opened, request, listing, answer, body.gone)
        if found := await self._small.answer(opened.path, request, listing):
            await answer.whole(found)
        return bool(found)

    async def _by_git(self, opened: Opened, body: Body, answer: Answer, protocol: str) -> None:
        git = self._git.stream(
            "upload-pack",
            "--stateless-rpc",
            str(opened.path),
            environment=opened.speaking(protocol),
            timeout=self._git.settings.request_seconds,
            check=False,
            complain=opened.complain,
        )
        guarded = opened.shown_only and "version=2" in protocol.split(":")  # the older versions' rule is git's own
        listing = await self._listings.of(opened.path) if guarded else None
        tips = {oid for entry in listing.entries for oid in (entry[0], entry[2])} if listing else set()
        try:
            async with Wants(self._git, opened.path, tips) as wants, git as process:
                request = wants.checked(body) if guarded else body
                # A client that goes away ends the block, and with it git's process group.
                async with beside(feed(request, process, body.gone)):
                    await relay(process, answer)
        except NotShownError as error:
            return await answer.whole(packets.packet(b"ERR upload-pack: not our ref " + error.oid))
        check_whole(process, answer, "upload-pack")
        return await answer.end()
