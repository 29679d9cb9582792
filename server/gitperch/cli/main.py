"""Arguments in, exit status out. One module for each family of commands."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
from typing import TYPE_CHECKING

from gitperch import __version__
from gitperch.config import LOCK, Config, ConfigError, load
from gitperch.errors import AppError
from gitperch.git.process import GitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 -- it has no other name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 when it did what it was asked, 1 with a sentence on standard error when not, 2 for wrong usage."""
    try:
        options = _parser(sys.argv[1:] if arguments is None else arguments).parse_args(arguments)
        if options.command == "version":
            print(f"gitperch {__version__}")
            return 0
        names = ("data", "listen", "base_url", "preview_domain", "demo")
        flags = {name: getattr(options, name, None) for name in names}
        config = load(flags, os.environ)
        if options.command == "serve":
            from gitperch.cli.serve import serve

            return serve(config)
        asyncio.run(_run(config, options))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it, such as `head`, has seen enough
        # Nothing is left for Python to complain about at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (AppError, ConfigError, GitError) as error:
        print(f"gitperch: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _run(config: Config, options: argparse.Namespace) -> None:
    from gitperch.assembly import assembled
    from gitperch.cli import doctor, key, repo, token, user

    commands = {
        ("user", "add"): user.add,
        ("key", "add"): key.add,
        ("key", "list"): key.listing,
        ("key", "remove"): key.remove,
        ("token", "add"): token.add,
        ("repo", "add"): repo.add,
        ("repo", "list"): repo.listing,
        ("repo", "upkeep"): repo.upkeep,
        ("doctor", None): doctor.report,
    }
    async with assembled(_as_served(config)) as host:
        if plugin := getattr(options, "plugin", None):
            await host.plugins.migrate(host, plugin)
            await options.run(host, options)
        else:
            family = getattr(options, "family", options.command)
            await commands[family, getattr(options, "action", None)](host, options)


def _as_served(config: Config) -> Config:
    """The configuration with the address under which the data folder was served last, if it ever was."""
    try:
        address = (config.data / LOCK).read_text("utf-8").strip()
    except FileNotFoundError:
        address = ""
    return dataclasses.replace(config, base_url=address or config.base_url)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--data", metavar="DIR", help="the data folder (else GITPERCH_DATA, else ./data)")
    parser = argparse.ArgumentParser(
        prog="gitperch", description="A small self-hosted git host: graph and previews live."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    # Each family takes milliseconds to describe, so the one that is asked for is, or all, for their list.
    families = {
        "serve": _serve,
        "user": _people,
        "token": _tokens,
        "repo": _repositories,
        "doctor": _doctor,
        "version": _version,
    }
    asked = families.get(arguments[0]) if arguments else None
    for family in (asked,) if asked else families.values():
        family(commands, everywhere)
    if not asked:
        _of_plugins(commands, everywhere)
    return parser


def _serve(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    serve = commands.add_parser("serve", parents=[everywhere], help="run the server")
    serve.add_argument("--listen", metavar="HOST:PORT", help=f"where to listen (default {Config.listen})")
    serve.add_argument("--base-url", metavar="URL", help="the address people use")
    serve.add_argument("--preview-domain", metavar="DOMAIN", help="previews are at BRANCH-SITE.DOMAIN")
    serve.add_argument(
        "--demo",
        action="store_true",
        default=None,
        help="make the repositories demo/garden and demo/birdhouse at the first start",
    )


def _doctor(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    commands.add_parser("doctor", parents=[everywhere], help="say what is wrong, if anything is")


def _version(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    commands.add_parser("version", parents=[everywhere], help="print the version")


def _of_plugins(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    """The commands of plugins; our own do not wait until all of those are imported."""
    from gitperch.plugins import Plugins

    families: dict[str, Commands] = {}
    for plugin in Plugins.classes():
        for command in plugin.commands():
            first, _, second = command.words.partition(" ")
            if second and first not in families:
                family = commands.add_parser(first, help=command.family)
                families[first] = family.add_subparsers(dest="action", required=True, metavar="ACTION")
            place = families[first] if second else commands
            parser = place.add_parser(second or first, parents=[everywhere], help=command.help)
            command.arguments(parser)
            parser.set_defaults(plugin=plugin.name, run=command.run)


def _people(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    user = commands.add_parser("user", help="people").add_subparsers(dest="action", required=True, metavar="ACTION")
    user_add = user.add_parser("add", parents=[everywhere], help="add a person; prints a password unless one is given")
    user_add.add_argument("name", metavar="NAME")
    user_add.add_argument("--admin", action="store_true", help="may do everything")
    user_add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    keys = user.add_parser("key", help="their SSH keys")
    keys.set_defaults(family="key")
    key = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    key_add = key.add_parser("add", parents=[everywhere], help="add a public key, read from standard input")
    key_add.add_argument("name", metavar="NAME")
    key_add.add_argument("--title", default="", metavar="TEXT", help="what it is called; else the key's own comment")
    key_list = key.add_parser("list", parents=[everywhere], help="list them, one a line: number, fingerprint, title")
    key_list.add_argument("name", metavar="NAME")
    key_remove = key.add_parser("remove", parents=[everywhere], help="remove one")
    key_remove.add_argument("name", metavar="NAME")
    key_remove.add_argument("key", metavar="KEY", help="its number or its fingerprint, as the list has them")


def _tokens(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    token = commands.add_parser("token", help="access tokens").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    token_add = token.add_parser("add", parents=[everywhere], help="add a token; prints it on the last line")
    token_add.add_argument("user", metavar="USER")
    token_add.add_argument(
        "--scope", action="append", default=[], metavar="SCOPE", help="all, read:repository, write:repository"
    )
    token_add.add_argument("--repo", metavar="OWNER/NAME", help="for this repository only")
    token_add.add_argument("--days", type=float, metavar="N", help="ends after N days")
    token_add.add_argument("--name", default="command line", metavar="TEXT", help="what its owner sees it as")


def _repositories(commands: Commands, everywhere: argparse.ArgumentParser) -> None:
    repo = commands.add_parser("repo", help="repositories").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    repo_add = repo.add_parser("add", parents=[everywhere], help="add a repository")
    repo_add.add_argument("repository", metavar="OWNER/NAME")
    repo_add.add_argument(
        "--object-format",
        choices=("sha1", "sha256"),
        help="what its object ids are made with (default: sha1, or as --from has them)",
    )
    visibility = repo_add.add_mutually_exclusive_group()
    visibility.add_argument(
        "--private", action="store_true", default=True, help="for people with access only (default)"
    )
    visibility.add_argument("--public", action="store_false", dest="private", help="for everybody to read")
    repo_add.add_argument("--from", dest="source", metavar="PATH", help="import this repository with all its refs")
    repo.add_parser("list", parents=[everywhere], help="list them, one a line")
    upkeep = repo.add_parser("upkeep", parents=[everywhere], help="pack one now, as far as it pays")
    upkeep.add_argument("repository", metavar="OWNER/NAME")
