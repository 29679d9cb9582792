"""Settings come from one loader, and a wrong one stops the start with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitperch.config import ConfigError, load, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "gitperch.toml").write_text(
        'listen = "127.0.0.1:1"\nbase_url = "https://a.example"\n[git]\nchildren = 3\n'
    )
    environ = {"GITPERCH_LISTEN": "127.0.0.1:2", "GITPERCH_DATA": str(tmp_path), "GITPERCH_GIT_CHILDREN": "4"}
    config = load({"listen": "127.0.0.1:3", "data": None}, environ)
    assert config.listen_address == ("127.0.0.1", 3)
    assert config.git.children == 4
    assert config.base_url == "https://a.example"
    assert load({}, {"GITPERCH_DATA": str(tmp_path)}).git.children == 3


def test_addresses_are_completed_from_each_other() -> None:
    config = load({"listen": "0.0.0.0:8123"}, {})
    assert config.base_url == "http://localhost:8123"
    assert config.preview_url("main-thing") == "http://main-thing.localhost:8123/"
    config = load({"base_url": "https://git.example.com", "preview_domain": "dev.example.com"}, {})
    assert config.preview_url("main-thing") == "https://main-thing.dev.example.com/"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("", "ssh://git@x.example:2222/alice/thing.git"),
        ("git.example", "git@git.example:alice/thing.git"),
        ("git.example:2200", "ssh://git@git.example:2200/alice/thing.git"),
        ("[::1]:2200", "ssh://git@[::1]:2200/alice/thing.git"),
    ],
)
def test_the_address_for_ssh_is_the_one_people_use(address: str, url: str) -> None:
    config = load({"base_url": "https://x.example"}, {"GITPERCH_SSH_ADDRESS": address})
    assert config.ssh_url("alice/thing") == url


@pytest.mark.parametrize(
    ("environ", "toml", "said"),
    [
        ({"GITPERCH_LISTNE": "x"}, "", "GITPERCH_LISTNE in the environment is no setting"),
        ({"GITPERCH_GIT_CHILDREN": "many"}, "", "GITPERCH_GIT_CHILDREN is 'many'; it has to be a number"),
        ({"GITPERCH_DEMO": "perhaps"}, "", "GITPERCH_DEMO is 'perhaps'; it has to be true or false"),
        ({"GITPERCH_LISTEN": "8000"}, "", "it has to be HOST:PORT"),
        ({"GITPERCH_BASE_URL": "git.example.com"}, "", "it has to be http(s)://HOST"),
        ({"GITPERCH_PREVIEW_DOMAIN": "http://x"}, "", "it has to be a domain alone"),
        ({"GITPERCH_SSH_LISTEN": "2222"}, "", "ssh.listen is '2222'; it has to be HOST:PORT"),
        ({"GITPERCH_SSH_LISTEN": "0.0.0.0:0"}, "", "its port cannot be 0"),
        ({"GITPERCH_SSH_ADDRESS": "git@host"}, "", "ssh.address is 'git@host'; it has to be HOST or HOST:PORT"),
        ({"GITPERCH_SSH_ADDRESS": "host:99999"}, "", "it has to be HOST or HOST:PORT"),
        ({"GITPERCH_PREVIEWS_MEMORY": "much"}, "", "previews.memory is 'much'; it has to be a number of bytes"),
        ({"GITPERCH_PREVIEWS_BUILDS": "0"}, "", "previews.builds is 0; it has to be 1 at least"),
        ({"GITPERCH_PREVIEWS_RUNNER": "podman"}, "", "it has to be process, docker, docker-only, or left empty"),
        ({}, "colour = 1", "colour in"),
        ({}, "[git]\nchilds = 1", "git.childs in"),
        ({}, "[git]\nchildren = true", "it has to be a whole number"),
        ({}, "listen = ", "is not valid TOML"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    tmp_path: Path, environ: dict[str, str], toml: str, said: str
) -> None:
    (tmp_path / "gitperch.toml").write_text(toml)
    with pytest.raises(ConfigError) as caught:
        load({"data": str(tmp_path)}, environ)
    assert said in str(caught.value)


def test_every_setting_is_documented() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    for dotted, environment, _, _ in settings():
        assert f"`{dotted}`" in page, dotted
        assert f"`{environment}`" in page, environment
