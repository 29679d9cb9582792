"""git over SSH, driven by OpenSSH's client and the real git."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import Server, commit, git
from support.ssh import Ssh, events, ok, running, until
from support.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    with running(tmp_path_factory.mktemp("ssh")) as started:
        started.add_user("bob")
        yield started


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_push_clone_and_fetch_in_every_version_of_the_protocol(ssh: Ssh, tmp_path: Path, version: str) -> None:
    work, clone, url = tmp_path / "w", tmp_path / "clone", ssh.url(f"alice/round-{version}")
    commit(work, {"a": "one"})
    option = ("-c", f"protocol.version={version}")
    assert "is new here, and private" in ok(ssh.git(*option, "push", url, "main", cwd=work))
    ok(ssh.git(*option, "clone", url, str(clone)))
    second = commit(work, {"a": "two"})
    ok(ssh.git(*option, "push", url, "main", cwd=work))
    ok(ssh.git(*option, "fetch", cwd=clone))
    assert git("rev-parse", "origin/main", cwd=clone).stdout.strip() == second
    assert "up-to-date" in ok(ssh.git(*option, "push", url, "main", cwd=work))
    ok(ssh.git(*option, "push", url, "main:side", "main:refs/tags/v1", cwd=work))
    ok(ssh.git(*option, "push", url, "--delete", "side", cwd=work))
    assert "side" not in ok(ssh.git(*option, "ls-remote", url))


def test_version_2_is_spoken_when_git_asks_for_it(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("alice/two"), "main", cwd=tmp_path))
    environment = ssh.environment() | {"GIT_TRACE_PACKET": "1"}
    command = ["git", "-c", "protocol.version=2", "ls-remote", ssh.url("alice/two")]
    traced = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
    assert "< version 2" in traced
    assert "command=ls-refs" in traced


def test_shallow_and_partial_clones_and_lazy_fetches(ssh: Ssh, tmp_path: Path) -> None:
    work, url = tmp_path / "w", ssh.url("alice/parts")
    for number in range(4):
        commit(work, {"a": f"{number}"})
    ok(ssh.git("push", url, "main", cwd=work))
    ok(ssh.git("clone", "--depth=1", url, str(tmp_path / "shallow")))
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").stdout == "1\n"
    none = ssh.git("fetch", "--shallow-exclude=main", cwd=tmp_path / "shallow")
    assert none.returncode != 0
    assert "no commits selected for shallow requests" in none.stderr, "git's own words reach the terminal"
    ok(ssh.git("fetch", "--unshallow", cwd=tmp_path / "shallow"))
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").stdout == "4\n"
    ok(ssh.git("clone", "--filter=blob:none", "--no-checkout", url, str(tmp_path / "partial")))
    assert ok(ssh.git("show", "HEAD~2:a", cwd=tmp_path / "partial")) == "1"


def test_atomic_pushes_and_push_options(ssh: Ssh, tmp_path: Path) -> None:
    work, url = tmp_path / "w", ssh.url("alice/atomic")
    commit(work, {"a": "a"})
    ok(ssh.git("push", "-o", "colour=blue", url, "main", cwd=work))
    refused = ssh.git("push", "--atomic", url, "main:fine", "main:refs/gitperch/x", cwd=work)
    assert refused.returncode != 0
    assert "fine" not in ok(ssh.git("ls-remote", url))


def test_an_archive_comes_over_ssh(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"inside.txt": "hello"})
    ok(ssh.git("push", ssh.url("alice/archived"), "main", cwd=tmp_path))
    ok(ssh.git("archive", f"--remote={ssh.url('alice/archived')}", f"--output={tmp_path}/x.zip", "main"))
    assert b"inside.txt" in (tmp_path / "x.zip").read_bytes()
    wrong = ssh.git("archive", f"--remote={ssh.url('alice/archived')}", "nowhere")
    assert wrong.returncode != 0
    assert "nowhere" in wrong.stderr


def test_what_pushes_nothing_makes_nothing(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", "--dry-run", ssh.url("alice/dry"), "main", cwd=tmp_path))
    refused = ssh.git("push", ssh.url("alice/dry"), "main:refs/gitperch/x", cwd=tmp_path)
    assert refused.returncode != 0
    assert ssh.git("ls-remote", ssh.url("alice/dry")).returncode != 0
    assert "alice/dry" not in ssh.server.cli("repo", "list")


def test_the_policys_sentence_is_seen_in_the_terminal(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    done = ssh.git("push", ssh.url("alice/policy"), "main:refs/gitperch/x", cwd=tmp_path)
    assert done.returncode != 0
    assert "remote: refs/gitperch/x: names below refs/gitperch/ are the server's own" in done.stderr


def test_a_push_is_told_of_with_its_pusher(ssh: Ssh, tmp_path: Path) -> None:
    new = commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("bob/told"), "main", cwd=tmp_path, key="bob"))
    [event] = events(ssh, "bob/told")
    assert event == {"changes": [["refs/heads/main", None, new]], "actor": "bob", "source": "push"}


def test_a_private_repository_of_another_looks_like_one_that_is_not_there(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("alice/secret"), "main", cwd=tmp_path))
    for service in ("upload-pack", "receive-pack", "upload-archive"):
        there = ssh.command(f"git-{service} 'alice/secret'", key="bob")
        missing = ssh.command(f"git-{service} 'alice/nothing'", key="bob")
        assert there.returncode == missing.returncode == 1
        assert there.stdout == missing.stdout == ""
        assert there.stderr.replace("secret", "nothing") == missing.stderr
        assert "There is no repository alice/secret here, or it is private" in there.stderr


def test_a_public_repository_can_be_read_but_not_pushed_to(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    ssh.server.cli("repo", "add", "alice/open", "--public", "--from", str(tmp_path))
    ok(ssh.git("clone", ssh.url("alice/open"), str(tmp_path / "c"), key="bob"))
    done = ssh.git("push", ssh.url("alice/open"), "main:theirs", cwd=tmp_path, key="bob")
    assert done.returncode != 0
    assert "this needs the write permission" in done.stderr


def test_deploy_keys_read_or_write_one_repository_and_are_nobody(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    for name in ("alice/deployed", "alice/elsewhere"):
        ok(ssh.git("push", ssh.url(name), "main", cwd=tmp_path / "w"))
    ssh.server.cli("repo", "add", "alice/everybodys", "--public", "--from", str(tmp_path / "w"))
    ssh.add_deploy_key("alice/deployed", "reader", "read")
    ssh.add_deploy_key("alice/deployed", "writer", "write")
    for key in ("reader", "writer"):
        ok(ssh.git("clone", ssh.url("alice/deployed"), str(tmp_path / key), key=key))
        ok(ssh.git("ls-remote", ssh.url("alice/everybodys"), key=key))
        for name in ("alice/elsewhere", "alice/new", f"{key}/new"):
            assert "There is no repository" in ssh.git("ls-remote", ssh.url(name), key=key).stderr
            assert ssh.git("push", ssh.url(name), "main:x", cwd=tmp_path / "w", key=key).returncode != 0
        assert ssh.git("push", ssh.url("alice/everybodys"), "main:x", cwd=tmp_path / "w", key=key).returncode != 0
    refused = ssh.git("push", ssh.url("alice/deployed"), "main:mine", cwd=tmp_path / "w", key="reader")
    assert refused.returncode != 0
    assert "this needs the write permission" in refused.stderr
    ok(ssh.git("push", ssh.url("alice/deployed"), "main:mine", cwd=tmp_path / "w", key="writer"))
    assert events(ssh, "alice/deployed")[-1]["actor"] == "alice"
    assert "read and write alice/deployed" in ssh.command(key="writer").stderr
    assert "alice/new" not in ssh.server.cli("repo", "list")


def test_a_key_is_seen_used_and_its_removal_counts_at_once(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("alice/rotated"), "main", cwd=tmp_path))
    ssh.add_deploy_key("alice/rotated", "rotated", "read")
    alice = Visitor(ssh.server)
    alice.sign_in()
    page = "/alice/rotated/settings"
    assert "never used" in alice.get(page).text
    ok(ssh.git("ls-remote", ssh.url("alice/rotated"), key="rotated"))
    until(lambda: "never used" not in alice.get(page).text)
    number = alice.get(page).text.split("/settings/keys/")[1].split("/")[0]
    # One connection for several commands, as people have it with ControlMaster.
    control = ("-oControlMaster=auto", f"-oControlPath={tmp_path}/c", "-oControlPersist=30")
    try:
        assert ssh.command("git-upload-pack 'alice/rotated'", key="rotated", more=control).stdout
        assert alice.post(f"{page}/keys/{number}/remove", {}, page=page).status == 303
        refused = ssh.command("git-upload-pack 'alice/rotated'", key="rotated", more=control)
        assert refused.returncode == 1
        assert "This key has been removed" in refused.stderr
    finally:
        subprocess.run(["ssh", "-O", "exit", *control, "git@127.0.0.1"], capture_output=True, check=False)
    assert "Permission denied" in ssh.command(key="rotated").stderr


@pytest.mark.parametrize(
    "options", [("-t", "rsa", "-b", "2048"), ("-t", "ecdsa", "-b", "256"), ("-t", "ecdsa", "-b", "521")]
)
def test_other_kinds_of_keys_sign_in_too(ssh: Ssh, options: tuple[str, ...]) -> None:
    name = "-".join(options[1::2])
    ssh.server.cli("user", "key", "add", "bob", "--title", name, input=ssh.public(name, *options))
    assert "Hello bob" in ssh.command(key=name).stderr


def test_a_greeting_instead_of_a_shell(ssh: Ssh) -> None:
    done = ssh.command(key="bob")
    assert done.returncode == 0
    assert (
        f"Hello bob, your key works. There is no shell here, only git: git clone ssh://git@localhost:{ssh.port}/bob/"
        in (done.stderr)
    )
    assert (
        subprocess.run(["ssh", *ssh.options("bob"), "anybody@127.0.0.1"], check=False, capture_output=True).returncode
        == 0
    )


def test_an_unknown_key_is_refused(ssh: Ssh) -> None:
    done = ssh.git("ls-remote", ssh.url("alice/anything"), key="stranger")
    assert "Permission denied (publickey)" in done.stderr


def test_nothing_but_gits_commands_is_served(ssh: Ssh, tmp_path: Path) -> None:
    for line in ("id", "sh -c id", "bash", "scp -t /tmp", "git config --list", "git-upload-pack"):
        done = ssh.command(line)
        assert done.returncode == 1, line
        assert done.stdout == ""
        assert done.stderr.startswith("gitperch: ")
    sftp = subprocess.run(
        ["ssh", *ssh.options("alice"), "-s", "git@127.0.0.1", "sftp"], capture_output=True, check=False
    )
    assert b"subsystem request failed" in sftp.stderr
    terminal = ssh.command(more=("-tt",))
    assert "PTY allocation request failed" in terminal.stderr


@pytest.mark.parametrize("forward", ["-L", "-R", "-D"])
def test_no_port_is_forwarded(ssh: Ssh, forward: str) -> None:
    from support.server import free_port

    port = free_port()
    target = {"-L": f"{port}:127.0.0.1:{ssh.server.port}", "-R": f"0:127.0.0.1:{ssh.server.port}", "-D": str(port)}
    options = ssh.options("alice", "-oExitOnForwardFailure=yes", "-oLogLevel=VERBOSE", forward, target[forward])
    with subprocess.Popen(
        ["ssh", *options, "-N", "git@127.0.0.1"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as client:
        try:
            if forward == "-R":
                assert client.wait(10) != 0
                return
            until(lambda: _connects(port))
            with pytest.raises(OSError, match=r"reset|closed|empty"):
                _asks(port, socks=forward == "-D", target=ssh.server.port)
        finally:
            client.kill()


def _connects(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _asks(port: int, *, socks: bool, target: int) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=5) as through:
        if socks:
            through.sendall(b"\x04\x01" + target.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + b"\0")
            assert through.recv(8)[1:2] != b"\x5a", "the connection was made"
            raise ConnectionResetError("closed")
        through.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        if not through.recv(100):
            raise ConnectionResetError("empty")


def test_agent_and_x11_are_not_forwarded(ssh: Ssh) -> None:
    done = ssh.command("git-upload-pack 'alice/none'", more=("-A", "-X", "-oForwardX11=yes"))
    assert done.returncode == 1
    assert "There is no repository" in done.stderr


def test_the_host_key_is_made_once_kept_private_and_shown(tmp_path: Path) -> None:
    with running(tmp_path) as ssh:
        path = ssh.server.data / "ssh" / "host_ed25519"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        listed = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True)
        fingerprint = listed.stdout.split()[1]
        assert f"host key ssh-ed25519 {fingerprint}" in ssh.server.log
        assert f"host key ssh-ed25519 {fingerprint}" in ssh.server.cli("doctor")
        alice = Visitor(ssh.server)
        alice.sign_in()
        assert fingerprint in alice.get("/account").text
        before = path.read_bytes()
        ssh.server.restart()
        assert path.read_bytes() == before


def _maps(server: Server) -> str:
    assert server.process
    return Path(f"/proc/{server.process.pid}/maps").read_text()


def test_without_ssh_nothing_of_it_is_loaded_or_shown(own_server: Server, ssh: Ssh) -> None:
    own_server.cli("repo", "add", "alice/plain")
    alice = Visitor(own_server)
    alice.sign_in()
    assert "SSH" not in alice.get("/account").text
    assert "SSH" not in alice.get("/alice/plain/branches").text
    assert "Deploy keys" not in alice.get("/alice/plain/settings").text
    for page, path in (("/account", "/account/keys"), ("/alice/plain/settings", "/alice/plain/settings/keys")):
        assert alice.post(path, {"key": ssh.public("alice")}, page=page).status == 404
    assert "cryptography" not in _maps(own_server)
    assert "cryptography" in _maps(ssh.server), "what this test looks for is there when SSH is on"
    assert not (own_server.data / "ssh").exists()


def test_the_clone_box_offers_ssh(ssh: Ssh, tmp_path: Path) -> None:
    ssh.server.cli("repo", "add", "alice/boxed")
    alice = Visitor(ssh.server)
    alice.sign_in()
    page = alice.get("/alice/boxed/branches").text
    assert f"ssh://git@localhost:{ssh.port}/alice/boxed.git" in page
    assert f"{ssh.server.url}/alice/boxed.git" in page


def test_keys_are_managed_from_the_command_line(ssh: Ssh) -> None:
    server = ssh.server
    server.add_user("carol")
    number, fingerprint, title = (
        server.cli("user", "key", "add", "carol", input=ssh.public("carols")).strip().split("\t")
    )
    assert title == "carols@test"
    assert server.cli("user", "key", "list", "carol") == f"{number}\t{fingerprint}\t{title}\n"
    assert ssh.command(key="carols").returncode == 0
    server.cli("user", "key", "remove", "carol", fingerprint)
    assert ssh.command(key="carols").returncode == 255
    assert server.cli("user", "key", "list", "carol") == ""


def test_a_key_stands_for_one_person_or_repository_only(ssh: Ssh) -> None:
    ssh.server.cli("repo", "add", "alice/only")
    alice = Visitor(ssh.server)
    alice.sign_in()
    for page, path in (("/account", "/account/keys"), ("/alice/only/settings", "/alice/only/settings/keys")):
        for name in ("alice", "bob"):
            again = alice.post(path, {"key": ssh.public(name), "title": "mine now"}, page=page)
            assert again.status == 422
            assert "This key is on this server already" in again.text
            assert "mine now" in again.text, "what was typed is kept"
    with pytest.raises(AssertionError, match="on this server already"):
        ssh.server.cli("user", "key", "add", "bob", input=ssh.public("alice"))


def test_only_ones_own_keys_can_be_removed(ssh: Ssh) -> None:
    ssh.server.add_user("eve")
    eve = Visitor(ssh.server)
    eve.sign_in("eve")
    number = ssh.server.cli("user", "key", "list", "bob").split("\t")[0]
    assert eve.post(f"/account/keys/{number}/remove", {}, page="/account").status == 404
    eve.post("/new", {"name": "hers"})
    assert eve.post(f"/eve/hers/settings/keys/{number}/remove", {}, page="/account").status == 404
    assert eve.post("/alice/only/settings/keys", {"key": ssh.public("eves")}, page="/account").status == 404
    assert ssh.command(key="bob").returncode == 0


def test_a_second_server_cannot_have_the_same_port(ssh: Ssh, tmp_path: Path) -> None:
    second = Server(tmp_path / "data", settings=dict(ssh.server.settings))
    second.cli("user", "add", "alice")
    command = [os.sys.executable, "-m", "gitperch", "serve", "--listen", "127.0.0.1:0", "--data", str(second.data)]  # type: ignore[attr-defined]
    done = subprocess.run(command, env=second.environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"gitperch: Cannot listen on 127.0.0.1:{ssh.port} for SSH: ")
