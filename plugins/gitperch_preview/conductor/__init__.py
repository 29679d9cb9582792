"""What has each branch's app running: records, queue, switching, sleep and wake, recovery."""

from gitperch_preview.conductor.service import Conductor

__all__ = ["Conductor"]
