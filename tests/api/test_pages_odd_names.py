"""Names and words that try to hide, or that addresses are not made for; and the pages of a SHA-256 repository."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from gitperch.git.signatures import Signature, signature_of
from support.server import commit, git
from support.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server

OPENPGP = b"""tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
author A <a@example.com> 1760000000 +0000
committer A <a@example.com> 1760000000 +0000
gpgsig -----BEGIN PGP SIGNATURE-----
\x20
 @
 -----END PGP SIGNATURE-----

Signed
"""


# By Ed25519, made with gpg 2.2.
ARMOR = b"""iIYEABYIAC4WIQS2PWSgTBiI9mCOBpAPth38nkpVVwUCawIPuxAcYWRhQGV4YW1w
 bGUuY29tAAoJEA+2HfyeSlVXE1sBAL0s/zd5cP2BXM3ngjo5/OfZAzK2ABtuDRP3
 zt+ghgGfAP9/gzmHWbkkDsijlN3rBI8LOjmSIUnB89GJRLwRAIxJCg==
 =eAoM"""


@pytest.fixture(scope="module")
def odd(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`alice/odd-names`, public."""
    work = tmp_path_factory.mktemp("odd")
    commit(work, {"a/new\nline.txt": "here\n", "a/\u202egnp.exe": "there\n", "plain.txt": "x\n"})
    git("commit", "-q", "--allow-empty", "-m", "Backwards \u202e from here", cwd=work)
    for name, target in {
        "in": "a/../plain.txt",
        "folder": "a",
        "out": "../../etc",
        "top": "/etc",
        "gone": "b/c",
    }.items():
        (work / f"to-{name}").symlink_to(target)
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", "Links", cwd=work)
    git("commit", "-q", "--allow-empty", "-m", "Forwards \u202e again", cwd=work)
    git("branch", "turned", cwd=work)
    server.cli("repo", "add", "alice/odd-names", "--public")
    server.git("push", "-q", server.remote("alice/odd-names"), "--all", cwd=work)
    return "/alice/odd-names"


@pytest.mark.parametrize("page", ["blob", "raw", "blame", "history"])
def test_a_line_end_in_a_name_is_part_of_the_name(server: Server, odd: str, page: str) -> None:
    answer = Visitor(server).get(f"{odd}/{page}/main/a/new%0Aline.txt")
    assert answer.status == 200, answer.text


def test_what_turns_the_direction_of_text_is_named_wherever_names_and_subjects_stand(server: Server, odd: str) -> None:
    visitor = Visitor(server)
    for path in ("tree/main/a", "branches", "", "history/main", "graph/embed", "blob/main/a/%E2%80%AEgnp.exe"):
        text = visitor.get(f"{odd}/{path}".rstrip("/")).text
        assert '<i class="odd" title="U+202E">U+202E</i>' in text, path


def test_the_graph_page_of_a_sha256_repository_is_shown(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    if git("init", "-q", "-b", "main", "--object-format=sha256", str(work)).returncode:
        pytest.skip("this git does not know SHA-256")
    commit(work, {"a.txt": "1\n"})
    server.cli("repo", "add", "alice/sha256-graph", "--object-format", "sha256", "--public")
    server.git("push", "-q", server.remote("alice/sha256-graph"), "main", cwd=work)
    answer = Visitor(server).get("/alice/sha256-graph")
    assert answer.status == 200, answer.text
    assert git("rev-parse", "HEAD", cwd=work).stdout.strip() in answer.text


@pytest.mark.parametrize("broken", [b"", b"iHUE", b"iHUEABYKAB0WIQ", b"\xff", b"iP8="])
def test_a_broken_openpgp_signature_names_no_key(broken: bytes) -> None:
    assert signature_of(OPENPGP.replace(b"@", broken)) == Signature("openpgp", "")


def test_an_openpgp_signature_names_its_key() -> None:
    assert signature_of(OPENPGP.replace(b"@", ARMOR)) == Signature(
        "openpgp", "B63D64A04C1888F6608E06900FB61DFC9E4A5557"
    )


def test_a_name_that_a_comparison_does_not_know_can_be_mended_in_its_form(server: Server, odd: str) -> None:
    visitor = Visitor(server)
    answer = visitor.get(f"{odd}/compare/main...nowhere")
    assert answer.status == 404
    assert 'name="from" value="main"' in answer.text
    field = answer.text.partition('name="to"')[2].partition(">")[0]
    assert 'value="nowhere"' in field
    assert 'aria-invalid="true" aria-describedby="to-error" autofocus' in field
    assert 'id="to-error"' in answer.text
    said = visitor.get(f"{odd}/compare/main...nowhere", Accept="application/json")
    assert said.status == 404
    assert said.json()["field"] == "to"


def test_a_symbolic_link_leads_to_what_it_points_to_inside_the_repository_only(server: Server, odd: str) -> None:
    visitor = Visitor(server)
    said = {name: visitor.get(f"{odd}/blob/main/to-{name}").text for name in ("in", "folder", "out", "top", "gone")}
    assert f'It points to <a href="{odd}/blob/main/plain.txt"><code>a/../plain.txt</code></a>' in said["in"]
    assert f'It points to <a href="{odd}/blob/main/a"><code>a</code></a>' in said["folder"]
    for name, target in {"out": "../../etc", "top": "/etc", "gone": "b/c"}.items():
        assert f"It points to <code>{target}</code>" in said[name]


def test_a_hot_spot_that_is_not_utf8_is_linked_by_its_bytes(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a.txt": "1\n"})
    (work / os.fsdecode(b"bad-\xff?.txt")).write_text("1\n")
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", "Bytes", cwd=work)
    server.cli("repo", "add", "alice/bytes", "--public")
    server.git("push", "-q", server.remote("alice/bytes"), "main", cwd=work)
    deadline = time.monotonic() + 30
    while (answer := Visitor(server).get("/api/repos/alice/bytes/graph/analytics")).status == 202:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    spots = {spot["path"]: spot.get("address") for spot in answer.json()["hot_spots"]["by_changes"]}
    assert spots == {"a.txt": None, "bad-\ufffd?.txt": "bad-%FF%3F.txt"}
    assert Visitor(server).get("/alice/bytes/history/main/bad-%FF%3F.txt").status == 200
