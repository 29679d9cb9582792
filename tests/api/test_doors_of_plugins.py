"""What a plugin adds to the house besides routes: commands, and pages below a repository's settings."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.visitor import Visitor

if TYPE_CHECKING:
    from support.server import Server


def gitperch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitperch", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_commands_of_plugins_stand_beside_our_own() -> None:
    assert " logs " in gitperch("--help").stdout
    assert "settings and secrets" in gitperch("--help").stdout
    family = gitperch("env", "--help").stdout
    assert all(f"    {action} " in family for action in ("set", "list", "unset"))
    for wrong in (("env",), ("env", "shout"), ("logs",), ("logs", "alice/x", "main", "--lines", "many")):
        done = gitperch(*wrong)
        assert done.returncode == 2, wrong
        assert done.stderr.startswith("usage: gitperch"), wrong


def test_our_own_commands_do_not_wait_for_plugins() -> None:
    loaded = "import sys; from gitperch.cli import main; main(['version'])"
    done = subprocess.run(
        [sys.executable, "-c", f"{loaded}; print([name for name in sys.modules if name.startswith('gitperch_')])"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_of_a_plugin_works_before_any_server_was_started(server: Server) -> None:
    server.cli("repo", "add", "alice/early")
    assert server.cli("env", "list", "alice/early") == ""


def test_settings_lead_to_the_pages_of_plugins_and_back(server: Server) -> None:
    server.cli("repo", "add", "alice/linked")
    alice = Visitor(server)
    alice.sign_in()
    general = alice.get("/alice/linked/settings").text
    assert '<a href="/alice/linked/settings" aria-current="page">General</a>' in general
    assert '<a href="/alice/linked/settings/previews">Previews</a>' in general
    previews = alice.get("/alice/linked/settings/previews").text
    assert '<a href="/alice/linked/settings/previews" aria-current="page">Previews</a>' in previews
    assert '<a href="/alice/linked/settings">General</a>' in previews
    assert "settings/previews" not in alice.get("/alice/linked/branches").text
