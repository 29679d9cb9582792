"""The gateway to apps behind previews, beside nginx and Caddy as reverse proxies for the same app, each on one core."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.servers import GIT, Gitperch, answers, free_port, program
from contrib.bench.table import SideBySide

if TYPE_CHECKING:
    from pathlib import Path

BRANCH, LARGE = "app", 64 << 20
ROUNDS, SECONDS, CONNECTIONS = 5, 4, 32
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}

# One worker each, as one core is what they get. The app is an nginx of its own, so that it is never what is waited for.
_APP = """{user}daemon off; pid {folder}/app.pid; error_log {folder}/app.error; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/app-body; proxy_temp_path {folder}/app-proxy;
  fastcgi_temp_path {folder}/app-fastcgi; uwsgi_temp_path {folder}/app-uwsgi; scgi_temp_path {folder}/app-scgi;
  server {{
    listen 127.0.0.1:{app}; root {folder};
    location = / {{ default_type text/plain; return 200 "Hello, world.\\n"; }}
  }}
}}
"""
_NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.error; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream app {{ server 127.0.0.1:{app}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host; proxy_buffering off;
    }}
  }}
}}
"""
_CADDY = """{{
	admin off
	auto_https off
}}
:{port} {{
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:{app}
}}
"""


@dataclass(frozen=True)
class Side:
    """A server that is asked, by the name `host`; `pids` and their children are its processes."""

    port: int
    host: str
    pids: list[int]


class _Served(Gitperch):
    """A server with one preview that an app answers for."""

    def __init__(self, data: Path, app: int) -> None:
        super().__init__(data, settings={"PYTHONPATH": os.pathsep.join(sys.path)})
        self.program = ("-m", "contrib.bench.place", str(app))


def bench(folder: Path, small: Path) -> None:
    """Print the table. `small` is a bare repository."""
    missing = [name for name in ("nginx", "caddy", "wrk") if not program(name)]
    if missing:
        print(f"The gateway is not measured: {', '.join(missing)} missing.")
        return
    folder.mkdir()
    app, nginx, caddy = (free_port() for _ in range(3))
    (folder / "large").write_bytes(b"x" * LARGE)
    for name, text, port in (("app.conf", _APP, 0), ("nginx.conf", _NGINX, nginx), ("Caddyfile", _CADDY, caddy)):
        user = "user root; " if os.geteuid() == 0 else ""  # who may read the folder
        (folder / name).write_text(text.format(folder=folder, app=app, port=port, user=user))
    server = _Served(folder / "data", app)
    server.cli("repo", "add", "bench/small", "--public", "--from", str(small))
    running: list[subprocess.Popen[bytes]] = []
    try:
        running += [
            _spawn(folder, "nginx", "-p", str(folder), "-c", str(folder / name)) for name in ("app.conf", "nginx.conf")
        ]
        running.append(_spawn(folder, "caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")))
        server.start()
        _push(server, small)
        for port in (app, nginx, caddy):
            while not answers(f"http://127.0.0.1:{port}/"):
                if any(process.poll() is not None for process in running):
                    raise RuntimeError((folder / "log").read_text())
                time.sleep(0.02)
        processes.pin([running[0].pid], {1})
        processes.pin([running[1].pid, running[2].pid, *server.pids()], {0})
        host = f"{BRANCH}-small.localhost:{server.port}"
        _rows(
            {
                "Gitperch": Side(server.port, host, server.pids()),
                "nginx": Side(nginx, "app", [running[1].pid]),
                "Caddy": Side(caddy, "app", [running[2].pid]),
            },
            Side(app, "app", []),
        )
    finally:
        server.stop()
        for process in running:
            process.terminate()
            process.wait(20)


def _rows(sides: dict[str, Side], app: Side) -> None:
    table = SideBySide(list(sides))
    measured: dict[str, dict[str, list[float]]] = {}

    def note(what: str, name: str, amount: float) -> None:
        measured.setdefault(what, {}).setdefault(name, []).append(amount)

    for _ in range(ROUNDS):
        for name, side in sides.items():
            before = processes.cpu_seconds(side.pids)
            rate, _, count = _wrk(side, CONNECTIONS, SECONDS)
            note("rate", name, rate)
            note("cpu", name, (processes.cpu_seconds(side.pids) - before) / count * 1e6)
        for name, side in {**sides, "app": app}.items():
            note("latency", name, _wrk(side, 1, 2)[1])
        for name, side in sides.items():
            before = processes.cpu_seconds(side.pids)
            note("large", name, _megabytes(side))
            note("large cpu", name, (processes.cpu_seconds(side.pids) - before) * 1000)
    median = {what: {name: statistics.median(all_) for name, all_ in by.items()} for what, by in measured.items()}
    of = {what: [by[name] for name in sides] for what, by in median.items()}
    added = [latency - median["latency"]["app"] for latency in of["latency"]]
    table.amounts(f"small answers on one core, {CONNECTIONS} connections", of["rate"], "a second", more_is_better=True)
    table.amounts("the same, CPU time of each", of["cpu"], "µs")
    table.amounts("added to the app's own latency, one request at a time, p50", added, "ms")
    table.amounts(f"an answer of {LARGE >> 20} MB", of["large"], "MB/s", more_is_better=True)
    table.amounts("the same, CPU time", of["large cpu"], "ms")


def _wrk(side: Side, connections: int, seconds: int) -> tuple[float, float, int]:
    """Requests a second, the median latency in ms, and how many requests there were. Raises where an answer was no success."""
    command = ["taskset", "-c", "1", "wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["-H", f"Host: {side.host}", f"http://127.0.0.1:{side.port}/"]
    said = subprocess.run(command, env=GIT, text=True, check=True, stdout=subprocess.PIPE).stdout
    rate, p50 = re.search(r"Requests/sec: +([\d.]+)", said), re.search(r"50% +([\d.]+)(us|ms|s)", said)
    count = re.search(r"(\d+) requests in", said)
    if not rate or not p50 or not count or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk says: {said}")
    return float(rate[1]), float(p50[1]) * _UNITS[p50[2]], int(count[1])


def _megabytes(side: Side) -> float:
    """MB/s of the large answer."""
    command = ["taskset", "-c", "1", "curl", "--silent", "--fail", "--output", "/dev/null"]
    command += ["--write-out", "%{speed_download}", "--header", f"Host: {side.host}"]
    address = f"http://127.0.0.1:{side.port}/large"
    done = subprocess.run([*command, address], env=GIT, text=True, check=True, stdout=subprocess.PIPE)
    return float(done.stdout) / (1 << 20)


def _spawn(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    environment = GIT | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _push(server: Gitperch, small: Path) -> None:
    """The branch is there, and has its address."""
    tip = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=small, env=GIT, text=True, check=True, stdout=subprocess.PIPE
    ).stdout
    command = ["git", "push", "--quiet", server.push_url("small"), f"{tip.strip()}:refs/heads/{BRANCH}"]
    subprocess.run(command, cwd=small, env=GIT, check=True, stderr=subprocess.DEVNULL)
