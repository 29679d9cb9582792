"""What whoever pushed an app that does not come up is told to do, and that a slip of the pen takes nothing away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitperch_preview.logs.writing import FileLog
from support.previews import app
from support.recipes import found, package
from support.server import commit

if TYPE_CHECKING:
    from pathlib import Path

    from support.previews import Site


def test_what_does_not_stay_up_is_told_with_what_to_do(site: Site) -> None:
    for command, remedy in (
        ("no-such-program", "it found no such program"),
        ("./app.txt", "git update-index --chmod=+x FILE"),
        ("true", "has to stay in the foreground"),
    ):
        said = site.said({"gitperch.toml": f"[preview]\ncommand = '{command}'\n", "app.txt": "echo\n"})
        problem = site.previews()["main"]["problem"]
        assert "It had not answered yet." in problem
        assert remedy in problem
        assert problem in said
    site.said({"gitperch.toml": "[preview]\nbuild = 'no-such-program'\ncommand = 'true'\n"})
    problem = site.previews()["main"]["problem"]
    assert problem.startswith("`no-such-program` failed. It ended with status 127. By that a shell says")


def test_an_app_that_listens_elsewhere_is_told_how_long_was_waited(site: Site) -> None:
    health = "health = { attempts = 3, pause = 0.5 }"
    site.said({"gitperch.toml": f"[preview]\ncommand = 'sleep 600'\n{health}\n"})
    problem = site.previews()["main"]["problem"]
    assert "nothing answered at its port within " in problem
    assert "It has to listen on $PORT" in problem


def test_a_file_that_cannot_be_read_leaves_the_version_before(site: Site) -> None:
    site.push(app("good"))
    site.until("ready")
    unread: list[tuple[dict[str, str | bytes], str]] = [
        ({"gitperch.toml": "[preview\n"}, "gitperch.toml is not valid TOML"),
        ({"gitperch.toml": "", "app.py": "", "package.json": "{broken"}, "package.json is not valid JSON"),
    ]
    for files, why in unread:
        said = site.said(files)
        assert f" !     {why}" in said
        assert f"The version before stays at {site.url()}" in said
        assert site.text() == "good"
    commit(site.work, {"more": "of it"})
    script = site.server.git("push", site.remote, "HEAD:refs/heads/main", cwd=site.work)
    assert f"The version before stays at {site.url()}" in script


def test_who_pushes_nothing_to_show_reads_what_was_left_out(site: Site) -> None:
    said = site.said({"Procfile": "worker: ./work\n", "package.json": package({"dev": "tsc --watch"})})
    address = re.search(r"Preview  (http://\S+)", said)
    assert address
    assert "Procfile is left out, it has no web" in said
    assert "scripts.dev is left out, it starts no server" in said
    assert "<pre>[preview]\ncommand = " in site.server.get(address[1]).text


def test_an_unreadable_file_beside_something_to_show_is_no_failure(tmp_path: Path) -> None:
    assert found(tmp_path / "a", {"index.html": "", "package.json": "{broken"}).kind == "static"
    assert found(tmp_path / "b", {"Procfile": "web: ./go", "package.json": "{broken"}).kind == "process"
    alone = found(tmp_path / "c", {"pyproject.toml": "[project"})
    assert alone.problem.startswith("pyproject.toml is not valid TOML, and nothing else here says")


def test_colours_of_an_engine_do_not_reach_a_log_as_text(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "1.log")
    log.make()
    log.line("\x1b[91mE: Unable to locate package\n\x1b[0m")
    assert log.path.read_text().split() == ["E:", "Unable", "to", "locate", "package"]
