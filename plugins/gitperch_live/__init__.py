"""What happens on the server, in the browser, at once: a WebSocket per open page, fed from the events that say they are live."""

from gitperch_live.plugin import LivePlugin

__all__ = ["LivePlugin"]
