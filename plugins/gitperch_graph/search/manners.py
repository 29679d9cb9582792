"""How a thread that works on much lets the event loop have the interpreter."""

from __future__ import annotations

import time

REST_SECONDS = 50e-6
MANY = 1000  # things; to look at fewer takes less time than to rest


def give_way(worked_on: int = MANY) -> None:
    """Let others have the interpreter after work on so many things.

    Who waits for it gets it by itself only after 5 ms (`sys.getswitchinterval`), and never within a call of C code.
    """
    if worked_on >= MANY:
        time.sleep(REST_SECONDS)
