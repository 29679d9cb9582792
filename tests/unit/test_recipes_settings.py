"""`[preview]` of gitperch.toml: what each key may be, and the sentence for what it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.recipes import Files, found, lines

if TYPE_CHECKING:
    from pathlib import Path

SERVER: Files = {"Procfile": "web: ./serve"}


def test_every_key_is_heard(tmp_path: Path) -> None:
    said = """
        [preview]
        root = "./apps/web/"
        install = ["apt list", "pip list"]
        build = "make"
        command = "./go"
        port = 3000
        runner = "docker"
        idle = "2h"
        memory = "512M"
        [preview.env]
        A = "text"
        B = 7
        C = true
        [preview.health]
        path = "/up"
        attempts = 9
        timeout = 1.5
        wait = 2
        pause = 1
    """
    recipe = found(tmp_path, {"gitperch.toml": said, "apps/web/x": ""})
    assert (recipe.kind, recipe.problem, recipe.root) == ("process", "", "apps/web")
    assert [it.line for it in (*recipe.install, *recipe.build, *recipe.commands)] == [
        "apt list",
        "pip list",
        "make",
        "./go",
    ]
    assert (recipe.port, recipe.runner, recipe.idle, recipe.memory) == (3000, "docker", 7200.0, 512 << 20)
    assert recipe.environment == {"A": "text", "B": "7", "C": "true"}
    health = recipe.health
    assert (health.path, health.attempts, health.timeout, health.wait, health.pause) == ("/up", 9, 1.5, 2, 1)


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("memory = '128m'", "memory", 128 << 20),
        ("memory = '1g'", "memory", 1 << 30),
        ("memory = '64 MiB'", "memory", 64 << 20),
        ("idle = '30m'", "idle", 1800.0),
        ("idle = '90s'", "idle", 90.0),
        ("idle = 45", "idle", 2700.0),
        ("idle = 'never'", "idle", 0.0),
        ("port = 8080", "port", 8080),
        ("runner = 'process'", "runner", "process"),
        ("health = '/up?full=1'", "health", "/up?full=1"),
    ],
)
def test_one_key_alone_leaves_the_rest_to_the_files(tmp_path: Path, said: str, name: str, value: object) -> None:
    recipe = found(tmp_path, {"gitperch.toml": f"[preview]\n{said}", **SERVER})
    assert lines(recipe) == ["./serve"]
    assert (recipe.health.path if name == "health" else getattr(recipe, name)) == value


def test_what_it_sets_goes_before_app_json(tmp_path: Path) -> None:
    files: Files = {
        "gitperch.toml": "[preview]\nhealth = '/ours'\nenv = {A = '1', S = 'given'}",
        "app.json": '{"env": {"A": "2", "B": "3", "S": {"generator": "secret"}}, "healthchecks": {"web": [{"path": "/theirs"}]}}',
    }
    recipe = found(tmp_path, {**files, **SERVER})
    assert recipe.health.path == "/ours"
    assert recipe.environment == {"A": "1", "B": "3", "S": "given"}
    assert recipe.generated == ()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("[preview", "not valid TOML"),
        ("preview = 3", "has to be a table"),
        (
            "[preview]\ncomand = 'x'",
            "knows no “comand”. It may have build, command, port, health, env, root, runner, idle, memory",
        ),
        ("[preview]\ncommand = ''", "command is ''; it may be a command for the shell"),
        ("[preview]\ncommand = 3", "command is 3"),
        ("[preview]\ncommand = ['a', 3]", "a list of at most 20"),
        ("[preview]\ncommand = []", "command is []"),
        ('[preview]\ncommand = "a\\u0000b"', "command for the shell"),
        ("[preview]\nbuild = {a = 1}", "build is {'a': 1}"),
        ("[preview]\nport = 70000", "port is 70000; it may be a number from 1 to 65535"),
        ("[preview]\nport = true", "port is True"),
        ("[preview]\nport = '80'", "port is '80'"),
        ("[preview]\nhealth = 'up'", "begins with /"),
        ("[preview]\nhealth = '/a b'", "begins with /"),
        ('[preview]\nhealth = "/a\\r\\nX: y"', "begins with /"),
        ("[preview]\nhealth = {path = '/x', tries = 3}", "health knows no “tries”. It may have path, attempts"),
        ("[preview]\nhealth = {attempts = 1.5}", "health.attempts is 1.5; it may be a whole number"),
        ("[preview]\nhealth = {attempts = 0}", "health.attempts is 0; it may be 1 to 10000"),
        ("[preview]\nhealth = {timeout = nan}", "health.timeout is nan"),
        ("[preview]\nenv = 'A=1'", "a table of names and texts"),
        ("[preview]\nenv = {A = [1]}", "env.A is [1]"),
        ("[preview]\nenv = {'A-B' = '1'}", "“A-B” cannot be a name"),
        ("[preview]\nenv = {PORT = '1'}", "[preview] port in gitperch.toml says which"),
        ("[preview]\nenv = {GITPERCH_URL = '1'}", "GITPERCH_URL is the server's to give"),
        ("[preview]\nenv = {GIT_TRACE_CURL = '1'}", "GIT_TRACE_CURL is the server's"),
        ("[preview]\nenv = {LD_PRELOAD = './x.so'}", "LD_PRELOAD cannot be set here"),
        ('[preview]\nenv = {A = "\\u0000"}', "the value of A is no text"),
        ("[preview]\nroot = '../x'", "a folder of the repository"),
        ("[preview]\nroot = '/etc'", "a folder of the repository"),
        ("[preview]\nroot = 'nope'", "no such folder"),
        ("[preview]\nroot = 'Procfile'", "no such folder"),
        ("[preview]\nrunner = 'podman'", "runner is 'podman'; it may be static, process or docker"),
        ("[preview]\nrunner = ['docker']", "it may be static, process or docker"),
        ("[preview]\nrunner = 'static'\ncommand = 'x'", "and command. Take one of them out"),
        ("[preview]\nidle = 'soon'", "idle is 'soon'; it may be a time such as 30m"),
        ("[preview]\nidle = 0", "idle is 0"),
        ("[preview]\nidle = inf", "idle is inf"),
        ("[preview]\nmemory = 256", "memory is 256; it may be a size such as 256m"),
        ("[preview]\nmemory = '1k'", "16m at least"),
        ("[preview]\nmemory = '999999999g'", "memory is"),
    ],
)
def test_what_it_may_not_be_is_a_sentence_with_the_key(tmp_path: Path, said: str, says: str) -> None:
    recipe = found(tmp_path, {"gitperch.toml": said, **SERVER})
    assert recipe.kind == ""
    assert says in recipe.problem
    assert recipe.problem.startswith("gitperch.toml")


@pytest.mark.parametrize("said", ["build = 'hugo'", "port = 80", "root = 'docs'", "runner = 'process'"])
def test_a_wish_that_needs_a_command_says_so(tmp_path: Path, said: str) -> None:
    recipe = found(tmp_path, {"gitperch.toml": f"[preview]\n{said}", "docs/index.html": ""})
    assert (recipe.kind, recipe.commands) == ("", ())
    assert "Add a command that listens on $PORT" in recipe.problem
