"""Browser sessions: a host-only cookie with a random id, of which the database keeps the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

from gitperch.accounts.people import User
from gitperch.errors import Forbidden

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

    from gitperch.config import Config
    from gitperch.db import Database


class Sessions:
    def __init__(self, db: Database, config: Config) -> None:
        self._db = db
        self._days = config.accounts.session_days
        self._origin = config.base_url
        self._secure = config.base_url.startswith("https:")
        # The prefix makes browsers refuse one that a preview's host tried to set for the whole domain (RFC 6265bis).
        self.cookie = "__Host-gitperch" if self._secure else "gitperch"

    async def begin(self, user: User, response: Response) -> None:
        """Sign `user` in: a new session, its cookie on `response`."""
        value, now = secrets.token_urlsafe(32), time.time()
        seconds = self._days * 86400
        async with self._db.write() as tx:
            await tx.execute("DELETE FROM browser_sessions WHERE expires_at < ?", (now,))
            await tx.execute(
                "INSERT INTO browser_sessions VALUES (?, ?, ?, ?)", (_hash(value), user.id, now, now + seconds)
            )
        response.set_cookie(
            self.cookie, value, int(seconds), path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    async def user(self, connection: HTTPConnection) -> User | None:
        """Who is signed in on this connection."""
        value = connection.cookies.get(self.cookie)
        if not value:
            return None
        row = self._db.peek(
            "SELECT u.* FROM browser_sessions s JOIN users u ON u.id = s.user_id WHERE s.hash = ? AND s.expires_at > ?",
            (_hash(value), time.time()),
        )
        return User(row["id"], row["name"], bool(row["is_admin"]), row["created_at"]) if row else None

    async def end(self, connection: HTTPConnection, response: Response) -> None:
        async with self._db.write() as tx:
            await tx.execute(
                "DELETE FROM browser_sessions WHERE hash = ?", (_hash(connection.cookies.get(self.cookie, "")),)
            )
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    def form_token(self, connection: HTTPConnection) -> str:
        """What a form of this session has to send back as `csrf`. Before signing in the Origin check has to do."""
        value = connection.cookies.get(self.cookie, "")
        return hmac.digest(b"gitperch form " + value.encode(), b"csrf", "sha256").hex()[:32]

    def check_form(self, connection: HTTPConnection, token: str) -> None:
        """Raises Forbidden for a form that this server's own page did not send."""
        self.check_origin(connection)
        if not hmac.compare_digest(token.encode(), self.form_token(connection).encode()):
            raise Forbidden("This form is from another session. Load the page again and send it once more.")

    def check_origin(self, connection: HTTPConnection) -> None:
        """Raises Forbidden when a browser says that another site sent this request."""
        origin = connection.headers.get("origin")
        if origin is not None and not self.is_own_origin(origin, connection):
            raise Forbidden("This request comes from another site, so nothing was done. Use this server's own pages.")

    def is_own_origin(self, origin: str, connection: HTTPConnection) -> bool:
        """Whether `origin` (RFC 6454) is this server as configured, or as this very request addressed it."""
        return origin in (
            self._origin,
            f"{connection.url.scheme.replace('ws', 'http')}://{connection.headers.get('host', '')}",
        )


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
