"""One clone on a client's disk: how it was made, how it is brought up to date, and what has to be true of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contrib.bench.author import git

if TYPE_CHECKING:
    import random
    from pathlib import Path

KINDS = ("full", "blobless", "single-branch", "shallow")
WIDE = ("full", "blobless")  # those that follow every branch and tag
_EVERYTHING = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
_FETCH = ("fetch", "--quiet", "--prune", "--force", "--no-write-fetch-head")
TRIES = 10  # of a fetch whose branch is gone before it asks for it


@dataclass
class Clone:
    """A clone without a work tree of the repository `name`; `kind` is one of KINDS."""

    path: Path
    name: str
    kind: str
    overtaken: int = 0

    @classmethod
    def make(cls, path: Path, name: str, kind: str, url: str, dice: random.Random) -> Clone:
        """Clone `url` with git. Raises RuntimeError with what git said."""
        flags = {
            "full": (),
            "blobless": ("--filter=blob:none",),
            "single-branch": ("--single-branch",),
            "shallow": (f"--depth={dice.randint(1, 30)}",),
        }[kind]
        clone = cls(path, name, kind)
        clone._patiently("clone", "--quiet", "--no-checkout", *flags, url, str(path), inside=False)
        git(path, "config", "gc.autoDetach", "false")
        if kind in WIDE:
            clone.fetch()
        return clone

    def fetch(self, *flags: str) -> None:
        """Bring it up to date, and check that nothing is missing of what its refs reach."""
        self._patiently(*_FETCH, *flags, "origin", *(_EVERYTHING if self.kind in WIDE else ()))
        self.connected()

    def _patiently(self, *arguments: str, inside: bool = True) -> None:
        """Run git, and again when somebody moved a ref between its look and its wish: a wish for what is gone is refused."""
        for number in range(TRIES):
            try:
                git(self.path if inside else self.path.parent, *arguments)
                break
            except RuntimeError as error:
                if "not our ref" not in str(error) or number == TRIES - 1:
                    raise
                self.overtaken += 1

    def deepen(self, dice: random.Random) -> None:
        self.fetch(dice.choice(["--deepen=5", "--deepen=50", "--unshallow"]) if self._shallow() else "--depth=3")

    def _shallow(self) -> bool:
        return (self.path / ".git" / "shallow").exists()

    def read_some(self, dice: random.Random) -> None:
        """Look at a file of the default branch; without blobs, git fetches it now."""
        files = git(self.path, "ls-tree", "-r", "--name-only", "refs/remotes/origin/HEAD").splitlines()
        for file in dice.sample(files, min(3, len(files))):
            git(self.path, "cat-file", "blob", f"refs/remotes/origin/HEAD:{file}")

    def connected(self) -> None:
        """Raises RuntimeError unless every object that the refs reach is there."""
        partial = ("--exclude-promisor-objects",) if self.kind == "blobless" else ()
        git(self.path, "rev-list", "--objects", "--all", "--quiet", *partial)

    def check(self) -> None:
        """Raises RuntimeError unless git finds everything whole."""
        git(self.path, "fsck", "--full", "--no-dangling", "--no-progress")

    def refs(self) -> dict[str, str]:
        """What it has of the server's refs, by the server's names: oids."""
        found = {}
        for line in git(
            self.path, "for-each-ref", "--format=%(objectname) %(refname)", "refs/remotes/origin", "refs/tags"
        ).splitlines():
            oid, name = line.split(" ", 1)
            if name != "refs/remotes/origin/HEAD":
                found[name.replace("refs/remotes/origin/", "refs/heads/")] = oid
        return found

    def remove(self) -> None:
        shutil.rmtree(self.path)
