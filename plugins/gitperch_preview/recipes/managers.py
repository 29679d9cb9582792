"""Which package manager a package has, by `packageManager` or its lock file, and how it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_preview.recipes.tree import Unusable

if TYPE_CHECKING:
    from gitperch_preview.recipes.tree import Tree

# In this order where there are several, from who is chosen on purpose to who comes with Node.
LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
_LOCKED = {"npm": "ci", "pnpm": "install --frozen-lockfile", "yarn": "install --immutable"}
LOCK_FILE = 4 << 20  # bytes of a lock file whose version is looked for
_FIELD = re.compile(r"(npm|pnpm|yarn|bun)@((\d{1,6})(\.\d{1,6}){0,2}(-[\w.]{1,60})?)(\+[\w.]{1,200})?")
_PNPM = re.compile(r"lockfileVersion: '?(\d{1,3})")
_PNPM_OF = {"5": "7", "6": "8", "9": "10"}  # lock file → the newest pnpm that takes it as it is


@dataclass(frozen=True)
class Manager:
    """`lock` is the name of its lock file in the folder `where`, "" where there is none; `version` may be empty.

    `modern`: Yarn from 2 on, with commands of its own.
    """

    name: str
    why: str
    lock: str
    where: Tree
    version: str = ""
    modern: bool = False

    @property
    def program(self) -> str:
        """How a shell calls it. One that this machine does not have comes from the registry, by npm."""
        if self.name == "npm":
            return "npm"
        package = "@yarnpkg/cli-dist" if self.modern and self.version else self.name
        version = self.version or {"pnpm": _pnpm(self.where), "yarn": "1"}.get(self.name, "latest")
        return f"$(command -v {self.name} || echo npx --yes {package}@{version})"

    @property
    def install(self) -> str:
        """The command that installs what the lock file says, or what package.json says without one."""
        words = _LOCKED.get(self.name, "install --frozen-lockfile") if self.lock else "install"
        if self.name == "yarn" and self.lock and not self.modern:
            words = "install --frozen-lockfile"
        return f"{self.program} {words}"


def find(tree: Tree, field: object) -> Manager:
    """The manager of the package in `tree`, whose package.json has `field` as its `packageManager`."""
    here: Tree | None = tree
    where = tree
    locks: list[str] = []
    while here is not None and not locks:  # a package of a workspace has its lock file further up
        where = here
        locks = [name for name in LOCKS if where.has(name)]
        here = where.above()
    match = _FIELD.fullmatch(field) if isinstance(field, str) else None
    if match:
        name, version = match[1], match[2]
        lock = next((lock for lock in locks if LOCKS[lock] == name), "")
        modern = name == "yarn" and int(match[3]) > 1
        return Manager(name, f"by packageManager {name}@{version}", lock, where, version, modern)
    if not locks:
        return Manager("npm", "no lock file", "", tree)
    name = LOCKS[locks[0]]
    others = ", ".join(lock for lock in locks if LOCKS[lock] != name)
    why = f"by {locks[0]}" + (f" (not {others})" if others else "")
    return Manager(name, why, locks[0], where, modern=name == "yarn" and where.has(".yarnrc.yml"))


def _pnpm(where: Tree) -> str:
    try:
        match = _PNPM.search((where.text("pnpm-lock.yaml", LOCK_FILE) or "")[:500])
    except Unusable:
        match = None
    return _PNPM_OF.get(match[1] if match else "", "10")
