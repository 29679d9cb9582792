"""What an app behind a preview, its visitors, and the previews beside it must not be able to do through the gateway."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

from gitperch_preview.gateway import heads
from gitperch_preview.gateway.headers import own_cookie, without_ours
from support.apps import AppServer, running
from support.server import PASSWORD, commit
from support.upstream import Line, saying, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.server import Answer


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    for server in running(tmp_path_factory.mktemp("apps"), GITPERCH_PREVIEWS_ANSWER_SECONDS="5"):
        for name, flags in (("thing", ["--public"]), ("secret", [])):
            server.cli("repo", "add", f"alice/{name}", *flags)
            work = server.data.parent / name
            commit(work, {"index.html": "a file"})
            server.git("push", server.remote(f"alice/{name}"), "main", cwd=work)
        yield server


def echo(line: Line, head: bytes) -> None:
    body = line.body(head)
    line.answer(json.dumps({"head": head.decode("latin-1"), "body": body.decode("latin-1")}).encode())


def ask(apps: AppServer, method: str = "GET", path: str = "/", label: str = "main-thing", **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return apps.request(method, f"http://{label}.localhost:{apps.port}{path}", headers=sent)


def seen(answer: Answer) -> dict[str, list[str]]:
    """The headers that the app got, by name."""
    found: dict[str, list[str]] = {}
    for line in answer.json()["head"].split("\r\n")[1:-2]:
        name, _, value = line.partition(": ")
        found.setdefault(name, []).append(value)
    return found


def raw(apps: AppServer, data: bytes, *, wait: float = 3.0) -> bytes:
    """Everything that the server says to these bytes, as long as it says something."""
    with socket.create_connection(("127.0.0.1", apps.port), 20) as line:
        line.sendall(data.replace(b"HOST", f"main-thing.localhost:{apps.port}".encode()))
        line.settimeout(wait)
        said = b""
        try:
            while piece := line.recv(65536):
                said += piece
        except TimeoutError:
            pass
        return said


def test_row_13_no_cookie_and_no_credentials_of_the_host_reach_an_app(apps: AppServer) -> None:
    token = apps.cli("token", "add", "alice", "--scope", "read:repository").split()[-1]
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        cookies = (
            "a=1; gitperch=secret; b=2; __Host-gitperch=secret; gitperch-preview=secret; c=3; "
            "__Host-gitperch-preview=secret; __host-GitPerch=secret;=gitperch=secret;gitperch=secret"
        )
        assert seen(ask(apps, Cookie=cookies))["cookie"] == ["a=1; b=2; c=3"]
        assert "cookie" not in seen(ask(apps, Cookie="gitperch=secret"))
        alice = "Basic " + b64encode(f"alice:{PASSWORD}".encode()).decode()
        hidden = "Basic " + b64encode(f"x:{token}".encode()).decode()
        for ours in (alice, hidden, f"Bearer {token}", f"token {token}", f"bearer  {token}", "Basic !!!"):
            for way in ("keep-alive", "keep-alive, x"):
                assert "authorization" not in seen(ask(apps, Authorization=ours, Connection=way)), ours
        # What only the app can know something about is for the app.
        theirs = "Basic " + b64encode(b"shop:password").decode()
        for other in (theirs, "Bearer eyJhbGciOi", "Digest username=x"):
            assert seen(ask(apps, Authorization=other))["authorization"] == [other]


def test_row_13_an_app_cannot_set_cookies_of_ours_or_for_its_neighbours() -> None:
    host = b"main-thing.dev.example.com:8000"
    for taken in (
        b"gitperch=x",
        b"__Host-gitperch=x; Path=/",
        b" GITPERCH-preview=x",
        b"=gitperch=x",
        b"__Secure-gitperch=1",
    ):
        assert own_cookie(taken, host) == b""
    for value, kept in (
        (b"a=b; Path=/; HttpOnly", b"a=b; Path=/; HttpOnly"),
        (b"a=b; Domain=dev.example.com; Path=/", b"a=b; Path=/"),
        (b"a=b; domain = .Example.com", b"a=b"),
        (b"a=b;DOMAIN=other-thing.dev.example.com;Secure", b"a=b;Secure"),
        (b"a=b; Domain=main-thing.dev.example.com", b"a=b; Domain=main-thing.dev.example.com"),
        (b"a=domain; Domain=main-thing.dev.example.com; Domain=com", b"a=domain; Domain=main-thing.dev.example.com"),
    ):
        assert own_cookie(value, host) == kept
    assert without_ours(b"agitperch=1; my=gitperch") == b"agitperch=1; my=gitperch"


def test_row_20_where_a_request_comes_from_is_never_the_clients_to_say(apps: AppServer) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for way in ("keep-alive", "keep-alive, x-other", "x-forwarded-for, keep-alive"):
            got = seen(
                ask(
                    apps,
                    X_Forwarded_For="6.6.6.6",
                    X_Forwarded_Proto="https",
                    X_Forwarded_Host="evil",
                    Forwarded="for=6.6.6.6",
                    X_Real_IP="6.6.6.6",
                    X_Forwarded_Port="1",
                    True_Client_IP="6.6.6.6",
                    Connection=way,
                    Proxy="http://evil",
                )
            )
            assert got["x-forwarded-for"] == ["127.0.0.1"]
            assert got["x-forwarded-proto"] == ["http"]
            assert got["x-forwarded-host"] == got["host"] == [f"main-thing.localhost:{apps.port}"]
            assert "6.6.6.6" not in str(got)
            assert "evil" not in str(got)
        # Names that many apps cannot tell apart from these.
        under = b"GET / HTTP/1.1\r\nHost: HOST\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Host: evil\r\nX_Real_IP: 6.6.6.6\r\n\r\n"
        said = raw(apps, under, wait=1)
        assert b"200" in said and b"6.6.6.6" not in said and b"evil" not in said


def test_hop_by_hop_fields_end_here_in_both_directions(apps: AppServer) -> None:
    def respond(line: Line, head: bytes) -> None:
        line.answer(
            head, b"Connection: keep-alive, X-Inner", b"X-Inner: 1", b"Keep-Alive: timeout=5", b"Proxy-Authenticate: x",
            b"Upgrade: h2c", b'Alt-Svc: h2=":1"', b"X-Accel-Redirect: /etc/passwd", b"X-Outer: 1", b"Trailer: x",
        )  # fmt: skip

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        headers = "Connection: X-Named, close\r\nX-Named: 1\r\nTE: gzip\r\nProxy-Authorization: x\r\nKeep-Alive: 1\r\nX-Kept: 1\r\n"
        said = raw(apps, f"GET / HTTP/1.1\r\nHost: HOST\r\n{headers}\r\n".encode(), wait=2).lower()
        answered, _, asked = said.partition(b"\r\n\r\n")
        assert b"x-kept: 1" in asked
        for name in (b"x-named", b"\r\nte:", b"proxy-", b"keep-alive", b"upgrade", b"connection"):
            assert name not in asked, name
        assert b"x-outer: 1" in answered
        for name in (b"x-inner", b"proxy-", b"alt-svc", b"x-accel", b"trailer", b"upgrade", b"timeout=5"):
            assert name not in answered, name


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 6\r\nContent-Length: 5\r\n\r\n123456",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: +6\r\n\r\n123456",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: a\r\n\x00b: c\r\n\r\n",
    ],
)
def test_a_request_that_two_readers_could_take_in_two_ways_never_reaches_an_app(apps: AppServer, data: bytes) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        said = raw(apps, data + b"ET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n", wait=0.6)
        assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), said
        assert app.heads == []


def test_requests_in_a_row_stay_requests_in_a_row(apps: AppServer) -> None:
    """A body is a body, whatever it looks like, and what comes behind it is the next request."""
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        inner = b"GET /inner HTTP/1.1\r\nHost: HOST\r\n\r\n"
        inner = inner.replace(b"HOST", f"main-thing.localhost:{apps.port}".encode())
        for framed in (
            b"Content-Length: %d\r\n\r\n%b" % (len(inner), inner),
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner),
        ):
            app.heads.clear()
            said = raw(
                apps,
                b"POST /outer HTTP/1.1\r\nHost: HOST\r\n" + framed + b"GET /next HTTP/1.1\r\nHost: HOST\r\n\r\n",
                wait=0.6,
            )
            assert said.count(b"HTTP/1.1 200") == 2
            assert [head.split()[1] for head in app.heads] == [b"/outer", b"/next"]


def test_http_2_cannot_bring_what_would_be_more_than_one_line(apps: AppServer) -> None:
    """A header's value with a line end in it, a name with a colon, a path with a blank: all of them are somebody else's request."""
    odd: list[list[tuple[str, str]]] = [
        [("x", "a\r\ncontent-length: 0\r\n\r\nGET /smuggled HTTP/1.1")],
        [("x: y\r\nz", "a")],
        [(":path", "/ HTTP/1.1\r\nx: y")],
        [(":path", "/a b")],
        [(":path", "http://evil.example/")],
        [("transfer-encoding", "chunked")],
    ]
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for headers in odd:
            app.heads.clear()
            status = _over_http_2(apps, dict(headers))
            assert status in (None, 400), headers
            assert app.heads == [], headers
        assert _over_http_2(apps, {"x-fine": "a"}) == 200


def _over_http_2(apps: AppServer, headers: dict[str, str]) -> int | None:
    """The status; None where the connection or the stream was ended."""
    config = H2Configuration(
        client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="latin-1"
    )
    client = H2Connection(config)
    client.initiate_connection()
    pseudo = {":method": "GET", ":path": "/", ":scheme": "http", ":authority": f"main-thing.localhost:{apps.port}"}
    client.send_headers(1, [*(pseudo | headers).items()], end_stream=True)
    status = None
    with socket.create_connection(("127.0.0.1", apps.port), timeout=5) as line:
        line.sendall(client.data_to_send())
        while data := line.recv(65536):
            for event in client.receive_data(data):
                if isinstance(event, ResponseReceived):
                    status = int(next(value for name, value in event.headers if name in (":status", b":status")))
                if isinstance(event, StreamEnded):
                    return status
                if isinstance(event, StreamReset):
                    return None
                if isinstance(event, DataReceived):
                    client.acknowledge_received_data(event.flow_controlled_length, 1)
            with contextlib.suppress(ConnectionError):  # closed already, perhaps; what was said before is still read
                line.sendall(client.data_to_send())
    return status


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\nX: a\n\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * heads.LONGEST + b"\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n" * 50 + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_an_answer_that_two_readers_could_take_in_two_ways_is_a_502(apps: AppServer, said: bytes) -> None:
    with saying(said) as app:
        apps.say("main", "ready", app.port)
        assert ask(apps).status == 502


def test_what_an_app_says_unasked_is_nobodys_answer(apps: AppServer) -> None:
    """Two answers for one request: the second must not become the next visitor's."""

    def respond(line: Line, head: bytes) -> None:
        name = head.split()[1]
        line.say(
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nright "
            + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong" * 2
        )
        assert name

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        for _ in range(5):
            assert ask(apps).body == b"right "

    def late(line: Line, head: bytes) -> None:
        line.answer(b"right")
        time.sleep(0.1)
        line.answer(b"wrong")

    with serving(late) as app:
        apps.say("main", "ready", app.port)
        for _ in range(3):
            assert ask(apps).body == b"right"
            time.sleep(0.2)


