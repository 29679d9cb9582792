"""Row 20: a proxy on the same machine as apps that run there. Who may open its socket speaks in its name, and nobody else does."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
import warnings
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitperch.cli.proxy_socket import proxy_socket
from gitperch.config import ConfigError, load
from support.caddy import HOST, PREVIEWS, in_front_of_a_server
from support.server import Server, commit, free_port

if TYPE_CHECKING:
    from support.caddy import Front

APP = 1_900_000_007  # of the users that apps run as


def attempt(line: socket.socket, host: str, name: str, *more: str) -> int:
    """The status of a request with a wrong password."""
    credentials = b64encode(f"{name}:wrong".encode()).decode()
    path = "/alice/hidden.git/info/refs?service=git-upload-pack"
    head = [f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {credentials}\r\nConnection: close", *more]
    with line:
        line.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        said = b""
        while piece := line.recv(65536):
            said += piece
    return int(said.split()[1])


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed (apt install caddy)")
def test_caddy_is_believed_by_its_socket_and_an_app_on_the_machine_is_not(tmp_path: Path) -> None:
    with in_front_of_a_server(tmp_path, certificates="none", way="socket", GITPERCH_ACCOUNTS_FAILURES="2") as front:
        _all_works(front, tmp_path)

        def through_caddy(client: str, name: str) -> int:
            line = socket.create_connection(("127.0.0.1", front.port), 20, source_address=(client, 0))
            return attempt(line, f"{HOST}:{front.port}", name)

        assert [through_caddy("127.0.0.7", f"a{n}") for n in range(3)] == [401, 401, 429]
        assert through_caddy("127.0.0.8", "b") == 401
        # An app, at the port: whatever it claims, its failures are its own, and it cannot have another shut out.
        claims = [
            attempt(
                socket.create_connection(("127.0.0.1", front.server.port), 20),
                f"{HOST}:{front.port}",
                f"c{n}",
                f"X-Forwarded-For: 127.0.0.{9 + n % 2}",
            )
            for n in range(5)
        ]
        assert claims == [401, 401, 429, 429, 429]
        assert through_caddy("127.0.0.9", "d") == 401
    assert not (tmp_path / "p").exists()


def _all_works(front: Front, folder: Path) -> None:
    front.server.cli("repo", "add", "alice/thing", "--public")
    commit(folder / "work", {"index.html": "by a file"})
    address = f"http://{front.server.admin}:{front.server.password}@{HOST}:{front.port}/alice/thing.git"
    front.server.git("push", address, "main", cwd=folder / "work")
    assert front.get(f"main-thing.{PREVIEWS}:{front.port}") == (200, "by a file")
    front.server.git("clone", "-q", f"http://{HOST}:{front.port}/alice/thing.git", str(folder / "clone"))
    # Caddy asks for names by the address, and nobody through Caddy does.
    assert front.server.get(f"/preview-ask?domain=main-thing.{PREVIEWS}").status == 200
    assert front.get(HOST, f"/preview-ask?domain=main-thing.{PREVIEWS}")[0] == 404


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_apps_user_cannot_open_it_and_the_proxys_group_can() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gitperch-test-"))  # not below a folder that is one user's alone
    try:
        os.chown(folder, 0, APP + 1)
        folder.chmod(0o2750)
        path = folder / "p"
        with proxy_socket(str(path)) as listener:
            assert listener
            listener.listen()
            assert path.stat().st_mode & 0o7777 == 0o660
            assert path.stat().st_gid == APP + 1  # the folder's, as the guide has it made
            assert connecting(path, APP) == errno.EACCES
            assert connecting(path, APP + 1) == 0
            folder.chmod(0o2755)  # where everybody sees its name
            assert connecting(path, APP) == errno.EACCES
        assert not path.exists()
    finally:
        shutil.rmtree(folder)


def connecting(path: Path, group: int) -> int:
    """What connecting comes to as the user of an app, in `group`: 0, or the number of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads do not matter to what the child does
        child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(APP)
            os._exit(socket.socket(socket.AF_UNIX).connect_ex(str(path)))
        finally:
            os._exit(255)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_what_a_killed_server_left_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with proxy_socket(str(path)) as listener:
        assert listener
        listener.listen()
        with pytest.raises(ConfigError, match="Another server listens at"), proxy_socket(str(path)):
            pass
    path.write_text("something else")
    with pytest.raises(ConfigError, match="is no socket"), proxy_socket(str(path)):
        pass
    assert path.read_text() == "something else"
    for wrong in (tmp_path / "nowhere" / "p", tmp_path / ("p" * 200)):
        with pytest.raises(ConfigError, match="Name another file in proxy_socket"), proxy_socket(str(wrong)):
            pass


def test_a_path_that_depends_on_where_one_is_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"proxy_socket is 'p\.sock'; it has to be a whole path"):
        load({"data": tmp_path, "listen": f"127.0.0.1:{free_port()}"}, {"GITPERCH_PROXY_SOCKET": "p.sock"})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"GITPERCH_TRUSTED_PROXIES": "127.0.0.1"}, True),
        ({"GITPERCH_TRUSTED_PROXIES": "10.0.0.9,::1"}, True),
        ({"GITPERCH_TRUSTED_PROXIES": "10.0.0.9"}, False),
        ({"GITPERCH_TRUSTED_PROXIES": "127.0.0.1", "GITPERCH_PREVIEWS_RUNNER": "docker-only"}, False),
        ({"GITPERCH_PROXY_SOCKET": "/run/gitperch/proxy.sock"}, False),
    ],
)
def test_an_operator_is_told_whether_apps_are_believed(tmp_path: Path, settings: dict[str, str], says: bool) -> None:
    report = Server(tmp_path / "data", settings=settings).cli("doctor")
    assert ("Have the proxy use proxy_socket instead" in report) is says
