"""The nonce of signed pushes, as `git receive-pack` makes and checks it (git-push(1), --signed; gitprotocol-pack(5), push-cert)."""

from __future__ import annotations

import hmac
import re
import time

_NONCE = re.compile(rb"(?<= push-cert=)[0-9]+-[0-9a-f]+")


def fresh(seed: str, folder: str, object_format: bytes) -> bytes:
    """One of now, for the repository at `folder`; `seed` is `receive.certNonceSeed`."""
    return of(seed, folder, object_format, int(time.time()))


def of(seed: str, folder: str, object_format: bytes, stamp: int) -> bytes:
    key = f"{folder}:{stamp}".encode("utf-8", "surrogateescape")
    return b"%d-%s" % (stamp, hmac.new(key, seed.encode(), object_format.decode()).hexdigest().encode())


def replaced(advertisement: bytes, nonce: bytes) -> bytes:
    """`advertisement` with this nonce, if it has one. The length stays, as long as the seconds since 1970 have ten digits."""
    return _NONCE.sub(nonce, advertisement, 1)
