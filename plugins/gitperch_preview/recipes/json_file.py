"""JSON that is not ours: read if it can be, else said why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gitperch_preview.recipes.tree import LEFT_OUT, SMALL, Unusable

if TYPE_CHECKING:
    from gitperch_preview.recipes.tree import Tree


def read(tree: Tree, name: str, found: list[str], limit: int = SMALL) -> dict[str, Any] | None:
    """The object in the file `name`; None where there is none that can be read, and `found` gets the reason."""
    try:
        text = tree.text(name, limit)
        if text is None:
            return None
        document = json.loads(text)
    except Unusable as error:
        found.append(error.note)
        return None
    except json.JSONDecodeError as error:
        found.append(f"{name} is not valid JSON, {error.msg} in line {error.lineno}{LEFT_OUT}")
        return None
    except (ValueError, RecursionError):
        found.append(f"{name} is not JSON that can be read, nested too deeply or with numbers too long{LEFT_OUT}")
        return None
    if not isinstance(document, dict):
        found.append(f"{name} holds no object{LEFT_OUT}")
        return None
    return document


def number(value: object) -> str | None:
    """A number or a truth value as an environment spells it; None for anything else."""
    return json.dumps(value) if isinstance(value, bool | int | float) else None
