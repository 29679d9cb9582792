"""Clones without recomputation: from the base pack as it lies on disk, or from an answer that git has given once."""

from gitperch.transport.clones.service import Clones

__all__ = ["Clones"]
