"""What a client may ask for over SSH: three services, one path, nothing that a shell or an option parser would see."""

from __future__ import annotations

import pytest

from gitperch.errors import AppError, BadRequest, Forbidden, NotFound
from gitperch.ssh.commands import Command, parse, protocol


@pytest.mark.parametrize(
    "line",
    [
        "git-upload-pack '/alice/garden.git'",
        "git-upload-pack 'alice/garden.git'",
        "git-upload-pack alice/garden",
        "git-upload-pack '/alice/garden.git/'",
        "git upload-pack '/alice/garden.git'",
        'git-upload-pack "/alice/garden"',
    ],
)
def test_every_spelling_that_gits_clients_use_is_understood(line: str) -> None:
    assert parse(line) == Command("git-upload-pack", "alice", "garden")


def test_each_service_is_itself() -> None:
    for service in ("git-upload-pack", "git-receive-pack", "git-upload-archive"):
        assert parse(f"{service} 'a/b'").service == service


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("", Forbidden, "and nothing else"),
        ("git", Forbidden, "and nothing else"),
        ("sh -c id", Forbidden, "and nothing else"),
        ("scp -t /", Forbidden, "and nothing else"),
        ("git-shell", Forbidden, "and nothing else"),
        ("/usr/bin/git-upload-pack 'a/b'", Forbidden, "and nothing else"),
        ("git config --list", Forbidden, "and nothing else"),
        ("git-upload-pack", BadRequest, "takes one path"),
        ("git-upload-pack 'a/b' 'c/d'", BadRequest, "takes one path"),
        ("git-upload-pack --strict 'a/b'", BadRequest, "takes one path"),
        ("git-upload-pack 'a/b", BadRequest, "quotes"),
        ("git-upload-pack '~/b'", BadRequest, "no home folders"),
        ("git-upload-pack '/~alice/b'", BadRequest, "no home folders"),
        ("git-upload-pack 'a/b\n'", BadRequest, "not printable"),
        ("git-upload-pack 'a/b\0'", BadRequest, "not printable"),
        ("git-upload-pack '" + "a" * 2000 + "/b'", BadRequest, "too long"),
        ("git-upload-pack 'b'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack ''", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack '/a/b/c'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack '//a/b'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack '../b'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack 'a/..'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack '-x/b'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack 'a/-oProxyCommand=x'", NotFound, "ends in /OWNER/NAME.git"),
        ("git-upload-pack 'a/b;id'", NotFound, "ends in /OWNER/NAME.git"),
    ],
)
def test_everything_else_is_refused_with_a_sentence(line: str, error: type[AppError], said: str) -> None:
    with pytest.raises(error) as caught:
        parse(line)
    assert said in caught.value.message


def test_the_protocol_is_taken_only_in_gits_own_form() -> None:
    assert protocol({b"GIT_PROTOCOL": b"version=2"}) == "version=2"
    assert protocol({b"GIT_PROTOCOL": b"version=2:key=value"}) == "version=2:key=value"
    for value in (b"", b"version=2\nPATH=/tmp", b"version=2;x", b"$(id)", b"\xff", b"v" * 500):
        assert not protocol({b"GIT_PROTOCOL": value})
    assert not protocol({b"GIT_DIR": b"version=2"})
