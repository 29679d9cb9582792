"""What is found to run in a package of Node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.recipes import BUN, FLAGS, NODE_PATH, PNPM, YARN, Files, found, lines, package

if TYPE_CHECKING:
    from pathlib import Path


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
