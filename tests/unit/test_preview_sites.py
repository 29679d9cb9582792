"""A commit as a site, in repositories that the real git made."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pygit2
import pytest

from gitperch_preview import sites
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path


def site_of(work: Path, files: dict[str, str | bytes]) -> tuple[pygit2.Repository, sites.Site]:
    oid = commit(work, files)
    repository = pygit2.Repository(str(work))
    return repository, sites.read_site(repository, oid)


@pytest.mark.parametrize(
    ("files", "root"),
    [
        ({"index.html": ""}, ()),
        ({"index.html": "", "docs/index.html": ""}, ("docs",)),
        ({"dist/index.html": "", "public/index.html": "", "_site/index.html": ""}, ("public",)),
        ({"dist/app.js": "", "_site/index.html": ""}, ("_site",)),
        ({"public/other.html": "", "index.html": ""}, ()),
        ({"README.md": "# thing"}, None),
        ({"gitperch.toml": "[site]\nroot = 'web/out'", "web/out/a.html": "", "index.html": ""}, ("web", "out")),
        ({"gitperch.toml": "[site]\nroot = '.'", "index.html": "", "docs/index.html": ""}, ()),
        ({"gitperch.toml": "[site]\nroot = '.out'", ".out/index.html": ""}, (".out",)),
        ({"gitperch.toml": "[other]\nx = 1", "docs/index.html": ""}, ("docs",)),
    ],
)
def test_the_root_is_found(tmp_path: Path, files: dict[str, str | bytes], root: tuple[str, ...] | None) -> None:
    assert site_of(tmp_path, files)[1].root == root


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("[site]\nroot = 'nowhere'", "no such folder"),
        ("[site]\nroot = '../x'", "no such folder"),
        ("[site]\nroot = 7", "no such folder"),
        ("[site", "not valid TOML"),
    ],
)
def test_a_root_that_cannot_be_used_is_explained(tmp_path: Path, settings: str, says: str) -> None:
    _, site = site_of(tmp_path, {"gitperch.toml": settings, "index.html": ""})
    assert site.root is None
    assert says in site.problem


def test_paths(tmp_path: Path) -> None:
    repository, site = site_of(
        tmp_path,
        {
            "index.html": "top",
            "about.html": "about",
            "docs.html": "docs file",
            "docs/page.html": "page",
            "blog/index.html": "blog",
            "blog/feed.xml": "feed",
            "a..b": "dots",
            ".well-known/security.txt": "mail us",
            ".env": "secret",
            "x/.hidden/y": "secret",
            "x/.well-known/y": "secret",
            "_redirects": "",
        },
    )

    def content(path: str) -> str | None:
        found = sites.find(repository, site, path)
        if isinstance(found, sites.Moved):
            return f"→ {found.path}"
        return sites.load(repository, found.oid).decode() if found else None

    assert content("/") == "top"
    assert content("/about") == "about"
    assert content("/about.html") == "about"
    assert content("/about/") == "→ /about"
    assert content("/blog") == "→ /blog/"
    assert content("/blog/") == "blog"
    assert content("/docs") == "docs file"
    assert content("/docs/") == "→ /docs"
    assert content("/docs/page") == "page"
    assert content("/a..b") == "dots"
    assert content("/.well-known/security.txt") == "mail us"
    for path in (
        "/x/",
        "/x",
        "/.env",
        "/x/.hidden/y",
        "/x/.well-known/y",
        "/.git/config",
        "/_redirects",
        "/nope",
        "/about.html/",
    ):
        assert content(path) is None, path
    for path in (
        "/../about",
        "/blog/../about",
        "/blog//feed.xml",
        "/./about",
        "\\about",
        "/blog\\feed.xml",
        "/a\x00b",
        "about",
    ):
        assert content(path) is None, path


def test_links_stay_inside_the_tree(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (tmp_path / "outside").write_text("outside")
    commit(work, {"public/index.html": "x", "assets/logo.svg": "<svg/>", ".env": "secret", "public/sub/a.html": "a"})
    for name, target in {
        "inside.svg": "../assets/logo.svg",
        "loop": "loop2",
        "loop2": "loop",
        "outside": "../../outside",
        "far": "../../../../../etc/passwd",
        "absolute": "/etc/passwd",
        "secret": "../.env",
        "folder": "sub",
        "chain": "inside.svg",
        "git": "../.git/config",
    }.items():
        (work / "public" / name).symlink_to(target)
    repository, site = site_of(work, {})
    found = sites.find(repository, site, "/inside.svg")
    assert isinstance(found, sites.File)
    assert sites.load(repository, found.oid) == b"<svg/>"
    assert isinstance(sites.find(repository, site, "/chain"), sites.File)
    assert isinstance(sites.find(repository, site, "/folder/a.html"), sites.File)
    for path in ("/loop", "/outside", "/far", "/absolute", "/secret", "/git"):
        assert sites.find(repository, site, path) is None, path


def test_submodules_are_not_followed(tmp_path: Path) -> None:
    module, work = tmp_path / "module", tmp_path / "work"
    commit(module, {"index.html": "module"})
    commit(work, {"index.html": "x"})
    assert git("submodule", "--quiet", "add", str(module), "sub", cwd=work).returncode == 0
    repository, site = site_of(work, {})
    assert site.root == ()
    for path in ("/sub", "/sub/", "/sub/index.html", "/.gitmodules"):
        assert sites.find(repository, site, path) is None


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    repository, site = site_of(tmp_path, {"index.html": "", name: "found"})
    found = sites.find(repository, site, f"/{name}")
    assert isinstance(found, sites.File)
    assert found.kind == "text/plain; charset=utf-8"


def test_rules_and_the_sites_own_404(tmp_path: Path) -> None:
    repository, site = site_of(
        tmp_path,
        {
            "index.html": "top",
            "404.html": "lost",
            "there.html": "there",
            "app/index.html": "app",
            "_redirects": "/index.html /there 302!\n/there /never\n/app/* /app 200\n/old /there\n/bad /nowhere 200\n",
        },
    )

    def outcome(path: str) -> sites.Outcome:
        return sites.outcome(repository, site, path)

    assert outcome("/index.html") == sites.Outcome(302, location="/there")
    assert outcome("/there").status == 200
    assert outcome("/old").location == "/there"
    app = outcome("/app/some/view")
    assert app.status == 200
    assert app.file == outcome("/app/").file
    for path in ("/bad", "/nope"):
        lost = outcome(path)
        assert lost.status == 404
        assert lost.file
        assert sites.load(repository, lost.file.oid) == b"lost"


def test_a_commit_prefix_means_a_commit_only(tmp_path: Path) -> None:
    oid = commit(tmp_path, {"index.html": ""})
    repository = pygit2.Repository(str(tmp_path))
    tree = str(repository[oid].peel(pygit2.Tree).id)
    assert sites.commit_of(repository, oid) == sites.commit_of(repository, oid[:7]) == oid
    assert sites.commit_of(repository, tree) is None
    assert sites.commit_of(repository, "0" * 40) is None


def test_which_commits_have_something_to_show(tmp_path: Path) -> None:
    bare = commit(tmp_path, {"README": ""})
    site = commit(tmp_path, {"index.html": ""})
    repository = pygit2.Repository(str(tmp_path))
    blob = str(repository.create_blob(b"no commit"))
    assert sites.states(repository, [bare, site, blob, "0" * 40]) == [False, True, False, False]


def test_settings_that_would_keep_the_server_busy_are_refused_at_once(tmp_path: Path) -> None:
    begun = time.thread_time()
    _, site = site_of(tmp_path, {"gitperch.toml": "a" + ".a" * 30_000 + " = 1", "index.html": ""})
    assert "200 dots" in site.problem
    _, site = site_of(tmp_path, {"gitperch.toml": "a = " + "[" * 30_000})
    assert "too deeply" in site.problem
    assert time.thread_time() - begun < 5
