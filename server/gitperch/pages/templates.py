"""Drawing a page: one environment, one response class, the headers that every page needs."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.responses import Response

from gitperch.host import host_of
from gitperch.pages import filters
from gitperch.pages.assets import Assets, frontend_folder
from gitperch.pages.visitor import session_viewer
from gitperch.routing import Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2.bccache import Bucket
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from gitperch.config import Config

PACK_FROM = 1000  # bytes; below that gzip costs more than it saves
THEMES = ("light", "dark")


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Templates as an earlier start has compiled them: that takes longer than all else of a first page, and holds up everybody.

    Where the disk takes nothing, or does not have what was compiled from the same source, they are compiled anew.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))

    def get_bucket(self, environment: jinja2.Environment, name: str, filename: str | None, source: str) -> Bucket:
        how = (jinja2.__version__, environment.autoescape, environment.trim_blocks, environment.lstrip_blocks)
        return super().get_bucket(environment, name, filename, f"{how}\n{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)


class Templates:
    """The templates in `frontend/templates`, compiled once and kept."""

    def __init__(self, config: Config) -> None:
        self._config = config
        folder = frontend_folder()
        self.assets = Assets(folder)
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder / "templates"),
            bytecode_cache=_Compiled(config.data / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=100,
        )
        filters.install(self._environment)
        self._environment.globals["asset"] = self.assets.url
        self._environment.globals["config"] = config

    def response(
        self,
        request: Request,
        name: str,
        /,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Page:
        """The page `name` with `context`, and with what every page has: `viewer`, `csrf`, `theme`, `asset(path)`, `config`.

        It is drawn when it is sent, so that the viewer can be looked up.
        """
        return Page(self, request, name, status, {"content-security-policy": self.policy(), **(headers or {})}, context)

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return self._environment.get_template(name).render(context)

    def policy(self, images: str = "") -> str:
        """The Content-Security-Policy of a page; `images` are further sources for pictures."""
        # Browsers hold form-action against redirects too, and signing in may lead back to a private preview.
        previews = self._config.preview_url("*").rstrip("/")
        return (
            f"default-src 'self'; img-src 'self' data: {images}; object-src 'none'; base-uri 'none'; "
            f"form-action 'self' {previews}; frame-ancestors 'none'"
        )

    def assets_route(self) -> Route:
        return Route("/assets/{version}/{path:path}", self.assets.serve, include_in_schema=False)


class Page(Response):
    """An HTML page that is drawn when it is sent."""

    media_type = "text/html"

    def __init__(
        self,
        templates: Templates,
        request: Request,
        name: str,
        status: int,
        headers: Mapping[str, str],
        context: dict[str, Any],
    ) -> None:
        standard = {
            "cache-control": "private, no-cache",
            "cross-origin-opener-policy": "same-origin",
            "referrer-policy": "same-origin",
            "vary": "cookie, accept-encoding",
            "x-content-type-options": "nosniff",
        }
        super().__init__(None, status, standard | dict(headers))
        del self.headers["content-length"]
        self._templates = templates
        self._request = request
        self.template = name
        self.context = context
        self.large = False
        """Whether drawing it takes more than a few milliseconds, so that it is left to a thread."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request
        theme = request.cookies.get("theme")
        every = {
            "viewer": await session_viewer(request),
            "csrf": host_of(request).sessions.form_token(request),
            "theme": theme if theme in THEMES else "",
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        }
        packed = "gzip" in request.headers.get("accept-encoding", "")
        if self.large:
            await asyncio.to_thread(self._draw, every, packed)
        else:
            self._draw(every, packed)
        await super().__call__(scope, receive, send)

    def _draw(self, every: dict[str, Any], packed: bool) -> None:
        text = self._templates.render(self.template, every | self.context)
        # File names and messages that are not UTF-8 travel as surrogates, which only here have to become characters.
        self.body = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
        if len(self.body) >= PACK_FROM and packed:
            self.body = gzip.compress(self.body, 5, mtime=0)
            self.headers["content-encoding"] = "gzip"
        self.headers["content-length"] = str(len(self.body))
