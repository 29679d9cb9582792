"""A browser without a browser: keeps the cookie, sends forms with their token, does not follow redirects."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from support.server import Answer, Server

_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass
class Visitor:
    """Somebody with a browser session of their own on `server`; nobody in particular until `sign_in`."""

    server: Server
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "text/html,*/*"})

    def get(self, path: str, **headers: str) -> Answer:
        return self._request("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str], *, page: str | None = None, **headers: str) -> Answer:
        """Fill in the form on `page` (default: at `path` itself) and send it to `path`."""
        found = _CSRF.search(self.get(page or path).text)
        token = {"csrf": found[1]} if found else {}
        body = urlencode(token | form).encode()
        return self._request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"} | headers)

    def sign_in(self, name: str | None = None, password: str | None = None) -> Answer:
        server = self.server
        return self.post(
            "/signin", {"name": name or server.admin, "password": password or server.password, "next": "/"}
        )

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent["Cookie"] = self.cookie
        answer = self.server.request(method, path, headers=sent, body=body)
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer
