"""Profiles: the latest value of each field, at any as-of, whatever was corrected, retracted or merged."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from identities import PEOPLE, day, histories
from plain_amendments import plainly_among
from reps_ledger.domain.amendments import AMENDING
from reps_ledger.projections import (
    Profile,
    ProfileField,
    community_description,
    organisation_description,
    profile,
)
from reps_ledger.testing.history import History, Told, entry_of
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBJECTS: Final[Mapping[Any, str]] = {
    rl.MemberProfiled: "member",
    rl.CommunityDescribed: "community",
    rl.OrganisationDescribed: "organisation",
}
DESCRIBED: Final[list[Any]] = [rl.CommunityDescribed, rl.OrganisationDescribed]
BODIES: Final = ("docs", "web")
_OFTEN: Final = {"member.profiled"}

whole = st.integers(-1, 11).map(day)
"""Instants of histories, and one before and after all of them."""


def plainly(history: History, kind: type[Any], name: str, at: datetime) -> tuple[ProfileField, ...]:
    """Return the fields of a profile, by a plain look at every entry: the latest of each counts."""
    amendments = plainly_among(history.entries)
    recorded = {entry.id: entry for entry in history.entries}
    aliases = amendments["aliases"]
    latest: dict[str, tuple[datetime, int, rl.Entry, Any]] = {}
    for entry in history.entries:
        reads = recorded[amendments["readings"].get(entry.id, entry.id)]
        fact: Any = reads.fact.replacement if isinstance(reads.fact, rl.EntryCorrected) else reads.fact
        gone = entry.name in AMENDING or entry.id in amendments["retracted"]
        if gone or not isinstance(fact, kind) or reads.occurred_at > at:
            continue
        whose = getattr(fact, SUBJECTS[kind])
        if (aliases.get(whose, whose) if kind is rl.MemberProfiled else whose) != name:
            continue
        found = (reads.occurred_at, entry.position, reads, fact)
        if fact.field not in latest or latest[fact.field][:2] < found[:2]:
            latest[fact.field] = found
    return tuple(
        ProfileField(field=field, value=fact.value, since=since, recorded_in=reads.id)
        for field, (since, _, reads, fact) in sorted(latest.items())
        if fact.value is not None
    )


def folded(history: History, projection: rl.Projection[Profile], at: datetime) -> Profile:
    """Return a profile by its fold."""
    return rl.project(projection, (entry for entry in history.standing if entry.occurred_at <= at))


@pytest.mark.no_cover
@examples(4)
@given(history=histories(kinds=frozenset(_OFTEN)), known=st.integers(0, 20), at=whole)
def test_a_profile_is_the_latest_of_each_field(history: History, known: int, at: datetime) -> None:
    """Of a person with any identifiers, at any as-of: amended, merged and unmerged as they may be."""
    seen = history.known(known)
    aliases = seen.amendments.aliases
    for name in PEOPLE:
        kept = aliases.get(name, name)
        assert folded(seen, profile(kept), at).fields == plainly(seen, rl.MemberProfiled, kept, at)
        if kept != name:
            assert not folded(seen, profile(name), at)


@pytest.mark.no_cover
@examples(0.6)
@given(
    history=histories(kinds=frozenset(_OFTEN)),
    asked=st.lists(st.tuples(st.integers(0, 20), whole), min_size=1, max_size=4),
)
def test_views_say_what_the_fold_says(history: History, asked: list[tuple[int, datetime]]) -> None:
    """A view of a member, of a profile, and of several profiles: all are that one fold."""
    with closing(history.ledger()) as ledger:
        for known, at in asked:
            view = ledger.as_of(at, known_at=min(known, len(history)))
            seen = history.known(known)
            several = view.profiles(PEOPLE)
            for name in PEOPLE:
                kept = seen.amendments.aliases.get(name, name)
                wanted = Profile(of=kept, fields=plainly(seen, rl.MemberProfiled, kept, at))
                assert view.profile(name) == view.member(name).profile == several[kept] == wanted
                assert view.member(name).name == wanted.name


@st.composite
def descriptions(draw: st.DrawFn) -> History:
    """Make a history of descriptions, corrected also to be of something else, and retracted."""
    entries: list[rl.Entry] = []
    for position in range(1, draw(st.integers(1, 12)) + 1):
        kind: Any = draw(st.sampled_from(DESCRIBED))
        fact: rl.Fact = kind(
            **{SUBJECTS[kind]: draw(st.sampled_from(BODIES))},
            field=draw(st.sampled_from(["name", "link"])),
            value=draw(st.sampled_from([None, "one", "two"])),
        )
        what, targets = draw(st.integers(0, 3)), [e for e in entries if e.name != "entry.retracted"]
        if what == 0 and entries:
            fact = rl.EntryRetracted(target=draw(st.sampled_from(entries)).id, reason="wrong")
        elif what == 1 and targets:
            target = draw(st.sampled_from(targets))
            fact = rl.EntryCorrected(target=target.id, replacement=fact, reason="wrong")
        entries.append(entry_of(Told(fact, day(draw(st.integers(0, 9)))), position))
    return History(tuple(entries))


@pytest.mark.no_cover
@examples(1)
@given(history=descriptions(), asked=st.lists(st.tuples(st.integers(0, 12), whole), min_size=1, max_size=3))
def test_a_description_is_the_latest_of_each_field(
    history: History, asked: list[tuple[int, datetime]]
) -> None:
    """Of a community or an organisation, which may have one name: at any as-of, by the fold and by views."""
    with closing(history.ledger()) as ledger:
        for known, at in asked:
            view, seen = ledger.as_of(at, known_at=min(known, len(history))), history.known(known)
            for name in BODIES:
                community = plainly(seen, rl.CommunityDescribed, name, at)
                organisation = plainly(seen, rl.OrganisationDescribed, name, at)
                assert folded(seen, community_description(name), at).fields == community
                assert folded(seen, organisation_description(name), at).fields == organisation
                assert view.described(community=name) == Profile(of=name, fields=community)
                assert view.described(organisation=name) == Profile(of=name, fields=organisation)


def entry(fact: rl.Fact, at: datetime, position: int) -> rl.Entry:
    """Make an entry of a fact."""
    return entry_of(Told(fact, at), position)


def test_a_profile_reads_like_a_mapping() -> None:
    """Fields to values, in order of name; and of each the entry by which, and since when, it is so."""
    first = entry(rl.MemberProfiled(member="ana", field="name", value="Name One"), day(0), 1)
    link = entry(rl.MemberProfiled(member="ana", field="link", value="example.org"), day(1), 2)
    other = entry(rl.MemberProfiled(member="ben", field="name", value="Name Two"), day(1), 3)
    found = rl.project(profile("ana"), [first, link, other])
    assert [*found.items()] == [("link", "example.org"), ("name", "Name One")]
    assert (len(found), found["name"], found.get("email"), "link" in found) == (2, "Name One", None, True)
    assert found.name == "Name One"
    assert found.field("name") == ProfileField(
        field="name", value="Name One", since=datetime(2018, 1, 1, tzinfo=UTC), recorded_in=first.id
    )
    assert found.field("email") is None
    with pytest.raises(KeyError):
        found["email"]
    assert not rl.project(profile("ana"), [other])


def test_what_is_so_already_may_be_recorded_again() -> None:
    """The later entry is then the one by which it is so: values that are sealed cannot be compared."""
    again = [
        entry(rl.MemberProfiled(member="ana", field="name", value="Name One"), day(place), place + 1)
        for place in range(2)
    ]
    found = rl.project(profile("ana"), again).field("name")
    assert found is not None
    assert (found.value, found.since, found.recorded_in) == ("Name One", day(1), again[1].id)


def test_a_field_is_removed_and_comes_back() -> None:
    """Without a value a field is gone; what was never there is removed without harm."""
    told = [
        (rl.MemberProfiled(member="ana", field="email"), {}),
        (rl.MemberProfiled(member="ana", field="name", value="Name One"), {"name": "Name One"}),
        (rl.MemberProfiled(member="ana", field="name"), {}),
        (rl.MemberProfiled(member="ana", field="name", value="Name Two"), {"name": "Name Two"}),
    ]
    state = profile("ana").initial
    for place, (fact, wanted) in enumerate(told):
        state = profile("ana").evolve(state, entry(fact, day(place), place + 1))
        assert dict(state) == wanted
