"""Who may see a private preview: those who may read its repository, let in with a pass from the host.

The host's own cookie never reaches a preview. So a visitor goes to `{base_url}/preview-access?to=…`, signs in there, and comes back to
`/.gitperch/enter?pass=…` with a pass: signed, for this host name and person, valid for `previews.handover_seconds`, good once. For it the
visitor gets a cookie of this host name alone, which is checked at every request, as is the permission.

A share link (`shares`) is taken at `/.gitperch/share?key=…`, for a cookie of the same name that says so.

What is private and what is not there answer alike, here and on the host.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response

from gitperch.accounts.access import Viewer
from gitperch.errors import BadRequest
from gitperch_preview import notices
from gitperch_preview.keep import Kept
from gitperch_preview.shares import MOST_HOURS, Shares

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

    from gitperch.accounts.people import User
    from gitperch.host import Host
    from gitperch.repositories import Repository

ENTER = "/.gitperch/enter"
PERMISSION_SECONDS = 5.0
_PASS, _VISITOR, _GUEST = "preview pass", "preview visitor", "preview guest"
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
_PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


@dataclass(frozen=True)
class Destination:
    """An address below the preview domain: its label, and the path with its query."""

    label: str
    path: str


@dataclass(frozen=True)
class Visitor:
    """What the cookie of a host name says: a person, or else a guest with a share link."""

    label: str
    repo_id: int
    user_id: int | None = None
    share_id: int | None = None

    @property
    def is_guest(self) -> bool:
        return self.user_id is None


class Doorkeeper:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._secure = host.config.base_url.startswith("https:")
        self.cookie = "__Host-gitperch-preview" if self._secure else "gitperch-preview"
        self.shares = Shares(host)
        self._readers: Kept[tuple[int, int], bool] = Kept(10_000, PERMISSION_SECONDS)

    def forget(self, repo_id: int) -> None:
        """Ask again who may read this repository."""
        self._readers.drop_if(lambda key, _: key[1] == repo_id)

    def visitor(self, connection: HTTPConnection, label: str) -> Visitor | None:
        """Whom this request's cookie was given to, if it was given out for `label`."""
        value = connection.cookies.get(self.cookie, "")
        if not value:
            return None
        known = self._host.keys.verify(_VISITOR, value, self._host.config.previews.cookie_hours * 3600)
        if isinstance(known, list):
            return Visitor(*known) if known[0] == label else None
        guest = self._host.keys.verify(_GUEST, value, MOST_HOURS * 3600 + 60)
        return Visitor(guest[0], guest[1], share_id=guest[2]) if isinstance(guest, list) and guest[0] == label else None

    async def is_let_in(self, visitor: Visitor | None, repo: Repository) -> bool:
        """Whether the cookie was for `repo`, and the person it is for may still read it."""
        if visitor is None or visitor.repo_id != repo.id:
            return False
        user_id = visitor.user_id
        if visitor.share_id is not None:
            share = self.shares.good(visitor.label, repo.id, visitor.share_id)
            user_id = share.user_id if share else None
        return user_id is not None and await self._may_read(user_id, repo)

    def outside(self, request: Request, label: str) -> Response:
        """What those get who are not let in, and those who ask for what is not there."""
        if request.headers.get("service-worker") == "script":
            return notices.last_worker()
        if request.headers.get("sec-fetch-mode", "navigate") != "navigate":
            return notices.unknown(request.method)
        path = quote(request.scope["path"], safe="/", errors="surrogateescape")
        query = f"?{request.url.query}" if request.url.query else ""
        to = self._host.config.preview_url(label).rstrip("/") + path + query
        way = f"{self._host.config.base_url}/preview-access?to={quote(to, safe='')}"
        return RedirectResponse(way, 302, _PRIVATE | {"vary": "Cookie, Sec-Fetch-Mode"})

    def destination(self, to: str) -> Destination:
        """The preview that `to` is an address of. Raises BadRequest for any address elsewhere."""
        config = self._host.config
        wrong = BadRequest("This address does not lead to a preview of this server.", field="to")
        try:
            address = urlsplit(to)
            label = (address.hostname or "").removesuffix("." + config.preview_domain)
            own = urlsplit(config.preview_url(label))
            same = (address.scheme, address.netloc.lower()) == (own.scheme, own.netloc)
        except ValueError:
            raise wrong from None
        if not same or not label or _ODD.search(to) or len(to) > 4096:
            raise wrong
        return Destination(label, (address.path or "/") + (f"?{address.query}" if address.query else ""))

    async def hand_over(self, user: User, to: Destination, repo: Repository) -> Response | None:
        """Send `user` on to the preview with a pass; None where `user` may not read `repo`."""
        if not await self._may_read(user.id, repo):
            return None
        address = self._host.config.preview_url(to.label).rstrip("/")
        if is_open(repo):
            return RedirectResponse(address + to.path, 302, _PRIVATE)
        signed = self._host.keys.sign(_PASS, [to.label, repo.id, user.id, secrets.token_urlsafe(12), to.path])
        return RedirectResponse(f"{address}{ENTER}?pass={signed}", 302, _PRIVATE)

    async def enter(self, request: Request, label: str, repo: Repository | None) -> Response:
        """Take a pass, and give the cookie of this host name for it."""
        config = self._host.config.previews
        value = self._host.keys.verify(_PASS, request.query_params.get("pass", ""), config.handover_seconds)
        fits = request.method == "GET" and isinstance(value, list) and repo and value[:2] == [label, repo.id]
        if not fits or not repo or not await self._may_read(value[2], repo) or not await self._use(value[3]):
            return notices.pass_refused(request.method)
        # With the whole address a path that begins with two slashes stays a path.
        response = RedirectResponse(self._host.config.preview_url(label).rstrip("/") + value[4], 303, _PRIVATE)
        self._let_in(response, self._host.keys.sign(_VISITOR, [label, repo.id, value[2]]), config.cookie_hours * 3600)
        return response

    async def enter_shared(self, request: Request, label: str, repo: Repository | None) -> Response:
        """Take a share link, and give the cookie of this host name for it."""
        number = self.shares.number(label, request.query_params.get("key", ""))
        share = self.shares.good(label, repo.id, number) if repo and number is not None else None
        if request.method != "GET" or not repo or not share or not await self._may_read(share.user_id, repo):
            return notices.link_over(request.method)
        response = RedirectResponse(self._host.config.preview_url(label), 303, _PRIVATE)
        visitor = self.visitor(request, label)
        if not is_open(repo) and not (visitor and not visitor.is_guest and await self.is_let_in(visitor, repo)):
            guest = self._host.keys.sign(_GUEST, [label, repo.id, share.id])
            self._let_in(response, guest, share.expires_at - time.time())
        return response

    def _let_in(self, response: Response, value: str, seconds: float) -> None:
        response.set_cookie(
            self.cookie, value, int(seconds), path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    async def _may_read(self, user_id: int, repo: Repository) -> bool:
        if self._readers.get((user_id, repo.id)):
            return True
        user = await self._host.people.by_id(user_id)
        may = user is not None and await self._host.access.may(Viewer(user), repo, "read")
        if may:
            self._readers.put((user_id, repo.id), may)
        return may

    async def _use(self, nonce: str) -> bool:
        """Whether the pass with this nonce is used for the first time."""
        now = time.time()
        try:
            async with self._host.db.write() as tx:
                await tx.execute("DELETE FROM preview_passes WHERE expires_at < ?", (now,))
                # A second more than the pass lives: its age is counted in whole ones.
                expires_at = now + self._host.config.previews.handover_seconds + 2
                await tx.execute("INSERT INTO preview_passes VALUES (?, ?)", (nonce, expires_at))
        except sqlite3.IntegrityError:
            return False
        return True


def is_open(repo: Repository) -> bool:
    """Whether everybody may see the previews of `repo`."""
    return not repo.private or repo.open_previews
