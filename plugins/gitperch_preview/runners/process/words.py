"""How an end is told."""

from __future__ import annotations

import signal

MEGABYTE = 1 << 20


def size(count: int) -> str:
    """Bytes as people say them."""
    return f"{count / (1 << 30):.3g} GB" if count >= 1 << 30 else f"{count // MEGABYTE} MB"


def exited(code: int | None) -> str:
    """An exit status in words. Shells, and bubblewrap, add 128 to the number of the signal that ended what they ran."""
    if code is None:
        return "It ended; with which status went unseen, since another server had started it."
    number = -code if code < 0 else code - 128
    if number > 0:
        try:
            return f"It was ended by {signal.Signals(number).name}."
        except ValueError:
            pass  # a status of its own
    return f"It ended with status {code}."


def no_memory(limit: int) -> str:
    return f"It needed more memory than the {size(limit)} that it may have."
