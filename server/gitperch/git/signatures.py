"""Who signed a commit, as far as the signature itself says, and whether an SSH key really did."""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
import struct
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitperch.git.bounded import looked_up
from gitperch.git.process import GitError

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git import Git

SECONDS = 5.0
_MARKS: dict[bytes, Literal["ssh", "openpgp", "x509"]] = {
    b"-----BEGIN SSH SIGNATURE-----": "ssh",
    b"-----BEGIN PGP SIGNATURE-----": "openpgp",
    b"-----BEGIN SIGNED MESSAGE-----": "x509",
}
_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")


@dataclass(frozen=True)
class Signature:
    """What kind of signature a commit has, and by which key it says it was made: the fingerprint of an SSH key (`SHA256:…`), the
    fingerprint or id of an OpenPGP key in hexadecimal, "" where that is not known."""

    kind: Literal["ssh", "openpgp", "x509"]
    key: str = ""


def signature_of(commit: bytes) -> Signature | None:
    """The signature of a raw commit object; None for one without, or of a kind that nobody knows."""
    lines = commit.partition(b"\n\n")[0].split(b"\n")
    for at, line in enumerate(lines):
        if line.startswith(_HEADERS):
            text = [line.partition(b" ")[2]]
            for more in lines[at + 1 :]:
                if not more.startswith(b" "):
                    break
                text.append(more[1:])
            kind = _MARKS.get(text[0].strip())
            read = {"ssh": _ssh_key, "openpgp": _openpgp_key}.get(kind or "")
            return Signature(kind, read(text) if read else "") if kind else None
    return None


async def is_by(git: Git, path: Path, oid: str, public_key: str) -> bool | None:
    """Whether the key `public_key` (kind and Base64) signed the commit; None where that cannot be found out. Raises Busy."""
    if not shutil.which("ssh-keygen"):
        return None  # git asks it
    with tempfile.NamedTemporaryFile("w", suffix=".signers") as signers:
        signers.write(f'signer namespaces="git" {public_key}\n')
        signers.flush()
        try:
            _, whole = await looked_up(
                git,
                *("-c", f"gpg.ssh.allowedSignersFile={signers.name}", "verify-commit", "--end-of-options", oid),
                path=path,
                limit=64 << 10,
                seconds=SECONDS,
            )
        except GitError as error:
            return False if error.status == 1 else None
    return whole or None


def _openpgp_key(armor: list[bytes]) -> str:
    """The issuer that an OpenPGP signature names (RFC 9580, 5.2.3): nothing that was proven."""
    if b"" not in armor:
        return ""
    body = armor[armor.index(b"") + 1 :]  # after the armor's own headers
    try:
        data = base64.b64decode(b"".join(line for line in body if not line.startswith((b"-----", b"="))), validate=True)
        tag, at = data[0], {0x88: 2, 0x89: 3}.get(data[0], 2 if data[1] < 192 else 3)
        if tag not in (0x88, 0x89, 0xC2) or data[at] != 4:
            return ""
        named = {}
        at += 4
        for _ in ("hashed", "unhashed"):
            end = at + 2 + int.from_bytes(data[at : at + 2])
            at += 2
            while at < end and data[at] < 192:  # longer ones are no issuers
                named[data[at + 1]] = data[at + 2 : at + 1 + data[at]]
                at += 1 + data[at]
            at = end
    except (binascii.Error, IndexError):
        return ""
    return (named.get(33, b"")[1:] or named.get(16, b"")).hex().upper()


def _ssh_key(armor: list[bytes]) -> str:
    """The fingerprint in an SSH signature (OpenSSH's `PROTOCOL.sshsig`)."""
    try:
        data = base64.b64decode(b"".join(line for line in armor if not line.startswith(b"-----")), validate=True)
        magic, _, length = struct.unpack_from("!6sII", data)
        key = data[14 : 14 + length]
    except (binascii.Error, struct.error):
        return ""
    if magic != b"SSHSIG" or len(key) != length:
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode("ascii").rstrip("=")
