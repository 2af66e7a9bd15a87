"""People whom facts name, asked as they are now: a mentor who is still there, a voucher who still may."""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given

import reps_ledger as rl
from charters.programmes import AFTER, BEFORE, codes, programme, story
from policies.every import EVERY
from policies.making import (
    TICK,
    about,
    everybody,
    everything,
    joins,
    moment,
    report,
    role,
    so,
    subjects,
    value,
    vouched,
)
from policies.test_lapses import changes_only_at_edges
from policies.test_shortfalls import the_need, ways
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import *
from reps_ledger.policies.charter import RoleClause
from reps_ledger.policies.documents.read import read_condition
from reps_ledger.policies.language.facts import Facts, NowFilter, WhoFilter
from reps_ledger.policies.language.reads import parts
from reps_ledger.policies.language.windows import Between
from reps_ledger.policies.outcomes import edges_after
from reps_ledger.replay.kernel import masks
from reps_ledger.replay.partitions import must_be_isolated
from reps_ledger.testing import History
from reps_ledger.testing.replayed import outcomes_by_kernel

if TYPE_CHECKING:
    from policies.making import Dated
    from reps_ledger.policies import Condition, Subject

AT: Final = "2018-10-01"
MENTORED: Final = count(facts("mentor.assigned", lasting=True, now={"mentor": ~retired()})) >= 1
VOUCHED: Final = facts("vouch.given", now={"voucher": holds("rep")})
OVER: Final = Between(until=date(2018, 6, 30))

MENTOR: Final[Dated] = (rl.MentorAssigned(member="ana", mentor="ben"), "2018-02-01")
VOUCH: Final = vouched("ana", "ben", "2018-02-01")
LATER: Final = vouched("ana", "cleo", "2018-03-01")
REP: Final = role("rep", member="ben", on="2018-01-01")
BEN: Final = [joins("ana"), joins("ben")]


def ends(member: str, on: str) -> Dated:
    """Tell that somebody is a Rep no more."""
    return rl.RoleEnded(member=member, role="rep", how="resigned"), on


ENDED: Final = ends("ben", "2018-06-01")


def retires(on: str, how: str = "resigned", member: str = "ben") -> Dated:
    """Tell that somebody, usually ben, retired."""
    return rl.MemberRetired(member=member, how=how), on


def asked(condition: Condition, name: str = "p") -> Policy:
    """Make the policy that asks for just that."""
    return Policy(name, cases=[when(condition).then("good")], otherwise="bad")


def truths(condition: Condition, *told: Dated, dates: list[str]) -> list[bool]:
    """Return whether a condition holds of ana at dates, as the reference and the kernel say."""
    known = everybody(*told)
    instants = [moment(each) for each in dates]
    found = [so(condition, known.subject("ana", each, UTC, policy="p")) for each in instants]
    history = History(known.entries)
    outcomes = outcomes_by_kernel(asked(condition), history, instants)["ana"]
    assert outcomes == ["good" if each else "bad" for each in found]
    return found


@pytest.mark.parametrize("how", ["died", "removed", "resigned"])
def test_a_mentor_who_is_gone_is_none(how: str) -> None:
    """A mentor who died or left is none any more, though nobody released them."""
    told = [*BEN, MENTOR, retires("2018-06-01", how)]
    dates = ["2018-01-15", "2018-05-31", "2018-06-01", AT]
    assert truths(MENTORED, *told, dates=dates) == [False, True, False, False]
    verdict = evaluate(asked(MENTORED), about(*told, at="2018-03-01"))
    assert (verdict.outcome, verdict.lapses_at, verdict.lapses_to) == ("good", moment("2018-06-01"), "bad")


def test_a_mentor_who_returned_is_one_again() -> None:
    """It is the same mentoring: nobody assigned them anew."""
    told = [*BEN, MENTOR, retires("2018-06-01"), (rl.MemberReturned(member="ben"), "2018-08-01")]
    dates = ["2018-05-31", "2018-07-31", "2018-08-01", AT]
    assert truths(MENTORED, *told, dates=dates) == [True, False, True, True]


