"""Private previews: only who may read the repository gets in, and nobody learns which ones there are."""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from gitperch_preview.doorkeeper import Doorkeeper
from support.previews import wait
from support.server import PASSWORD, Server, commit

if TYPE_CHECKING:
    from support.server import Answer


@dataclass
class Browser:
    """A visitor with cookies by host name, who follows redirects when asked to."""

    server: Server
    cookies: dict[str, dict[str, str]]

    def get(self, url: str, **headers: str) -> Answer:
        host = urlsplit(url).hostname or ""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        jar = self.cookies.setdefault(host, {})
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = self.server.get(url, headers=sent)
        self._keep(host, answer)
        return answer

    def follow(self, url: str) -> tuple[str, Answer]:
        for _ in range(6):
            answer = self.get(url)
            if answer.status not in (302, 303):
                return url, answer
            url = self._absolute(url, answer.headers["location"])
        raise AssertionError(f"too many redirects, the last to {url}")

    def sign_in(self, name: str) -> None:
        page = self.get(f"{self.server.url}/signin").text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token
        form = f"name={name}&password={PASSWORD}&csrf={token[1]}&next=/"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Host": f"localhost:{self.server.port}"}
        answer = self.server.request("POST", "/signin", headers=headers, body=form.encode())
        assert answer.status == 303
        self._keep("localhost", answer)

    def _keep(self, host: str, answer: Answer) -> None:
        cookie = answer.headers.get("set-cookie")
        if cookie:
            assert "domain=" not in cookie.lower()
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies.setdefault(host, {})[name] = value

    def _absolute(self, url: str, location: str) -> str:
        base = urlsplit(url)
        return location if "://" in location else f"{base.scheme}://{base.netloc}{location}"


@dataclass
class Secret:
    """alice's private repository `secret`; bob may read it, carol may not."""

    server: Server
    oid: str

    def url(self, label: str = "main-secret", path: str = "/") -> str:
        return f"http://{label}.localhost:{self.server.port}{path}"

    def browser(self, name: str = "") -> Browser:
        browser = Browser(self.server, {})
        if name:
            browser.sign_in(name)
        return browser

    def sql(self, statement: str) -> None:
        with sqlite3.connect(self.server.data / "gitperch.db", timeout=20) as db:
            db.execute(statement)
        db.close()

    def collaborate(self) -> None:
        self.sql(
            "INSERT OR REPLACE INTO collaborators SELECT r.id, u.id, 'read' FROM repositories r, users u"
            " WHERE r.name = 'secret' AND u.name = 'bob'"
        )


