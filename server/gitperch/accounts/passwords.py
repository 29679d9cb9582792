"""Passwords: scrypt (RFC 7914) with a salt each, from Python's own library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

MINIMUM_LENGTH = 8
_N, _R, _P = 1 << 14, 8, 1  # 16 MiB and some 40 ms; OWASP's floor for interactive use
_WORDS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing to mistake for something else


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${base64.b64encode(salt).decode()}${base64.b64encode(_scrypt(password, salt, _N, _R, _P)).decode()}"


def check_password(password: str, stored: str | None) -> bool:
    """Whether `password` is the one that was stored. Takes as long for a person without one."""
    kind, n, r, p, salt, digest = (stored or _NOBODY).split("$")
    if kind != "scrypt":
        raise ValueError(f"unknown password hash {kind!r}")
    computed = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(computed, base64.b64decode(digest)) and stored is not None


def generate_password() -> str:
    """80 random bits in four groups that can be read out."""
    return "-".join("".join(secrets.choice(_WORDS) for _ in range(4)) for _ in range(4))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 << 20, dklen=32)


_NOBODY = f"scrypt${_N}${_R}${_P}${base64.b64encode(bytes(16)).decode()}${base64.b64encode(bytes(32)).decode()}"
