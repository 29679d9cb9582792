"""Previews in containers."""

from __future__ import annotations

from gitperch_preview.runners.docker.runner import DockerRunner

__all__ = ["DockerRunner"]
