"""The rules of the lanes, held against histories of every shape."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from gitperch_graph.lanes import Lanes, laid_out, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

History = list[list[int]]
QUICK = settings(max_examples=50, deadline=None)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """The parents of each height: roots, octopuses, criss-cross merges, parents that are named twice, far and near ones."""
    history: History = []
    for height in range(draw(st.integers(1, 40))):
        near = st.integers(max(0, height - 5), height - 1) if height else st.nothing()
        far = st.integers(0, height - 1) if height else st.nothing()
        history.append(draw(st.lists(near | far, max_size=4)) if height else [])
    return history


@QUICK
@given(histories(), st.data())
def test_no_edge_lies_on_another_or_across_a_commit(history: History, data: st.DataObject) -> None:
    tip = data.draw(st.integers(-1, len(history) - 1))
    first, edges = flat(history)
    layout = laid_out(first, edges, [tip] if tip >= 0 else [])
    lanes = iter(layout.edge)
    check(history, layout.node, [[next(lanes) for _ in parents] for parents in history], tip)


@QUICK
@given(histories(), st.data())
def test_nor_where_commits_wish_for_lanes(history: History, data: st.DataObject) -> None:
    tip = data.draw(st.integers(-1, len(history) - 1))
    wishes = data.draw(st.lists(st.integers(-1, 6), min_size=len(history), max_size=len(history)))
    first, edges = flat(history)
    layout = laid_out(first, edges, [tip] if tip >= 0 else [], wishes)
    lanes = iter(layout.edge)
    check(history, layout.node, [[next(lanes) for _ in parents] for parents in history], tip)


@QUICK
@given(histories(), st.data())
def test_who_wishes_for_what_they_had_gets_it(history: History, data: st.DataObject) -> None:
    tip = data.draw(st.integers(-1, len(history) - 1))
    first, edges = flat(history)
    tips = [tip] if tip >= 0 else []
    before = ways(first, edges, tips)
    assert ways(first, edges, tips, wishes=before[0])[0] == before[0]


@QUICK
@given(histories(), st.data())
def test_nor_when_each_commit_is_put_on_top_of_those_before(history: History, data: st.DataObject) -> None:
    tip = data.draw(st.integers(-1, len(history) - 1))
    on_chain = set(chain(history, tip))
    uses = Lanes(array("I"), array("I"), pinned=tip >= 0)
    nodes: list[int] = []
    edges: list[list[int]] = []
    for height, parents in enumerate(history):
        lane, *found = uses.place(height, nodes.__getitem__, parents, height in on_chain)
        nodes.append(lane)
        edges.append(found)
    check(history, nodes, edges, tip)


@QUICK
@given(histories(), st.data())
def test_nor_when_some_are_put_among_those_that_stay(history: History, data: st.DataObject) -> None:
    """Whoever is laid out again finds room between the others, which do not move."""
    tip = data.draw(st.integers(-1, len(history) - 1))
    first, edges = flat(history)
    layout = laid_out(first, edges, [tip] if tip >= 0 else [])
    again = {height for height in range(len(history)) if data.draw(st.integers(0, 3)) == 0} - set(chain(history, tip))
    uses = Lanes(array("I"), array("I"), pinned=tip >= 0)
    nodes = list(layout.node)
    found = [layout.edge[first[height] : first[height + 1]] for height in range(len(history))]
    for height in range(len(history)):
        if height not in again:
            uses.use(nodes[height], height, 0xFFFFFFFF)
            for parent, lane in zip(history[height], found[height], strict=True):
                if parent != height - 1:
                    uses.use(lane, height - 1, parent)
    for height in sorted(again):
        nodes[height], *found[height] = uses.place(height, nodes.__getitem__, history[height], on_chain=False)
    check(history, nodes, found, tip)


def flat(history: History) -> tuple[array[int], array[int]]:
    first, edges = array("I", [0]), array("I")
    for parents in history:
        edges.extend(parents)
        first.append(len(edges))
    return first, edges


def chain(history: History, tip: int) -> Iterator[int]:
    while tip >= 0:
        yield tip
        tip = history[tip][0] if history[tip] else -1


def check(history: History, nodes: list[int], edges: list[list[int]], tip: int) -> None:
    """In each row and lane there is one commit, or edges to one commit; lane 0 is the default branch's, and straight."""
    there = {(height, lane): height for height, lane in enumerate(nodes)}
    on_chain = set(chain(history, tip))
    for height, parents in enumerate(history):
        for nth, (parent, lane) in enumerate(zip(parents, edges[height], strict=True)):
            assert tip < 0 or (lane == 0) == (height in on_chain and nth == 0)
            for between in range(parent + 1, height):
                assert there.setdefault((between, lane), parent) == parent, (between, lane)
    assert tip < 0 or {height for height, lane in enumerate(nodes) if lane == 0} == on_chain
