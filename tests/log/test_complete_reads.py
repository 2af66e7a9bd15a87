"""A read leaves nothing out, whatever the recorder: the same as searching a plain list.

What is asked for overlaps: an entry has several of the tags, items are repeated, and there are as
many entries as fill a batch, one less or one more.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.persistence import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from intruders import unsound
from recorders import umadb_recorder
from reps_ledger.domain.entries import entry_tag
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules import Source
from reps_ledger.log import Codec, EventLog, open_recorder
from reps_ledger.log.sqlite import SQLiteRecorder, read, transaction
from reps_ledger.policies import Policy, reports, when
from reps_ledger.testing.memory_log import InMemoryLedger, entry_id
from scale import examples
from servers import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from eventsourcing.dcb.api import DCBRecorder

TAGS: Final = ("a", "b", "c", "d")
TYPES: Final = ("t", "u", "v")
BATCHES: Final = (read.FEW, read.PAGE, read.QUICK, read.QUICK // 2, 2 * read.PAGE)

some_tags = st.lists(st.sampled_from(TAGS), min_size=1, max_size=3)
some_types = st.lists(st.sampled_from(TYPES), max_size=2)
items = st.builds(DCBQueryItem, some_types, some_tags)
# What rules ask for: any of several tags, of the same types. An entry may be under many of them.
overlapping = st.builds(
    lambda types, tags: [DCBQueryItem(types, [tag]) for tag in tags],
    some_types | st.just([]),
    st.lists(st.sampled_from(TAGS), min_size=2, max_size=4),
)
queries = st.builds(DCBQuery, overlapping | st.lists(items, min_size=1, max_size=5))
near_a_batch = st.sampled_from(BATCHES).flatmap(lambda size: st.integers(size - 2, size + 2))
few_types = st.just(TYPES[0]) | st.sampled_from(TYPES)
run = st.tuples(st.integers(1, 4) | near_a_batch, few_types, some_tags)
runs = st.lists(run, min_size=1, max_size=4)


def matching(events: Sequence[DCBEvent], asked: DCBQuery, after: int, limit: int | None) -> list[int]:
    """The positions of the events that match, found by looking at each of them."""
    found = [
        position
        for position, event in enumerate(events, start=1)
        if position > after
        and any(
            (not item.types or event.type in item.types) and set(item.tags) <= set(event.tags)
            for item in asked.items
        )
    ]
    return found[:limit]


@contextmanager
def opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[DCBRecorder]:
    """An empty recorder of this kind."""
    with ExitStack() as stack:
        match kind:
            case "sqlite file":
                yield stack.enter_context(SQLiteRecorder(folder / "ledger.db"))
            case "sqlite memory":
                yield stack.enter_context(SQLiteRecorder(":memory:"))
            case "postgres":
                server = request.getfixturevalue("postgres_server")
                log, close = open_recorder(stack.enter_context(new_database(server)))
                stack.callback(close)
                yield log
            case "umadb":
                yield stack.enter_context(umadb_recorder(request.getfixturevalue("umadb_url")))
            case _:
                yield InMemoryDCBRecorder()


KINDS: Final = ("sqlite file", "sqlite memory", "library", "postgres")


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_of_thousands_is_complete(
    kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """With thousands of entries, and as many as fill a batch, a read finds what a list holds."""

    @given(
        told=runs,
        asked=st.lists(
            st.tuples(
                queries, st.integers(0, 5) | near_a_batch, st.none() | near_a_batch | st.integers(0, 3)
            ),
            min_size=1,
            max_size=6,
        ),
    )
    @examples(0.2 if kind == "postgres" else 0.6)
    def complete(
        told: list[tuple[int, str, list[str]]], asked: list[tuple[DCBQuery, int, int | None]]
    ) -> None:
        events = [DCBEvent(name, b"{}", tags) for count, name, tags in told for _ in range(count)]
        with opened(kind, tmp_path_factory.mktemp("log"), request) as log:
            log.append(events)
            for query, after, limit in asked:
                expected = matching(events, query, after, limit)
                response = log.read(query, after=after, limit=limit)
                head = response.head
                assert [found.position for found in response] == expected
                last = expected[-1] if expected else None
                assert head == (len(events) if limit is None else last)
                condition = DCBAppendCondition(query, after)
                if matching(events, query, after, 1):
                    with pytest.raises(IntegrityError):
                        log.append([DCBEvent("w", b"{}", [])], condition)

    complete()


@pytest.mark.parametrize("kind", [*KINDS, "umadb"])
def test_an_entry_under_two_tags_hides_no_other(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One entry under both tags, and more than a batch under one: all are read, in either order."""
    both, one = DCBEvent("t", b"{}", ["a", "b"]), DCBEvent("t", b"{}", ["a"])
    events = [both, *[one] * (read.QUICK + read.QUICK // 2)]
    with opened(kind, tmp_path, request) as log:
        log.append(events)
        for tags in (["a", "b"], ["b", "a"], ["a", "a"]):
            query = DCBQuery([DCBQueryItem([], [tag]) for tag in tags])
            assert sum(1 for _ in log.read(query)) == len(events)
            assert sum(1 for _ in log.read(query, limit=read.QUICK)) == read.QUICK
        twice = DCBQuery([DCBQueryItem(["t", "t"], ["a"])])
        assert sum(1 for _ in log.read(twice)) == len(events)


def test_a_long_history_under_merged_names_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that names two people who are one does not hide what else they did."""
    monkeypatch.setattr(read, "QUICK", 40)
    monkeypatch.setattr(read, "FEW", 0)
    mentors = [f"mentor-{number}" for number in range(6)]
    with rl.open() as ledger:
        ledger.record_all([rl.MemberJoined(member=who) for who in ("ana", "busy", *mentors)], by="x")
        ledger.record_all([rl.MentorAssigned(member="busy", mentor=who) for who in mentors], by="x")
        ledger.record_all([rl.ReportFiled(member="busy", activity="a") for _ in range(30)], by="x")
        for duplicate in ("busy", *mentors):
            ledger.record(rl.MembersMerged(member="ana", duplicate=duplicate), by="x")
        view = ledger.as_of()
        assert sum(entry.name == "report.filed" for entry in view.history("ana")) == 30
        enough = Policy("enough", cases=[when(reports() >= 30).then("yes")], otherwise="no")
        assert view.evaluate(enough, "ana").outcome == "yes"


def test_a_repeated_tag_or_type_asks_for_no_more(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """An item that says a tag or a type twice matches what it matches when it says it once."""
    for kind in KINDS:
        with opened(kind, tmp_path, request) as log:
            log.append([DCBEvent("t", b"{}", ["a"]), DCBEvent("t", b"{}", ["b"])])
            query = DCBQuery([DCBQueryItem(["t", "t"], ["a", "a"])])
            if kind != "library":
                with pytest.raises(IntegrityError):
                    log.append([DCBEvent("t", b"{}", [])], DCBAppendCondition(query, 0))
            assert [found.position for found in log.read(query)] == [1], kind


NOON: Final = datetime(2020, 1, 1, 12, tzinfo=UTC)


def entry(position: int, name: str, tags: list[str]) -> rl.Entry:
    """An entry under these tags, whatever its fact would be found under."""
    fact = rl.MemberJoined(member="m") if name == "member.joined" else rl.MemberReturned(member="m")
    return rl.Entry(
        id=entry_id(position),
        position=position,
        recorded_at=NOON,
        occurred_at=NOON,
        by="x",
        schema=1,
        fact=fact,
        tags=(*tags, entry_tag(entry_id(position)), entry_tag(entry_id(1))),  # all refer to the first
        origin=position,
    )


NAMES: Final = ("member.joined", "member.returned")
sources = st.builds(
    Source, st.sampled_from(TAGS), st.none() | st.frozensets(st.sampled_from(NAMES), min_size=1)
)


@pytest.mark.parametrize("batch", [1, 2, 3, 1_000])
def test_sources_are_complete_in_every_log(batch: int) -> None:
    """Each source has its entries, once each and in order, in a real log as in the testing kit's."""

    @given(
        told=st.lists(st.tuples(st.sampled_from(NAMES), some_tags), max_size=12),
        asked=st.lists(sources, max_size=4),
        upto=st.none() | st.integers(0, 12),
    )
    def complete(told: list[tuple[str, list[str]]], asked: list[Source], upto: int | None) -> None:
        entries = [entry(position, *each) for position, each in enumerate(told, start=1)]
        last = len(entries) if upto is None else upto
        expected = {
            source: [
                each
                for each in entries
                if each.position <= last
                and source.tag in each.tags
                and (source.types is None or each.name in source.types)
            ]
            for source in asked
        }
        kit = InMemoryLedger()
        with SQLiteRecorder(":memory:") as ours, pytest.MonkeyPatch.context() as patch:
            patch.setattr(read, "QUICK", batch)
            patch.setattr(read, "PAGE", batch)
            patch.setattr(read, "FEW", 0)
            patch.setattr(transaction, "FEW", 0)
            patch.setattr(read, "_CHUNK", batch)
            patch.setattr(read, "_CHUNK_AT_LEAST", 1)
            codec = Codec(Registry(BUILT_IN))
            for log in (EventLog(ours, codec), EventLog(InMemoryDCBRecorder(), codec), kit._log):
                with unsound(log.recorder if isinstance(log, EventLog) else None):
                    if entries:
                        log.append(entries, (), 0)
                found, complete_to = log.read_sources(asked, upto=upto)
                assert found == expected
                assert complete_to == min(last, len(entries))
                if isinstance(log, EventLog):
                    known = log.entries_of(entry_id(position) for position in (1, 2, 99))
                    assert known == {each.id: each for each in entries[:2]}

    complete()
