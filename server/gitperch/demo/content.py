"""The words of the site, from the files in `site/`."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "site"


@functools.cache
def text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


@functools.cache
def plants() -> dict[str, dict[str, Any]]:
    return tomllib.loads(text("plants.toml"))


@functools.cache
def palette() -> dict[str, Any]:
    return tomllib.loads(text("palette.toml"))


@functools.cache
def texts() -> dict[str, list[str]]:
    return tomllib.loads(text("texts.toml"))


@functools.cache
def entries() -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads(text("journal.toml"))["entry"]
    return found
