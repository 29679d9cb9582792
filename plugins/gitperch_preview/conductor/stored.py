"""A recipe as JSON, so that what was found when a commit came is what is done whenever it starts again."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from gitperch_preview.contract import Command, Health, Recipe

_COMMANDS = ("install", "build", "commands")


def recipe_text(recipe: Recipe) -> str:
    return json.dumps(dataclasses.asdict(recipe), separators=(",", ":"))


def recipe_of(text: str) -> Recipe:
    """The recipe that `recipe_text` wrote, in this version or another one."""
    known = {field.name for field in dataclasses.fields(Recipe)}
    values: dict[str, Any] = {name: _frozen(value) for name, value in json.loads(text).items() if name in known}
    for name in _COMMANDS:
        values[name] = tuple(Command(**each) for each in values.get(name, ()))
    values["release"] = Command(**values["release"]) if values.get("release") else None
    values["health"] = Health(**values["health"]) if values.get("health") else Health()
    return Recipe(**values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
