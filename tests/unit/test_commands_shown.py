"""A command in a log is what people would type themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.recipes import found

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("lock", "install", "build"),
    [
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "node build.js"),
        ("bun.lock", "bun install --frozen-lockfile", "bun run build"),
    ],
)
def test_how_a_package_manager_is_found_is_not_shown(tmp_path: Path, lock: str, install: str, build: str) -> None:
    package = {"dependencies": {"a": "1"}, "scripts": {"build": "node build.js", "start": "node a.js"}}
    recipe = found(tmp_path, {"package.json": json.dumps(package), lock: ""})
    assert [command.shown for command in (*recipe.install, *recipe.build)] == [install, build]


def test_how_poetry_is_found_is_not_shown(tmp_path: Path) -> None:
    project = '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\nflask = "*"\n'
    recipe = found(tmp_path, {"pyproject.toml": project, "poetry.lock": "", "app.py": "app = Flask(__name__)"})
    assert recipe.install[-1].shown == "poetry install --no-root --no-interaction"
