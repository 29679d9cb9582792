"""The web server is put right from inside, so another one than was looked at must not be served with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from gitperch.cli import connections, short_way
from gitperch.config import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("place", "patch"),
    [
        ("hypercorn.asyncio.tcp_server.TCPServer._read_data", connections.end_with_their_clients),
        ("hypercorn.protocol.ws_stream.Handshake.accept", connections.send_messages_plain),
        ("hypercorn.protocol.ws_stream.WSStream._handle_events", connections.end_with_a_message_too_long),
        ("hypercorn.protocol.h11.H11Protocol._check_protocol", connections.never_change_to_http_2),
        ("hypercorn.protocol.h11.H11Protocol", connections.never_change_to_http_2),
        ("hypercorn.asyncio.tcp_server.TCPServer._idle_timeout", short_way.install),
    ],
)
def test_a_part_that_is_not_there_stops_the_start_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, place: str, patch: object
) -> None:
    assert callable(patch)
    monkeypatch.delattr(place)
    with pytest.raises(ConfigError) as caught:
        patch()
    assert place.removeprefix("hypercorn.").split(".", 2)[-1] in str(caught.value)
    assert f"hypercorn {version('hypercorn')} is built differently" in str(caught.value)
    assert "pip install" in str(caught.value)


def test_another_version_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "version", lambda _: "0.19.0")
    with pytest.raises(ConfigError, match=r"hypercorn 0\.19\.0 is built differently from 0\.18, .*made for\. Install"):
        connections.never_change_to_http_2()


def test_what_is_installed_what_is_locked_and_what_is_asked_for_are_the_version_that_was_looked_at() -> None:
    known = connections.HYPERCORN
    above = ".".join((known.split(".")[0], str(int(known.split(".")[1]) + 1)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert f"hypercorn>={known},<{above}" in project["project"]["dependencies"]
    for lock in ("requirements.lock", "requirements-dev.lock"):
        locked = re.search(r"^hypercorn==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
        assert locked
        assert locked[1].startswith(f"{known}.")
    assert version("hypercorn").startswith(f"{known}.")
