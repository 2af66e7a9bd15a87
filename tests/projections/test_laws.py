"""Laws of every projection: total, pure, immutable, and the same however a history is cut."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, REGISTRY, fill, histories, offers, open_ledger
from reps_ledger.domain.entries import people_in
from reps_ledger.projections import (
    belonging,
    membership,
    overview,
    profile,
    project_people,
    roles,
    timeline,
    vouches,
)
from reps_ledger.projections.census import overviews
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from histories import Offer

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

ZONE: Final = ZoneInfo("Asia/Jakarta")
ALL: Final[dict[str, Callable[[str], rl.Projection[Any]]]] = {
    "belonging": belonging,
    "membership": lambda member: membership(member, ZONE),
    "overview": lambda member: overview(member, ZONE),
    "profile": profile,
    "roles": roles,
    "timeline": timeline,
    "vouches": vouches,
}
every = pytest.mark.parametrize("name", ALL)
NOW: Final = datetime(2041, 1, 1, tzinfo=UTC)


def raw(told: list[Offer]) -> list[rl.Entry]:
    """Make entries of offers in any order, whatever the rules would say."""
    return [
        rl.Entry(
            id=f"e{position}",
            position=position,
            origin=position,
            recorded_at=NOW,
            occurred_at=offer.at if isinstance(offer.at, datetime) else datetime(2018, 1, 1, tzinfo=UTC),
            by="x",
            fact=offer.fact,
        )
        for position, offer in enumerate(told, 1)
    ]


RAW: Final = st.lists(offers(), max_size=20).map(raw)

_OF_SPANS: Final = {"belonging", "membership", "overview", "roles", "vouches"}


@every
def test_a_projection_says_which_it_is(name: str) -> None:
    """Every projection has its own name, and a version."""
    projection = ALL[name]("ana")
    assert (projection.name, projection.version) == (name, 2 if name in _OF_SPANS else 1)


@every
@examples(0.4)
@given(entries=RAW, cut=st.integers(0, 20))
def test_a_fold_may_be_cut_anywhere(name: str, entries: list[rl.Entry], cut: int) -> None:
    """A history folded in two parts with a checkpoint between gives the state of the whole."""
    projection = ALL[name]("ana")
    first = rl.project(projection, entries[:cut])
    checkpoint = rl.Checkpoint(name=projection.name, version=projection.version, state=first)
    assert rl.resume(projection, checkpoint, entries[cut:]).state == rl.project(projection, entries)


@every
@examples(0.4)
@given(entries=RAW)
def test_states_never_change(name: str, entries: list[rl.Entry]) -> None:
    """Each state is a value: hashable, equal when folded again, and untouched by going on."""
    projection = ALL[name]("ana")
    state, seen = projection.initial, []
    for entry in entries:
        state = projection.evolve(state, entry)
        seen.append((state, repr(state), hash(state)))
    assert all(repr(one) == text and hash(one) == mark for one, text, mark in seen)
    assert rl.project(ALL[name]("ana"), entries) == state
    assert ALL[name]("ana").initial == projection.initial


@every
@examples(0.4)
@given(entries=RAW)
def test_what_concerns_others_changes_nothing(name: str, entries: list[rl.Entry]) -> None:
    """Entries that do not name a member give the very same state back (a timeline takes all)."""
    others = [e for e in entries if "ana" not in people_in(e.fact, REGISTRY)]
    projection = ALL[name]("ana")
    state = rl.project(projection, others)
    assert state == projection.initial or (name == "timeline" and len(state) == len(others))


@examples(0.6)
@given(entries=RAW)
def test_any_history_can_be_asked_anything(entries: list[rl.Entry]) -> None:
    """Of any history, however illegal, every question has an answer."""
    person = rl.project(overview("ana", ZONE), entries)
    for at in [datetime(2017, 1, 1, tzinfo=UTC), *(e.occurred_at for e in entries), NOW]:
        person.membership.spells(at)
        person.membership.is_active(at)
        person.membership.is_on_leave(at)
        person.roles.at(at)
        person.communities(at)
    assert person.vouches.level == len({v.voucher for v in person.vouches.received})
    assert set(person.vouches.received).isdisjoint(person.vouches.withdrawn)
    assert person.belonging.skills == tuple(
        sorted(dict(person.belonging.areas), key=lambda a: (-dict(person.belonging.areas)[a], a))
    )


@examples(0.4)
@given(told=histories(), cut=st.integers(0, 25))
def test_everyone_in_one_pass_is_each_alone(told: list[Offer], cut: int) -> None:
    """Folding everyone together, in one go or going on, gives what folding each one gives."""
    with open_ledger() as ledger:
        fill(ledger, told)
        entries = ledger.history().entries
        together = project_people(roles, entries[:cut], REGISTRY)
        assert project_people(roles, entries[cut:], REGISTRY, together) is together
        named = {person for entry in entries for person in people_in(entry.fact, REGISTRY)}
        assert set(together) == named
        for member in PEOPLE:
            view = ledger.as_of().member(member)
            if view.member == member and member in together:
                assert together[member].ever == view.roles.ever


@examples(0.4)
@given(told=histories())
def test_overviews_at_many_instants_are_each_alone(told: list[Offer]) -> None:
    """Everyone's overviews through time, in one pass, are those of each instant alone."""
    with open_ledger() as ledger:
        fill(ledger, told)
        entries = ledger.history().entries
        instants = sorted({e.occurred_at for e in entries} | {NOW}, reverse=True)
        passing = [(at, dict(people)) for at, people in overviews(entries, instants, REGISTRY, ZONE)]
        assert [at for at, _ in passing] == sorted(instants)
        for at, people in passing:
            upto = [e for e in entries if e.occurred_at <= at]
            assert people == project_people(lambda m: overview(m, ZONE), upto, REGISTRY)


def test_a_checkpoint_of_another_projection_is_refused() -> None:
    """A checkpoint goes on only as the projection and version that it is of."""
    for name, version in (("vouches", 2), ("roles", 3)):
        checkpoint = rl.Checkpoint(name=name, version=version, state=roles("ana").initial)
        with pytest.raises(rl.InvalidInput, match=f"{name} version {version}"):
            rl.resume(roles("ana"), checkpoint, [])
