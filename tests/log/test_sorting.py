"""Effective order for histories of any length."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.log.sorting import in_effective_order, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2018, 1, 1, tzinfo=UTC)


def entry(position: int, minute: int, origin: int | None = None) -> rl.Entry:
    """An entry of some minute; ``origin`` is that of the entry that it corrects."""
    return rl.Entry(
        id=f"e{position}",
        position=position,
        origin=position if origin is None else origin,
        recorded_at=START,
        occurred_at=START + timedelta(minutes=minute),
        by="x",
        fact=rl.MemberJoined(member=f"m{position}"),
        tags=("member:x",),
    )


def open_files() -> set[str]:
    """What this process has open, by name."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(descriptor))  # noqa: PTH115 — no path of a file
        except OSError:
            continue
    return {name for name in found if "reps-ledger" in name or "deleted" in name}


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 12))
def test_it_is_the_order_of_sorted(minutes: list[int], run: int) -> None:
    """Whatever the size of a run, entries come as ``sorted`` would have them, and equal."""
    entries = [entry(position, minute) for position, minute in enumerate(minutes, 1)]
    expected = sorted(entries, key=lambda one: (one.occurred_at, one.origin))
    assert list(in_effective_order(iter(entries), run=run)) == expected


@given(st.lists(st.tuples(st.text(max_size=2), st.integers()), max_size=40), st.integers(1, 12))
def test_any_key_sorts(items: list[tuple[str, int]], run: int) -> None:
    """Anything is sorted by any key, and what has the same key keeps its order."""
    found = list(in_order(iter(items), lambda item: item[0], run=run))
    assert found == sorted(items, key=lambda item: item[0])


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 3000])
def test_runs_of_many_blocks(count: int) -> None:
    """Runs longer than a block are written and read in blocks, and lose nothing."""
    chance = random.Random(count)  # noqa: S311 — the same again when it fails
    entries = [entry(position, chance.randrange(50)) for position in range(1, count + 1)]
    expected = sorted(entries, key=lambda one: one.order)
    assert list(in_effective_order(entries, run=1000)) == expected


def test_a_correction_takes_the_place_of_its_target() -> None:
    """Ties are broken by where the corrected entry was, not by where the correction is."""
    entries = [entry(1, 0), entry(3, 0), entry(9, 0, origin=2)]
    assert [one.position for one in in_effective_order(entries, run=2)] == [1, 9, 3]


def test_short_histories_touch_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits in one run is sorted in memory."""

    def refuse(**_: Any) -> Any:
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    entries = [entry(position, -position) for position in range(1, 6)]
    assert list(in_effective_order(entries, run=6)) == entries[::-1]
    with pytest.raises(AssertionError, match="a file was made"):
        list(in_effective_order(entries, run=5))


def test_an_early_end_leaves_no_file() -> None:
    """A generator that is closed, or dropped, in the middle closes its temporary file."""
    before = open_files()
    found = in_effective_order((entry(n, -n) for n in range(1, 50)), run=10)
    assert next(found).position == 49
    assert open_files() != before  # the runs wait in it
    found.close()  # type: ignore[attr-defined]  # it is a generator
    assert open_files() == before
    found = in_effective_order((entry(n, -n) for n in range(1, 50)), run=10)
    next(found)
    del found
    gc.collect()
    assert open_files() == before


def test_a_source_that_fails() -> None:
    """An error of the source comes out, and no file stays open."""

    def source() -> Iterator[rl.Entry]:
        yield from (entry(n, -n) for n in range(1, 26))
        raise RuntimeError("the log is gone")

    before = open_files()
    with pytest.raises(RuntimeError, match="the log is gone"):
        list(in_effective_order(source(), run=10))
    assert open_files() == before


def test_memory_is_bounded() -> None:
    """Sorting six times as many entries takes little more memory, and less than holding them."""

    def peak(count: int) -> int:
        chance = random.Random(1)  # noqa: S311 — the same again when it fails
        tracemalloc.start()
        try:
            source = (entry(n, chance.randrange(10_000)) for n in range(1, count + 1))
            assert sum(1 for _ in in_effective_order(source, run=2_000)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    whole = peak(12_000)
    assert whole < 2 * peak(2_000)  # six runs, of each of which one block is held
    assert whole < 0.6 * _held(12_000)


def _held(count: int) -> int:
    """The memory that so many entries take when all are held."""
    tracemalloc.start()
    try:
        held = [entry(n, n) for n in range(1, count + 1)]
        assert len(held) == count
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
