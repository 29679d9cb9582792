"""What an app finds in its environment."""

from __future__ import annotations

import pytest

from gitperch_preview.contract import Recipe
from gitperch_preview.recipes import environment, variables

OID = "0123456789abcdef0123456789abcdef01234567"


def made(
    recipe: Recipe, settings: dict[str, str] | None = None, url: str = "https://a-shop.example.com/"
) -> dict[str, str]:
    return environment(recipe, branch="feature/a", commit=OID, url=url, settings=settings).values


def test_the_servers_own_variables() -> None:
    assert made(Recipe("process"), url="http://a-shop.localhost:8000/") == {
        "GITPERCH_BRANCH": "feature/a",
        "GITPERCH_COMMIT": OID,
        "GITPERCH_URL": "http://a-shop.localhost:8000/",
        "__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS": "a-shop.localhost",
    }


def test_settings_of_the_repository_come_after_the_files_and_ours_after_both() -> None:
    recipe = Recipe("process", environment={"A": "file", "B": "file", "GITPERCH_URL": "file"})
    values = made(recipe, {"A": "settings", "GITPERCH_BRANCH": "evil", "LD_PRELOAD": "x", "GIT_TOKEN": "x"})
    assert (values["A"], values["B"]) == ("settings", "file")
    assert values["GITPERCH_URL"] == "https://a-shop.example.com/"
    assert values["GITPERCH_BRANCH"] == "feature/a"
    assert not {"LD_PRELOAD", "GIT_TOKEN", "PORT", "HOST", "CI"} & set(values)


def test_what_is_made_is_a_secret_and_what_is_missing_is_named() -> None:
    recipe = Recipe("process", generated=("SESSION", "GIVEN"), required=("DATABASE_URL", "THERE"))
    it = environment(
        recipe,
        branch="main",
        commit=OID,
        url="https://x.example.com/",
        settings={"GIVEN": "mine", "THERE": "1"},
        generate=lambda name: f"made for {name}",
    )
    assert it.values["SESSION"] == "made for SESSION"
    assert it.values["GIVEN"] == "mine"
    assert it.secrets == ("made for SESSION",)
    assert it.missing == ("DATABASE_URL",)
    assert "made for" not in repr(it)


@pytest.mark.parametrize(
    "name", ["A", "_a1", "NODE_ENV", "NODE_OPTIONS", "PYTHONPATH", "DATABASE_URL", "GITHUB_TOKEN", "HOSTNAME"]
)
def test_names_that_can_be_set(name: str) -> None:
    assert not variables.problem(name, "any text, ü, several\nlines")


@pytest.mark.parametrize(
    "name",
    [
        *("", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "A\0", "x" * 129),
        *("PORT", "HOST", "host", "GITPERCH_X", "GIT_TOKEN", "GIT_ASKPASS", "GIT_CONFIG_COUNT", "SESSION_BRANCH"),
        *("PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "BASH_FUNC_x", "DBUS_SESSION_BUS_ADDRESS"),
    ],
)
def test_names_that_cannot(name: str) -> None:
    assert variables.problem(name, "x")


@pytest.mark.parametrize("value", ["a\0b", "\udcff", "x" * 40_000])
def test_values_that_cannot(value: str) -> None:
    assert "the value of A" in variables.problem("A", value)
