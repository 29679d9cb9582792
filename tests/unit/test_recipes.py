"""What is found to run in a commit, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.recipes import Files, found, lines

if TYPE_CHECKING:
    from pathlib import Path

NODE_PATH = 'export PATH="$PWD/node_modules/.bin:$PATH"; '
FLAGS = "--host $HOST --port $PORT --strictPort"
VITE = f"{NODE_PATH}vite {FLAGS}"
PNPM = "$(command -v pnpm || echo npx --yes pnpm@10)"
YARN = "$(command -v yarn || echo npx --yes yarn@1)"
BUN = "$(command -v bun || echo npx --yes bun@latest)"
VENV_PATH = 'export PATH="$PWD/.venv/bin:$PATH"; '


def package(scripts: dict[str, str], **more: Any) -> str:
    return json.dumps({"scripts": scripts, **more})


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({"package.json": package({"dev": "vite", "start": "node a.js"})}, [VITE, f"{NODE_PATH}node a.js"]),
        ({"package.json": package({"start": "node a.js", "build": "tsc"})}, [f"{NODE_PATH}node a.js"]),
        (
            {"Procfile": "web: ./serve\n", "package.json": package({"dev": "vite"})},
            [f"{NODE_PATH}./serve", VITE],
        ),
        (
            {
                "gitperch.toml": "[preview]\ncommand = './go'",
                "Procfile": "web: ./serve",
                "package.json": package({"dev": "vite"}),
            },
            [f"{NODE_PATH}./go", f"{NODE_PATH}./serve", VITE],
        ),
        ({"gitperch.toml": "[preview]\ncommand = ['./a', './b']"}, ["./a", "./b"]),
        (
            {
                "package.json": package({"dev": "vite"}),
                "requirements.txt": "flask",
                "app.py": "app = Flask(__name__)\n",
            },
            [VITE, ".venv/bin/flask --app app run --host $HOST --port $PORT"],
        ),
        (
            {"gitperch.toml": "[preview]\nroot = 'web'", "web/package.json": package({"dev": "vite"})},
            [f'export PATH="$PWD/node_modules/.bin:$PWD/../node_modules/.bin:$PATH"; vite {FLAGS}'],
        ),
    ],
)
def test_start_commands_are_tried_in_the_order_of_the_files(tmp_path: Path, files: Files, commands: list[str]) -> None:
    recipe = found(tmp_path, files)
    assert recipe.kind == "process"
    assert lines(recipe) == commands


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"index.html": ""}, "No command"),
        ({}, "No command"),
        ({"index.html": "", "package.json": package({"build": "vite build", "test": "vitest"})}, "No command"),
        (
            {"docs/index.html": "", "package.json": package({"dev": "tsc --watch", "start": "rollup -cw"})},
            "starts no server",
        ),
        (
            {"index.html": "", "package.json": package({"start": "npx serve .", "dev": "live-server"})},
            "only hands out files",
        ),
        ({"index.html": "", "package.json": "{broken"}, "not valid JSON"),
        ({"index.html": "", "Procfile": "worker: python w.py\n"}, "has no web"),
        ({"index.html": "", "Dockerfile": "FROM nginx:alpine\nCOPY . /usr/share/nginx/html\n"}, "only copies files"),
        ({"docs/index.html": "", "requirements.txt": "flask\n", "setup.py": ""}, "nothing to serve"),
        ({"gitperch.toml": "[site]\nroot = 'www'", "www/a.html": "", "Procfile": "web: x"}, "[site] root"),
        (
            {"gitperch.toml": "[preview]\nrunner = 'static'", "index.html": "", "Procfile": "web: x"},
            'runner = "static"',
        ),
        ({"index.html": "", "package.json": package({"start": "exit 1", "prestart": "node x"})}, "starts no server"),
    ],
)
def test_what_only_has_files_stays_files(tmp_path: Path, files: Files, says: str) -> None:
    recipe = found(tmp_path, files)
    assert recipe.kind == "static", recipe
    assert not recipe.problem
    assert says in "\n".join(recipe.found)


@pytest.mark.parametrize(
    "files",
    [
        {"index.html": "", "package.json": package({"dev": "vite"})},  # what a bundler begins with is no site yet
        {"public/index.html": "", "package.json": package({"start": "react-scripts start"})},
        {"public/index.html": "", "package.json": package({"start": "node server.js"})},
        {"index.html": "", "package.json": package({"start": "serve dist", "build": "vite build"})},
        {"index.html": "", "Dockerfile": "FROM nginx\nRUN make\nCOPY . /srv\n"},
        {"index.html": "", "Dockerfile": "FROM nginx\nCOPY nginx.conf /etc/nginx/nginx.conf\n"},
        {"gitperch.toml": "[site]\nroot = 'www'\n[preview]\ncommand = './run'", "www/a.html": ""},
        {"index.html": "", "package.json": package({"dev": "tsc --watch & node --watch server.js"})},
    ],
)
def test_what_needs_a_process_gets_one_though_it_has_an_index(tmp_path: Path, files: Files) -> None:
    assert found(tmp_path, files).kind in ("process", "image")


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("vite", f"vite {FLAGS}"),
        ("vite dev --open", f"vite dev --open {FLAGS}"),
        ("tsc -b && vite", f"tsc -b && vite {FLAGS}"),
        ("NODE_ENV=development npx vite ./app", f"NODE_ENV=development npx vite ./app {FLAGS}"),
        ("cross-env A=1 vite", f"cross-env A=1 vite {FLAGS}"),
        ("node --inspect node_modules/vite/bin/vite.js", f"node --inspect node_modules/vite/bin/vite.js {FLAGS}"),
        ("next dev --turbo", "next dev --turbo --hostname $HOST --port $PORT"),
        ("astro dev", "astro dev --host $HOST --port $PORT"),
        ("nuxt", "nuxt --host $HOST --port $PORT"),
        ("vue-cli-service serve", "vue-cli-service serve --host $HOST --port $PORT"),
        (
            "webpack serve",
            "webpack serve --host $HOST --port $PORT --allowed-hosts all --client-web-socket-url auto://0.0.0.0:0/ws",
        ),
        ("eleventy --serve", "eleventy --serve --port=$PORT"),
        ("react-scripts start", "react-scripts start"),
        ("node server.js", "node server.js"),
        ("nodemon server.js", "nodemon server.js"),
        ("concurrently 'vite' 'node api.js'", "concurrently 'vite' 'node api.js'"),
        ("vite | tee log", "vite | tee log"),
        ("vite & node api.js", "vite & node api.js"),
        ("echo 'unbalanced", "echo 'unbalanced"),
        ("npm run serve", f"vite {FLAGS}"),
        ("yarn serve", f"vite {FLAGS}"),
        ("npm run plain", "node x.js"),
        ("npm run circle", "npm run circle"),
        ("vite --port 3000 --open", f"vite --open {FLAGS}"),
        ("cross-env PORT=4100 react-scripts start", "cross-env PORT=$PORT react-scripts start"),
        ("node server.js --port=3000", "node server.js --port=$PORT"),
        ("SUPPORT=12 REPORT=1 node --ports 33 x.js", "SUPPORT=12 REPORT=1 node --ports 33 x.js"),
    ],
)
def test_dev_servers_are_told_where_to_listen(tmp_path: Path, script: str, line: str) -> None:
    scripts = {"dev": script, "serve": "vite", "plain": "node x.js", "circle": "npm run dev"}
    assert lines(found(tmp_path, {"package.json": package(scripts)})) == [NODE_PATH + line]


@pytest.mark.parametrize(
    ("scripts", "files", "line"),
    [
        ({"dev": "vite", "predev": "node x.js"}, {}, f"npm run dev -- {FLAGS}"),
        ({"dev": "npm run serve", "serve": "vite", "preserve": "node x.js"}, {}, f"npm run serve -- {FLAGS}"),
        ({"dev": "node . $npm_package_config_port"}, {}, "npm run dev"),
        ({"dev": "vite"}, {".npmrc": "script-shell=bash"}, f"npm run dev -- {FLAGS}"),
        ({"dev": "vite"}, {"pnpm-lock.yaml": "", ".npmrc": ""}, f"{PNPM} run dev {FLAGS}"),
        ({"dev": "vite"}, {"yarn.lock": "", ".yarnrc.yml": ""}, f"{YARN} run dev {FLAGS}"),
        ({"dev": "vite"}, {"bun.lock": ""}, f"{BUN} run dev {FLAGS}"),
    ],
)
def test_a_script_that_needs_its_package_manager_has_it(
    tmp_path: Path, scripts: dict[str, str], files: Files, line: str
) -> None:
    assert lines(found(tmp_path, {"package.json": package(scripts), **files})) == [line]


def test_a_script_has_the_variables_of_its_package(tmp_path: Path) -> None:
    recipe = found(tmp_path, {"package.json": package({"dev": "vite"}, name="shop", version="1.2.3")})
    assert recipe.environment["npm_package_name"] == "shop"
    assert recipe.environment["npm_package_version"] == "1.2.3"


@pytest.mark.parametrize(
    "script",
    [
        "vite build --watch",
        "rollup -c -w",
        "npm run watch -- --poll",
        "yarn watch && echo",
        "webpack --watch",
        "tsc && rollup -c",
        "jest",
        "echo no && exit 1",
    ],
)
def test_watchers_and_builds_are_no_servers(tmp_path: Path, script: str) -> None:
    recipe = found(tmp_path, {"package.json": package({"dev": script, "start": "node .", "watch": "sass --watch a b"})})
    assert lines(recipe) == [f"{NODE_PATH}node ."]
    assert any("scripts.dev is left out" in line for line in recipe.found)


@pytest.mark.parametrize(
    ("files", "more", "install", "manager", "why"),
    [
        ({"package-lock.json": "{}"}, {}, "npm ci", "npm", "by package-lock.json"),
        ({"npm-shrinkwrap.json": "{}"}, {}, "npm ci", "npm", "by npm-shrinkwrap.json"),
        ({}, {"dependencies": {"vite": "5"}}, "npm install", "npm", "no lock file"),
        ({}, {}, None, "npm", "no lock file"),
        (
            {"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"},
            {},
            PNPM.replace("10", "8") + " install --frozen-lockfile",
            "pnpm",
            "by pnpm-lock.yaml",
        ),
        ({"pnpm-lock.yaml": ""}, {}, f"{PNPM} install --frozen-lockfile", "pnpm", "by pnpm-lock.yaml"),
        ({"yarn.lock": ""}, {}, f"{YARN} install --frozen-lockfile", "yarn", "by yarn.lock"),
        ({"yarn.lock": "", ".yarnrc.yml": ""}, {}, f"{YARN} install --immutable", "yarn", "by yarn.lock"),
        (
            {"yarn.lock": ""},
            {"packageManager": "yarn@4.1.0"},
            YARN.replace("yarn@1", "@yarnpkg/cli-dist@4.1.0") + " install --immutable",
            "yarn",
            "yarn@4",
        ),
        (
            {"yarn.lock": ""},
            {"packageManager": "yarn@1.22.19"},
            YARN.replace("@1", "@1.22.19") + " install --frozen-lockfile",
            "yarn",
            "yarn@1",
        ),
        ({"bun.lockb": b"\0\1"}, {}, f"{BUN} install --frozen-lockfile", "bun", "by bun.lockb"),
        ({"bun.lock": "{}"}, {}, f"{BUN} install --frozen-lockfile", "bun", "by bun.lock"),
        (
            {"package-lock.json": "{}", "pnpm-lock.yaml": ""},
            {},
            f"{PNPM} install --frozen-lockfile",
            "pnpm",
            "by pnpm-lock.yaml (not package-lock.json)",
        ),
        (
            {"package-lock.json": "{}", "pnpm-lock.yaml": ""},
            {"packageManager": "npm@10.2.0+sha512.abc"},
            "npm ci",
            "npm",
            "by packageManager npm@10",
        ),
        (
            {"yarn.lock": ""},
            {"packageManager": "pnpm@9.0.0", "dependencies": {"a": "1"}},
            PNPM.replace("10", "9.0.0") + " install",
            "pnpm",
            "pnpm@9",
        ),
        ({"package-lock.json": "{}"}, {"packageManager": "rm -rf /@1"}, "npm ci", "npm", "by package-lock.json"),
    ],
)
def test_the_package_manager_is_the_one_of_the_lock_file(
    tmp_path: Path, files: Files, more: dict[str, Any], install: str | None, manager: str, why: str
) -> None:
    recipe = found(tmp_path, {"package.json": package({"dev": "vite"}, **more), **files})
    assert [command.line for command in recipe.install] == ([install] if install else [])
    assert why in recipe.found[0]
    assert recipe.caches == (manager,)


def test_a_package_of_a_workspace_finds_its_lock_file_further_up(tmp_path: Path) -> None:
    files: Files = {
        "gitperch.toml": "[preview]\nroot = 'apps/web'",
        "pnpm-lock.yaml": "",
        "apps/web/package.json": package({"dev": "next"}),
    }
    recipe = found(tmp_path, files)
    assert recipe.root == "apps/web"
    assert recipe.install[0].line == f"{PNPM} install --frozen-lockfile"


@pytest.mark.parametrize(
    ("files", "build"),
    [
        ({"package.json": package({"start": "next start", "build": "next build"})}, [f"{NODE_PATH}next build"]),
        ({"package.json": package({"dev": "next", "start": "next start", "build": "next build"})}, []),
        (
            {"Procfile": "web: npm start", "package.json": package({"dev": "next", "build": "x", "prebuild": "y"})},
            ["npm run build"],
        ),
        (
            {"Procfile": "web: x", "package.json": package({"build": "x", "heroku-postbuild": "y"})},
            [f"{NODE_PATH}y"],
        ),
        ({"package.json": package({"start": "react-scripts start", "build": "x"})}, []),
        ({"package.json": package({"start": "vite preview", "build": "x"})}, [f"{NODE_PATH}x"]),
        ({"package.json": package({"start": "npm run build && node .", "build": "x"})}, []),
        ({"gitperch.toml": "[preview]\nbuild = 'make'\ncommand = './x'"}, ["make"]),
        ({"gitperch.toml": "[preview]\nbuild = ''", "package.json": package({"start": "node .", "build": "x"})}, []),
        ({"gitperch.toml": "[preview]\ncommand = './x'", "package.json": package({"build": "x"})}, []),
    ],
)
def test_what_is_built_before(tmp_path: Path, files: Files, build: list[str]) -> None:
    assert [command.line for command in found(tmp_path, files).build] == build


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (
            {"requirements.txt": "fastapi\nuvicorn[standard]>=0.2", "main.py": "app = FastAPI()\n"},
            "uvicorn main:app --host $HOST --port $PORT",
        ),
        (
            {
                "requirements.txt": "FastAPI==1",
                "app/main.py": "from fastapi import FastAPI\n\napi: FastAPI = FastAPI(title='x')\n",
            },
            "uvicorn app.main:api --host $HOST --port $PORT",
        ),
        (
            {
                "requirements.txt": "-r base.txt\n",
                "base.txt": "starlette\nhypercorn\n",
                "asgi.py": "app = starlette.applications.Starlette()\n",
            },
            "hypercorn --bind $HOST:$PORT asgi:app",
        ),
        (
            {
                "requirements.txt": "fastapi\nuvicorn",
                "app/main.py": "def get_application() -> FastAPI:\n    ...\n\n\napp = get_application()\n",
            },
            "uvicorn app.main:app --host $HOST --port $PORT",
        ),
        (
            {"requirements.txt": "fastapi", "main.py": "def create_app():\n    return FastAPI()\n"},
            "uvicorn main:create_app --factory --host $HOST --port $PORT",
        ),
        (
            {"requirements.txt": "flask\ngunicorn", "wsgi.py": "app = Flask(__name__)\n"},
            "gunicorn --bind $HOST:$PORT wsgi:app",
        ),
        (
            {"requirements.txt": "flask\ngunicorn", "app/__init__.py": "def create_app(x=None):\n    pass\n"},
            "gunicorn --bind $HOST:$PORT 'app:create_app()'",
        ),
        (
            {"requirements.txt": "Flask", "app.py": "app = Flask(__name__)\n"},
            "flask --app app run --host $HOST --port $PORT",
        ),
        (
            {
                "requirements.txt": "Django\ngunicorn",
                "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
                "shop/wsgi.py": "",
            },
            "gunicorn shop.wsgi:application --bind $HOST:$PORT",
        ),
        ({"requirements.txt": "Django", "manage.py": ""}, "python manage.py runserver --noreload $HOST:$PORT"),
        ({"requirements.txt": "datasette"}, "datasette . --host $HOST --port $PORT"),
        (
            {"requirements.txt": "streamlit", "Hello.py": "import streamlit as st\n", "a.py": ""},
            "streamlit run Hello.py --server.address $HOST --server.port $PORT",
        ),
        (
            {
                "pyproject.toml": "[project]\nname='x'\ndependencies=['starlette>=0.3']\n",
                "app.py": "app = Starlette()\n",
            },
            "uvicorn app:app --host $HOST --port $PORT",
        ),
        (
            {
                "pyproject.toml": "[tool.poetry.dependencies]\nfastapi = '*'\nuvicorn = '*'\n",
                "main.py": "app = FastAPI()\n",
            },
            "uvicorn main:app --host $HOST --port $PORT",
        ),
    ],
)
def test_python_servers_are_recognised(tmp_path: Path, files: Files, command: str) -> None:
    recipe = found(tmp_path, files)
    assert recipe.kind == "process", recipe
    assert lines(recipe)[0].startswith(f".venv/bin/{command}")
    assert recipe.environment["PYTHONUNBUFFERED"] == "1"


@pytest.mark.parametrize(
    ("files", "install"),
    [
        (
            {"requirements.txt": "fastapi\nuvicorn"},
            ["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt"],
        ),
        (
            {"requirements.txt": "fastapi"},
            ["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt uvicorn"],
        ),
        (
            {"pyproject.toml": "[project]\ndependencies=['fastapi[standard] >=0.1; python_version>\"3\"']"},
            ["python3 -m venv .venv", ".venv/bin/pip install 'fastapi[standard] >=0.1; python_version>\"3\"'"],
        ),
        (
            {"pyproject.toml": "[build-system]\n[project]\ndependencies=['fastapi', 'uvicorn']"},
            ["python3 -m venv .venv", ".venv/bin/pip install ."],
        ),
        (
            {"pyproject.toml": "[project]\ndependencies=['fastapi']", "uv.lock": ""},
            ['PATH="$PATH:$PWD/.venv-tools/bin" uv sync --frozen'],
        ),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\nfastapi='*'", "poetry.lock": ""},
            ['PATH="$PATH:$PWD/.venv-tools/bin" poetry install --no-root --no-interaction'],
        ),
    ],
)
def test_python_is_installed_by_lock_file(tmp_path: Path, files: Files, install: list[str]) -> None:
    recipe = found(tmp_path, {"main.py": "app = FastAPI()\n", **files})
    assert [command.line for command in recipe.install][-len(install) :] == install


def test_a_procfile_with_its_release_finds_what_was_installed(tmp_path: Path) -> None:
    recipe = found(
        tmp_path,
        {
            "Procfile": "# two\r\nrelease: python manage.py migrate\r\nweb: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\r\nworker: celery\r\n",
            "requirements.txt": "gunicorn\n",
        },
    )
    assert lines(recipe) == [f"{VENV_PATH}gunicorn shop.wsgi --bind 0.0.0.0:$PORT"]
    assert recipe.release
    assert recipe.release.line == f"{VENV_PATH}python manage.py migrate"
    assert recipe.release.source == "Procfile release"
    assert recipe.commands[0].source == "Procfile web"
    assert recipe.found[0] == "Procfile: web"
    assert [command.line for command in recipe.install][-1] == ".venv/bin/pip install -r requirements.txt"


def test_app_json_adds_variables_health_and_predeploy(tmp_path: Path) -> None:
    document = {
        "env": {
            "PLAIN": "text",
            "NUMBER": 3,
            "WITH_VALUE": {"description": "x", "value": "y"},
            "SESSION": {"generator": "secret"},
            "DATABASE_URL": {"description": "needed"},
            "OPTIONAL": {"required": False},
            "PORT": "5000",
            "LD_PRELOAD": "./evil.so",
        },
        "healthchecks": {
            "web": [
                {"type": "liveness", "path": "/live"},
                {"type": "startup", "path": "/healthz", "attempts": 7, "timeout": 2, "wait": 1, "initialDelay": 3},
            ]
        },
        "scripts": {"dokku": {"predeploy": "./migrate"}},
    }
    recipe = found(tmp_path, {"app.json": json.dumps(document), "Procfile": "web: ./run\nrelease: ./release\n"})
    assert recipe.environment == {"PLAIN": "text", "NUMBER": "3", "WITH_VALUE": "y"}
    assert recipe.generated == ("SESSION",)
    assert recipe.required == ("DATABASE_URL",)
    health = recipe.health
    assert (health.path, health.attempts, health.timeout, health.pause, health.wait) == ("/healthz", 7, 2.0, 1.0, 3.0)
    assert recipe.release
    assert recipe.release.line.index("./migrate") < recipe.release.line.index("./release")
    said = "\n".join(recipe.found)
    assert "PORT is the server's to give" in said
    assert "LD_PRELOAD cannot be set here" in said
    assert "healthy when /healthz answers" in said


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("FROM node\nEXPOSE 3000\nCMD npm start", 3000),
        ("FROM node AS build\nEXPOSE 1\nFROM --platform=x node\nexpose 8080/tcp 9\n", 8080),
        ("FROM node\nEXPOSE \\\n  # why\n  53/udp 80\n", 80),
        ("FROM node\nEXPOSE $PORT\n", None),
        ("FROM node\nEXPOSE 99999\n", None),
        ("not a dockerfile", None),
    ],
)
def test_a_dockerfile_is_an_image_with_its_port(tmp_path: Path, text: str, port: int | None) -> None:
    recipe = found(tmp_path, {"Dockerfile": text, "Procfile": "web: x", "package.json": package({"dev": "vite"})})
    assert (recipe.kind, recipe.dockerfile, recipe.port, recipe.commands) == ("image", "Dockerfile", port, ())


@pytest.mark.parametrize(
    ("said", "kind", "commands"),
    [
        ("port = 9000", "image", []),
        ("runner = 'process'", "process", ["./serve"]),
        ("command = './go'", "process", ["./go", "./serve"]),
        ("command = './go'\nrunner = 'docker'", "image", ["./go"]),
    ],
)
def test_gitperch_toml_comes_before_a_dockerfile(tmp_path: Path, said: str, kind: str, commands: list[str]) -> None:
    files: Files = {
        "gitperch.toml": f"[preview]\n{said}",
        "Dockerfile": "FROM x\nEXPOSE 80",
        "Procfile": "web: ./serve",
    }
    recipe = found(tmp_path, files)
    assert (recipe.kind, lines(recipe)) == (kind, commands)
    assert recipe.port == (9000 if "port" in said else 80 if kind == "image" else None)


def test_without_docker_a_dockerfile_is_passed_over(tmp_path: Path) -> None:
    recipe = found(tmp_path / "a", {"Dockerfile": "FROM x", "Procfile": "web: ./serve"}, containers=False)
    assert (recipe.kind, lines(recipe)) == ("process", ["./serve"])
    assert "Dockerfile is left out: this server has no Docker" in recipe.found
    recipe = found(tmp_path / "b", {"Dockerfile": "FROM x", "index.html": ""}, containers=False)
    assert recipe.kind == "static"
    recipe = found(tmp_path / "c", {"Dockerfile": "FROM x"}, containers=False)
    assert "no Docker" in recipe.problem


def test_a_repository_with_sha256_ids(tmp_path: Path) -> None:
    files: Files = {
        "gitperch.toml": "[preview]\nroot = 'web'",
        "web/package.json": package({"dev": "vite"}),
        "web/yarn.lock": "",
    }
    recipe = found(tmp_path, files, object_format="sha256")
    assert (recipe.root, recipe.install[0].line) == ("web", f"{YARN} install --frozen-lockfile")


def test_a_site_that_lies_ready_beside_an_app_is_pointed_to(tmp_path: Path) -> None:
    recipe = found(tmp_path, {"package.json": package({"start": "node x.js"}), "dist/index.html": ""})
    assert recipe.kind == "process"
    assert 'The site in dist/ is shown instead with runner = "static" in gitperch.toml' in recipe.found
