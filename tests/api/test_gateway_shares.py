"""Share links: a person without an account sees one private preview for a while, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import time
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support.apps import AppServer, running
from support.previews import wait
from support.server import commit
from support.upstream import Line, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.server import Answer

API = "/api/repos/alice/secret/previews"


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    for server in running(tmp_path_factory.mktemp("apps")):
        server.add_user("bob")
        server.add_user("carol")
        server.cli("repo", "add", "alice/secret")
        work = server.data.parent / "work"
        commit(work, {"index.html": "the files"})
        for branch in ("main", "feature/cart", "other"):
            server.git("push", server.remote("alice/secret"), f"HEAD:refs/heads/{branch}", cwd=work)
        yield server


def made(apps: AppServer, branch: str = "main", **body: object) -> dict[str, object]:
    answer = ask(apps, "POST", f"{API}/{branch}/share", body)
    assert answer.status == 201, answer.text
    document: dict[str, object] = answer.json()
    return document


def ask(
    apps: AppServer, method: str, path: str, body: object = None, user: str | None = "alice", **headers: str
) -> Answer:
    sent = json.dumps(body).encode() if body is not None else None
    return apps.request(method, path, user=user, body=sent, headers={"Content-Type": "application/json", **headers})


def enter(apps: AppServer, url: object) -> str:
    """Open a share link in a browser that has never been here; its cookie."""
    answer = apps.get(str(url))
    assert answer.status == 303
    address = urlsplit(str(url))
    assert answer.headers["location"] == f"{address.scheme}://{address.netloc}/"
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "Domain" not in cookie
    return cookie.partition(";")[0]


def see(apps: AppServer, cookie: str, path: str = "/", label: str = "main-secret", **headers: str) -> Answer:
    return apps.get(f"http://{label}.localhost:{apps.port}{path}", headers={"Cookie": cookie, **headers})


def test_a_link_lets_anybody_in_as_often_as_it_is_opened_until_it_ends(apps: AppServer) -> None:
    share = made(apps, hours=1)
    assert abs(float(str(share["expires_at"])) - time.time() - 3600) < 10
    for _ in range(2):
        assert see(apps, enter(apps, share["url"])).text == "the files"
    short = made(apps, hours=6 / 3600)
    cookie = enter(apps, short["url"])
    assert see(apps, cookie).status == 200
    time.sleep(max(0.0, float(str(short["expires_at"])) - time.time()) + 0.05)
    assert see(apps, cookie).status == 302
    assert apps.get(str(short["url"])).status == 403


def test_a_link_that_is_revoked_ends_at_once(apps: AppServer) -> None:
    share = made(apps, "feature/cart")
    cookie = enter(apps, share["url"])
    label = str(urlsplit(str(share["url"])).hostname).partition(".")[0]
    assert see(apps, cookie, label=label).status == 200
    listed = ask(apps, "GET", f"{API}/feature/cart/share").json()["shares"]
    assert [one["id"] for one in listed] == [share["id"]]
    assert enter(apps, listed[0]["url"])
    assert ask(apps, "DELETE", f"{API}/main/share/{share['id']}").status == 404
    assert ask(apps, "DELETE", f"{API}/feature/cart/share/{share['id']}").status == 204
    assert ask(apps, "DELETE", f"{API}/feature/cart/share/{share['id']}").status == 404
    assert see(apps, cookie, label=label).status == 302
    assert apps.get(str(share["url"])).status == 403


def test_a_link_is_for_one_preview(apps: AppServer) -> None:
    share = made(apps)
    cookie = enter(apps, share["url"])
    assert see(apps, cookie, label="other-secret").status == 302
    assert apps.get(str(share["url"]).replace("main-secret", "other-secret")).status == 403
    assert apps.get(str(share["url"]) + "x").status == 403
    missing = apps.get(str(share["url"]).replace("main-secret", "main-nothing"))
    assert (missing.status, missing.text) == (403, apps.get(str(share["url"]) + "x").text)
    # It is no way into the repository, nor to what its people see.
    assert apps.get("/alice/secret", headers={"Cookie": cookie}).status in (302, 303, 401)


def test_a_link_ends_with_the_branch_and_with_its_makers_access(apps: AppServer) -> None:
    work = apps.data.parent / "work"
    apps.git("push", apps.remote("alice/secret"), "HEAD:refs/heads/gone", cwd=work)
    cookie = enter(apps, made(apps, "gone")["url"])
    assert see(apps, cookie, label="gone-secret").status == 200
    apps.git("push", apps.remote("alice/secret"), ":gone", cwd=work)
    apps.git("push", apps.remote("alice/secret"), "HEAD:refs/heads/gone", cwd=work)
    wait(lambda: see(apps, cookie, label="gone-secret").status == 302, "the link has ended")


@pytest.mark.parametrize("long", [0, 20_000])
def test_what_is_open_ends_when_its_link_is_revoked(apps: AppServer, long: int) -> None:
    """A WebSocket, and an answer that goes on."""

    def respond(line: Line, head: bytes) -> None:
        if b"upgrade: websocket" in head.lower():
            key = head.lower().partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
            key = head[head.lower().index(key) :][: len(key)]
            accept = b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 -- RFC 6455
            line.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
            line.say(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        else:
            line.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        line.socket.recv(100)  # until it is ended

    share = made(apps)
    cookie = enter(apps, share["url"])
    name = f"main-secret.localhost:{apps.port}"
    fields = f"Host: {name}\r\nCookie: {cookie}\r\nX-Long: {'x' * long}\r\n"
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        with contextlib.ExitStack() as stack:
            lines = [stack.enter_context(socket.create_connection(("127.0.0.1", apps.port), 15)) for _ in range(2)]
            for line, more in zip(lines, ("", upgrade), strict=True):
                line.sendall(f"GET / HTTP/1.1\r\n{fields}{more}\r\n".encode())
                assert line.recv(1000).split()[1] in (b"200", b"101")
            assert ask(apps, "DELETE", f"{API}/main/share/{share['id']}").status == 204
            until = time.monotonic() + 9
            for line in lines:
                line.settimeout(max(until - time.monotonic(), 0.1))
                while line.recv(1000):
                    pass
    apps.places.clear()
    apps.say("none", "stopped")


def test_guests_see_no_log(apps: AppServer) -> None:
    cookie = enter(apps, made(apps)["url"])
    apps.say("main", "building", log=["a line with what nobody else should read"])
    page = see(apps, cookie, Accept="text/html")
    assert page.status == 503
    assert "Building" in page.text
    for text in (page.text, see(apps, cookie, "/.gitperch/state").text):
        assert "a line with" not in text and "alice" not in text
    apps.say("main", "failed", problem="a line with a reason")
    assert "This preview failed" in see(apps, cookie, Accept="text/html").text
    assert "a line with" not in see(apps, cookie, Accept="text/html").text
    with serving(lambda line, head: line.socket.shutdown(2)) as app:
        apps.say("main", "ready", app.port, log=["a line with what nobody else should read"])
        assert see(apps, cookie).status == 502
        assert "a line with" not in see(apps, cookie).text
    apps.places.clear()
    apps.say("none", "stopped")


def test_what_a_private_app_says_stays_out_of_shared_caches_and_foreign_frames(apps: AppServer) -> None:
    cookie = enter(apps, made(apps)["url"])
    fields: list[bytes] = []

    def respond(line: Line, head: bytes) -> None:
        line.body(head)
        line.answer(b"x", *fields)

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        for said, caching, policy in (
            ([], "private, no-cache", "frame-ancestors 'self'"),
            ([b"Cache-Control: public, max-age=60, s-maxage=90"], "private, max-age=60", "frame-ancestors 'self'"),
            ([b"Cache-Control: no-store", b"X-Frame-Options: DENY"], "private, no-store", None),
            ([b"Content-Security-Policy: frame-ancestors *"], "private, no-cache", "frame-ancestors *"),
        ):
            fields[:] = said
            headers = see(apps, cookie).headers
            assert headers["cache-control"] == caching
            assert headers.get("content-security-policy") == policy
            assert headers["cross-origin-resource-policy"] == "same-origin"
        # The page of another preview has the same site's cookies sent along, and may do nothing with them.
        name = f"http://main-secret.localhost:{apps.port}"
        for origin, status in ((name, 200), (f"http://other-secret.localhost:{apps.port}", 403), ("null", 403)):
            sent = {"Cookie": cookie, "Origin": origin}
            assert apps.request("POST", f"{name}/", headers=sent, body=b"x").status == status
            for long in (0, 20_000):
                assert upgraded(apps, cookie, origin, long) == status
    apps.places.clear()
    apps.say("none", "stopped")


def upgraded(apps: AppServer, cookie: str, origin: str, long: int) -> int:
    """The status of a request for a WebSocket, which so `long` a header sends the long way."""
    fields = {
        "Host": f"main-secret.localhost:{apps.port}", "Cookie": cookie, "Origin": origin, "X-Long": "x" * long,
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", apps.port), 10) as line:
        line.sendall(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
        return int(line.recv(1000).split()[1])


def test_only_those_who_may_write_make_links(apps: AppServer) -> None:
    place = f"{API}/main/share"
    assert ask(apps, "POST", place, {}, user=None).status == 401
    assert ask(apps, "POST", place, {}, user="bob").status == 404
    apps.cli("token", "add", "alice", "--scope", "read:repository")
    assert ask(apps, "POST", place, {"hours": 1}, Origin="http://main-secret.localhost").status == 403
    assert ask(apps, "POST", f"{API}/nothing/share", {}).status == 404
    wrong: tuple[object, ...] = (0, -1, 721, "1", None, True, [], 1e400)
    for hours in wrong:
        answer = ask(apps, "POST", place, {"hours": hours})
        assert answer.status == 400, hours
    assert ask(apps, "POST", place, []).status == 400
    assert ask(apps, "POST", place, {"hours": 1, "x": "y" * 5000}).status == 413
