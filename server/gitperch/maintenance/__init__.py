"""Upkeep of repositories: commit-graph layers at once, packs and the base pack soon, in the background and out of everybody's way."""

from gitperch.maintenance.upkeep import Upkeep

__all__ = ["Upkeep"]