def test_as_of_the_fact_is_not_as_of_now() -> None:
    """A voucher who was a Rep when they vouched, and is none now; another who became one later."""
    told = [*BEN, joins("cleo"), REP, VOUCH, ENDED, LATER, role("rep", member="cleo", on="2018-07-01")]
    dates = ["2018-02-01", "2018-06-01", "2018-07-01"]
    then = count(facts("vouch.given", voucher=holds("rep"))) >= 1
    now = count(VOUCHED) >= 1
    both = count(facts("vouch.given", voucher=holds("rep"), now={"voucher": holds("rep")})) >= 1
    neither = count(facts("vouch.given", voucher=~holds("rep"), now={"voucher": ~holds("rep")})) >= 1
    assert truths(then, *told, dates=dates) == [True, True, True]
    assert truths(now, *told, dates=dates) == [True, False, True]
    assert truths(both, *told, dates=dates) == [True, False, False]
    assert truths(neither, *told, dates=[*dates[:1], "2018-03-01", *dates[2:]]) == [False, True, False]


def test_of_several_people_one_is_enough() -> None:
    """Of a list of references, one who is still a Rep will do; of an empty list there is none."""
    told = [*BEN, joins("cleo"), REP, role("rep", member="cleo", on="2018-01-01"), ENDED]
    referred = count(facts("application.filed", now={"references": holds("rep")}))
    for named, counted in ((("ben", "cleo"), 1), (("ben",), 0), ((), 0)):
        filed = rl.ApplicationFiled(member="ana", role="rep", references=named)
        assert value(referred, about(*told, (filed, "2018-02-01"), at=AT)) == counted


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("least", [1, 2])
def test_windows_and_numbers_are_those_of_everything_else(lasting: bool, least: int) -> None:
    """Two vouchers, one of whom is a Rep for some time: by masks, and by points in a total."""
    told = [*BEN, joins("cleo"), REP, VOUCH, ENDED, role("rep", member="cleo", on="2018-01-01"), LATER]
    told += [report("2018-02-10"), report("2018-05-01", amount=2.0)]
    dates = [f"2018-{month:02}-{day}" for month in range(1, 11) for day in ("01", "15")]
    chosen = facts("vouch.given", lasting=lasting, now={"voucher": holds("rep")})
    assert len(set(truths(count(chosen) >= least, *told, dates=dates))) == 2
    for condition in (
        count(chosen, within=months(3)) >= least,
        count(chosen, within=months(3), pausing=True) >= least,
        distinct("month", chosen) >= least,
        distinct("voucher", chosen) >= least,
        distinct(organisation_of("voucher"), chosen) >= least,
        time_since(chosen) > months(1),
        time_since(chosen, which="first") > months(1),
        total("amount", "report.filed", within=since_last(chosen)) >= 2,
        reports(within=following(chosen, months(1), "last")) >= least,
        reports(within=preceding(chosen, months(1), "first")) >= 1,
        share(count(chosen), chosen) >= 0.5,
        members(count(chosen) >= least) >= 1,
        largest_share(count(chosen) >= least) >= 0.5,
    ):
        truths(condition, *told, dates=dates)


