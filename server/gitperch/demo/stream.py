"""A history as a stream for `git fast-import` (git-fast-import(1))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.demo import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitperch.demo.history import Commit, History, Tag

PICTURE = "img/garden.svg"
_STAND = "refs/gitperch/demo"  # the ref that commits are made on; gone at the end

Tree = dict[str, int]  # path → mark of its content


def fast_import(history: History) -> Iterator[bytes]:
    """The whole history: each content once, each commit with what differs from its first parent, then branches and tags."""
    return _Stream(history).parts()


class _Stream:
    def __init__(self, history: History) -> None:
        self._history = history
        self._contents: dict[str, int] = {}
        self._trees: list[Tree] = []

    def parts(self) -> Iterator[bytes]:
        for commit in self._history.commits:
            before = self._trees[commit.parents[0] - 1] if commit.parents else {}
            tree: Tree = {}
            for path, text in self._files(commit, before):
                if isinstance(text, str) and text not in self._contents:
                    yield self._blob(text)
                tree[path] = self._contents[text] if isinstance(text, str) else text
            self._trees.append(tree)
            yield _commit(commit, before, tree)
        for name, tip in self._history.branches.items():
            yield f"reset refs/heads/{name}\nfrom :{tip}\n\n".encode()
        yield from map(_tag, self._history.tags)
        yield b"reset %s\nfrom %s\n\ndone\n" % (_STAND.encode(), b"0" * 40)

    def _files(self, commit: Commit, before: Tree) -> Iterator[tuple[str, str | int]]:
        """Path, and content or the mark of what the first parent has there."""
        yield from render.files(commit.state).items()
        version = commit.state.get("picture", 0)
        if version and PICTURE in before and self._state(commit.parents[0]).get("picture") == version:
            yield PICTURE, before[PICTURE]
        elif version:
            yield PICTURE, render.picture(commit.state)

    def _state(self, mark: int) -> Mapping[str, int]:
        return self._history.commits[mark - 1].state

    def _blob(self, text: str) -> bytes:
        # Commits have the numbers from 1 on.
        self._contents[text] = mark = len(self._history.commits) + 1 + len(self._contents)
        data = text.encode()
        return b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(data), data)


def _commit(commit: Commit, before: Tree, tree: Tree) -> bytes:
    message = f"{commit.message}\n".encode()
    who = commit.author.line().encode()
    head = b"commit %s\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s" % (
        *(_STAND.encode(), commit.mark, who, who, len(message), message),
    )
    lines = [f"{'merge' if at else 'from'} :{parent}" for at, parent in enumerate(commit.parents)]
    lines += [f"D {path}" for path in sorted(before.keys() - tree.keys())]
    lines += [f"M 100644 :{content} {path}" for path, content in tree.items() if before.get(path) != content]
    return head + "\n".join([*lines, "", ""]).encode()


def _tag(tag: Tag) -> bytes:
    if not tag.message:
        return f"reset refs/tags/{tag.name}\nfrom :{tag.commit}\n\n".encode()
    size = len(tag.message.encode()) + 1
    return f"tag {tag.name}\nfrom :{tag.commit}\ntagger {tag.author.line()}\ndata {size}\n{tag.message}\n".encode()
