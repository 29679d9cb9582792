"""The order of the files, and what each may add to those before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_preview.contract import Command, Health, Recipe
from gitperch_preview.recipes import app_json, dockerfile, node, procfile, python, settings
from gitperch_preview.recipes.tree import LEFT_OUT, Tree, Unusable, plain
from gitperch_preview.sites import INDEX, ROOTS

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

    from gitperch_preview.recipes.app_json import App
    from gitperch_preview.recipes.node import Node
    from gitperch_preview.recipes.python import Python
    from gitperch_preview.recipes.settings import Settings

BUILT = ("dist", "_site", "docs")  # sites that are there already, beside an app


@dataclass
class _Files:
    """What the files of a commit say. `notes` are why something was passed over."""

    settings: Settings
    app: App
    site: str | None
    procfile: dict[str, str] = field(default_factory=dict)
    dockerfile: dockerfile.Dockerfile | None = None
    node: Node | None = None
    python: Python | None = None
    notes: list[str] = field(default_factory=list)


def find(repository: LibgitRepository, commit: str, containers: bool) -> Recipe:
    """As the package's `find`, where the repository is open."""
    top = Tree(repository, commit)
    try:
        said = settings.read(top)
    except Unusable as error:
        return Recipe("", problem=str(error))
    tree = top.below(said.root)
    if tree is None:
        why = f"{settings.NAME}: [preview] root is {plain(said.root)}, but this commit has no such folder."
        return Recipe("", problem=why)
    if said.runner == "static":
        return Recipe("static", (f'{settings.NAME}: runner = "static"; files as they are',))
    if said.site and not (said.command or said.build or said.runner):
        return Recipe("static", (f"{settings.NAME}: [site] root; files as they are",))
    files = _read(tree, said, _site(top, said))
    if files.dockerfile and _builds_image(files, containers):
        return _image(files, tree)
    recipe = _process(files, tree)
    return recipe or _nothing(files, tree)


def _site(top: Tree, said: Settings) -> str | None:
    """The folder with the site that would be shown without an app, "" for the top; None where there is none."""
    return said.site or next((name for name in (*ROOTS, "") if top.has(f"{name}/{INDEX}")), None)


def _read(tree: Tree, said: Settings, site: str | None) -> _Files:
    files = _Files(said, app_json.read(tree), site)
    for name, reader in (("procfile", procfile.read), ("dockerfile", dockerfile.read)):
        try:
            found = reader(tree)
        except Unusable as error:
            files.notes.append(error.note)
        else:
            setattr(files, name, found or ({} if name == "procfile" else None))
    files.node = node.read(tree, files.notes)
    files.python = python.read(tree, files.notes)
    return files


def _builds_image(files: _Files, containers: bool) -> bool:
    """Whether the Dockerfile is what to follow."""
    said = files.settings
    if said.runner == "docker":
        return True
    if said.runner == "process":
        why = f'{settings.NAME} asks for runner = "process"'
    elif said.command:
        why = f"{settings.NAME} has a command"
    elif files.site is not None and files.dockerfile and files.dockerfile.copies:
        why = "it only copies files into a web server, and they are shown without one"
    elif not containers:
        why = "this server has no Docker"
    else:
        return True
    files.notes.append(f"{dockerfile.NAME} is left out: {why}")
    return False


def _image(files: _Files, tree: Tree) -> Recipe:
    said, app = files.settings, files.app
    assert files.dockerfile  # noqa: S101 -- as asked before
    port = said.port or files.dockerfile.port or app.port
    found = [f"{dockerfile.NAME}: an image" + (f" that listens on port {port}" if port else "")]
    commands = tuple(Command(line, f"{settings.NAME} command") for line in said.command)
    if commands:
        found.append(f"{settings.NAME}: command, instead of the image's own")
    build = tuple(Command(line, f"{settings.NAME} build") for line in said.build or ())
    return Recipe(
        "image",
        (*found, *app.found, *files.notes),
        root="/".join(tree.place),
        build=build,
        release=_release(files, ""),
        commands=commands,
        dockerfile=dockerfile.NAME,
        port=port,
        health=said.health or app.health or Health(),
        environment={**app.env, **said.env},
        runner=said.runner,
        memory=said.memory,
        idle=said.idle,
        generated=_without(app.generated, said),
        required=_without(app.required, said),
    )


