"""The pages about previews: all of a repository, and one."""

from __future__ import annotations
