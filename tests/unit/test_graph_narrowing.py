"""A history with some commits hidden: who is whose parent then."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from gitperch_graph.views import narrowing
from gitperch_graph.views.narrowing import ABSENT, narrowed, straight
from support.views import narrow


def history(parents: list[list[int]]) -> tuple[narrowing.Numbers, narrowing.Numbers]:
    first = np.cumsum([0, *map(len, parents)]).astype(np.uint32)
    return first, np.array([to for tos in parents for to in tos], np.uint32)


def shown_of(parents: list[list[int]], shown: set[int]) -> dict[int, tuple[list[int], set[int]]]:
    """By old heights: parents, and those of them that are skipped."""
    found = narrowed(*history(parents), np.array([h in shown for h in range(len(parents))]))
    kept = found.kept.tolist()
    masks = found.skipped.tolist() or [0] * len(kept)
    answer = {}
    for new, height in enumerate(kept):
        tos = [to if to == ABSENT else kept[to] for to in found.to[found.first[new] : found.first[new + 1]].tolist()]
        answer[height] = (tos, {to for nth, to in enumerate(tos) if masks[new] >> nth & 1})
    check_solid(found, answer)
    return answer


def check_solid(found: narrowing.Narrowed, answer: dict[int, tuple[list[int], set[int]]]) -> None:
    """That of each commit the topmost real child is told, and of the newest's first-parent chain its only one."""
    kept = found.kept.tolist()
    chain = [len(kept) - 1]
    while (tos := answer[kept[chain[-1]]][0]) and tos[0] != ABSENT:
        chain.append(kept.index(tos[0]))
    solid, alone = found.solid(chain)
    steps = {kept[parent]: kept[child] for child, parent in pairwise(chain)}
    for new, (top, way) in enumerate(zip(solid.tolist(), alone.tolist(), strict=True)):
        height = kept[new]
        children = [
            child
            for child, (tos, skipped) in answer.items()
            if height in tos and height not in skipped and steps.get(height) != child
        ]
        assert (kept[top] if children else 0) == max(children, default=0)
        assert way == (0 if height not in steps else 1 + (height in answer[steps[height]][1]))


def test_a_hidden_commit_is_gone_through() -> None:
    assert shown_of([[], [0], [1], [2]], {0, 3}) == {0: ([], set()), 3: ([0], {0})}


def test_what_leads_nowhere_is_no_parent() -> None:
    assert shown_of([[], [0], [1]], {2}) == {2: ([], set())}


def test_a_parent_that_is_not_here_stays_so() -> None:
    assert shown_of([[ABSENT], [0]], {0, 1})[0] == ([ABSENT], set())


def test_behind_a_hidden_merge_both_sides_are_parents() -> None:
    # 0 ← 1, 0 ← 2, both merged by 3, which is hidden below 4
    assert shown_of([[], [0], [0], [1, 2], [3]], {0, 1, 2, 4})[4] == ([1, 2], {1, 2})


def test_what_another_parent_reaches_is_left_out_but_never_a_real_parent() -> None:
    assert shown_of([[], [0], [0], [1, 2], [3]], {0, 1, 4})[4] == ([1], {1})
    assert shown_of([[], [0], [1, 0]], {0, 1, 2})[2] == ([1, 0], set())
    assert shown_of([[], [0], [1], [2, 0]], {0, 1, 3})[3] == ([1, 0], {1})


def test_first_parents_alone() -> None:
    first, to = straight(*history([[], [0], [0], [1, 2], []]))
    assert (first.tolist(), to.tolist()) == ([0, 0, 1, 2, 3, 3], [0, 0, 1])


@pytest.mark.parametrize("seed", range(60))
def test_random_histories_are_narrowed_as_by_the_plainest_way(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "MOST", 64)
    monkeypatch.setattr(narrowing, "STEPS", 1 << 30)
    dice = random.Random(seed)
    count = dice.randrange(1, 90)
    parents = []
    for height in range(count):
        pool = range(max(0, height - dice.choice([2, 5, 30])), height)
        parents.append(dice.sample(pool, min(len(pool), dice.choice([0, 1, 1, 1, 2, 2, 3]))))
    shown = {h for h in range(count) if dice.random() < dice.choice([0.1, 0.5, 0.9])}
    if not shown:
        return
    named = {str(h): [str(p) for p in tos] for h, tos in enumerate(parents)}
    true = narrow(named, {str(h) for h in shown}, named)
    seen = shown_of(parents, shown)
    assert {str(h): {str(p) for p in tos} for h, (tos, _) in seen.items()} == {
        h: set(t) for h, t in true.parents.items()
    }
    assert all(len(set(tos)) == len(tos) for tos, _ in seen.values())


def test_where_histories_meet_all_the_time_parents_are_bounded() -> None:
    # Two hundred side branches, of which every merge is hidden.
    parents: list[list[int]] = [[]]
    main = 0
    shown = {0}
    for _ in range(200):
        parents.append([0])
        shown.add(len(parents) - 1)
        parents.append([main, len(parents) - 1])
        main = len(parents) - 1
    parents.append([main])
    shown.add(len(parents) - 1)
    tos, skipped = shown_of(parents, shown)[len(parents) - 1]
    assert len(tos) == narrowing.MOST
    assert skipped == set(tos)
