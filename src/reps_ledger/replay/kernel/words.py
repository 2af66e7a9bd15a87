"""Words: for each member, on which of up to 64 dates something holds; more dates, more words."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from reps_ledger.replay.kernel.placing import Instants, places
from reps_ledger.replay.kernel.rows import Codes, Truths

__all__ = [
    "Words",
    "between",
    "blocks_of",
    "by_date",
    "everywhere",
    "from_date",
    "or_by_member",
    "packed",
    "unpacked",
]

Words = np.ndarray[Any, np.dtype[np.uint64]]
"""Bits by date: an array of words for each 64 dates, a word for each member or row."""

BITS: Final = 64
_LOW: Final = np.array([(1 << k) - 1 for k in range(BITS + 1)], np.uint64)
"""The lowest k bits, for k from 0 to 64."""


def blocks_of(dates: int) -> int:
    """Return how many words it takes for so many dates."""
    return max(1, -(-dates // BITS))


def everywhere(dates: int, size: int) -> Words:
    """Return words in which every date is set."""
    return between(np.zeros(size, np.int64), np.full(size, dates), dates)


def between(first: Codes, last: Codes, dates: int) -> Words:
    """Return words in which the dates from ``first`` to before ``last`` are set."""
    found = np.empty((blocks_of(dates), len(first)), np.uint64)
    for block in range(len(found)):
        low = np.clip(first - block * BITS, 0, BITS)
        high = np.clip(last - block * BITS, 0, BITS)
        found[block] = _LOW[high] & ~_LOW[low]
    return found


def from_date(instants: Instants, dates: Instants) -> Words:
    """Return words in which the dates at or after instants are set."""
    first = places(dates, instants - 1)
    return between(first, np.full(len(first), len(dates)), len(dates))


def or_by_member(words: Words, member: Codes, low: int, high: int) -> Words:
    """Return, for members from ``low`` to before ``high``, the dates set in any of their rows.

    Args:
        words: of rows, sorted by member.
        member: whose each row is.
        low: the first member.
        high: the one after the last.
    """
    found = np.zeros((len(words), high - low), np.uint64)
    if len(member):
        starts = np.flatnonzero(np.r_[True, member[1:] != member[:-1]])
        found[:, member[starts] - low] = np.bitwise_or.reduceat(words, starts, axis=1)
    return found


def packed(truth: Truths) -> Words:
    """Return words of truths, given with a row for each member and a column for each date."""
    members, dates = truth.shape
    found = np.zeros((blocks_of(dates), members), np.uint64)
    for block in range(len(found)):
        part = truth[:, block * BITS : (block + 1) * BITS]
        padded = np.zeros((members, BITS), np.uint8)
        padded[:, : part.shape[1]] = part
        found[block] = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)[:, 0]
    return found


def unpacked(words: Words, dates: int) -> Truths:
    """Return truths of words: a row for each member, a column for each date."""
    size = words.shape[1]
    parts = [
        np.unpackbits(
            np.ascontiguousarray(block).view(np.uint8).reshape(size, 8), axis=1, bitorder="little"
        )
        for block in words
    ]
    return np.concatenate(parts, axis=1)[:, :dates].astype(bool)


def by_date(words: Words, dates: int) -> Codes:
    """Return, for each date, in how many words it is set."""
    found = np.zeros(len(words) * BITS, np.int64)
    for block, part in enumerate(words):
        for bit in range(min(BITS, dates - block * BITS)):
            found[block * BITS + bit] = np.count_nonzero(part & np.uint64(1 << bit))
    return found[:dates]
