"""Whether an app answers, as its recipe says that it should be asked."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitperch_preview.reaching import Stranger, connected

if TYPE_CHECKING:
    from gitperch_preview.contract import Health, Running, Upstream

_FIRST_PAUSE = 0.01  # seconds; an app that needs a tenth of a second to start is not to wait half a one for us
_QUICK_PAUSE = 0.05
_LINE = 4096
_HEADERS = ("User-Agent: gitperch", "Accept: */*", "Connection: close")
_SILENT = "Nothing answers at its port."
_TAKEN = "Another program of this machine listens at the port that is the app's."
_SAFE = "/?&=%:@!$'()*+,;~"


async def healthy(running: Running, health: Health, host: str, seconds: float) -> str:
    """ "" as soon as it is well, else a sentence: why not, when it has ended, all attempts are used up or `seconds` are over.

    `host` is the name that visitors will ask it by.
    """
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(_looked(running.upstream, health, host, seconds))

        def end(_: object) -> None:
            looking.cancel()

        running.ended.add_done_callback(end)
        try:
            await asyncio.wait([looking])
        finally:
            running.ended.remove_done_callback(end)
    return running.ended.result().reason if looking.cancelled() else looking.result()


async def _looked(upstream: Upstream, health: Health, host: str, seconds: float) -> str:
    """Look until it is well. A pause that is shorter than the recipe's counts as that part of an attempt."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    until = begun + seconds
    await asyncio.sleep(min(health.wait, seconds))
    pause, used = _FIRST_PAUSE, 0.0
    while problem := await look(upstream, health, host):
        # Whether somebody listens costs nothing to ask; an app that answers, if with an error, is left in peace for longer.
        pause = min(pause * 1.3, _QUICK_PAUSE if problem == _SILENT else health.pause, health.pause)
        used += pause / health.pause if health.pause else 1.0
        if used >= health.attempts or loop.time() + pause >= until:
            return _given_up(problem, loop.time() - begun)
        await asyncio.sleep(pause)
    return ""


def _given_up(problem: str, seconds: float) -> str:
    if problem != _SILENT:
        return problem
    waited = f"{seconds:.0f} s" if seconds >= 1 else "a moment"
    return (
        f"The app runs, but nothing answered at its port within {waited}. "
        "It has to listen on $PORT, at the address $HOST or at all of them."
    )


async def look(upstream: Upstream, health: Health, host: str) -> str:
    """One look; "" where it is well, else a sentence."""
    asked = f"GET {health.path}"
    try:
        async with asyncio.timeout(health.timeout):
            reader, writer = await _opened(upstream)
            try:
                if health.path is None:
                    return ""
                lines = (f"GET {quote(health.path, _SAFE)} HTTP/1.1", f"Host: {host}", *_HEADERS, "", "")
                writer.write("\r\n".join(lines).encode("ascii"))
                status = _status(await reader.readline())
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return f"The health check {asked} had no answer within {health.timeout:g} s." if health.path else _SILENT
    except Stranger:
        return _TAKEN
    except (OSError, ValueError):
        return _SILENT
    if 200 <= status < 400:
        return ""
    return f"The health check {asked} was answered with {status or 'no status'}, not with 2xx or 3xx."


async def _opened(upstream: Upstream) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    readers: list[asyncio.StreamReader] = []

    def protocol() -> asyncio.StreamReaderProtocol:
        readers.append(asyncio.StreamReader(_LINE, loop))
        return asyncio.StreamReaderProtocol(readers[-1], loop=loop)

    transport, made = await connected(upstream, protocol)
    return readers[-1], asyncio.StreamWriter(transport, made, readers[-1], loop)


def _status(line: bytes) -> int:
    """The status of an HTTP/1 status line; 0 for what is none."""
    words = line.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and line.startswith(b"HTTP/1.") and words[1].isdigit() else 0
