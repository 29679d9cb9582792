"""Settings and secrets of repositories: sealed at rest, for the environment of what runs."""

from gitperch_preview.vault.errors import VaultError
from gitperch_preview.vault.service import Setting, Vault

__all__ = ["Setting", "Vault", "VaultError"]
