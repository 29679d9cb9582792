"""What this server's things on an engine are called, and the labels that say whose they are."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitperch.repositories import Repository
    from gitperch_preview.contract import Deployment

MANAGED = "gitperch.managed"
REPOSITORY = "gitperch.repository"
REPOSITORY_ID = "gitperch.repository-id"
BRANCH = "gitperch.branch"
COMMIT = "gitperch.commit"
PREVIEW = "gitperch.preview"
FITS = "gitperch.fits"
"""What a container was made with, as a hash: whether it can be started again as it is."""

UNFINISHED = "-unfinished"
"""Ends the tag of what a failed build left: its next try begins there."""


class Names:
    """`managed` names a data folder: two that are served on one engine, or a copy of one, never touch each other's things."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "id"
        if not file.exists():
            file.write_text(secrets.token_hex(16), "ascii")
        self.managed = hashlib.sha256(f"{file.read_text('ascii')}\0{folder.absolute()}".encode()).hexdigest()[:12]
        self.walls = f"gp{self.managed[:6]}"

    def container(self, deployment_id: int, part: str = "") -> str:
        return f"gitperch-{self.managed}-{deployment_id}{part}"

    def image(self, deployment_id: int, part: str = "") -> str:
        return f"gitperch-preview:{self.managed}-{deployment_id}{part}"

    def network(self, repo_id: int) -> str:
        return f"gitperch-{self.managed}-site-{repo_id}"

    def caches(self, repo_id: int) -> str:
        return f"gitperch-{self.managed}-caches-{repo_id}"

    def bridge(self, repo_id: int) -> str:
        """The name of the site's bridge, within the 15 bytes that Linux has for one."""
        return f"{self.walls}-{_base36(repo_id)}"

    @property
    def labels_alone(self) -> dict[str, str]:
        """Of what belongs to no site."""
        return {MANAGED: self.managed}

    @property
    def ours(self) -> dict[str, list[str]]:
        """The filter of everything of this server's."""
        return {"label": [f"{MANAGED}={self.managed}"]}

    def owns(self, labels: Mapping[str, Any] | None) -> bool:
        return (labels or {}).get(MANAGED) == self.managed

    def of_preview(self, deployment_id: int) -> dict[str, list[str]]:
        return {"label": [f"{MANAGED}={self.managed}", f"{PREVIEW}={deployment_id}"]}

    def labels_of_site(self, repo: Repository) -> dict[str, str]:
        return {MANAGED: self.managed, REPOSITORY: repo.full_name, REPOSITORY_ID: str(repo.id)}

    def labels(self, deployment: Deployment) -> dict[str, str]:
        return {
            **self.labels_of_site(deployment.repository),
            BRANCH: deployment.branch,
            COMMIT: deployment.oid,
            PREVIEW: str(deployment.id),
        }

    def deployment_of(self, tag: str) -> int | None:
        """Whose image has this tag, finished or not; None for any that is not ours."""
        found = re.fullmatch(rf"gitperch-preview:{self.managed}-(\d+)(?:{UNFINISHED})?", tag)
        return int(found[1]) if found else None


def number(labels: Mapping[str, Any] | None, name: str) -> int | None:
    text = (labels or {}).get(name, "")
    return int(text) if isinstance(text, str) and text.isdecimal() else None


def _base36(value: int) -> str:
    digits = ""
    while value:
        value, digit = divmod(value, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
