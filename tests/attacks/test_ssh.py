"""What has broken git servers and SSH servers, tried over SSH. Rows by the weakness they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from support.previews import wait
from support.server import commit
from support.ssh import Ssh, children, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    folder = tmp_path_factory.mktemp("ssh")
    with running(folder) as started:
        started.add_user("mallory")
        commit(folder / "w", {"index.html": "hello", "large": os.urandom(24 << 20)})
        started.server.cli("repo", "add", "alice/thing", "--from", str(folder / "w"))
        yield started


@pytest.mark.parametrize(
    "path",
    [
        "../../etc",
        "/alice/..",
        "/alice/../alice/thing",
        "/alice/thing/../../x",
        "//alice/thing",
        "/etc/passwd",
        "alice/thing.git/config",
        "~root/x",
        "alice\\thing",
        "%61lice/thing",
        ".",
        "",
    ],
)
def test_no_path_leads_out_of_the_storage(ssh: Ssh, path: str) -> None:
    """CVE-2026-52813, cgit CVE-2018-14912, Gogs GHSA-6vcc."""
    for service in ("upload-pack", "receive-pack", "upload-archive"):
        done = ssh.command(f"git-{service} '{path}'")
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("gitperch: ")
        assert str(ssh.server.data) not in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "git-upload-pack --upload-pack=touch${IFS}OWNED 'alice/thing'",
        "git-upload-pack -oProxyCommand=touch${IFS}OWNED",
        "git-upload-pack '-oProxyCommand=touch OWNED/x'",
        "git-upload-pack 'alice/thing'; touch OWNED",
        "git-upload-pack 'alice/thing' | touch OWNED",
        "git-upload-pack $(touch OWNED)",
        "git-upload-pack `touch OWNED`",
        "git-upload-pack 'alice/thing' && touch OWNED",
        "git-upload-pack 'alice/thing'\ntouch OWNED",
        "git-upload-archive 'alice/thing' --exec='touch OWNED'",
        "git -c core.sshCommand='touch OWNED' upload-pack 'alice/thing'",
        "exec touch OWNED",
    ],
)
def test_no_command_becomes_an_option_or_reaches_a_shell(ssh: Ssh, tmp_path: Path, line: str) -> None:
    """Gogs GHSA-9pp6, GHSA-m27m, GHSA-qf6p."""
    owned = tmp_path / "owned"
    done = ssh.command(line.replace("OWNED", str(owned)))
    assert done.returncode == 1
    assert done.stderr.startswith("gitperch: ")
    assert not owned.exists()


def test_nothing_of_the_clients_environment_reaches_git_but_its_protocol(ssh: Ssh) -> None:
    """CVE-2024-39930: git's own variables say which programs it runs."""
    sent = ["GIT_SSH_COMMAND=touch /tmp/x", "LD_PRELOAD=/tmp/x.so", "GIT_DIR=/etc", "PATH=/tmp", "GIT_TRACE=1"]
    options = ssh.options("alice", "-oSetEnv=" + " ".join(f'"{each}"' for each in [*sent, "GIT_PROTOCOL=version=2"]))
    with subprocess.Popen(
        ["ssh", *options, "git@127.0.0.1", "git-upload-pack 'alice/thing'"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdout
        assert client.stdout.read(13) == b"000eversion 2"
        for pid in children(ssh.server, "upload-pack"):
            environment = Path(f"/proc/{pid}/environ").read_text()
            assert "GIT_PROTOCOL=version=2" in environment
            for each in sent:
                assert each not in environment
        client.kill()


@pytest.mark.parametrize("value", ["version=2;touch", "version=2 PATH=/tmp", "$(id)", "v" * 300])
def test_an_odd_protocol_counts_as_none(ssh: Ssh, value: str) -> None:
    done = ssh.command("git-upload-pack 'alice/thing'", more=(f'-oSetEnv="GIT_PROTOCOL={value}"',))
    assert "refs/heads/main" in done.stdout, "as protocol v0 begins"


def client_of(ssh: Ssh, name: str) -> asyncssh.SSHClientConnectionOptions:
    keys = [str(ssh.key(name))]
    return asyncssh.SSHClientConnectionOptions(known_hosts=None, client_keys=keys, agent_path=None, config=None)


def run(ssh: Ssh, line: str) -> asyncssh.SSHCompletedProcess:
    """One command by a client that sends what OpenSSH's would not."""

    async def scene() -> asyncssh.SSHCompletedProcess:
        async with asyncssh.connect(
            "127.0.0.1", ssh.port, username="git", options=client_of(ssh, "alice")
        ) as connection:
            return await connection.run(line, timeout=30)

    return asyncio.run(scene())


@pytest.mark.parametrize(
    "line", ["git-upload-pack 'alice/thing\0'", "git-upload-pack 'alice/thing'\0", "\0", "\x1b[2J", "x" * 30_000]
)
def test_nuls_and_escapes_are_refused_and_not_echoed(ssh: Ssh, line: str) -> None:
    done = run(ssh, line)
    assert done.exit_status == 1
    assert str(done.stderr).startswith("gitperch: ")
    assert str(done.stderr).strip().isprintable()


def test_whoever_shows_anothers_public_key_first_is_still_themselves(ssh: Ssh, tmp_path: Path) -> None:
    """CVE-2024-45337: the key that was asked about is not the key that signed."""
    (tmp_path / "alice.pub").write_text(ssh.public("alice"))  # without the private half
    options = [*ssh.options("mallory"), "-i", str(tmp_path / "alice.pub")]
    for order in (options, ["-i", str(tmp_path / "alice.pub"), *options]):
        done = subprocess.run(["ssh", *order, "-v", "git@127.0.0.1"], capture_output=True, text=True, check=False)
        assert "Hello mallory" in done.stderr
        assert "Hello alice" not in done.stderr


def test_a_certificate_gets_nobody_in(ssh: Ssh, tmp_path: Path) -> None:
    key = ssh.key("certified")
    command = ["ssh-keygen", "-q", "-s", str(ssh.key("alice")), "-I", "alice", "-n", "git,alice", f"{key}.pub"]
    subprocess.run(command, check=True)
    assert "Permission denied" in ssh.command(key="certified").stderr


@pytest.mark.parametrize("method", ["password", "keyboard-interactive", "none", "gssapi-with-mic", "hostbased"])
def test_a_key_is_the_only_way_in(ssh: Ssh, method: str) -> None:
    done = ssh.command(more=(f"-oPreferredAuthentications={method}", "-oPubkeyAuthentication=no", "-oBatchMode=no"))
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_wrong_keys_are_counted_but_a_client_with_many_does_not_lock_itself_out(tmp_path: Path) -> None:
    with running(tmp_path, ACCOUNTS_FAILURES="3") as ssh:
        many = [word for n in range(8) for word in ("-i", str(ssh.key(f"wrong-{n}")))]
        for _ in range(4):
            done = subprocess.run(
                ["ssh", *many, *ssh.options("alice"), "git@127.0.0.1"], capture_output=True, text=True, check=False
            )
            assert "Hello alice" in done.stderr
        for _ in range(3):
            assert "Permission denied" in ssh.command(key="wrong-0").stderr
        refused = ssh.command()
        assert refused.returncode == 255
        assert "Too many" in refused.stderr
        assert ssh.server.get("/account", user="alice").status != 429, "a browser at this address is another matter"


def test_a_client_cannot_try_keys_without_end(ssh: Ssh, tmp_path: Path) -> None:
    many = [word for n in range(22) for word in ("-i", str(ssh.key(f"endless-{n}")))]
    command = ["ssh", "-v", *many, *ssh.options("alice")[4:], "-i", str(ssh.key("alice")), "git@127.0.0.1"]
    done = subprocess.run(["ssh", "-F", "none", *command[1:]], capture_output=True, text=True, check=False)
    assert "None of so many keys is known here. Say which to use" in done.stderr
    assert "Hello" not in done.stderr


def greeted(line: socket.socket) -> bool:
    """Whether the server speaks to whoever is there."""
    try:
        return line.recv(3) == b"SSH"
    except ConnectionError:
        return False


def test_those_who_only_connect_do_not_keep_others_out(tmp_path: Path) -> None:
    with running(tmp_path, SSH_LOGIN_SECONDS="3", SSH_CONNECTIONS="10") as ssh:
        silent = [socket.create_connection(("127.0.0.1", ssh.port), 60) for _ in range(12)]
        try:
            assert [greeted(each) for each in silent] == [True] * 10 + [False] * 2, "so many at once"
            wait(lambda: ssh.command().returncode == 0, "those who are silent have to go")
        finally:
            for each in silent:
                each.close()


def test_one_address_has_a_share_of_the_connections(tmp_path: Path) -> None:
    with running(tmp_path, SSH_CONNECTIONS_PER_ADDRESS="2") as ssh:

        async def scene() -> None:
            options = client_of(ssh, "alice")
            async with (
                asyncssh.connect("127.0.0.1", ssh.port, username="git", options=options),
                asyncssh.connect("127.0.0.1", ssh.port, username="git", options=options),
            ):
                with pytest.raises((asyncssh.Error, OSError)):
                    await asyncssh.connect("127.0.0.1", ssh.port, username="git", options=options)

        asyncio.run(scene())
        assert ssh.command().returncode == 0


def test_one_connection_has_ten_sessions_at_most(ssh: Ssh) -> None:
    async def scene() -> int:
        made = 0
        async with asyncssh.connect(
            "127.0.0.1", ssh.port, username="git", options=client_of(ssh, "alice")
        ) as connection:
            with contextlib.suppress(asyncssh.ChannelOpenError):
                while made < 20:
                    await connection.create_process("git-upload-pack 'alice/thing'")
                    made += 1
        return made

    assert asyncio.run(scene()) == 10


def memory(ssh: Ssh) -> int:
    """Private memory of the server in bytes."""
    assert ssh.server.process
    status = Path(f"/proc/{ssh.server.process.pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) << 10


def test_a_client_that_takes_nothing_does_not_fill_the_memory(ssh: Ssh) -> None:
    """A channel's window is for the client to choose: one of a gigabyte, and the socket not read."""
    head = ssh.git("ls-remote", ssh.url("alice/thing"), "HEAD").stdout.split()[0]
    want = f"want {head}\n"

    async def scene() -> int:
        before = memory(ssh)
        async with asyncssh.connect(
            "127.0.0.1", ssh.port, username="git", options=client_of(ssh, "alice")
        ) as connection:
            process = await connection.create_process(
                "git-upload-pack 'alice/thing'", encoding=None, window=1 << 30, max_pktsize=1 << 15
            )
            process.channel.pause_reading()
            process.stdin.write(f"{len(want) + 4:04x}{want}00000009done\n".encode())
            await process.stdin.drain()
            await asyncio.sleep(0.05)
            connection._transport.pause_reading()  # type: ignore[union-attr]
            await asyncio.sleep(2)
            grown = memory(ssh) - before
            connection.abort()
        return grown

    assert asyncio.run(scene()) < 8 << 20


def test_variables_without_end_are_not_kept(ssh: Ssh) -> None:
    ssh.command()  # so that what the first connection needs is there
    before = memory(ssh)
    many = {f"V{n}": "x" * 30_000 for n in range(1000)}

    async def scene() -> int:
        async with asyncssh.connect(
            "127.0.0.1", ssh.port, username="git", options=client_of(ssh, "alice")
        ) as connection:
            process = await connection.create_process("git-upload-pack 'alice/thing'", env=many, encoding=None)
            await process.stdout.read(4)
            return memory(ssh) - before

    assert asyncio.run(scene()) < 16 << 20


def test_a_flood_of_input_waits_at_the_clients_side(tmp_path: Path) -> None:
    """While a command waits for its turn, no more than a window of what its client sends is kept."""
    with running(tmp_path, GIT_CHILDREN="1") as ssh:
        commit(tmp_path / "w", {"a": "a"})
        ssh.server.cli("repo", "add", "alice/thing", "--from", str(tmp_path / "w"))

        async def scene() -> int:
            options = client_of(ssh, "alice")
            async with asyncssh.connect("127.0.0.1", ssh.port, username="git", options=options) as connection:
                holder = await connection.create_process("git-upload-pack 'alice/thing'", encoding=None)
                await holder.stdout.read(4)
                before = memory(ssh)
                process = await connection.create_process("git-upload-pack 'alice/thing'", encoding=None)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        while True:
                            process.stdin.write(b"x" * 100_000)
                            await process.stdin.drain()
                return memory(ssh) - before

        assert asyncio.run(scene()) < 8 << 20
        assert ssh.command().returncode == 0


def test_garbage_instead_of_ssh_is_let_go(ssh: Ssh) -> None:
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(5000), b"SSH-1.5-old\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 5000):
        with socket.create_connection(("127.0.0.1", ssh.port), timeout=10) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert ssh.command().returncode == 0
    assert "Traceback" not in ssh.server.log
