"""git over HTTP: the smart protocol, the hooks, and what the server lets a push do.

`Transport` is all of it that needs neither database nor accounts, for other applications: see `docs/embedding.md`.
"""

from gitperch.config import GitSettings as Limits
from gitperch.transport.directories import below
from gitperch.transport.embedded import Allowed, Refused, Served, SignIn, Transport
from gitperch.transport.opened import GitRequest, Opened
from gitperch.transport.smart_http import SmartHTTP

__all__ = [
    "Allowed",
    "GitRequest",
    "Limits",
    "Opened",
    "Refused",
    "Served",
    "SignIn",
    "SmartHTTP",
    "Transport",
    "below",
]
