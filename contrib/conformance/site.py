"""The site that git's HTTP tests expect: the transport in several settings, and around it what Apache would be configured to do.

`lib-httpd/apache.conf` in git's tests is what this imitates, path by path. All that serves repositories is in `transport`, which is
the embedding as `docs/embedding.md` has it.
"""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING

from contrib.conformance import cgi
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from gitperch.transport import Allowed, Refused, Served, SignIn, Transport, below

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from gitperch.transport import GitRequest

# git's tests know them by heart (lib-httpd/passwd and proxy-passwd have them encrypted).
PASSWORDS = {"user@host": "pass@host", "forbidden-user@host": "pass@host"}
PROXY = ("proxuser", "proxpass")

PASSED_ON = (
    "GNUPGHOME",
    "GIT_TRACE",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_TEST_SIDEBAND_ALL",
    "LANG",
    "LC_ALL",
    "GIT_EXEC_PATH",
)
EXPORTED = {"GIT_HTTP_EXPORT_ALL": ""}
SETTINGS: dict[str, dict[str, str]] = {
    "smart": EXPORTED,
    "smart_noexport": {},
    "smart_custom_env": EXPORTED | {"GIT_COMMITTER_NAME": "Custom User", "GIT_COMMITTER_EMAIL": "custom@example.com"},
    "smart_namespace": EXPORTED | {"GIT_NAMESPACE": "ns"},
    "smart_v0": EXPORTED | {"GIT_PROTOCOL": ""},
    "smart_cookies": EXPORTED,
    "smart_headers": EXPORTED,
    "behind": EXPORTED,
}
_REPOSITORY = re.compile(r".*/(smart[^/]*|behind)(/.*)")

SCRIPTS = [
    (r"/smart/incomplete_length/git-upload-pack()", "incomplete-length-upload-pack-v2-http.sh"),
    (r"/smart/incomplete_body/git-upload-pack()", "incomplete-body-upload-pack-v2-http.sh"),
    (r"/smart/no_report/git-receive-pack()", "error-no-report.sh"),
    (r"/error_git_upload_pack(/.*)/git-upload-pack", "error.sh"),
    (r"/broken_smart(/.*)", "broken-smart-http.sh"),
    (r"/error_smart(/.*)", "error-smart-http.sh"),
    (r"/error(/.*)", "error.sh"),
    (r"/one_time_script(/.*)", "apply-one-time-script.sh"),
    (r"/one_time_perl(/.*)", "apply-one-time-perl.sh"),
    (r"/http_429(/.*)", "http-429.sh"),
    (r"/custom_auth(/.*)", "nph-custom-auth.sh"),
]
REDIRECTS = [
    (r"/dumb-redir/(.*)", r"/dumb/\1", 301),
    (r"/smart-redir-perm/(.*)", r"/smart/\1", 301),
    (r"/smart-redir-temp/(.*)", r"/smart/\1", 302),
    (r"/smart-redir-auth/(.*)", r"/auth/smart/\1", 301),
    (r"/smart-redir-limited/(.*)/info/refs", r"/smart/\1/info/refs", 301),
    (r"/ftp-redir/(.*)", r"ftp://localhost:1000/\1", 302),
    (r"/loop-redir/(?:x-){20}(.*)", r"/\1", 302),
    (r"/loop-redir/(.*)", r"/loop-redir/x-\1", 302),
    (r"/insane-redir/(.*)", r"/intern-redir/\1/foo", 301),
    (r"/redir-objects/(.*/objects/.*)", r"/dumb/\1", 301),
]
INTERNAL = [(r"/intern-redir/(.*)/foo", r"/smart/\1"), (r"/redir-objects/(.*/info/refs)", r"/dumb/\1")]


