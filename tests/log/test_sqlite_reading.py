"""What is read: the same as the library's recorder in memory reads, a page at a time."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.persistence import IntegrityError, ProgrammingError
from hypothesis import given
from hypothesis import strategies as st

from recorders import condition, event, item, positions, query
from reps_ledger.errors import Damaged, InvalidInput, TooLarge
from reps_ledger.log.sqlite import SQLiteRecorder, read, transaction
from scale import examples

if TYPE_CHECKING:
    from pathlib import Path

    from eventsourcing.dcb.api import DCBRecorder

types = st.sampled_from(["a", "b", "c", "other"])
tags = st.sampled_from(["x", "y", "z", 'quo"te', "back\\slash", "ünï😀", ",", ""])
events = st.builds(DCBEvent, types, st.binary(max_size=4), st.lists(tags, max_size=4))
items = st.builds(DCBQueryItem, st.lists(types, max_size=3), st.lists(tags, max_size=3))
one_tag_each = st.lists(tags, min_size=2, max_size=4).map(
    lambda found: [DCBQueryItem([], [t]) for t in found]
)
wanted = st.none() | st.builds(DCBQuery, st.lists(items, max_size=4) | one_tag_each)
afters = st.none() | st.integers(-1, 25) | st.just(2**70)
limits = st.none() | st.integers(0, 25)
batches = st.lists(st.lists(events, min_size=1, max_size=6), max_size=5)
conditions = st.none() | st.builds(
    DCBAppendCondition, st.builds(DCBQuery, st.lists(items, max_size=3)), afters
)


def outcome(log: DCBRecorder, batch: list[DCBEvent], when: DCBAppendCondition | None) -> int | None:
    """The position that an append returns, None where its condition fails."""
    try:
        return log.append(batch, when)
    except IntegrityError:
        return None


@pytest.mark.parametrize(
    ("page", "few", "quick", "most"),
    [(2, 0, 1, 2), (3, 2, 4, 50_000), (4, 0, 3, 0), (2, 0, 1, 50_000), (1000, 64, 1000, 50_000)],
)
def test_reads_and_conditions_agree_with_the_library(page: int, few: int, quick: int, most: int) -> None:
    """Any read and any condition comes out as in the library's recorder, whatever the page."""

    @given(
        st.lists(st.tuples(st.lists(events, min_size=1, max_size=6), conditions), max_size=5),
        st.lists(st.tuples(wanted, afters, limits), min_size=1, max_size=6),
    )
    @examples(1.2)
    def agree(
        appends: list[tuple[list[DCBEvent], DCBAppendCondition | None]],
        reads: list[tuple[DCBQuery | None, int | None, int | None]],
    ) -> None:
        model = InMemoryDCBRecorder()
        with SQLiteRecorder(":memory:") as ours, pytest.MonkeyPatch.context() as patch:
            patch.setattr(read, "PAGE", page)
            patch.setattr(read, "FEW", few)
            patch.setattr(read, "QUICK", quick)
            patch.setattr(read, "MANY", quick)
            patch.setattr(read, "SORTED", most)
            patch.setattr(transaction, "FEW", few)
            patch.setattr(read, "_CHUNK", page)
            patch.setattr(read, "_CHUNK_AT_LEAST", 1)
            patch.setattr(read, "_PROBE", 1)
            for batch, when in appends:
                assert outcome(model, batch, when) == outcome(ours, batch, when)
            for asked, after, limit in reads:
                expected = model.read(asked, after=after, limit=limit)
                actual = ours.read(asked, after=after, limit=limit)
                assert expected.head == actual.head
                assert list(expected) == list(actual)
                assert expected.head == actual.head

    agree()


def test_no_events_is_an_error(memory_recorder: SQLiteRecorder) -> None:
    """Appending nothing is a mistake of the caller's, as the library has it."""
    with pytest.raises(ProgrammingError):
        memory_recorder.append([])


def test_a_failed_condition_writes_nothing(sqlite_recorder: SQLiteRecorder) -> None:
    """After a condition failed the log is as before, and the next append is as good as any."""
    sqlite_recorder.append([event("a", "x")])
    with pytest.raises(IntegrityError):
        sqlite_recorder.append([event("b"), event("c")], condition("x"))
    assert sqlite_recorder.head() == 1
    assert sqlite_recorder.append([event("b")], condition("x", after=1)) == 2


def test_a_condition_with_a_thousand_items(memory_recorder: SQLiteRecorder) -> None:
    """SQLite's limits on variables and compound statements do not limit a condition or a query."""
    memory_recorder.append([event("a", f"tag:{number}") for number in range(1_000)])
    many = DCBQuery([item(f"tag:{number}", types=("b", "c")) for number in range(1_000)])
    assert memory_recorder.append([event("a", "tag:7")], DCBAppendCondition(many)) == 1_001
    some = DCBQuery([item(f"tag:{number}") for number in range(1_000)])
    assert list(range(1, 1_002)) == positions(memory_recorder.read(some))
    with pytest.raises(IntegrityError):
        memory_recorder.append([event("a")], DCBAppendCondition(some, after=500))


