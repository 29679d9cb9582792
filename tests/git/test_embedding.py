"""The transport in somebody else's program: the one that docs/embedding.md shows, and one that uses all there is."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitperch.config import GitSettings
from gitperch.transport import Allowed, Transport, below
from support.embedded import Program
from support.server import Answer, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "embedding.md").read_text("utf-8")

PER_CONNECTION = ("connection", "transfer-encoding")

PROGRAM = """
import asyncio
from pathlib import Path
from gitperch.transport import Allowed, Limits, Refused, Served, SignIn, Transport, below

ROOT = Path("repositories")

async def may(request):
    await asyncio.sleep(0)
    if request.path.startswith("/closed/"):
        return Refused("The mirror is being moved.")
    if request.path.startswith("/private/") and not request.basic:
        return SignIn('the "vault"')
    if request.basic:
        return Allowed(request.basic[0])
    return SignIn() if request.path.startswith("/signed/") else Allowed()

def find(path):
    found = below(ROOT)(path.removeprefix("/signed"))
    if path.startswith("/namespaced/"):
        return Served(below(ROOT)(path.removeprefix("/namespaced")), {"GIT_NAMESPACE": "inner"})
    if path.startswith("/set/"):
        return Served(below(ROOT)(path.removeprefix("/set")), configuration={"transfer.hideRefs": "refs/heads"})
    if path.startswith("/old/"):
        return Served(below(ROOT)(path.removeprefix("/old")), {"GIT_PROTOCOL": ""})
    return found

app = Transport(find, may, hooks=True, limits=Limits(push_max_bytes=1 << 20))

class Mounted:
    # as Starlette's Mount does it
    def __init__(self):
        self.plain = Transport(below(ROOT), lambda request: Allowed("x"), files=False, environment={"GIT_HTTP_EXPORT_ALL": ""})
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith("/mounted/"):
            return await self.plain({**scope, "root_path": "/mounted"}, receive, send)
        return await app_(scope, receive, send)

app_, app = app, Mounted()
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program of the page, as it stands."""
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found
    folder = tmp_path_factory.mktemp("shown")
    bare(folder / "repositories/group/thing.git")
    yield from Program(folder, found[1]).run()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("all")
    yield from Program(folder, PROGRAM).run()


def bare(path: Path, *, export: bool = True) -> Path:
    assert git("init", "--quiet", "--bare", str(path)).returncode == 0
    if export:
        (path / "git-daemon-export-ok").touch()
    return path


def filled(program: Program, name: str, work: Path, **configuration: str) -> Path:
    """A repository below the program's root with one commit, and its work tree `work`."""
    path = bare(program.folder / "repositories" / name)
    for key, value in configuration.items():
        git("config", key.replace("__", "."), value, cwd=path)
    commit(work, {"a.txt": "a\n"})
    assert git("push", str(path), "HEAD:main", cwd=work).returncode == 0
    return path


def test_the_program_of_the_page_serves_everybody_and_takes_pushes_from_ada(shown: Program, tmp_path: Path) -> None:
    address = f"{shown.url}/group/thing.git"
    work = tmp_path / "work"
    done = git("clone", address, str(work))
    assert done.returncode == 0, done.stderr
    commit(work, {"a": "1"})
    assert "could not read Username" in git("push", "origin", "HEAD:main", cwd=work).stderr
    wrong = git("push", address.replace("//", "//ada:wrong@"), "HEAD:main", cwd=work)
    assert "Authentication failed" in wrong.stderr
    right = git("push", address.replace("//", "//ada:correct%20horse@"), "HEAD:main", cwd=work)
    assert right.returncode == 0, right.stderr
    assert git("ls-remote", address, "main").stdout.startswith(git("rev-parse", "HEAD", cwd=work).stdout.strip())


def test_the_page_names_every_argument_and_every_limit_that_counts() -> None:
    names = set(Transport.__init__.__annotations__) - {"return"}
    assert names
    for name in names | {"children", "wait_seconds", "request_seconds", "stall_seconds", "push_max_bytes"}:
        assert f"`{name}`" in PAGE, name
    assert not {"children", "stall_seconds"} - set(GitSettings.__dataclass_fields__)


