"""What is found to run in a commit, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.recipes import FLAGS, NODE_PATH, VENV_PATH, VITE, YARN, Files, found, lines, package

if TYPE_CHECKING:
    from pathlib import Path


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
