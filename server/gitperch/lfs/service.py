"""What the batch API answers for each object (git-lfs `docs/api/batch.md`), and what an upload has to pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch.accounts.access import client_address
from gitperch.errors import AppError, NotFound, TooLarge
from gitperch.lfs import grants
from gitperch.lfs.errors import Gone, Invalid, TooSlow
from gitperch.lfs.messages import is_size
from gitperch.lfs.pointer import is_oid
from gitperch.words import in_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from starlette.requests import HTTPConnection

    from gitperch.accounts.access import Viewer
    from gitperch.host import Host
    from gitperch.lfs.store import Stored
    from gitperch.repositories import Repository

BATCH = 1000  # objects in one request; git-lfs sends 100


@dataclass(frozen=True)
class Wanted:
    """An object that a client wants to have or to bring, as it says."""

    oid: str
    size: int

    def check(self, limit: int = 0) -> None:
        """Raises Invalid for what no object can be, TooLarge for more than `limit` bytes (0: as many as there are)."""
        if not is_oid(self.oid):
            raise Invalid("The oid has to be a SHA-256 in 64 lower-case hex digits.")
        if not is_size(self.size):
            raise Invalid("The size has to be a number of bytes.")
        if limit and self.size > limit:
            raise TooLarge(
                f"It is {in_bytes(self.size)}, and an object here may have {in_bytes(limit)} (git.lfs_max_bytes)."
            )


def wanted_in(values: object) -> list[Wanted]:
    """The `objects` of a request, each once. Raises Invalid, TooLarge for more than `BATCH`."""
    if not isinstance(values, list):
        raise Invalid("objects has to be a list.")
    if len(values) > BATCH:
        raise TooLarge(f"{len(values)} objects are too many for one request; {BATCH} can be asked for at once.")
    found: dict[Wanted, None] = {}
    for value in values:
        oid, size = (value.get("oid"), value.get("size")) if isinstance(value, dict) else (None, None)
        if not isinstance(oid, str) or not oid.isascii() or type(size) is not int:
            raise Invalid(
                "Each of the objects has to have an oid, which is a text, and a size, which is a whole number."
            )
        found[Wanted(oid, size)] = None
    return list(found)


class Transfers:
    """Objects that one viewer wants to bring to or have from one repository."""

    def __init__(self, host: Host, viewer: Viewer, repo: Repository) -> None:
        self._host = host
        self._viewer = viewer
        self._repo = repo

    async def downloads(self, wanted: list[Wanted], base: str) -> list[dict[str, Any]]:
        """An answer for each, with where to get it, below the address `base`."""
        linked = await self._host.lfs.linked(self._repo, [each.oid for each in wanted])
        answers = []
        for each in wanted:
            try:
                self.here(each, linked.get(each.oid))
                answers.append(self._answer(each, "download", {"download": f"{base}/{each.oid}"}))
            except AppError as error:
                answers.append(_error(each, error))
        return answers

    async def uploads(self, wanted: list[Wanted], base: str) -> list[dict[str, Any]]:
        """An answer for each: with where to put it, or nothing to do where it is here already.

        Raises Invalid where none of them can be, OverQuota where they do not fit in.
        """
        answers, sound = {}, []
        for each in wanted:
            try:
                each.check(self._host.config.git.lfs_max_bytes)
                sound.append(each)
            except AppError as error:
                answers[each] = _error(each, error)
        if answers and not sound and all(answer["error"]["code"] == Invalid.status for answer in answers.values()):
            raise Invalid(next(iter(answers.values()))["error"]["message"])
        await self._link_readable(sound)
        linked = await self._host.lfs.linked(self._repo, [each.oid for each in sound])
        missing = [each for each in sound if each.oid not in linked]
        await self._host.quota.require(self._repo, sum(each.size for each in missing))
        for each in sound:
            stored = linked.get(each.oid)
            if stored and stored.size != each.size:
                answers[each] = _error(each, _other_size(each, stored))
            elif stored and stored.whole:
                answers[each] = {"oid": each.oid, "size": each.size}
            else:
                addresses = {"upload": f"{base}/{each.oid}", "verify": f"{base}/verify"}
                answers[each] = self._answer(each, "upload", addresses)
        return [answers[each] for each in wanted]

    async def _link_readable(self, wanted: list[Wanted]) -> None:
        """Link what another repository of the same owner has, if the viewer may read it there and so could bring it anyway."""
        here = await self._host.lfs.linked(self._repo, [each.oid for each in wanted])
        missing = {each.oid: each.size for each in wanted if each.oid not in here}
        if not missing:
            return
        found: dict[str, int] = {}
        for repo_id, sizes in (await self._host.lfs.elsewhere(self._repo, missing)).items():
            other = await self._host.repositories.by_id(repo_id)
            if other and await self._host.access.may(self._viewer, other, "read"):
                found |= {oid: size for oid, size in sizes.items() if size == missing[oid]}
        if found:
            await self._host.lfs.link(self._repo, found)

    async def upload(self, connection: HTTPConnection, wanted: Wanted, chunks: AsyncIterable[bytes]) -> None:
        """Take in `chunks` as the object `wanted`. Raises Invalid, TooLarge, OverQuota, TooSlow, Busy, and what access raises."""
        host, repo, settings = self._host, self._repo, self._host.config.git
        wanted.check(settings.lfs_max_bytes)
        if wanted.oid not in await host.lfs.linked(repo, [wanted.oid]):
            await host.quota.require(repo, wanted.size)
        try:
            async with (
                host.lfs.places.turn(client_address(connection)),
                asyncio.timeout(settings.request_seconds),
                host.lfs.received(wanted.oid, wanted.size, chunks) as path,
            ):
                # It may have taken an hour; who may not write any more has not uploaded it.
                await host.access.repository(self._viewer, repo.owner, repo.name, "write")
                await host.lfs.place(repo, wanted.oid, wanted.size, path)
        except TimeoutError:
            seconds = f"{settings.request_seconds:g}"
            raise TooSlow(f"The upload took longer than {seconds} seconds (git.request_seconds). Push again.") from None

    async def verify(self, wanted: Wanted) -> None:
        """Raises NotFound, Gone or Invalid where the object is not here."""
        self.here(wanted, (await self._host.lfs.linked(self._repo, [wanted.oid])).get(wanted.oid))

    @staticmethod
    def here(wanted: Wanted, stored: Stored | None) -> None:
        """Raises NotFound, Gone or Invalid where `stored`, what the repository has under this oid, is not what is wanted."""
        wanted.check()
        if not stored:
            raise NotFound("The object is not in this repository. Whoever has it can bring it: git lfs push --all")
        if stored.size != wanted.size:
            raise _other_size(wanted, stored)
        if not stored.whole:
            raise Gone("The server has lost the object. Whoever has it can bring it again: git lfs push --all")

    def _answer(self, wanted: Wanted, operation: str, addresses: dict[str, str]) -> dict[str, Any]:
        """What to do next, by the names of the actions, with leave for an hour."""
        header = grants.header(self._host, self._viewer, self._repo.full_name, operation, wanted.oid, wanted.size)
        actions = {
            name: {"href": address, "header": header, "expires_in": grants.SECONDS}
            for name, address in addresses.items()
        }
        return {"oid": wanted.oid, "size": wanted.size, "authenticated": True, "actions": actions}


def _other_size(wanted: Wanted, stored: Stored) -> Invalid:
    return Invalid(f"The object {wanted.oid} has {stored.size} bytes, not {wanted.size}. Check the pointer file.")


def _error(wanted: Wanted, error: AppError) -> dict[str, Any]:
    return {"oid": wanted.oid, "size": wanted.size, "error": {"code": error.status, "message": error.message}}