def test_row_27_an_app_is_found_by_its_own_name_alone(apps: AppServer) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        assert ask(apps).status == 200
        for label in ("Main-Thing", "main-thing.main-thing", "main--thing", "thing", "x.main-thing", "main-thin"):
            app.heads.clear()
            answer = ask(apps, label=label)
            assert (answer.status == 200) is (label == "Main-Thing"), label
            assert bool(app.heads) is (label == "Main-Thing"), label


def test_row_18_an_app_of_a_private_repository_answers_only_those_who_may_read_it(apps: AppServer) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for headers in (
            {},
            {"Cookie": "gitperch-preview=forged"},
            {"Authorization": "Bearer x"},
            {"Accept": "text/html"},
        ):
            private = ask(apps, label="main-secret", **headers)
            missing = ask(apps, label="main-nothing", **headers)
            assert private.status == missing.status == 302
            assert private.headers["location"].replace("secret", "nothing") == missing.headers["location"]
        for path in ("/.gitperch/state", "/any"):
            assert (
                ask(apps, "POST", path, label="main-secret").status
                == ask(apps, "POST", path, label="main-nothing").status
                == 405
            )
            assert (
                ask(apps, "GET", path, label="main-secret").status
                == ask(apps, "GET", path, label="main-nothing").status
                == 302
            )
        assert app.heads == []
