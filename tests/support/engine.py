"""A real Docker engine for tests: its own data, and its own network namespace, so that no other engine's firewall is touched."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gitperch-tests"
PACKAGES = "git,git-lfs,ca-certificates,python3,python3-venv,nodejs,iptables,procps"
NPM = "https://registry.npmjs.org/npm/-/npm-10.9.9.tgz"
TRUSTED = (
    "etc/ssl/certs/ca-certificates.crt"  # what this machine trusts, its containers trust too: it may be behind a proxy
)
IMAGE = "gitperch-base:" + hashlib.sha256(f"{PACKAGES} {NPM} {TRUSTED}".encode()).hexdigest()[:12]
_CLONE_NEWNET = 0x40000000
_START_SECONDS = 60.0


def why_not() -> str:
    """ "" where an engine can be started here, else what is missing."""
    if os.geteuid() != 0:
        return "tests with containers start a Docker engine, which needs root"
    missing = [name for name in ("dockerd", "debootstrap", "iptables", "ip") if not shutil.which(name)]
    return f"tests with containers need {' '.join(missing)}; get them with contrib/test-tools" if missing else ""


@dataclass
class Engine:
    """`start` and `stop` are the engine's own; `enter` puts this thread, and what it starts, beside it in its network."""

    folder: Path
    slot: int
    lock: IO[str]
    process: subprocess.Popen[bytes] | None = None
    _outside: int = -1
    image: str = field(default=IMAGE, init=False)

    @property
    def socket(self) -> Path:
        return self.folder / "docker.sock"

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    @property
    def namespace(self) -> str:
        return f"gitperch-tests-{self.slot}"

    def start(self) -> None:
        """Start dockerd and wait until it answers."""
        # Not `ip netns exec`, which would mount another /sys, without cgroups.
        command = ["nsenter", f"--net=/run/netns/{self.namespace}", "dockerd", "--host", self.address]
        command += ["--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")]
        command += ["--pidfile", str(self.folder / "pid"), "--bip", "10.215.0.1/24"]
        command += ["--default-address-pool", "base=10.216.0.0/16,size=24"]
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"dockerd ended: {self.said}"
            assert time.monotonic() < until, f"dockerd does not answer: {self.said}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-2000:]

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/_ping")[0] == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of a request to its API, by a client that is not the one under test."""
        connection = _Unix(str(self.socket))
        try:
            sent = json.dumps(body) if body is not None else None
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def inspect(self, container: str) -> dict[str, Any]:
        status, found = self.call("GET", f"/containers/{container}/json")
        assert status == 200, found
        return dict(found)

    def run(self, container: str, *command: str, user: str = "") -> str:
        """What a command in a running container says, whatever its status."""
        _, made = self.call(
            "POST",
            f"/containers/{container}/exec",
            {"AttachStdout": True, "AttachStderr": True, "Tty": True, "Cmd": command, "User": user},
        )
        status, said = self.call("POST", f"/exec/{made['Id']}/start", {"Tty": True})
        assert status == 200, said
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else json.dumps(said)

    def everything(self) -> dict[str, list[str]]:
        """The names of all that is on it, but for its own networks and the base image."""
        containers = self.call("GET", "/containers/json?all=1")[1]
        networks = self.call("GET", "/networks")[1]
        volumes = self.call("GET", "/volumes")[1]["Volumes"] or []
        images = self.call("GET", "/images/json?all=1")[1]
        own = ("bridge", "host", "none")
        return {
            "containers": sorted(name for each in containers for name in each["Names"]),
            "networks": sorted(each["Name"] for each in networks if each["Name"] not in own),
            "volumes": sorted(each["Name"] for each in volumes),
            "images": sorted(each["Id"] for each in images if IMAGE not in (each["RepoTags"] or ())),
        }

    def clear(self) -> None:
        """Remove all that tests have made."""
        for each in self.call("GET", "/containers/json?all=1")[1]:
            self.call("DELETE", f"/containers/{each['Id']}?force=1&v=1")
        there = self.everything()
        for kind in ("networks", "volumes", "images"):
            for name in there[kind]:
                self.call("DELETE", f"/{kind}/{quote(name)}?force=1")

    def enter(self) -> None:
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        inside = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY | os.O_CLOEXEC)
        _setns(inside)
        os.close(inside)

    def leave(self) -> None:
        _setns(self._outside)
        os.close(self._outside)

    def open(self) -> None:
        """Make its network, start it, and see that it has the base image."""
        self._end_orphan()
        self._unmount()
        _connect(self.namespace, self.slot)
        self.start()
        self.clear()
        if self.call("GET", f"/images/{IMAGE}/json")[0] != 200:
            with base_image().open("rb") as archive:
                name, _, tag = IMAGE.partition(":")
                connection = _Unix(str(self.socket), 600)
                connection.request("POST", f"/images/create?fromSrc=-&repo={name}&tag={tag}", archive)
                assert connection.getresponse().read()
                connection.close()
        assert self.call("GET", f"/images/{IMAGE}/json")[0] == 200, self.said

    def _end_orphan(self) -> None:
        """An engine whose tests were killed lives on, and works on these folders."""
        with contextlib.suppress(OSError, ValueError):
            number = int((self.folder / "pid").read_text("ascii"))
            if str(self.folder).encode() in Path(f"/proc/{number}/cmdline").read_bytes():
                os.kill(number, signal.SIGTERM)
                for _ in range(200):
                    os.kill(number, 0)
                    time.sleep(0.05)
                os.kill(number, signal.SIGKILL)

    def close(self) -> None:
        try:
            if self.process and self.process.poll() is None:
                self.clear()
        finally:
            self.stop()
            self._unmount()
            _disconnect(self.namespace, self.slot)
            self.lock.close()

    def _unmount(self) -> None:
        """What dockerd leaves mounted in its folder when it ends, or is killed: its network's namespace, a container's memory."""
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)


