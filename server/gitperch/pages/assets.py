"""Stylesheets, scripts and images under addresses that hold their content's hash, so that browsers keep them for ever.

ES modules import each other relatively, so every import inherits the hash of the page that loaded the first. `NAME.all.js` is the
module `NAME.js` with all that it imports; `NAME.after.FIRST.js` is what a page asks for later, with all that `FIRST.all.js` has not.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from gitperch.errors import NotFound
from gitperch.pages.linking import asks_later, linked, linked_later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
FOLDERS = ("css", "js", "img", "vendor")
PACKED = (".css", ".js", ".json", ".svg", ".txt")
LOOK_AGAIN_SECONDS = 1.0
_WHOLE = ".all.js"
_LATER = re.compile(r"(.+/)([\w-]+)\.after\.([\w-]+)\.js")
_IMPORT = re.compile(rb'^@import url\("([\w-]+\.css)"\);\n', re.MULTILINE)
_REMARKS = re.compile(rb"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|^[ \t]+", re.MULTILINE)


def frontend_folder() -> Path:
    """Where templates, styles and scripts are: at the top of a checkout, inside the package of a wheel."""
    package = Path(__file__).parents[1]
    checkout = package.parents[1] / "frontend"
    return checkout if checkout.is_dir() else package / "frontend"


class Assets:
    """The files of `FOLDERS` below `folder`. In a checkout an edited file changes the hash within a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._editable = folder == Path(__file__).parents[3] / "frontend"
        self._bodies: dict[tuple[str, bool], bytes] = {}
        self._known: dict[str, Path] = {}
        self._stamp: list[tuple[str, int, int]] = []
        self._looked_at = 0.0
        self._version = ""

    @property
    def version(self) -> str:
        """The hash of every file's path and content."""
        now = time.monotonic()
        if not self._version or (self._editable and now > self._looked_at + LOOK_AGAIN_SECONDS):
            self._looked_at = now
            known = dict(self._files())
            stamp = [(name, s.st_mtime_ns, s.st_size) for name, path in known.items() if (s := path.stat())]
            if stamp != self._stamp:
                self._stamp, self._known = stamp, known
                self._bodies.clear()
                digest = hashlib.blake2b(digest_size=8)
                for name, path in known.items():
                    digest.update(name.encode() + b"\0" + path.read_bytes())
                self._version = digest.hexdigest()
        return self._version

    def url(self, path: str) -> str:
        """The address of `path` (`css/main.css`) that may be kept for ever."""
        return f"/assets/{self.version}/{path}"

    async def serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        current = request.path_params["version"] == self.version
        file, make = self._found(path)
        if not file:
            raise NotFound(f"There is no asset {path[:120]!r} here.")
        packed = file.suffix in PACKED and "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            # A page from before an update may still ask for its old hash: it gets today's file, which nobody then keeps.
            "cache-control": "public, max-age=31536000, immutable" if current else "no-cache",
            "content-type": TYPES[file.suffix],
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(self._body(path, file, make, packed), headers=headers)

    def _found(self, path: str) -> tuple[Path | None, Callable[[Path], bytes]]:
        """The file that is meant, and how what is sent is made of it."""
        if path.endswith(_WHOLE):
            return self._known.get(path.removesuffix(_WHOLE) + ".js"), lambda file: linked(file).encode()
        if later := _LATER.fullmatch(path):
            folder, name, first = later.groups()
            before = self._known.get(f"{folder}{first}.js")
            if not before or not asks_later(before, name):
                return None, _inlined
            return self._known.get(f"{folder}{name}.js"), lambda file: linked_later(file, before).encode()
        return self._known.get(path), _inlined

    def _body(self, path: str, file: Path, make: Callable[[Path], bytes], packed: bool) -> bytes:
        if not packed and make is _inlined:
            return _inlined(file)
        key = (path, packed)
        if key not in self._bodies:
            body = make(file)
            self._bodies[key] = gzip.compress(body, 9, mtime=0) if packed else body
        return self._bodies[key]

    def _files(self) -> Iterator[tuple[str, Path]]:
        for name in FOLDERS:
            for path in sorted((self._folder / name).rglob("*")):
                if path.suffix in TYPES and path.is_file():
                    yield path.relative_to(self._folder).as_posix(), path


def _inlined(file: Path) -> bytes:
    """The file's content; a stylesheet's plain `@import`s are replaced by what they name, to save a round trip each."""
    body = file.read_bytes()
    if file.suffix != ".css":
        return body
    return _REMARKS.sub(b"", _IMPORT.sub(lambda match: (file.parent / match[1].decode()).read_bytes(), body))
