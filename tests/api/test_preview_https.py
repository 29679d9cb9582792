"""git and previews over HTTPS: the real Caddy, with certificates of its own authority, made when they are first needed."""

from __future__ import annotations

import shutil
import ssl
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from support.caddy import HOST, PREVIEWS, Front, in_front_of_a_server
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed (apt install caddy)")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with in_front_of_a_server(tmp_path_factory.mktemp("https"), certificates="internal") as front:
        front.server.cli("repo", "add", "alice/thing", "--public")
        commit(front.folder / "work", {"index.html": "first"})
        yield front


def remote(front: Front) -> tuple[str, str]:
    """Options and the address for git, which trusts Caddy's authority and nobody else."""
    return (
        f"http.sslCAInfo={front.authority}",
        f"https://alice:{front.server.password}@{HOST}:{front.port}/alice/thing.git",
    )


def push(front: Front, page: str) -> str:
    """Push `page` as the index page of main; what the pusher reads."""
    commit(front.folder / "work", {"index.html": page})
    trust, address = remote(front)
    return front.server.git("-c", trust, "push", address, "main", cwd=front.folder / "work")


def test_a_push_and_a_clone_go_over_https_and_the_preview_is_there(front: Front, tmp_path: Path) -> None:
    said = push(front, "through https")
    assert f"https://main-thing.{PREVIEWS}:{front.port}/" in said
    assert front.get(f"main-thing.{PREVIEWS}") == (200, "through https")
    trust, address = remote(front)
    git("-c", trust, "clone", "-q", address, str(tmp_path / "clone"), cwd=tmp_path)
    assert (tmp_path / "clone/index.html").read_text() == "through https"


def test_row_28_no_certificate_is_made_for_a_name_that_is_not_there(front: Front) -> None:
    push(front, "here")
    for name in (f"nobody-thing.{PREVIEWS}", "evil.localhost"):
        with pytest.raises(ssl.SSLError):
            front.get(name)


def test_an_open_page_hears_of_ten_pushes_over_the_same_socket(front: Front) -> None:
    push(front, "before")
    address, origin = f"wss://{HOST}:{front.port}/api/repos/alice/thing/live", f"https://{HOST}:{front.port}"
    with connect(address, sock=front.connected(), ssl=front.trusted(), origin=Origin(origin)) as socket:
        for number in range(10):
            push(front, f"page {number}")
            while '"preview.changed"' not in str(socket.recv(60)):
                pass
