"""Dependencies that were installed once for a branch, and are had again as long as nothing that decides about them has changed.

After an install, what it made is kept in the deployment's own folder by hard links. The next deployment of the branch takes it from there,
instead of installing, if its key is the same. So there is nothing to look after: what is kept goes with its deployment.

Only where an install depends on nothing but its lock file and the settings of its tool. And only with bubblewrap: there a check-out has the
same path for every deployment (a virtual environment does not bear moving), and nothing of an app can reach what is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

from gitperch_preview.runners.process.places import INSTALLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from gitperch_preview.contract import Deployment
    from gitperch_preview.runners.process.places import Places

KEY = "key"  # beside them in a deployment's `kept`, written last
DAYS = 7  # after which an install without versions that are pinned is made anew
_LARGEST = 16 << 20
_OUTSIDE = {".cache", ".local"}  # of a home: what an install has put there (browsers, a Python) it needs there
_HOOKS = {"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"}
_LISTS = ("dependencies", "devDependencies", "optionalDependencies", "overrides", "resolutions")
_ELSEWHERE = ("file:", "link:", "workspace:", "portal:", "patch:", "git", "http", ".", "/", "~")
_NODE = ("package.json", ".npmrc", ".pnpmfile.cjs", ".yarnrc", "bunfig.toml", ".nvmrc", ".node-version")
_PYTHON = ("pyproject.toml", "uv.toml", "poetry.toml", ".python-version")
# A requirement by name, with extras, versions and conditions.
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[\w\s,.-]*\])?\s*([=<>!~][^@/#]*)?(;[^#]*)?\s*(#.*)?|\s*(#.*)?")


def key(deployment: Deployment, app: Path, programs: str) -> str:
    """What has to be the same; "" where the install may depend on more than can be seen. `programs` is the path they are found on.

    Reads the check-out: only before anything of it has run. For a thread.
    """
    install = deployment.recipe.install
    locks = {command.source for command in install}
    if len(locks) != 1:
        return ""
    lock = locks.pop()
    folder = app / deployment.recipe.root
    suits = _SUITS.get(lock)
    if not suits or not suits(folder) or any(os.path.lexists(folder / name) for name in INSTALLED):
        return ""
    digest = hashlib.sha256(json.dumps([deployment.repository.id, deployment.branch, deployment.recipe.root]).encode())
    digest.update("\n".join(command.line for command in install).encode())
    for name in dict.fromkeys((lock, *_NODE, *_PYTHON)):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(_read(folder / name) or b"").digest())
    for name, value in sorted(deployment.environment.items()):
        if not name.startswith(("GITPERCH_", "__VITE_")):  # those differ from commit to commit
            digest.update(f"\0{name}={value}".encode("utf-8", "surrogateescape"))
    for name in ("node", "python3"):
        digest.update(_identity(shutil.which(name, path=programs)))
    if lock == "requirements.txt":
        digest.update(str(int(time.time() / (DAYS * 86_400))).encode())
    return digest.hexdigest()


async def restore(places: Places, deployment: Deployment, wanted: str) -> int | None:
    """Have the dependencies of the newest deployment that has them under this key; which one, None where there is none."""
    for number in reversed(places.numbered("checkouts")):
        kept = places.kept(number)
        if number == deployment.id or _read(kept / KEY) != wanted.encode():
            continue
        target = places.home(deployment.id).app / deployment.recipe.root
        # What is removed meanwhile is renamed first: half a copy shows by that.
        if await _copy(places, kept, target) and (kept / KEY).exists():
            await save(places, deployment, wanted, kept)
            return number
        for name in INSTALLED:
            await places.remove(target / name)
    return None


async def save(places: Places, deployment: Deployment, wanted: str, source: Path | None = None) -> None:
    """Keep what an install has made in the check-out, or what another deployment kept in `source`. Nothing of the deployment may run."""
    kept = places.kept(deployment.id)
    await places.remove(kept)
    if source is None and not _OUTSIDE & {path.name for path in places.home(deployment.id).home.iterdir()}:
        source = places.folder(deployment.id, deployment.recipe.root)
    if source is None:
        return
    kept.mkdir(mode=0o700)
    if await _copy(places, source, kept):
        (kept / KEY).write_text(wanted)
    else:
        await places.remove(kept)


async def _copy(places: Places, source: Path, target: Path) -> bool:
    """Hard links of the folders in `source` to `target`; False where there are none, or not all could be had."""
    there = [name for name in INSTALLED if (source / name).is_dir() and not (source / name).is_symlink()]
    if not there or any(os.path.lexists(target / name) for name in there):
        return False
    for name in there:
        if not await places.link(source / name, target / name):
            return False
    return True


def _node(folder: Path) -> bool:
    """Whether nothing of the package itself takes part in installing what it depends on."""
    document = _json(_read(folder / "package.json"))
    if not document or "workspaces" in document or "pnpm" in document or (folder / "pnpm-workspace.yaml").exists():
        return False
    scripts = document.get("scripts")
    if isinstance(scripts, dict) and _HOOKS & set(scripts):
        return False
    return not any(value.startswith(_ELSEWHERE) for name in _LISTS for value in _texts(document.get(name)))


def _yarn(folder: Path) -> bool:
    """From 2 on, Yarn keeps more than a folder."""
    return _node(folder) and b"__metadata:" not in (_read(folder / "yarn.lock") or b"__metadata:")


def _requirements(folder: Path) -> bool:
    lines = (_read(folder / "requirements.txt") or b"-").decode("utf-8", "replace").splitlines()
    return all(_REQUIREMENT.fullmatch(line.strip()) for line in lines)


def _locked_python(folder: Path) -> bool:
    """The project itself is not installed, or is installed as a link to where it lies."""
    text = _read(folder / "pyproject.toml") or b"build-system"
    return b"build-system" not in text and b"path" not in text and b"workspace" not in text


_SUITS: Mapping[str, Callable[[Path], bool]] = {
    "package-lock.json": _node,
    "npm-shrinkwrap.json": _node,
    "pnpm-lock.yaml": _node,
    "bun.lock": _node,
    "bun.lockb": _node,
    "yarn.lock": _yarn,
    "requirements.txt": _requirements,
    "uv.lock": _locked_python,
    "poetry.lock": _locked_python,
}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)


def _json(data: bytes | None) -> dict[str, Any]:
    try:
        document = json.loads(data or b"")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return None


def _identity(program: str | None) -> bytes:
    """Another one when the program is replaced."""
    if not program:
        return b"-"
    try:
        found = os.stat(program)  # noqa: PTH116 -- a path as `which` gives it
    except OSError:
        return b"-"
    return f"{os.path.realpath(program)} {found.st_size} {found.st_mtime_ns}".encode()
