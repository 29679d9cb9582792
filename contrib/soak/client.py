"""A client: clones, fetches, commits and pushes as its dice say, and knows at every moment what its own branches have to be."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING

from contrib.bench.author import git
from contrib.bench.raw_client import Connection, Request
from contrib.soak.clone import KINDS, WIDE, Clone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from contrib.bench.servers import Gitperch

CLONES = 3  # on a client's disk at once
BRANCHES = 4  # of its own in each repository
_LOST_RACE = ("fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "stale info")


class Client:
    """`refs` is what the server has to have below this client's own names; nobody else writes there."""

    def __init__(self, number: int, seed: int, server: Gitperch, repositories: Sequence[str], folder: Path) -> None:
        self.name = f"client-{number}"
        self.clones: list[Clone] = []
        self.refs: dict[str, dict[str, str]] = {name: {} for name in repositories}
        self.done: dict[str, int] = {}
        self.lost_races = 0
        self._dice = random.Random(f"{seed}-{number}")  # noqa: S311 -- no secrets
        self._server = server
        self._repositories = list(repositories)
        self._folder = folder / self.name
        self._folder.mkdir()
        self._numbers = itertools.count()
        self._deleted: list[tuple[str, str]] = []
        self._actions: list[tuple[int, Callable[[], None]]] = [
            (6, self.clone),
            (16, self.fetch),
            (4, self.deepen),
            (4, self.read),
            (10, self.push_new_branch),
            (12, self.push_commits),
            (6, self.force_push),
            (4, self.delete_branch),
            (4, self.push_over_deleted),
            (6, self.push_tag),
            (3, self.push_atomically),
            (5, self.push_to_default_branch),
            (3, self.look_at_page),
        ]

    def run(self, until: float) -> None:
        """Act until `until`, in seconds of time.monotonic(). Raises RuntimeError for anything that should not happen."""
        self.clone()
        weights = [weight for weight, _ in self._actions]
        while time.monotonic() < until:
            _, action = self._dice.choices(self._actions, weights)[0]
            action()
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1

    def clone(self) -> None:
        """A new clone; the oldest of too many is checked and goes."""
        name, kind = self._dice.choice(self._repositories), self._dice.choice(KINDS)
        path = self._folder / f"clone-{next(self._numbers)}"
        self.clones.append(Clone.make(path, name, kind, self._server.push_url(name), self._dice))
        if len(self.clones) > CLONES:
            old = self.clones.pop(0)
            old.check()
            old.remove()

    def fetch(self) -> None:
        """Afterwards our own refs are what we made them."""
        clone = self._dice.choice(self.clones)
        clone.fetch()
        if clone.kind in WIDE:
            seen = {ref: oid for ref, oid in clone.refs().items() if self._is_ours(ref)}
            if seen != self.refs[clone.name]:
                raise RuntimeError(f"{clone.path}: our refs should be {self.refs[clone.name]}, the server said {seen}")

    def _is_ours(self, ref: str) -> bool:
        return ref.startswith((f"refs/heads/{self.name}/", f"refs/tags/{self.name}/"))

    def deepen(self) -> None:
        for clone in self.clones:
            if clone.kind == "shallow":
                return clone.deepen(self._dice)
        return None

    def read(self) -> None:
        self._dice.choice(self.clones).read_some(self._dice)

    def push_new_branch(self) -> None:
        clone = self._dice.choice(self.clones)
        if len(self._branches(clone)) >= BRANCHES:
            return self.delete_branch()
        return self._push(clone, {f"refs/heads/{self.name}/topic-{next(self._numbers)}": self._commit(clone)})

    def push_commits(self) -> None:
        """One to three more commits on a branch of ours."""
        clone, branch = self._branch()
        if not branch:
            return self.push_new_branch()
        clone.fetch()
        tip = self.refs[clone.name][branch]
        if clone.kind not in WIDE:
            git(clone.path, "fetch", "--quiet", "origin", branch)
        for _ in range(self._dice.randint(1, 3)):
            tip = self._commit(clone, tip)
        return self._push(clone, {branch: tip})

    def force_push(self) -> None:
        clone, branch = self._branch()
        if branch:
            self._push(clone, {branch: self._commit(clone)}, "--force")

    def delete_branch(self) -> None:
        clone, branch = self._branch()
        if branch:
            git(clone.path, "push", "--quiet", "origin", f":{branch}")
            del self.refs[clone.name][branch]
            self._deleted.append((clone.name, branch))

    def push_over_deleted(self) -> None:
        """Something new under a name that was deleted a while ago."""
        for clone in self.clones:
            for place, (name, branch) in enumerate(self._deleted):
                if name == clone.name and len(self._branches(clone)) < BRANCHES:
                    del self._deleted[place]
                    return self._push(clone, {branch: self._commit(clone)})
        return None

    def push_tag(self) -> None:
        """A light or an annotated tag; the oldest of too many goes in the same push."""
        clone = self._dice.choice(self.clones)
        oid, ref = self._commit(clone), f"refs/tags/{self.name}/v{next(self._numbers)}"
        if self._dice.random() < 0.5:
            text = (
                f"object {oid}\ntype commit\ntag {ref[10:]}\ntagger Soak <soak@example.com> 1700000000 +0000\n\nA tag\n"
            )
            oid = git(clone.path, "mktag", stdin=text.encode())
        ours = self.refs[clone.name]
        tags = [tag for tag in ours if tag.startswith("refs/tags/")]
        old = tags[0] if len(tags) >= BRANCHES else ""
        git(clone.path, "push", "--quiet", "origin", f"{oid}:{ref}", *([f":{old}"] if old else []))
        ours.pop(old, None)
        ours[ref] = oid

    def push_atomically(self) -> None:
        clone = self._dice.choice(self.clones)
        self._push(clone, {branch: self._commit(clone) for branch in self._branches(clone)[:2]}, "--force", "--atomic")

    def push_to_default_branch(self) -> None:
        """Everybody does, so that it may be somebody else's turn; git's own words say so."""
        clone = self._dice.choice(self.clones)
        clone.fetch()
        head = git(clone.path, "symbolic-ref", "refs/remotes/origin/HEAD").replace("remotes/origin", "heads")
        try:
            git(clone.path, "push", "--quiet", "origin", f"{self._commit(clone, 'refs/remotes/origin/HEAD')}:{head}")
        except RuntimeError as error:
            if not any(words in str(error) for words in _LOST_RACE):
                raise
            self.lost_races += 1

    def look_at_page(self) -> None:
        name = self._dice.choice(self._repositories)
        with Connection(f"http://127.0.0.1:{self._server.port}") as connection:
            for page in ("", "/branches", "/tags"):
                connection.ask(Request("GET", f"/{self._server.user}/{name}{page}"))

    def _branches(self, clone: Clone) -> list[str]:
        return [ref for ref in self.refs[clone.name] if ref.startswith("refs/heads/")]

    def _branch(self) -> tuple[Clone, str]:
        """A clone, and a branch of ours in its repository, or ""."""
        clone = self._dice.choice(self.clones)
        branches = self._branches(clone)
        return clone, self._dice.choice(branches) if branches else ""

    def _commit(self, clone: Clone, parent: str = "") -> str:
        """A commit with a change of one file, on `parent` or on something that the clone has; its oid."""
        if not parent:
            known = git(clone.path, "for-each-ref", "--format=%(refname)", "refs/remotes/origin").splitlines()
            parent = self._dice.choice(known)
        number = next(self._numbers)
        text = "".join(f"{self._dice.random()}\n" for _ in range(self._dice.choice([10, 100, 2000])))
        stream = (
            f"commit refs/soak/work\ncommitter Soak <soak@example.com> {1_700_000_000 + number} +0000\n"
            f"data <<END\n{self.name} {number}\nEND\nfrom {parent}^0\n"
            f"M 100644 inline soak/{self.name}/{number % 20}.txt\ndata {len(text)}\n{text}\ndone\n"
        )
        git(clone.path, "fast-import", "--quiet", "--force", "--done", stdin=stream.encode())
        return git(clone.path, "rev-parse", "refs/soak/work")

    def _push(self, clone: Clone, moves: dict[str, str], *flags: str) -> None:
        if moves:
            git(clone.path, "push", "--quiet", *flags, "origin", *(f"{oid}:{ref}" for ref, oid in moves.items()))
            self.refs[clone.name].update(moves)
