"""Views: what was true at an instant, as known at a position, and never anything else later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import example
from hypothesis import given as for_all
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, REGISTRY, Offer, fill, histories, open_ledger
from reps_ledger.domain.entries import people_in
from reps_ledger.policies import Dossier
from reps_ledger.views import MemberView
from reps_ledger.views.evaluator import PolicyEvaluator
from scale import examples
from scenarios import APR, FEB, JAN, JUN, MAR, NOON, correct, given, joined, merged, retract

if TYPE_CHECKING:
    from collections.abc import Callable

TICK: Final = timedelta(microseconds=1)
REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", community="id")
END: Final = datetime(2041, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("UTC", datetime(2018, 3, 2, tzinfo=UTC)),
        ("Asia/Jakarta", datetime(2018, 3, 1, 17, tzinfo=UTC)),
        ("America/New_York", datetime(2018, 3, 2, 5, tzinfo=UTC)),
    ],
)
def test_a_date_is_the_end_of_its_day(zone: str, end: datetime) -> None:
    """As of a date, all that happened on it in the ledger's zone counts, and nothing after."""
    story = given(joined("ana"), (REPORT, end - TICK), (REPORT, end), zone=zone)
    view = story.ledger.as_of(date(2018, 3, 1))
    assert view.valid_at == end - TICK
    assert [entry.id for entry in view.history("ana")] == [story.ids[0], story.ids[1]]
    assert len(story.ledger.as_of(date(2018, 3, 2)).history("ana").entries) == 3
    assert len(story.ledger.as_of(date(2018, 2, 28)).history("ana").entries) == 1


def test_a_day_of_an_entry_is_one_of_the_zone() -> None:
    """A fact of a day starts with it in the ledger's zone, and so do days inside facts."""
    story = given(joined("ana"), zone="Asia/Jakarta")
    fact = rl.RoleAssigned(member="ana", role="mentor", until=APR)
    receipt = story.ledger.record(fact, by="council", occurred_at=MAR)
    assert receipt.entry.occurred_at == datetime(2018, 2, 28, 17, tzinfo=UTC)
    assert receipt.entry.fact.until == datetime(2018, 3, 31, 17, tzinfo=UTC)
    assert "mentor" in story.ledger.as_of(date(2018, 3, 31)).member("ana").roles
    assert "mentor" not in story.ledger.as_of(APR).member("ana").roles


def test_a_datetime_sees_its_own_instant() -> None:
    """As of an instant, what happened at it counts; in whatever zone it is written."""
    story = given(joined("ana"), (REPORT, NOON))
    east = NOON.astimezone(timezone(timedelta(hours=7)))
    for instant, count in ((NOON, 2), (NOON - TICK, 1), (east, 2)):
        assert len(story.ledger.as_of(instant).history("ana").entries) == count


def test_now_is_what_the_clock_says() -> None:
    """Without an instant a view is of now, and does not see what is announced for later."""
    announced = rl.ReportFiled(member="ana", activity="talk", announced=True)
    story = given(joined("ana"), (announced, END))
    assert len(story.ledger.as_of().history("ana").entries) == 1
    assert len(story.ledger.as_of(END).history("ana").entries) == 2
    assert story.ledger.as_of().valid_at == datetime(2020, 1, 1, 12, tzinfo=UTC)


def test_known_at_a_position_a_receipt_or_a_moment() -> None:
    """What was known can be asked by position, by receipt, and by when it was recorded."""
    times = iter(range(100))
    start = datetime(2019, 1, 1, tzinfo=UTC)
    with rl.open(None, clock=lambda: start + timedelta(hours=next(times))) as ledger:
        first = ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=JAN)
        second = ledger.record(REPORT, by="x", occurred_at=FEB)
        third = ledger.record(REPORT, by="x", occurred_at=MAR)
        recorded = second.entry.recorded_at
        known: list[tuple[Any, int]] = [
            (0, 0),
            (1, 1),
            (first, 1),
            (second, 2),
            (third, 3),
            (None, 3),
            (99, 3),
            (recorded, 2),
            (recorded - TICK, 1),
            (recorded.astimezone(timezone(timedelta(hours=-3))), 2),
            (END, 3),
            (start - timedelta(days=1), 0),
        ]
        for known_at, position in known:
            view = ledger.as_of(END, known_at=known_at)
            assert view.known_at == position
            assert [entry.position for entry in view.history()] == list(range(1, position + 1))
            assert view.member("ana").membership.is_member is (position > 0)


