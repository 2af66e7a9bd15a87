"""Effective order for histories of any length: an external merge sort."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from itertools import islice
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reps_ledger.domain.entries import Entry

__all__ = ["in_effective_order"]

RUN: Final = 50_000
"""Entries sorted in memory at a time."""

_BLOCK: Final = 250
_Order = tuple[object, int]


def in_effective_order(entries: Iterable[Entry], *, run: int = RUN) -> Iterator[Entry]:
    """Yield entries by ``(occurred_at, origin)``, holding at most about ``run`` in memory.

    Longer histories are sorted in runs, which wait in one anonymous temporary file.
    """
    source = iter(entries)
    first = _sorted_run(source, run)
    if len(first) < run:
        yield from first
        return
    with tempfile.TemporaryFile(prefix="reps-ledger-") as file:
        runs = [_spill(first, file)]
        del first
        while rest := _sorted_run(source, run):
            runs.append(_spill(rest, file))
        yield from heapq.merge(
            *(_blocks(offsets, file) for offsets in runs), key=lambda entry: entry.order
        )


def _sorted_run(source: Iterator[Entry], run: int) -> list[Entry]:
    return sorted(islice(source, run), key=lambda entry: entry.order)


def _spill(entries: list[Entry], file: IO[bytes]) -> list[int]:
    offsets = []
    for start in range(0, len(entries), _BLOCK):
        offsets.append(file.tell())
        pickle.dump(entries[start : start + _BLOCK], file, pickle.HIGHEST_PROTOCOL)
    return offsets


def _blocks(offsets: list[int], file: IO[bytes]) -> Iterator[Entry]:
    for offset in offsets:
        file.seek(offset)
        yield from pickle.load(file)  # noqa: S301 — written by this very process
