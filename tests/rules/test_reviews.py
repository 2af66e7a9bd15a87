"""Rules about leave, notices, applications, reviews, exemptions, charters and policies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

import reps_ledger as rl
from reps_ledger.domain.validation import MAX_DEPTH
from reps_ledger.policies import Policy, digest, dumps, on_leave, when
from scenarios import APR, AUG, FEB, JAN, JUL, JUN, MAR, MAY, NOW, correct, given, joined, retract

BOTH: Final = joined("ana", "ben")
RETURN: Final = datetime(2018, 6, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
LEAVE: Final = rl.LeaveStarted(member="ana", expected_return=RETURN)
OPEN_LEAVE: Final = rl.LeaveStarted(member="ana")
BACK: Final = rl.LeaveEnded(member="ana")
NOTICE: Final = rl.NoticeSent(member="ana", notice="n1", stage="nudge")
ANSWER: Final = rl.NoticeAnswered(member="ana", notice="n1")
APPLIED: Final = rl.ApplicationFiled(member="ana", role="mentor", community="id")
ADMITTED: Final = rl.ApplicationDecided(member="ana", role="mentor", community="id", outcome="accepted")
OPENED: Final = rl.ReviewOpened(member="ana", review="r1", policy="p")
CHARTER: Final = 'charter = "reps"\nversion = "1"'
DECIDED: Final = rl.ReviewDecided(member="ana", review="r1", outcome="active")


def test_a_leave_ends_after_it_starts() -> None:
    """A leave whose expected return is not after its start is refused."""
    given(BOTH).when((LEAVE, RETURN)).then_refused("return_before_start", "2018-06-01", because=())
    given(BOTH).when((LEAVE, JUL)).then_refused("return_before_start", "2018-07-01", because=())
    given(BOTH).when((LEAVE, RETURN - TICK)).then_recorded()


def test_nobody_is_on_leave_twice() -> None:
    """A second leave is refused during the first, with the first."""
    for first in (LEAVE, OPEN_LEAVE):
        given(BOTH, (first, FEB)).when((OPEN_LEAVE, MAR)).then_refused(
            "on_leave", "ana", "2018-02-01", because=[2]
        )


def test_two_problems_of_a_leave() -> None:
    """A leave that ends before it starts, while on leave, is refused for both."""
    story = given(BOTH, (OPEN_LEAVE, FEB))
    story.when((LEAVE, JUL)).then_refused_all((0, "return_before_start"), (0, "on_leave"))


@pytest.mark.parametrize(("at", "on_leave"), [(RETURN - TICK, True), (RETURN, False)])
def test_a_leave_lapses_at_its_expected_return(at: datetime, *, on_leave: bool) -> None:
    """At exactly the expected return a member is on leave no longer: rules and views agree."""
    story = given(BOTH, (LEAVE, FEB))
    assert story.ledger.as_of(at).member("ana").membership.on_leave is on_leave
    again = story.when((OPEN_LEAVE, at))
    if on_leave:
        again.then_refused("on_leave", because=[2])
    else:
        again.then_recorded()


def test_a_lapsed_leave_may_still_be_closed() -> None:
    """A leave that lapsed may be ended afterwards, once."""
    story = given(BOTH, (LEAVE, FEB))
    story = story.when((BACK, AUG)).then_recorded()
    story.when((BACK, AUG)).then_refused("not_on_leave", "ana", "2018-08-01", because=())


def test_only_who_is_on_leave_comes_back() -> None:
    """Coming back is refused of who never went, and before they went."""
    given(BOTH).when((BACK, MAR)).then_refused("not_on_leave", "ana", "2018-03-01", because=())
    given(BOTH, (LEAVE, APR)).when((BACK, MAR)).then_refused("not_on_leave", because=())


def test_leaves_do_not_overlap_backwards() -> None:
    """A backdated leave that runs into a later one is refused; one that ends before is not."""
    story = given(BOTH, (OPEN_LEAVE, MAY))
    story.when((LEAVE, MAR)).then_refused("contradicts_later", because=[2])
    short = rl.LeaveStarted(member="ana", expected_return=datetime(2018, 5, 1, tzinfo=UTC))
    story.when((short, MAR)).then_recorded()


def test_an_end_of_leave_may_not_come_before_a_later_one() -> None:
    """A backdated end would leave the later end with no leave to end."""
    given(BOTH, (OPEN_LEAVE, FEB), (BACK, MAY)).when((BACK, APR)).then_refused(
        "contradicts_later", because=[3]
    )


def test_only_a_notice_sent_to_them_is_answered() -> None:
    """An answer is refused to a notice unknown, not sent by then, or sent to another."""
    given(BOTH).when((ANSWER, MAR)).then_refused("no_notice", "n1", "ana", because=())
    story = given(BOTH, (NOTICE, APR))
    story.when((ANSWER, MAR)).then_refused("no_notice", because=())
    ben = rl.NoticeAnswered(member="ben", notice="n1")
    story.when((ben, MAY)).then_refused("no_notice", "n1", "ben", because=[2])


def test_only_an_open_application_is_decided() -> None:
    """A decision is refused without an application for that very role, and a second one."""
    given().when((ADMITTED, MAR)).then_refused("no_application", "ana", "mentor in id", because=())
    story = given((APPLIED, FEB))
    elsewhere = rl.ApplicationDecided(member="ana", role="mentor", outcome="accepted")
    story.when((elsewhere, MAR)).then_refused("no_application", "mentor", because=())
    story.when((ADMITTED, JAN)).then_refused("no_application", because=())
    story = story.when((ADMITTED, MAR)).then_recorded()
    story.when((ADMITTED, APR)).then_refused("no_application", because=())
    story.when((ADMITTED, FEB)).then_refused("contradicts_later", because=[1])
    story.when((APPLIED, APR)).then_recorded().when((ADMITTED, MAY)).then_recorded()


def test_a_review_is_opened_once() -> None:
    """A review's name is used once, also of another member and after its decision."""
    story = given(BOTH, (OPENED, FEB))
    story.when((OPENED, MAR)).then_refused("review_exists", "r1", "2018-02-01", because=[2])
    ben = rl.ReviewOpened(member="ben", review="r1", policy="p")
    story.when((ben, MAR)).then_refused("review_exists", "r1", because=[2])
    story.when((ben, JAN)).then_refused("contradicts_later", "r1", because=[2])
    story = story.when((DECIDED, MAR)).then_recorded()
    story.when((OPENED, APR)).then_refused("review_exists", because=[2, 3])


