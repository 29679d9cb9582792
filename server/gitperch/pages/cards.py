"""What the graph says of a commit, a branch or a tag while somebody points at it: a small fragment, in the words of the pages."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, Busy, NotFound
from gitperch.git import GitError, commits, names, objects, refs
from gitperch.git.bounded import looked_up
from gitperch.git.commits import decoded
from gitperch.pages.commit_about import when
from gitperch.pages.links import links_of
from gitperch.pages.repository import RepositoryPage, open_repository

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.commits import Commit

MESSAGE_LIMIT = 3000
"""Characters of a message; who wants to read a longer one opens the commit."""

COMPARE_SECONDS = 0.6
COMPARISONS = 1000
_TAG_BYTES = 64 << 10
_FOLDERS = {"refs/heads/": "branch", "refs/tags/": "tag"}


@dataclass(frozen=True)
class Annotation:
    """What an annotated tag says besides its name. `at` is in Unix seconds, None where it has no tagger."""

    tagger: str
    at: int | None
    message: str


class Cards:
    """Answers `/{owner}/{name}/card`; keeps how far branches are from their default branch."""

    def __init__(self) -> None:
        self._compared: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """`?commit=OID` or `?ref=refs/heads/NAME` or `?ref=refs/tags/NAME`."""
        page = await open_repository(request)
        oid, ref = request.query_params.get("commit", ""), request.query_params.get("ref", "")
        if oid:
            return await _commit(page, oid.lower())
        folder = next((folder for folder in _FOLDERS if ref.startswith(folder)), "")
        if not folder or not names.is_ref(ref):
            raise BadRequest(
                "Name a commit by its oid, or a ref that begins with refs/heads/ or refs/tags/.", field="ref"
            )
        target = await asyncio.to_thread(_target, page, ref)
        commit = await _read(page, target) if target else None
        if not target or not commit:
            raise NotFound(
                f"There is no {_FOLDERS[folder]} {ref.removeprefix(folder)[:120]!r} here any more.", field="ref"
            )
        if folder == "refs/tags/":
            return await _tag(page, ref, target, commit)
        return await self._branch(page, ref.removeprefix(folder), commit)

    async def _branch(self, page: RepositoryPage, name: str, tip: Commit) -> Response:
        links = await links_of(page.host, page.repository, [name])
        is_default = name == page.repository.head
        distance = None if is_default else await self._distance(page, tip.oid)
        return page.response(
            "_card_ref.html",
            "graph",
            kind="branch",
            name=name,
            commit=tip,
            is_default=is_default,
            distance=distance,
            link=links.get(name),
        )

    async def _distance(self, page: RepositoryPage, oid: str) -> tuple[int, int] | None:
        """How many commits ahead of and behind the default branch, None where that would take long."""
        path = page.repository.path
        default = await asyncio.to_thread(_target, page, f"refs/heads/{page.repository.head}")
        if not default:
            return None
        key = (default, oid)
        if key not in self._compared:
            arguments = ("rev-list", "--left-right", "--count", "--end-of-options", f"{default}...{oid}", "--")
            try:
                async with asyncio.timeout(2 * COMPARE_SECONDS):
                    output, whole = await looked_up(
                        page.host.git, *arguments, path=path, limit=100, seconds=COMPARE_SECONDS
                    )
            except (GitError, Busy, TimeoutError):
                return None
            if not whole:
                return None
            behind, ahead = output.split()
            self._compared[key] = (int(ahead), int(behind))
            if len(self._compared) > COMPARISONS:
                self._compared.popitem(last=False)
        return self._compared[key]


async def _commit(page: RepositoryPage, given: str) -> Response:
    commit = await _read(page, given) if names.is_oid(given) else None
    if not commit:
        raise NotFound(f"There is no commit {given[:64]!r} in {page.repository.full_name}.", field="commit")
    message = commit.message.strip()
    subject, _, body = message[:MESSAGE_LIMIT].partition("\n")
    return page.response(
        "_card_commit.html",
        "graph",
        commit=commit,
        subject=subject,
        body=body.strip("\n"),
        cut=len(message) > MESSAGE_LIMIT,
        wrote=when(commit.author),
        committed=when(commit.committer),
        same=(commit.author.name, commit.author.email) == (commit.committer.name, commit.committer.email),
    )


async def _read(page: RepositoryPage, given: str) -> Commit | None:
    """The commit that an oid means, tags peeled."""
    git, path = page.host.git, page.repository.path
    oid = await git.look_up(path, objects.commit_oid, given)
    return (await git.look_up(path, commits.several, [oid])).get(oid) if oid else None


async def _tag(page: RepositoryPage, ref: str, target: str, commit: Commit) -> Response:
    annotation = await _annotation(page, ref) if target != commit.oid else None
    return page.response(
        "_card_ref.html", "graph", kind="tag", name=ref.removeprefix("refs/tags/"), commit=commit, annotation=annotation
    )


async def _annotation(page: RepositoryPage, ref: str) -> Annotation | None:
    fields = "%(taggername)%00%(taggerdate:unix)%00%(contents:subject)%0a%0a%(contents:body)"
    try:
        output = await page.host.git.run(
            "for-each-ref",
            "--count=1",
            f"--format={fields}",
            ref,
            path=page.repository.path,
            timeout=5,
            max_output=_TAG_BYTES,
        )
    except GitError:
        return None
    tagger, at, message = [*output.split(b"\0", 2), b"", b""][:3]
    return Annotation(decoded(tagger), int(at) if at.isdigit() else None, decoded(message).strip()[:MESSAGE_LIMIT])


def _target(page: RepositoryPage, ref: str) -> str | None:
    return refs.read(page.repository.path, [ref]).get(ref)