def test_repositories_lie_at_any_depth_and_may_have_work_trees(program: Program, tmp_path: Path) -> None:
    root = program.folder / "repositories"
    commit(root / "deep/er/down/tree", {"a": "1"})
    (root / "deep/er/down/tree/.git/git-daemon-export-ok").touch()
    bare(root / "deep/er/bare.git")
    for path in ("deep/er/down/tree", "deep/er/down/tree/.git", "deep/er/bare", "deep/er/bare.git"):
        assert git("ls-remote", f"{program.url}/{path}").returncode == 0, path
    for path in (
        "deep/er",
        "deep/../deep/er/bare.git",
        "deep//er/bare.git",
        "./deep/er/bare.git",
        "%2e%2e/x",
        "x%00",
        "x" * 5000,
    ):
        assert program.request("GET", f"/{path}/info/refs?service=git-upload-pack").status == 404, path


def test_what_is_not_exported_is_not_there(program: Program) -> None:
    bare(program.folder / "repositories/hidden.git", export=False)
    assert program.request("GET", "/hidden.git/info/refs?service=git-upload-pack").status == 404
    assert program.request("GET", "/mounted/hidden.git/info/refs?service=git-upload-pack").status == 200


def test_who_may_not_is_told_why_and_who_has_to_sign_in_for_what(program: Program) -> None:
    assert "The mirror is being moved." in git("ls-remote", f"{program.url}/closed/x").stderr
    answer = program.request("GET", "/private/x/info/refs?service=git-upload-pack")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="the \\"vault\\""'


def test_a_namespace_shows_only_its_own_refs(program: Program, tmp_path: Path) -> None:
    path = filled(program, "spaces.git", tmp_path / "w", http__receivepack="true")
    address = f"{program.url}/namespaced/spaces.git"
    assert git("ls-remote", address).stdout == ""
    assert git("push", address, "HEAD:inside", cwd=tmp_path / "w").returncode == 0
    assert git("for-each-ref", "--format=%(refname)", "refs/namespaces", cwd=path).stdout == (
        "refs/namespaces/inner/refs/heads/inside\n"
    )
    assert git("ls-remote", "--heads", address).stdout.split()[1::2] == ["refs/heads/inside"]
    assert git("ls-remote", "--heads", f"{program.url}/spaces.git").stdout.split()[1::2] == [
        "refs/heads/main",
    ]
    assert program.request("GET", "/namespaced/spaces.git/info/refs").text.split()[1::2] == ["refs/heads/inside"]


def test_the_operators_version_of_the_protocol_goes_before_the_clients(program: Program, tmp_path: Path) -> None:
    filled(program, "version.git", tmp_path / "w")
    path = "version.git/info/refs?service=git-upload-pack"
    assert b"version 2" in program.request("GET", f"/{path}", Git_Protocol="version=2").body
    assert b"version 2" not in program.request("GET", f"/old/{path}", Git_Protocol="version=2").body


def test_pushes_are_for_known_users_unless_the_repository_says_otherwise(program: Program, tmp_path: Path) -> None:
    path = filled(program, "rights.git", tmp_path / "w")
    commit(tmp_path / "w", {"b": "2"})

    def push(user: str) -> bool:
        address = program.url.replace("//", f"//{user}") + ("/signed" if user else "") + "/rights.git"
        return git("push", address, "HEAD:main", cwd=tmp_path / "w").returncode == 0

    assert not push("")
    assert push("ada:any@")
    git("config", "http.receivepack", "false", cwd=path)
    commit(tmp_path / "w", {"b": "3"})
    assert not push("ada:any@")
    git("config", "http.receivepack", "true", cwd=path)
    assert push("")


def test_hooks_know_the_user_and_run_only_when_told_to(program: Program, tmp_path: Path) -> None:
    path = filled(program, "hooked.git", tmp_path / "w")
    hook = path / "hooks" / "pre-receive"
    hook.write_text('#!/bin/sh\necho "by $REMOTE_USER from $REMOTE_ADDR, $GIT_COMMITTER_EMAIL"; exit 1\n')
    hook.chmod(0o755)
    commit(tmp_path / "w", {"b": "2"})
    told = git("push", program.url.replace("//", "//ada:x@") + "/signed/hooked.git", "HEAD:main", cwd=tmp_path / "w")
    assert told.returncode
    assert "remote: by ada from 127.0.0.1, ada@http.127.0.0.1" in told.stderr
    without = git("push", f"{program.url}/mounted/hooked.git", "HEAD:main", cwd=tmp_path / "w")
    assert without.returncode == 0, without.stderr


