"""A small machine: the server in a control group of 1 GB, ten clones of the largest repository at once, and others meanwhile."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.author import Author
from contrib.bench.clones import MB, TOGETHER, asks, page
from contrib.bench.raw_client import crowd
from contrib.bench.servers import Gitperch, group
from contrib.bench.table import row

if TYPE_CHECKING:
    from pathlib import Path

    from contrib.bench.inputs import Inputs

LIMIT = 1 << 30


def bench(folder: Path, inputs: Inputs) -> None:
    """Print the table. Raises RuntimeError when a clone, a page or a push fails."""
    folder.mkdir()
    server = Gitperch(folder / "data")
    author = Author(folder / "author.git", inputs.large)
    server.group = group("gitperch-bench-memory")
    limited = "with no limit to its memory, for want of a writable control group"
    if server.group:
        server.group.limit_memory(LIMIT)
        limited = f"in a control group of {LIMIT >> 20} MB, cached files included"
    with server:
        print(f"| the server {limited} | measured |\n|---|---|")
        server.add("large", inputs.large)
        _clones(server, author, f"{TOGETHER} clones at once, right after the import")
        server.upkeep()
        _clones(server, author, f"{TOGETHER} clones at once, after the upkeep")
        _clones(server, author, f"{TOGETHER} clients who clone again and again", for_seconds=10)
        if server.group:
            row("processes that the kernel ended for want of memory", str(server.group.killed()))


def _clones(server: Gitperch, author: Author, what: str, *, for_seconds: float = 0) -> None:
    requests = asks(server.url("large"), author.path.parent)
    pages, pushes = [], []
    with ThreadPoolExecutor(1) as beside, processes.PeakMemory(server.pids()) as peak:
        cloning = beside.submit(crowd, server.url("large"), requests, TOGETHER, for_seconds=for_seconds)
        time.sleep(0.5)  # they are at it
        while True:
            pages.append(page(server, "large"))
            author.commit()
            pushes.append(author.push(server.push_url("large")))
            if cloning.done():
                break
        got = cloning.result()
    row(what, f"{got.clones} whole, {got.bytes / MB:.0f} MB in {got.seconds:.1f} s")
    row("… a page meanwhile, at worst", f"{max(pages):.0f} ms of {len(pages)}")
    row("… a push of one commit meanwhile, at worst", f"{max(pushes):.0f} ms of {len(pushes)}")
    row("… private memory of server and children, peak", f"{peak.bytes / MB:.0f} MB")