@pytest.fixture(scope="module")
def secret(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Secret:
    work = tmp_path_factory.mktemp("secret") / "work"
    files: dict[str, str | bytes] = {"index.html": "the secret", "page.html": "a page", "app.js": "1"}
    oid = commit(work, files)
    server.git("push", server.remote("alice/secret"), "--all", cwd=work)
    server.git("push", server.remote("alice/opened"), "--all", cwd=work)
    for name in ("bob", "carol"):
        server.add_user(name)
    found = Secret(server, oid)
    found.collaborate()
    return found


def shape(answer: Answer, label: str) -> tuple[int, dict[str, str], str]:
    """All of an answer that could tell one label from another, with the label itself blotted out."""
    headers = {name: value.replace(label, "LABEL") for name, value in answer.headers.items() if name != "date"}
    headers.pop("content-length", None)
    return answer.status, headers, answer.text.replace(label, "LABEL")


def test_who_may_read_the_repository_is_let_in(secret: Secret) -> None:
    for name in ("alice", "bob"):
        browser = secret.browser(name)
        url, answer = browser.follow(secret.url(path="/page?x=1"))
        assert (url, answer.text) == (secret.url(path="/page?x=1"), "a page")
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "Cookie" in answer.headers["vary"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        commits = browser.follow(secret.url(f"{secret.oid}-secret"))[1]
        assert commits.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_row_13_the_hosts_cookie_and_the_previews_stay_apart(secret: Secret) -> None:
    browser = secret.browser("alice")
    browser.follow(secret.url())
    host, preview = browser.cookies["localhost"], browser.cookies["main-secret.localhost"]
    assert not set(host.values()) & set(preview.values())
    stolen = Browser(secret.server, {"localhost": {"gitperch": next(iter(preview.values()))}})
    assert stolen.get(f"{secret.server.url}/account").status == 303
    wrong = Browser(secret.server, {"main-secret.localhost": dict(host)})
    assert wrong.get(secret.url()).status == 302
    basic = secret.server.get(secret.url(), user="alice")
    assert basic.status == 302


def test_the_cookie_cannot_be_read_by_scripts(secret: Secret) -> None:
    browser = secret.browser("alice")
    way = browser.get(secret.url()).headers["location"]
    entry = browser.get(way).headers["location"]
    cookie = browser.get(entry).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


def test_row_18_private_and_missing_look_alike_to_the_anonymous(secret: Secret) -> None:
    private = ["main-secret", f"{secret.oid[:7]}-secret", f"{secret.oid}-secret"]
    missing = ["main-nothing", "nope-secret", f"{'0' * 40}-secret", f"{secret.oid[:7]}-nothing", "thing"]
    for path in ("/", "/page?x=1", "/.gitperch/enter", "/.gitperch/enter?pass=x", "/nope", "/.env"):
        for headers in ({}, {"Sec_Fetch_Mode": "no-cors"}, {"Cookie": "gitperch-preview=forged"}):
            for method in ("GET", "HEAD", "POST"):
                sent = {name.replace("_", "-"): value for name, value in headers.items()}
                shapes = {
                    repr(shape(secret.server.request(method, secret.url(label, path), headers=sent), label))
                    for label in private + missing
                }
                assert len(shapes) == 1, (path, headers, method)


def test_row_18_and_to_a_person_without_access(secret: Secret) -> None:
    browser = secret.browser("carol")
    shapes = set()
    for label in ("main-secret", "main-nothing", f"{secret.oid}-secret"):
        answer = browser.follow(secret.url(label))[1]
        shapes.add(
            repr((answer.status, re.sub(r"csrf.*?>|preview-access[^\"]*", "", answer.text).replace(label, "LABEL")))
        )
        assert answer.status == 404
    assert len(shapes) == 1


def test_the_anonymous_sign_in_first(secret: Secret) -> None:
    browser = secret.browser()
    way = browser.get(secret.url()).headers["location"]
    assert way == f"{secret.server.url}/preview-access?to={quote(secret.url(), safe='')}"
    answer = browser.get(way)
    assert answer.status == 303
    onward = urlsplit(answer.headers["location"])
    assert onward.path == "/signin"
    assert parse_qs(onward.query)["next"] == [way.removeprefix(secret.server.url)]


def test_row_20_nobody_is_sent_elsewhere(secret: Secret) -> None:
    browser = secret.browser("alice")
    port = secret.server.port
    for to in (
        "https://evil.example/",
        "//evil.example/",
        f"http://main-secret.localhost:{port}@evil.example/",
        f"http://evil.example\\.main-secret.localhost:{port}/",
        f"http://user@main-secret.localhost:{port}/",
        f"https://main-secret.localhost:{port}/",
        "http://main-secret.localhost:1/",
        f"http://localhost:{port}/",
        f"http://main-secret.localhost.evil.example:{port}/",
        "javascript:alert(1)",
        "http://[",
        "",
    ):
        answer = browser.get(f"{secret.server.url}/preview-access?to={quote(to, safe='')}")
        assert answer.status == 400, to
    url = browser.get(secret.url(path="//evil.example/")).headers["location"]
    entry = browser.get(url).headers["location"]
    assert browser.get(entry).headers["location"] == secret.url(path="//evil.example/")


def test_a_pass_is_good_once(secret: Secret) -> None:
    browser = secret.browser("alice")
    entry = browser.get(browser.get(secret.url()).headers["location"]).headers["location"]
    assert browser.get(entry).status == 303
    for other in (browser, secret.browser("carol"), secret.browser()):
        again = other.get(entry)
        assert again.status == 403
        assert "set-cookie" not in again.headers


def test_a_pass_is_good_for_its_own_host_name_only(secret: Secret) -> None:
    browser = secret.browser("alice")
    entry = browser.get(browser.get(secret.url()).headers["location"]).headers["location"]
    for label in ("main-opened", f"{secret.oid}-secret", "main-nothing"):
        assert browser.get(entry.replace("main-secret", label)).status == 403
    assert browser.get(entry + "x").status == 403
    assert browser.get(entry).status == 303


def test_a_cookie_is_good_for_its_own_host_name_only(secret: Secret) -> None:
    browser = secret.browser("alice")
    browser.follow(secret.url())
    moved = Browser(secret.server, {"main-opened.localhost": browser.cookies["main-secret.localhost"]})
    assert moved.get(secret.url("main-opened")).status == 302


def test_access_that_is_taken_away_ends(secret: Secret) -> None:
    browser = secret.browser("bob")
    assert browser.follow(secret.url())[1].text == "the secret"
    secret.sql("DELETE FROM collaborators")
    # A settings change makes every door ask again at once; without one it takes five seconds.
    secret.sql("UPDATE repositories SET description = 'x' WHERE name = 'secret'")
    until = time.monotonic() + 60
    while browser.get(secret.url()).status == 200 and time.monotonic() < until:
        time.sleep(0.2)
    assert browser.get(secret.url()).status == 302
    assert browser.follow(secret.url())[1].status == 404
    secret.collaborate()
    assert browser.follow(secret.url())[1].status == 200


def test_opened_previews_are_for_everybody(secret: Secret) -> None:
    url = secret.url("main-opened")
    assert secret.browser().get(url).status == 302
    secret.sql("UPDATE repositories SET open_previews = 1 WHERE name = 'opened'")
    answer = wait(lambda: (got := secret.browser().get(url)).status == 200 and got, "they are open to everybody")
    assert answer.text == "the secret"
    assert answer.headers["cache-control"] == "public, no-cache"
    assert secret.browser().get(f"{secret.server.url}/alice/opened").status == 303


def test_a_stylesheet_or_script_is_never_sent_away_to_sign_in(secret: Secret) -> None:
    answer = secret.browser().get(secret.url(path="/app.js"), Sec_Fetch_Mode="no-cors")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_https_cookies_have_the_host_prefix() -> None:
    host: Any = SimpleNamespace(config=SimpleNamespace(base_url="https://git.example"))
    assert Doorkeeper(cast("Any", host)).cookie == "__Host-gitperch-preview"
