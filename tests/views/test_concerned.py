"""Rosters and dockets read only the people concerned, and say what reading everybody says.

The reference reads everybody's history, and then leaves out whom the question is not about. Bugs are
planted in how the people concerned are found and read, to see that the comparison would notice.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import identities
import reps_ledger as rl
from histories import fill, open_ledger
from histories import histories as offered
from identities import day
from reps_ledger.domain.open_reviews import REVIEWS
from reps_ledger.log import Reading
from reps_ledger.log import history as log_history
from reps_ledger.policies import Policy, count, facts, holds, reports, retired, weeks, when
from reps_ledger.policies.charter import Charter, Standing, dump_charter
from reps_ledger.projections import docket, overviews, project, roster
from reps_ledger.testing.history import History, Told, entry_of
from reps_ledger.testing.strategies import charters, histories
from reps_ledger.views import concerned
from reps_ledger.views.evaluator import PolicyEvaluator
from reps_ledger.views.view import CensusInputs, View
from scale import examples, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from histories import Offer

LEANING: Final = Policy(
    "leaning",
    cases=[
        when(count(facts("vouch.given", lasting=True, voucher=holds("lead"))) >= 1).then("active"),
        when(count(facts("mentor.assigned", lasting=True, mentor=retired())) >= 1).then("led by the retired"),
        when(reports(within=weeks(4)) >= 1).then("active"),
    ],
    otherwise="quiet",
)
"""A policy that asks about other people too."""

CHARTER: Final = Charter(
    name="c",
    version="1",
    policies=(LEANING,),
    standing=Standing(policy="leaning"),
    member=holds("lead"),
    communities=(("docs", retired()),),
)
"""Who is active depends on others; a community's members are some who are not in it."""

Seat = tuple[str | None, str | None]
"""A role and a community that a roster is asked for."""

SEATS: Final[tuple[Seat, ...]] = (
    (None, None),
    ("lead", None),
    (None, "docs"),
    ("scribe", "docs"),
    ("nobody", "nowhere"),
)


def by_reading_everybody(view: View, seats: Iterable[Seat]) -> dict[Seat, Any]:
    """Make rosters of everybody's overviews."""
    registry = view.reading.log.codec.registry
    ((at, people),) = overviews(view.reading.everyone(), [view.valid_at], registry, view.zone)
    standing = CensusInputs(PolicyEvaluator(view.reading, view.zone), at).standing()
    return {
        (role, community): roster(people.values(), at, role=role, community=community, standing=standing)
        for role, community in seats
    }


def waiting_of_everybody(view: View, policy: str | None) -> tuple[list[Any], list[Any]]:
    """Return the open reviews with their outcomes, and the notices, by projecting everybody's history."""
    evaluator = PolicyEvaluator(view.reading, view.zone)
    reviews, notices = [], []
    for dossier in evaluator.everyone():
        subject = evaluator.subject(dossier, view.valid_at)
        state = project(docket(), subject.seen(dossier.entries))
        own = [sent for sent in state.notices.values() if policy in (None, sent.policy)]
        notices += own
        for opened in state.reviews.values():
            if policy in (None, opened.policy):
                then = view.valid_at if opened.as_of is None else opened.as_of
                words = evaluator.words_of(opened, then)
                outcome = words and evaluator.verdict(words, subject.moved(then)).outcome
                beside = tuple(sent for sent in own if sent.policy == opened.policy)
                reviews.append((opened, outcome, beside))
    return sorted(reviews, key=str), sorted(notices, key=str)


def same_rosters(ledger: rl.Ledger, at: datetime, known_at: int, seats: Iterable[Seat] = SEATS) -> None:
    """Compare rosters as of an instant and a position."""
    view = ledger.as_of(at, known_at)
    for (role, community), expected in by_reading_everybody(view, seats).items():
        assert view.roster(role=role, community=community) == expected


def same_docket(ledger: rl.Ledger, at: datetime, known_at: int, policies: Iterable[str | None]) -> None:
    """Compare every docket as of an instant and a position."""
    for policy in policies:
        view = ledger.as_of(at, known_at)
        found = view.docket(policy)
        reviews = [(item.opened, item.recommended, item.notices) for item in found]
        expected = waiting_of_everybody(view, policy)
        assert (sorted(reviews, key=str), sorted(found.notices, key=str)) == expected


def with_charter(history: History) -> History:
    """Return a history in which a charter is adopted last, for all its days."""
    adopted = rl.CharterAdopted(document=dump_charter(CHARTER), version="1")
    last = entry_of(Told(adopted, day(-1)), len(history) + 1)
    return evolve(history, entries=(*history.entries, last))


def check_rosters(history: History, cut: int, days: Iterable[int] = range(-1, 13, 2)) -> None:
    """Compare the rosters of a history on some days, as known at its end and at a position."""
    with closing(history.ledger()) as ledger:
        for at in map(day, days):
            for known_at in {min(cut, len(history)), len(history)}:
                same_rosters(ledger, at, known_at)


@seconds(120)
@examples(3)
@given(history=identities.histories(), chartered=st.booleans(), cut=st.integers(0, 20))
def test_a_roster_is_that_of_everybody(history: History, chartered: bool, cut: int) -> None:
    """Of people who may turn out to be one, with corrections, retractions, retirements and ties."""
    check_rosters(with_charter(history) if chartered else history, cut)


