"""The real git-lfs, and what speaks its protocol by hand where it would be too well-behaved."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from support.server import PASSWORD, git

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from support.server import Answer, Server

MEDIA_TYPE = "application/vnd.git-lfs+json"
needs_git_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed (apt install git-lfs)")


class Person:
    """Somebody with git-lfs set up, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._environment = {"GIT_CONFIG_GLOBAL": str(folder / "gitconfig"), "HOME": str(folder)}
        self.git("lfs", "install", "--skip-repo")

    def tries(self, *arguments: str, cwd: Path | None = None, **environment: str) -> CompletedProcess[str]:
        """A git command that may fail."""
        return git(*arguments, cwd=cwd or self.folder, **self._environment, **environment)

    def git(self, *arguments: str, cwd: Path | None = None, **environment: str) -> str:
        """Standard output and error of a git command that has to succeed."""
        done = self.tries(*arguments, cwd=cwd, **environment)
        assert done.returncode == 0, f"git {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def commit(self, work: Path, files: dict[str, bytes]) -> None:
        """Commit `files` in `work`, made if need be; what ends in .bin is kept with LFS."""
        if not (work / ".git").exists():
            self.git("init", "--quiet", str(work))
            self.git("lfs", "track", "*.bin", "*.png", cwd=work)
        for name, content in files.items():
            (work / name).write_bytes(content)
        self.git("add", "--all", cwd=work)
        self.git("commit", "--quiet", "-m", "Files", cwd=work)


def oid_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pointer_to(content: bytes) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid_of(content)}\nsize {len(content)}\n".encode()


def call(server: Server, method: str, path: str, document: Any = None, **options: Any) -> Answer:
    """One request to the API below `OWNER/NAME`; `document` is sent as JSON, or as it is where it is bytes."""
    headers = {"Accept": MEDIA_TYPE} | ({"Content-Type": MEDIA_TYPE} if document is not None else {})
    headers |= options.pop("headers", {})
    body = document if isinstance(document, bytes | None) else json.dumps(document).encode()
    repo, _, rest = path.partition(":")
    return server.request(method, f"/{repo}.git/info/lfs/{rest}", headers=headers, body=body, **options)


def batch(server: Server, repo: str, operation: str, *contents: bytes, **options: Any) -> list[dict[str, Any]]:
    """The answers for these contents, which `user` wants to bring or to have."""
    objects = [{"oid": oid_of(content), "size": len(content)} for content in contents]
    answer = call(server, "POST", f"{repo}:objects/batch", {"operation": operation, "objects": objects}, **options)
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    answers: list[dict[str, Any]] = answer.json()["objects"]
    return answers


def act(
    server: Server,
    action: dict[str, Any],
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Do what an action of the batch API says."""
    return server.request(method, action["href"], headers=action["header"] | (headers or {}), body=body)


def upload(server: Server, repo: str, content: bytes, user: str = "alice", password: str = PASSWORD) -> Answer:
    """Bring `content` as git-lfs does; the answer to the PUT."""
    [answer] = batch(server, repo, "upload", content, user=user, password=password)
    return act(server, answer["actions"]["upload"], "PUT", content)


def let_write(server: Server, repo: str, user: str, permission: str = "write") -> None:
    """Make `user` a collaborator."""
    owner, _, name = repo.partition("/")
    with sqlite3.connect(server.data / "gitperch.db") as db:
        db.execute(
            "INSERT OR REPLACE INTO collaborators SELECT r.id, u.id, ? FROM repositories r JOIN users o ON o.id = r.owner_id, users u"
            " WHERE o.name = ? AND r.name = ? AND u.name = ?",
            (permission, owner, name, user),
        )
    db.close()


def files_of(server: Server) -> list[str]:
    """The names of all files that are kept for LFS, half-finished ones included."""
    return sorted(name for _, _, names in os.walk(server.data / "lfs") for name in names)
