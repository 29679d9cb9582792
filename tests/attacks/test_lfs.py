"""Large files are where an oid, a grant or a size that somebody claims could open what it must not. Named by what holds."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from support.lfs import act, batch, call, files_of, let_write, oid_of, upload
from support.visitor import Visitor

if TYPE_CHECKING:
    from support.server import Server

SECRET = b"a secret\n" * 400
OID = oid_of(SECRET)
BATCH = {"operation": "download", "objects": [{"oid": OID, "size": len(SECRET)}]}


@pytest.fixture(scope="module")
def house(server: Server) -> Server:
    """alice/secret, private, has an object; bob has bob/own, and may write to alice/shared."""
    server.add_user("bob")
    for name in ("alice/secret", "alice/shared", "bob/own"):
        server.cli("repo", "add", name, "--private")
    let_write(server, "alice/shared", "bob")
    assert upload(server, "alice/secret", SECRET).status == 200
    return server


def send(server: Server, head: str, body: bytes = b"") -> socket.socket:
    """A connection on which a request has been begun."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    return connection


def put_head(server: Server, action: dict[str, Any], length: int) -> str:
    path, authorization = urlsplit(action["href"]).path, action["header"]["Authorization"]
    return (
        f"PUT {path} HTTP/1.1\nHost: localhost:{server.port}\nAuthorization: {authorization}\n"
        f"Content-Type: application/octet-stream\nContent-Length: {length}"
    )


def incoming(server: Server) -> list[str]:
    folder = server.data / "lfs" / "incoming"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def until_none_incoming(server: Server, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while incoming(server) and time.monotonic() < end:
        time.sleep(0.02)
    assert not incoming(server)


@pytest.mark.parametrize("repo", ["bob/own", "alice/shared"])
def test_knowing_an_oid_gives_nothing(house: Server, repo: str) -> None:
    """Neither its bytes nor the word that they are there, in one's own repository or in another of the same owner."""
    [answer] = batch(house, repo, "download", SECRET, user="bob")
    assert answer["error"]["code"] == 404
    assert call(house, "GET", f"{repo}:objects/{OID}", user="bob").status == 404
    assert call(house, "POST", f"{repo}:objects/verify", BATCH["objects"][0], user="bob").status == 404
    unknown = os.urandom(len(SECRET))
    [known], [other] = (batch(house, repo, "upload", each, user="bob") for each in (SECRET, unknown))
    assert known["actions"].keys() == other["actions"].keys() == {"upload", "verify"}
    # Without the bytes the leave to upload is worth nothing.
    assert act(house, known["actions"]["upload"], "PUT", b"x" * len(SECRET)).status == 422
    assert call(house, "GET", f"{repo}:objects/{OID}", user="bob").status == 404


@pytest.mark.parametrize("user", [None, "bob"])
def test_private_and_missing_look_the_same_everywhere(house: Server, user: str | None) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("POST", "objects/batch", BATCH),
        ("POST", "objects/batch", BATCH | {"operation": "upload"}),
        ("POST", "objects/batch", b"no JSON"),
        ("POST", "objects/verify", {"oid": OID, "size": len(SECRET)}),
        ("GET", f"objects/{OID}", None),
        ("PUT", f"objects/{OID}", SECRET),
        ("GET", "locks", None),
        ("POST", "locks", {"path": "a.bin"}),
        ("POST", "locks/verify", {}),
        ("POST", "locks/1/unlock", {"force": True}),
    ]
    for method, path, document in requests:
        there = call(house, method, f"alice/secret:{path}", document, user=user)
        absent = call(house, method, f"alice/absent:{path}", document, user=user)
        assert there.status == (404 if user else 401), path
        assert there.text.replace("secret", "absent") == absent.text
        for answer in (there, absent):
            del answer.headers["date"]
            answer.headers.pop("content-length", None)
        assert there.headers == absent.headers
        assert ("lfs-authenticate" in there.headers) is (user is None)


