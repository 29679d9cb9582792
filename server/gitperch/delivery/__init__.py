"""How what happened reaches the plugins: the observer, the outbox, the lanes, the reconciliation."""

from gitperch.delivery.lanes import Lanes
from gitperch.delivery.observer import RefsObserver
from gitperch.delivery.outbox import EventLog

__all__ = ["EventLog", "Lanes", "RefsObserver"]
