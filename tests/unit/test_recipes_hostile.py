"""Files that mean harm, or are only broken, while it is looked for what to run."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from support.recipes import Files, found, lines

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 5.0  # of a processor, for one look
DEEP = 20_000
BIG = 64 << 10


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": "[" * DEEP},
        {"package.json": '{"scripts": ' * DEEP},
        {"package.json": '{"version": ' + "9" * 10_000 + "}"},
        {"package.json": "[]"},
        {"package.json": "null"},
        {"package.json": b"\xff\xfe\x00{"},
        {"package.json": '{"scripts": ["dev"], "packageManager": 3, "dependencies": 7}'},
        {"package.json": '{"scripts": {"dev": null, "start": {"a": 1}}}'},
        {"package.json": '{"scripts": {"dev": "a\\u0000b", "start": "\\ud800"}}'},
        {"package.json": json.dumps({"scripts": {"dev": "vite"}, "x": "x" * (1 << 20)})},
        {"Procfile": b"web: a\0b\n"},
        {"Procfile": "web: " + "x" * BIG},
        {"Procfile": "web:\nweb : \n: web\nweb\n"},
        {"app.json": '{"env": ' * DEEP},
        {"app.json": '{"env": 3, "healthchecks": {"web": "x"}, "scripts": {"dokku": []}}'},
        {"Dockerfile": b"FROM x\0\n"},
        {"Dockerfile": "FROM x\n" * 20_000},
        {"pyproject.toml": "a = " + "[" * DEEP},
        {"pyproject.toml": "[project]\ndependencies = 'flask'\n[tool]\npoetry = 3"},
        {"requirements.txt": b"flask\0"},
        {"requirements.txt": "-r requirements.txt\n-r ../../etc/passwd\n-r a.txt", "a.txt": "-r requirements.txt"},
        {"gitperch.toml": "[other]\npreview = 'x'"},
        {"pyproject.toml": "a" + ".a" * 30_000 + " = 1"},
    ],
)
def test_a_file_that_cannot_be_used_leaves_the_site_as_it_was(tmp_path: Path, files: Files) -> None:
    recipe = found(tmp_path, {"index.html": "", **files})
    assert (recipe.kind, recipe.problem) == ("static", "")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 30_000,
        "a" + ".a" * 30_000 + " = 1",
        "[a" + ".a" * 30_000 + "]",
        "[preview]\n" + "x" * BIG,
        "[preview]\n" + "\n".join(f"env.A{number} = '1'" for number in range(3000)) + "\nx = 1",
        "x = {" + "a={" * 10_000,
        b"\0" * 100,
        b"[preview]\ncommand = '\xff\xfe",
    ],
)
def test_settings_that_are_hostile_get_a_sentence_soon(tmp_path: Path, text: str | bytes) -> None:
    begun = time.process_time()
    recipe = found(tmp_path, {"gitperch.toml": text, "Procfile": "web: x"})
    assert time.process_time() - begun < SECONDS
    assert recipe.kind == ""
    assert recipe.problem.startswith("gitperch.toml")
    assert len(recipe.problem) < 400


def test_patterns_do_not_run_away(tmp_path: Path) -> None:
    begun = time.process_time()
    files: Files = {
        "requirements.txt": ("-r " + " " * 10_000 + "\n") * 5 + "flask[" + "a" * 10_000 + "\nflask\n",
        "app.py": "a" * 100_000 + " = " + "a." * 40_000 + "Flask",
        "main.py": "x = " + "a." * 10_000 + "\n" + "def create_app" * 5000,
        "Procfile": "web" + " " * 30_000 + ":" + " " * 30_000,
        "Dockerfile": "# x\n" * 10_000 + "EXPOSE " * 3000,
        "package.json": json.dumps({"scripts": {"dev": "a=b " * 1000, "start": "(" * 4000}}),
    }
    found(tmp_path, files)
    assert time.process_time() - begun < SECONDS


def test_links_are_followed_inside_the_tree_only(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("web: ./outside\n")
    inside = found(tmp_path / "a", {"deploy/Procfile": "web: ./inside\n"}, links={"Procfile": "deploy/Procfile"})
    assert lines(inside) == ["./inside"]
    targets = ("/etc/passwd", "../outside", "../../outside", "Procfile", ".git/config", "deploy", "gone")
    for number, target in enumerate(targets):
        folder = tmp_path / f"b{number}"
        folder.mkdir()
        (folder / "outside").write_text("web: ./outside\n")
        recipe = found(folder, {"index.html": "", "deploy/x": ""}, links={"Procfile": target})
        assert recipe.kind == "static", target


def test_a_root_behind_a_link_is_where_it_leads(tmp_path: Path) -> None:
    files: Files = {"gitperch.toml": "[preview]\nroot = 'app'", "apps/web/Procfile": "web: ./x"}
    recipe = found(tmp_path / "a", files, links={"app": "apps/web"})
    assert (recipe.root, lines(recipe)) == ("apps/web", ["./x"])
    recipe = found(tmp_path / "b", {"gitperch.toml": "[preview]\nroot = 'app'"}, links={"app": "../../.."})
    assert "no such folder" in recipe.problem


def test_names_from_a_repository_are_no_options_and_no_shell(tmp_path: Path) -> None:
    scripts = {"dev": "npm run '$(touch x)'", "$(touch x)": "vite", "predev": "node x"}
    recipe = found(tmp_path / "a", {"package.json": json.dumps({"scripts": scripts})})
    assert lines(recipe) == ["npm run '$(touch x)' -- --host $HOST --port $PORT --strictPort"]
    sources: Files = dict.fromkeys(("-x.py", "$(touch x).py"), "import streamlit\n")
    recipe = found(tmp_path / "b", {"requirements.txt": "streamlit", **sources})
    assert lines(recipe)[0].startswith(".venv/bin/streamlit run '$(touch x).py' ")


def test_what_is_shown_of_a_file_is_one_printable_line(tmp_path: Path) -> None:
    script = "tsc '\n' \x1b[31m \u202e " + "x" * 500
    recipe = found(tmp_path, {"index.html": "", "package.json": json.dumps({"scripts": {"dev": script}})})
    assert len(recipe.found) == 2
    assert all(line.isprintable() and len(line) < 300 for line in recipe.found)


def test_a_folder_of_very_many_files(tmp_path: Path) -> None:
    files: Files = {f"{number:05}.txt": "" for number in range(1000)}
    begun = time.process_time()
    assert lines(found(tmp_path, {**files, "Procfile": "web: ./x"})) == ["./x"]
    assert time.process_time() - begun < SECONDS * 2
