"""git over HTTP: the smart protocol, the hooks, and what the server lets a push do."""

from gitperch.transport.opened import Opened
from gitperch.transport.smart_http import SmartHTTP

__all__ = ["Opened", "SmartHTTP"]
