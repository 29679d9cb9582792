"""Numbers as people read them."""

from __future__ import annotations


def plural(number: int, word: str, words: str | None = None) -> str:
    """`1 commit`, `12,000 commits`."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def in_bytes(number: int) -> str:
    """`512 bytes`, `3.4 KB`, `12 MB`."""
    if number < 1000:
        return plural(number, "byte")
    value = float(number)
    for unit in ("KB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
