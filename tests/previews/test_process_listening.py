"""Row 24: the gateway speaks to an app itself, and to nobody who listens at its port in its stead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import pytest

from gitperch_preview.conductor.health import look
from gitperch_preview.contract import Command, Health, Upstream
from gitperch_preview.gateway.connections import Pools, Unreachable
from gitperch_preview.reaching import Stranger, connected
from gitperch_preview.runners.process import listening
from support.processes import Bench, Run, answering, serving

# Listens as it is told, and lets go of its port, though it lives on, at the first connection that says so.
LEAVES = """
import os, socket, time
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    line, _ = listener.accept()
    said = line.recv(1000)
    if said.startswith(b"leave"):
        break
    line.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\nme")
    line.close()
listener.close()
line.close()
time.sleep(60)
"""
# Waits until it can have the port of another.
TAKES = """
import os, socket, time
while True:
    try:
        listener = socket.create_server(("127.0.0.1", int(os.environ["OTHER"])))
        break
    except OSError:
        time.sleep(0.02)
time.sleep(60)
"""
# Its server is nobody's child any more, and in a session of its own.
DAEMON = (
    "import os\nif os.fork():\n    import time; time.sleep(60)\nos.setsid()\nif os.fork():\n    os._exit(0)\n"
    + serving("'far away'")
)


async def reached(upstream: Upstream) -> bool:
    try:
        transport, _ = await connected(upstream, asyncio.Protocol)
    except Stranger:
        return False
    transport.abort()
    return True


async def until_taken(port: int, by_others_than: frozenset[int]) -> None:
    async with asyncio.timeout(60):
        while not (there := frozenset(listening.sockets(port))) or there & by_others_than:  # noqa: ASYNC110 -- the kernel tells nobody
            await asyncio.sleep(0.02)


def test_whoever_takes_the_port_of_an_app_is_not_taken_for_it(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        assert kind
        oid = bench.commit({"leaves.py": LEAVES, "takes.py": TAKES})
        running = await bench.up(bench.deployment(oid), "python3 leaves.py")
        upstream, port = running.upstream, running.upstream.port
        assert await reached(upstream)
        assert await look(upstream, Health("/"), "x") == ""
        own = frozenset(listening.sockets(port))
        stranger = bench.deployment(oid, environment={"OTHER": str(port)})
        await bench.runner.build(stranger, bench.log)
        await bench.runner.start(stranger, bench.log, Command("python3 takes.py", "a test"))
        pools = Pools()
        (await pools.connection(upstream, fresh=True)).abort()

        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"leave")
        await until_taken(port, own)
        assert not running.ended.done()
        assert not await reached(upstream)
        with pytest.raises(Unreachable):
            await pools.connection(upstream, fresh=True)
        assert "Another program" in await look(upstream, Health(), "x")
        writer.close()

    benched(test)


def test_an_app_is_found_wherever_it_has_gone(benched: Run, kind: str) -> None:
    async def test(bench: Bench) -> None:
        assert kind
        running = await bench.up(bench.deployment(bench.commit({"app.py": DAEMON})), "python3 app.py")
        assert await answering(running) == "far away"
        assert await reached(running.upstream)

    benched(test)


def test_a_port_is_looked_at_for_all_addresses_and_for_listeners_only() -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = first.getsockname()[1]
        assert listening.sockets(port) == {os.fstat(first.fileno()).st_ino: os.geteuid()}
        line = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert listening.sockets(line.getsockname()[1]) == {}
        listeners = [first]
        with contextlib.suppress(OSError):  # not every machine has IPv6
            listeners.append(stack.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6)))
        own = {os.fstat(one.fileno()).st_ino for one in listeners}
        assert set(listening.sockets(port)) == own
        for _ in range(300):
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        assert set(listening.sockets(port)) == own


def test_who_hides_what_it_has_open_is_known_by_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(path: str) -> None:
        raise PermissionError(path)

    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
            assert [await own() for own in [listening.Listening(port, lambda: [os.getpid()], -1)] * 2] == [False, True]
            assert [await own() for own in [listening.Listening(port, lambda: [1], -1)] * 2] == [False, False]
            monkeypatch.setattr(os, "scandir", hidden)
            for uid, known in ((os.geteuid(), True), (os.geteuid() + 1, False)):
                own = listening.Listening(port, lambda: [os.getpid()], uid)
                assert [await own(), await own()] == [False, known]

    asyncio.run(test())
