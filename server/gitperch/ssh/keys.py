"""Public keys as people paste them: one line of OpenSSH's format (sshd(8), "AUTHORIZED_KEYS FILE FORMAT") without options."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from gitperch.errors import BadRequest

KINDS = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
RSA_BITS = (2048, 16384)
_LIMIT = 8 << 10  # characters; an RSA key of 16,384 bits has 2,800
_MAKE = "Make a new one with: ssh-keygen -t ed25519"


@dataclass(frozen=True)
class PublicKey:
    """`text` is the kind and the key in Base64, as `authorized_keys` has them; `comment` is what stood behind."""

    text: str
    fingerprint: str
    comment: str


def fingerprint(data: bytes) -> str:
    """`SHA256:…`, as `ssh-keygen -l` prints it. `data` is the key on the wire (RFC 4253, section 6.6)."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode("ascii").rstrip("=")


def parse(text: str) -> PublicKey:
    """The key in `text`. Raises BadRequest, for the field `key`, with what is wrong and what to do."""
    line = text.strip()
    if "PRIVATE KEY" in line:
        raise _wrong(
            "This is the private half of a key. Keep it to yourself, and paste the line in the file ending in .pub."
        )
    if len(line) > _LIMIT or not line.isprintable():
        raise _wrong("A key is one line of text, as in the file ending in .pub; add several one by one.")
    kind, _, rest = line.partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if "-cert-v0" in kind:
        raise _wrong("This is a certificate. Add the key itself, from the file ending in .pub without -cert.")
    if kind == "ssh-dss":
        raise _wrong(f"DSA keys are too weak. {_MAKE}")
    if kind not in KINDS:
        raise _wrong(
            "This is no public key: it has to begin with its kind, such as ssh-ed25519, without options before it."
        )
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        data = b""
    _check(kind, data)
    return PublicKey(f"{kind} {base64.b64encode(data).decode('ascii')}", fingerprint(data), comment.strip()[:100])


def _check(kind: str, data: bytes) -> None:
    import asyncssh  # late: few processes ever see a key
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = asyncssh.import_public_key(f"{kind} {base64.b64encode(data).decode('ascii')}")
    except (asyncssh.KeyImportError, ValueError):
        key = None
    # The kind is said twice, before the key and inside it; what signs is what is inside.
    if not key or key.public_data != data or key.algorithm != kind.encode("ascii"):
        raise _wrong("The key is damaged or not complete. Copy the whole line from the file ending in .pub.")
    if kind == "ssh-rsa":
        bits = key.pyca_key.key_size if isinstance(key.pyca_key, RSAPublicKey) else 0
        if bits < RSA_BITS[0]:
            raise _wrong(f"An RSA key of {bits} bits is too weak; it needs at least {RSA_BITS[0]}. {_MAKE}")
        if bits > RSA_BITS[1]:
            raise _wrong(f"An RSA key of {bits} bits is larger than the {RSA_BITS[1]} taken here. {_MAKE}")


def _wrong(message: str) -> BadRequest:
    return BadRequest(message, field="key")
