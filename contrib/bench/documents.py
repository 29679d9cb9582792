"""Text-like files for generated histories: each commit edits a document, or writes one anew. The same dice always give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

LINES = 50_000  # from which documents are put together; two share a few of them, as sources do
SHORT, LONG = 40, 400  # lines of a document, some 65 bytes each; 26 in a pack
FOLDER = 25  # documents in one folder, and folders in one above
FRESH = 0.25  # of the commits write a document anew
_SYLLABLES = b"al an ar be co de di en er fi ge in ka le lo ma mi na no or pa re ri sa se ta te ti to un ve".split()


class Documents:
    """`count` paths, two folders deep, and what each holds at the moment."""

    def __init__(self, dice: random.Random, count: int) -> None:
        self._dice = dice
        self._count = count
        self._texts: dict[int, bytes] = {}
        words = [b"".join(dice.choices(_SYLLABLES, k=dice.randint(1, 4))) for _ in range(4000)]
        self._lines = [b" ".join(dice.choices(words, k=10)) for _ in range(LINES)]

    def change(self) -> bytes:
        """One change, as a `filemodify` of git-fast-import(1)."""
        number = self._dice.randrange(self._count)
        text = self._texts.get(number)
        if text is None or self._dice.random() < FRESH:
            lines = self._dice.choices(self._lines, k=self._dice.randint(SHORT, LONG))
            text = b"\n".join(lines) + b"\n"
        else:
            text = self._edited(text)
        self._texts[number] = text
        folder = number // FOLDER
        path = b"part-%02d/topic-%04d/document-%05d.txt" % (folder // FOLDER, folder, number)
        return b"M 100644 inline %s\ndata %d\n%s" % (path, len(text), text)

    def _edited(self, text: bytes) -> bytes:
        """With a few lines in the place of a few others."""
        start = text.find(b"\n", self._dice.randrange(len(text) - 1)) + 1
        end = start
        for _ in range(self._dice.randint(0, 4)):
            end = text.find(b"\n", end) + 1 or len(text)
        added = b"".join(line + b"\n" for line in self._dice.choices(self._lines, k=self._dice.randint(1, 5)))
        return text[:start] + added + text[end:]
