"""Small apps that previews run, and a look at what becomes of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from support.server import GIT_ENVIRONMENT, Server, commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Answers every path with its text; /id with what no other process says, /env?NAME with a variable, /exit ends it.
APP = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/exit":
            os._exit(3)
        text = {"/id": ID, "/env": os.environ.get(query, "")}.get(path, TEXT)
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

ID = os.urandom(8).hex()
print("hello from", TEXT, flush=True)
Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
QUICK = {
    "GITPERCH_PREVIEWS_DISK_FREE": "1m",
    "GITPERCH_PREVIEWS_START_SECONDS": "40",
}


def app(text: str, *, before: str = "", build: str = "", toml: str = "") -> dict[str, str | bytes]:
    """The files of an app that answers with `text`. `before` is Python that runs first, `build` a line for the shell."""
    settings = f"[preview]\ncommand = 'python3 app.py'\nbuild = {json.dumps(build)}\n{toml}"
    return {"app.py": f"TEXT = {text!r}\n{before}\n{APP}", "gitperch.toml": settings}


def wait(found: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    """The first true thing that `found()` says."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def held() -> Iterator[str]:
    """What a build or an app runs, in a shell, to wait for the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as gate:
        address = gate.getsockname()
        yield f"python3 -c 'import socket; socket.create_connection({json.dumps(address)}).recv(1)' 2>/dev/null || true"


class Site:
    """One repository of a server, and a work tree to push from."""

    def __init__(self, server: Server, folder: Path, name: str, visibility: str = "--public") -> None:
        self.server = server
        self.name = name
        self.work = folder / name
        self.remote = server.remote(f"{server.admin}/{name}")
        server.cli("repo", "add", f"{server.admin}/{name}", visibility)

    def push(self, files: dict[str, str | bytes], branch: str = "main", *options: str) -> str:
        """Commit `files` and push them as `branch`; the new commit."""
        oid = commit(self.work, files, f"{branch} {time.monotonic()}")
        self.server.git("push", *options, self.remote, f"+HEAD:refs/heads/{branch}", cwd=self.work)
        return oid

    def said(self, files: dict[str, str | bytes], branch: str = "main") -> str:
        """What a person at a terminal reads of a push."""
        commit(self.work, files, f"{branch} {time.monotonic()}")
        command = f"git push {self.remote} +HEAD:refs/heads/{branch}"
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            cwd=self.work,
            env=GIT_ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout.replace("\r", "")

    def delete(self, branch: str) -> None:
        self.server.git("push", self.remote, f":refs/heads/{branch}", cwd=self.work)

    @property
    def api(self) -> str:
        return f"/api/repos/{self.server.admin}/{self.name}/previews"

    def previews(self) -> dict[str, dict[str, Any]]:
        answer = self.server.get(self.api, user=self.server.admin)
        assert answer.status == 200, answer.text
        return {each["branch"]: each for each in answer.json()["previews"]}

    def act(self, action: str, branch: str = "main") -> dict[str, Any]:
        answer = self.server.request("POST", f"{self.api}/{quote(branch)}/{action}", user=self.server.admin, body=b"")
        assert answer.status == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def state(self, branch: str = "main") -> str:
        return str(self.previews().get(branch, {}).get("state", ""))

    def until(self, state: str, branch: str = "main", oid: str = "", seconds: float = 90.0) -> dict[str, Any]:
        """The preview as soon as it has this state, with this commit if one is given."""
        seen: dict[str, Any] = {}

        def found() -> bool:
            seen.clear()
            seen.update(self.previews().get(branch, {}))
            return seen.get("state", "") == state and (not oid or seen["oid"] == oid)

        try:
            wait(found, f"{branch} {state}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen}\n{self.log(seen)}\n{self.server.log[-3000:]}") from None
        return seen

    def log(self, preview: dict[str, Any]) -> str:
        found = list((self.server.data / "plugins/preview/logs").glob(f"*/{preview.get('deployment')}.log"))
        return found[0].read_text() if found else ""

    def url(self, branch: str = "main") -> str:
        return str(self.previews()[branch]["url"])

    def another(self, before: str, branch: str = "main") -> str:
        """What the process at the preview's address says of itself, once that is another one than `before`."""

        def found() -> str:
            answer = self.server.get(self.url(branch) + "id", headers={"Accept": "text/plain"})
            # Whoever asks in the moment of its end may be told that it gave no answer.
            return answer.text if answer.status == 200 and answer.text != before else ""

        return str(wait(found, "another process"))

    def text(self, path: str = "", branch: str = "main") -> str:
        """What the preview's address answers, once it does."""
        answer = self.server.get(self.url(branch).rstrip("/") + "/" + path, headers={"Accept": "text/plain"})
        assert answer.status == 200, (answer.status, answer.text[:1000])
        return answer.text


def processes(server: Server) -> dict[int, int]:
    """Every process of a server's apps, and the deployment that it is of."""
    marker = b"GITPERCH_DEPLOYMENT="
    path = server.data / "plugins/preview/process"
    folder = f"gitperch-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    found = {}
    for each in Path("/proc").iterdir():
        if not each.name.isdecimal():
            continue
        try:
            environment = (each / "environ").read_bytes().split(b"\0")
            over = (each / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            continue
        mine = next((value.removeprefix(marker).decode() for value in environment if value.startswith(marker)), "")
        if mine.startswith(f"{folder}.") and not over:
            found[int(each.name)] = int(mine.split(".")[1])
    return found


def running(server: Server) -> list[int]:
    """The deployment of each app that runs; one that runs twice is there twice."""
    found = []
    for pid, deployment in processes(server).items():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"python3\0app.py"):
                found.append(deployment)
    return sorted(found)


def checkouts(server: Server) -> set[str]:
    """The deployments that have something on the disk."""
    folder = server.data / "plugins/preview/process/checkouts"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
