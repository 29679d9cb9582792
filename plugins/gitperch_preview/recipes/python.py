"""`requirements.txt` and `pyproject.toml`: a server that is recognised, and what it serves."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitperch_preview import toml
from gitperch_preview.contract import Command
from gitperch_preview.recipes.tree import LEFT_OUT, Unusable, plain, runnable

if TYPE_CHECKING:
    from gitperch_preview.recipes.tree import Tree

REQUIREMENTS, PROJECT = "requirements.txt", "pyproject.toml"
SOURCE = 256 << 10  # bytes of a source file that is looked into
INCLUDED = 5  # requirements files that others bring along
BIN = ".venv/bin"
TOOLS = ".venv-tools"  # beside it: uv removes from an environment what its lock file does not have
# Where an application object usually is, as paths and as Python calls the module.
PLACES = (
    *("app.py", "main.py", "asgi.py", "wsgi.py", "server.py", "application.py"),
    *("app/main.py", "app/app.py", "app/__init__.py", "src/main.py", "src/app.py", "api/main.py"),
)
STREAMLIT = ("streamlit_app.py", "Home.py", "app.py", "main.py")
SOURCES = 20  # files at the top that are looked into for one that imports Streamlit
_KINDS = {"fastapi": "FastAPI", "starlette": "Starlette", "quart": "Quart", "litestar": "Litestar"}
_OBJECT = re.compile(
    rf"(?m)^(\w{{1,80}})[ \t]*(?::[^=\n]{{1,80}})?=[ \t]*(?:\w{{1,40}}\.)*({'|'.join(_KINDS.values())}|Flask)\("
)
_MADE = re.compile(r"(?m)^(app|application|api)[ \t]*(?::[^=\n]{1,80})?=[ \t]*[a-z_][\w.]{0,80}\(")
_FACTORY = re.compile(r"(?m)^def (create_app|make_app)\(")
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'][ \t]*,[ \t]*["']([\w.]{1,200})["']""")
_STREAMLIT = re.compile(r"(?m)^(?:import|from) streamlit\b")
_NAMED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?")


@dataclass
class Python:
    """`install` makes `.venv`. `starts` are in the order to try them; empty where no server is recognised."""

    install: list[Command] = field(default_factory=list)
    starts: list[Command] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    tool: str = "pip"
    environment: dict[str, str] = field(default_factory=lambda: {"PYTHONUNBUFFERED": "1"})


@dataclass
class _Needs:
    """What a project depends on: normalised names, and extras as `name[extra]`."""

    source: str
    names: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)


def read(tree: Tree, notes: list[str]) -> Python | None:
    """What the project offers; None where it says nothing about Python. Commands run in the virtual environment that `install` makes."""
    needs = _Needs("")
    document = _project(tree, notes)
    if document is not None:
        _declared(needs, document)
    if tree.has(REQUIREMENTS):
        needs.source = REQUIREMENTS
        _listed(needs, tree, REQUIREMENTS, notes, [])
    if not needs.source:
        return None
    python = Python()
    wanted = _serving(python, tree, needs, notes)
    _installed(python, tree, needs, document or {}, wanted)
    return python


def _project(tree: Tree, notes: list[str]) -> dict[str, Any] | None:
    try:
        text = tree.text(PROJECT)
        return None if text is None else toml.loads(text)
    except Unusable as error:
        notes.append(error.note)
    except ValueError:
        notes.append(f"{PROJECT} is not valid TOML{LEFT_OUT}")
    return None


def _declared(needs: _Needs, document: dict[str, Any]) -> None:
    project = document.get("project")
    listed = project.get("dependencies") if isinstance(project, dict) else None
    for line in listed if isinstance(listed, list) else ():
        if runnable(line):
            _add(needs, line)
            needs.lines.append(line)
    tool = document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    more = poetry.get("dependencies") if isinstance(poetry, dict) else None
    for name in more if isinstance(more, dict) else ():
        _add(needs, name)
    if isinstance(project, dict) or isinstance(poetry, dict):
        needs.source = PROJECT


def _listed(needs: _Needs, tree: Tree, name: str, notes: list[str], seen: list[str]) -> None:
    seen.append(name)
    try:
        text = tree.text(name) or ""
    except Unusable as error:
        notes.append(f"{str(error).removesuffix('.')}: not looked into")
        return
    for line in text.split("\n"):
        included = re.fullmatch(r"\s*(?:-r|--requirement)[ \t=]*([\w./-]{1,200})\s*(#.*)?", line)
        if not included:
            _add(needs, line)
            continue
        folder = name.rpartition("/")[0]
        further = f"{folder}/{included[1]}" if folder else included[1]
        if further not in seen and len(seen) <= INCLUDED:
            _listed(needs, tree, further, notes, seen)


def _add(needs: _Needs, line: str) -> None:
    match = _NAMED.match(line.strip())
    if match:
        name = re.sub(r"[-_.]+", "-", match[0]).lower()
        needs.names.add(name)
        extras = re.match(r"\s*\[([\w, -]{1,100})\]", line.strip()[match.end() :])
        needs.names |= {f"{name}[{extra.strip().lower()}]" for extra in extras[1].split(",")} if extras else set()


