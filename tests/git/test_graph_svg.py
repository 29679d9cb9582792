"""The picture and the frame for other people's pages: what is in them, who gets them, and that nothing gets out of its box."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from contrib.bench.histories import generate

from gitperch_graph import build
from gitperch_graph.row_index import RowIndex
from gitperch_graph.sharing import picture as pictures
from gitperch_graph.sharing.lines import Grid, drawing
from gitperch_graph.sharing.svg import DARK, LIGHT, Frame, svg
from gitperch_graph.sharing.words import cut, width
from support.server import Server, commit, git

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "</text><script>alert(1)</script>&\"'<image href='http://evil/'/>\x07\u202egnp\u202c Z\u0301\u0301\u0301\u0301 "
)


@pytest.fixture(scope="module")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with alice/open, which is public, and alice/closed, which is not."""
    folder = tmp_path_factory.mktemp("sources")
    generate(folder / "it.git", commits=400, branches=6, seed=3, wild=True)
    server.cli("repo", "add", "alice/open", "--public", "--from", str(folder / "it.git"))
    server.cli("repo", "add", "alice/closed", "--from", str(folder / "it.git"))
    return server


def tree(document: str) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 -- our own


def texts(document: str) -> list[str]:
    return ["".join(element.itertext()) for element in tree(document).iter("{http://www.w3.org/2000/svg}text")]


def test_the_newest_commits_are_in_it_in_order(house: Server) -> None:
    answer = house.get("/alice/open/graph.svg?rows=12&width=1200")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    graph = house.get("/api/repos/alice/open/graph?rows=12").json()
    shown = texts(answer.text)
    assert [text for text in shown if text in {row["subject"] for row in graph["rows"]}] == [
        row["subject"] for row in graph["rows"] if row["subject"]
    ]
    assert f"{graph['total']} commits" in shown
    assert answer.text.count('<circle class="hole"') + answer.text.count("l3.5 3.5l-3.5") == 12


def test_a_ref_shows_what_it_reaches_and_nothing_else(house: Server) -> None:
    path = house.data / "repositories" / "1.git"
    answer = house.get("/alice/open/graph.svg?rows=200&width=1600&ref=refs/tags/v1")
    assert answer.status == 200
    reached = git("rev-list", "--count", "refs/tags/v1", cwd=path).stdout.strip()
    assert answer.text.count('class="hole"') + answer.text.count("l3.5 3.5l-3.5") == min(200, int(reached))
    assert "v1" in texts(answer.text)
    assert house.get("/alice/open/graph.svg?ref=v1&rows=3").status == 200
    missing = house.get("/alice/open/graph.svg?ref=refs/heads/nowhere", headers={"Accept": "application/json"})
    assert (missing.status, missing.json()["code"]) == (404, "not_found")


def test_a_private_repository_looks_like_none_even_to_its_owner(house: Server) -> None:
    for path in ("graph.svg", "graph/embed"):
        closed, none = (
            house.get(f"/alice/closed/{path}", user="alice"),
            house.get(f"/alice/nowhere/{path}", user="alice"),
        )
        assert (closed.status, none.status) == (404, 404)
        assert closed.text.replace("closed", "nowhere") == none.text
        assert {key: closed.headers[key] for key in closed.headers if key not in ("date", "content-length")} == {
            key: none.headers[key] for key in none.headers if key not in ("date", "content-length")
        }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("rows=0", "rows"),
        ("rows=201", "rows"),
        ("rows=x", "rows"),
        ("width=10", "width"),
        ("width=99999999999", "width"),
        ("theme=pink", "theme"),
        ("dates=soon", "dates"),
        ("&".join(f"ref=r{n}" for n in range(20)), "ref"),
    ],
)
def test_bad_arguments_are_named(house: Server, query: str, field: str) -> None:
    answer = house.get(f"/alice/open/graph.svg?{query}", headers={"Accept": "application/json"})
    assert (answer.status, answer.json()["field"]) == (400, field)


def test_the_headers_let_proxies_keep_it_and_nothing_run(house: Server) -> None:
    answer = house.get("/alice/open/graph.svg")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    rules = answer.headers["content-security-policy"]
    assert (
        "default-src 'none'" in rules
        and "sandbox" in rules
        and "unsafe" not in rules
        and "frame-ancestors 'none'" in rules
    )
    again = house.get("/alice/open/graph.svg", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert house.get("/alice/open/graph.svg?theme=dark").headers["etag"] != answer.headers["etag"]


def test_a_push_makes_another_picture(house: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "1"}, "The first of all")
    house.git("push", house.remote("alice/pushed"), "HEAD:main", cwd=work)
    assert house.request("GET", "/alice/pushed/graph.svg").status == 404  # what a push makes is private
    house.cli("repo", "add", "alice/growing", "--public", "--from", str(work / ".git"))
    before = house.get("/alice/growing/graph.svg")
    commit(work, {"a": "2"}, "The second of all")
    house.git("push", house.remote("alice/growing"), "HEAD:main", cwd=work)
    after = before
    for _ in range(100):
        after = house.get("/alice/growing/graph.svg", headers={"If-None-Match": before.headers["etag"]})
        if after.status == 200:
            break
    assert "The second of all" in after.text
    assert "1 commit" in texts(before.text)


