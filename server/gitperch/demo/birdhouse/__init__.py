"""The second demo: an app that runs, on two branches. Its files lie beside this one; only its history is told here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.demo.history import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
HOUR = 3600

# Branch, who, how long before now, message, and the files that change: path in the repository → file here.
COMMITS = (
    ("main", "tomasz", 70 * HOUR, "A house, and whoever comes", {"birds.txt": "birds-few.txt", "README.md": "README.md"}),
    ("main", "tomasz", 69 * HOUR, "One server, one page", {"app.py": "app.py", "page.html": "page.html"}),
    ("main", "mei", 50 * HOUR, "Say how it is run", {"gitperch.toml": "gitperch.toml"}),
    ("main", "mei", 47 * HOUR, "Wood, moss and a morning sky", {"style.css": "style.css"}),
    ("night", "noor", 20 * HOUR, "A moon, and who is awake under it", {"style.css": "night.css", "birds.txt": "birds-night.txt"}),
    ("main", "tomasz", 3 * HOUR, "A starling, a wren and others have moved in", {"birds.txt": "birds.txt"}),
)  # fmt: skip
LOOKS = {"night.css": "style.css"}  # what a file goes on from


def stream(now: float) -> Iterator[bytes]:
    """Its history for `git fast-import` (git-fast-import(1)), ending a little before `now` (Unix seconds)."""
    tips: dict[str, int] = {}
    for mark, (branch, name, before, message, files) in enumerate(COMMITS, 1):
        who = Person(name, int(now) - before).line()
        parent = tips.get(branch, tips.get("main"))
        yield f"commit refs/heads/{branch}\nmark :{mark}\nauthor {who}\ncommitter {who}\n".encode()
        yield _data(f"{message}\n".encode())
        yield f"from :{parent}\n".encode() if parent else b""
        for path, file in files.items():
            yield f"M 100644 inline {path}\n".encode() + _data(_content(file))
        tips[branch] = mark
    yield b"done\n"


def _content(file: str) -> bytes:
    before = (HERE / LOOKS[file]).read_bytes() if file in LOOKS else b""
    return before + (HERE / file).read_bytes()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
