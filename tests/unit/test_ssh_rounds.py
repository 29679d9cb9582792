"""Where one request ends and the next begins in what a client sends, however it comes in pieces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.accounts.access import Viewer
from gitperch.errors import BadRequest
from gitperch.ssh.commands import Command
from gitperch.ssh.rounds import Rounds
from gitperch.transport.body import ClientGone
from gitperch.transport.packets import packet

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LS_REFS = packet(b"command=ls-refs\n") + b"0001" + packet(b"peel\n") + b"0000"
FETCH = packet(b"command=fetch") + b"0001" + packet(b"want " + b"1" * 40 + b"\n") + packet(b"done\n") + b"0000"


class Line:
    """A session as far as rounds use one: what comes is given beforehand, then it ends, or breaks off."""

    def __init__(self, pieces: list[bytes], *, breaks: bool = False) -> None:
        self.pieces = pieces
        self.breaks = breaks
        self.sent = b""

    async def read(self) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        if self.breaks:
            raise ClientGone
        return b""

    async def write(self, data: bytes) -> None:
        self.sent += data

    async def gone(self) -> None:
        raise ClientGone


class Transport:
    """Keeps the requests, and answers each with `answer`."""

    def __init__(self, answer: bytes = b"000bfine\n0000") -> None:
        self.answer = answer
        self.heard: list[tuple[str, str, bytes]] = []
        self.broke = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            self.broke = message["type"] == "http.disconnect"
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.heard.append((scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for at in range(0, len(self.answer), 3):
            await send({"type": "http.response.body", "body": self.answer[at : at + 3], "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def run(line: Line, transport: Transport, service: str = "git-upload-pack") -> int:
    session: Any = line
    rounds = Rounds(transport, Command(service, "a", "b"), Viewer(), "::1", "version=2", session, print, 10.0)
    return asyncio.run(rounds.push() if service == "git-receive-pack" else rounds.fetches())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
@pytest.mark.parametrize("end", [b"", b"0000"])
def test_each_command_is_a_request_however_it_is_cut(size: int, end: bytes) -> None:
    stream = LS_REFS + FETCH + LS_REFS + end
    line, transport = Line([stream[at : at + size] for at in range(0, len(stream), size)]), Transport()
    assert run(line, transport) == 0
    path = "/a/b.git/git-upload-pack"
    assert transport.heard == [
        ("GET", "/a/b.git/info/refs", b""),
        ("POST", path, LS_REFS),
        ("POST", path, FETCH),
        ("POST", path, LS_REFS),
    ]
    assert line.sent == transport.answer * 4


def test_an_answer_that_is_cut_short_ends_the_session_with_an_error() -> None:
    assert run(Line([LS_REFS, FETCH]), transport := Transport(b"000bfine\n")) == 128
    assert len(transport.heard) == 2


def test_a_command_that_breaks_off_is_never_whole() -> None:
    for breaks in (False, True):
        transport = Transport()
        line = Line([FETCH[:-4]], breaks=breaks)
        if breaks:
            with pytest.raises(ClientGone):
                run(line, transport)
        else:
            run(line, transport)
        assert transport.broke


def test_what_is_no_packet_is_refused() -> None:
    with pytest.raises(BadRequest):
        run(Line([b"GET / HTTP/1.1\r\n\r\n"]), Transport())


@pytest.mark.parametrize("nothing", [[], [b"0000"], [b"00", b"00"]])
def test_a_push_of_nothing_is_no_request(nothing: list[bytes]) -> None:
    assert run(Line(nothing), transport := Transport(), "git-receive-pack") == 0
    assert [method for method, _, _ in transport.heard] == ["GET"]


@pytest.mark.parametrize("breaks", [True, False])
def test_a_push_is_all_that_comes_and_its_end_is_told_even_if_it_broke_off(breaks: bool) -> None:
    pieces = [b"00", b"99old new ref", b"0000", b"PACK\0\0"]
    whole = b"".join(pieces)
    transport = Transport()
    assert run(Line(pieces, breaks=breaks), transport, "git-receive-pack") == 0
    assert transport.heard[1] == ("POST", "/a/b.git/git-receive-pack", whole)
    assert not transport.broke


def test_what_http_alone_has_before_the_refs_is_left_out() -> None:
    refs = b"001f# service=git-receive-pack\n0000" + b"00beginning"
    line, transport = Line([]), Transport()

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": refs})

    session: Any = line
    asyncio.run(Rounds(whole, Command("git-receive-pack", "a", "b"), Viewer(), "", "", session, print, 10.0).push())
    assert line.sent == b"00beginning"
    assert not transport.heard
