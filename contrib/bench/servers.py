"""The servers that are measured, each in processes of its own on loopback: ours, and git's own CGI behind nginx."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "bench-password"
GIT = {
    "PATH": os.environ["PATH"] + ":/usr/sbin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Bench",
    "GIT_AUTHOR_EMAIL": "bench@example.com",
    "GIT_COMMITTER_NAME": "Bench",
    "GIT_COMMITTER_EMAIL": "bench@example.com",
}

NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_buffering off; fastcgi_request_buffering off;
      fastcgi_pass unix:{folder}/fcgi.sock;
    }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


class Gitperch:
    """`gitperch serve` on a data folder; `user` can sign in with PASSWORD."""

    user = "bench"

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        if not (data / "gitperch.db").exists():
            self.cli("user", "add", self.user, "--admin", "--password-stdin", stdin=PASSWORD)

    def cli(self, *arguments: str, stdin: str = "") -> str:
        command = [sys.executable, "-m", "gitperch", *arguments, "--data", str(self.data)]
        return subprocess.run(command, input=stdin, text=True, env=GIT, check=True, stdout=subprocess.PIPE).stdout

    def start(self) -> float:
        """Start it; seconds until the first answer."""
        began = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "gitperch",
            "serve",
            "--data",
            str(self.data),
            "--listen",
            f"127.0.0.1:{self.port}",
        ]
        with (self.data.parent / "gitperch.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=GIT, stdout=log, stderr=log)
        while not answers(f"http://127.0.0.1:{self.port}/healthz"):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {(self.data.parent / 'gitperch.log').read_text()}")
            time.sleep(0.002)
        return time.perf_counter() - began

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def memory(self) -> float:
        """Resident memory of the server's process, in MB."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def remote(self, name: str) -> str:
        return f"http://{self.user}:{PASSWORD}@localhost:{self.port}/{self.user}/{name}.git"


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[str | None]:
    """git http-backend behind nginx, serving the bare repositories in `root`; its URL, or None where nginx or fcgiwrap is missing."""
    path = GIT["PATH"]
    programs = [shutil.which(name, path=path) for name in ("nginx", "fcgiwrap")]
    if not all(programs):
        yield None
        return
    folder.mkdir(parents=True)
    port = free_port()
    backend = subprocess.run(
        ["git", "--exec-path"], env=GIT, text=True, check=True, stdout=subprocess.PIPE
    ).stdout.strip()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, root=root, backend=f"{backend}/git-http-backend"))
    environment = GIT | {"GIT_CONFIG_GLOBAL": str(folder / "gitconfig")}
    (folder / "gitconfig").write_text("[safe]\n\tdirectory = *\n")

    def run(*command: str) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)

    wrapper = run("fcgiwrap", "-c", "4", "-s", f"unix:{folder}/fcgi.sock")
    while not (folder / "fcgi.sock").exists():
        time.sleep(0.01)
    (folder / "fcgi.sock").chmod(0o777)
    server = run("nginx", "-c", str(config), "-p", str(folder), "-g", "user root;")
    try:
        while not answers(f"http://127.0.0.1:{port}/"):
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in (server, wrapper):
            os.killpg(process.pid, signal.SIGTERM)  # fcgiwrap leaves its children behind otherwise
            process.wait(10)
