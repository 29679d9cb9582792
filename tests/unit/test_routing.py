"""Our routes match what Starlette's match, and make their regular expressions late."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from starlette import routing
from starlette.responses import PlainTextResponse
from starlette.routing import NoMatchFound

from gitperch.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

PATTERNS = (
    "/",
    "/signin",
    "/{owner}",
    "/{owner}/{name}",
    "/{owner}/{name}/tree",
    "/{owner}/{name}/tree/{rest:path}",
    "/{owner}/{name}/commit/{oid}.patch",
    "/{owner}/{name}/commit/{oid}",
    "/account/tokens/{token_id:int}/revoke",
    "/api/{owner}/{branch:path}/logs",
)
PATHS = [
    "",
    "/",
    "//",
    "/signin",
    "/signin/",
    "/a/b\n",
    "/a/b/commit/.patch",
    "/account/tokens/12/revoke",
    "/api/a/x/y/logs",
]
PATHS += [
    "/" + "/".join(parts) for n in (1, 2, 3, 4, 5) for parts in itertools.product(("a", "tree", "commit", ""), repeat=n)
]


async def _answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_route_matches_what_starlettes_does(pattern: str) -> None:
    ours, theirs = Route(pattern, _answer), routing.Route(pattern, _answer)
    for path, method, root in itertools.product(PATHS, ("GET", "HEAD", "POST"), ("", "/api")):
        scope = {"type": "http", "path": path, "method": method, "root_path": root}
        assert ours.matches(scope) == theirs.matches(scope), path
    assert ours.matches({"type": "websocket", "path": "/signin"}) == theirs.matches(
        {"type": "websocket", "path": "/signin"}
    )


def test_its_regular_expression_is_made_when_a_path_may_fit() -> None:
    route = Route("/{owner}/{name}/tree", _answer)
    for path in ("/a", "/a/b/blob", "/a/b/tree/c"):
        route.matches({"type": "http", "path": path, "method": "GET"})
    assert "path_regex" not in vars(route)
    route.matches({"type": "http", "path": "/a/b/tree", "method": "GET"})
    assert "path_regex" in vars(route)


def test_a_route_has_an_address() -> None:
    route = Route("/{owner}/{name}", _answer, name="graph")
    assert route.url_path_for("graph", owner="a", name="b") == "/a/b"
    with pytest.raises(NoMatchFound):
        Route("/{owner}", _answer, name="owner").url_path_for("graph", owner="a")
