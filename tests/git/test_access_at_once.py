"""What a command in another process takes away is gone with the very next request, on a connection that is already open too."""

from __future__ import annotations

import http.client
import sqlite3
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.server import PASSWORD, Server, commit

if TYPE_CHECKING:
    from collections.abc import Iterator

REFS = "/info/refs?service=git-upload-pack"


class Client:
    """One connection that is kept."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def status(self, name: str, password: str = "", user: str = "bob") -> int:
        signed = {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()} if password else {}
        self.connection.request("GET", f"/alice/{name}.git{REFS}", headers={"Git-Protocol": "version=2"} | signed)
        response = self.connection.getresponse()
        response.read()
        return response.status

    def elsewhere(self, sql: str, *parameters: str) -> None:
        """A change made by another process: as the command line makes it, seen by the server only in the file."""
        with closing(sqlite3.connect(self._server.data / "gitperch.db", timeout=20)) as database, database:
            database.execute("PRAGMA foreign_keys = ON")
            assert database.execute(sql, parameters).rowcount == 1


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    work = tmp_path_factory.mktemp("w") / "w"
    commit(work, {"a": "a"})
    server.add_user("bob")
    server.cli("repo", "add", "alice/swift", "--public", "--from", str(work))
    client = Client(server)
    with closing(client.connection):
        yield client


def test_a_repository_made_private_is_closed_to_the_next_request(client: Client) -> None:
    for private, status in ((0, 200), (1, 401), (0, 200), (1, 401)):
        client.elsewhere("UPDATE repositories SET private = ? WHERE name = 'swift'", str(private))
        assert client.status("swift") == status


def test_a_collaborator_and_a_token_and_a_person_count_until_they_are_taken_away(
    server: Server, client: Client
) -> None:
    client.elsewhere("UPDATE repositories SET private = 1 WHERE name = 'swift'")
    token = server.cli("token", "add", "bob").splitlines()[-1]
    assert client.status("swift", token) == 404
    client.elsewhere(
        "INSERT INTO collaborators SELECT r.id, u.id, 'read' FROM repositories r, users u WHERE r.name = 'swift' AND u.name = 'bob'"
    )
    assert client.status("swift", token) == 200
    assert client.status("swift", PASSWORD) == 200  # checked once by scrypt, remembered from then on
    client.elsewhere("UPDATE tokens SET expires_at = 1 WHERE last_eight = ?", token[-8:])
    assert client.status("swift", token) == 401
    client.elsewhere("UPDATE tokens SET expires_at = NULL WHERE last_eight = ?", token[-8:])
    assert client.status("swift", token) == 200
    client.elsewhere("DELETE FROM tokens WHERE last_eight = ?", token[-8:])
    assert client.status("swift", token) == 401
    assert client.status("swift", PASSWORD) == 200
    client.elsewhere("DELETE FROM collaborators")
    assert client.status("swift", PASSWORD) == 404
    client.elsewhere("DELETE FROM users WHERE name = 'bob'")
    assert client.status("swift", PASSWORD) == 401
