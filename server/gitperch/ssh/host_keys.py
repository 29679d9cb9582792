"""The server's own key, by which clients know that it is the same one as last time."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from gitperch.config import ConfigError
from gitperch.ssh.keys import fingerprint

FILE = Path("ssh") / "host_ed25519"  # in the data folder; every client since OpenSSH 6.5 (2014) knows this kind


def prepare(data: Path) -> Path:
    """The private key's file, made if need be with mode 0600; its public half lies beside it with `.pub`.

    Raises ConfigError where it is there but cannot be read as a key.
    """
    import asyncssh  # late: only for servers that speak SSH

    path = data / FILE
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            made = asyncssh.generate_private_key("ssh-ed25519", comment="gitperch")
            half = path.with_suffix(".new")
            half.unlink(missing_ok=True)
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(made.export_private_key())
            half.rename(path)
        public = asyncssh.read_private_key(path).export_public_key()
    except (OSError, asyncssh.KeyImportError) as error:
        raise ConfigError(
            f"{path} cannot be used as the host key: {error}. Take it away to have a new one made."
        ) from None
    path.with_suffix(".pub").write_bytes(public)
    return path


def fingerprints(data: Path) -> list[str]:
    """Kind and fingerprint of each host key, such as `ssh-ed25519 SHA256:…`; empty before the first start with SSH on."""
    path = (data / FILE).with_suffix(".pub")
    if not path.exists():
        return []
    kind, encoded = path.read_text("ascii").split()[:2]
    return [f"{kind} {fingerprint(base64.b64decode(encoded))}"]
