"""What an app prints of its secrets, and where that must not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.previews import app, wait

if TYPE_CHECKING:
    from support.previews import Site

FIRST, SECOND = "first-secret-value-81", "second-secret-value-9f"
SAYS = """
import os, threading, time
def say():
    while True:
        print("token", os.environ.get("TOKEN"), flush=True)
        time.sleep(0.1)
threading.Thread(target=say, daemon=True).start()
"""


def put(site: Site, value: str) -> None:
    site.server.cli("env", "set", f"{site.server.admin}/{site.name}", "TOKEN", "--secret", input=value)


def test_an_app_that_tells_its_secrets_tells_nobody_before_and_after_they_change(site: Site) -> None:
    put(site, FIRST)
    said = site.said(app("telling", before=SAYS, build="echo building with $TOKEN"))
    assert "building with •••" in said, said
    assert FIRST not in said
    ready = site.until("ready")
    assert site.text("env?TOKEN") == FIRST
    wait(lambda: f"token {FIRST}" in site.log(ready), "the first word")
    put(site, SECOND)
    wait(lambda: f"token {SECOND}" in site.log(ready), "the new app's word")
    wait(lambda: site.state() == "ready" and site.text("env?TOKEN") == SECOND, "the app is back")
    assert site.previews()["main"]["deployment"] == ready["deployment"]
    shown = [
        site.server.get(f"{site.api}/main/log", user=site.server.admin).text,
        site.server.cli("logs", f"{site.server.admin}/{site.name}", "main"),
    ]
    for text in shown:
        assert text.startswith("-----> Building main (gitperch.toml command) · ")
        assert text.count("token •••") >= 2
        assert FIRST not in text
        assert SECOND not in text
    for file in site.server.data.rglob("gitperch.db*"):
        content = file.read_bytes()
        assert FIRST.encode() not in content
        assert SECOND.encode() not in content
    assert FIRST not in site.server.log


def test_without_the_key_a_preview_says_why_it_does_not_start_and_starts_when_it_is_back(site: Site) -> None:
    put(site, FIRST)
    key = site.server.data / "vault.key"
    right = key.read_bytes()
    try:
        key.write_bytes(bytes(32))
        site.push(app("locked"))
        failed = site.until("failed")
        assert "TOKEN cannot be read. This was sealed with the key" in failed["problem"]
        report = site.server.cli("doctor")
        assert "were sealed with the key" in report
        assert failed["isolation"] in report
    finally:
        key.write_bytes(right)
    site.act("restart")
    site.until("ready")
    assert site.text("env?TOKEN") == FIRST
