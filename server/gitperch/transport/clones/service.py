"""Clones, answered without computing them again. What is not understood here, and whatever is in doubt, is git's to answer."""

from __future__ import annotations

import logging
import tempfile
from collections import OrderedDict
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.git.admission import Admission
from gitperch.transport.clones import files, snapshot, virtual_pack
from gitperch.transport.clones.counters import Counters
from gitperch.transport.clones.planner import Planner
from gitperch.transport.clones.responses import BrokenError, Question, Responses
from gitperch.transport.packets import DELIMITER, FLUSH, packet
from gitperch.transport.relay import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from gitperch.git import Git
    from gitperch.git.listing import Listing
    from gitperch.transport.answer import Answer
    from gitperch.transport.clones.virtual_pack import VirtualPack
    from gitperch.transport.fetch_request import FetchRequest
    from gitperch.transport.opened import Opened

    Gone = Callable[[], Coroutine[Any, Any, None]]

log = logging.getLogger("gitperch.clones")

_REMEMBERED = 64
_AT_ONCE = 1 << 20  # bytes of an answer that are sent in one piece
_STREAMS = 64  # answers on their way: each holds about a megabyte while its client takes nothing
_WAIT_SECONDS = 600.0  # no process waits meanwhile


class Clones:
    """Answers fetches without haves in protocol v2. `counters` say what became of them."""

    def __init__(self, git: Git) -> None:
        """What is kept lies in files without names, in the folder `clones` beside git's configuration: it is gone with the server."""
        self.counters = Counters()
        ours = git.config_path.parent
        folder = ours / "clones" if ours.is_dir() else Path(tempfile.gettempdir())
        self._responses = Responses(git, folder, self.counters)
        self._planner = Planner(git, folder, self._responses.room, self.counters)
        self._visible: OrderedDict[Path, snapshot.Visible] = OrderedDict()
        self._streams = Admission(_STREAMS, _WAIT_SECONDS)

    async def answer(self, opened: Opened, request: FetchRequest, listing: Listing, answer: Answer, gone: Gone) -> bool:
        """Whether `request` was answered; otherwise nothing was sent. `listing` are the refs as they are now.

        `gone` raises ClientGone when the client leaves. Raises that, and Busy where no git process could begin.
        """
        if not request.done or request.haves or request.object_format != listing.object_format:
            return False
        if any(line.startswith(b"deepen-not ") for line in request.deepen):
            return False  # it names a ref, and which commit that is may change
        if request.filter and (not opened.filters or b"sparse" in request.filter or b"%" in request.filter):
            return False  # the second kind is described by a file, and what that says may change; the last may hide one
        visible = self._shown(opened.path, listing)
        identity = snapshot.identity(opened.path)
        if not identity or not visible.oids.issuperset(request.wants):
            return False
        async with self._streams.turn(opened.client):
            if request.full and (plan := await self._planner.plan(opened, request, visible)):
                return await self._send(*plan, answer, gone)
            question = _question(opened.path, identity, request, visible)
            return question is not None and await self._responses.answer(question, opened, answer, gone)

    async def _send(self, pack: VirtualPack, file: files.OpenFile, answer: Answer, gone: Gone) -> bool:
        pieces = virtual_pack.answer(pack, file)
        self.counters.virtual += 1
        self.counters.bytes_sent += pack.length
        try:
            if pack.length <= _AT_ONCE:
                await answer.whole(b"".join([piece async for piece in pieces]))
                return True
            answer.length(pack.length)
            # Closed here and now, and with it the file, if the client leaves in the middle.
            async with aclosing(pieces), beside(gone()):
                async for piece in pieces:
                    await answer.write(piece)
        except (virtual_pack.DamagedError, files.FileEndedError, OSError) as error:
            log.error("%s cannot be sent; run git fsck there: %r", pack.base.path, error)  # noqa: TRY400 -- it is not ours
            if not answer.begun:
                return False
            raise BrokenError from error
        await answer.end()
        return True

    def _shown(self, path: Path, listing: Listing) -> snapshot.Visible:
        """What `listing` shows; what was kept of the repository and is not shown any more is dropped."""
        known = self._visible.get(path)
        if known and known.listing is listing:
            return known
        visible = self._visible[path] = snapshot.Visible.of(listing)
        if not known or known.oids != visible.oids:
            self._responses.forget(path, visible.oids)
            self._planner.forget(path)
        if len(self._visible) > _REMEMBERED:
            self._visible.popitem(last=False)
        return visible


def _question(
    path: Path, identity: tuple[int, ...], request: FetchRequest, visible: snapshot.Visible
) -> Question | None:
    """What has to be asked of git; None where the answer may change while it is given."""
    flags = request.flags
    stamp = snapshot.tags(path) if visible.unasked(request) else ()
    if stamp is None:
        return None
    if not stamp:
        flags -= {b"include-tag"}  # all that it could bring is wanted anyway; without it no later tag can come along
    lines = [*flags, *request.deepen]
    lines += [b"want " + oid for oid in request.wants] + [b"shallow " + oid for oid in request.shallow]
    lines += [b"filter " + request.filter] if request.filter else []
    head = packet(b"command=fetch") + packet(b"object-format=" + request.object_format)
    body = head + DELIMITER + b"".join(packet(line + b"\n") for line in sorted(set(lines))) + FLUSH
    return Question(path, identity, frozenset(request.wants), body, stamp)
