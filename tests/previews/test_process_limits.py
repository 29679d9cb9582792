"""What an app can reach, and how much of the machine it can take: attacks of a commit on the server that runs it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gitperch_preview.contract import Command, RunnerError
from gitperch_preview.runners.process import run
from support.processes import Bench, Run, answering, get, marked, serving, step

HOG = "kept = []\nimport time\nwhile True:\n    kept.append(bytearray(b'x') * (8 << 20)); time.sleep(0.01)\n"
# Not a bomb: if nothing bounded it, the machine would still go on.
MANY = """\
import os, time
try:
    for _ in range(900):
        if not os.fork():
            break
except OSError:
    pass
time.sleep(300)
"""
# What a daemon does, and then one more step: its parent is gone, its session is another, its environment is empty.
DAEMON = """\
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execve("/bin/sleep", ["sleep", "{seconds}"], {{}})
    os._exit(0)
"""


def test_an_app_without_memory_is_ended_and_told_so(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"hog.py": HOG}), memory=64 << 20)
        await bench.runner.build(deployment, bench.log)
        running = await bench.runner.start(deployment, bench.log, Command("python3 hog.py & wait", kind))
        ended = await asyncio.wait_for(running.ended, 60)
        assert ended.oom
        assert ended.reason == "It needed more memory than the 64 MB that it may have."

    benched(test)


def test_a_build_that_eats_memory_is_ended_alone(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({"hog.py": HOG, "app.py": serving("'here'")})
        other = await bench.up(bench.deployment(oid), "python3 app.py")
        with pytest.raises(RunnerError, match=r"`python3 hog\.py` failed\. It needed more memory than the 512 MB"):
            await bench.runner.build(bench.deployment(oid, build=step("python3 hog.py")), bench.log)
        assert get(other.upstream.port) == "here"

    benched(test)


def test_processes_without_end_come_to_an_end(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"many.py": MANY}))
        await bench.runner.build(deployment, bench.log)
        running = await bench.runner.start(deployment, bench.log, Command("python3 many.py", kind))
        most = 0
        begun = time.monotonic()
        while time.monotonic() < begun + (3 if most > 100 else 20):
            most = max(most, len(await asyncio.to_thread(marked, bench)))
            await asyncio.sleep(0.2)
        assert 100 < most < 400
        await bench.runner.stop(running)
        assert not await asyncio.to_thread(marked, bench)

    benched(test)


def test_nothing_survives_a_stop(benched: Run, kind: str) -> None:
    if kind == "nothing":
        pytest.skip("as the server's own user, a process that hides everything about itself is not found")
    seconds = f"300.{os.getpid()}{time.time_ns() % 10_000}"

    async def test(bench: Bench) -> None:
        oid = bench.commit({"daemon.py": DAEMON.format(seconds=seconds), "app.py": serving("'up'")})
        deployment = bench.deployment(oid, build=step("python3 daemon.py"))
        running = await bench.up(
            deployment, "trap '' TERM; python3 daemon.py; (sleep 300 &) ; nohup setsid sleep 300 & python3 app.py"
        )
        assert sleeping(seconds) == 1  # the build's is over, the app's is there
        await bench.runner.stop(running)
        assert not sleeping(seconds)

    benched(test)


def test_marked_processes_are_found_whatever_their_parents(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        deployment = bench.deployment(bench.commit({"app.py": serving("'up'")}))
        running = await bench.up(deployment, f"(setsid sleep 300 &); setsid sleep 300 & python3 app.py # {kind}")
        assert len(marked(bench)) > 3
        await bench.runner.stop(running)
        assert not marked(bench)

    benched(test)


@pytest.mark.parametrize("line", ["python3 app.py", "true && python3 app.py"])
def test_an_app_has_a_grace_to_end_and_is_killed_then(benched: Run, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(bench: Bench) -> None:
        program = "import signal\nsignal.signal(15, signal.SIG_IGN)\n" + serving("'stubborn'")
        running = await bench.up(bench.deployment(bench.commit({"app.py": program})), line)
        monkeypatch.setattr(run, "GRACE_SECONDS", 1.0)
        begun = time.monotonic()
        await bench.runner.stop(running)
        assert time.monotonic() - begun > 0.9
        monkeypatch.setattr(run, "GRACE_SECONDS", 30.0)
        end = "def end(*_): time.sleep(0.3); print('tidied up', flush=True); sys.exit()"
        polite = f"import signal, sys, time\n{end}\nsignal.signal(15, end)\n"
        running = await bench.up(bench.deployment(bench.commit({"app.py": polite + serving("'polite'")})), line)
        await bench.runner.stop(running)
        assert "tidied up\n" in bench.log.text

    benched(test)


def test_nothing_of_the_servers_environment_reaches_an_app(
    benched: Run, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("GITPERCH_SECRET", "the server's own")

    async def test(bench: Bench) -> None:
        oid = bench.commit({"app.py": serving("repr(sorted(os.environ))")})
        running = await bench.up(bench.deployment(oid, environment={"TOKEN": "hidden\n'$(id)`id`"}), "python3 app.py")
        names = set(eval(await answering(running)))  # noqa: S307 -- our own program's words
        ours = {
            "PATH",
            "HOME",
            "TMPDIR",
            "LANG",
            "PORT",
            "HOST",
            "GITPERCH_DEPLOYMENT",
            "TOKEN",
            "npm_config_update_notifier",
        }
        assert names <= ours | {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}, kind
        assert ours <= names

    benched(test)


def test_a_secret_is_in_no_command_line_and_privileged_wrappers_do_not_get_it(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({"app.py": serving("os.environ['TOKEN']")})
        secret = {"TOKEN": "sesame-4711", "LD_PRELOAD": "/app/evil.so"}
        running = await bench.up(bench.deployment(oid, environment=secret), "python3 app.py")
        assert await answering(running) == "sesame-4711"
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not [line for line in lines if b"sesame-4711" in line], kind
        if kind == "all there is":
            wrapper = Path(f"/proc/{running.handle['leader']}/environ").read_bytes()
            assert b"LD_PRELOAD" not in wrapper

    benched(test)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap")
def test_an_app_sees_neither_the_data_folder_nor_others(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        data = bench.house.host.config.data
        other = bench.deployment(bench.commit({"secret.txt": "other", "app.py": serving("eval(os.environ['ASK'])")}))
        await bench.runner.build(other, bench.log)
        asked = f"""repr([
            os.path.exists({str(data)!r}), os.path.exists({str(bench.folder)!r}), os.path.exists('/root'), os.path.exists('/etc/shadow'),
            os.access('/usr', os.W_OK), os.access('/', os.W_OK), os.access('/etc', os.W_OK), os.access('/cache', os.F_OK),
            len([p for p in os.listdir('/proc') if p.isdecimal()]) > 9,
            'CapEff:\\t0000000000000000' not in open('/proc/self/status').read(),
            'NoNewPrivs:\\t1' not in open('/proc/self/status').read()])"""
        oid = bench.commit({})
        running = await bench.up(bench.deployment(oid, environment={"ASK": asked}), "python3 app.py")
        assert await answering(running) == repr([False] * 11)
        words = await bench.runner.isolation()
        assert words.startswith("own user, bubblewrap, " if os.geteuid() == 0 else "bubblewrap, ")

    benched(test)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give an app a user of its own")
def test_a_user_of_its_own_cannot_read_the_data_folder(benched: Run, kind: str) -> None:
    if kind == "nothing":
        pytest.skip("it is the server's own user then")

    async def test(bench: Bench) -> None:
        oid = bench.commit(
            {"app.py": serving("f'{os.getuid()} {os.access(os.environ[\"ASK\"], os.R_OK)} {os.getgroups()}'")}
        )
        environment = {"ASK": str(bench.house.host.config.data)}
        running = await bench.up(bench.deployment(oid, environment=environment), "python3 app.py")
        uid, readable, *groups = (await answering(running)).split()
        assert int(uid) > 1_900_000_000
        assert (readable, groups) == ("False", ["[]"]) or (readable, groups) == ("False", [f"[{uid}]"])

    benched(test)


def test_an_app_that_insists_on_a_port_that_is_taken_is_told(benched: Run) -> None:
    async def test(bench: Bench) -> None:
        oid = bench.commit({"app.py": serving("'mine'")})
        first = await bench.up(bench.deployment(oid), "python3 app.py")
        second = bench.deployment(oid, port=first.upstream.port)
        await bench.runner.build(second, bench.log)
        with pytest.raises(RunnerError, match=f"port {first.upstream.port}, which is taken"):
            await bench.runner.start(second, bench.log, Command("python3 app.py", "a test"))

    benched(test)


def sleeping(seconds: str) -> int:
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines().count(f"sleep {seconds}")