def test_hidden_refs_stay_hidden_and_a_change_of_configuration_counts_at_once(program: Program, tmp_path: Path) -> None:
    path = filled(program, "secret.git", tmp_path / "w")
    git("update-ref", "refs/secret/x", "main", cwd=path)
    address = f"{program.url}/secret.git"
    assert "refs/secret/x" in git("ls-remote", address).stdout
    git("config", "transfer.hideRefs", "refs/secret", cwd=path)
    assert "refs/secret/x" not in git("ls-remote", address).stdout
    (path / "extra").write_text("[transfer]\n\thideRefs = refs/heads\n")
    git("config", "include.path", "extra", cwd=path)
    assert git("ls-remote", "--heads", address).stdout == ""
    (path / "extra").write_text("")
    assert "refs/heads/main" in git("ls-remote", "--heads", address).stdout


def test_configuration_can_come_from_the_program(program: Program, tmp_path: Path) -> None:
    filled(program, "set.git", tmp_path / "w")
    assert "refs/heads/main" in git("ls-remote", f"{program.url}/set.git").stdout
    assert "refs/heads/main" not in git("ls-remote", f"{program.url}/set/set.git").stdout


def test_somebody_elses_repository_is_gits_to_judge(program: Program, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a repository away")
    path = filled(program, "theirs.git", tmp_path / "w")
    os.chown(path, 12345, 12345)
    asked = git("ls-remote", str(path))
    answer = program.request("GET", "/theirs.git/info/refs?service=git-upload-pack")
    assert (answer.status == 500) == ("dubious ownership" in asked.stderr)


def test_partial_clones_are_the_repositorys_to_allow(program: Program, tmp_path: Path) -> None:
    path = filled(program, "partial.git", tmp_path / "w")
    address = f"{program.url}/partial.git"
    missing = ("rev-list", "--objects", "--missing=print", "HEAD")
    assert "filtering not recognized" in git("clone", "--filter=blob:none", "-n", address, str(tmp_path / "a")).stderr
    assert "?" not in git(*missing, cwd=tmp_path / "a").stdout
    git("config", "uploadpack.allowFilter", "true", cwd=path)
    assert git("clone", "--filter=blob:none", "-n", address, str(tmp_path / "b")).returncode == 0
    assert "?" in git(*missing, cwd=tmp_path / "b").stdout


def test_a_filter_that_a_branch_describes_is_what_it_says_now(program: Program, tmp_path: Path) -> None:
    """git's own clients ask for the same commit in the same words, before and after the description has changed."""
    path = filled(program, "described.git", tmp_path / "w", **{"uploadpack.allowFilter": "true"})
    commit(tmp_path / "w", {"one": "1", "two": "2"})
    assert git("push", "-q", str(path), "main", cwd=tmp_path / "w").returncode == 0
    for number, name in enumerate(("one", "two", "one")):
        commit(tmp_path / "d", {"filter": f"/{name}\n"}, name)
        assert git("push", "-qf", str(path), "HEAD:refs/heads/described", cwd=tmp_path / "d").returncode == 0
        clone = tmp_path / f"c{number}"
        spoken = ("--filter=sparse:oid=described:filter", "--single-branch", "--no-tags", "--bare", "-b", "main")
        assert git("clone", *spoken, f"{program.url}/described.git", str(clone)).returncode == 0
        there = git("rev-list", "--objects", "--missing=print", "main", cwd=clone).stdout
        missing = {line for line in there.splitlines() if line.startswith("?")}
        oids = {each: git("rev-parse", f"main:{each}", cwd=clone).stdout.strip() for each in ("one", "two")}
        assert f"?{oids[name]}" not in missing
        assert f"?{oids['two' if name == 'one' else 'one']}" in missing


def test_a_client_that_filters_against_the_rules_gets_nothing(program: Program, tmp_path: Path) -> None:
    filled(program, "rules.git", tmp_path / "w")
    oid = git("rev-parse", "HEAD", cwd=tmp_path / "w").stdout.strip()
    lines = (f"want {oid}", "filter blob:none", "done")
    body = b"0011command=fetch0001" + b"".join(b"%04x%s\n" % (len(line) + 5, line.encode()) for line in lines) + b"0000"
    answer = program.request(
        "POST",
        "/rules.git/git-upload-pack",
        body,
        Git_Protocol="version=2",
        Content_Type="application/x-git-upload-pack-request",
    )
    assert b"packfile" not in answer.body


def test_archives_are_made_for_those_whom_the_repository_serves_them(program: Program, tmp_path: Path) -> None:
    filled(program, "archive.git", tmp_path / "w")
    lines = (b"argument --format=tar", b"argument main")
    body = b"".join(b"%04x%s\n" % (len(line) + 5, line) for line in lines) + b"0000"
    named = {"Content_Type": "application/x-git-upload-archive-request"}
    path = "archive.git/git-upload-archive"
    assert program.request("POST", f"/{path}", body, **named).status == 403
    answer = program.request("POST", f"/{path}", body, Authorization="Basic YWRhOng=", **named)
    assert answer.headers["content-type"] == "application/x-git-upload-archive-result"
    assert answer.body.startswith(b"0008ACK\n0000")
    at, archive = 12, b""
    while (size := int(answer.body[at : at + 4], 16)) > 4:
        assert answer.body[at + 4] == 1, answer.body[at:]
        archive += answer.body[at + 5 : at + size]
        at += size
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        assert tar.getnames() == ["a.txt"]


def test_a_client_that_knows_only_files_can_clone(program: Program, tmp_path: Path) -> None:
    path = filled(program, "dumb.git", tmp_path / "w")
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=path)
    git("tag", "-a", "v1", "-m", "1", "main", cwd=path)
    git("repack", "-adq", cwd=path)
    commit(tmp_path / "w", {"b": "2"})
    git("-c", "push.default=upstream", "push", str(path), "HEAD:main", cwd=tmp_path / "w")
    done = git("clone", f"{program.url}/dumb.git", str(tmp_path / "c"), GIT_SMART_HTTP="0")
    assert done.returncode == 0, done.stderr
    assert git("fsck", cwd=tmp_path / "c").returncode == 0
    assert git("rev-parse", "HEAD", cwd=tmp_path / "c").stdout == git("rev-parse", "main", cwd=path).stdout
    listed = program.request("GET", "/dumb.git/info/refs")
    assert [ref for ref in listed.text.split()[1::2] if "tags" in ref] == ["refs/tags/v1", "refs/tags/v1^{}"]
    assert program.request("GET", "/dumb.git/HEAD").text == "ref: refs/heads/main\n"
    pack = program.request("GET", "/dumb.git/objects/info/packs").text.split()[1]
    served = program.request("GET", f"/dumb.git/objects/pack/{pack}")
    assert served.body == (path / "objects/pack" / pack).read_bytes()
    assert served.headers["cache-control"] == "public, max-age=31536000"
    assert served.headers["content-type"] == "application/x-git-packed-objects"


