"""Finding people by a part of a name, an address or an account."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from reps_ledger.domain.names import canonical_name

_ACCENTED: Final = ("LATIN", "GREEK", "CYRILLIC")
_LETTERS_WITHOUT_CASE: Final = "Lo"
"""The category of letters of scripts that may have no spaces between words: any may begin one."""


class NameIndex:
    """Texts about people, in memory, found by the beginnings of their words.

    Args:
        rows: member, kind and text of each.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self._rows: list[tuple[str, str]] = []
        self._begins: list[tuple[str, int]] = []
        for number, (member, kind, text) in enumerate(rows):
            self._rows.append((member, kind))
            sought = _sought(text)
            self._begins += [(sought[at:], number) for at in _beginnings(sought)]
        self._begins.sort()

    def find(self, text: str) -> list[tuple[str, str]]:
        """Return the member and kind of each text in which every word of this one begins a word.

        Case, width and composition of letters make no difference (see `canonical_name`), nor do accents.
        """
        found: set[int] | None = None
        for word in _sought(text).split():
            these = self._beginning_with(word)
            found = these if found is None else found & these
        return sorted(self._rows[number] for number in found or ())

    def _beginning_with(self, word: str) -> set[int]:
        found = set()
        for at in range(bisect_left(self._begins, (word,)), len(self._begins)):
            begin, number = self._begins[at]
            if not begin.startswith(word):
                break
            found.add(number)
        return found


def _sought(text: str) -> str:
    """Return the form of a text by which it is found: accents are often left out where names are typed.

    Those of Latin, Greek and Cyrillic letters; of other scripts, such marks are what the letters are.
    """
    canonical = canonical_name(text)
    if canonical.isascii():
        return canonical
    kept: list[str] = []
    accented = False
    for each in unicodedata.normalize("NFD", canonical):
        if not unicodedata.combining(each):
            accented = unicodedata.name(each, "").startswith(_ACCENTED)
        elif accented:
            continue
        kept.append(each)
    return unicodedata.normalize("NFC", "".join(kept))


def _beginnings(text: str) -> list[int]:
    """Return where words begin in a text."""
    return [
        at
        for at, letter in enumerate(text)
        if at == 0
        or text[at - 1] == " "
        or (letter.isalnum() and not text[at - 1].isalnum())
        or unicodedata.category(letter) == _LETTERS_WITHOUT_CASE
    ]
