"""git over HTTP: the smart protocol, the hooks, and what the server lets a push do."""

from gitperch.transport.smart_http import Opened, SmartHTTP

__all__ = ["Opened", "SmartHTTP"]
