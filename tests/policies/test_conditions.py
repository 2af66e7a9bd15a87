"""Conditions, one short story each, with the very instants at which they begin and end."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve

import reps_ledger as rl
from policies.making import TICK, ZONES, Dated, about, everything, moment
from reps_ledger.policies import *
from reps_ledger.policies.language import conditions
from reps_ledger.policies.subject import Dossier

if TYPE_CHECKING:
    from collections.abc import Sequence


ROLE: Final = rl.RoleAssigned(member="ana", role="rep")
IN_PARIS: Final = rl.RoleAssigned(member="ana", role="rep", community="paris")
TERM: Final = rl.RoleAssigned(member="ana", role="rep", until=moment("2018-06-01"))
ENDED: Final = rl.RoleEnded(member="ana", role="rep", how="resigned")
RETIRED: Final = rl.MemberRetired(member="ana", how="emeritus")
LEAVE: Final = rl.LeaveStarted(member="ana")
SHORT_LEAVE: Final = rl.LeaveStarted(member="ana", expected_return=moment("2018-06-01"))

HELD_DURING: Final[list[tuple[Condition, Sequence[Dated], str, str | None]]] = [
    (is_member(), [(rl.MemberJoined(member="ana"), "2018-03-01")], "2018-03-01", None),
    (
        is_member(),
        [(rl.MemberJoined(member="ana"), "2018-03-01"), (RETIRED, "2018-06-01")],
        "2018-03-01",
        None,
    ),
    (holds("rep"), [(ROLE, "2018-03-01")], "2018-03-01", None),
    (holds("rep"), [(ROLE, "2018-03-01"), (ENDED, "2018-06-01")], "2018-03-01", "2018-06-01"),
    (holds("rep"), [(TERM, "2018-03-01")], "2018-03-01", "2018-06-01"),
    (holds("rep"), [(TERM, "2018-03-01"), (ENDED, "2018-07-01")], "2018-03-01", "2018-06-01"),
    (holds("rep"), [(ROLE, "2018-03-01"), (RETIRED, "2018-06-01")], "2018-03-01", "2018-06-01"),
    (holds("rep"), [(ROLE, "2018-03-01"), (TERM, "2018-04-01")], "2018-03-01", None),
    (held("rep"), [(ROLE, "2018-03-01"), (ENDED, "2018-06-01")], "2018-03-01", None),
    (holds("rep", community="paris"), [(IN_PARIS, "2018-03-01")], "2018-03-01", None),
    (in_community("paris"), [(IN_PARIS, "2018-03-01")], "2018-03-01", None),
    (
        in_community("paris"),
        [
            (rl.CommunityJoined(member="ana", community="paris"), "2018-03-01"),
            (rl.CommunityLeft(member="ana", community="paris"), "2018-06-01"),
        ],
        "2018-03-01",
        "2018-06-01",
    ),
    (on_leave(), [(LEAVE, "2018-03-01")], "2018-03-01", None),
    (on_leave(), [(SHORT_LEAVE, "2018-03-01")], "2018-03-01", "2018-06-01"),
    (
        on_leave(),
        [(LEAVE, "2018-03-01"), (rl.LeaveEnded(member="ana"), "2018-06-01")],
        "2018-03-01",
        "2018-06-01",
    ),
    (on_leave(), [(LEAVE, "2018-03-01"), (RETIRED, "2018-06-01")], "2018-03-01", "2018-06-01"),
    (retired(), [(RETIRED, "2018-03-01")], "2018-03-01", None),
    (retired("emeritus"), [(RETIRED, "2018-03-01")], "2018-03-01", None),
    (
        retired(),
        [(RETIRED, "2018-03-01"), (rl.MemberReturned(member="ana"), "2018-06-01")],
        "2018-03-01",
        "2018-06-01",
    ),
    (retired(), [(RETIRED, "2018-03-01"), (ROLE, "2018-06-01")], "2018-03-01", "2018-06-01"),
    (
        affiliated("acme", kind="employee"),
        [
            (rl.AffiliationStarted(member="ana", organisation="acme", kind="employee"), "2018-03-01"),
            (rl.AffiliationEnded(member="ana", organisation="acme"), "2018-06-01"),
        ],
        "2018-03-01",
        "2018-06-01",
    ),
    (
        completed("onboarding"),
        [(rl.CourseCompleted(member="ana", course="onboarding", version="2"), "2018-03-01")],
        "2018-03-01",
        None,
    ),
    (
        accepted("nda", version="2"),
        [
            (rl.AgreementAccepted(member="ana", agreement="nda", version="2"), "2018-03-01"),
            (rl.AgreementRevoked(member="ana", agreement="nda", version="2"), "2018-06-01"),
        ],
        "2018-03-01",
        "2018-06-01",
    ),
    (
        accepted("nda"),
        [
            (rl.AgreementAccepted(member="ana", agreement="nda", version="1"), "2018-03-01"),
            (rl.AgreementRevoked(member="ana", agreement="nda", version="2"), "2018-06-01"),
        ],
        "2018-03-01",
        None,
    ),
    (
        exempt(),
        [
            (
                rl.ExemptionGranted(member="ana", policy="p", reason="ill", expires=moment("2018-06-01")),
                "2018-03-01",
            )
        ],
        "2018-03-01",
        "2018-06-01",
    ),
    (
        has_account("github"),
        [
            (rl.AccountLinked(member="ana", provider="github", account="a"), "2018-03-01"),
            (rl.AccountUnlinked(member="ana", provider="github", account="a"), "2018-06-01"),
        ],
        "2018-03-01",
        "2018-06-01",
    ),
    (
        has_account(),
        [(rl.MemberJoined(member="ana", account="ana@example.org"), "2018-03-01")],
        "2018-03-01",
        None,
    ),
    (on_or_after(date(2018, 3, 1)), [], "2018-03-01", None),
]


@pytest.mark.parametrize(
    ("condition", "told", "start", "end"), HELD_DURING, ids=lambda value: str(value)[:50]
)
def test_a_condition_holds_from_its_beginning_up_to_its_end(
    condition: Condition, told: Sequence[Dated], start: str, end: str | None
) -> None:
    """It holds on ``[start, end)``, to the microsecond, and its evidence is what began it."""
    subject = about(*told, at=start)

    def so(at: datetime) -> bool:
        return conditions.holds(condition, subject.moved(at))

    begun = moment(start)
    assert not so(begun - TICK)
    assert so(begun)
    leaf: Any = condition  # each is one leaf of a tree
    assert leaf.find(subject.moved(begun)).entries == (("e0",) if told else ())
    assert leaf.find(subject.moved(begun - TICK)).holds is False
    edges = set(leaf.edges(subject))
    assert begun in edges
    assert end is None or moment(end) in edges
    if end is None:
        assert so(moment("2030-01-01"))
    else:
        assert so(moment(end) - TICK)
        assert not so(moment(end))
        assert not so(moment("2030-01-01"))


def so(condition: Condition, *told: Dated, at: str = "2018-10-01") -> bool:
    """Return whether a condition holds at the end of a story."""
    return conditions.holds(condition, about(*told, at=at))


def test_roles_are_told_apart_by_name_and_place() -> None:
    """None is anywhere, an empty text the whole programme, else that community alone."""
    anywhere, whole, paris = (holds("rep", community=c) for c in (None, "", "paris"))
    assert [so(c, (ROLE, "2018-03-01")) for c in (anywhere, whole, paris)] == [True, True, False]
    told = (IN_PARIS, "2018-03-01")
    assert [so(c, told) for c in (anywhere, whole, paris)] == [True, False, True]
    assert not so(holds("mentor"), told)
    assert not so(held("rep", community="rome"), told)
    ended = (ENDED, "2018-06-01")
    assert so(holds("rep"), told, ended)  # the other role of that name was meant


def test_being_in_a_community_is_joining_it_or_a_role_there() -> None:
    """A role of the whole programme is in no community."""
    assert so(in_community(), (IN_PARIS, "2018-03-01"))
    assert not so(in_community(), (ROLE, "2018-03-01"))
    assert not so(in_community("rome"), (IN_PARIS, "2018-03-01"))


def test_affiliations_and_accounts_are_told_apart() -> None:
    """By organisation, kind and provider; the account of one's own is of no provider."""
    works: Dated = (rl.AffiliationStarted(member="ana", organisation="acme"), "2018-03-01")
    assert so(affiliated(), works)
    assert so(affiliated("acme"), works)
    assert not so(affiliated("umbrella"), works)
    assert not so(affiliated("acme", kind="employee"), works)
    own: Dated = (rl.MemberJoined(member="ana", account="a"), "2018-03-01")
    assert so(has_account(), own)
    assert not so(has_account("github"), own)
    assert not so(has_account(), (rl.MemberJoined(member="ana"), "2018-03-01"))


