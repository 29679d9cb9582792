"""Signed, expiring values, from one secret that is made at the first start (`DATA/secret.key`, mode 0600)."""

from __future__ import annotations

import hmac
import os
import secrets
from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeTimedSerializer

if TYPE_CHECKING:
    from pathlib import Path


class Keys:
    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, data: Path) -> Keys:
        path = data / "secret.key"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
        return cls(path.read_bytes())

    def derived(self, purpose: str) -> str:
        """A secret for this purpose only, in hex; always the same."""
        return hmac.digest(self._secret, purpose.encode(), "sha256").hex()

    def sign(self, purpose: str, value: Any) -> str:
        """`value` (JSON) as URL-safe text that only this server can have made, for this purpose only."""
        return URLSafeTimedSerializer(self._secret, salt=purpose).dumps(value)

    def verify(self, purpose: str, text: str, max_age: float) -> Any:
        """The value of a text signed at most `max_age` seconds ago; None for anything else."""
        try:
            return URLSafeTimedSerializer(self._secret, salt=purpose).loads(text, max_age=int(max_age))
        except BadData:
            return None
