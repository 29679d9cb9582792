"""What a push, an edit or an API call may do to refs. One place for all ways in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.git import names
from gitperch.words import in_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.transport.hooks_pipe import Command
    from gitperch.transport.incoming import LargeFile

REFS_AT_ONCE = 20_000


def refusals(commands: Sequence[Command]) -> list[str]:
    """Why these refs may not move, a sentence each; empty when they may."""
    if len(commands) > REFS_AT_ONCE:
        return [f"This push moves {len(commands)} refs; at most {REFS_AT_ONCE} can move at once. Push them in parts."]
    found = []
    for command in commands:
        shown = command.ref.encode("utf-8", "replace").decode()
        if command.deletes:
            continue  # whatever is there may go
        if command.ref.startswith(names.HIDDEN_REFS):
            found.append(f"{shown}: names below {names.HIDDEN_REFS} are the server's own. Choose another name.")
        elif command.ref == "refs/stash":  # git itself would call it a funny refname
            found.append("refs/stash: git refuses this name. Push it to one of its own: refs/stash:refs/stashes/NAME.")
        elif not names.is_ref(command.ref):
            found.append(f"{shown}: a ref's name has at most {names.REF_LIMIT} bytes and begins with refs/KIND/.")
        elif not command.ref.isprintable():
            found.append(f"{shown}: the name has to be printable UTF-8. Rename it and push again.")
    return found[:20]


def refusal_of_file(file: LargeFile, limit: int) -> str:
    """Why a file that is in the history that came may not be here, and what to do."""
    name = file.path.encode("utf-8", "replace").decode() if file.path.isprintable() else ""
    return (
        f"{name or file.oid} is {in_bytes(file.size)}, and a file here may have {in_bytes(limit)}. "
        "Take it out of the commits that have it, or keep it with Git LFS (git lfs migrate import), and push again."
    )
