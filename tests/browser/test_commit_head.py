"""The head of a commit: it fits wherever it stands, and its badge says no more than is known of the signature."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server


def test_a_long_branch_pushes_nothing_out_of_sight_and_a_signature_is_not_believed(
    open_page: Callable[..., Page], server: Server, tmp_path: Path
) -> None:
    commit(tmp_path, {"a.txt": "1\n"})
    raw = git("cat-file", "commit", "HEAD", cwd=tmp_path).stdout
    head, _, words = raw.partition("\n\n")
    armor = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iHUE\n -----END PGP SIGNATURE-----"
    oid = subprocess.run(
        ["git", "hash-object", "-w", "-t", "commit", "--stdin"],
        cwd=tmp_path,
        input=f"{head}\n{armor}\n\n{words}",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    git("reset", "-q", "--hard", oid, cwd=tmp_path)
    git("branch", "very/" + "long-" * 30 + "name", cwd=tmp_path)
    server.cli("repo", "add", "alice/long-branch", "--public")
    server.git("push", "-q", server.remote("alice/long-branch"), "--all", cwd=tmp_path)
    phone = open_page(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    for address in (f"/commit/{oid}", f"?commit={oid}"):
        phone.goto(f"{server.url}/alice/long-branch{address}")
        details = phone.locator("article.commit")
        expect(details.locator("[data-signature]")).to_have_text("Signed, not checked")
        expect(details.locator(".signature")).to_contain_text("Not checked: this server knows SSH keys only.")
        expect(details.locator(".about .ref").last).to_be_visible()
        right = details.get_by_role("link", name="Compare", exact=True).evaluate(
            "it => it.getBoundingClientRect().right"
        )
        widest = details.locator(".commit-head").evaluate("it => it.scrollWidth - it.clientWidth")
        assert right <= 360
        assert widest <= 0
