"""What an earlier start has compiled of the templates is used, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
import pytest

from gitperch.config import load
from gitperch.pages.templates import Templates

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = {
    "status": 404,
    "title": "Gone",
    "message": "It is gone.",
    "viewer": None,
    "csrf": "",
    "theme": "",
    "here": "/",
}


def _drawn(data: Path) -> str:
    return Templates(load({"data": str(data)}, {})).render("error.html", CONTEXT)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The names of templates that were compiled since."""
    names: list[str | None] = []
    real = jinja2.Environment.compile

    def compiling(self: jinja2.Environment, source: str, name: str | None = None, *rest: object) -> object:
        names.append(name)
        return real(self, source, name, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(jinja2.Environment, "compile", compiling)
    return names


def test_the_next_start_compiles_nothing(tmp_path: Path, compiled: list[str | None]) -> None:
    first = _drawn(tmp_path)
    assert "It is gone." in first
    assert "error.html" in compiled
    compiled.clear()
    assert _drawn(tmp_path) == first
    assert compiled == []


def test_what_was_cut_short_or_compiled_otherwise_is_compiled_anew(
    tmp_path: Path, compiled: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _drawn(tmp_path)
    for file in (tmp_path / "templates").iterdir():
        file.write_bytes(file.read_bytes()[:-20])
    compiled.clear()
    assert _drawn(tmp_path) == first
    assert "error.html" in compiled
    compiled.clear()
    monkeypatch.setattr(jinja2, "__version__", "9.9")
    assert _drawn(tmp_path) == first
    assert "error.html" in compiled


def test_a_disk_that_takes_nothing_does_not_keep_pages_away(tmp_path: Path) -> None:
    (tmp_path / "templates").write_text("a file, where the folder would be")
    assert "It is gone." in _drawn(tmp_path)
