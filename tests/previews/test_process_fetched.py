"""A package manager that the machine does not have is fetched once, by the build, and not at every start."""

from __future__ import annotations

from support.previews import Site, app


def test_a_start_by_a_fetched_program_finds_what_the_build_has_fetched(site: Site) -> None:
    build = "mkdir -p $npm_config_cache && touch $npm_config_cache/fetched"
    start = "true || npx --yes bun; [ ! -e $npm_config_cache/fetched ] || export FOUND=yes; exec python3 app.py"
    site.push(app("fetched") | {"gitperch.toml": f"[preview]\nbuild = '{build}'\ncommand = '{start}'\n"})
    site.until("ready")
    assert [site.text(f"env?{name}") for name in ("FOUND", "npm_config_prefer_offline")] == ["yes", "true"]
    site.push(app("plain"), "plain")
    site.until("ready", "plain")
    assert site.text("env?npm_config_cache", "plain") == ""  # others have no business with it