def _serving(python: Python, tree: Tree, needs: _Needs, notes: list[str]) -> list[str]:
    """Set the commands; what has to be installed beside what is declared."""
    if "django" in needs.names and tree.has("manage.py"):
        return _django(python, tree, needs)
    if "streamlit" in needs.names and (file := _streamlit(tree)):
        options = "--server.address $HOST --server.port $PORT --server.headless true --browser.gatherUsageStats false"
        return _start(python, needs, "streamlit", f"streamlit run {shlex.quote(file)} {options}", file)
    kind, place, target = _application(tree, needs)
    if kind == "Flask":
        if "gunicorn" in needs.names:
            return _start(python, needs, "gunicorn", f"gunicorn --bind $HOST:$PORT {shlex.quote(target)}", place)
        if "waitress" in needs.names and not target.endswith(")"):
            return _start(python, needs, "waitress", f"waitress-serve --host=$HOST --port=$PORT {target}", place)
        module = target.partition(":")[0]
        return _start(python, needs, "flask", f"flask --app {module} run --host $HOST --port $PORT", place)
    if kind:
        factory = " --factory" if target.endswith("()") else ""
        target = target.removesuffix("()")
        if "hypercorn" in needs.names and "uvicorn" not in needs.names and not factory:
            return _start(python, needs, "hypercorn", f"hypercorn --bind $HOST:$PORT {target}", place)
        _start(python, needs, "uvicorn", f"uvicorn {target}{factory} --host $HOST --port $PORT", place)
        has = needs.names & {"uvicorn", "fastapi[standard]", "fastapi[all]", "fastapi-cli"}
        return [] if has else ["uvicorn"]
    if "datasette" in needs.names:
        return _start(python, needs, "datasette", "datasette . --host $HOST --port $PORT", "this folder")
    known = sorted(needs.names & {"django", "streamlit", "flask", *_KINDS})
    if known:
        notes.append(f"{needs.source}: {', '.join(known)}, but nothing to serve in {', '.join(PLACES[:4])}, …")
    return []


def _streamlit(tree: Tree) -> str | None:
    """The page that Streamlit starts with: one with a usual name, else the first that imports it."""
    sources = sorted(name for name in tree.names() if name.endswith(".py") and name[0] != "-" and runnable(name))[
        :SOURCES
    ]
    for name in (*(name for name in STREAMLIT if name in sources), *sources):
        try:
            if _STREAMLIT.search(tree.text(name, SOURCE) or ""):
                return name
        except Unusable:
            continue
    return None


def _application(tree: Tree, needs: _Needs) -> tuple[str, str, str]:
    """The kind of the application object, the file it is in, and `module:object`; empty where there is none."""
    wanted = [kind for name, kind in _KINDS.items() if name in needs.names] + ["Flask"] * ("flask" in needs.names)
    if "fastapi" in needs.names:
        wanted.append("Starlette")
    for place in PLACES if wanted else ():
        try:
            text = tree.text(place, SOURCE) or ""
        except Unusable:
            continue
        module = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        found = next((match for match in _OBJECT.finditer(text) if match[2] in wanted), None)
        if found:
            return found[2], place, f"{module}:{found[1]}"
        named, kind = _MADE.search(text), next((kind for kind in wanted if kind in text), "")
        if named and kind:
            return kind, place, f"{module}:{named[1]}"
        factory = _FACTORY.search(text)
        if factory:
            return wanted[0], place, f"{module}:{factory[1]}()"
    return "", "", ""


def _django(python: Python, tree: Tree, needs: _Needs) -> list[str]:
    try:
        match = _SETTINGS.search(tree.text("manage.py") or "")
    except Unusable:
        match = None
    package = match[1].removesuffix(".settings").split(".settings.")[0] if match else ""
    for kind, program in (("asgi", "uvicorn"), ("wsgi", "gunicorn")):
        place = f"{package.replace('.', '/')}/{kind}.py"
        if package and program in needs.names and tree.has(place):
            target = f"{package}.{kind}:application"
            bind = "--bind $HOST:$PORT" if program == "gunicorn" else "--host $HOST --port $PORT"
            _start(python, needs, program, f"{program} {target} {bind}", place)
    line = "python manage.py runserver --noreload $HOST:$PORT"
    return _start(python, needs, "Django", line, "manage.py")


def _start(python: Python, needs: _Needs, name: str, line: str, place: str) -> list[str]:
    python.starts.append(Command(f"{BIN}/{line}", f"{needs.source} {name}"))
    python.found.append(f"{needs.source}: {place} with {name}")
    return []


def _installed(python: Python, tree: Tree, needs: _Needs, document: dict[str, Any], wanted: list[str]) -> None:
    """The commands that make `.venv`: by lock file where there is one."""
    if needs.source == PROJECT and tree.has("uv.lock"):
        python.tool = "uv"
        python.install += _by("uv", "uv sync --frozen", "uv.lock")
        return
    if needs.source == PROJECT and tree.has("poetry.lock"):
        python.tool = "poetry"
        python.environment["POETRY_VIRTUALENVS_IN_PROJECT"] = "true"
        python.install += _by("poetry", "poetry install --no-root --no-interaction", "poetry.lock")
        return
    if needs.source == REQUIREMENTS:
        what = ["-r", REQUIREMENTS]
    elif "build-system" in document or not needs.lines:
        what = ["."]
    else:
        what = needs.lines
    python.environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off"}
    python.install.append(Command("python3 -m venv .venv", needs.source))
    quoted = " ".join(shlex.quote(it) for it in (*what, *wanted))
    if what or wanted:
        python.install.append(Command(f"{BIN}/pip install {quoted}", plain(needs.source)))


def _by(tool: str, line: str, lock: str) -> list[Command]:
    """`line` with `tool`, which comes from the registry where the machine does not have it."""
    missing = (
        f"command -v {tool} >/dev/null || {{ python3 -m venv {TOOLS} && {TOOLS}/bin/pip install --quiet {tool}; }}"
    )
    return [Command(missing, lock), Command(f'PATH="$PATH:$PWD/{TOOLS}/bin" {line}', lock)]
