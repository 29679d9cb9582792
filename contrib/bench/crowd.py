"""A thousand open pages on one repository: sockets as browsers open them, in a process of their own.

    python -m contrib.bench.crowd PORT OWNER/NAME PAGES

Prints "ready" when all are greeted; then a line for each news that all have heard: the monotonic time at which the first, the median and
the last page had it. Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

from contrib.bench.servers import GIT

if TYPE_CHECKING:
    from contrib.bench.servers import Gitperch

PER_ADDRESS = 60  # pages; the server lets one address have a few more
NEWS = "graph.changed"


class Crowd:
    """`pages` open pages of a public repository, for as long as the block runs."""

    def __init__(self, server: Gitperch, full_name: str, pages: int) -> None:
        self._arguments = (str(server.port), full_name, str(pages))

    async def __aenter__(self) -> Crowd:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "contrib.bench.crowd", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**GIT, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        await self._line()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()

    async def heard(self) -> tuple[float, float, float]:
        """When (`time.monotonic`) the first, the median and the last page had the next news."""
        first, median, last = map(float, (await self._line()).split())
        return first, median, last

    async def _line(self) -> str:
        assert self._process.stdout
        line = (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode()
        if not line:
            raise RuntimeError("the pages are gone")
        return line


class Page:
    """One WebSocket, by hand (RFC 6455): a library would spend more time on a message than the server does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._inflate = zlib.decompressobj(-15)

    @classmethod
    async def open(cls, number: int, port: int, full_name: str) -> Page:
        # Each address of the loopback network is a client of its own.
        local = (f"127.0.1.{1 + number // PER_ADDRESS}", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=local)
        key = b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /api/repos/{full_name}/live HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        page = cls(reader, writer)
        await page.frame()
        return page

    async def frame(self) -> bytes:
        """The next message as it came, packed or not."""
        first, second = await self._reader.readexactly(2)
        size = second & 127
        if size == 126:
            (size,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
        data = await self._reader.readexactly(size)
        return self._inflate.decompress(data + b"\0\0\xff\xff") if first & 0x40 else data

    async def news(self) -> float:
        while json.loads(await self.frame())["type"] != NEWS:
            pass
        return time.monotonic()


async def main(port: int, full_name: str, count: int) -> None:
    pages = []
    for begin in range(0, count, 50):
        numbers = range(begin, min(count, begin + 50))
        pages += await asyncio.gather(*(Page.open(number, port, full_name) for number in numbers))
    print("ready", flush=True)
    listening = asyncio.ensure_future(_listen(pages))
    await asyncio.to_thread(sys.stdin.read)
    listening.cancel()


async def _listen(pages: list[Page]) -> None:
    while True:
        times = sorted(await asyncio.gather(*(page.news() for page in pages)))
        print(times[0], times[len(times) // 2], times[-1], flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
