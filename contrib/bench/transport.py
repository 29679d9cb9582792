"""Serving git, beside git's own CGI: every row measured on all servers in turn, in one run, on loopback, on equal repositories."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contrib.bench import clones, fetches, pushes
from contrib.bench.author import Author
from contrib.bench.cgi_hosts import Apache, Nginx
from contrib.bench.servers import Gitperch, Host, group
from contrib.bench.table import SideBySide

if TYPE_CHECKING:
    from pathlib import Path

    from contrib.bench.inputs import Inputs


@dataclass(frozen=True)
class Options:
    """`rounds` of the short requests; `clone_rounds` of what takes seconds; `groups` of rows to measure, all if there are none."""

    rounds: int = 30
    clone_rounds: int = 3
    apache: bool = False
    groups: tuple[str, ...] = ()


GROUPS = ("first", "fetch", "large", "small", "push", "meanwhile", "whole-push")
# What finds repositories well kept; the others, as they happen to lie.
_PACKED = ("fetch", "large", "small", "meanwhile")


def bench(folder: Path, inputs: Inputs, options: Options) -> None:
    """Print the table."""
    folder.mkdir()
    with ExitStack() as stack:
        ours = Gitperch(folder / "data")
        hosts: list[Host] = [ours]
        for kind in (Nginx, Apache) if options.apache else (Nginx,):
            if missing := kind.missing():
                print(f"{kind.title} is left out: {', '.join(missing)} is not installed.\n")
            else:
                hosts.append(kind(folder / kind.__name__.lower()))
        for host in hosts:
            host.group = group(f"gitperch-bench-{type(host).__name__.lower()}")
            stack.enter_context(host)
        _measure(folder, inputs, options, ours, hosts)


def _measure(folder: Path, inputs: Inputs, options: Options, ours: Gitperch, hosts: list[Host]) -> None:
    table = SideBySide([host.title for host in hosts])
    for host in hosts:
        host.add("small", inputs.small)
    clones.after_import(hosts, "large", inputs.large, folder, table)
    authors = {name: Author(folder / f"author-{name}.git", getattr(inputs, name)) for name in ("small", "large")}
    few, rounds = options.clone_rounds, options.rounds
    rows = {
        "first": lambda: clones.first(hosts, "large", folder, table, authors["large"], few),
        "fetch": lambda: fetches.both(hosts, folder, authors, table, rounds),
        "large": lambda: clones.large(hosts, "large", folder, table, few),
        "small": lambda: clones.small(hosts, "small", folder, table, few),
        "push": lambda: pushes.one_commit(hosts, authors, table, rounds),
        "meanwhile": lambda: clones.meanwhile(hosts, ours, "large", folder, table, authors["large"], few * 3),
        "whole-push": lambda: pushes.whole(hosts, authors["large"], table, max(1, few - 1)),
    }
    for name in GROUPS:
        if not options.groups or name in options.groups:
            if name in _PACKED:
                for host in hosts:
                    host.upkeep()
            rows[name]()
