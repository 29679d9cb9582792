"""Guessing passwords faster than the count of failures can follow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.server import Server

GUESSES = 60


def test_guesses_sent_all_at_once_are_counted_like_those_sent_in_turn(own_server: Server) -> None:
    def guess(number: int) -> int:
        return own_server.get(
            "/alice/x/info/refs?service=git-upload-pack", user="alice", password=f"guess{number}"
        ).status

    with ThreadPoolExecutor(GUESSES) as pool:
        statuses = Counter(pool.map(guess, range(GUESSES)))
    assert statuses == {401: 10, 429: GUESSES - 10}


def test_many_clients_with_the_right_password_at_once_are_all_let_in(own_server: Server) -> None:
    with ThreadPoolExecutor(GUESSES) as pool:
        answers = list(pool.map(lambda _: own_server.get("/alice/x", user="alice").status, range(GUESSES)))
    assert set(answers) == {404}