def test_courses_have_editions_and_exemptions_policies() -> None:
    """Without a version any will do; an exemption is from one policy."""
    course: Dated = (rl.CourseCompleted(member="ana", course="a", version="1"), "2018-03-01")
    assert so(completed("a"), course)
    assert so(completed("a", version="1"), course)
    assert not so(completed("a", version="2"), course)
    assert not so(completed("b"), course)
    other: Dated = (rl.ExemptionGranted(member="ana", policy="q", reason="ill"), "2018-03-01")
    assert not so(exempt(), other)
    assert so(exempt("q"), other)


def test_retirement_has_its_ways() -> None:
    """A way that is asked for must be the way."""
    assert so(retired("emeritus"), (RETIRED, "2018-03-01"))
    assert not so(retired("resigned"), (RETIRED, "2018-03-01"))


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_joining_before_and_since_are_of_the_start_of_the_day(zone: object) -> None:
    """Before a day is before its first instant in the zone; since a day is from it on."""
    from datetime import tzinfo

    assert isinstance(zone, tzinfo)
    start = moment("2018-03-01", zone)
    day = date(2018, 3, 1)
    for when, early in ((start - TICK, True), (start, False)):
        subject = about((rl.MemberJoined(member="ana"), when), at="2018-10-01", zone=zone)
        assert conditions.holds(joined(before=day), subject) == early
        assert conditions.holds(joined(since=day), subject) != early


