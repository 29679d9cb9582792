"""Somebody who commits and pushes, with a clone of their own and without a work tree."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from contrib.bench.inputs import branch
from contrib.bench.servers import GIT

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """git's standard output. Raises RuntimeError with what it said when it fails."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=GIT, input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)[:200]}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode("utf-8", "replace").strip()


class Author:
    """Works on the default branch of a clone of `source` at `path`."""

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        self.branch = branch(source)
        git(path.parent, "clone", "--quiet", "--bare", str(source), str(path))
        self._count = 0

    def commit(self) -> str:
        """One more commit, with a change of one file two folders deep; its oid."""
        self._count += 1
        text = f"Line {self._count} of a file that changes often.\n" * 20
        stream = f"""commit {self.branch}
committer Bench <bench@example.com> {int(time.time())} +0000
data 12
Change {self._count:04}
from {self.branch}^0
M 100644 inline bench/notes/often.txt
data {len(text)}
{text}
done
"""
        git(self.path, "fast-import", "--quiet", "--done", stdin=stream.encode())
        return git(self.path, "rev-parse", self.branch)

    def push(self, url: str) -> float:
        """Push the branch; ms of the whole command."""
        began = time.perf_counter()
        git(self.path, "push", "--quiet", url, self.branch)
        return (time.perf_counter() - began) * 1000