def test_files_are_kept_where_the_repository_or_the_program_says_so(program: Program, tmp_path: Path) -> None:
    filled(program, "kept.git", tmp_path / "w", http__getanyfile="false")
    assert program.request("GET", "/kept.git/HEAD").status == 403
    filled(program, "given.git", tmp_path / "w")
    assert program.request("GET", "/given.git/HEAD").status == 200
    assert program.request("GET", "/mounted/given.git/HEAD").status == 403
    assert program.request("GET", "/given.git/config").status == 404
    assert program.request("GET", "/given.git/objects/pack/../../config").status == 404


def test_statuses_and_headers_are_those_of_gits_cgi(program: Program, tmp_path: Path) -> None:
    filled(program, "cgi.git", tmp_path / "w")
    refs = program.request("GET", "/cgi.git/info/refs?service=git-upload-pack")
    ours = {name: value for name, value in refs.headers.items() if name not in ("date", "server", *PER_CONNECTION)}
    assert ours == {
        "content-type": "application/x-git-upload-pack-advertisement",
        "expires": "Fri, 01 Jan 1980 00:00:00 GMT",
        "pragma": "no-cache",
        "cache-control": "no-cache, max-age=0, must-revalidate",
    }
    assert program.request("HEAD", "/cgi.git/info/refs?service=git-upload-pack").status == 200
    wrong = program.request("GET", "/cgi.git/git-upload-pack")
    assert (wrong.status, wrong.headers["allow"], wrong.body) == (405, "POST", b"")
    wrong = program.request("POST", "/cgi.git/info/refs", b"")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")
    wrong = program.request("POST", "/cgi.git/git-upload-pack", b"0000", Content_Type="text/plain")
    assert wrong.status == 415
    assert wrong.text.startswith(
        "Expected POST with Content-Type 'application/x-git-upload-pack-request', but received"
    )
    for query in ("service=git-upload-archive", "service=upload-pack", "service=", "service=git-upload-pack&service=x"):
        assert program.request("GET", f"/cgi.git/info/refs?{query}").status == 403, query
    assert program.request("GET", "/cgi.git/info/refs?service=git-receive-pack").status == 403
    assert program.request("GET", "/none.git/info/refs?service=git-receive-pack").status == 404