class Site:
    def __init__(self, root: Path, programs: Path) -> None:
        """`root` is where git's tests have put the server's files; `programs` has a `git-http-backend` that asks us."""
        self._root = root
        given = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._cgi = {"PATH": os.environ["PATH"], **given, "GIT_EXEC_PATH": str(programs)}
        self._find = below(root / "www")
        self.transport = Transport(self.find, self.may, environment=given, hooks=True)

    def find(self, path: str) -> Served | None:
        setting, repository = _setting(path)
        found = self._find(repository)
        return Served(found, SETTINGS[setting]) if found and setting in SETTINGS else None

    def may(self, request: GitRequest) -> Allowed | SignIn | Refused:
        headers = request.connection.headers
        magic = (headers.get("x-magic-one"), headers.get("x-magic-two"))
        if _setting(request.path)[0] == "smart_headers" and magic != ("abra", "cadabra"):
            return Refused()
        realm = realm_of(request.connection.url.path, pushes=request.writes)
        user, password = request.basic or ("", "")
        if not realm:
            return Allowed()
        if not user or PASSWORDS.get(user) != password:
            return SignIn(realm)
        return Refused() if user.startswith("forbidden") else Allowed(user)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.transport(scope, receive, send)
        request = Request(scope, receive)
        path = scope["path"]
        if path.startswith(("http://", "https://")):
            if _basic(request.headers.get("proxy-authorization", "")) != PROXY:
                challenge = {"proxy-authenticate": 'Basic realm="proxy-auth"'}
                return await PlainTextResponse("Sign in.\n", 407, challenge)(scope, receive, send)
            path = "/" + path.split("/", 3)[3]
        if answer := _redirected(request, path):
            return await answer(scope, receive, send)
        for pattern, target in INTERNAL:
            path = re.sub(f"^{pattern}$", target, path)
        for pattern, script in SCRIPTS:
            if found := re.fullmatch(pattern, path):
                return await cgi.run(self._root / script, found[1], self._cgi, scope, receive, send)
        scope = {**scope, "path": path, "raw_path": path.encode()}
        if _REPOSITORY.fullmatch(path):
            return await self.transport(scope, receive, _with_cookie(send) if "/smart_cookies/" in path else send)
        return await self._file(request, path)(scope, receive, send)

    def _file(self, request: Request, path: str) -> Response:
        if realm := realm_of(path, pushes=False):
            user, password = _basic(request.headers.get("authorization", "")) or ("", "")
            if not user or PASSWORDS.get(user) != password:
                return PlainTextResponse("Sign in.\n", 401, {"www-authenticate": f'Basic realm="{realm}"'})
            if user.startswith("forbidden"):
                return PlainTextResponse("You may not.\n", 403)
        name = path.removeprefix("/dumb/").lstrip("/")
        file = self._root / "www" / name
        if ".." in name.split("/") or not file.is_file():
            return PlainTextResponse("There is nothing here.\n", 404)
        return FileResponse(file)


def realm_of(path: str, *, pushes: bool) -> str:
    """For what a request has to sign in; "" for nothing."""
    if path.startswith("/auth/") or re.search(r"^/auth-(push/.*/git-receive|fetch/.*/git-upload)-pack$", path):
        return "git-auth"
    return "Git Access" if path.startswith("/half-auth-complete/") and pushes else ""


def _setting(path: str) -> tuple[str, str]:
    found = _REPOSITORY.fullmatch(path)
    return (found[1], found[2]) if found else ("", "")


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    user, _, password = base64.b64decode(value).decode().partition(":") if scheme == "Basic" else ("", "", "")
    return (user, password) if user else None


def _redirected(request: Request, path: str) -> Response | None:
    query = request.url.query
    if path.startswith("/redir-to/"):
        target = f"/really-redir-to?path={path.removeprefix('/redir-to/')}&qs={query}"
        return RedirectResponse(f"{request.base_url}{target[1:]}", 302)
    if path == "/really-redir-to" and (found := re.fullmatch(r"path=(.*?)&qs=(.*)", query)):
        if found[1].startswith("502/"):
            return PlainTextResponse("Bad gateway.\n", 502)
        return RedirectResponse(f"{request.base_url}{found[1]}?{found[2]}", 302)
    for pattern, target, status in REDIRECTS:
        if found := re.fullmatch(pattern, path):
            to = found.expand(target)
            full = to if "://" in to else f"{str(request.base_url).rstrip('/')}{to}"
            return RedirectResponse(full + (f"?{query}" if query else ""), status)
    return None


def _with_cookie(send: Send) -> Send:
    async def sending(message: Mapping[str, object]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"set-cookie", b"name=value")]}  # type: ignore[misc]
        await send(message)  # type: ignore[arg-type]

    return sending