def test_joining_is_known_only_once_it_happened() -> None:
    """Nobody has joined before they did, whatever the day; kinds must agree."""
    staff: Dated = (rl.MemberJoined(member="ana", kind="staff"), "2018-06-01")
    assert not so(joined(before=date(2019, 1, 1)), staff, at="2018-05-01")
    assert so(joined(before=date(2019, 1, 1)), staff)
    assert so(joined(kind="staff"), staff)
    assert not so(joined(kind="volunteer"), staff)
    assert not so(joined(since=date(2018, 1, 1), kind="volunteer"), staff)
    assert so(joined(since=date(2018, 6, 1), before=date(2018, 6, 2)), staff)
    leaf: Any = joined(kind="staff")
    subject = about(staff, at="2018-07-01")
    assert leaf.find(subject).entries == ("e0",)
    assert leaf.find(subject.moved(moment("2018-05-01"))).holds is False
    assert list(leaf.edges(subject)) == [moment("2018-06-01")]


def nudge(
    number: int, on: str, *, deadline: str | None = None, stage: str = "nudge", policy: str = "p"
) -> Dated:
    """Tell that ana was sent a notice."""
    until = None if deadline is None else moment(deadline)
    fact = rl.NoticeSent(member="ana", notice=f"n{number}", stage=stage, policy=policy, deadline=until)
    return fact, on


def answer(number: int, on: str) -> Dated:
    """Tell that ana answered one."""
    return rl.NoticeAnswered(member="ana", notice=f"n{number}"), on


def test_a_notice_is_of_a_stage_and_a_policy() -> None:
    """Without a stage any will do; without a policy, this one."""
    told = nudge(1, "2018-09-01")
    assert so(noticed(), told)
    assert so(noticed("nudge"), told)
    assert not so(noticed("warning"), told)
    assert not so(noticed(policy="q"), told)
    assert so(noticed(policy="q"), nudge(1, "2018-09-01", policy="q"))
    assert not so(noticed(), told, at="2018-08-31")


def test_a_notice_was_sent_so_long_ago() -> None:
    """At least four weeks ago is from four weeks on; the last notice is the one that counts."""
    told = nudge(1, "2018-09-03")
    asked = noticed("nudge", ago=weeks(4))
    assert so(asked, told, at="2018-10-01")
    assert not so(asked, told, at="2018-09-30 23:59:59.999999")
    assert not so(asked, told, nudge(2, "2018-09-20"))
    assert so(asked, told, nudge(2, "2018-09-20", stage="warning"))


