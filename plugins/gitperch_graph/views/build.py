"""Building the index of a view, in a process of its own.

python -m gitperch_graph.views.build REPOSITORY INDEX VIEW_INDEX TEXTS

reads the view as JSON from standard input, the whole graph from INDEX, and authors from the folder TEXTS, as far as they are there.
Says how far it has come on standard output, as `gitperch_graph.build` does, and at last the generation of the graph that it has read.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gitperch_graph import build as builds
from gitperch_graph.lanes import ABSENT
from gitperch_graph.repository import HistoryUnreadable, Repository
from gitperch_graph.row_index import RowIndex
from gitperch_graph.search.build import TextsUnreadable
from gitperch_graph.sections import IndexUnusable
from gitperch_graph.shape import Shape
from gitperch_graph.views.choosing import RefNotThere, chosen
from gitperch_graph.views.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitperch_graph.views.narrowing import Narrowed

SKIPPED, SOLID, STRAIGHT = "skipped", "solid", "straight"
"""The sections that an index of a view has beside those of every index; see `narrowing.Narrowed`."""


@dataclass(frozen=True)
class Seen(Shape):
    """A smaller history, whose lane 0 goes down from `tip`: the default branch's own may be hidden."""

    tip: int = -1

    @property
    def chain(self) -> list[int]:
        return list(_first_parents(self, self.tip))


def _seen(shape: Shape, found: Narrowed) -> Seen:
    smaller = shape.narrowed(found.kept, found.first, found.to)
    head = next((ref.height for ref in shape.refs if ref.name == shape.head), -1)
    shown = np.zeros(shape.total, bool)
    shown[found.kept] = True
    tip = next((height for height in _first_parents(shape, head) if shown[height]), -1)
    parts = {each.name: getattr(smaller, each.name) for each in fields(smaller)}
    # Refs that are not in the view may move, and it stays as it is.
    parts["refs"] = [ref for ref in smaller.refs if ref.height >= 0]
    return Seen(**parts, tip=int(np.searchsorted(found.kept, tip)) if tip >= 0 else -1)


def _first_parents(shape: Shape, height: int) -> Iterator[int]:
    first, to = np.ascontiguousarray(shape.first).data, np.ascontiguousarray(shape.to).data
    while height >= 0:
        yield height
        start = first[height]
        height = to[start] if first[height + 1] > start and to[start] != ABSENT else -1


def build(
    repository: Path,
    whole_path: Path,
    view_path: Path,
    view: View,
    environment: Mapping[str, str] | None = None,
    told: Callable[[float, int], None] | None = None,
    texts: Path | None = None,
) -> str:
    """Write the index of `view` to `view_path`; the generation of the whole graph's index, at `whole_path`, from which it was made.

    Raises HistoryUnreadable, TextsUnreadable, IndexUnusable and RefNotThere.
    """
    whole = RowIndex.open(whole_path, repository)
    shape = Shape.of_index(whole)
    say = told or (lambda part, commits: None)
    say(0.1, shape.total)
    found = chosen(shape, view, Repository(repository, environment), texts)
    say(0.6, len(found.kept))
    own_graph = whole_path.with_suffix(".graph")
    if own_graph.exists():
        # The view's rows refer to it, and keep it when that of the whole is replaced.
        linked = view_path.with_suffix(".graph")
        linked.unlink(missing_ok=True)
        linked.hardlink_to(own_graph)
    seen = _seen(shape, found)
    solid, straight = found.solid(seen.chain)
    builds.write(
        view_path,
        seen,
        lambda part: say(part, len(found.kept)),
        extra={SKIPPED: found.skipped, SOLID: solid, STRAIGHT: straight},
    )
    return whole.generation


def main() -> int:
    repository, whole_path, view_path, texts = map(Path, sys.argv[1:])
    os.nice(builds.NICENESS)
    given = json.load(sys.stdin)
    view = View(**given | {"refs": tuple(given["refs"])})

    def tell(part: float, commits: int) -> None:
        sys.stdout.write(f"{part:.2f} {commits}\n")
        sys.stdout.flush()

    try:
        generation = build(repository, whole_path, view_path, view, told=tell, texts=texts)
    except (HistoryUnreadable, TextsUnreadable, IndexUnusable, RefNotThere) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{generation}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
