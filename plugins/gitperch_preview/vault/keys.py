"""The key that settings are sealed with: a file of our own in the data folder, or one that the operator names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_preview.vault.errors import VaultError

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 32  # bytes: AES-256
ID_LENGTH = 8
_LARGEST = 4096


@dataclass(frozen=True)
class Key:
    """`id` says which key it is without saying anything of it."""

    id: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Key:
        return cls(hashlib.sha256(b"gitperch vault key id\0" + secret).digest()[:ID_LENGTH], secret)


@dataclass(frozen=True)
class KeyFile:
    """32 bytes as they are, or a key on each line, in hex or base64. The first seals; the others only open what they sealed once."""

    path: Path
    is_named: bool
    """By the setting `secret_key_file`; else it is ours, and made when it is first needed."""

    def read(self) -> list[Key]:
        """The keys; none where our own file is not made yet. Raises VaultError for a file that cannot be used."""
        try:
            with self.path.open("rb") as file:
                content = file.read(_LARGEST)
        except FileNotFoundError:
            if not self.is_named:
                return []
            raise VaultError(f"There is no {self.path}, which secret_key_file names. {self._advice}") from None
        except OSError as error:
            raise VaultError(f"The key in {self.path} cannot be read: {error.strerror}. {self._advice}") from None
        if len(content) == LENGTH:
            return [Key.of(content)]
        keys = [_decoded(line) for line in content.split()]
        if not keys or None in keys:
            raise VaultError(f"{self.path} holds no key. {self._advice}")
        return [Key.of(key) for key in keys if key]

    def made(self) -> list[Key]:
        """The keys; our own file is made, mode 0600, where there is none."""
        if keys := self.read():
            return keys
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(LENGTH))
                file.flush()
                os.fsync(descriptor)
            # Whole or not at all; and where another process was faster, its key is the one.
            if not self.path.exists():
                os.link(draft, self.path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return self.read()

    @property
    def _advice(self) -> str:
        return "It has to hold 32 random bytes, as they are or as hex or base64 (openssl rand -hex 32)."


def _decoded(line: bytes) -> bytes | None:
    try:
        key = bytes.fromhex(line.decode("ascii")) if len(line) == 2 * LENGTH else base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == LENGTH else None