def test_a_grant_is_good_for_what_it_was_given_for_and_nothing_else(house: Server) -> None:
    [down] = batch(house, "alice/secret", "download", SECRET, user="alice")
    [up] = batch(house, "alice/secret", "upload", b"new bytes", user="alice")
    download, put = down["actions"]["download"]["header"], up["actions"]["upload"]["header"]
    assert call(house, "GET", f"alice/secret:objects/{OID}", headers=download).body == SECRET
    # Another repository, another object, another operation, the rest of the API, git itself, the pages.
    assert call(house, "GET", f"alice/shared:objects/{OID}", headers=download).status == 401
    assert call(house, "GET", f"alice/secret:objects/{oid_of(b'new bytes')}", headers=download).status == 403
    assert call(house, "PUT", f"alice/secret:objects/{OID}", SECRET, headers=download).status == 403
    assert call(house, "PUT", f"alice/secret:objects/{OID}", SECRET, headers=put).status == 403
    for method, path, document in (
        ("POST", "objects/batch", BATCH),
        ("GET", "locks", None),
        ("POST", "locks", {"path": "a"}),
        ("POST", "locks/verify", {}),
        ("POST", "locks/1/unlock", {}),
    ):
        for header in (download, put):
            assert call(house, method, f"alice/secret:{path}", document, headers=header).status == 403, path
    assert house.get("/alice/secret.git/info/refs?service=git-upload-pack", headers=download).status == 401
    assert house.get("/alice/secret/raw/main/a", headers=download).status == 401
    for forged in ("", "x", download["Authorization"].split(" ")[1][:-2], house.password):
        header = {"Authorization": f"RemoteAuth {forged}"}
        assert call(house, "GET", f"alice/secret:objects/{OID}", headers=header).status == 401


def test_a_token_for_one_repository_links_nothing_from_another(house: Server) -> None:
    token = house.cli("token", "add", "alice", "--repo", "alice/shared").splitlines()[-1]
    [answer] = batch(house, "alice/shared", "upload", SECRET, user="alice", password=token)
    assert "upload" in answer["actions"], "it may not read alice/secret, so it has to bring the bytes"
    assert call(house, "GET", f"alice/shared:objects/{OID}", user="alice").status == 404


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2f..%2fgitperch.db",
        "%2e%2e",
        OID.upper(),
        OID[:-1],
        OID + "0",
        "incoming",
        "%00",
        "..%5c..%5cx",
        "é" * 64,
    ],
)
def test_no_object_has_such_a_name(house: Server, name: str) -> None:
    assert call(house, "GET", f"alice/secret:objects/{quote(name, safe='%')}", user="alice").status in (404, 422)
    objects = [{"oid": name, "size": 1}]
    for operation in ("upload", "download"):
        answer = call(
            house, "POST", "alice/secret:objects/batch", {"operation": operation, "objects": objects}, user="alice"
        )
        assert answer.status == 422 or answer.json()["objects"][0]["error"]["code"] == 422


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"operation":"upload","objects":' + b"[" * 100_000,
        b'{"operation":"upload","objects":[{"oid":"\\ud800","size":1}]}',
        b'{"operation":"upload","objects":[{"oid":"%s","size":%s}]}' % (OID.encode(), b"9" * 5000),
        b'{"operation":"upload","objects":[{"oid":"%s","size":NaN}]}' % OID.encode(),
        b'{"operation":"upload","objects":[{"oid":"%s","size":true}]}' % OID.encode(),
        b'{"operation":"upload","objects":[{"oid":"%s","size":-1}]}' % OID.encode(),
        b'{"operation":"upload","objects":[{"oid":"%s","size":1.0}]}' % OID.encode(),
        b'{"operation":"upload","objects":[{"oid":7,"size":1}]}',
        b'{"operation":"upload","objects":["x"]}',
        b'{"operation":"upload","objects":{}}',
        b'{"operation":"upload"}',
        b'{"operation":["upload"],"objects":[]}',
        b'{"operation":"remove","objects":[]}',
        b'{"operation":"upload","objects":[],"transfers":["tus"]}',
        b'{"operation":"upload","objects":[],"transfers":7}',
        b'{"operation":"upload","objects":[],"ref":"refs/heads/main"}',
    ],
)
def test_a_batch_request_out_of_form_is_an_answer_with_a_reason(house: Server, document: bytes) -> None:
    answer = call(house, "POST", "alice/secret:objects/batch", document, user="alice")
    assert answer.status in (400, 422)
    assert answer.json()["message"]
    assert house.get("/healthz").status == 200


def test_the_headers_of_the_protocol_are_asked_for(house: Server) -> None:
    path, body = "/alice/secret.git/info/lfs/objects/batch", json.dumps(BATCH).encode()
    lfs = "application/vnd.git-lfs+json"
    for accept, kind, status in (
        (lfs, f"{lfs}; charset=utf-8", 200),
        ("*/*", lfs, 200),
        ("text/html", lfs, 406),
        (lfs, "application/json", 415),
        (lfs, "application/x-www-form-urlencoded", 415),
    ):
        headers = {"Accept": accept, "Content-Type": kind}
        assert house.request("POST", path, user="alice", headers=headers, body=body).status == status
    assert house.request("DELETE", f"/alice/secret.git/info/lfs/objects/{OID}", user="alice").status == 405
    answer = call(house, "POST", "alice/secret:objects/batch", BATCH | {"hash_algo": "sha512"}, user="alice")
    assert answer.status == 409


