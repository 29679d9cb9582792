"""What pages call states and times, what a person can do in each state, and where the pages are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitperch_preview.conductor import states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitperch.repositories import Repository

PATH = "previews"
_SAFE = "/!$'()*,:;=@~"

LABELS: Mapping[str, str] = {
    states.QUEUED: "Queued",
    states.BUILDING: "Building",
    states.STARTING: "Starting",
    states.READY: "Ready",
    states.SLEEPING: "Sleeping",
    states.FAILED: "Failed",
    states.STOPPED: "Stopped",
}
EXPLAINED: Mapping[str, str] = {
    states.QUEUED: "Waits for its turn to be built.",
    states.BUILDING: "Its commit is being installed and built.",
    states.STARTING: "The app was started, and is asked whether it is well.",
    states.READY: "The app runs and answers at its address.",
    states.SLEEPING: "Nothing of it runs. The next visitor wakes it.",
    states.STOPPED: "Nothing of it runs, and visitors are told so, until somebody starts it or pushes.",
}
FILES = "Files, read straight from git: there is nothing to build and nothing that runs."


def address(repository: Repository, branch: str) -> str:
    """The page about a branch's preview, on this host."""
    return f"/{repository.full_name}/{PATH}/{quote(branch, safe=_SAFE)}"


@dataclass(frozen=True)
class Action:
    """What a person can have done: a name of the API's, the button's word, and what it brings. `seldom`: a list does without it."""

    do: str
    word: str
    hint: str
    seldom: bool = False


_RESTART = Action("restart", "Restart", "End the app and start it again, with the settings of now")
_REBUILD = Action(
    "rebuild", "Build again", "Install and build the same commit once more, with the settings of now", seldom=True
)
_AGAIN = Action("restart", "Build again", "Build the same commit once more")
_SLEEP = Action("sleep", "Sleep", "End the app until the next visitor comes")
_WAKE = Action("wake", "Wake", "Start the app now")
_START = Action("wake", "Start", "Start the app again")
_STOP = Action("stop", "Stop", "End the app until somebody starts it, or pushes")
ACTIONS = frozenset(("restart", "rebuild", "sleep", "wake", "stop"))


def actions(state: str, *, serves: bool) -> tuple[Action, ...]:
    """What makes sense in this state; `serves`: some version of it runs."""
    match state:
        case states.READY:
            return (_RESTART, _REBUILD, _SLEEP, _STOP)
        case states.SLEEPING:
            return (_WAKE, _REBUILD, _STOP)
        case states.STOPPED:
            return (_START, _REBUILD)
        case states.FAILED:
            return (_AGAIN, _STOP) if serves else (_AGAIN,)
        case _:
            return (_STOP,)


def duration(seconds: float) -> str:
    """`42 ms`, `1.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`."""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def patience(seconds: float) -> str:
    """`90 seconds`, `60 minutes`, `2 hours`: how long an app may have no visitor."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}s"
    return "1 hour" if seconds == 3600 else f"{seconds:g} seconds"


def megabytes(number: int) -> str:
    """`38 MB`, as memory is counted: 256 MB are what `memory = "256m"` says."""
    value = number / (1 << 20)
    return f"{value:.1f} MB" if value < 9.95 else f"{value:,.0f} MB"
