"""Static previews on a running server: push a branch, see it at its address."""

from __future__ import annotations

import gzip
import http.client
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import commit, git

if TYPE_CHECKING:
    from support.server import Answer, Server

LARGE = bytes(range(256)) * (24 << 10)  # 6 MiB


@dataclass
class Thing:
    """A pushed public repository: `work` is its work tree, `first` its first commit."""

    server: Server
    work: Path
    name: str
    first: str

    def see(self, path: str, branch: str = "main", **headers: str) -> Answer:
        return self.at(f"{branch}-{self.name}", path, **headers)

    def at(self, label: str, path: str, method: str = "GET", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.request(method, f"http://{label}.localhost:{self.server.port}{path}", headers=sent)

    def push(self, *what: str) -> str:
        return self.server.git("push", self.server.remote(f"alice/{self.name}"), *what, cwd=self.work)


def make(server: Server, folder: Path, name: str, files: dict[str, str | bytes]) -> Thing:
    server.cli("repo", "add", f"alice/{name}", "--public")
    thing = Thing(server, folder / name, name, commit(folder / name, files))
    thing.push("--all")
    return thing


@pytest.fixture(scope="module")
def thing(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Thing:
    files: dict[str, str | bytes] = {
        "index.html": "<h1>Hello</h1>" + "<p>long</p>" * 500,
        "style.css": "a{}",
        "about.html": "about",
        "blog/index.html": "blog",
        "404.html": "<h1>lost</h1>",
        "_redirects": "/old/* /blog/:splat 301\n/away https://example.com/\n",
        "large.bin": LARGE,
        "LICENSE": "MIT",
        ".env": "SECRET",
    }
    return make(server, tmp_path_factory.mktemp("thing"), "thing", files)


def test_a_pushed_branch_is_served_at_its_address(thing: Thing) -> None:
    page = thing.see("/")
    assert page.status == 200
    assert page.text.startswith("<h1>Hello</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "public, no-cache"
    assert thing.see("/style.css").headers["content-type"] == "text/css; charset=utf-8"
    assert thing.see("/LICENSE").headers["content-type"] == "text/plain; charset=utf-8"


def test_folders_clean_addresses_and_redirects(thing: Thing) -> None:
    assert thing.see("/about").text == "about"
    assert (thing.see("/blog?x=1").status, thing.see("/blog?x=1").headers["location"]) == (302, "/blog/?x=1")
    assert thing.see("/blog/").text == "blog"
    assert (thing.see("/old/").status, thing.see("/old/").headers["location"]) == (301, "/blog/")
    assert thing.see("/away").headers["location"] == "https://example.com/"


def test_what_is_not_there_gets_the_sites_own_page(thing: Thing) -> None:
    for path in ("/nope", "/.env", "/%2e%65nv", "/..%2f..%2fetc/passwd", "/blog/../.env", "/_redirects"):
        answer = thing.see(path)
        assert (answer.status, answer.text) == (404, "<h1>lost</h1>"), path


def test_the_blobs_oid_is_the_entity_tag(thing: Thing) -> None:
    oid = git("rev-parse", "main:about.html", cwd=thing.work).stdout.strip()
    assert thing.see("/about").headers["etag"] == f'"{oid}"'
    answer = thing.see("/about", If_None_Match=f'"{oid}"')
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", f'"{oid}"')
    assert thing.see("/about", If_None_Match='"other"').status == 200
    assert thing.see("/nope", If_None_Match="*").status == 404


def test_text_is_packed_for_who_takes_it(thing: Thing) -> None:
    packed = thing.see("/", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == thing.see("/").body
    assert packed.headers["etag"] != thing.see("/").headers["etag"]
    assert thing.see("/", Accept_Encoding="gzip", If_None_Match=packed.headers["etag"]).status == 304
    head = thing.at("main-thing", "/", "HEAD", Accept_Encoding="gzip")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(packed.body)))


def test_ranges(thing: Thing) -> None:
    whole = thing.see("/").body
    part = thing.see("/", Range="bytes=4-8", Accept_Encoding="gzip")
    assert (part.status, part.body) == (206, whole[4:9])
    assert part.headers["content-range"] == f"bytes 4-8/{len(whole)}"
    beyond = thing.see("/", Range="bytes=999999-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    assert thing.see("/", Range="bytes=0-1", If_Range='"old"').status == 200


def test_a_large_file_is_streamed(thing: Thing) -> None:
    whole = thing.see("/large.bin")
    assert whole.body == LARGE
    assert whole.headers["content-length"] == str(len(LARGE))
    start = (5 << 20) + 13
    part = thing.see("/large.bin", Range=f"bytes={start}-{start + 99}")
    assert (part.status, part.body) == (206, LARGE[start : start + 100])
    assert thing.see("/large.bin", Range="bytes=-5").body == LARGE[-5:]
    head = thing.at("main-thing", "/large.bin", "HEAD")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(LARGE)))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_preview_can_only_be_read(thing: Thing, method: str) -> None:
    answer = thing.at("main-thing", "/", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_push_is_live_the_moment_the_ref_has_moved(server: Server, tmp_path: Path) -> None:
    thing = make(server, tmp_path, "moved", {"index.html": "x", "about.html": "about"})
    for number in range(3):
        commit(thing.work, {"about.html": f"about {number}"})
        thing.push("main")
        assert thing.see("/about").text == f"about {number}"


def test_a_packed_ref_is_followed_too(server: Server, tmp_path: Path) -> None:
    thing = make(server, tmp_path, "packed", {"index.html": "packed", "about.html": "about"})
    (repository,) = [
        path
        for path in (thing.server.data / "repositories").iterdir()
        if git("rev-parse", "-q", "--verify", f"{thing.first}^{{commit}}", cwd=path).returncode == 0
    ]
    assert git("pack-refs", "--all", cwd=repository).returncode == 0
    before = thing.see("/about").text
    commit(thing.work, {"about.html": f"{before}, newer"})
    thing.push("main")
    assert thing.see("/about").text == f"{before}, newer"
    assert git("pack-refs", "--all", cwd=repository).returncode == 0
    assert thing.see("/about").text == f"{before}, newer"


def test_a_commit_has_an_address_for_ever(thing: Thing) -> None:
    answer = thing.at(f"{thing.first}-thing", "/about")
    assert answer.text == "about"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    short = thing.at(f"{thing.first[:7]}-thing", "/blog/?x=1")
    assert short.status == 302
    assert short.headers["location"] == f"http://{thing.first}-thing.localhost:{thing.server.port}/blog/?x=1"
    assert thing.at(f"{thing.first}-thing", "/nope").headers["cache-control"] == "public, no-cache"


def test_the_pusher_is_told_where_to_look(thing: Thing) -> None:
    for number in range(7):
        git("branch", "-f", f"b{number}", "main", cwd=thing.work)
    said = thing.push("--all")
    assert said.count("Preview  http://") == 5
    assert f"http://b0-thing.localhost:{thing.server.port}/" in said
    assert "and 2 more" in said
    gone = thing.push("--delete", "b0")
    assert "Preview" not in gone


def test_a_branch_without_a_site_says_what_to_add(server: Server, tmp_path: Path) -> None:
    bare = make(server, tmp_path, "bare", {"README.md": "# bare"})
    answer = bare.see("/")
    assert answer.status == 404
    for hint in ("index.html", "public/", "dist/", "_site/", "docs/", "gitperch.toml", "alice/bare"):
        assert hint in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    commit(bare.work, {"gitperch.toml": "[site]\nroot = 'web'"})
    bare.push("main")
    assert "says that the site is in &#x27;web&#x27;" in bare.see("/").text


def test_a_site_without_a_404_has_ours(server: Server, tmp_path: Path) -> None:
    small = make(server, tmp_path, "small", {"index.html": "x"})
    answer = small.see("/<script>")
    assert answer.status == 404
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text


def test_alike_branches_have_addresses_of_their_own(server: Server, tmp_path: Path) -> None:
    alike = make(server, tmp_path, "alike", {"index.html": "main"})
    for branch in ("feature/x", "feature-x"):
        git("checkout", "-q", "-B", branch, "main", cwd=alike.work)
        commit(alike.work, {"index.html": branch})
    said = alike.push("--all")
    found = {server.get(f"{url}").text for url in re.findall(r"Preview  (http://\S+)", said)}
    assert found == {"feature/x", "feature-x"}
    assert alike.at("feature-x-alike", "/").text == "feature-x"


def test_two_repositories_of_one_name_do_not_meet(server: Server, tmp_path: Path) -> None:
    make(server, tmp_path, "twin", {"index.html": "alice's"})
    server.add_user("bob")
    commit(tmp_path / "other", {"index.html": "bob's"})
    server.cli("repo", "add", "bob/twin", "--public")
    said = server.git("push", server.remote("bob/twin", "bob"), "main", cwd=tmp_path / "other")
    (url,) = re.findall(r"Preview  (http://\S+)", said)
    assert re.fullmatch(r"http://main-twin-[a-z2-7]{6}\.localhost:\d+/", url)
    assert server.get(url).text == "bob's"
    assert server.get(f"http://main-twin.localhost:{server.port}/").text == "alice's"


def test_a_deleted_branch_takes_its_preview_with_it(thing: Thing) -> None:
    git("branch", "-f", "passing", "main", cwd=thing.work)
    thing.push("passing")
    assert thing.see("/", "passing").status == 200
    thing.push("--delete", "passing")
    assert thing.see("/", "passing").status in (302, 404)
    thing.push("passing")
    assert thing.see("/", "passing").status == 200


def test_an_imported_repository_has_previews_after_a_restart(own_server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "work", {"docs/index.html": "imported"})
    own_server.stop()
    own_server.cli("repo", "add", "alice/import", "--public", "--from", str(tmp_path / "work"))
    own_server.start()
    for _ in range(100):
        answer = own_server.get(f"http://main-import.localhost:{own_server.port}/")
        if answer.status == 200:
            break
    assert answer.text == "imported"


def test_a_hit_is_quick(thing: Thing) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", thing.server.port)
    begun = spent(thing.server)
    for _ in range(100):
        connection.request("GET", "/about", headers={"Host": f"main-thing.localhost:{thing.server.port}"})
        assert connection.getresponse().read()
    connection.close()
    # 2 ms of a processor on a quiet machine, all of HTTP included; generous, for one that runs other tests meanwhile.
    assert (spent(thing.server) - begun) / 100 < 0.01


def spent(server: Server) -> float:
    """Seconds of a processor that the server's process has taken."""
    assert server.process
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_name_that_was_asked_for_before_it_was_there_is_there_at_once(thing: Thing) -> None:
    for number in range(3):
        branch = f"early{number}"
        assert thing.see("/", branch).status == 302
        git("branch", "-f", branch, "main", cwd=thing.work)
        thing.push(branch)
        assert thing.see("/", branch).status == 200