def test_requests_that_are_too_large_are_refused(house: Server) -> None:
    many = {"operation": "download", "objects": [{"oid": f"{n:064x}", "size": n} for n in range(1001)]}
    answer = call(house, "POST", "alice/secret:objects/batch", many, user="alice")
    assert answer.status == 413
    assert "1000" in answer.json()["message"]
    bomb = gzip.compress(b" " * (50 << 20))
    for body, headers in ((b" " * (2 << 20), {}), (bomb, {"Content-Encoding": "gzip"})):
        answer = call(house, "POST", "alice/secret:objects/batch", body, user="alice", headers=headers)
        assert answer.status == 413


def test_a_gzip_bomb_ends_with_the_size_that_was_promised(house: Server) -> None:
    [answer] = batch(house, "alice/shared", "upload", b"small", user="alice")
    bomb = gzip.compress(b"0" * (100 << 20))
    refused = act(house, answer["actions"]["upload"], "PUT", bomb, headers={"Content-Encoding": "gzip"})
    assert refused.status == 422
    assert not incoming(house)


def test_a_broken_upload_leaves_nothing(house: Server) -> None:
    content = os.urandom(2 << 20)
    [answer] = batch(house, "alice/shared", "upload", content, user="alice")
    with send(house, put_head(house, answer["actions"]["upload"], len(content)), content[: 1 << 20]):
        end = time.monotonic() + 60
        while not incoming(house) and time.monotonic() < end:
            time.sleep(0.01)
        assert incoming(house)
    until_none_incoming(house)
    assert oid_of(content) not in files_of(house)


def test_an_upload_that_stalls_is_let_go(own_server: Server) -> None:
    own_server.settings["GITPERCH_GIT_STALL_SECONDS"] = "0.5"
    own_server.restart()
    own_server.cli("repo", "add", "alice/thing", "--private")
    content = os.urandom(100_000)
    [answer] = batch(own_server, "alice/thing", "upload", content, user="alice")
    with send(own_server, put_head(own_server, answer["actions"]["upload"], len(content)), content[:1000]) as stalled:
        assert b" 408" in stalled.recv(4096)
    until_none_incoming(own_server)


def test_an_upload_that_drips_is_over_with_its_time(own_server: Server) -> None:
    own_server.settings["GITPERCH_GIT_REQUEST_SECONDS"] = "1"
    own_server.restart()
    own_server.cli("repo", "add", "alice/thing", "--private")
    content = os.urandom(100_000)
    [answer] = batch(own_server, "alice/thing", "upload", content, user="alice")
    began = time.monotonic()
    with send(own_server, put_head(own_server, answer["actions"]["upload"], len(content))) as dripping:
        dripping.setblocking(False)
        head, at = b"", 0
        while not head and time.monotonic() - began < 60:
            dripping.send(content[at : at + 1])
            at += 1
            time.sleep(0.05)
            try:
                head = dripping.recv(4096)
            except BlockingIOError:
                continue
        assert b" 408" in head
    until_none_incoming(own_server)


def test_an_upload_whose_sender_lost_the_right_meanwhile_is_not_kept(house: Server) -> None:
    house.cli("repo", "add", "alice/lost", "--private")
    let_write(house, "alice/lost", "bob")
    content = os.urandom(1 << 20)
    [answer] = batch(house, "alice/lost", "upload", content, user="bob")
    with send(house, put_head(house, answer["actions"]["upload"], len(content)), content[:-1]) as connection:
        time.sleep(0.3)
        let_write(house, "alice/lost", "bob", "read")
        connection.sendall(content[-1:])
        assert b" 403" in connection.recv(4096)
    until_none_incoming(house)
    assert oid_of(content) not in files_of(house)


