"""How what happened reaches the plugins: the outbox, the lanes, the reconciliation."""

from gitperch.delivery.outbox import EventLog

__all__ = ["EventLog"]