def take() -> Engine:
    """An engine that no other test run has: its folder, with the base image in it, is kept for the next."""
    slot = 0
    while True:
        folder = CACHE / f"engine-{slot}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Engine(folder, slot, lock)
        lock.close()
        slot += 1


def base_image() -> Path:
    """The file system of a small Debian with git, Node and Python, as an archive: made at first, which takes a minute or two."""
    kept = CACHE / f"{IMAGE.replace(':', '-')}.tar"
    with (CACHE / "base.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return kept
        root = CACHE / "base"
        shutil.rmtree(root, ignore_errors=True)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
        for folder in (
            "var/cache/apt/archives",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/man",
            "usr/share/locale",
        ):
            shutil.rmtree(root / folder, ignore_errors=True)
        shutil.copyfile(f"/{TRUSTED}", root / TRUSTED)
        npm = root / "usr/local/lib/node_modules/npm"
        npm.mkdir(parents=True)
        with urllib.request.urlopen(NPM, timeout=60) as answer:
            (CACHE / "npm.tgz").write_bytes(answer.read())
        run("tar", "xzf", str(CACHE / "npm.tgz"), "-C", str(npm), "--strip-components=1", "--no-same-owner")
        for name in ("npm", "npx"):
            (root / "usr/local/bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
        run("tar", "cf", f"{kept}.new", "-C", str(root), ".")
        shutil.rmtree(root)
        Path(f"{kept}.new").rename(kept)
        for old in CACHE.glob("gitperch-base-*.tar"):
            if old != kept:
                old.unlink()
    return kept


class _Unix(HTTPConnection):
    def __init__(self, path: str, timeout: float = 120) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(namespace: str, slot: int) -> None:
    """A namespace that reaches the world through this machine."""
    _disconnect(namespace, slot)
    link, network = f"gptest{slot}", f"10.214.{slot}"
    run("ip", "netns", "add", namespace)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    run("ip", "addr", "add", f"{network}.1/30", "dev", link)
    run("ip", "link", "set", link, "up")
    for words in (
        "link set lo up",
        f"addr add {network}.2/30 dev eth0",
        "link set eth0 up",
        f"route add default via {network}.1",
    ):
        run("ip", "-n", namespace, *words.split())
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", "ascii")
    for rule in _rules(slot):
        run("iptables", "-w", *rule[:2], "-I", *rule[2:])


def _disconnect(namespace: str, slot: int) -> None:
    """Take away what `_connect` made, or an earlier run that was killed has left."""
    for command in (["ip", "link", "del", f"gptest{slot}"], ["ip", "netns", "del", namespace]):
        subprocess.run(command, capture_output=True, check=False)
    for rule in _rules(slot):
        while (
            subprocess.run(["iptables", "-w", *rule[:2], "-D", *rule[2:]], capture_output=True, check=False).returncode
            == 0
        ):
            pass


def _rules(slot: int) -> list[list[str]]:
    return [
        ["-t", "nat", "POSTROUTING", "-s", f"10.214.{slot}.2", "-j", "MASQUERADE"],
        ["-t", "filter", "FORWARD", "-i", f"gptest{slot}", "-j", "ACCEPT"],
        ["-t", "filter", "FORWARD", "-o", f"gptest{slot}", "-j", "ACCEPT"],
    ]


def _setns(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns(2)")


def run(*command: str) -> None:
    """A command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