def test_hostile_names_and_subjects_stay_text(house: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "1"}, HOSTILE + "\n\nbody")
    branch = "x\"onload='alert(1)'&lt;<b>"
    assert git("branch", branch, cwd=work).returncode == 0
    git(
        "-c",
        f"user.name={HOSTILE}",
        "commit",
        "--allow-empty",
        "-m",
        "W" * 5000,
        cwd=work,
        GIT_AUTHOR_NAME=HOSTILE.replace("<", "[").replace(">", "]"),
    )
    house.cli("repo", "add", "alice/hostile", "--public", "--from", str(work / ".git"))
    for query in ("?width=320", "?width=1600", "?dates=relative"):
        document = house.get(f"/alice/hostile/graph.svg{query}").text
        tags = {element.tag.rpartition("}")[2] for element in tree(document).iter()}
        assert tags <= {"svg", "title", "desc", "style", "rect", "path", "circle", "text", "linearGradient", "stop"}
        attributes = {name for element in tree(document).iter() for name in element.attrib}
        assert not [name for name in attributes if name.startswith("on") or "href" in name or name == "style"]
        assert "\u202e" not in document and "\x07" not in document
    page = house.get("/alice/hostile/graph/embed").text
    assert "<script>alert" not in page and "onload='alert" not in page.replace("&#39;", "'").replace("&#34;onload", "")


def test_words_are_cut_to_their_room() -> None:
    for text in ("", "short", "日本語の件名" * 20, "W" * 500, "a\u0301" * 300, "i" * 900):
        for room in (0, 30, 200):
            assert width(cut(text, room, 13), 13) <= max(room, width("…", 13))


@pytest.mark.parametrize("seed", range(3))
def test_every_edge_of_the_picture_is_one_of_the_history(tmp_path: Path, seed: int) -> None:
    path = generate(tmp_path / "it.git", commits=500, branches=20, seed=seed, wild=True)
    build.build(path, tmp_path / "index.rows")
    index = RowIndex.open(tmp_path / "index.rows", path)
    for refs in ((), ("refs/heads/main",), ("refs/heads/topic-0003", "v2")):
        choice = pictures.chosen(index, refs, 120)
        drawn = pictures.drawn(index, choice, _nothing)
        walked = git("rev-list", "--parents", *(refs or ("--branches", "--tags")), cwd=path).stdout.splitlines()
        parents = {line.split()[0]: line.split()[1:] for line in walked}
        newest = sorted(parents, key=lambda oid: -_height(index, oid))[:120]
        assert [row.oid for row in drawn.rows] == newest
        for row in drawn.rows:
            for parent, oid in zip(row.parents, parents[row.oid], strict=True):
                assert parent == len(drawn.rows) if oid not in newest else drawn.rows[parent].oid == oid
            assert max((row.lane, *row.edges)) < drawn.lanes
        shapes = tree(f"<svg>{drawing(drawn, Grid(8, 0, 14, 28, drawn.lanes))}</svg>")
        assert len(list(shapes.iter("circle"))) >= 2 * len(drawn.rows)


def test_an_empty_history_says_so() -> None:
    document = svg(pictures.Picture((), 0, "", False), Frame("a/b", "0 commits"))
    assert "Nothing has been pushed yet." in texts(document)


def _nothing(oid: str, /) -> tuple[str, bytes]:
    raise KeyError(oid)


def _height(index: RowIndex, oid: str) -> int:
    return index.find(oid)[0]


def _tokens(text: str) -> dict[str, str]:
    found = re.findall(r"--([a-z0-9-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", text)
    return {name: _srgb(float(light), float(chroma), float(angle)) for name, light, chroma, angle in found}


def _srgb(light: float, chroma: float, angle: float) -> str:
    """OKLCH as sRGB in hex: https://bottosson.github.io/posts/oklab/"""
    a, b = chroma * math.cos(math.radians(angle)), chroma * math.sin(math.radians(angle))
    one = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    two = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    three = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3

    def channel(value: float) -> str:
        value = min(1.0, max(0.0, value))
        return f"{round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055)):02x}"

    red = 4.0767416621 * one - 3.3077115913 * two + 0.2309699292 * three
    green = -1.2684380046 * one + 2.6097574011 * two - 0.3413193965 * three
    blue = -0.0041960863 * one - 0.7034186147 * two + 1.7076147010 * three
    return "#" + "".join(map(channel, (red, green, blue)))


def test_the_picture_has_the_colours_of_the_pages() -> None:
    light, _, dark = (
        (ROOT / "frontend/css/tokens.css").read_text("utf-8").partition("@media (prefers-color-scheme: dark)")
    )
    for ours, theirs in ((LIGHT, _tokens(light)), (DARK, _tokens(dark))):
        assert ours == {name: theirs[name] for name in ours}


def test_only_the_embed_page_of_a_public_repository_may_be_framed(house: Server) -> None:
    embed = house.get("/alice/open/graph/embed")
    assert embed.status == 200
    assert "frame-ancestors *" in embed.headers["content-security-policy"]
    assert "set-cookie" not in embed.headers
    assert 'href="/alice/open"' in embed.text
    for path in (
        "/",
        "/alice/open",
        "/alice/open/tree",
        "/alice/open/branches",
        "/signin",
        "/alice/open/graph.svg",
        "/alice/nowhere",
    ):
        for who in ({}, {"user": "alice"}):
            headers = house.get(path, headers={"Accept": "text/html"}, **who).headers
            allowed = headers.get("content-security-policy", "")
            assert "frame-ancestors *" not in allowed
            assert "frame-ancestors 'none'" in allowed or "location" in headers, path


def test_the_embed_page_says_what_the_graph_says(house: Server) -> None:
    page = house.get("/alice/open/graph/embed?rows=20&theme=dark").text
    graph = house.get("/api/repos/alice/open/graph?rows=20").json()
    assert re.findall(r'data-oid="([0-9a-f]+)"', page) == [row["oid"] for row in graph["rows"]]
    assert 'data-theme="dark"' in page
    assert "/signin" not in page and "csrf" not in page
