"""`package.json`: which of its scripts start a server, and with which package manager it is installed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_preview.contract import Command
from gitperch_preview.recipes import json_file, managers, scripts
from gitperch_preview.recipes.tree import plain, runnable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitperch_preview.recipes.managers import Manager
    from gitperch_preview.recipes.scripts import Server
    from gitperch_preview.recipes.tree import Tree

NAME = "package.json"
LARGEST = 1 << 20  # bytes
STARTS = ("dev", "start")
BUILDS = ("heroku-postbuild", "build")
_QUIET = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}


@dataclass
class Node:
    """`starts` are commands that start servers, in the order to try them, with what they start.

    `install` is None where the package has no dependencies, `build` where nothing is to be built. `path` makes its programs be found.
    `plain`: a script means the same without the package manager in between, which would stay with 60 MB beside the app (npm 11).
    `built`: what it starts first needs no build before.
    """

    manager: Manager
    install: Command | None = None
    build: Command | None = None
    starts: list[tuple[Command, Server]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    path: str = ""
    plain: bool = False
    built: bool = False


def read(tree: Tree, notes: list[str]) -> Node | None:
    """What package.json offers; None where there is none that can be read, and `notes` may say why."""
    document = json_file.read(tree, NAME, notes, LARGEST)
    if document is None:
        return None
    manager = managers.find(tree, document.get("packageManager"))
    node = Node(manager, path=path_of(*bins(tree)))
    needs = any(document.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies", "workspaces"))
    if manager.lock or needs:
        node.install = Command(manager.install, manager.lock or NAME)
    if manager.name == "npm":
        node.environment |= _QUIET
    for key in ("name", "version"):  # as the manager would have it; some configurations read them
        if runnable(document.get(key)):
            node.environment[f"npm_package_{key}"] = document[key]
    given = document.get("scripts")
    known = {name: line for name, line in given.items() if runnable(line)} if isinstance(given, dict) else {}
    # Bun, and Yarn from 2 on, have ways of their own; .npmrc may name a shell and options, npm_… are variables of the manager.
    own = manager.name == "bun" or manager.modern or tree.has(".npmrc") or manager.where.has(".npmrc")
    node.plain = not own and not any("npm_" in line for line in known.values())
    for name in STARTS:
        if name in known:
            _start(node, known, name, notes)
    build = next((name for name in BUILDS if name in known), None)
    if build:
        hooked = not node.plain or any(f"{hook}{build}" in known for hook in ("pre", "post"))
        line = f"{manager.program} run {build}" if hooked else node.path + known[build].strip()
        node.build = Command(line, f"{NAME} scripts.{build}")
    return node


def path_of(*folders: str) -> str:
    """What makes the programs in these folders be found by a command: as `npm run` and an activated environment do."""
    return f'export PATH="{":".join(f"$PWD/{folder}" for folder in folders)}:$PATH"; ' if folders else ""


def bins(tree: Tree) -> list[str]:
    """Where the programs of a package are: its own, and those of the packages that it lies in."""
    return ["../" * level + "node_modules/.bin" for level in range(len(tree.place) + 1)]


def _start(node: Node, known: Mapping[str, str], name: str, notes: list[str]) -> None:
    """Add the script `name`, if it starts a server and is not the same as one before."""
    last = name
    for _ in range(scripts.DEPTH):
        further = scripts.alias(known[last])
        if further is None or further not in known:
            break
        last = further
    else:
        last = name  # scripts that call each other in a circle
    server = scripts.server(known[last], known)
    shown = f"{NAME}: scripts.{name}" + (f" → {plain(last)}" if last != name else "")
    if server is None:
        notes.append(f"{shown} is left out, it starts no server ({plain(known[last])})")
        return
    if node.plain and not any(f"{hook}{it}" in known for hook in ("pre", "post") for it in (name, last)):
        line = node.path + scripts.listening(known[last], server.flags)
    else:
        separator = "-- " if node.manager.name == "npm" else ""
        flags = f" {separator}{server.flags}" if server.flags else ""
        # Flags go to the script that starts the server: through a script that only calls it they would not arrive.
        line = f"{node.manager.program} run {shlex.quote(last if flags else name)}{flags}"
    if any(command.line == line for command, _ in node.starts):
        return
    if name == STARTS[0] or server.develops or any(f"run {build}" in known[last] for build in BUILDS):
        node.built = node.built or not node.starts
    node.environment |= server.environment
    node.starts.append((Command(line, f"{NAME} scripts.{name}"), server))
    node.found.append(f"{shown} ({plain(server.name)}) with {node.manager.name}, {node.manager.why}")
