"""What `gitperch logs` and `gitperch env` answer whoever makes a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.deployments import remembered

if TYPE_CHECKING:
    from support.server import Server


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    server.cli("repo", "add", "alice/shop", "--public")
    return server


def refused(server: Server, *arguments: str) -> str:
    with pytest.raises(AssertionError) as failure:
        server.cli(*arguments)
    return str(failure.value)


def test_of_several_settings_all_are_removed_or_none(shop: Server) -> None:
    assert shop.cli("env", "set", "alice/shop", "MODE=staging", "LEVEL=debug") == "set: MODE, LEVEL\n"
    assert "'NOPE' is not set here" in refused(shop, "env", "unset", "alice/shop", "MODE", "NOPE")
    assert [line.split("\t")[0] for line in shop.cli("env", "list", "alice/shop").splitlines()] == ["LEVEL", "MODE"]
    assert shop.cli("env", "unset", "alice/shop", "MODE", "LEVEL", "MODE") == "unset: MODE, LEVEL\n"
    assert shop.cli("env", "list", "alice/shop") == ""


def test_a_log_that_is_not_there_is_told_by_what_was_asked_for(shop: Server) -> None:
    assert "a branch has one from its app's first build on" in refused(shop, "logs", "alice/shop", "nowhere")
    remembered(shop, "alice/shop", "main")
    told = refused(shop, "logs", "alice/shop", "main", "--deployment", "999")
    assert "'main' in alice/shop has no log of a deployment 999; those of the last 20 are kept." in told
    assert "-n takes the number of lines" in refused(shop, "logs", "alice/shop", "main", "-n", "-5")


def test_the_help_of_serve_names_both_demo_repositories(shop: Server) -> None:
    assert "demo/birdhouse" in shop.cli("serve", "--help")
