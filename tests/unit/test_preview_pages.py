"""What the pages of previews say, and offer."""

from __future__ import annotations

import pytest

from gitperch_preview.conductor import states
from gitperch_preview.conductor.states import WAYS
from gitperch_preview.pages.shown import Shown
from gitperch_preview.pages.store import Past
from gitperch_preview.pages.words import ACTIONS, EXPLAINED, LABELS, actions, duration, megabytes, patience


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"),
        (0.042, "42 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (7440, "2 h 4 min"),
    ],
)
def test_how_long_something_took(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_how_long_an_app_may_have_no_visitor() -> None:
    assert [patience(seconds) for seconds in (45, 90, 600, 3600, 5400, 7200)] == [
        "45 seconds",
        "90 seconds",
        "10 minutes",
        "60 minutes",
        "90 minutes",
        "2 hours",
    ]


def test_memory_is_counted_as_the_settings_count_it() -> None:
    assert (megabytes(256 << 20), megabytes(9_000_000)) == ("256 MB", "8.6 MB")


def test_every_state_has_a_word_and_a_way_on() -> None:
    for state in WAYS.keys() - {""}:
        assert LABELS[state]
        assert state in EXPLAINED or state == states.FAILED  # which has a problem instead
        for serves in (False, True):
            offered = [action.do for action in actions(state, serves=serves)]
            assert offered and set(offered) <= ACTIONS


def past(**values: object) -> Past:
    given = {
        "id": 1,
        "oid": "",
        "state": "ready",
        "problem": "",
        "source": "push",
        "actor": "",
        "runner": "process",
        "created_at": 0.0,
    }
    times = {"building_at": None, "starting_at": None, "ready_at": None, "ended_at": None}
    return Past(**(given | times | {"serves": False, "replaced": False} | values))  # type: ignore[arg-type]


def test_a_deployment_tells_how_it_went() -> None:
    assert past(building_at=1.0, starting_at=4.2, ready_at=4.32).story == "Ready, built in 3.2 s, started in 120 ms"
    assert past(state="failed", building_at=1.0, ended_at=13.0).story == "Failed after 12 s"
    assert past(state="failed", building_at=1.0, starting_at=3.0, ended_at=13.0).story == "Failed, built in 2.0 s"
    assert past(state="failed", ended_at=1.0).story == "Failed"
    assert past(state="stopped", replaced=True).story == "Replaced"
    assert past(state="queued").story == "Queued"


def test_an_earlier_version_is_told_of_while_it_stands_in() -> None:
    one = Shown("main", "http://x/", "failed", "b" * 40, "", is_app=True, serving="a" * 40, runs=True)
    assert one.earlier == "a" * 40
    assert Shown("main", "http://x/", "ready", "b" * 40, "", is_app=True, serving="b" * 40, runs=True).earlier == ""
    assert Shown("main", "http://x/", "failed", "b" * 40, "", is_app=True).earlier == ""
