"""make bench: prints the tables of docs/performance.md.

    python -m contrib.bench [--only pages|graph|search|insights|transport|gateway|previews|memory] [--repo PATH] [--work FOLDER]
                            [--rows fetch,large,…] [--apache] [--docker ADDRESS] [--image NAME]

Each table is measured in one run, ours and git's own CGI in turn. Figures are medians unless they say otherwise.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from contrib.bench import gateway, graph, insights, memory_limited, pages, previews, searches, transport
from contrib.bench.inputs import LARGE_COMMITS, Inputs

TABLES = ("pages", "graph", "search", "insights", "transport", "gateway", "previews", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=TABLES, help="one table instead of all")
    parser.add_argument(
        "--repo", type=Path, help=f"a bare repository of your own instead of a generated one of {LARGE_COMMITS} commits"
    )
    parser.add_argument("--commits", type=int, default=LARGE_COMMITS, help="of the generated one")
    parser.add_argument("--work", type=Path, help="a folder for what is generated, kept for the next run")
    parser.add_argument("--pushes", type=int, default=50, help="to the open page")
    parser.add_argument("--rounds", type=int, default=15, help="of short requests; twice as many between servers")
    parser.add_argument("--clone-rounds", type=int, default=3, help="of what takes seconds")
    parser.add_argument("--rows", default="", help=f"rows between servers, of: {','.join(transport.GROUPS)}")
    parser.add_argument("--apache", action="store_true", help="measure git http-backend behind Apache, too")
    parser.add_argument("--docker", default="", help="the address of a Docker engine, for previews in containers")
    parser.add_argument("--image", default="", help="the base image to use there; default the server's own")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gitperch-bench-", dir=options.work))
    try:
        _bench(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bench(folder: Path, options: argparse.Namespace) -> None:
    git = subprocess.run(["git", "version"], text=True, check=True, stdout=subprocess.PIPE).stdout.strip()
    print(
        f"Python {platform.python_version()}, {git}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}\n"
    )
    inputs = Inputs.at(options.work or folder, options.repo and options.repo.absolute(), options.commits)
    wanted = [options.only] if options.only else TABLES
    if "pages" in wanted:
        pages.bench(folder / "pages", inputs, rounds=options.rounds, pushes=options.pushes)
        print()
    if "graph" in wanted:
        graph.bench(folder / "graph", inputs, rounds=options.rounds)
        print()
    if "search" in wanted:
        searches.bench(folder / "search", inputs, rounds=options.rounds)
        print()
    if "insights" in wanted:
        insights.bench(folder / "insights", inputs, rounds=options.rounds)
        print()
    if "transport" in wanted:
        groups = tuple(options.rows.split(",")) if options.rows else ()
        chosen = transport.Options(options.rounds * 2, options.clone_rounds, options.apache, groups)
        transport.bench(folder / "transport", inputs, chosen)
        print()
    if "gateway" in wanted:
        gateway.bench(folder / "gateway", inputs.small)
        print()
    if "previews" in wanted:
        previews.bench(folder / "previews", previews.Options(options.rounds, options.docker, options.image))
        print()
    if "memory" in wanted:
        memory_limited.bench(folder / "memory", inputs)


if __name__ == "__main__":
    main()
