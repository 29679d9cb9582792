"""What `.dockerignore` keeps out: as the client of Docker 20.10 does it, whose answers these are."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker.context import Sieve
from gitperch_preview.runners.docker.ignoring import PATTERNS, Ignored, patterns
from support.server import commit

if TYPE_CHECKING:
    from pathlib import Path

LONG = f"{'l' * 120}/{'m' * 130}/n.txt"
PATHS = [
    "a.log",
    "b.txt",
    "dir/a.log",
    "dir/keep",
    "dir/sub/a.log",
    "x/y/w.md",
    "README.md",
    "docs/README.md",
    "docs/a.md",
]
PATHS += [
    "node_modules/p/i.js",
    "pkg/node_modules/q.js",
    "temp1",
    "tempa",
    "ü/ö.txt",
    ".env",
    "src/.env",
    "foobar/x",
    "a[b]",
    LONG,
]


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("*.log", ["a.log"]),
        ("**/*.log", ["a.log", "dir/a.log", "dir/sub/a.log"]),
        ("**.log", ["a.log", "dir/a.log", "dir/sub/a.log"]),
        ("dir\n!dir/keep", ["dir/a.log", "dir/sub/a.log"]),
        ("dir/**\n!dir/sub", ["dir/a.log", "dir/keep"]),
        ("!a.log\n*.log", ["a.log"]),
        ("node_modules", ["node_modules/p/i.js"]),
        ("**/node_modules", ["node_modules/p/i.js", "pkg/node_modules/q.js"]),
        ("*/*.md", ["docs/README.md", "docs/a.md"]),
        ("**/*.md\n!docs/README.md", ["x/y/w.md", "README.md", "docs/a.md"]),
        ("x/**/w.md", ["x/y/w.md"]),
        ("x/y/**/w.md", ["x/y/w.md"]),
        ("temp?", ["temp1", "tempa"]),
        ("temp[0-9]", ["temp1"]),
        ("temp[^0-9]", ["tempa"]),
        ("/docs/", ["docs/README.md", "docs/a.md"]),
        ("./docs/../src", ["src/.env"]),
        ("foo**", ["foobar/x"]),
        ("# a comment\n\n \u00fc \r\n", ["ü/ö.txt"]),
        ("\ufeff**/.env", [".env", "src/.env"]),
        (r"a\[b\]", ["a[b]"]),
        ("l*", [LONG]),
        ("**/n.txt", [LONG]),
        (".", []),
        ("*\n!src", [path for path in PATHS if path != "src/.env"]),
        ("**\n!**/.env", [path for path in PATHS if not path.endswith(".env")]),
    ],
)
def test_what_is_named_stays_out_and_the_last_line_that_fits_decides(text: str, without: list[str]) -> None:
    ignored = Ignored(patterns(text), ())
    assert [path for path in PATHS if path in ignored] == without


@pytest.mark.parametrize("line", ["!", "[a", "a[]b", "[-a]", "a\\"])
def test_what_is_no_pattern_is_said_with_its_line(line: str) -> None:
    with pytest.raises(RunnerError, match=r"\.dockerignore, line 2: .* is no pattern"):
        patterns(f"# first\n{line}\n")


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(RunnerError, match="Name folders"):
        patterns("a\n" * (PATTERNS + 1))


def test_patterns_made_to_take_long_do_not() -> None:
    begun = time.thread_time()
    ignored = Ignored(patterns(f"{'a*' * 200}b\n{'**/a/' * 100}b\n{'[a-z]*' * 100}[0-9]"), ())
    assert "a" * 4000 not in ignored
    assert "a/" * 2000 + "c" not in ignored
    assert time.thread_time() - begun < 5


@pytest.mark.parametrize("piece", [1 << 16, 700, 1])
def test_an_archive_of_git_loses_what_is_ignored_and_nothing_else(tmp_path: Path, piece: int) -> None:
    files: dict[str, str | bytes] = dict.fromkeys(PATHS, "words\n")
    files["Dockerfile"] = "FROM scratch\n"
    commit(tmp_path, files)
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=tmp_path, capture_output=True, check=True).stdout
    sieve = Sieve(Ignored(patterns("**\n!src\n!l*"), {"Dockerfile"}))
    left = b"".join(sieve.feed(packed[at : at + piece]) for at in range(0, len(packed), piece))
    with tarfile.open(fileobj=io.BytesIO(left)) as archive:
        names = {member.name for member in archive if member.isfile()}
        assert names == {"src/.env", LONG, "Dockerfile"}
        words = archive.extractfile(LONG)
        assert words
        assert words.read() == b"words\n"