def test_a_deadline_passes_at_its_instant() -> None:
    """Overdue from the deadline on; a notice without one never is."""
    told = nudge(1, "2018-09-01", deadline="2018-10-01")
    assert so(noticed(overdue=True), told, at="2018-10-01")
    assert not so(noticed(overdue=True), told, at="2018-09-30 23:59:59.999999")
    assert not so(noticed(overdue=True), nudge(1, "2018-09-01"), at="2030-01-01")


REPORT: Final = rl.ReportFiled(member="ana", activity="event")


@pytest.mark.parametrize(
    ("since", "silent"),
    [
        ([], True),
        ([answer(1, "2018-09-10")], False),
        ([(REPORT, "2018-09-10")], False),
        ([(REPORT, "2018-08-10")], True),
        ([(evolve(REPORT, passive=True), "2018-09-10")], True),
        ([(evolve(REPORT, announced=True), "2018-09-10")], True),
        ([(rl.Vouched(member="ben", voucher="ana"), "2018-09-10")], False),
        ([(rl.Vouched(member="ana", voucher="ben"), "2018-09-10")], True),
        ([(rl.RoleEnded(member="ana", role="rep", how="inactive"), "2018-09-10")], True),
        ([(REPORT, "2018-10-02")], True),
    ],
    ids=str,
)
def test_silence_is_neither_an_answer_nor_an_act(since: list[Dated], silent: bool) -> None:
    """Any act of theirs after the notice breaks the silence; what others do does not."""
    told = [nudge(1, "2018-09-01"), *since]
    assert so(noticed("nudge", heard=False), *told) == silent


def test_acts_at_the_instant_of_the_notice_go_by_their_order() -> None:
    """What was recorded after the notice, at the same instant, came after it."""
    assert not so(noticed(heard=False), nudge(1, "2018-09-01"), (REPORT, "2018-09-01"))
    assert so(noticed(heard=False), (REPORT, "2018-09-01"), nudge(1, "2018-09-01"))


def test_an_answer_is_to_the_notice_itself() -> None:
    """Heard means that very notice was answered; an act is none, nor an answer to another."""
    told = nudge(1, "2018-08-01"), nudge(2, "2018-09-01")
    assert so(noticed(heard=True), *told, answer(2, "2018-09-02"))
    assert not so(noticed(heard=True), *told, answer(1, "2018-09-02"))
    assert not so(noticed(heard=True), *told, (REPORT, "2018-09-02"))
    assert not so(noticed(heard=True), *told, answer(2, "2018-10-02"))


def decided(review: str, outcome: str, on: str, policy: str = "p", member: str = "ana") -> list[Dated]:
    """Tell of a review and its decision."""
    return [
        (rl.ReviewOpened(member=member, review=review, policy=policy), on),
        (rl.ReviewDecided(member=member, review=review, outcome=outcome), on),
    ]


def test_the_previous_outcome_is_what_was_decided_last() -> None:
    """Of this policy, by that instant; nothing before the first decision."""
    told = [*decided("r1", "bad", "2018-03-01"), *decided("r2", "good", "2018-06-01")]
    told += decided("r3", "ugly", "2018-07-01", policy="q")
    assert so(previously("good"), *told)
    assert so(previously("ugly", "good"), *told)
    assert not so(previously("bad"), *told)
    assert so(previously("bad"), *told, at="2018-05-01")
    assert not so(previously("bad", "good"), *told, at="2018-02-01")


def test_what_was_decided_of_others_is_no_previous_outcome() -> None:
    """Also where a history tells of them: before, between and after their own."""
    subject = about(
        *decided("r1", "bad", "2018-03-01", member="ben"),
        *decided("r2", "good", "2018-06-01"),
        *decided("r3", "ugly", "2018-07-01", member="ben"),
        at="2018-10-01",
    )
    whole = Dossier("ana", everything(subject))
    assert conditions.holds(previously("good"), subject.of(whole))
    assert not conditions.holds(previously("bad", "ugly"), subject.of(whole))


def test_a_previous_outcome_that_is_told_goes_before_decisions() -> None:
    """In a sequence of reviews that are computed, the one before is the previous."""
    subject: Subject = about(
        *decided("r1", "bad", "2018-03-01"), at="2018-10-01", previous=Previous("good", moment("2018-09-01"))
    )
    assert conditions.holds(previously("good"), subject)
    assert not conditions.holds(previously("bad"), subject)


