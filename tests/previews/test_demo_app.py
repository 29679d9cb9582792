"""The demo's app runs on each of its branches as soon as the server has started."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from support.previews import QUICK, wait
from support.server import Server

if TYPE_CHECKING:
    from pathlib import Path


def test_birds_come_to_the_birdhouse_by_day_and_by_night(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", settings=QUICK | {"GITPERCH_DEMO": "true"})
    try:
        server.start()

        def ready() -> dict[str, str]:
            answer = server.get("/api/repos/demo/birdhouse/previews")
            found = answer.json()["previews"] if answer.status == 200 else []
            return {each["branch"]: each["url"] for each in found if each["state"] == "ready"}

        wait(lambda: len(ready()) == 2, "both branches are ready")
        assert "Branch <code>main</code>" in server.get(ready()["main"]).text
        assert visitor(ready()["night"]) in ("Tawny owl", "Pipistrelle bat", "Nightjar", "Moth, by mistake")
    finally:
        server.stop()


def visitor(url: str) -> str:
    """Whoever comes next, as the preview at `url` tells it while it streams."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=20)
    connection.request("GET", "/visits", headers={"Host": address.netloc})
    line = connection.getresponse().readline()
    connection.close()
    return str(json.loads(line.removeprefix(b"data: "))["bird"])
