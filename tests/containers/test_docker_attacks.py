"""What a container must not reach, and what nobody must find in it: rows of the list of attacks, on a real engine."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.contract import Command, Recipe
from support.engine import run
from support.yard import SERVES, inside_yard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch.accounts.tokens import Loan
    from gitperch.repositories import Repository
    from support.engine import Engine
    from support.yard import Inside, Yard

METADATA = "169.254.169.254"
EVERYWHERE = "0.0.0.0"  # noqa: S104 -- what must not be reached there
LOOKS = """\
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
    print("reached")
except OSError as error:
    print("not reached:", error)
"""


ASKS = """\
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
except urllib.request.HTTPError as error:
    print(error.code)
"""


@pytest.fixture
def inside(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    return inside_yard(engine, tmp_path, monkeypatch)


@contextmanager
def listening(address: str, namespace: str = "") -> Iterator[int]:
    """Something that takes connections, in this network or another; its port."""
    if not namespace:
        with socket.create_server((address, 0)) as server:
            yield server.getsockname()[1]
        return
    listen = "import http.server as h; h.HTTPServer(('', 80), h.SimpleHTTPRequestHandler).serve_forever()"
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", "python3", "-c", listen])
    try:
        yield 80
    finally:
        process.kill()
        process.wait()


@contextmanager
def metadata(engine: Engine) -> Iterator[int]:
    """A machine at the address where clouds have their metadata, next to the engine's."""
    other = f"{engine.namespace}-cloud"
    subprocess.run(["ip", "netns", "del", other], capture_output=True, check=False)
    run("ip", "netns", "add", other)
    try:
        run("ip", "-n", engine.namespace, *f"link add cloud type veth peer name eth0 netns {other}".split())
        for namespace, link, number in ((engine.namespace, "cloud", 1), (other, "eth0", 254)):
            run("ip", "-n", namespace, "addr", "add", f"169.254.169.{number}/24", "dev", link)
            run("ip", "-n", namespace, "link", "set", link, "up")
        run("ip", "-n", other, "route", "add", "default", "via", "169.254.169.1")
        with listening("", other) as port:
            reaches(METADATA, port)
            yield port
    finally:
        subprocess.run(["ip", "netns", "del", other], capture_output=True, check=False)


