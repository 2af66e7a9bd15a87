"""Words: for each member, on which of up to 64 dates something holds; more dates, more words."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from reps_ledger.replay.kernel.arrays import Codes, Instants, Truths, places

__all__ = [
    "Words",
    "beginning",
    "between",
    "blocks_of",
    "by_date",
    "everywhere",
    "from_date",
    "looked_up",
    "or_by_member",
    "packed",
    "several",
    "starts_of",
    "unpacked",
]

Words = np.ndarray[Any, np.dtype[np.uint64]]
"""Bits by date: an array of words for each 64 dates, a word for each member or row."""

BITS: Final = 64
_FEW_WORDS: Final = 64
_LOW: Final = np.array([(1 << k) - 1 for k in range(BITS + 1)], np.uint64)
"""The lowest k bits, for k from 0 to 64."""


def blocks_of(dates: int) -> int:
    """Return how many words it takes for so many dates."""
    return max(1, -(-dates // BITS))


def everywhere(dates: int, size: int) -> Words:
    """Return words in which every date is set."""
    found = np.empty((blocks_of(dates), size), np.uint64)
    for block in range(len(found)):
        found[block] = _LOW[min(max(dates - block * BITS, 0), BITS)]
    return found


def between(first: Codes, last: Codes, dates: int) -> Words:
    """Return words in which the dates from ``first`` to before ``last`` are set."""
    if dates <= BITS:
        return np.asarray(_LOW[last] & ~_LOW[first])[None]
    found = np.empty((blocks_of(dates), len(first)), np.uint64)
    for block in range(len(found)):
        low = np.clip(first - block * BITS, 0, BITS)
        high = np.clip(last - block * BITS, 0, BITS)
        found[block] = _LOW[high] & ~_LOW[low]
    return found


def beginning(first: Codes, dates: int) -> Words:
    """Return words in which the dates from ``first`` on are set."""
    if dates <= BITS:
        return np.asarray((_LOW[dates] & ~_LOW[: dates + 1])[first])[None]
    return between(first, np.full(len(first), dates), dates)


def from_date(instants: Instants, dates: Instants) -> Words:
    """Return words in which the dates at or after instants are set."""
    return beginning(places(dates, instants - 1), len(dates))


def looked_up(table: Words, cells: Codes) -> Words:
    """Return the words of rows, given those of cells and the cell of each row."""
    found = np.empty((len(table), len(cells)), np.uint64)
    for block, words in enumerate(table):
        np.take(words, cells, out=found[block], mode="clip")  # no cell is beyond the table
    return found


def starts_of(member: Codes) -> Codes:
    """Return where the rows of each member begin, of rows sorted by member."""
    if not len(member):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], member[1:] != member[:-1]]))


def several(words: Words, starts: Codes, k: int) -> tuple[Words, Codes]:
    """Return the dates set in k rows of a stretch, of each stretch that has so many rows.

    The dates that are set in rows that follow one another must be the same as in all between.

    Args:
        words: of rows.
        starts: where each stretch begins; it ends where the next begins.
        k: how many, from 1.

    Returns:
        The words, and of which stretches they are.
    """
    size = words.shape[1]
    last = np.append(starts[1:], size) - k + 1  # after the last row that has k - 1 after it
    long = np.flatnonzero(last > starts)
    if not len(long):
        return np.zeros((len(words), 0), np.uint64), long
    if k == 1:
        return np.bitwise_or.reduceat(words, starts, axis=1), long
    both = words[:, k - 1 :] & words[:, : size - k + 1]
    # Each long stretch, and what lies between it and the next, which is not wanted.
    ends = np.stack([starts[long], last[long]], axis=1).reshape(-1)
    if ends[-1] == both.shape[1]:
        ends = ends[:-1]
    return np.bitwise_or.reduceat(both, ends, axis=1)[:, ::2], long


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
        starts = starts_of(member)
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
    return np.concatenate([_by_bit(part) for part in words])[:dates]


def _by_bit(words: Any) -> Codes:
    """Count bits by place: three words are added to two, sum and carry, until few are left."""
    found = np.zeros(BITS, np.int64)
    weight = 1
    while len(words):
        carried = []
        while len(words) > _FEW_WORDS:
            third = len(words) // 3
            a, b, c = words[:third], words[third : 2 * third], words[2 * third : 3 * third]
            either = a ^ b
            carried.append((a & b) | (c & either))
            words = np.concatenate([either ^ c, words[3 * third :]])
        bits = np.unpackbits(
            np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
        )
        found += weight * bits.sum(axis=0, dtype=np.int64)
        words = np.concatenate(carried) if carried else words[:0]
        weight *= 2
    return found
