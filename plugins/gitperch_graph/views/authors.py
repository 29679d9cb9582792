"""Whose commits these are: search has it written down; of what it has not, the commits are read. In a helper process: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gitperch_graph.search.build import commits
from gitperch_graph.search.drafts import person_of
from gitperch_graph.search.folding import folded
from gitperch_graph.search.lines import lines_with
from gitperch_graph.search.segments import ROWS, TEXTS, Segment, SegmentUnusable, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_graph.history import Array
    from gitperch_graph.repository import Repository
    from gitperch_graph.shape import Shape


def written_by(author: str, shape: Shape, among: Array, repository: Repository, texts: Path | None) -> Array:
    """Which of the commits `among` (a mask) have `author` in their author's name or address, as a search for it finds them.

    `shape` is a whole history, `texts` the folder of its segments. Raises TextsUnreadable.
    """
    found, needle, oids = np.zeros(shape.total, bool), folded(author), shape.all_oids()
    for number in range(-(-shape.total // ROWS)):
        low, high = number * ROWS, min(shape.total, (number + 1) * ROWS)
        segment = _fitting(texts, number, oids) if texts else None
        if segment:
            found[low + _rows(segment, needle)] = True
            low += segment.count
        wanted = low + np.flatnonzero(among[low:high])
        names = [oid.tobytes().hex() for oid in oids[wanted]]
        for height, data in zip(wanted.tolist(), commits(repository.path, names) if names else (), strict=True):
            found[height] = needle in person_of(data)
    return found & among


def _fitting(texts: Path, number: int, oids: Array) -> Segment | None:
    """Segment `number`, if it is about these commits."""
    try:
        segment = Segment.open(TEXTS, TEXTS.file(texts, number))
    except SegmentUnusable:
        return None
    here = oids[number * ROWS : number * ROWS + segment.count]
    return segment if len(here) == segment.count and digest_of(here.tobytes()) == segment.digest else None


def _rows(segment: Segment, needle: bytes) -> Array:
    """The rows of a segment whose authors hold `needle`."""
    at, rows = segment.numbers("person_at"), np.array(segment.numbers("by_person"), np.int64)
    found = [rows[at[nth] : at[nth + 1]] for nth in lines_with(segment.read("people"), needle)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)
