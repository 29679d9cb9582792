"""Small histories drawn by hand, so that the rules of the lanes can be read."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest

from gitperch_graph.lanes import ABSENT, Lanes, laid_out

History = list[list[int]]  # the parents of each height
Drawn = tuple[list[int], list[list[int]]]


def lanes(history: History, chain: list[int]) -> Drawn:
    """The lane of each commit, and of its edges, laid out from the top."""
    first, edges = array("I", [0]), array("I")
    for parents in history:
        edges.extend(parents)
        first.append(len(edges))
    layout = laid_out(first, edges, chain)
    ends = iter(layout.edge)
    return layout.node, [[next(ends) for _ in parents] for parents in history]


def grown(history: History, chain: list[int]) -> Drawn:
    """The same with each commit put on top of those before it."""
    uses = Lanes(array("I"), array("I"), pinned=bool(chain))
    nodes: list[int] = []
    edges = []
    for height, parents in enumerate(history):
        lane, *found = uses.place(height, nodes.__getitem__, parents, height in chain)
        nodes.append(lane)
        edges.append(found)
    return nodes, edges


Draw = Callable[[History, list[int]], Drawn]
both = pytest.mark.parametrize("draw", [lanes, grown])


@both
def test_a_straight_line(draw: Draw) -> None:
    assert draw([[], [0], [1]], [0, 1, 2]) == ([0, 0, 0], [[], [0], [0]])


@both
def test_a_merged_branch_has_a_lane_of_its_own(draw: Draw) -> None:
    #  3   merge of 1 and 2
    #  | 2
    #  1 |
    #  0
    assert draw([[], [0], [0], [1, 2]], [0, 1, 3]) == ([0, 0, 1, 0], [[], [0], [1], [0, 1]])


@both
def test_a_branch_above_the_default_one_leaves_lane_0_alone(draw: Draw) -> None:
    assert draw([[], [0], [1], [2]], [0, 1]) == ([0, 0, 1, 1], [[], [0], [1], [1]])


@both
def test_branches_from_the_same_commit_join_in_its_row(draw: Draw) -> None:
    nodes, edges = draw([[], [0], [0], [0]], [0, 1])
    assert nodes[0] == nodes[1] == 0
    assert sorted(nodes[2:]) == [1, 2]
    assert edges[1] == [0]
    assert edges[2][0] >= 1
    assert edges[3][0] >= 1


@both
def test_without_a_default_branch_lane_0_is_free_for_all(draw: Draw) -> None:
    assert draw([[], [0], [1]], []) == ([0, 0, 0], [[], [0], [0]])


@both
def test_an_octopus(draw: Draw) -> None:
    nodes, edges = draw([[], [0], [0], [0], [1, 2, 3]], [0, 1, 4])
    assert nodes[:2] == [0, 0]
    assert edges[4][0] == 0
    assert sorted([nodes[2], nodes[3]]) == sorted(edges[4][1:]) == [1, 2]


def test_a_parent_that_is_not_here_takes_no_lane() -> None:
    assert lanes([[ABSENT, ABSENT], [0]], [0, 1]) == ([0, 0], [[0, 0], [0]])


@both
def test_a_second_root_stands_beside(draw: Draw) -> None:
    nodes, edges = draw([[], [], [0, 1]], [0, 2])
    assert nodes == [0, 1, 0]
    assert edges == [[], [], [0, 1]]


def test_a_lane_is_used_again_when_it_is_free() -> None:
    #  two branches one after the other, each merged before the next begins
    history = [[], [0], [0, 1], [2], [2, 3]]
    nodes, edges = grown(history, [0, 2, 4])
    assert nodes == [0, 1, 0, 1, 0]
    assert edges == [[], [1], [0, 1], [1], [0, 1]]
    assert lanes(history, [0, 2, 4]) == (nodes, edges)
