"""A preview's host name is an origin, and browsers keep for good what its scripts have left there: nobody else may get it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from support.server import commit
from support.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Answer, Server


def label_of(said: str) -> str:
    found = re.search(r"Preview  http://([a-z0-9-]+)\.", said)
    assert found, said
    return found[1]


def push(server: Server, work: Path, name: str, user: str) -> str:
    commit(work, {"index.html": user})
    return label_of(server.git("push", server.remote(name, user), "HEAD:refs/heads/main", cwd=work))


def delete(server: Server, name: str, user: str) -> None:
    visitor = Visitor(server)
    visitor.sign_in(user)
    page = f"/{name}/settings"
    assert visitor.post(f"{page}/delete", {"confirmation": name}, page=page).status == 303


def test_a_name_goes_to_nobody_else_and_back_to_whom_it_was(server: Server, tmp_path: Path) -> None:
    for user in ("mallory", "bob"):
        server.add_user(user)
    assert push(server, tmp_path / "m", "mallory/shop", "mallory") == "main-shop"
    delete(server, "mallory/shop", "mallory")
    bobs = push(server, tmp_path / "b", "bob/shop", "bob")
    assert re.fullmatch(r"main-shop-[a-z2-7]{6}", bobs)
    delete(server, "bob/shop", "bob")
    assert push(server, tmp_path / "m", "mallory/shop", "mallory") == "main-shop"


def test_a_name_that_two_repositories_could_have_stays_with_the_first(server: Server, tmp_path: Path) -> None:
    """`a-b` of `c`, and `a` of `b-c`."""
    work = tmp_path / "work"
    commit(work, {"index.html": "x"})
    first, second = server.remote("alice/c"), server.remote("alice/b-c")
    server.git("push", first, "HEAD:refs/heads/main", cwd=work)
    assert label_of(server.git("push", first, "HEAD:refs/heads/a-b", cwd=work)) == "a-b-c"
    server.git("push", first, ":a-b", cwd=work)
    assert label_of(server.git("push", second, "HEAD:refs/heads/a", cwd=work)).startswith("a-b-c-")
    assert label_of(server.git("push", first, "HEAD:refs/heads/a-b", cwd=work)) == "a-b-c"


def test_a_worker_is_ended_alike_where_there_is_nothing_and_where_one_may_not_be(
    server: Server, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    commit(work, {"index.html": "x", "worker.js": "// an app's own"})
    server.git("push", server.remote("alice/hidden"), "HEAD:refs/heads/main", cwd=work)  # private
    server.cli("repo", "add", "alice/shown", "--public")
    server.git("push", server.remote("alice/shown"), "HEAD:refs/heads/main", cwd=work)

    def ask(label: str, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.get(f"http://{label}.localhost:{server.port}/worker.js", headers=sent)

    update = {"Service_Worker": "script", "Sec_Fetch_Mode": "same-origin"}
    private, missing = ask("main-hidden", **update), ask("nothing-here", **update)
    assert (private.status, private.body) == (missing.status, missing.body)
    assert private.headers.keys() == missing.headers.keys()
    assert private.headers["content-type"].startswith("text/javascript")
    assert private.headers["cache-control"] == "no-store"
    assert b"unregister" in private.body
    until = time.monotonic() + 20
    while ask("main-shown", **update).text != "// an app's own":
        assert time.monotonic() < until
        time.sleep(0.05)
    # What is no worker's script is told as ever.
    assert ask("nothing-here", Sec_Fetch_Mode="cors").status == 404
