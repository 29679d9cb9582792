"""Access tokens for git and the API: random, hashed at rest, with scopes, perhaps for one repository, perhaps with an end."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.accounts.people import User
    from gitperch.db import Database
    from gitperch.repositories import Repository

SCOPES = {
    "all": "everything that its owner may",
    "read:repository": "read repositories: clone, fetch, look at pages, follow events",
    "write:repository": "the same, and push, create, change",
}
PREFIX = "gpt_"
_USED_EVERY = 60.0


@dataclass(frozen=True)
class Token:
    """A token as its owner sees it later: never the secret itself."""

    id: int
    name: str
    last_eight: str
    scopes: tuple[str, ...]
    repository: str | None
    created_at: float
    expires_at: float | None
    used_at: float | None


@dataclass(frozen=True)
class Grant:
    """What a presented token allows. One that was lent belongs to nobody: its `user_id` is None, its `token_id` below zero."""

    token_id: int
    user_id: int | None
    scopes: frozenset[str]
    repo_id: int | None


@dataclass(frozen=True)
class Loan:
    """A token that the server lends to something of its own, such as a preview that clones: see `Tokens.lend`."""

    id: int
    secret: str = field(repr=False)


@dataclass(frozen=True)
class _Lent:
    digest: bytes
    repo_id: int
    since: float
    until: float


class Tokens:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._lent: dict[int, _Lent] = {}
        self._loans = 0

    def lend(self, repo: Repository, seconds: float) -> Loan:
        """A token that can read `repo`, and nothing else that is not public, for `seconds` or until it is taken back.

        It stands for nobody, is kept in memory alone, and so is over when the server is.
        """
        now = time.time()
        for old in [loan_id for loan_id, lent in self._lent.items() if lent.until <= now]:
            del self._lent[old]
        self._loans -= 1
        loan = Loan(self._loans, PREFIX + secrets.token_hex(20))
        self._lent[loan.id] = _Lent(_hash(loan.secret), repo.id, now, now + seconds)
        return loan

    def take_back(self, loan: Loan) -> None:
        """End a loan; once more is harmless."""
        self._lent.pop(loan.id, None)

    async def add(
        self,
        user: User,
        name: str,
        scopes: Sequence[str] = (),
        repo: Repository | None = None,
        days: float | None = None,
    ) -> str:
        """A new token's secret: shown once, kept only as a hash. No scopes means `all`.

        Raises BadRequest for a scope that is not in `SCOPES` or a number of days that is not positive.
        """
        for scope in scopes:
            if scope not in SCOPES:
                raise BadRequest(f"{scope[:60]!r} is no scope; the scopes are {', '.join(SCOPES)}.", field="scope")
        if days is not None and not 0 < days <= 36500:
            raise BadRequest("The number of days has to be between 0 and 36500.", field="days")
        secret = PREFIX + secrets.token_hex(20)
        now = time.time()
        async with self._db.write() as tx:
            await tx.execute(
                "INSERT INTO tokens (user_id, name, hash, last_eight, scopes, repo_id, created_at, expires_at) VALUES (?,?,?,?,?,?,?,?)",
                (
                    user.id,
                    name.strip()[:100] or "token",
                    _hash(secret),
                    secret[-8:],
                    " ".join(scopes) or "all",
                    repo.id if repo else None,
                    now,
                    now + days * 86400 if days else None,
                ),
            )
        return secret

    async def check(self, secret: str) -> Grant | None:
        """What `secret` allows now; None for one that is unknown or over."""
        if not secret.startswith(PREFIX):
            return None
        digest, now = _hash(secret), time.time()
        for loan_id, lent in self._lent.items():
            if lent.digest == digest and lent.until > now:
                return Grant(loan_id, None, frozenset({"read:repository"}), lent.repo_id)
        row = self._db.peek(
            "SELECT * FROM tokens WHERE hash = ? AND (expires_at IS NULL OR expires_at > ?)", (digest, now)
        )
        if not row:
            return None
        if (row["used_at"] or 0) < now - _USED_EVERY:
            async with self._db.write() as tx:
                await tx.execute("UPDATE tokens SET used_at = ? WHERE id = ?", (now, row["id"]))
        return Grant(row["id"], row["user_id"], frozenset(row["scopes"].split()), row["repo_id"])

    async def lives(self, token_id: int, since: float) -> bool:
        """Whether the token that had this id at the time `since` is neither revoked nor over."""
        if token_id < 0:
            lent = self._lent.get(token_id)
            return lent is not None and lent.since <= since and lent.until > time.time()
        sql = "SELECT 1 FROM tokens WHERE id = ? AND created_at <= ? AND (expires_at IS NULL OR expires_at > ?)"
        return bool(self._db.peek(sql, (token_id, since, time.time())))

    async def listing(self, user: User) -> list[Token]:
        rows = await self._db.rows(
            "SELECT t.*, u.name || '/' || r.name AS repository FROM tokens t LEFT JOIN repositories r ON r.id = t.repo_id"
            " LEFT JOIN users u ON u.id = r.owner_id WHERE t.user_id = ? ORDER BY t.id DESC",
            (user.id,),
        )
        return [
            Token(
                row["id"],
                row["name"],
                row["last_eight"],
                tuple(row["scopes"].split()),
                row["repository"],
                row["created_at"],
                row["expires_at"],
                row["used_at"],
            )
            for row in rows
        ]

    async def revoke(self, user: User, token_id: int) -> None:
        """End one of the person's own tokens. Raises NotFound for any other id."""
        async with self._db.write() as tx:
            if not await tx.execute("DELETE FROM tokens WHERE user_id = ? AND id = ?", (user.id, token_id)):
                raise NotFound("There is no such token; it may have been revoked already.")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
