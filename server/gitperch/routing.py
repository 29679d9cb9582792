"""Addresses of the host's own site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette import routing
from starlette.routing import Match, compile_path

if TYPE_CHECKING:
    from starlette.types import Scope


class Route(routing.Route):
    """As Starlette's, but its regular expression is made when a path with the same fixed parts comes.

    There are a hundred of them, each a quarter of a millisecond of every start, and a request needs a few. So a wrong pattern
    is told by the first such path only.
    """

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__("/", endpoint, **options)  # a pattern that costs nothing
        del self.path_regex, self.path_format, self.param_convertors
        self.path = path
        before, rest, _ = path.partition(":")  # {rest:path} may have any number of parts
        parts = before.split("/")
        self._least, self._exactly = len(parts), not rest
        self._fixed = [(at, part) for at, part in enumerate(parts) if "{" not in part]

    def __getattr__(self, name: str) -> Any:
        if name not in ("path_regex", "path_format", "param_convertors"):
            raise AttributeError(name)
        self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
        return getattr(self, name)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and not scope.get("root_path"):
            parts = scope["path"].split("/")
            if len(parts) < self._least or (self._exactly and len(parts) > self._least):
                return Match.NONE, {}
            for at, part in self._fixed:
                if parts[at] != part:
                    return Match.NONE, {}
        return super().matches(scope)