def asked_of_the_cgi(root: Path, method: str, path: str, body: bytes, content_type: str, version: str) -> Answer:
    """What `git http-backend` answers (RFC 3875)."""
    where, _, query = path.partition("?")
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "GIT_PROJECT_ROOT": str(root),
        "REQUEST_METHOD": method,
        "PATH_INFO": where,
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_GIT_PROTOCOL": version,
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.decode().lower().split(": ", 1) for line in head.split(b"\r\n"))
    return Answer(int(headers.pop("status", "200").split()[0]), headers, content)


def test_every_answer_is_the_one_that_gits_cgi_gives(program: Program, tmp_path: Path) -> None:
    path = filled(program, "same.git", tmp_path / "w", http__receivepack="true")
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=path)
    git("tag", "-a", "v1", "-m", "1", "main", cwd=path)
    tip = git("rev-parse", "main", cwd=path).stdout.strip()
    bare(program.folder / "repositories/hid.git", export=False)
    bare(program.folder / "repositories/new.git")
    asking = b"0014command=ls-refs\n00010009peel\n000csymrefs\n0000"
    wanting = b"0032want %s\n00000009done\n" % tip.encode()
    result = "application/x-git-{}-request"
    compared = ("content-type", "expires", "pragma", "cache-control", "allow")
    kinds = [result.format(service) for service in ("upload-pack", "receive-pack", "upload-archive")]
    requests = [
        *((method, f"/{name}.git/info/refs?service={service}", b"", "")
            for method in ("GET", "POST", "PUT")
            for name in ("same", "hid", "none", "new")
            for service in ("git-upload-pack", "git-receive-pack", "git-none", "upload-pack", "")),
        *((method, f"/same.git/git-{service}", body, kind)
            for method in ("GET", "POST")
            for service in ("upload-pack", "receive-pack")  # archives came with git 2.44
            for body in (b"0000", wanting if service == "upload-pack" else b"0000")
            for kind in (*kinds, "text/plain", "")),
        *(("GET", f"/{name}.git/{file}", b"", "")
            for name in ("same", "hid", "new")
            for file in ("HEAD", "info/refs", "objects/info/packs", "config", "objects/info/alternates", "x")),
        ("POST", "/same.git/git-upload-pack?service=git-receive-pack", asking, kinds[0]),
        ("GET", "/same.git/git-upload-pack/info/refs?service=git-upload-pack", b"", ""),
    ]  # fmt: skip
    for version in ("", "version=2"):
        for method, where, body, kind in requests:
            if version == "version=2" and body is wanting:
                continue
            theirs = asked_of_the_cgi(program.folder / "repositories", method, where, body, kind, version)
            named = {"Content_Type": kind, "Git_Protocol": version}
            ours = program.request(method, where, body if method != "GET" else None, **named)
            context = (version, method, where, body, kind, theirs, ours)
            assert ours.status == theirs.status, context
            assert ours.body == theirs.body, context
            for name in compared:
                assert ours.headers.get(name, "").lower() == theirs.headers.get(name, "").lower(), (name, context)


def test_the_query_of_a_push_does_not_make_it_a_fetch(program: Program, tmp_path: Path) -> None:
    filled(program, "query.git", tmp_path / "w")
    path = "/query.git/git-receive-pack?service=git-upload-pack"
    answer = program.request("POST", path, b"0000", Content_Type="application/x-git-receive-pack-request")
    assert answer.status == 403


def test_a_push_over_the_limit_is_refused_and_leaves_nothing(program: Program, tmp_path: Path) -> None:
    path = filled(program, "limited.git", tmp_path / "w", http__receivepack="true")
    (tmp_path / "w" / "noise").write_bytes(subprocess.check_output(["head", "-c", "30000000", "/dev/urandom"]))
    commit(tmp_path / "w", {}, "Noise")
    done = git("push", f"{program.url}/limited.git", "HEAD:main", cwd=tmp_path / "w")
    assert "413" in done.stderr
    assert not [file for file in (path / "objects").rglob("*") if file.is_file() and file.stat().st_size > 1 << 20]


def test_broken_configuration_is_the_servers_fault(program: Program, tmp_path: Path) -> None:
    path = filled(program, "broken.git", tmp_path / "w", http__uploadpack="perhaps")
    assert program.request("GET", "/broken.git/info/refs?service=git-upload-pack").status == 500
    (path / "config").write_text("[core\n")
    assert program.request("GET", "/broken.git/info/refs?service=git-upload-pack").status == 500


def test_variables_that_lead_elsewhere_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="GIT_DIR"):
        Transport(below("x"), lambda request: Allowed(), environment={"GIT_DIR": "/somewhere"})
