"""`Procfile`, as Heroku has it: `TYPE: COMMAND` on each line (https://devcenter.heroku.com/articles/procfile)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitperch_preview.recipes.tree import runnable

if TYPE_CHECKING:
    from gitperch_preview.recipes.tree import Tree

NAME = "Procfile"
_LINE = re.compile(r"([A-Za-z0-9_-]{1,63})[ \t]*:[ \t]*(\S[^\n]*)")


def read(tree: Tree) -> dict[str, str] | None:
    """The commands by their types; None where there is no Procfile. Lines that are none of its kind are passed over. Raises Unusable."""
    text = tree.text(NAME)
    if text is None:
        return None
    matches = [_LINE.fullmatch(line.strip()) for line in text.split("\n")]
    return {match[1]: match[2] for match in matches if match and runnable(match[2])}