def test_only_an_open_review_of_them_is_decided() -> None:
    """A decision is refused of a review unknown, of another member, not opened by then."""
    given(BOTH).when((DECIDED, MAR)).then_refused("no_review", "r1", "ana", because=())
    story = given(BOTH, (OPENED, FEB))
    ben = rl.ReviewDecided(member="ben", review="r1", outcome="active")
    story.when((ben, MAR)).then_refused("no_review", "ben", because=[2])
    story.when((DECIDED, JAN)).then_refused("no_review", because=())


def test_a_review_is_decided_once() -> None:
    """A second decision is refused with the first, and a backdated one contradicts it."""
    story = given(BOTH, (OPENED, FEB), (DECIDED, APR))
    story.when((DECIDED, MAY)).then_refused("already_decided", "r1", "2018-04-01", because=[3])
    story.when((DECIDED, MAR)).then_refused("contradicts_later", "2018-03-01", because=[3])
    ben = rl.ReviewDecided(member="ben", review="r1", outcome="active")
    story.when((ben, JUN)).then_refused_all((0, "no_review"), (0, "already_decided"))


@pytest.mark.parametrize(
    "document",
    [
        CHARTER,
        '{"charter": "reps", "version": "1"}',
        '  {"charter": "reps", "version": "1", "roles": {}}',
        CHARTER + "\n[roles.mentor]\nseats = 2",
    ],
)
def test_a_charter_is_toml_or_json(document: str) -> None:
    """A charter that makes sense, written as TOML or as JSON, is adopted."""
    given().when(rl.CharterAdopted(document=document, version="1")).then_recorded()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "empty"),
        ("# only a remark", "empty"),
        ("{}", "empty"),
        ("not toml", "="),
        ('{"name": ', "line 1"),
        ('[1, 2]\nx"', "line"),
        ('{"a": ' * MAX_DEPTH + '{"b": 1}' + "}" * MAX_DEPTH, "deep"),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "deep"),
        ('{"a": ' + "[" * 40_000 + "]" * 40_000 + "}", "deep"),
        ("a = " + "[" * 40_000 + "]" * 40_000, "deep"),
        ("a" + ".b" * 2_000 + " = 1", "deep"),
        ('{"a": NaN, "b": 1', "NaN"),
    ],
)
def test_a_charter_that_cannot_be_read_is_refused(document: str, why: str) -> None:
    """What is no table, empty or nested too deeply is refused, and says why."""
    fact = rl.CharterAdopted(document=document, version="1")
    (refusal,) = given().when(fact).refusals()
    assert refusal.code == "invalid_charter"
    assert why in refusal.words
    assert len(refusal.words) < 1_000


def test_a_charter_never_judges_the_past() -> None:
    """A charter governs from its adoption or later, and not from before; a correction too."""

    def charter(since: date | None) -> rl.Fact:
        start = since and datetime(since.year, since.month, since.day, tzinfo=UTC)
        return rl.CharterAdopted(document=CHARTER, version="1", effective_from=start)

    story = given()
    story.when((charter(FEB), MAR)).then_refused(
        "retroactive", "2018-03-01", "2018-02-01", "past", because=()
    )
    later = [(charter(MAR), MAR), (charter(APR), MAR), (charter(None), MAR)]
    story = story.when(*later).then_recorded()
    story.when(correct(0, charter(FEB))).then_refused("retroactive", because=())
    story.when(correct(0, charter(FEB), JAN)).then_recorded()


def test_a_charter_that_is_adopted_in_the_middle_of_a_day() -> None:
    """That very day will do as its effective date; it governs from its adoption."""
    today = rl.CharterAdopted(document=CHARTER, version="1", effective_from=NOW.replace(hour=0))
    given().when(today).then_recorded()
    day = timedelta(days=1)
    edge = rl.CharterAdopted(document=CHARTER, version="1", effective_from=NOW - day)
    given().when(edge).then_recorded()
    for earlier in (NOW - day - timedelta(microseconds=1), NOW - 2 * day):
        before = rl.CharterAdopted(document=CHARTER, version="1", effective_from=earlier)
        given().when(before).then_refused("retroactive", because=())


def stated(version: str) -> rl.PolicyStated:
    """Say the words of a version of a policy."""
    policy = Policy("activity", cases=[when(on_leave()).then("active")], otherwise="quiet")
    policy = evolve(policy, version=version)
    return rl.PolicyStated(policy="activity", version=version, document=dumps(policy), digest=digest(policy))


def test_a_policy_is_stated_once() -> None:
    """The same digest is stated once, before or after; another version has another one."""
    policy = stated("1")
    story = given((policy, MAR))
    story.when((policy, APR)).then_refused("already_stated", "activity 1", policy.digest, because=[0])
    story.when((policy, FEB)).then_refused("contradicts_later", because=[0])
    story.when((stated("2"), APR)).then_recorded()
    story.when(retract(0)).then_recorded().when((policy, APR)).then_recorded()
