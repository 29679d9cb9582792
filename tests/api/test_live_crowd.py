"""A thousand open pages: each message is made once for all, and a page takes little memory."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from websockets.sync.client import connect

from gitperch_graph.events import GraphChanged
from gitperch_live.hub import Hub
from gitperch_live.mailbox import letter
from support.server import Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gitperch_live.mailbox import Letter


@dataclass(eq=False)
class Page:
    letters: list[Letter] = field(default_factory=list)

    def offer(self, item: Letter) -> None:
        self.letters.append(item)

    def doubt(self) -> None: ...
    def leave(self) -> None: ...


def test_the_message_is_made_once_for_a_thousand_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr("gitperch_live.hub.letter", lambda *a, **k: made.append(a) or letter(*a, **k))  # type: ignore[func-returns-value]
    hub, pages = Hub(), [Page() for _ in range(1000)]
    rooms = [hub.listening(1, page) for page in pages]
    for room in rooms:
        room.__enter__()
    hub.publish(GraphChanged(repo_id=1, id=7, generation="g", total=3, added=1, refs=[]))
    hub.publish(GraphChanged(repo_id=2, id=8, generation="g", total=3, added=1, refs=[]))
    assert len(made) == 1
    assert {id(letter) for page in pages for letter in page.letters} == {id(pages[0].letters[0])}
    assert all(len(page.letters) == 1 for page in pages)


def test_messages_are_not_packed_since_that_takes_memory_for_each_page(server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "work", {"a": "1"})
    server.cli("repo", "add", "alice/open", "--public", "--from", str(tmp_path / "work" / ".git"))
    with socket.create_connection(("127.0.0.1", server.port)) as page:
        page.sendall(
            f"GET /api/repos/alice/open/live HTTP/1.1\r\nHost: localhost:{server.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        answer = page.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-extensions" not in answer.lower()


def test_a_page_hears_after_a_restart_what_it_missed_before_and_meanwhile(own_server: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "1"})
    own_server.cli("repo", "add", "alice/open", "--public", "--from", str(work / ".git"))
    own_server.git("remote", "add", "origin", own_server.remote("alice/open"), cwd=work)
    address = f"ws://localhost:{own_server.port}/api/repos/alice/open/live"
    own_server.get("/api/repos/alice/open/graph")
    with connect(address) as page:
        seen = json.loads(page.recv(60))["id"]
    before = commit(work, {"a": "2"})
    own_server.git("push", "--quiet", "origin", "HEAD:main", cwd=work)
    own_server.stop()
    meanwhile = commit(work, {"a": "3"})
    assert (
        git("push", "--quiet", str(own_server.data / "repositories" / "1.git"), "HEAD:main", cwd=work).returncode == 0
    )
    own_server.start()
    told: list[list[str]] = []
    with connect(f"{address}?after={seen}") as page:
        while not told or told[-1][2] != meanwhile:
            message = json.loads(page.recv(60))
            if message["type"] == "graph.changed":
                told += message["refs"]
    assert [new for _, _, new in told][-2:] == [before, meanwhile]
