"""AES-256-GCM (NIST SP 800-38D): what is sealed can be neither read nor changed without the key, nor put in another place.

    sealed = 0x01, id of the key (8 bytes), nonce (12), ciphertext with its tag (16 more than the text)

The associated data names the place it belongs to, so that a row cannot be swapped with another one.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from gitperch_preview.vault.errors import VaultError
from gitperch_preview.vault.keys import ID_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch_preview.vault.keys import Key

VERSION = b"\x01"
_NONCE = 12
_BEGIN = len(VERSION) + ID_LENGTH
OVERHEAD = _BEGIN + _NONCE + 16


def place(*parts: str | int) -> bytes:
    """The associated data for what belongs to these (a repository's id, a scope, a name): no two places have the same."""
    return json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()


def seal(key: Key, belongs: bytes, text: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # late, and in a thread: it takes 7 MB and 20 ms

    nonce = secrets.token_bytes(_NONCE)
    return VERSION + key.id + nonce + AESGCM(key.secret).encrypt(nonce, text, belongs)


def unseal(keys: Sequence[Key], belongs: bytes, sealed: bytes) -> bytes:
    """What was sealed for this place. Raises VaultError where the key is not the one, or the bytes are not as they were."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = next((key for key in keys if key.id == key_id(sealed)), None)
    if not key:
        raise VaultError(
            f"This was sealed with the key {key_id(sealed).hex()}, which is not here. Put that key back (vault.key in the data folder, "
            "or the file that secret_key_file names), or set the value anew."
        )
    try:
        return AESGCM(key.secret).decrypt(sealed[_BEGIN : _BEGIN + _NONCE], sealed[_BEGIN + _NONCE :], belongs)
    except (InvalidTag, ValueError):
        raise VaultError(
            "A sealed value was changed or moved since it was written, so it is not used. Set it anew, or restore the database."
        ) from None


def key_id(sealed: bytes) -> bytes:
    """Which key it was sealed with."""
    return sealed[len(VERSION) : _BEGIN]
