"""What a client asks for in one line: a service of git's, or leave for git-lfs, and a repository. Nothing here is ever given to a shell."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, Forbidden, NotFound
from gitperch.git import names
from gitperch.transport.opened import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

LFS = "git-lfs-authenticate"  # git-lfs asks it for an address and a header, and speaks HTTP from then on
_LIMIT = 1000  # characters; two names and a service are far shorter
_PROTOCOL = re.compile(rb"[A-Za-z0-9=:._-]{1,200}")


@dataclass(frozen=True)
class Command:
    """`owner` and `name` are of the grammar of names, so they are safe in messages; whether they exist is another question."""

    service: str
    owner: str
    name: str
    operation: str = ""
    """Of git-lfs-authenticate alone: download or upload."""


def parse(line: str) -> Command:
    """The command in `line`, as git's clients send it: `git-upload-pack '/alice/garden.git'`.

    Raises Forbidden for any other program, BadRequest where it has not exactly one path, NotFound where that can be none of ours.
    """
    if len(line) > _LIMIT or not line.isprintable():
        raise BadRequest("The command is too long, or not printable; git's own are neither.")
    try:
        words = shlex.split(line)
    except ValueError:
        raise BadRequest("The quotes in the command do not match; git's own do.") from None
    if words[:1] == ["git"]:  # git-shell(1) knows both spellings
        words[:2] = [f"git-{words[1]}"] if len(words) > 1 else []
    if words[:1] == [LFS] and len(words) == 3:
        return Command(LFS, *_repository(words[1]), words[2])
    if not words or words[0] not in SERVICES:
        *others, last = SERVICES
        raise Forbidden(f"This server runs {', '.join(others)} and {last} over SSH, and nothing else.")
    if len(words) != 2:
        raise BadRequest(f"{words[0]} takes one path here, such as /alice/garden.git, and no options.")
    return Command(words[0], *_repository(words[1]))


def protocol(environment: Mapping[bytes, bytes]) -> str:
    """What the client sent as `GIT_PROTOCOL`, if it is of the form that git sends (gitprotocol-v2(5)); "" otherwise."""
    value = environment.get(b"GIT_PROTOCOL", b"")
    return value.decode("ascii") if _PROTOCOL.fullmatch(value) else ""


def _repository(path: str) -> tuple[str, str]:
    if path.startswith(("~", "/~")):
        raise BadRequest("There are no home folders here: write the address as ssh://HOST/OWNER/NAME.git, without a ~.")
    owner, _, name = path.removeprefix("/").removesuffix("/").partition("/")
    try:
        names.owner_name(owner)
        return owner, names.repository_name(name)
    except BadRequest:
        raise NotFound(f"There is no repository {path!r} here; an address ends in /OWNER/NAME.git.") from None
