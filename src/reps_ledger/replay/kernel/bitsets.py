"""Bitsets of dates: which of the review dates something holds on, 64 dates to a word.

A bitset array has a row ("block") for every 64 dates and a column for every member, or for every
fact: bit ``d`` of block ``b`` is date ``64 * b + d``. One bitwise operation on a block answers 64
dates of all members at once. Bits past the last date are 0 in every array that is returned here;
who negates must mask them out again with `all_dates`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from reps_ledger.replay.columns.model import Codes, Instants, Truths
from reps_ledger.replay.kernel.arrays import Integers, group_starts, search

Bitsets = npt.NDArray[np.uint64]
"""Of shape (blocks of 64 dates, members or rows)."""

BITS: Final = 64
_FEW_WORDS: Final = 64
_LOWEST: Final = np.array([(1 << k) - 1 for k in range(BITS + 1)], np.uint64)
"""The words whose lowest k bits are set, for k from 0 to 64."""


def blocks(dates: int) -> int:
    """Return how many words it takes for so many dates."""
    return max(1, -(-dates // BITS))


def all_dates(dates: int, size: int) -> Bitsets:
    """Return bitsets of which every date is set."""
    found = np.empty((blocks(dates), size), np.uint64)
    for block in range(len(found)):
        found[block] = _LOWEST[min(max(dates - block * BITS, 0), BITS)]
    return found


def bits_between(first: Integers, last: Integers, dates: int) -> Bitsets:
    """Return bitsets in which the dates from number ``first`` to before ``last`` are set."""
    if dates <= BITS:
        return (_LOWEST[last] & ~_LOWEST[first])[None]
    found = np.empty((blocks(dates), len(first)), np.uint64)
    for block in range(len(found)):
        low = np.clip(first - block * BITS, 0, BITS)
        high = np.clip(last - block * BITS, 0, BITS)
        found[block] = _LOWEST[high] & ~_LOWEST[low]
    return found


def bits_from(first: Integers, dates: int) -> Bitsets:
    """Return bitsets in which the dates from number ``first`` on are set."""
    if dates <= BITS:
        by_first: Bitsets = _LOWEST[dates] & ~_LOWEST[: dates + 1]
        return by_first[first][None]
    return bits_between(first, np.full(len(first), dates), dates)


def since(instants: Instants, dates: Instants) -> Bitsets:
    """Return bitsets in which the dates at or after each instant are set."""
    return bits_from(search(dates, instants - 1), len(dates))


def take(table: Bitsets, cells: Integers) -> Bitsets:
    """Return the bitsets of rows, given a table of bitsets and the place of each row in it."""
    found = np.empty((len(table), len(cells)), np.uint64)
    for block, words in enumerate(table):
        np.take(words, cells, out=found[block], mode="clip")  # no cell is beyond the table
    return found


def in_k_rows(bitsets: Bitsets, starts: Integers, k: int) -> tuple[Bitsets, Integers]:
    """Return, of each group that has so many rows, the dates that at least k rows have set.

    A date that is set in two rows of a group must be set in all rows between them, as it is where
    rows are sorted by time and a date is set while it sees the row in its window. Then k rows have
    it exactly if a row and the one k - 1 before it do: two words to compare for each row,
    whatever k is.

    Args:
        bitsets: one for each row.
        starts: where each group begins; it ends where the next one begins.
        k: from 1.

    Returns:
        The bitsets, and the numbers of the groups that they are of.
    """
    size = bitsets.shape[1]
    last = np.append(starts[1:], size) - k + 1  # after the last row that has k - 1 after it
    long = np.flatnonzero(last > starts)
    if not len(long):
        return np.zeros((len(bitsets), 0), np.uint64), long
    if k == 1:
        return np.bitwise_or.reduceat(bitsets, starts, axis=1), long
    both = bitsets[:, k - 1 :] & bitsets[:, : size - k + 1]
    # Pairs that reach across two groups must not count. `reduceat` takes where each stretch
    # begins: of each long group, and of what lies between it and the next, which is dropped.
    ends = np.stack([starts[long], last[long]], axis=1).reshape(-1)
    if ends[-1] == both.shape[1]:
        ends = ends[:-1]
    return np.bitwise_or.reduceat(both, ends, axis=1)[:, ::2], long


def or_by_member(bitsets: Bitsets, member: Codes | Integers, members: range) -> Bitsets:
    """Return, for each of some members, the dates that any of their rows has set.

    Args:
        bitsets: one for each row, sorted by member.
        member: whose each row is.
        members: of whom to return one.
    """
    found = np.zeros((len(bitsets), len(members)), np.uint64)
    if len(member):
        starts = group_starts(member)
        found[:, member[starts] - members.start] = np.bitwise_or.reduceat(bitsets, starts, axis=1)
    return found


def pack(truth: Truths) -> Bitsets:
    """Return truths as bitsets, given with a row for each member and a column for each date."""
    members, dates = truth.shape
    found = np.zeros((blocks(dates), members), np.uint64)
    for block in range(len(found)):
        part = truth[:, block * BITS : (block + 1) * BITS]
        padded = np.zeros((members, BITS), np.uint8)
        padded[:, : part.shape[1]] = part
        found[block] = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)[:, 0]
    return found


def unpack(bitsets: Bitsets, dates: int) -> Truths:
    """Return bitsets as truths: a row for each member, a column for each date."""
    parts = [_bits(words) for words in bitsets]
    return np.concatenate(parts, axis=1)[:, :dates].astype(bool)


def _bits(words: Bitsets) -> npt.NDArray[np.uint8]:
    """Return the bits of words, a row for each word, the lowest bit first."""
    eights = np.ascontiguousarray(words).view(np.uint8).reshape(len(words), 8)
    return np.unpackbits(eights, axis=1, bitorder="little")


def count_by_date(bitsets: Bitsets, dates: int) -> Integers:
    """Return, for each date, how many members have it set."""
    return np.concatenate([_count_by_bit(words) for words in bitsets])[:dates]


def _count_by_bit(words: Bitsets) -> Integers:
    """Return, for each of the 64 bits, how many of the words have it set.

    A carry-save adder: three words of one weight become a sum of the same weight and a carry of
    twice it, for all 64 bits at once. So the words dwindle without being unpacked, and only a few
    of each weight are counted bit by bit.
    """
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
        found += weight * _bits(words).sum(axis=0, dtype=np.int64)
        words = np.concatenate(carried) if carried else words[:0]
        weight *= 2
    return found