BAD: Final[dict[str, Callable[[rl.Ledger], object]]] = {
    "text for a date": lambda ledger: ledger.as_of("2018-01-01"),  # type: ignore[arg-type]  # what is refused
    "a number for a date": lambda ledger: ledger.as_of(2018),  # type: ignore[arg-type]  # what is refused
    "a naive datetime": lambda ledger: ledger.as_of(datetime(2018, 1, 1)),  # noqa: DTZ001 — a naive one is refused
    "the last day of all": lambda ledger: ledger.as_of(date.max),
    "a naive moment": lambda ledger: ledger.as_of(JAN, datetime(2018, 1, 1)),  # noqa: DTZ001 — a naive one is refused
    "a negative position": lambda ledger: ledger.as_of(JAN, known_at=-1),
    "a flag for a position": lambda ledger: ledger.as_of(JAN, known_at=True),
    "a date for a position": lambda ledger: ledger.as_of(JAN, known_at=JAN),  # type: ignore[arg-type]  # what is refused
    "text for a position": lambda ledger: ledger.as_of(JAN, known_at="1"),  # type: ignore[arg-type]  # what is refused
    "two histories": lambda ledger: ledger.history("ana", community="id"),
    "an unknown dimension": lambda ledger: ledger.as_of().census(by="height"),
    "an unknown dimension among others": lambda ledger: ledger.as_of().census(by=("kind", "x")),
    "a census after the view": lambda ledger: ledger.as_of(JAN).census(at=[FEB]),
    "a census of a naive time": lambda ledger: ledger.as_of().census(at=[datetime(2018, 1, 1)]),  # noqa: DTZ001 — a naive one is refused
    "a census of text": lambda ledger: ledger.as_of().census(at=["2018"]),  # type: ignore[list-item]  # what is refused
    "text to reconcile": lambda ledger: ledger.reconcile(at="2018"),  # type: ignore[arg-type]  # what is refused
    "a bad export": lambda ledger: ledger.export("/dev/null/x", known_at=-1),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_questions_are_typed_errors(case: str) -> None:
    """A question that makes no sense is an InvalidInput that says so."""
    with pytest.raises(rl.InvalidInput):
        BAD[case](given(joined("ana")).ledger)


def test_an_unknown_zone_is_a_typed_error() -> None:
    """A ledger does not open in a zone that does not exist."""
    with pytest.raises(rl.InvalidTime, match="Mars"):
        rl.open(None, zone="Mars/Olympus")


def test_histories_are_in_effective_order() -> None:
    """Histories are in order of occurrence, ties by position, whatever was recorded first."""
    story = given(joined("ana", "ben", on=JAN), (MENTOR, JUN), (REPORT, FEB), (REPORT, NOON), (REPORT, FEB))
    order = [story.ids[n] for n in (0, 1, 3, 5, 4, 2)]
    assert [entry.id for entry in story.ledger.history()] == order
    assert [entry.id for entry in story.ledger.history("ana")] == [
        one for one in order if one != story.ids[1]
    ]


def test_the_history_of_a_community() -> None:
    """A community's history is what names it now: corrected in or out, and renamed."""
    elsewhere = rl.RoleAssigned(member="ana", role="mentor", community="other")
    story = given(
        (rl.CommunityFounded(community="id"), JAN),
        joined("ana", "ben", on=JAN),
        (MENTOR, MAR),
        (rl.CommunityJoined(member="ben", community="id"), FEB),
        correct(3, elsewhere),
        merged("ana", "ben", JUN),
    )
    told = [(entry.name, entry.id) for entry in story.ledger.history(community="id")]
    assert told == [("community.founded", story.ids[0]), ("community.joined", story.ids[4])]
    assert story.ledger.history(community="id").entries[1].fact.member == "ana"
    (other,) = story.ledger.history(community="other")
    assert other.id == story.ids[5]
    assert story.ledger.history(community="nowhere").entries == ()
    before = story.ledger.as_of(known_at=5).history(community="id")
    assert [entry.id for entry in before] == [story.ids[n] for n in (0, 4, 3)]


def test_a_history_can_be_gone_through_again() -> None:
    """A history is read anew each time, and says of what as-of it is."""
    story = given(joined("ana"), (REPORT, FEB))
    history = story.ledger.as_of(MAR).history()
    assert history.entries == history.entries == tuple(history)
    assert (history.known_at, history.valid_at) == (2, datetime(2018, 3, 2, tzinfo=UTC) - TICK)
    story.when((REPORT, FEB)).then_recorded()
    assert len(history.entries) == 2


def test_a_merged_away_name_leads_to_the_kept_one() -> None:
    """Asked for a duplicate, a view gives the person; before the merge was known, the name."""
    story = given(joined("ana", "ben"), (MENTOR, FEB), merged("ben", "ana", JUN))
    ledger = story.ledger
    assert ledger.as_of().member("ana").member == "ben"
    assert ledger.as_of().member("ana").roles == ledger.as_of().member("ben").roles
    assert ledger.as_of(FEB).member("ben").roles.held("mentor", "id")
    before = ledger.as_of(known_at=3)
    assert (before.member("ana").member, before.member("ben").roles.ever) == ("ana", ())
    assert "ben" in repr(ledger.as_of().member("ana"))
    assert "known_at=3" in repr(before)


def told_by(view: rl.View) -> list[Any]:
    """Return all that a view says, as text, in full."""
    said: list[Any] = []
    for member in PEOPLE:
        one = view.member(member)
        said += [one.member, one.roles, one.membership, one.vouches, one.belonging, one.timeline]
        said.append(one.history)
    said += [view.history().entries, view.history(community="asia").entries]
    said += [view.roster(), view.census(by=("standing", "role", "vouch_level"))]
    said.append(view.vouch_graph())
    return [repr(one) for one in said]


@examples(0.6)
@for_all(told=histories(), later=histories(), day=st.dates(date(2018, 1, 1), date(2019, 3, 1)))
def test_a_view_never_changes(told: list[Offer], later: list[Offer], day: date) -> None:
    """What was known at a position is the same for ever, whatever is recorded afterwards."""
    with open_ledger() as ledger:
        receipts = fill(ledger, told)
        view = ledger.as_of(day)
        history = view.history()
        before = told_by(view)
        entries = history.entries
        fill(ledger, later)
        assert told_by(view) == before
        assert history.entries == entries
        again = ledger.as_of(day, known_at=len(receipts))
        assert told_by(again) == before


def unrelated(entries: list[rl.Entry]) -> list[tuple[Any, ...]]:
    """Return what entries say, in order."""
    return [(e.id, e.occurred_at, e.origin, e.fact) for e in entries]


def compare_members(told: list[Offer], instant: datetime) -> None:
    """Compare each member's view with everyone's history, read as a whole."""
    with open_ledger() as ledger:
        fill(ledger, told)
        view = ledger.as_of(instant)
        everyone = view.history().entries
        for member in PEOPLE:
            one = view.member(member)
            full = [e for e in everyone if one.member in people_in(e.fact, REGISTRY)]
            assert unrelated(list(one.history)) == unrelated(full)
            judging = PolicyEvaluator(view.reading, view.zone)
            again = MemberView(judging.subject(Dossier(one.member, full), instant), judging)
            assert repr(one.membership) == repr(again.membership)
            assert (one.roles, one.vouches, one.belonging, one.timeline) == (
                again.roles,
                again.vouches,
                again.belonging,
                again.timeline,
            )
        for community in ("asia", "indonesia"):
            full = [e for e in everyone if getattr(e.fact, "community", None) == community]
            found = view.history(community=community).entries
            assert unrelated(list(found)) == unrelated(full)


def without_merges(told: list[Offer]) -> list[Offer]:
    """Leave out what says that two are one."""
    return [one for one in told if not isinstance(one.fact, rl.MembersMerged)]


@examples(1.5)
@for_all(told=histories(), instant=st.sampled_from([datetime(2018, 6, 1, tzinfo=UTC), END]))
def test_a_members_view_is_their_part_of_everyones(told: list[Offer], instant: datetime) -> None:
    """A member's or community's history is that part of everyone's history, to the letter."""
    compare_members(without_merges(told), instant)


MERGED: Final = [
    *(
        Offer(fact=rl.MemberJoined(member=name), at=JAN, envelope={"by": "c"})
        for name in ("ana", "ben", "cleo")
    ),
    Offer(fact=rl.Vouched(member="cleo", voucher="ben"), at=FEB, envelope={"by": "c"}),
    Offer(fact=rl.MembersMerged(member="ana", duplicate="ben"), at=JUN, envelope={"by": "c"}),
]


@examples(0.6)
@for_all(told=histories())
@example(told=MERGED)
def test_a_members_view_is_their_part_of_everyones_after_merges(told: list[Offer]) -> None:
    """After merges too, a member's history names everyone as everyone's history does."""
    compare_members(told, END)


def test_a_corrected_history_is_known_from_the_correction_on() -> None:
    """Retractions, corrections and their own retractions show from their position on."""
    story = given(joined("ana"), (REPORT, FEB), retract(1), retract(2))
    counts = [len(story.ledger.as_of(known_at=position).history("ana").entries) for position in range(1, 5)]
    assert counts == [1, 2, 1, 2]


def test_entries_are_found_by_id() -> None:
    """An entry is found by its id, as recorded; another id is NotFound."""
    story = given(joined("ana"), (REPORT, FEB), retract(1))
    assert story.ledger.entry(story.ids[1]).fact == REPORT
    with pytest.raises(rl.NotFound, match="nothing"):
        story.ledger.entry("nothing")


def test_a_closed_ledger_answers_nothing() -> None:
    """Once closed, a ledger says so, whatever is asked; closing again is no matter."""
    ledger = given(joined("ana")).ledger
    ledger.close()
    ledger.close()
    asked: list[Callable[[], object]] = [
        ledger.as_of,
        ledger.history,
        ledger.entries,
        ledger.reconcile,
        lambda: ledger.position,
        lambda: ledger.entry("x"),
        lambda: ledger.record(REPORT, by="x"),
        lambda: ledger.import_history([]),
        lambda: ledger.export("x"),
        ledger.subscribe,
    ]
    for ask in asked:
        with pytest.raises(rl.Closed):
            ask()
