"""The real Caddy with the Caddyfile at the top of this project, in front of a running server."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.server import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CADDYFILE = Path(__file__).parents[2] / "Caddyfile"
HOST, PREVIEWS = "git.localhost", "pages.localhost"


@dataclass
class Front:
    """Caddy on `port`, in front of `server`. Every name below localhost is this machine."""

    server: Server
    scheme: str
    port: int
    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate of Caddy's own authority."""
        return self.folder / "caddy/pki/authorities/local/root.crt"

    def trusted(self) -> ssl.SSLContext:
        """Trusts that authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority.exists():
            context.load_verify_locations(self.authority)
        return context

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def get(self, host: str, path: str = "/", **headers: str) -> tuple[int, str]:
        """Raises OSError where there is no connection, ssl.SSLError where it is not to be trusted."""
        sent = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if self.scheme == "https":
            connection.sock = self.trusted().wrap_socket(self.connected(), server_hostname=host)
        try:
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@contextmanager
def in_front_of_a_server(
    folder: Path, *, certificates: str, caddy: str = "caddy", way: str = "address", **settings: str
) -> Iterator[Front]:
    """A server and a Caddy of its own, with `certificates` as the Caddyfile has them; `way`: how it goes there."""
    port, scheme = free_port(), "http" if certificates == "none" else "https"
    server = Server(
        folder / "data",
        settings={
            "GITPERCH_BASE_URL": f"{scheme}://{HOST}:{port}",
            "GITPERCH_PREVIEW_DOMAIN": PREVIEWS,
            **(
                {"GITPERCH_PROXY_SOCKET": str(folder / "p")}
                if way == "socket"
                else {"GITPERCH_TRUSTED_PROXIES": "127.0.0.1"}
            ),
            **settings,
        },
    )
    server.start()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "CADDY_SCHEME": scheme,
        "CADDY_CERTIFICATES": certificates,
        "CADDY_HOST": HOST,
        "CADDY_PREVIEW_DOMAIN": PREVIEWS,
        "CADDY_PORT": str(port),
        "CADDY_UPSTREAM": f"127.0.0.1:{server.port}",
        **({"CADDY_WAY": "socket", "CADDY_SOCKET": str(folder / "p")} if way == "socket" else {}),
        "CADDY_ADMIN": "off",
        # The usual ports and this machine's own list of authorities are not a test's to take.
        "CADDY_OPTIONS": "auto_https disable_redirects\nskip_install_trust",
    }
    with (folder / "caddy.log").open("w") as log:
        command = [caddy, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    front = Front(server, scheme, port, folder)
    try:
        _wait(front, process, folder / "caddy.log")
        yield front
    finally:
        process.terminate()
        process.wait(60)
        server.stop()


def _wait(front: Front, caddy: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            assert front.get(HOST, "/healthz") == (200, "ok\n")
        except OSError:
            assert caddy.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return