def _process(files: _Files, tree: Tree) -> Recipe | None:
    """The recipe of commands; None where none is found."""
    said, app = files.settings, files.app
    web = files.procfile.get("web")
    if files.procfile and not web:
        files.notes.append(f"{procfile.NAME} is left out, it has no web")
    own = bool(said.command or web)  # not found in scripts: whatever the project has may be needed
    starts = files.node.starts if files.node else []
    if not own and starts and files.site is not None and _only_files(files):
        files.notes += [f"{node.NAME}: {starts[0][1].name} only hands out files, which are shown without it"]
        starts = []
    uses_node = bool(files.node and (own or starts))
    uses_python = bool(files.python and (own or files.python.starts))
    prefix = node.path_of(*(node.bins(tree) if uses_node else ()), *((python.BIN,) if uses_python else ()))
    commands = [Command(prefix + line, f"{settings.NAME} command") for line in said.command]
    found = [f"{settings.NAME}: command"] if said.command else []
    if web:
        commands.append(Command(prefix + web, f"{procfile.NAME} web"))
        found.append(f"{procfile.NAME}: web")
    if files.node and starts:
        commands += [command for command, _ in starts]
        found += files.node.found
    if files.python and files.python.starts:
        commands += files.python.starts
        found += files.python.found
    if not commands:
        return None
    if not own and files.site in BUILT:
        found.append(f'The site in {files.site}/ is shown instead with runner = "static" in {settings.NAME}')
    if len(commands) > 1:
        found.append(f"{len(commands)} commands, tried in this order until one stays up")
    install, build, caches, environment = _steps(files, uses_node=uses_node, uses_python=uses_python, prefix=prefix)
    return Recipe(
        "process",
        (*found, *app.found, *files.notes),
        root="/".join(tree.place),
        install=install,
        build=build,
        release=_release(files, prefix),
        commands=tuple(commands),
        port=said.port,
        health=said.health or app.health or Health(),
        environment={**environment, **app.env, **said.env},
        runner=said.runner,
        memory=said.memory,
        idle=said.idle,
        caches=caches,
        generated=_without(app.generated, said),
        required=_without(app.required, said),
    )


def _only_files(files: _Files) -> bool:
    """Whether the package's scripts do no more than what is done for files anyway."""
    return bool(files.node and not files.node.build and all(server.files for _, server in files.node.starts))


def _steps(
    files: _Files, *, uses_node: bool, uses_python: bool, prefix: str
) -> tuple[tuple[Command, ...], tuple[Command, ...], tuple[str, ...], dict[str, str]]:
    """What to install, what to build, the caches of who installs, and their variables."""
    said = files.settings
    install: list[Command] = []
    build: list[Command] = []
    caches: list[str] = []
    environment: dict[str, str] = {}
    if files.node and uses_node:
        install += [files.node.install] if files.node.install else []
        caches.append(files.node.manager.name)
        environment |= files.node.environment
        if files.node.build and not said.command and (files.procfile.get("web") or not files.node.built):
            build.append(files.node.build)
    if files.python and uses_python:
        install += files.python.install
        caches.append(files.python.tool)
        environment |= files.python.environment
    if said.install is not None:
        install = [Command(prefix + line, f"{settings.NAME} install") for line in said.install]
    if said.build is not None:
        build = [Command(prefix + line, f"{settings.NAME} build") for line in said.build]
    return tuple(install), tuple(build), tuple(caches), environment


def _release(files: _Files, prefix: str) -> Command | None:
    """What is done once before the start: Dokku's predeploy, then the Procfile's release."""
    release, predeploy = files.procfile.get("release"), files.app.predeploy
    if predeploy and release:
        both = f"set -e\n{prefix}\n(\n{predeploy}\n)\n(\n{release}\n)"
        return Command(both, f"{app_json.NAME} scripts.dokku.predeploy, {procfile.NAME} release")
    if predeploy:
        return Command(prefix + predeploy, f"{app_json.NAME} scripts.dokku.predeploy")
    return Command(prefix + release, f"{procfile.NAME} release") if release else None


def _without(names: list[str], said: Settings) -> tuple[str, ...]:
    return tuple(name for name in names if name not in said.env)


def _nothing(files: _Files, tree: Tree) -> Recipe:
    """No command: the files as they are, or why that cannot be meant."""
    said = files.settings
    asked = next((key for key in ("build", "root", "port", "runner") if getattr(said, key)), None)
    if asked:
        where = f" in {'/'.join(tree.place)}" if tree.place else ""
        return Recipe(
            "",
            tuple(files.notes),
            problem=f"{settings.NAME}: [preview] has {asked}, but nothing{where} says how the app is started. "
            'Add a command that listens on $PORT, such as command = "python3 -m http.server --bind $HOST $PORT".',
        )
    if files.site is None and files.dockerfile:
        return Recipe(
            "", tuple(files.notes), problem="A Dockerfile is all that there is, and this server has no Docker."
        )
    if files.site is not None:
        return Recipe("static", ("No command is found: files as they are", *files.notes))
    unread = next((note.removesuffix(LEFT_OUT) for note in files.notes if note.endswith(LEFT_OUT)), None)
    if unread:
        # Rather than a slip of the pen that takes an app away, and shows that there is nothing.
        why = f"{unread}, and nothing else here says what is to be shown or run."
        return Recipe("", problem=why)
    return Recipe("static", ("No command is found, and no site", *files.notes), empty=True)
