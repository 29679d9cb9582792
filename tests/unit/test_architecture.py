"""The picture in docs/architecture.md, held against the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gitperch.errors import BadRequest
from gitperch.git.names import owner_name
from gitperch.plugin import Plugin

ROOT = Path(__file__).parents[2]
OURS = sorted(path for source in ("server", "plugins") for path in (ROOT / source).rglob("*.py"))
# The contract, the types of what the host hands out, and what a page of a repository begins with.
PUBLIC = {"plugin", "events", "errors", "host", "git", "repositories", "accounts.access", "accounts.people", "db"}
PUBLIC |= {"pages.repository", "pages.forms", "routing"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_host_imports_no_plugin() -> None:
    for path in (ROOT / "server").rglob("*.py"):
        assert not [name for name in imports(path) if name.startswith("gitperch_")], path


@pytest.mark.parametrize("plugin", sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()))
def test_plugins_know_each_other_only_through_events(plugin: str) -> None:
    for path in (ROOT / "plugins" / plugin).rglob("*.py"):
        others = [name for name in imports(path) if name.startswith("gitperch_") and name.split(".")[0] != plugin]
        assert not others, f"{path}: {others}"
        private = {name.removeprefix("gitperch.") for name in imports(path) if name.startswith("gitperch.")} - PUBLIC
        assert not private, f"{path}: {private}"


def test_asyncssh_is_loaded_where_ssh_is_on_and_nowhere_else() -> None:
    """It and `cryptography` take 16 MB; the rooms that may need them import them inside functions."""
    everything = (
        "import sys, gitperch.app, gitperch.cli.main, gitperch.ssh.store, gitperch.ssh.host_keys, gitperch.ssh.commands"
    )
    heavy = "sorted({'asyncssh', 'cryptography'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{everything}; print({heavy})"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_every_part_of_the_plugin_contract_is_documented() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    for name in vars(Plugin):
        if not name.startswith("_"):
            assert f"`{name}`" in page or f"`{name}(" in page, name


def test_only_the_configuration_reads_the_environment() -> None:
    # The first hands it to the loader, the second gives git its PATH, the third is a file of the demo's.
    allowed = {"cli/main.py", "git/process.py", "demo/birdhouse/app.py"}
    for path in OURS:
        if "os.environ" in path.read_text("utf-8"):
            assert str(path.relative_to(ROOT / "server" / "gitperch")) in allowed, path


def test_no_task_runs_without_an_owner() -> None:
    """Background work belongs to the supervisor, work inside a request to a task group."""
    for path in OURS:
        if path.name != "tasks.py":
            assert "asyncio.create_task(" not in path.read_text("utf-8"), path


def test_no_owner_can_take_the_name_of_a_page() -> None:
    texts = [path.read_text("utf-8") for path in OURS]
    first = {match for text in texts for match in re.findall(r'Route\(\s*f?"/([a-z][^/"{}]*)', text)}
    assert {"account", "healthz", "preview-ask", "signin"} <= first
    for segment in first:
        with pytest.raises(BadRequest):
            owner_name(segment)
