"""Static previews of a repository with SHA-256 object ids, which libgit2 does not read: nothing about them differs."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import commit, git

if TYPE_CHECKING:
    from support.server import Answer, Server

LARGE = bytes(range(256)) * (20 << 10)  # 5 MiB


@dataclass
class Thing:
    server: Server
    work: Path
    first: str

    def see(self, path: str, label: str = "main-long", method: str = "GET", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.request(method, f"http://{label}.localhost:{self.server.port}{path}", headers=sent)

    def push(self, *what: str) -> str:
        return self.server.git("push", self.server.remote("alice/long"), *what, cwd=self.work)


@pytest.fixture(scope="module")
def thing(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Thing:
    work = tmp_path_factory.mktemp("long")
    if git("init", "--quiet", "--object-format=sha256", cwd=work).returncode:
        pytest.skip("this git knows no SHA-256 repositories")
    files: dict[str, str | bytes] = {
        "public/index.html": "<h1>Hello</h1>" + "<p>long</p>" * 500,
        "public/about.html": "about",
        "public/blog/index.html": "blog",
        "public/404.html": "<h1>lost</h1>",
        "public/_redirects": "/old/* /blog/:splat 301\n",
        "public/large.bin": LARGE,
        "public/.env": "SECRET",
        "outside.html": "outside",
    }
    first = commit(work, files)
    assert len(first) == 64
    (work / "public/linked.html").symlink_to("blog/index.html")
    (work / "public/out.html").symlink_to("../../etc/passwd")
    commit(work, {})
    server.cli("repo", "add", "alice/long", "--object-format", "sha256", "--public")
    thing = Thing(server, work, first)
    assert f"Preview  http://main-long.localhost:{server.port}/" in thing.push("main")
    return thing


def test_pages_folders_rules_and_links(thing: Thing) -> None:
    page = thing.see("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<h1>Hello</h1>")
    assert page.headers["cache-control"] == "public, no-cache"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert thing.see("/about").text == "about"
    assert (thing.see("/blog").status, thing.see("/blog").headers["location"]) == (302, "/blog/")
    assert thing.see("/blog/").text == thing.see("/linked.html").text == "blog"
    assert (thing.see("/old/").status, thing.see("/old/").headers["location"]) == (301, "/blog/")
    for path in ("/nope", "/.env", "/out.html", "/outside.html", "/_redirects", "/..%2foutside.html"):
        answer = thing.see(path)
        assert (answer.status, answer.text) == (404, "<h1>lost</h1>"), path


def test_entity_tags_ranges_and_gzip(thing: Thing) -> None:
    oid = git("rev-parse", "main:public/about.html", cwd=thing.work).stdout.strip()
    assert thing.see("/about").headers["etag"] == f'"{oid}"'
    answer = thing.see("/about", If_None_Match=f'"{oid}"')
    assert (answer.status, answer.body) == (304, b"")
    whole = thing.see("/").body
    part = thing.see("/", Range="bytes=4-8")
    assert (part.status, part.body, part.headers["content-range"]) == (206, whole[4:9], f"bytes 4-8/{len(whole)}")
    assert thing.see("/", Range="bytes=999999-").status == 416
    packed = thing.see("/", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == whole
    head = thing.see("/about", method="HEAD")
    assert (head.body, head.headers["content-length"]) == (b"", "5")


def test_a_large_file_is_streamed(thing: Thing) -> None:
    assert thing.see("/large.bin").body == LARGE
    start = (4 << 20) + 13
    part = thing.see("/large.bin", Range=f"bytes={start}-{start + 99}")
    assert (part.status, part.body) == (206, LARGE[start : start + 100])


def test_a_push_is_live_the_moment_the_ref_has_moved(thing: Thing) -> None:
    for number in range(3):
        commit(thing.work, {"public/news.html": f"news {number}"})
        thing.push("main")
        assert thing.see("/news").text == f"news {number}"


def test_a_commit_has_an_address_for_ever(thing: Thing) -> None:
    label = f"{thing.first[:40]}-long"  # a host name has no room for all of its digits
    answer = thing.see("/about", label)
    assert (answer.text, answer.headers["cache-control"]) == ("about", "public, max-age=31536000, immutable")
    assert thing.see("/linked.html", label).status == 404
    short = thing.see("/about", f"{thing.first[:7]}-long")
    assert (short.status, short.headers["location"]) == (302, f"http://{label}.localhost:{thing.server.port}/about")
    tree = git("rev-parse", "main^{tree}", cwd=thing.work).stdout.strip()
    assert thing.see("/about", f"{tree[:40]}-long").status == 404


def test_the_pages_lead_to_it(thing: Thing) -> None:
    until = time.monotonic() + 30
    while "main-long.localhost" not in (page := thing.server.get("/alice/long/previews", user="alice").text):
        assert time.monotonic() < until, page
        time.sleep(0.05)
    assert f"{thing.first[:40]}-long.localhost" in thing.server.get(f"/alice/long/commit/{thing.first}").text


def test_no_git_stays_behind(thing: Thing) -> None:
    for number in range(5):
        assert thing.see(f"/nothing-{number}").status == 404
    assert thing.server.process
    until = time.monotonic() + 30
    while named := _children(thing.server.process.pid):
        assert time.monotonic() < until, named
        time.sleep(0.05)


def _children(parent: int) -> list[str]:
    """Those `git cat-file` of a process that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            above = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(above) == parent and b"cat-file" in (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            continue  # it has ended meanwhile
    return found
