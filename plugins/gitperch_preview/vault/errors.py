"""What can be wrong with the key."""

from __future__ import annotations

from typing import ClassVar

from gitperch.errors import AppError


class VaultError(AppError):
    """Settings cannot be sealed or read. The sentence says which key is meant and what to do; nothing was changed."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "vault"
