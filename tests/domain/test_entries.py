"""Ids of entries: in the order of time, and the same again for the same command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from reps_ledger.domain.entries import derived_id, time_ordered_id, unique
from reps_ledger.domain.time import EPOCH

instants = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 — its bounds are naive by definition
    timezones=st.just(UTC),
)
chances = st.binary(min_size=10, max_size=10)
MILLISECOND: Final = timedelta(milliseconds=1)


@given(instants, chances)
def test_an_id_is_a_uuid_of_version_7(now: datetime, chance: bytes) -> None:
    """As RFC 9562 says: 48 bits of milliseconds, version, variant, and 74 bits of chance."""
    text = time_ordered_id(now, chance)
    made = UUID(text)
    assert str(made) == text
    assert made.version == 7
    assert made.int >> 62 & 0b11 == 0b10
    assert made.int >> 80 == (now - EPOCH) // MILLISECOND
    random = int.from_bytes(chance)
    assert made.int >> 64 & 0xFFF == random >> 64 & 0xFFF
    assert made.int & (2**62 - 1) == random & (2**62 - 1)


@given(instants, instants, chances, chances)
def test_ids_sort_by_time(one: datetime, other: datetime, first: bytes, second: bytes) -> None:
    """Whatever the chance, the id of a later millisecond is the greater text."""
    if (one - EPOCH) // MILLISECOND < (other - EPOCH) // MILLISECOND:
        assert time_ordered_id(one, first) < time_ordered_id(other, second)


def test_ids_of_one_instant_differ() -> None:
    """Without a given chance, it is drawn anew; before 1970 the time is that of 1970."""
    now = datetime(2018, 1, 1, tzinfo=UTC)
    assert len({time_ordered_id(now) for _ in range(100)}) == 100
    early = UUID(time_ordered_id(EPOCH - timedelta(days=1)))
    assert early.int >> 80 == 0


@given(st.text(), st.integers(0, 5), st.text(), st.integers(0, 5))
def test_a_derived_id_is_of_command_and_number(one: str, i: int, other: str, j: int) -> None:
    """The same again for the same; another for any other command or number."""
    assert (derived_id(one, i) == derived_id(other, j)) == ((one, i) == (other, j))


@given(st.lists(st.sampled_from("abc")))
def test_unique_keeps_the_first_of_each(tags: list[str]) -> None:
    """Each once, where it was first."""
    assert unique(tags) == tuple(sorted(set(tags), key=tags.index))
