"""`app.json`, as Heroku and Dokku have it: variables, health checks, what to do before a deployment.

Heroku: https://devcenter.heroku.com/articles/app-json-schema; Dokku: docs/deployment/zero-downtime-deploys.md and
docs/advanced-usage/deployment-tasks.md. It is not ours: what is not understood is left out, and said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import Health
from gitperch_preview.recipes import json_file, variables
from gitperch_preview.recipes.settings import is_path
from gitperch_preview.recipes.tree import plain, runnable

if TYPE_CHECKING:
    from gitperch_preview.recipes.tree import Tree

NAME = "app.json"
# Dokku's own defaults, where a check says nothing: three looks, five seconds each, five between them.
_NUMBERS = {
    "attempts": ("attempts", 3, 1, 10_000),
    "timeout": ("timeout", 5.0, 0.1, 600),
    "initialDelay": ("wait", 0.0, 0, 3600),
    "wait": ("pause", 5.0, 0.05, 600),
}
SHOWN = 5  # names of variables in a line
_TYPES = ("startup", "readiness", None, "")


@dataclass
class App:
    """`generated` are variables whose values the server makes, `required` those that somebody has to give one."""

    env: dict[str, str] = field(default_factory=dict)
    generated: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    health: Health | None = None
    port: int | None = None
    predeploy: str = ""
    found: list[str] = field(default_factory=list)


def read(tree: Tree) -> App:
    """What app.json adds; an empty App where there is none."""
    app = App()
    document = json_file.read(tree, NAME, app.found)
    if document is None:
        return app
    _env(app, document.get("env"))
    _health(app, document.get("healthchecks"))
    scripts = document.get("scripts")
    dokku = scripts.get("dokku") if isinstance(scripts, dict) else None
    predeploy = dokku.get("predeploy") if isinstance(dokku, dict) else None
    if runnable(predeploy):
        app.predeploy = predeploy.strip()
        app.found.append(f"{NAME}: scripts.dokku.predeploy, before the start")
    return app


def _env(app: App, section: Any) -> None:
    for name, given in section.items() if isinstance(section, dict) else ():
        entry = given if isinstance(given, dict) else {"value": given}
        value = entry.get("value")
        text = value if isinstance(value, str) else json_file.number(value)
        why = variables.problem(name, text or "")
        if why:
            app.found.append(f"{NAME}: env is used without one: {why}")
        elif text is not None:
            app.env[name] = text
        elif entry.get("generator") == "secret":
            app.generated.append(name)
        elif entry.get("required") is not False and isinstance(given, dict):
            app.required.append(name)
    names = [*app.env, *(f"{name} (made here)" for name in app.generated)]
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        app.found.append(f"{NAME}: env {', '.join(names[:SHOWN])}{more}")


def _health(app: App, section: Any) -> None:
    listed = section.get("web") if isinstance(section, dict) else None
    checks = [check for check in listed if isinstance(check, dict)] if isinstance(listed, list) else []
    chosen = next((check for kind in _TYPES for check in checks if check.get("type") == kind), None)
    if chosen is None:
        return
    values: dict[str, Any] = {}
    for theirs, (ours, default, least, most) in _NUMBERS.items():
        number = chosen.get(theirs, default)
        right = isinstance(number, int | float) and not isinstance(number, bool) and least <= number <= most
        if not right:
            app.found.append(f"{NAME}: healthchecks.web {theirs} is left out, it may be {least} to {most}")
        values[ours] = int(number if right else default) if ours == "attempts" else float(number if right else default)
    path = chosen.get("path")
    if path is not None and not is_path(path):
        app.found.append(f"{NAME}: healthchecks.web path {plain(repr(path))} is left out, it has to begin with /")
        path = None
    port = chosen.get("port")
    app.port = port if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536 else None
    app.health = Health(path, **values)
    app.found.append(f"{NAME}: healthy when {path or 'its port'} answers")
