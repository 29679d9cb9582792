"""Large files with the real git-lfs: they come, go and are locked as with any server that speaks its protocol."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.lfs import (
    Person,
    act,
    batch,
    call,
    files_of,
    let_write,
    needs_git_lfs,
    oid_of,
    pointer_to,
    upload,
)
from support.server import commit
from support.ssh import running
from support.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.server import Server

pytestmark = needs_git_lfs
NONE: dict[str, str] = {}


@pytest.fixture(scope="module")
def house(server: Server) -> Server:
    server.add_user("bob")
    return server


@pytest.fixture
def alice(tmp_path: Path) -> Person:
    return Person(tmp_path / "alice")


def pushed(server: Server, person: Person, repo: str, files: dict[str, bytes]) -> Path:
    """A work tree with `files`, whose main branch was pushed to `repo`."""
    work = person.folder / "work"
    person.commit(work, files)
    person.git("remote", "add", "origin", server.remote(repo), cwd=work)
    person.git("push", "origin", "main", cwd=work)
    return work


def until(done: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


def token_of(server: Server, *arguments: str) -> str:
    return server.cli("token", "add", *arguments).splitlines()[-1]


def test_what_is_pushed_is_cloned_and_pulled_byte_for_byte(house: Server, alice: Person, tmp_path: Path) -> None:
    """The first push makes the repository, although git-lfs comes before git does."""
    files = {"a.bin": os.urandom(300_000), "b.bin": b"\0", "empty.bin": b"", "plain.txt": b"text\n"}
    work = pushed(house, alice, "alice/trip", files)
    clone = tmp_path / "clone"
    alice.git("clone", house.remote("alice/trip"), str(clone))
    assert {name: (clone / name).read_bytes() for name in files} == files
    assert "fsck OK" in alice.git("lfs", "fsck", cwd=clone)
    alice.commit(work, {"a.bin": os.urandom(50_000), "c.bin": os.urandom(700)})
    alice.git("push", "origin", "main", cwd=work)
    alice.git("pull", cwd=clone)
    assert (clone / "a.bin").read_bytes() == (work / "a.bin").read_bytes()
    assert (clone / "c.bin").read_bytes() == (work / "c.bin").read_bytes()
    assert alice.git("lfs", "push", "--dry-run", "--all", "origin", cwd=clone).count("push ") >= 4


def test_a_large_object_passes_through_without_being_held_in_memory(
    own_server: Server, alice: Person, tmp_path: Path
) -> None:
    def most_memory() -> int:
        assert own_server.process
        text = Path(f"/proc/{own_server.process.pid}/status").read_text()
        return int(text.partition("VmHWM:")[2].split()[0]) << 10

    pushed(own_server, alice, "alice/warm", {"small.bin": b"x" * 1000})
    alice.git("clone", own_server.remote("alice/warm"), str(tmp_path / "warm"))
    (alice.folder / "work").rename(tmp_path / "first")
    before, content = most_memory(), os.urandom(20 << 20)
    pushed(own_server, alice, "alice/large", {"large.bin": content})
    alice.git("clone", own_server.remote("alice/large"), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "large.bin").read_bytes() == content
    assert most_memory() - before < 10 << 20


def test_a_private_repository_gives_its_objects_to_its_readers_only(
    house: Server, alice: Person, tmp_path: Path
) -> None:
    content = os.urandom(5000)
    pushed(house, alice, "alice/closed", {"a.bin": content})
    nobody = call(house, "POST", "alice/closed:objects/batch", {"operation": "download", "objects": []})
    assert nobody.status == 401
    assert nobody.headers["lfs-authenticate"].startswith("Basic realm=")
    assert nobody.headers["www-authenticate"].startswith("Basic realm=")
    assert "Sign in" in nobody.json()["message"]
    done = alice.tries("clone", house.remote("alice/closed", user="bob"), str(tmp_path / "bobs"))
    assert done.returncode != 0
    stranger = call(house, "GET", f"alice/closed:objects/{oid_of(content)}", user="bob")
    assert stranger.status == 404
    let_write(house, "alice/closed", "bob", "read")
    alice.git("clone", house.remote("alice/closed", user="bob"), str(tmp_path / "bobs"))
    assert (tmp_path / "bobs" / "a.bin").read_bytes() == content


def test_nobody_needs_a_name_to_download_from_a_public_repository(house: Server, alice: Person, tmp_path: Path) -> None:
    house.cli("repo", "add", "alice/open", "--public")
    pushed(house, alice, "alice/open", {"a.bin": b"open to all"})
    alice.git("clone", f"{house.url}/alice/open", str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "a.bin").read_bytes() == b"open to all"
    asked = {"operation": "upload", "objects": [{"oid": oid_of(b"x"), "size": 1}]}
    assert call(house, "POST", "alice/open:objects/batch", asked).status == 401


def test_a_token_that_reads_downloads_and_uploads_nothing(house: Server, alice: Person, tmp_path: Path) -> None:
    work = pushed(house, alice, "alice/tokens", {"a.bin": b"first"})
    reading = token_of(house, "alice", "--scope", "read:repository")
    address = house.remote("alice/tokens", password=reading)
    alice.git("clone", address, str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "a.bin").read_bytes() == b"first"
    alice.commit(work, {"a.bin": b"second"})
    done = alice.tries("lfs", "push", address, "main", cwd=work)
    assert done.returncode != 0
    assert "needs the write permission" in done.stderr
    assert oid_of(b"second") not in files_of(house)


def test_a_header_that_is_sent_with_every_request_does_not_stand_in_the_way(
    house: Server, alice: Person, tmp_path: Path
) -> None:
    """As CI systems give credentials to git: `http.extraHeader`, which git-lfs adds to that of an action."""
    pushed(house, alice, "alice/header", {"a.bin": b"by header"})
    header = f"http.extraHeader=Authorization: token {token_of(house, 'alice')}"
    clone = tmp_path / "clone"
    alice.git("clone", "-c", header, f"{house.url}/alice/header", str(clone))
    assert (clone / "a.bin").read_bytes() == b"by header"
    alice.commit(clone, {"b.bin": b"up by header"})
    alice.git("push", "origin", "main", cwd=clone)
    assert oid_of(b"up by header") in files_of(house)


def test_two_people_and_a_lock(house: Server, alice: Person, tmp_path: Path) -> None:
    work = pushed(house, alice, "alice/shared", {"a.bin": b"1", "b.bin": b"1"})
    let_write(house, "alice/shared", "bob")
    bob = Person(tmp_path / "bob")
    theirs = tmp_path / "theirs"
    bob.git("clone", house.remote("alice/shared", user="bob"), str(theirs))
    assert "Locked a.bin" in alice.git("lfs", "lock", "a.bin", cwd=work)
    assert "alice" in bob.git("lfs", "locks", cwd=theirs)
    refused = bob.tries("lfs", "lock", "a.bin", cwd=theirs)
    assert refused.returncode != 0
    assert "locked by alice already" in refused.stderr
    bob.git("config", "lfs.locksverify", "true", cwd=theirs)
    (theirs / "a.bin").chmod(0o644)
    bob.commit(theirs, {"a.bin": b"2"})
    halted = bob.tries("push", "origin", "main", cwd=theirs)
    assert halted.returncode != 0
    assert "alice" in halted.stderr
    for force in ((), ("--force",)):
        refused = bob.tries("lfs", "unlock", *force, "a.bin", cwd=theirs)
        assert refused.returncode != 0
        assert "locked by alice" in refused.stderr
    bob.git("lfs", "lock", "b.bin", cwd=theirs)
    assert "Unlocked" in alice.git("lfs", "unlock", "--force", "b.bin", cwd=work), "an administrator may"
    assert "Unlocked" in alice.git("lfs", "unlock", "a.bin", cwd=work)
    assert "a.bin" not in bob.git("lfs", "locks", cwd=theirs)
    bob.git("push", "origin", "main", cwd=theirs)


def test_over_ssh_git_lfs_gets_its_leave_by_key(tmp_path: Path) -> None:
    """git-lfs asks `git-lfs-authenticate` for a header, and has no password for HTTP at all."""
    with running(tmp_path / "ssh") as ssh:
        content, more = os.urandom(200_000), os.urandom(1000)
        keys = {
            name: {"GIT_SSH_COMMAND": ssh.environment(name)["GIT_SSH_COMMAND"]} for name in ("alice", "bob", "deploy")
        }
        ssh.add_user("bob")
        alice, work = Person(tmp_path / "alice"), tmp_path / "work"
        alice.commit(work, {"a.bin": content})
        alice.git("remote", "add", "origin", ssh.url("alice/new"), cwd=work)
        alice.git("push", "origin", "main", cwd=work, **keys["alice"])
        alice.git("clone", ssh.url("alice/new"), str(tmp_path / "clone"), cwd=tmp_path, **keys["alice"])
        assert (tmp_path / "clone" / "a.bin").read_bytes() == content
        assert "Locked" in alice.git("lfs", "lock", "a.bin", cwd=work, **keys["alice"])
        assert "Unlocked" in alice.git("lfs", "unlock", "a.bin", cwd=work, **keys["alice"])
        # A deploy key that reads: no person, no upload.
        ssh.add_deploy_key("alice/new", "deploy", "read")
        alice.git("clone", ssh.url("alice/new"), str(tmp_path / "deployed"), cwd=tmp_path, **keys["deploy"])
        assert (tmp_path / "deployed" / "a.bin").read_bytes() == content
        alice.commit(work, {"a.bin": more})
        refused = alice.tries("lfs", "push", "origin", "main", cwd=work, **keys["deploy"])
        assert refused.returncode != 0
        assert oid_of(more) not in files_of(ssh.server)
        # Somebody with a key, but without rights here.
        asked = ("git-lfs-authenticate", "alice/new.git")
        for arguments in ((*asked, "download"), ("git-lfs-authenticate", "bob/none.git", "download")):
            stranger = ssh.command(*arguments, key="bob")
            assert stranger.returncode != 0
            assert "There is no repository" in stranger.stderr
        assert "download or upload" in ssh.command(*asked, "remove").stderr
        # The leave ends with the key.
        header = json.loads(ssh.command(*asked, "download", key="deploy").stdout)["header"]
        assert call(ssh.server, "GET", f"alice/new:objects/{oid_of(content)}", headers=header).body == content
        assert call(ssh.server, "POST", "alice/new:locks", {"path": "a"}, headers=header).status == 403
        with sqlite3.connect(ssh.server.data / "gitperch.db") as db:
            db.execute("DELETE FROM ssh_keys WHERE repo_id IS NOT NULL")
        db.close()
        assert call(ssh.server, "GET", f"alice/new:objects/{oid_of(content)}", headers=header).status == 401


def test_locks_are_listed_in_parts_and_by_path_and_id(house: Server) -> None:
    house.cli("repo", "add", "alice/locks", "--private")
    ids = []
    for number in range(5):
        made = call(house, "POST", "alice/locks:locks", {"path": f"dir/{number}.bin"}, user="alice")
        assert made.status == 201
        assert made.json()["lock"]["owner"] == {"name": "alice"}
        ids.append(made.json()["lock"]["id"])
    again = call(house, "POST", "alice/locks:locks", {"path": "dir/0.bin"}, user="alice")
    assert again.status == 409
    assert again.json()["lock"]["id"] == ids[0]
    found, cursor = [], ""
    while True:
        page = call(
            house, "GET", f"alice/locks:locks?limit=2&cursor={cursor}&refspec=refs/heads/x", user="alice"
        ).json()
        found += [lock["path"] for lock in page["locks"]]
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert found == [f"dir/{number}.bin" for number in range(5)]
    by_path = call(house, "GET", "alice/locks:locks?path=dir/3.bin", user="alice").json()["locks"]
    assert [lock["id"] for lock in by_path] == [ids[3]]
    by_id = call(house, "GET", f"alice/locks:locks?id={ids[4]}", user="alice").json()["locks"]
    assert [lock["path"] for lock in by_id] == ["dir/4.bin"]
    assert call(house, "GET", "alice/locks:locks?id=none", user="alice").json()["locks"] == []
    first = call(house, "POST", "alice/locks:locks/verify", {"limit": 3}, user="alice").json()
    assert len(first["ours"]) == 3
    rest = call(house, "POST", "alice/locks:locks/verify", {"cursor": first["next_cursor"]}, user="alice").json()
    assert [lock["id"] for lock in rest["ours"]] == ids[3:]
    assert rest["theirs"] == []


def test_bytes_that_are_not_the_object_are_refused_and_not_kept(house: Server) -> None:
    house.cli("repo", "add", "alice/honest", "--private")
    content = b"what was promised"
    [answer] = batch(house, "alice/honest", "upload", content, user="alice")
    action = answer["actions"]["upload"]
    for wrong in (b"what was promisee", b"what", b"what was promised, and more", b""):
        refused = act(house, action, "PUT", wrong)
        assert refused.status == 422
        assert "Push again" in refused.json()["message"]
    verify = answer["actions"]["verify"]
    asked = {"oid": oid_of(content), "size": len(content)}
    path = verify["href"].partition("alice/honest.git/info/lfs/")[2]
    assert call(house, "POST", f"alice/honest:{path}", asked, headers=verify["header"]).status == 404
    assert not set(files_of(house)) & {oid_of(content)}
    assert not list((house.data / "lfs" / "incoming").iterdir())
    assert act(house, action, "PUT", content).status == 200
    assert call(house, "POST", f"alice/honest:{path}", asked, headers=verify["header"]).status == 200
    asked["size"] = len(content) + 1
    assert call(house, "POST", f"alice/honest:{path}", asked, headers=verify["header"]).status == 422
    [answer] = batch(house, "alice/honest", "upload", content, user="alice")
    assert "actions" not in answer, "it is there"


def test_an_owners_second_repository_takes_what_its_writer_may_read_in_the_first(house: Server) -> None:
    content = os.urandom(2000)
    for name in ("one", "two", "three"):
        house.cli("repo", "add", f"alice/{name}", "--private")
    assert upload(house, "alice/one", content).status == 200
    [answer] = batch(house, "alice/two", "upload", content, user="alice")
    assert "actions" not in answer
    assert call(house, "GET", f"alice/two:objects/{oid_of(content)}", user="alice").body == content
    assert files_of(house).count(oid_of(content)) == 1
    # One who may not read it there has to bring it, and it is still kept once.
    let_write(house, "alice/three", "bob")
    [answer] = batch(house, "alice/three", "upload", content, user="bob")
    assert "upload" in answer["actions"]
    assert call(house, "GET", f"alice/three:objects/{oid_of(content)}", user="bob").status == 404
    assert upload(house, "alice/three", content, user="bob").status == 200
    assert files_of(house).count(oid_of(content)) == 1


def test_another_owners_object_has_to_be_brought_by_whoever_wants_it(house: Server) -> None:
    content = os.urandom(2000)
    house.cli("repo", "add", "alice/hers", "--public")
    house.cli("repo", "add", "bob/his", "--private")
    assert upload(house, "alice/hers", content).status == 200
    [answer] = batch(house, "bob/his", "download", content, user="bob")
    assert answer["error"]["code"] == 404
    [answer] = batch(house, "bob/his", "upload", content, user="bob")
    assert act(house, answer["actions"]["upload"], "PUT", content).status == 200
    assert files_of(house).count(oid_of(content)) == 2, "nothing is shared between owners"


def test_a_deleted_repository_gives_its_room_back(house: Server, alice: Person) -> None:
    """All but what another repository of the same owner has."""
    own, shared = os.urandom(3000), os.urandom(3000)
    pushed(house, alice, "alice/short-lived", {"own.bin": own, "shared.bin": shared})
    house.cli("repo", "add", "alice/long-lived", "--private")
    assert batch(house, "alice/long-lived", "upload", shared, user="alice") == [
        {"oid": oid_of(shared), "size": len(shared)}
    ]
    visitor = Visitor(house)
    visitor.sign_in()
    settings = "/alice/short-lived/settings"
    gone = visitor.post(f"{settings}/delete", {"confirmation": "alice/short-lived"}, page=settings)
    assert gone.status == 303
    assert until(lambda: oid_of(own) not in files_of(house))
    assert call(house, "GET", f"alice/long-lived:objects/{oid_of(shared)}", user="alice").body == shared


def test_what_a_crash_leaves_is_swept_up_at_the_next_start(own_server: Server) -> None:
    own_server.cli("repo", "add", "alice/thing", "--private")
    assert upload(own_server, "alice/thing", b"kept").status == 200
    own_server.kill()
    lfs = own_server.data / "lfs"
    stray = lfs / "1" / "ab" / "cd" / ("abcd" + "0" * 60)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"renamed, but never committed")
    (lfs / "incoming" / "half").write_bytes(b"half an upload")
    own_server.start()
    assert until(lambda: files_of(own_server) == [oid_of(b"kept")])
    assert call(own_server, "GET", f"alice/thing:objects/{oid_of(b'kept')}", user="alice").body == b"kept"


def test_an_object_that_the_disk_has_lost_can_be_brought_again(house: Server) -> None:
    house.cli("repo", "add", "alice/lossy", "--private")
    content = os.urandom(1000)
    assert upload(house, "alice/lossy", content).status == 200
    next((house.data / "lfs").rglob(oid_of(content))).unlink()
    [answer] = batch(house, "alice/lossy", "download", content, user="alice")
    assert answer["error"]["code"] == 410
    assert upload(house, "alice/lossy", content).status == 200
    assert call(house, "GET", f"alice/lossy:objects/{oid_of(content)}", user="alice").body == content


def test_over_the_quota_the_terminal_says_what_to_do(own_server: Server, alice: Person) -> None:
    own_server.settings["GITPERCH_GIT_REPOSITORY_MAX_BYTES"] = "2000000"
    own_server.settings["GITPERCH_GIT_LFS_MAX_BYTES"] = "5000000"
    own_server.restart()
    work = pushed(own_server, alice, "alice/full", {"a.bin": os.urandom(1_500_000)})
    alice.commit(work, {"b.bin": os.urandom(1_000_000)})
    done = alice.tries("push", "origin", "main", cwd=work)
    assert done.returncode != 0
    assert "alice/full would hold 2.5 MB with this, and may hold 2.0 MB" in done.stderr
    alice.git("reset", "-q", "--hard", "HEAD~1", cwd=work)
    alice.commit(work, {"c.bin": b"0" * 5_000_001})
    done = alice.tries("push", "origin", "main", cwd=work)
    assert "git.lfs_max_bytes" in done.stderr
    assert len(files_of(own_server)) == 1


def test_a_broken_download_goes_on_where_it_ended(house: Server) -> None:
    house.cli("repo", "add", "alice/parts", "--private")
    content = os.urandom(600_000)
    assert upload(house, "alice/parts", content).status == 200
    [answer] = batch(house, "alice/parts", "download", content, user="alice")
    action, etag = answer["actions"]["download"], f'"{oid_of(content)}"'

    def part(asked: str, headers: dict[str, str] = NONE) -> tuple[int, str, bytes]:
        got = act(house, action, headers={"Range": asked} | headers)
        return got.status, got.headers.get("content-range", ""), got.body

    assert part("bytes=1000-599999") == (206, "bytes 1000-599999/600000", content[1000:])
    assert part("bytes=599990-") == (206, "bytes 599990-599999/600000", content[-10:])
    assert part("bytes=-10") == (206, "bytes 599990-599999/600000", content[-10:])
    assert part("bytes=0-9999999") == (206, "bytes 0-599999/600000", content)
    assert part("bytes=600000-") == (416, "bytes */600000", b"")
    for no_range in ("bytes=5-2", "lines=1-2", "bytes=0-1,5-6", "bytes=-", "bytes=x-y"):
        assert part(no_range) == (200, "", content)
    assert part("bytes=5-", {"If-Range": '"another"'}) == (200, "", content)
    assert part("bytes=599999-", {"If-Range": etag})[0] == 206
    head = act(house, action, "HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, "600000", b"")
    assert head.headers["etag"] == etag
    assert act(house, action, headers={"If-None-Match": etag}).status == 304


def test_what_is_withdrawn_while_a_grant_is_out_is_withdrawn_from_it(house: Server) -> None:
    house.cli("repo", "add", "alice/withdrawn", "--private")
    let_write(house, "alice/withdrawn", "bob")
    token = token_of(house, "alice")
    assert upload(house, "alice/withdrawn", b"secret").status == 200
    [of_bob] = batch(house, "alice/withdrawn", "download", b"secret", user="bob")
    [of_token] = batch(house, "alice/withdrawn", "download", b"secret", user="alice", password=token)
    [to_write] = batch(house, "alice/withdrawn", "upload", b"new", user="bob")
    for answer in (of_bob, of_token):
        assert act(house, answer["actions"]["download"]).body == b"secret"
    with sqlite3.connect(house.data / "gitperch.db") as db:
        db.execute("DELETE FROM collaborators")
        db.execute("DELETE FROM tokens WHERE last_eight = ?", (token[-8:],))
    db.close()
    token_of(house, "alice")  # gets the number that has become free
    assert act(house, of_bob["actions"]["download"]).status == 404
    assert act(house, of_token["actions"]["download"]).status == 401
    assert act(house, to_write["actions"]["upload"], "PUT", b"new").status == 404
    assert oid_of(b"new") not in files_of(house)


def test_the_page_of_a_file_says_where_it_is_kept_and_has_it(house: Server, alice: Person, tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + os.urandom(1000)
    data = os.urandom(12_000_000)
    pushed(house, alice, "alice/pages", {"data.bin": data, "picture.png": png})
    page = house.get("/alice/pages/blob/main/data.bin", user="alice").text
    assert "Kept with Git LFS, 12 MB" in page
    assert "Download it (12 MB)" in page
    assert "git-lfs.github.com" not in page
    raw = house.get("/alice/pages/raw/main/data.bin", user="alice")
    assert raw.body == data
    assert raw.headers["content-disposition"] == "attachment"
    assert "<img src" in house.get("/alice/pages/blob/main/picture.png", user="alice").text
    shown = house.get("/alice/pages/raw/main/picture.png", user="alice")
    assert (shown.headers["content-type"], shown.body) == ("image/png", png)
    # A pointer proves nothing either: another's repository with the same one has no bytes.
    commit(tmp_path / "w", {"data.bin": pointer_to(data)})
    house.git("push", "-q", house.remote("bob/copy", user="bob"), "main", cwd=tmp_path / "w")
    assert house.get("/bob/copy/raw/main/data.bin", user="bob").body == pointer_to(data)
    assert "git-lfs.github.com" in house.get("/bob/copy/blob/main/data.bin", user="bob").text
