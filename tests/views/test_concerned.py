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
from reps_ledger.log import Reading, SQLiteRecorder
from reps_ledger.log import history as log_history
from reps_ledger.policies import Policy, count, facts, holds, reports, retired, weeks, when
from reps_ledger.policies.charter import Charter, Standing, dump_charter
from reps_ledger.policies.language.conditions import holds as is_so
from reps_ledger.projections import (
    DIMENSIONS,
    Defined,
    Overview,
    Standings,
    census,
    docket,
    overviews,
    project,
    roster,
)
from reps_ledger.testing.history import History, Told, entry_of
from reps_ledger.testing.strategies import charters, histories
from reps_ledger.views import concerned
from reps_ledger.views import evaluator as evaluator_of_views
from reps_ledger.views.evaluator import PolicyEvaluator
from reps_ledger.views.view import View
from scale import DEEP, examples, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from histories import Offer

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

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


def standings(evaluator: PolicyEvaluator, at: datetime) -> Standings | None:
    """Return how everybody who joined stands by the charter in force."""
    charter = evaluator.charter(at)
    if charter is None or charter.standing is None:
        return None
    stands = {subject.dossier.name: evaluator.stand(subject)[1] for subject in evaluator.members(at)}
    return {name: (stand.outcome, stand.active) for name, stand in stands.items()}


def by_reading_everybody(view: View, seats: Iterable[Seat]) -> dict[Seat, Any]:
    """Make rosters of everybody's overviews."""
    registry = view.reading.log.codec.registry
    ((at, people),) = overviews(view.reading.everyone(), [view.valid_at], registry, view.zone)
    standing = standings(PolicyEvaluator(view.reading, view.zone), at)
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
    asked_all = ledger.as_of(at, known_at)
    for (role, community), expected in by_reading_everybody(asked_all, seats).items():
        alone = ledger.as_of(at, known_at)
        for view in (asked_all, alone):
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
@examples(0.5)
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
@examples(1)
@given(told=offered(), cut=st.integers(0, 30))
def test_what_is_waiting_is_what_waits_for_anybody(told: list[Offer], cut: int) -> None:
    """Of facts of every kind that the rules allow: each docket and roster, as known at any position."""
    check_dockets(told, cut)


@examples(0.8)
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


@examples(0.6)
@given(history=identities.histories(), kept=st.sampled_from([3, 100_000]), data=st.data())
def test_a_census_in_one_pass_counts_as_one_of_each_instant(history: History, kept: int, data: Any) -> None:
    """Person after person, whatever is kept in memory, as over everybody at one instant after another."""
    by = tuple(data.draw(st.lists(st.sampled_from(sorted(DIMENSIONS)), max_size=2, unique=True)))
    definition = data.draw(st.sampled_from([None, "charter", holds("lead")]))
    instants = [day(number) for number in (6, 1, 12, 6)]
    with closing(with_charter(history).ledger()) as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator_of_views, "_KEPT", kept)
        view = ledger.as_of(day(12))
        expected: list[Any] = []
        for at in sorted(set(instants)):
            evaluator = PolicyEvaluator(view.reading, view.zone)
            registry = view.reading.log.codec.registry
            ((_, people),) = overviews(view.reading.everyone(), [at], registry, view.zone)
            defined = None if definition is None else defined_by(definition, evaluator, at, people)
            standing = standings(evaluator, at)
            expected += census(people.values(), at, by, standing=standing, defined=defined)
        assert view.census(by=by, at=instants, definition=definition) == tuple(expected)


def defined_by(
    definition: Any, evaluator: PolicyEvaluator, at: datetime, people: Mapping[str, Overview]
) -> Defined:
    """Return who counts as a member, by a condition or by the charter in force."""
    charter = evaluator.charter(at) if definition == "charter" else None
    programme = definition if definition != "charter" else None if charter is None else charter.member
    subjects = {d.name: evaluator.subject(d, at) for d in evaluator.everyone() if d.name in people}
    members = {
        name
        for name, subject in subjects.items()
        if (people[name].membership.joined_at is not None if programme is None else is_so(programme, subject))
    }
    local = () if charter is None else charter.communities
    communities = {
        community: {name for name, subject in subjects.items() if is_so(condition, subject)}
        for community, condition in local
    }
    return Defined(members=frozenset(members), communities=communities)


def test_a_view_that_is_asked_again_reads_nothing_again() -> None:
    """Of a log that there is room for, everybody is read once, and so is whoever a question is about."""
    with open_ledger() as ledger:
        people = [rl.MemberJoined(member=f"m{number}") for number in range(50)]
        ledger.record_all(people, by="x", occurred_at=day(0))
        role = [rl.RoleAssigned(member=f"m{number}", role="lead") for number in range(20)]
        ledger.record_all(role, by="x", occurred_at=day(1))
        notice = rl.NoticeSent(member="m3", notice="n", stage="nudge")
        ledger.record(notice, by="x", occurred_at=day(2))
        view = ledger.as_of(day(3))

        def ask() -> list[Any]:
            verdicts = [verdict.outcome for verdict in view.evaluate_all(LEANING)]
            return [view.roster(role="lead"), view.docket(), view.roster(), view.census(by="role"), verdicts]

        reads: list[object] = []
        read_rows = SQLiteRecorder.read_rows

        def counted(self: SQLiteRecorder, query: Any, **options: Any) -> Any:
            reads.append(query)
            return read_rows(self, query, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SQLiteRecorder, "read_rows", counted)
            first = ask()
            assert 0 < len(reads) < 20
            reads.clear()
            assert ask() == first
            assert reads == []


@pytest.mark.parametrize("room", [3, 100_000])
def test_others_are_read_together(room: int) -> None:
    """Whom a policy asks about is read with the others of a batch: the answers are those of each alone."""
    with open_ledger() as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator_of_views, "_KEPT", room)
        names = [f"m{number}" for number in range(30)]
        ledger.record_all([rl.MemberJoined(member=name) for name in names], by="x", occurred_at=day(0))
        ledger.record(rl.RoleAssigned(member="m7", role="lead"), by="x", occurred_at=day(0))
        vouches = [rl.Vouched(member=name, voucher="m7") for name in names[:5]]
        ledger.record_all(vouches, by="m7", occurred_at=day(1))
        found = {verdict.member: verdict.outcome for verdict in ledger.as_of(day(2)).evaluate_all(LEANING)}
        assert sorted(name for name, outcome in found.items() if outcome == "active") == names[:5]
        assert found == {name: ledger.as_of(day(2)).evaluate(LEANING, name).outcome for name in names}


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


RARE: Final = frozenset(
    {
        "what is corrected is not read",
        "corrections are not read",
        "corrections of a community are not read",
        "merges are not sought",
    }
)
"""Bugs that few histories show."""


def skip_if_rare(bug: str) -> None:
    """Leave what takes long to find to the deep run."""
    if bug in RARE and not DEEP:
        pytest.skip("looking for these takes up to half a minute: make test-deep does it")


@seconds(300)
@pytest.mark.parametrize("bug", sorted(PLANTED))
def test_a_bug_would_be_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a thousand histories; which ones is fixed."""
    skip_if_rare(bug)
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
    skip_if_rare(bug)
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