def test_many_tags_and_the_rare_one_last(memory_recorder: SQLiteRecorder) -> None:
    """The index is walked along the rarest tag, however many are frequent."""
    memory_recorder.append([event("a", "often", "also") for _ in range(2_000)])
    memory_recorder.append([event("a", "often", "also", "rare")])
    memory_recorder.append([event("a", "often", "also") for _ in range(2_000)])
    assert positions(memory_recorder.read(query("often", "also", "rare"))) == [2_001]
    assert len(positions(memory_recorder.read(query("often", "also")))) == 4_001


def test_a_read_is_as_of_its_moment(sqlite_recorder: SQLiteRecorder) -> None:
    """What is appended after a read began is not in it, so that it ends, whatever is appended."""
    sqlite_recorder.append([event("a", "x") for _ in range(2_500)])
    everything, by_tag = sqlite_recorder.read(), sqlite_recorder.read(query("x"))
    limited = sqlite_recorder.read(query("x"), limit=2_600)
    for response in (everything, by_tag, limited):
        count = 0
        for found in response:
            count += 1
            assert count == found.position
            if count % 1_000 == 1:
                sqlite_recorder.append([event("a", "x")])
        assert count == 2_500
        assert response.head == 2_500


def test_the_head_of_a_long_limited_read_is_known_at_once(sqlite_recorder: SQLiteRecorder) -> None:
    """With a limit the head is the last entry that will be read, also before it is."""
    sqlite_recorder.append([event("a", "x" if number % 2 else "y") for number in range(6_000)])
    assert sqlite_recorder.read(limit=1_500).head == 1_500
    assert sqlite_recorder.read(query("x"), limit=1_500).head == 3_000
    assert sqlite_recorder.read(query("x"), limit=9_000).head == 6_000


def test_pages_are_fetched_as_they_are_needed(sqlite_recorder: SQLiteRecorder) -> None:
    """Nobody reads a page that is not asked for, and nothing is held open between pages."""
    sqlite_recorder.append([event("a", "x") for _ in range(5_000)])
    (connection,) = sqlite_recorder._connections._idle.connections
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    for response in (sqlite_recorder.read(), sqlite_recorder.read(query("x"))):
        statements.clear()
        for _ in range(1_000):
            next(response)
        assert statements == []
        next(response)
        assert statements
        assert not connection.in_transaction
    connection.set_trace_callback(None)


def test_a_read_holds_a_page_and_not_the_log(sqlite_recorder: SQLiteRecorder) -> None:
    """Reading 20,000 entries of 1 kB takes the memory of a few pages of them."""
    for _ in range(20):
        sqlite_recorder.append([event("a", "x", data=bytes(1_000)) for _ in range(1_000)])
    tracemalloc.start()
    try:
        for asked in (None, query("x"), DCBQuery([item("x"), item(types=("a",))])):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            assert sum(1 for _ in sqlite_recorder.read(asked)) == 20_000
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < 5_000_000
    finally:
        tracemalloc.stop()


def test_text_that_cannot_be_stored_is_refused(memory_recorder: SQLiteRecorder) -> None:
    """A lone surrogate, a NUL in a tag or a wrong type is refused with a typed error."""
    for bad in (
        event("a", "\ud800"),
        event("a", "nul\0"),
        event("\ud800"),
        DCBEvent("a", "text"),  # type: ignore[arg-type]  # what a caller may get wrong
        DCBEvent(None, b""),  # type: ignore[arg-type]  # as above
    ):
        with pytest.raises(InvalidInput):
            memory_recorder.append([bad])
    assert memory_recorder.head() == 0
    assert memory_recorder.append([event("nul\0in a type")] * 100) == 100
    with pytest.raises(InvalidInput):
        memory_recorder.read(query("\ud800"))


def test_too_large_a_value_is_refused(memory_recorder: SQLiteRecorder) -> None:
    """What is over SQLite's limit is refused, and the log goes on."""
    with memory_recorder._connections.reading() as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
    with pytest.raises(TooLarge):
        memory_recorder.append([event("a", data=bytes(20_000))])
    assert memory_recorder.append([event("a", data=bytes(2_000))]) == 1


def test_tags_that_cannot_be_read_are_damage(sqlite_path: Path) -> None:
    """A row that this code never wrote is reported with its position; under no tag, it is in nobody's way."""
    with SQLiteRecorder(sqlite_path) as log:
        log.append([event()])
    with closing(sqlite3.connect(sqlite_path)) as plain, plain:
        plain.execute("INSERT INTO events VALUES (2, 'a', x'00', '{}')")
    with SQLiteRecorder(sqlite_path) as log:
        with pytest.raises(Damaged, match="position 2"):
            list(log.read())
        assert log.append([event()], condition("x", after=1)) == 3
        assert positions(log.read(query("x"))) == []
