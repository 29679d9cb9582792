"""Somebody with a token, who asks about one repository over HTTP and pushes to it."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from gitperch.repositories import importing
from support.server import Answer, git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.repositories import Repository
    from support.house import House


@dataclass
class Member:
    """Alice, whose repository it is."""

    it: House
    repo: Repository
    token: str

    @classmethod
    async def of(cls, it: House, source: Path | None = None, **options: Any) -> Self:
        """With a new repository, filled from `source` if given."""
        repo = await it.repository(**options)
        if source:
            await importing.fill(it.host.git, repo, source)
            await it.host.refs.observe(repo, source="import")
        return cls(it, repo, await it.token())

    async def ask(self, path: str, **headers: str) -> Answer:
        """What is answered at `path`; `headers` with underscores for dashes, an empty one is not sent."""
        sent = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        request = urllib.request.Request(
            self.it.url + path, headers={name: value for name, value in sent.items() if value}
        )
        return await asyncio.to_thread(_asked, request)

    async def push(self, work: Path, *refspecs: str) -> None:
        address = f"http://alice:{self.token}@127.0.0.1:{self.it.port}/{self.repo.full_name}.git"
        done = await asyncio.to_thread(git, "push", "--quiet", "--force", address, *refspecs, cwd=work)
        assert done.returncode == 0, done.stderr


def _asked(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())
