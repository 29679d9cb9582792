"""Who is asking, and what they may. Every way in passes here, and everything that is not allowed is denied."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from weakref import WeakValueDictionary

from gitperch.errors import Forbidden, NotFound, TooMany, Unauthorized

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from gitperch.accounts.people import People, User
    from gitperch.accounts.sessions import Sessions
    from gitperch.accounts.tokens import Tokens
    from gitperch.config import AccountSettings
    from gitperch.db import Database
    from gitperch.repositories import Repositories, Repository

Permission = Literal["read", "write", "admin"]
_RANK = {"read": 1, "write": 2, "admin": 3}
_SCOPE_RANK = {"read:repository": 1, "write:repository": 2, "all": 3}
_REMEMBERED_SECONDS = 300.0
_REMEMBERED = 1000


@dataclass(frozen=True)
class Viewer:
    """Whoever sent a request: a person, signed in, with a token or a key; a deploy key or a preview, no person; or nobody."""

    user: User | None = None
    rank: int = 3  # the most that a token's scopes or a deploy key allow
    repo_id: int | None = None  # the only repository that a token or a deploy key is for
    token_id: int | None = None  # the token, where one was sent
    deploys_for: str | None = None  # for a deploy key: who gave it to its repository, "" if that is not known any more
    key: str = ""  # the fingerprint of the SSH key, where one was used

    @property
    def name(self) -> str:
        """Who is named as having done it."""
        return self.user.name if self.user else self.deploys_for or ""

    @property
    def is_known(self) -> bool:
        return self.user is not None or self.deploys_for is not None


ANONYMOUS = Viewer()


class Access:
    def __init__(
        self,
        db: Database,
        people: People,
        tokens: Tokens,
        sessions: Sessions,
        repositories: Repositories,
        settings: AccountSettings,
    ) -> None:
        self._db = db
        self._people = people
        self._tokens = tokens
        self._sessions = sessions
        self._repositories = repositories
        self._failures = Failures(settings.failures, settings.failure_seconds)
        self._guessing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._remembered: dict[bytes, tuple[float, int]] = {}
        self._salt = secrets.token_bytes(16)

    async def viewer(self, connection: HTTPConnection) -> Viewer:
        """Who sent this request, by its `Authorization` (Basic with password or token, `token X`, `Bearer X`), else its cookie.

        Raises Unauthorized for credentials that are not right, TooMany after too many of them.
        """
        header = connection.headers.get("authorization")
        if header is None:
            user = await self._sessions.user(connection)
            return Viewer(user) if user else ANONYMOUS
        scheme, _, value = header.partition(" ")
        if scheme.lower() in ("token", "bearer"):
            return await self._by_token(value.strip(), connection)
        if scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise Unauthorized("The Authorization header is not valid Basic authentication (RFC 7617).") from None
            return await self._by_name(name, password, connection)
        raise Unauthorized("This server knows Basic, Bearer and token authorization.")

    async def sign_in(self, name: str, password: str, connection: HTTPConnection) -> User:
        """The person with this name and password. Raises Unauthorized or TooMany."""
        async with self._turn(connection):
            return await self._signed_in(name, password, connection)

    def _turn(self, connection: HTTPConnection) -> asyncio.Lock:
        """One password at a time from each address: a thousand guesses sent at once are counted like those sent in turn."""
        return self._guessing.setdefault(client_address(connection), asyncio.Lock())

    async def _signed_in(self, name: str, password: str, connection: HTTPConnection) -> User:
        keys = (client_address(connection), name.lower())
        self._failures.check(keys)
        user = await self._people.check(name, password)
        if not user:
            self._failures.add(keys)
            raise Unauthorized("The name or the password is not right.", field="password")
        return user

    async def permission(self, viewer: Viewer, repo: Repository) -> int:
        """What `viewer` may do with `repo`: 0 nothing, 1 read, 2 write, 3 administer."""
        if viewer.repo_id is not None and viewer.repo_id != repo.id:
            return 0 if repo.private else 1
        rank = 0 if repo.private else 1
        if viewer.user:
            if viewer.user.is_admin or viewer.user.id == repo.owner_id:
                rank = 3
            else:
                row = self._db.peek(
                    "SELECT permission FROM collaborators WHERE repo_id = ? AND user_id = ?", (repo.id, viewer.user.id)
                )
                rank = max(rank, _RANK[row["permission"]] if row else 0)
        elif viewer.deploys_for is not None and viewer.repo_id == repo.id:
            rank = viewer.rank
        return min(rank, viewer.rank)

    async def may(self, viewer: Viewer, repo: Repository, permission: Permission) -> bool:
        return await self.permission(viewer, repo) >= _RANK[permission]

    @staticmethod
    def may_create(viewer: Viewer, owner: str) -> bool:
        """Whether `viewer` may make a repository in the namespace of `owner` by pushing to it."""
        user = viewer.user
        return bool(user and user.name.lower() == owner.lower() and viewer.rank > 1 and viewer.repo_id is None)

    async def repository(self, viewer: Viewer, owner: str, name: str, permission: Permission = "read") -> Repository:
        """The repository, if `viewer` has this permission on it.

        Raises, the same for one that is private and one that is not there: Unauthorized to nobody, NotFound to a person or a deploy key.
        Raises Forbidden only where they may read it but not do this.
        """
        repo = await self._repositories.find(owner, name)
        rank = await self.permission(viewer, repo) if repo else 0
        if repo and rank >= _RANK[permission]:
            return repo
        if not viewer.is_known:
            raise Unauthorized(f"Sign in to see whether {owner}/{name} is here, or for more rights on it.")
        if rank:
            raise Forbidden(
                f"You may read {owner}/{name}, but this needs the {permission} permission; ask its owner for it."
            )
        raise NotFound(f"There is no repository {owner}/{name} here, or it is private and you have no access.")

    async def _by_token(self, secret: str, connection: HTTPConnection) -> Viewer:
        address = (client_address(connection),)
        self._failures.check(address)
        grant = await self._tokens.check(secret)
        if grant and grant.user_id is None:
            return Viewer(rank=1, repo_id=grant.repo_id, token_id=grant.token_id, deploys_for="")
        user = await self._people.by_id(grant.user_id) if grant and grant.user_id is not None else None
        if not grant or not user:
            self._failures.add(address)
            raise Unauthorized("The token is not right, or its time is over. Make a new one on your account page.")
        return Viewer(user, max(_SCOPE_RANK[scope] for scope in grant.scopes), grant.repo_id, grant.token_id)

    async def _by_name(self, name: str, password: str, connection: HTTPConnection) -> Viewer:
        # git has one field for both, and some tools put a token into the name.
        for secret in (password, name if password in ("", "x-oauth-basic") else ""):
            if secret.startswith("gpt_"):
                return await self._by_token(secret, connection)
        key = hashlib.blake2b(f"{name}\0{password}".encode("utf-8", "surrogatepass"), key=self._salt).digest()
        user = await self._recalled(key)
        if not user:
            async with self._turn(connection):
                # A push is three requests, and many may come at once; scrypt once will do.
                user = await self._recalled(key)
                if not user:
                    remembered = self._remembered
                    user = await self._signed_in(name, password, connection)
                    if len(remembered) >= _REMEMBERED:
                        remembered.clear()
                    remembered[key] = (time.monotonic() + _REMEMBERED_SECONDS, user.id)
        return Viewer(user)

    async def _recalled(self, key: bytes) -> User | None:
        until, user_id = self._remembered.get(key, (0.0, 0))
        return await self._people.by_id(user_id) if until > time.monotonic() else None

    def forget_passwords(self) -> None:
        """Called when a password has changed. A check that is under way writes what it finds into the old memory."""
        self._remembered = {}


class Failures:
    """Counts wrong credentials by address and by name, and asks for patience."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._seen: dict[str, list[float]] = {}

    def check(self, keys: tuple[str, ...]) -> None:
        """Raises TooMany where one of `keys` has failed too often."""
        now = time.monotonic()
        for key in keys:
            recent = [at for at in self._seen.get(key, ()) if at > now - self._seconds]
            if len(recent) >= self._limit:
                raise TooMany(
                    f"Too many wrong passwords, tokens or keys. Wait {int(recent[0] + self._seconds - now) + 1} seconds and try again."
                )

    def add(self, keys: tuple[str, ...]) -> None:
        now = time.monotonic()
        if len(self._seen) > _REMEMBERED:
            self._seen = {
                key: kept
                for key, times in self._seen.items()
                if (kept := [t for t in times if t > now - self._seconds])
            }
        for key in keys:
            self._seen.setdefault(key, []).append(now)
            del self._seen[key][: -self._limit]


def client_address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else "unknown"
