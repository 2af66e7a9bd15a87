"""An external merge sort, for histories of any length in bounded memory."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import IO, Any, Final, TypeVar

from reps_ledger.domain.entries import Entry

RUN: Final = 50_000
"""Items sorted in memory at a time, by default."""

_BLOCK: Final = 250  # items read back from a run at a time

T = TypeVar("T")


def in_effective_order(entries: Iterable[Entry], *, run: int = RUN) -> Iterator[Entry]:
    """Yield entries in effective order, holding about ``run`` of them in memory at most."""
    return in_order(entries, _order, run=run)


def _order(entry: Entry) -> tuple[datetime, int]:
    return entry.order


def in_order(items: Iterable[T], key: Callable[[T], Any], *, run: int = RUN) -> Iterator[T]:
    """Yield items in the order of a key, holding about ``run`` of them in memory at most.

    More items than that are sorted in runs, which are kept in one anonymous temporary file and
    then merged. Items of equal keys keep their order.

    Args:
        items: what to sort; each can be pickled.
        key: returns the key of an item; keys can be compared.
        run: items in a run.
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


def _spill(items: list[T], file: IO[bytes]) -> list[int]:
    """Write a run in blocks, and return where each of them begins."""
    offsets = []
    for start in range(0, len(items), _BLOCK):
        offsets.append(file.tell())
        pickle.dump(items[start : start + _BLOCK], file, pickle.HIGHEST_PROTOCOL)
    return offsets


def _blocks(offsets: list[int], file: IO[bytes]) -> Iterator[T]:
    """Yield a run's items, a block at a time."""
    for offset in offsets:
        file.seek(offset)
        yield from pickle.load(file)  # noqa: S301 — by `_spill`, in this process