def test_many_people_are_asked_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few people at all dates are asked at once, each has their own answer."""
    people = [f"p{number}" for number in range(7)]
    told = [joins("ana"), *(vouched("ana", person, "2018-02-01") for person in people)]
    told += [role("rep", member=person, on=f"2018-0{number + 2}-01") for number, person in enumerate(people)]
    dates = [f"2018-0{month}-15" for month in range(1, 10)]
    for most in (1, 18, 27, 1 << 22):
        monkeypatch.setattr(masks, "MOST_POINTS", most)
        assert truths(count(VOUCHED) >= 3, *told, dates=dates) == [False] * 3 + [True] * 6


def test_exemptions_of_people_are_those_of_the_policy() -> None:
    """Two policies that run over the same columns ask of exemptions from each."""
    granted = rl.ExemptionGranted(member="ben", policy="first", reason="ill")
    ledger = story((VOUCH[0], BEFORE), (granted, BEFORE))
    spared = count(facts("vouch.given", now={"voucher": exempt()})) >= 1
    found = ledger.sweep(lambda name: asked(spared, name), {"name": ["first", "second"]}, at=[AFTER])
    assert [number for _, number in found.curve("good")] == [1, 0]


def test_somebody_under_two_names_is_asked_as_one() -> None:
    """The role was given to one record, and the other is named as the voucher."""
    ledger = story((VOUCH[0], BEFORE), (rl.RoleAssigned(member="cleo", role="rep"), BEFORE))
    policy = asked(count(VOUCHED) >= 1)

    def good() -> tuple[bool, int]:
        verdict = ledger.as_of(AFTER).evaluate(policy, "ana")
        (counts,) = ledger.backtest(policy, at=[AFTER]).counts()
        return verdict.outcome == "good", counts["good"]

    assert good() == (False, 0)
    ledger.record(rl.MembersMerged(member="ben", duplicate="cleo"), by="council", occurred_at=AFTER)
    assert good() == (True, 1)


def test_it_changes_where_the_people_do() -> None:
    """By itself, when they have been here for long enough, or their leave ends; of each of them."""
    away: Dated = (rl.LeaveStarted(member="cleo", expected_return=moment("2018-12-01")), "2018-09-01")
    told = [joins("ana"), joins("ben", "2018-09-15"), joins("cleo"), VOUCH, LATER, away]
    old = count(facts("vouch.given", now={"voucher": (tenure() >= weeks(4)) & ~on_leave()}))
    subject = about(*told, at=AT)
    assert {moment("2018-10-13"), moment("2018-12-01")} <= set(edges_after([old >= 2], subject))
    assert evaluate(asked(old >= 1), subject).lapses_at == moment("2018-10-13")
    assert evaluate(asked(old >= 2), subject).lapses_at == moment("2018-12-01")


DEEP: Final = count(facts("vouch.given", now={"voucher": count(VOUCHED) >= 1})) >= 1


def test_people_of_people_are_asked_now_too() -> None:
    """Whoever was vouched for by somebody whom a Rep vouched for; until that Rep is none."""
    told = [*BEN, joins("cleo"), VOUCH, vouched("ben", "cleo", "2018-03-01")]
    told += [role("rep", member="cleo", on="2018-04-01"), ends("cleo", "2018-08-01")]
    dates = ["2018-03-31", "2018-04-01", "2018-07-31", "2018-08-01"]
    assert truths(DEEP, *told, dates=dates) == [False, True, True, False]
    verdict = evaluate(asked(DEEP), about(*told, at="2018-07-01"))
    assert (verdict.lapses_at, verdict.knows_later) == (moment("2018-08-01"), True)
    assert not evaluate(asked(count(VOUCHED) >= 1), about(*told, at="2018-07-01")).knows_later
    assert not evaluate(asked(DEEP), about(*told, at="2018-08-01")).knows_later


def test_what_is_asked_when_a_fact_happened_asks_of_that_instant() -> None:
    """Within a condition as of the fact, now is when the fact happened."""
    told = [*BEN, joins("cleo"), vouched("ben", "cleo", "2018-01-15"), VOUCH]
    told += [role("rep", member="cleo", on="2018-01-01"), ends("cleo", "2018-03-01")]
    condition = count(facts("vouch.given", voucher=count(VOUCHED) >= 1)) >= 1
    assert truths(condition, *told, dates=["2018-02-01", "2018-03-01", AT]) == [True, True, True]


OLD: Final = facts("vouch.given", now={"voucher": held("rep")})
NEW: Final = facts("vouch.given", now={"voucher": held("mentor")})
PART: Final = count("vouch.given", within=OVER)
STILL_OPEN: Final = {
    "fewer": count(VOUCHED) < 1,
    "fewer in a window that closed": count(VOUCHED, within=OVER) < 1,
    "fewer different": distinct("voucher", VOUCHED, within=OVER) < 1,
    "more in a window that closed": count(NEW, within=OVER) >= 1,
    "longer since the last": time_since(VOUCHED) > years(9_000),
    "longer since the first": time_since(VOUCHED, which="first") > years(9_000),
    "less since the first": time_since(VOUCHED, which="first") < weeks(1),
    "another first time to follow": reports(within=following(VOUCHED, weeks(4))) < 1,
    "a new first time to follow": reports(within=following(VOUCHED, weeks(4))) >= 2,
    "a part of a total that shrinks": share(
        PART, facts("vouch.given", "report.filed", now={"member": on_leave()})
    )
    < 1,
}


@pytest.mark.parametrize("condition", STILL_OPEN.values(), ids=STILL_OPEN)
def test_what_people_may_change_is_a_way(condition: Condition) -> None:
    """A voucher may lose the role, or be given one, whenever they vouched."""
    assert ways(condition, about(*BEN, REP, VOUCH, report("2018-02-10"), at=AT))


CLOSED: Final = {
    "fewer of those who were once": count(OLD, within=OVER) < 1,
    "later in the time after a first who was one once": (reports(within=following(OLD, weeks(1))) >= 1),
    "more where nobody vouched": count(VOUCHED, within=Between(until=date(2018, 1, 31))) >= 1,
    "more of what counts already": count(OLD, within=OVER) >= 2,
    "more of those who joined before": (
        count(facts("vouch.given", now={"voucher": joined(before=date(2017, 1, 1))}), within=OVER) >= 1
    ),
    "less since those who were once": time_since(OLD, which="first") < weeks(1),
}


@pytest.mark.parametrize("condition", CLOSED.values(), ids=CLOSED)
def test_what_nobody_can_change_is_none(condition: Condition) -> None:
    """Whoever was a Rep will always have been one; who joined later never joined before."""
    assert ways(condition, about(*BEN, REP, VOUCH, at=AT)) == ()


def test_a_way_comes_by_itself_where_the_people_change_so() -> None:
    """A mentor on leave is back on a day that is known; until then another would do."""
    away: Dated = (rl.LeaveStarted(member="ben", expected_return=moment("2018-12-01")), "2018-09-01")
    there = count(facts("mentor.assigned", lasting=True, now={"mentor": ~on_leave()})) >= 1
    need = the_need(there, about(*BEN, MENTOR, away, at=AT))
    assert (need.missing, need.on) == (1, moment("2018-12-01"))
    (way,) = ways(there, about(*BEN, MENTOR, away, at=AT))
    assert way.by == moment("2018-12-01")


def test_a_share_of_a_total_of_others_is_missing_what_it_is() -> None:
    """Their own add to a total only where they are asked now what the total asks."""
    told = [*BEN, *(vouched("ben", "cleo", f"2018-0{month}-01") for month in (2, 3, 4, 5))]
    is_there = {"member": ~on_leave()}
    own, of = count(facts("vouch.given", now=is_there)), facts("vouch.given", now=is_there)
    assert the_need(share(own, of) >= 0.5, about(*told, at=AT)).missing == 4
    assert the_need(share(count("vouch.given"), of) >= 0.5, about(*told, at=AT)).missing == 2
    assert the_need(share(own, "vouch.given") >= 0.5, about(*told, at=AT)).missing == 4


def test_a_charter_asks_as_of_what_is_recorded() -> None:
    """Admission by a vouch of somebody who is a Rep on the day on which the role is given."""
    admission = count(facts("vouch.given", lasting=True, now={"voucher": holds("rep")})) >= 1
    ledger = programme(
        (VOUCH[0], BEFORE),
        (rl.RoleAssigned(member="ben", role="rep"), date(2018, 5, 15)),
        roles=[RoleClause(role="mentor", admission=admission)],
    )
    given = rl.RoleAssigned(member="ana", role="mentor")
    assert codes(ledger, rl.RoleAssigned(member="cleo", role="mentor")) == ("not_admitted",)
    assert codes(ledger, given) == ()
    ledger.record(ENDED[0], by="council", occurred_at=date(2018, 8, 1))
    assert codes(
        ledger, rl.RoleAssigned(member="ana", role="mentor", community="paris"), date(2018, 8, 1)
    ) == ("not_admitted",)


def test_parts_of_columns_cannot_ask_of_others() -> None:
    """A part lacks the facts of other people."""
    with pytest.raises(InvalidPolicy, match="whose mentor it is so now that they are not retired"):
        must_be_isolated(asked(MENTORED))


def test_it_is_said_and_written() -> None:
    """In words, in one table beside the other, and nowhere where it is not asked."""
    both = count(facts("vouch.given", voucher=holds("rep"), now={"voucher": ~retired()})) >= 2
    assert str(both) == (
        "they have at least 2 vouches (of whose voucher it was so that they are a rep) "
        "(of whose voucher it is so now that they are not retired)"
    )
    policy = asked(both)
    for form in ("toml", "json"):
        assert loads(dumps(policy, form)) == policy
    assert "now" not in dumps(asked(count(facts("vouch.given", voucher=holds("rep"))) >= 2))
    assert digest(policy) != digest(asked(count(facts("vouch.given", voucher=holds("rep"))) >= 2))


WRONG: Final = {
    "no table": ({"now": True}, "count.facts.now", "a table, not True"),
    "no condition": ({"now": {"voucher": {}}}, "count.facts.now.voucher", "no condition"),
    "nobody": ({"now": {"note": {"retired": {}}}}, "count.facts", "no person as 'note'"),
    "half a condition": (
        {"now": {"voucher": {"holds": {}}}},
        "count.facts.now.voucher.holds",
        "role is missing",
    ),
}


@pytest.mark.parametrize(("given", "place", "words"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_a_document_has_its_place(given: Any, place: str, words: str) -> None:
    """As everywhere in documents."""
    table = {"count": {"facts": {"kinds": "vouch.given", **given}}, "at_least": 1}
    with pytest.raises(InvalidPolicy, match=words) as caught:
        read_condition(table)
    assert caught.value.place == place


def test_what_makes_no_sense_is_refused() -> None:
    """A flag, a value, a condition as of the fact among those of now; one field twice."""
    for wrong in (True, {"voucher"}):
        with pytest.raises(InvalidPolicy, match="now= needs conditions by the names of fields"):
            facts("vouch.given", now=wrong)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(InvalidPolicy, match="voucher needs a condition, not 'ben'"):
        facts("vouch.given", now={"voucher": "ben"})  # type: ignore[dict-item]  # what is refused
    with pytest.raises(InvalidPolicy, match="names no person as 'note'"):
        facts("vouch.given", now={"note": retired()})
    with pytest.raises(InvalidPolicy, match="now is a list of filters"):
        Facts("vouch.given", now=(WhoFilter("voucher", retired()),))
    with pytest.raises(InvalidPolicy, match="filtered twice"):
        Facts("vouch.given", now=(NowFilter("voucher", retired()), NowFilter("voucher", holds("rep"))))


ASKING: Final = [each for each in EVERY if any(isinstance(part, NowFilter) for part in parts(each))]


@pytest.mark.parametrize("condition", ASKING, ids=str)
def test_it_changes_only_at_its_edges(condition: Condition) -> None:
    """As seen from before anything happened, so that whatever happens to anybody lies ahead."""

    @given(subjects(max_size=7, about=condition))
    def change_only_at_edges(subject: Subject) -> None:
        first = min((entry.occurred_at for entry in everything(subject)), default=subject.at)
        changes_only_at_edges(condition, subject.moved(first - TICK), grid=False)

    change_only_at_edges()
