"""Order for histories of any length: an external merge sort."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reps_ledger.domain.entries import Entry

__all__ = ["RUN", "in_effective_order", "in_order"]

RUN: Final = 50_000
"""Entries sorted in memory at a time."""

_BLOCK: Final = 250

T = TypeVar("T")


def in_effective_order(entries: Iterable[Entry], *, run: int = RUN) -> Iterator[Entry]:
    """Yield entries by ``(occurred_at, origin)``, holding at most about ``run`` in memory."""
    return in_order(entries, _place, run=run)


def _place(entry: Entry) -> tuple[object, int]:
    return entry.order


def in_order(items: Iterable[T], key: Callable[[T], Any], *, run: int = RUN) -> Iterator[T]:
    """Yield what can be pickled in the order of a key, holding at most about ``run`` in memory.

    What is more than that is sorted in runs, which wait in one anonymous temporary file. What
    has the same key keeps its order.
    """
    source = iter(items)
    first = sorted(islice(source, run), key=key)
    if len(first) < run:
        yield from first
        return
    with tempfile.TemporaryFile(prefix="reps-ledger-") as file:
        runs = [_spill(first, file)]
        del first
        while rest := sorted(islice(source, run), key=key):
            runs.append(_spill(rest, file))
        yield from heapq.merge(*(_blocks(offsets, file) for offsets in runs), key=key)


def _spill(items: list[Any], file: IO[bytes]) -> list[int]:
    offsets = []
    for start in range(0, len(items), _BLOCK):
        offsets.append(file.tell())
        pickle.dump(items[start : start + _BLOCK], file, pickle.HIGHEST_PROTOCOL)
    return offsets


def _blocks(offsets: list[int], file: IO[bytes]) -> Iterator[Any]:
    for offset in offsets:
        file.seek(offset)
        yield from pickle.load(file)  # noqa: S301 — written by this very process