def reaches(host: str, port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError(f"{host}:{port} does not answer even here")


def look(engine: Engine, container: str, host: str, port: int) -> str:
    return engine.run(container, "python3", "-c", LOOKS, host, str(port)).strip()


def unwalled(engine: Engine) -> str:
    """A container of the engine's own network, to see that what others cannot reach could be."""
    wanted = {"Image": engine.image, "Cmd": ["sleep", "300"], "HostConfig": {"Init": True}}
    made = engine.call("POST", "/containers/create", wanted)[1]
    engine.call("POST", f"/containers/{made['Id']}/start")
    return str(made["Id"])


def test_24_a_container_reaches_neither_metadata_nor_this_machine_nor_its_neighbours(
    inside: Inside, engine: Engine
) -> None:
    async def test(it: Yard) -> None:
        shop = await it.up(*await it.push({"app.py": SERVES}))
        other = await it.up(*await it.push({"app.py": SERVES}, repository="other"))
        branch = await it.up(*await it.push({"app.py": SERVES}, branch="b"))
        container = str(shop.handle["container"])
        gateway = engine.inspect(container)["NetworkSettings"]["Networks"].popitem()[1]["Gateway"]
        free = unwalled(engine)
        outside = engine.inspect(free)["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
        with metadata(engine) as port, listening(EVERYWHERE) as service, listening("127.0.0.1") as loopback:
            places = [(METADATA, port), (gateway, service), (outside, service), ("10.214.0.2", service)]
            places += [(gateway, it.house.port), (gateway, loopback)]
            places += [(other.upstream.host, other.upstream.port), (branch.upstream.host, branch.upstream.port)]
            looks = (asyncio.to_thread(look, engine, container, *place) for place in places)
            for place, answer in zip(places, await asyncio.gather(*looks), strict=True):
                assert answer.startswith("not reached"), (place, answer)
            for place in ((METADATA, port), (outside, service)):
                assert await asyncio.to_thread(look, engine, free, *place) == "reached", place

    inside(test)


def test_24_a_container_reaches_the_world_and_its_names(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        running = await it.up(*await it.push({"app.py": SERVES}))
        container = str(running.handle["container"])
        assert await asyncio.to_thread(look, engine, container, "registry.npmjs.org", 443) == "reached"

    inside(test)


def test_24_the_steps_of_a_dockerfile_are_walled_off_as_well(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        with listening(EVERYWHERE) as service, metadata(engine) as port:
            steps = f'RUN python3 -c "$LOOKS" {METADATA} {port}\nRUN python3 -c "$LOOKS" 10.214.0.2 {service}\n'
            quoted = json.dumps(LOOKS.replace("\n", "\\n"))
            dockerfile = f"FROM {engine.image}\nENV LOOKS={quoted}\nRUN printf '%b' \"$LOOKS\" > /looks.py\n"
            dockerfile += steps.replace('-c "$LOOKS"', "/looks.py")
            deployment, log = await it.push({"Dockerfile": dockerfile}, Recipe("image", dockerfile="Dockerfile"))
            await it.runner.build(deployment, log)
        assert log.text.count("       not reached") == 2, log.text
        assert "       reached" not in log.text

    inside(test)


def test_24_a_dockerfile_cannot_ask_for_what_its_container_is_not_given(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        dockerfile = f'FROM {engine.image}\nUSER root\nVOLUME /data\nCMD ["sleep", "300"]\n'
        deployment, log = await it.push({"Dockerfile": dockerfile}, Recipe("image", dockerfile="Dockerfile"))
        await it.runner.build(deployment, log)
        running = await it.runner.start(deployment, log, None)
        container = str(running.handle["container"])
        status = engine.run(container, "cat", "/proc/self/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert "denied" in engine.run(container, "iptables", "-L").lower()
        described = engine.inspect(container)
        assert not described["HostConfig"]["Binds"]
        await it.runner.discard(deployment.id)
        assert engine.everything()["volumes"] == []

    inside(test)


def test_14_the_token_of_a_clone_is_nowhere_to_be_found(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        lent: list[Loan] = []
        lend = it.house.host.tokens.lend

        def remember(repo: Repository, seconds: float) -> Loan:
            lent.append(lend(repo, seconds))
            return lent[-1]

        it.house.host.tokens.lend = remember  # type: ignore[method-assign]
        tells = (
            "env; cat .git/config; find /gitperch /home /workspace -name '*' -type f | grep -v '/[.]git/' | xargs cat"
        )
        tells += "; cat /proc/*/cmdline /proc/*/environ 2>/dev/null; git remote -v; ls -A /gitperch/job"
        recipe = Recipe(
            "process", install=(Command(tells, "test"),), commands=(Command("env; exec sleep 300", "test"),)
        )
        deployment, log = await it.push({"app.py": SERVES}, recipe, environment={"OWN": "a secret"})
        seen: list[bytes] = []
        done = threading.Event()
        watching = asyncio.ensure_future(asyncio.to_thread(watch_processes, lent, seen, done))
        await it.runner.build(deployment, log)
        running = await it.runner.start(deployment, log, recipe.commands[0])
        await asyncio.sleep(0.5)
        done.set()
        looks = await watching
        secret = lent[0].secret
        assert looks > 10
        assert not seen
        assert "GIT_CLONE_URL=" in log.text
        assert "OWN=a secret" in log.text
        assert secret not in log.text
        described = json.dumps(engine.inspect(str(running.handle["container"])))
        assert secret not in described
        assert "a secret" not in described
        assert await it.house.host.tokens.check(secret) is None  # taken back when the clone was made

    inside(test)


def watch_processes(lent: list[Loan], seen: list[bytes], done: threading.Event) -> int:
    """Look at the arguments of every process of this machine until `done`; how often."""
    looks = 0
    while not done.is_set():
        for process in Path("/proc").glob("[0-9]*") if lent else ():
            try:
                arguments = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if lent[0].secret.encode() in arguments:
                seen.append(arguments)
        looks += bool(lent)
        done.wait(0.01)
    return looks


def test_14_a_container_clones_no_repository_but_its_own(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        await it.push({"a": "1"}, repository="other")
        running = await it.up(*await it.push({"app.py": SERVES}))
        container = str(running.handle["container"])
        url = engine.run(container, "git", "-C", "/workspace", "remote", "get-url", "origin").strip()
        statuses = []
        for path in (
            "shop.git/info/refs?service=git-upload-pack",
            "other.git/info/refs?service=git-upload-pack",
            "shop.git/info/refs?service=git-receive-pack",
            "shop",
            "../healthz",
        ):
            there = url.replace("shop.git", path)
            statuses.append((await asyncio.to_thread(engine.run, container, "python3", "-c", ASKS, there)).strip())
        assert statuses == ["401", "404", "404", "404", "404"]

    inside(test)


def test_10_and_26_links_hooks_and_submodules_of_a_repository_stay_in_its_container(
    inside: Inside, engine: Engine
) -> None:
    async def test(it: Yard) -> None:
        files = {
            "app.py": SERVES,
            ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = http://127.0.0.1:9/x.git\n',
            ".gitattributes": "* filter=evil\n",
        }
        work = it.folder / "shop"
        work.mkdir(parents=True)
        run("git", "init", "--quiet", str(work))
        (work / "passwd").symlink_to("/etc/shadow")
        (work / "gitperch").symlink_to("/gitperch")
        deployment, log = await it.push(files)
        running = await it.up(deployment, log)
        container = str(running.handle["container"])
        assert engine.run(container, "readlink", "/workspace/passwd").strip() == "/etc/shadow"
        assert "denied" in engine.run(container, "cat", "/workspace/passwd", user="1000:1000").lower()
        assert (
            "denied"
            in engine.run(container, "sh", "-c", "echo >/workspace/gitperch/entrypoint.sh", user="1000:1000").lower()
        )

    inside(test)


def test_24_the_walls_stand_again_after_a_firewall_was_emptied(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        running = await it.up(deployment, log)
        await it.runner.stop(running)
        for chain in ("INPUT", "DOCKER-USER"):
            run("iptables", "-w", "-F", chain)
        again = await it.runner.start(deployment, log, deployment.recipe.commands[0])
        container = str(again.handle["container"])
        gateway = engine.inspect(container)["NetworkSettings"]["Networks"].popitem()[1]["Gateway"]
        with listening(EVERYWHERE) as service:
            assert (await asyncio.to_thread(look, engine, container, gateway, service)).startswith("not reached")

    inside(test)


def test_24_without_root_a_container_sets_the_walls(
    inside: Inside, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitperch_preview.runners.docker.walls.shutil.which", lambda _: None)

    async def test(it: Yard) -> None:
        running = await it.up(*await it.push({"app.py": SERVES}))
        container = str(running.handle["container"])
        gateway = engine.inspect(container)["NetworkSettings"]["Networks"].popitem()[1]["Gateway"]
        with listening(EVERYWHERE) as service, metadata(engine) as port:
            for place in ((gateway, service), (METADATA, port)):
                assert (await asyncio.to_thread(look, engine, container, *place)).startswith("not reached"), place
        assert not [name for name in engine.everything()["containers"] if "walls" in name]

    inside(test)


def test_14_wrong_tokens_at_the_door_lock_nobody_out(inside: Inside, engine: Engine) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        running = await it.up(deployment, log)
        container = str(running.handle["container"])
        url = engine.run(container, "git", "-C", "/workspace", "remote", "get-url", "origin").strip()
        guesses = "for i in $(seq 30); do git ls-remote ${0%%//*}//x:gpt_$i@${0#*//} 2>&1 | tail -n 1; done"
        said = await asyncio.to_thread(engine.run, container, "sh", "-c", guesses, url)
        assert "Too many" not in said
        assert said.count("Authentication failed") == 30, said
        alice = await it.house.token()
        own = f"git ls-remote ${{0%%//*}}//alice:{alice}@${{0#*//}} 2>&1"
        assert "Authentication failed" in await asyncio.to_thread(engine.run, container, "sh", "-c", own, url)
        await it.up(*await it.push({"b": "1"}))  # another clone, from the same address

    inside(test)


def test_24_no_rule_is_left_when_the_last_network_is_gone(inside: Inside, engine: Engine) -> None:
    def rules() -> str:
        return subprocess.run(["iptables", "-w", "-S"], capture_output=True, text=True, check=True).stdout

    async def test(it: Yard) -> None:
        deployment, _ = await it.push({"app.py": SERVES})
        await it.up(deployment, _)
        name = engine.inspect(f"gitperch-{it.runner._names.managed}-1")["Config"]["Labels"]["gitperch.managed"][:6]
        assert f"gp{name}-OUT" in await asyncio.to_thread(rules)
        await it.runner.discard(deployment.id)
        for thing in await it.runner.things():
            await it.runner.remove(thing)
        assert f"gp{name}" not in await asyncio.to_thread(rules)

    inside(test)
