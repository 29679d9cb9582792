"""A stash that was pushed below `refs/stashes/` is one commit on the one that it was made on, whatever happens around it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch_graph import build, small
from support.graph import check, facts, whole
from support.graph_client import Client
from support.graph_life import Life, after_pushes
from support.house import House, Test, runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.graph import Window

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@dataclass
class StashingLife(Life):
    """Among whose people are some who push stashes, too, or name parts of them."""

    stashed: int = 0

    def stash(self, base: str, *, untracked: bool = False) -> list[str]:
        """[the stash, its index, its untracked files], as `git stash` makes them."""
        made = [self.commit(base), *([self.commit()] if untracked else [])]
        return [self.commit(base, *made), *made]

    def push_something(self) -> None:
        if self.dice.random() < 0.4:
            super().push_something()
            return
        self.stashed += 1
        names = [name for name in self.libgit.references if name.startswith("refs/stashes/")]
        base = self.dice.choice(sorted(self.branches().values()))
        new = self.stash(base, untracked=self.dice.random() < 0.5)
        kind = self.dice.choice("new new over drop branch index merge rename late".split())
        if kind == "new" or not names:
            self.point(f"refs/stashes/{self.stashed}", new[0])
            return
        name = self.dice.choice(sorted(names))
        parts = [name, *(f"{name}^{nth}" for nth in (2, 3))]
        oids = [git("rev-parse", "--quiet", "--verify", part, cwd=self.path).stdout.strip() for part in parts]
        if kind == "over":
            self.point(name, new[0])
        elif kind == "branch":  # of the stash itself, or of what it is made of
            self.point(f"refs/heads/kept-{self.stashed}", self.dice.choice([oid for oid in oids if oid]))
        elif kind == "index":
            self.point(f"refs/heads/kept-{self.stashed}", self.commit(oids[1] or base))
        elif kind == "merge":  # not everything there has to be a stash
            self.point(name, self.commit(base, self.dice.choice(sorted(self.branches().values()))))
        else:
            self.libgit.references.delete(name)
            if kind == "rename":
                self.point(f"refs/stashes/{self.stashed}", oids[0])


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_pushes_and_stashes_ends_in_what_git_says(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "KEPT", 12 if seed < 2 else 1024)
    path = generate(tmp_path / "it.git", commits=120, branches=4, seed=seed, wild=seed % 2 == 1)
    life = StashingLife(path, random.Random(seed))
    after_pushes(life, 10)
    assert life.extensions > 3
    index = small.small(path, ENVIRONMENT)
    assert index
    check(whole(index), facts(path))


def work_tree(folder: Path) -> Path:
    """With a stash of a changed, a staged and an untracked file, made on the second of three commits."""
    commit(folder, {"readme": "one"}, "one")
    commit(folder, {"changed": "before", "staged": "before"}, "two")
    for name in ("changed", "staged", "untracked"):
        (folder / name).write_text("after")
    for arguments in (["add", "staged"], ["stash", "push", "--quiet", "--include-untracked", "--message", "An idea"]):
        done = git(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    commit(folder, {"readme": "three"}, "three")
    return folder


def test_a_stash_is_pushed_shown_hidden_and_applied_elsewhere(run: Callable[[Test], None], tmp_path: Path) -> None:
    """The real thing: `git stash`, a push, the graph, a fetch somewhere else."""
    work = work_tree(tmp_path / "work")

    async def story(it: House) -> None:
        client = await Client.of(it, private=False)
        await client.push(work, "HEAD:refs/heads/main", "refs/stash:refs/stashes/desk")
        graph = await client.graph()
        check(graph, facts(client.repo.path))
        stash = next(row for row in graph["rows"] if row["refs"] == ["refs/stashes/desk"])
        assert stash["subject"] == "On main: An idea"
        assert len(graph["rows"]) == 4, "its index and its untracked files are no rows of their own"
        assert [graph["rows"][row]["subject"] for row in stash["parents"]] == ["two"]
        assert (await client.graph("?at=desk"))["focus"] == stash["row"]
        assert [ref["name"] for ref in (await client.graph("/names?q=desk"))["refs"]] == ["refs/stashes/desk"]
        assert [row["subject"] for row in (await shown(client, "?stashes=0"))["rows"]] == ["three", "two", "one"]
        assert len((await shown(client, "?ref=refs/stashes/desk"))["rows"]) == 3
        for path in ("changed", "staged"):
            found = (await shown(client, f"?path={path}"))["rows"]
            assert [(row["subject"], row["parents"]) for row in found] == [("On main: An idea", [1]), ("two", [])]
        picture = await client.ask(f"/{client.repo.full_name}/graph.svg")
        assert "three" in picture.text
        assert "An idea" not in picture.text
        await asyncio.to_thread(apply_elsewhere, tmp_path / "elsewhere", client)

    run(story)


def apply_elsewhere(folder: Path, client: Client) -> None:
    address = f"http://alice:{client.token}@127.0.0.1:{client.it.port}/{client.repo.full_name}.git"
    for arguments in (
        ["clone", "--quiet", address, str(folder)],
        ["-C", str(folder), "fetch", "--quiet", "origin", "refs/stashes/desk"],
        ["-C", str(folder), "stash", "apply", "--quiet", "FETCH_HEAD"],
    ):
        done = git(*arguments, cwd=folder.parent)
        assert done.returncode == 0, done.stderr
    assert {(folder / name).read_text() for name in ("changed", "staged", "untracked")} == {"after"}


def test_git_itself_lets_nobody_push_refs_stash(run: Callable[[Test], None], tmp_path: Path) -> None:
    """Why stashes have names of their own: nothing else of the push is refused, and what is there stays."""
    work = work_tree(tmp_path / "work")
    bare = tmp_path / "plain.git"
    assert git("init", "--quiet", "--bare", str(bare), cwd=tmp_path).returncode == 0
    done = git("push", str(bare), "refs/stash", cwd=work)
    assert "funny refname" in done.stderr

    async def story(it: House) -> None:
        client = await Client.of(it, private=False)
        await client.push(work, "HEAD:refs/heads/main")
        with pytest.raises(AssertionError, match="refs/stashes/NAME"):
            await client.push(work, "refs/stash")

    run(story)


async def shown(client: Client, path: str) -> Window:
    """A view, once it is made."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.answer(path)
            if answer.status == 200:
                found: Window = answer.json()
                return found
            assert answer.status == 202, answer.text
            await asyncio.sleep(0.05)
