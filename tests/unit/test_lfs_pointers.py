"""What counts as a pointer, and what only looks like one."""

from __future__ import annotations

import pytest

from gitperch.lfs.pointer import Pointer, parse

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"


@pytest.mark.parametrize(
    "text",
    [
        POINTER,
        POINTER.replace("git-lfs.github.com", "hawser.github.com"),
        POINTER.replace("oid ", f"ext-0-smudge sha256:{OID}\noid ", 1),
    ],
)
def test_pointers_as_the_specification_has_them(text: str) -> None:
    assert parse(text.encode()) == Pointer(OID, 12345)


@pytest.mark.parametrize(
    "text",
    [
        "",
        POINTER[:-1],
        POINTER + "\n",
        POINTER + "x",
        POINTER.upper(),
        POINTER.replace("\n", "\r\n"),
        POINTER.replace("sha256", "sha512"),
        POINTER.replace("12345", "-1"),
        POINTER.replace("12345", "0123"),
        POINTER.replace("12345", "9" * 30),
        POINTER.replace("12345", "١٢٣"),
        POINTER.replace("spec/v1", "spec/v2"),
        POINTER.replace("oid ", "ext-0-x " + "a" * 1000 + "\noid ", 1),
        "\n" + POINTER,
    ],
)
def test_anything_else_is_a_file_like_any_other(text: str) -> None:
    assert parse(text.encode()) is None
