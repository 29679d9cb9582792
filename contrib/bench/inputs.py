"""What the benches run on: a small repository and a large one, generated once and kept for the next run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contrib.bench import histories
from contrib.bench.servers import GIT

if TYPE_CHECKING:
    from pathlib import Path

SMALL_COMMITS, SMALL_DOCUMENTS = 400, 400  # 1.6 MB
LARGE_COMMITS, LARGE_DOCUMENTS = 100_000, 6_000  # 200 MB


@dataclass(frozen=True)
class Inputs:
    small: Path
    large: Path

    @classmethod
    def at(cls, work: Path, large: Path | None, commits: int = LARGE_COMMITS) -> Inputs:
        """The two bare repositories; `large` is one of the user's own, instead of a generated one of `commits`."""
        return cls(
            small=_kept(work, "small", SMALL_COMMITS, SMALL_DOCUMENTS),
            large=large or _kept(work, "large", commits, LARGE_DOCUMENTS),
        )


def _kept(work: Path, name: str, commits: int, documents: int) -> Path:
    path = work / f"{name}-{commits}-{documents}.git"
    if not path.exists():
        making = path.with_suffix(f".{os.getpid()}")
        histories.generate(making, commits=commits, documents=documents)
        subprocess.run(["git", "repack", "-adFbq"], cwd=making, env=GIT, check=True)
        making.rename(path)
    return path


def branch(repository: Path) -> str:
    """The full name of the default branch."""
    head = ["git", "symbolic-ref", "HEAD"]
    return subprocess.run(head, cwd=repository, env=GIT, text=True, check=True, stdout=subprocess.PIPE).stdout.strip()