def test_a_decision_is_of_a_review_that_was_open() -> None:
    """A review that is only opened later lends its policy to no decision of before."""
    decision = rl.ReviewDecided(member="ana", review="r1", outcome="good")
    opening = rl.ReviewOpened(member="ana", review="r1", policy="p")
    assert not so(previously("good"), (decision, "2018-09-01"), (opening, "2018-10-02"))
    assert not so(previously("good"), (decision, "2018-09-01"), (opening, "2018-09-02"))
    assert so(previously("good"), (opening, "2018-09-01"), (decision, "2018-09-01"))


def found(condition: Condition, *told: Dated, at: str = "2018-10-01") -> tuple[str, ...]:
    """Return by which entries a condition is found to hold or not."""
    leaf: Any = condition
    entries: tuple[str, ...] = leaf.find(about(*told, at=at)).entries
    return entries


def test_the_evidence_of_a_notice_is_what_was_sent_and_heard() -> None:
    """The last of that stage, and their last act since or every answer to it."""
    told = nudge(1, "2018-08-01"), nudge(2, "2018-09-01")
    assert found(noticed("nudge"), *told) == ("e1",)
    acts = (REPORT, "2018-09-02"), (REPORT, "2018-09-03")
    assert found(noticed(heard=False), *told, *acts) == ("e1", "e3")
    answers = answer(2, "2018-09-02"), answer(1, "2018-09-03"), answer(2, "2018-09-04")
    assert found(noticed(heard=True), *told, *answers) == ("e1", "e2", "e4")
    leaf: Any = noticed()
    assert leaf.find(about(at="2018-10-01")).holds is False


def test_a_notice_was_sent_so_long_ago_in_the_zone() -> None:
    """A month ago is a month of the ledger's days."""
    zone = ZoneInfo("Pacific/Auckland")
    sent = moment("2018-03-01", zone)
    fact = rl.NoticeSent(member="ana", notice="n1", stage="nudge", policy="p")
    subject = about((fact, sent), at=moment("2018-04-01", zone), zone=zone)
    asked = noticed(ago=months(1))
    assert conditions.holds(asked, subject)
    assert not conditions.holds(asked, subject.moved(subject.at - TICK))


def test_the_evidence_of_an_outcome_is_when_it_began_and_was_last_confirmed() -> None:
    """Decisions of other people and of other policies are none, wherever they stand among them."""
    other: list[Dated] = [
        (rl.ReviewOpened(member="ben", review="r9", policy="p"), "2018-03-01"),
        (rl.ReviewDecided(member="ben", review="r9", outcome="bad"), "2018-03-01"),
    ]
    told = [
        *decided("r1", "bad", "2018-02-01"),
        *decided("r2", "good", "2018-03-01"),
        *other,
        *decided("r3", "ugly", "2018-04-01", policy="q"),
        *decided("r4", "good", "2018-05-01"),
    ]
    assert found(previously("good"), *told) == ("e3", "e9")
    assert found(previously("bad"), *told) == ("e3", "e9")
    assert found(previously("bad"), *told, at="2018-02-15") == ("e1",)
    assert found(previously("good")) == ()
    leaf: Any = previously("good")
    assert leaf.find(about(at="2018-10-01")).holds is False
    edges = leaf.edges(about(*told, at="2018-01-01"))
    assert edges == [moment(day) for day in ("2018-02-01", "2018-03-01", "2018-05-01")]


def test_a_first_review_knows_of_no_previous_outcome() -> None:
    """Where reviews are computed one after another, decisions that were recorded are not asked."""
    told = decided("r1", "good", "2018-03-01")
    subject = about(*told, at="2018-10-01", previous=Previous("", moment("2018-01-01")))
    assert not conditions.holds(previously("good"), subject)
    assert not conditions.holds(in_outcome() >= weeks(1), subject)


def test_what_is_asked_of_a_notice_is_said() -> None:
    """What was heard, what was not, and that there never was one."""
    assert noticed("nudge").denial() == "a nudge under this policy was never sent to them"
    asked = noticed("nudge", ago=weeks(1), heard=True)
    assert asked.words() == (
        "their last nudge under this policy was sent at least 1 week ago (they answered it)"
    )
    assert asked.denial() == f"it is not so that {asked.words()}"
    named = noticed("their last", policy="their last")
    assert named.denial() == 'a "their last" under "their last" was never sent to them'
    assert retired("emeritus").denial() == "they are not retired (emeritus)"
