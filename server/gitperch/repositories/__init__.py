"""Repositories: create, find, list, change, delete."""

from gitperch.repositories.service import Repositories, Repository

__all__ = ["Repositories", "Repository"]