def policies_in(entries: Iterable[rl.Entry]) -> Iterator[str | None]:
    """Yield None, and the name of each policy that a review or a notice names."""
    yield None
    yield from {
        fact.policy
        for fact in (getattr(entry.fact, "replacement", entry.fact) for entry in entries)
        if isinstance(fact, rl.ReviewOpened | rl.NoticeSent) and fact.policy is not None
    }


OFFERED_SEATS: Final[tuple[Seat, ...]] = (("mentor", None), ("council", "asia"), (None, "indonesia"))


def check_dockets(told: list[Offer], cut: int) -> None:
    """Compare dockets and rosters of what the rules allow of some offers."""
    with open_ledger() as ledger:
        fill(ledger, told)
        entries = [*ledger.entries()]
        for at in sorted({entry.occurred_at for entry in entries})[::4]:
            for known_at in {min(cut, len(entries)), len(entries)}:
                same_docket(ledger, at, known_at, policies_in(entries))
                same_rosters(ledger, at, known_at, OFFERED_SEATS)


@seconds(120)
@examples(3)
@given(told=offered(), cut=st.integers(0, 30))
def test_what_is_waiting_is_what_waits_for_anybody(told: list[Offer], cut: int) -> None:
    """Of facts of every kind that the rules allow: each docket and roster, as known at any position."""
    check_dockets(told, cut)


@examples(2)
@given(data=st.data())
def test_whatever_a_charter_says(data: Any) -> None:
    """Under charters of all kinds: who is active by them, what their policies recommend."""
    history = data.draw(histories(max_size=20, charter=data.draw(charters()), zone=UTC))
    with closing(history.ledger()) as ledger:
        for at in sorted({entry.occurred_at for entry in history.entries})[::3]:
            same_docket(ledger, at, len(history), policies_in(history.entries))
            roles = {getattr(entry.fact, "role", None) for entry in history.entries}
            communities = {getattr(entry.fact, "community", None) for entry in history.entries}
            same_rosters(ledger, at, len(history), [*product(roles, communities)])


def test_a_charter_may_count_others_as_members() -> None:
    """Whom a charter counts as a community's members, its roster does not list: it says who is in it."""
    ledger = open_ledger()
    people = [rl.MemberJoined(member=name) for name in ("ana", "ben")]
    ledger.record_all(
        [*people, rl.CommunityJoined(member="ana", community="docs")], by="x", occurred_at=day(0)
    )
    ledger.record(rl.CharterAdopted(document=dump_charter(CHARTER), version="1"), by="x", occurred_at=day(0))
    ledger.record(rl.MemberRetired(member="ben", how="resigned"), by="x", occurred_at=day(1))
    view = ledger.as_of(day(2))
    assert [row.member for row in view.roster(community="docs")] == ["ana"]
    assert [name for name in ("ana", "ben") if view.is_member(name, community="docs")] == ["ben"]


SEARCH: Final = settings(max_examples=1_000, derandomize=True, database=None, phases=[Phase.generate])

_MENTORED: Final = frozenset({"member.joined", "mentor.assigned", "community.joined", "member.retired"})
_HELD: Final = frozenset({"member.joined", "role.assigned", "role.ended"})

PLANTED: Final[dict[str, tuple[frozenset[str] | None, Callable[[pytest.MonkeyPatch], None]]]] = {
    "merges are not sought": (
        _MENTORED,
        lambda patch: patch.setattr(log_history._Closure, "_seek_merges", lambda *_: None),
    ),
    "what is corrected is not read": (
        _HELD,
        lambda patch: patch.setattr(log_history, "_targets", lambda _: set()),
    ),
    "corrections of a community are not read": (
        _HELD,
        lambda patch: patch.setattr(log_history, "CORRECTIONS", frozenset()),
    ),
    "nobody has retired": (_MENTORED, lambda patch: patch.setattr(View, "_retired", lambda *_: set())),
    "who joined a community is not sought": (
        None,
        lambda patch: patch.setattr(concerned, "_IN", "role.assigned"),
    ),
    "nobody has entries of others": (
        _HELD,
        lambda patch: patch.setattr(
            Reading,
            "members",
            lambda self, names, members=Reading.members, **options: {
                name: [entry for entry in entries if entry.told is None]
                for name, entries in members(self, names, **options).items()
            },
        ),
    ),
}
"""Bugs in how the people concerned are found and read: the facts that show each, and what is wrong."""


@seconds(300)
@pytest.mark.parametrize("bug", sorted(PLANTED))
def test_a_bug_would_be_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a thousand histories; which ones is fixed."""
    kinds, plant = PLANTED[bug]
    plant(monkeypatch)

    def differs(history: History) -> bool:
        try:
            check_rosters(history, len(history), [3, 6, 12])
        except AssertionError:
            return True
        return False

    try:
        find(identities.histories(kinds=kinds), differs, settings=SEARCH)
    except NoSuchExample:
        pytest.fail(f"nobody noticed that {bug}")


PLANTED_IN_DOCKETS: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "notices are not sought": lambda patch: patch.setattr(concerned, "_DOCKET", REVIEWS),
    "corrections are not read": lambda patch: patch.setattr(Reading, "_amending", lambda _: []),
}


@seconds(300)
@pytest.mark.parametrize("bug", sorted(PLANTED_IN_DOCKETS))
def test_a_bug_of_dockets_would_be_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""
    PLANTED_IN_DOCKETS[bug](monkeypatch)

    def differs(told: list[Offer]) -> bool:
        try:
            check_dockets(told, 40)
        except AssertionError:
            return True
        return False

    try:
        find(offered(), differs, settings=SEARCH)
    except NoSuchExample:
        pytest.fail(f"nobody noticed that {bug}")
