"""Public keys as people paste them: real ones, made by ssh-keygen, and what gets pasted instead."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gitperch.errors import BadRequest
from gitperch.ssh.keys import parse

if TYPE_CHECKING:
    from pathlib import Path


def made(folder: Path, *options: str) -> tuple[str, str]:
    """The public half of a new key, and its fingerprint by ssh-keygen."""
    path = folder / "-".join(options).strip("-")
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "a comment", "-f", str(path), *options], check=True)
    listed = subprocess.run(["ssh-keygen", "-l", "-f", f"{path}.pub"], capture_output=True, text=True, check=True)
    return path.with_suffix(".pub").read_text(), listed.stdout.split()[1]


def refused(text: str) -> str:
    with pytest.raises(BadRequest) as caught:
        parse(text)
    assert caught.value.field == "key"
    return caught.value.message


@pytest.mark.parametrize(
    "options",
    [("-t", "ed25519"), ("-t", "ecdsa", "-b", "256"), ("-t", "ecdsa", "-b", "521"), ("-t", "rsa", "-b", "2048")],
)
def test_a_key_is_known_by_the_fingerprint_that_ssh_keygen_prints(tmp_path: Path, options: tuple[str, ...]) -> None:
    text, fingerprint = made(tmp_path, *options)
    for pasted in (text, f"\n  {text}\n", " ".join(text.split()[:2])):
        key = parse(pasted)
        assert key.fingerprint == fingerprint
        assert key.text == " ".join(text.split()[:2])
    assert parse(text).comment == "a comment"


def test_a_key_of_a_security_token_is_taken() -> None:
    text = (
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIEX/dQ0v4127bEo8eeG1EV0ApO2lWbSnN6RWusn/NjqI"
        "AAAABHNzaDo= token"
    )
    assert parse(text).comment == "token"


def test_weak_keys_are_refused_with_what_to_do(tmp_path: Path) -> None:
    weak, _ = made(tmp_path, "-t", "rsa", "-b", "1024")
    assert "An RSA key of 1024 bits is too weak; it needs at least 2048" in refused(weak)
    assert "DSA keys are too weak" in refused("ssh-dss AAAAB3NzaC1kc3MAAACBAP")


def test_what_is_no_key_is_refused_by_what_it_is(tmp_path: Path) -> None:
    good, _ = made(tmp_path, "-t", "ed25519")
    kind, encoded, *_ = good.split()
    private = (tmp_path / "t-ed25519").read_text()
    assert "private half" in refused(private)
    assert "one line" in refused(good + good)
    assert "without options" in refused(f'command="id" {good}')
    assert "without options" in refused(f"no-pty {good}")
    assert "without options" in refused("")
    assert "damaged" in refused(f"{kind} {encoded[:-8]}")
    assert "damaged" in refused(f"{kind} {encoded}AAAA")
    assert "damaged" in refused(f"ssh-rsa {encoded}")
    assert "damaged" in refused(f"{kind} !!!!")
    assert "damaged" in refused(kind)
    assert "one line" in refused(f"{good.strip()} \x1b[2J")
    assert "one line" in refused(f"{kind} {'A' * 10_000}")


def test_a_certificate_is_refused(tmp_path: Path) -> None:
    made(tmp_path, "-t", "ed25519")
    key = tmp_path / "t-ed25519"
    subprocess.run(["ssh-keygen", "-q", "-s", str(key), "-I", "x", "-n", "git", f"{key}.pub"], check=True)
    assert "This is a certificate" in refused((tmp_path / "t-ed25519-cert.pub").read_text())