def test_two_uploads_cannot_both_have_the_last_room(own_server: Server) -> None:
    own_server.settings["GITPERCH_GIT_REPOSITORY_MAX_BYTES"] = "1000000"
    own_server.restart()
    own_server.cli("repo", "add", "alice/thing", "--private")
    contents = [os.urandom(600_000) for _ in range(4)]
    # Each alone would fit, so each gets leave.
    actions = [batch(own_server, "alice/thing", "upload", each, user="alice")[0]["actions"] for each in contents]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(
            pool.map(
                lambda pair: act(own_server, pair[0]["upload"], "PUT", pair[1]).status,
                zip(actions, contents, strict=True),
            )
        )
    assert sorted(statuses) == [200, 507, 507, 507]
    assert len(files_of(own_server)) == 1
    answer = call(
        own_server,
        "POST",
        "alice/thing:objects/batch",
        {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 600_000}]},
        user="alice",
    )
    assert answer.status == 507
    assert "alice/thing would hold 1.2 MB" in answer.json()["message"]


def test_uploads_of_the_same_object_at_once_all_succeed(house: Server) -> None:
    content = os.urandom(700_000)
    [answer] = batch(house, "alice/shared", "upload", content, user="alice")
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: act(house, answer["actions"]["upload"], "PUT", content).status, range(6)))
    assert statuses == [200] * 6
    assert files_of(house).count(oid_of(content)) == 1


def test_an_object_is_never_a_page_of_this_origin(house: Server) -> None:
    html = b"<script>alert(document.cookie)</script>"
    assert upload(house, "alice/shared", html).status == 200
    answer = call(house, "GET", f"alice/shared:objects/{oid_of(html)}", user="alice")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_readers_that_take_nothing_are_let_go(own_server: Server) -> None:
    own_server.settings["GITPERCH_GIT_STALL_SECONDS"] = "3"
    own_server.restart()
    own_server.cli("repo", "add", "alice/thing", "--private")
    content = os.urandom(16 << 20)
    oid = oid_of(content)
    assert upload(own_server, "alice/thing", content).status == 200
    [answer] = batch(own_server, "alice/thing", "download", content, user="alice")
    action = answer["actions"]["download"]
    head = (
        f"GET {urlsplit(action['href']).path} HTTP/1.1\nHost: localhost:{own_server.port}\n"
        f"Authorization: {action['header']['Authorization']}"
    )

    def opened() -> int:
        assert own_server.process
        found = 0
        for descriptor in Path(f"/proc/{own_server.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed between the two calls
                found += descriptor.readlink().name == oid
        return found

    stalled = [send(own_server, head) for _ in range(8)]
    try:
        end = time.monotonic() + 60
        while opened() < 8 and time.monotonic() < end:
            time.sleep(0.02)
        assert opened() == 8
        assert act(own_server, action).body == content, "others are served meanwhile"
        while opened() and time.monotonic() < end + 60:
            time.sleep(0.1)
        assert not opened()
    finally:
        for connection in stalled:
            connection.close()


def test_a_repository_that_goes_while_an_object_comes_takes_it_along(house: Server) -> None:
    house.cli("repo", "add", "alice/going", "--private")
    content = os.urandom(1 << 20)
    [answer] = batch(house, "alice/going", "upload", content, user="alice")
    visitor = Visitor(house)
    visitor.sign_in()
    with send(house, put_head(house, answer["actions"]["upload"], len(content)), content[:-1]) as connection:
        settings = "/alice/going/settings"
        assert visitor.post(f"{settings}/delete", {"confirmation": "alice/going"}, page=settings).status == 303
        connection.sendall(content[-1:])
        assert b" 404" in connection.recv(4096)
    until_none_incoming(house)
    assert oid_of(content) not in files_of(house)


def test_sweeps_and_uploads_at_once_lose_nothing(house: Server) -> None:
    """A deletion's sweep runs while the same bytes come to another repository of the same owner."""
    visitor = Visitor(house)
    visitor.sign_in()
    content = os.urandom(50_000)
    for turn in range(6):
        # Both are made by what comes first.
        assert upload(house, f"alice/from{turn}", content).status == 200
        settings = f"/alice/from{turn}/settings"
        deleting = threading.Thread(
            target=visitor.post,
            args=(f"{settings}/delete", {"confirmation": f"alice/from{turn}"}),
            kwargs={"page": settings},
        )
        deleting.start()
        [answer] = batch(house, f"alice/to{turn}", "upload", content, user="alice")
        if "actions" in answer:
            assert act(house, answer["actions"]["upload"], "PUT", content).status == 200
        deleting.join()
        time.sleep(0.05)
        assert call(house, "GET", f"alice/to{turn}:objects/{oid_of(content)}", user="alice").body == content
        settings = f"/alice/to{turn}/settings"
        visitor.post(f"{settings}/delete", {"confirmation": f"alice/to{turn}"}, page=settings)
