"""Globs and beginnings of paths."""

from __future__ import annotations

import time

import pytest

from gitperch_graph.search.paths import Wanted

PATHS = [
    "readme.md",
    "src/main.c",
    "src/main.css",
    "src/deep/er/main.c",
    "a/ab",
    "docs/a b/ünïcode.md",
    "x.y*z",
    "abcabc",
    "a/b/c/d.txt",
]


@pytest.mark.parametrize(
    ("value", "anywhere", "meant"),
    [
        ("src/", False, "src/main.c src/main.css src/deep/er/main.c"),
        ("SRC/main.c", False, "src/main.c src/main.css"),
        ("main", True, "src/main.c src/main.css src/deep/er/main.c"),
        ("main.c*", True, "src/main.c src/main.css src/deep/er/main.c"),
        ("m*n.c", True, "src/main.c src/deep/er/main.c"),
        ("*.c", False, ""),
        ("**/*.c", False, "src/main.c src/deep/er/main.c"),
        ("**a*b", False, "a/ab"),
        ("src/*/er/", False, "src/deep/er/main.c"),
        ("*a*c", False, "abcabc"),
        ("*b*b*", False, "abcabc"),
        ("a*bc", False, "abcabc"),
        ("a/**/d.*", False, "a/b/c/d.txt"),
        ("a/**/*/*.txt", False, "a/b/c/d.txt"),
        ("[rs]*/main.?", False, "src/main.c"),
        ("[!r]*.md", True, "docs/a b/ünïcode.md"),
        ("x.y*z", False, "x.y*z"),
        ("x.y[*]z", False, "x.y*z"),
        ("Ü*", True, "docs/a b/ünïcode.md"),
        ("[", False, ""),
        ("./src/main.css", False, "src/main.css"),
    ],
)
def test_which_paths_are_meant(value: str, anywhere: bool, meant: str) -> None:
    lines = Wanted(value, anywhere).lines("".join(f"{path}\n" for path in PATHS).encode())
    found = [PATHS[line] for line in lines]
    assert found == [path for path in PATHS if path in meant.split(" ") or ("ü" in path and "ü" in meant)]


@pytest.mark.parametrize("value", ["*a" * 40 + "b", "**/a*a*a*a*a*a*a*/**/b", "*a*/" * 20 + "b", "?*" * 40 + "[b]"])
@pytest.mark.parametrize("path", ["a" * 999, "a/" * 499, "aaaaaaaaa/" * 99])
def test_no_glob_takes_long_on_any_path(value: str, path: str) -> None:
    began = time.thread_time()
    assert Wanted(value, anywhere=False).lines(f"{path}\n".encode()) == []
    assert time.thread_time() - began < 0.2
