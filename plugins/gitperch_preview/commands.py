"""`gitperch logs` and `gitperch env …`: on the data folder, beside a running server or without one."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, NotFound
from gitperch.plugin import Command
from gitperch_preview.logs import Logs
from gitperch_preview.logs.reading import Reader, follow, start_of_last, until_now
from gitperch_preview.logs.records import Records, no_log
from gitperch_preview.vault import Vault
from gitperch_preview.vault.resealing import reseal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from gitperch.host import Host
    from gitperch.repositories import Repository

_FAMILY = "settings and secrets of a repository's previews"


def commands() -> list[Command]:
    return [
        Command("logs", "show what a branch's preview says", _logs_arguments, show_log),
        Command("env set", "set some; what uses them starts anew", _set_arguments, set_values, _FAMILY),
        Command(
            "env list", "list them, one a line: name, kind, when, by whom, value", _repository, list_values, _FAMILY
        ),
        Command("env unset", "remove some", _unset_arguments, unset_values, _FAMILY),
        Command(
            "env reseal", "after a change of the key, seal all with the new one", _key_arguments, reseal_all, _FAMILY
        ),
    ]


def _repository(parser: ArgumentParser) -> None:
    parser.add_argument("repository", metavar="OWNER/NAME")


def _logs_arguments(parser: ArgumentParser) -> None:
    _repository(parser)
    parser.add_argument("branch", metavar="BRANCH")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with what comes, until the deployment has ended"
    )
    parser.add_argument("-n", "--lines", type=int, metavar="LINES", help="only the last so many lines")
    parser.add_argument("--deployment", type=int, metavar="ID", help="this deployment rather than the branch's newest")


def _set_arguments(parser: ArgumentParser) -> None:
    _repository(parser)
    parser.add_argument(
        "settings",
        nargs="+",
        metavar="NAME[=VALUE]",
        help="without a value, it is read from standard input, where no process list shows it",
    )
    parser.add_argument(
        "--secret", action="store_true", help="never shown again, and hidden in logs; a secret stays one"
    )


def _unset_arguments(parser: ArgumentParser) -> None:
    _repository(parser)
    parser.add_argument("names", nargs="+", metavar="NAME")


def _key_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--old", type=Path, metavar="FILE", help="has the key of before, where the server's own key file has it no more"
    )


async def show_log(host: Host, options: Namespace) -> None:
    """Print the log of a branch's newest deployment, or of the one named."""
    repo = await _found(host, options.repository)
    records = Records(host.db, Vault(host))
    if options.lines is not None and options.lines < 0:
        raise BadRequest("-n takes the number of lines that you want to see: 0 or more.", field="lines")
    told = await records.of_branch(repo.id, options.branch, options.deployment)
    if not told:
        raise NotFound(no_log(repo, options.branch, options.deployment, host.config.previews.deployments_kept))
    path = Logs(host.folder("preview") / "logs").path(repo.id, told.id)
    start = 0 if options.lines is None else start_of_last(path, options.lines)
    secrets = records.secrets_of(told)
    try:
        with Reader(path, told.secrets, start, colours=sys.stdout.isatty()) as reader:
            pieces = (
                follow(reader, secrets, lambda: records.ended(told.id) is not None)
                if options.follow
                else until_now(reader, secrets)
            )
            async for piece in pieces:
                if piece:
                    sys.stdout.write(piece.text)
                    sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough; nothing is left for Python to complain about at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def set_values(host: Host, options: Namespace) -> None:
    """Set NAME=VALUE, or NAME to what standard input has."""
    repo = await _found(host, options.repository)
    pairs = [text.partition("=") for text in options.settings]
    values = {name: value for name, equals, value in pairs if equals}
    asked = [name for name, equals, _ in pairs if not equals]
    if len(asked) > 1:
        raise BadRequest(f"Standard input has one value, and {', '.join(asked)} are without one; set them one by one.")
    if asked:
        values[asked[0]] = await asyncio.to_thread(_read, asked[0])
    changed = await Vault(host).put(repo.id, values, secret=options.secret, by="")
    sys.stdout.write(f"set: {', '.join(changed)}\n" if changed else "nothing changed\n")


async def list_values(host: Host, options: Namespace) -> None:
    repo = await _found(host, options.repository)
    for setting in await Vault(host).settings(repo.id):
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(setting.set_at))
        value = "" if setting.value is None else setting.value
        if not value.isprintable():
            value = json.dumps(value)
        kind = "secret" if setting.secret else "plain"
        sys.stdout.write("\t".join((setting.name, kind, at, setting.set_by or "command line", value)) + "\n")
        if setting.problem:
            sys.stderr.write(f"gitperch: {setting.problem}\n")


async def unset_values(host: Host, options: Namespace) -> None:
    repo = await _found(host, options.repository)
    names = list(dict.fromkeys(options.names))
    await Vault(host).remove(repo.id, *names, by="")
    sys.stdout.write(f"unset: {', '.join(names)}\n")


async def reseal_all(host: Host, options: Namespace) -> None:
    """Seal what is set, and what deployments noted of it, with the first key of the server's key file: all of it, or nothing."""
    keys = Vault(host).keys(options.old)
    settings, deployments = await reseal(host.db, keys)
    done = f"sealed anew: {settings} of settings, {deployments} of deployments"
    sys.stdout.write(f"{done if settings or deployments else 'nothing to do'}\n")
    sys.stdout.write(f"the key {keys[0].id.hex()} opens everything; others are of use for backups only\n")


async def _found(host: Host, full_name: str) -> Repository:
    owner, _, name = full_name.partition("/")
    repo = await host.repositories.find(owner, name.removesuffix(".git"))
    if not repo:
        raise NotFound(f"There is no repository {full_name!r} here; see them with: gitperch repo list")
    return repo


def _read(name: str) -> str:
    """The value on standard input, without the line's end that `echo` puts there."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Value of {name}: ")
    data = sys.stdin.buffer.read()
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise BadRequest(
            f"The value of {name} is no UTF-8 text; encode it, in base64 for example.", field="value"
        ) from None
