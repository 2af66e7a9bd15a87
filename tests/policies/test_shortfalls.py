"""What was missing: smallest sets, exact numbers, true days, and nothing out of reach."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import NAME, TICK, about, entries_of, everything, moment, subjects
from policies.test_lapses import dense
from reps_ledger.errors import InvalidPolicy, TooLarge
from reps_ledger.policies import *
from reps_ledger.policies.language.conditions import Leaf, truth
from reps_ledger.policies.language.conditions import holds as is_so
from reps_ledger.policies.language.measures import OPERATORS, Compare
from reps_ledger.policies.language.windows import Between
from reps_ledger.policies.outcomes import outcome_of
from reps_ledger.policies.shortfalls import _open_ways, minimal_changes
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import policies, widths
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reps_ledger.policies import Facts

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

AT: Final = "2018-10-01 12:00"
_FREE: Final[tuple[Leaf, ...]] = tuple(completed(name) for name in "abcdef")


def combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Make conditions of conditions, with repeats of the same leaf."""
    return st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
        st.lists(inner, min_size=2, max_size=4).flatmap(
            lambda several: st.integers(1, len(several)).map(lambda n: at_least(n, *several))
        ),
    )


def free_policies() -> st.SearchStrategy[Policy]:
    """Make policies whose leaves may be true or not as one likes."""
    leaf: st.SearchStrategy[Condition] = st.sampled_from(_FREE)
    condition = st.recursive(leaf, combined, max_leaves=6)
    outcome = st.sampled_from(["good", "fair", "bad"])
    case = st.builds(lambda c, o: when(c).then(o), condition, outcome)
    return st.builds(
        lambda cases, otherwise: Policy(NAME, cases=tuple(cases), otherwise=otherwise),
        st.lists(case, min_size=1, max_size=4),
        outcome,
    )


def decided(policy: Policy, held_now: Mapping[Leaf, bool]) -> str:
    """Return the outcome of an assignment of truth to leaves."""
    for case in policy.cases:
        if truth(case.when, held_now.__getitem__):
            return case.outcome
    return policy.otherwise


@given(free_policies(), st.sets(st.sampled_from(["good", "fair", "bad"]), min_size=1), st.data())
@examples(1.5)
def test_flips_are_the_smallest_sets_of_all_assignments(
    policy: Policy, outcomes: set[str], data: st.DataObject
) -> None:
    """Of every set of leaves whose change gives the outcome, exactly the smallest are found."""
    leaves = policy.leaves()
    truths = data.draw(st.lists(st.booleans(), min_size=len(leaves), max_size=len(leaves)))
    now = dict(zip(leaves, truths, strict=True))
    enough: list[frozenset[Leaf]] = []
    for size in range(len(leaves) + 1):
        for chosen in combinations(leaves, size):
            changed = frozenset(chosen)
            if any(smaller <= changed for smaller in enough):
                continue
            if decided(policy, {leaf: now[leaf] != (leaf in changed) for leaf in leaves}) in outcomes:
                enough.append(changed)
    found = minimal_changes(policy, frozenset(outcomes), now.__getitem__)
    assert set(found) == set(enough)
    assert len(found) == len(enough)


@pytest.mark.parametrize(
    "tangle",
    [
        at_least(20, *(completed(f"c{n}") for n in range(40))),
        at_least(10, *(completed(f"c{n}") | completed(f"d{n}") for n in range(20))),
        at_least(21, *(c for n in range(20) for c in (completed(f"c{n}"), ~completed(f"c{n}")))),
    ],
    ids=["many", "pairs", "contradictions"],
)
def test_too_many_ways_are_refused_before_they_are_counted(tangle: Condition) -> None:
    """A condition with millions of ways to hold is an error at once, not a hang."""
    policy = Policy(NAME, cases=(when(tangle).then("good"),), otherwise="bad")
    verdict = evaluate(policy, about(at=AT))
    with pytest.raises(TooLarge, match="ways"):
        verdict.shortfalls("good")


def ways(condition: Condition, subject: Subject) -> tuple[Way, ...]:
    """Return the ways in which a condition would hold that does not."""
    assert not is_so(condition, subject)
    policy = Policy(NAME, cases=(when(condition).then("good"),), otherwise="bad")
    return evaluate(policy, subject).shortfalls("good")


def the_need(condition: Condition, subject: Subject) -> Shortfall:
    """Return the one thing that is needed for a condition to hold."""
    ((need,),) = (way.needs for way in ways(condition, subject))
    return need


def with_more(subject: Subject, *fresh: rl.Fact) -> Subject:
    """Return the same subject once more has happened, at that very instant."""
    known = everything(subject)
    added = [
        evolved(entry, len(known) + index)
        for index, entry in enumerate(entries_of([(fact, subject.at) for fact in fresh]))
    ]
    return Everybody([*known, *added]).subject(
        subject.dossier.name, subject.at, subject.zone, previous=subject.previous
    )


def evolved(entry: Any, index: int) -> Any:
    """Give an entry a later place."""
    values = {name: getattr(entry, name) for name in ("recorded_at", "occurred_at", "by", "fact")}
    return type(entry)(id=f"new{index}", position=10_000 + index, origin=10_000 + index, **values)


def open_window(subject: Subject, condition: Leaf) -> bool:
    """Whether what happens at the instant itself counts."""
    assert isinstance(condition, Compare)
    measure: Any = condition.measure
    bounds = getattr(measure, "own", measure).within.bounds(subject)
    return bounds is not None and bounds.end == subject.at


WINDOWS: Final[list[dict[str, Any]]] = [
    {},
    {"within": weeks(4)},
    {"within": weeks(4), "pausing": True},
    {"within": this("month")},
    {"within": since_last(facts("member.joined"))},
    {"within": following(facts("member.joined"), days(30))},
    {"within": since(date(2018, 10, 1))},
]


@given(
    subjects(),
    st.sampled_from(WINDOWS),
    st.sampled_from(["at_least", "more_than", "exactly"]),
    st.integers(0, 5),
    st.sampled_from(["count", "distinct", "share", "share of events", "capped"]),
)
@examples(1.2)
def test_what_is_missing_is_just_enough(
    subject: Subject, window: dict[str, Any], operator: str, number: int, kind: str
) -> None:
    """As many fresh facts as are missing make it so; one fewer do not."""
    own: Any = count("report.filed", **window)
    threshold: Any = number
    if kind == "distinct":
        own = distinct("activity", facts("report.filed"), **window)
    elif kind.startswith(("share", "capped")):
        of = facts("report.filed", activity="event") if "events" in kind else "report.filed"
        own = share(own, of, at_most=3 if kind == "capped" else None)
        threshold = number / 5
        assume(operator != "exactly")
    condition = Compare(own, operator, threshold)
    assume(not is_so(condition, subject) and open_window(subject, condition))
    found = ways(condition, subject)
    assume(found)
    ((need,),) = (way.needs for way in found)
    if need.missing is None or need.missing < 0:
        return
    missing = need.missing
    assert isinstance(missing, int)
    fresh = [rl.ReportFiled(member="ana", activity=f"new {n}") for n in range(missing)]
    assert is_so(condition, with_more(subject, *fresh))
    assert missing > 0
    assert not is_so(condition, with_more(subject, *fresh[:-1]))


@given(subjects(), st.sampled_from(WINDOWS), st.integers(1, 40))
@examples(0.6)
def test_a_missing_total_is_just_enough(subject: Subject, window: dict[str, Any], quarters: int) -> None:
    """A fresh amount of what is missing makes a total; any less does not."""
    condition = total("amount", facts("report.filed"), **window) >= quarters / 4
    assume(not is_so(condition, subject) and open_window(subject, condition))
    need = the_need(condition, subject)
    assert isinstance(need.missing, Fraction)
    amount = float(need.missing)
    fresh = rl.ReportFiled(member="ana", activity="event", amount=amount)
    assert is_so(condition, with_more(subject, fresh))
    less = rl.ReportFiled(member="ana", activity="event", amount=amount - 0.125)
    assert not is_so(condition, with_more(subject, less))


def test_own_acts_add_to_the_total_of_a_share() -> None:
    """Half of all reports, with none of four: four more, as the total grows with them."""
    others = [(rl.ReportFiled(member="ben", activity="event"), "2018-09-01")] * 4
    subject = about(*others, at=AT)
    assert the_need(share(reports(), "report.filed") >= 0.5, subject).missing == 4
    assert the_need(share(reports(), "course.completed") > 0.5, subject).missing == 1
    assert the_need(share(reports(), "report.filed", at_most=3) >= 0.5, subject).missing == 3
    paris = share(reports(), "report.filed", community="paris") >= 0.5
    assert is_so(paris, subject)


@pytest.mark.parametrize(
    ("own", "of", "community", "missing"),
    [
        ({}, facts("report.filed"), None, 4),
        ({"community": "paris"}, facts("report.filed"), "paris", 4),
        ({}, facts("report.filed"), "paris", 2),
        ({"community": "rome"}, facts("report.filed"), "paris", 2),
        ({}, facts("report.filed", activity="event"), None, 2),
        ({"activity": "event"}, facts("report.filed", activity="event"), None, 4),
        ({"activity": "event"}, facts("report.filed", activity=("event", "talk")), None, 4),
        ({"activity": ("event", "talk")}, facts("report.filed", activity="event"), None, 2),
        ({"community": "paris"}, facts("report.filed", community=("paris", "rome")), "paris", 4),
        ({}, facts("report.filed", source="site"), None, 0),
        ({}, facts("report.filed", "course.completed"), None, 4),
        ({}, facts("course.completed"), None, 0),
    ],
)
def test_own_acts_add_to_a_total_where_all_of_them_are_part_of_it(
    own: dict[str, Any], of: Facts, community: str | None, missing: int
) -> None:
    """Half of four is four more where each adds one to the total too, and two where it may not."""
    event = rl.ReportFiled(member="ben", activity="event", community="paris")
    subject = about(*[(event, "2018-09-01")] * 4, at=AT)
    measure: Any = share(reports(**own), of, community=community)
    if missing:
        assert the_need(measure >= 0.5, subject).missing == missing
    else:
        assert is_so(measure >= 0.5, subject)


@pytest.mark.parametrize(
    "measure",
    [
        reports(verified=False),
        total("amount", facts("report.filed", verified=False)),
        total("amount", "report.filed", within=since_last(facts("course.completed"))),
    ],
    ids=str,
)
def test_less_is_offered_where_it_may_come(measure: Any) -> None:
    """What is verified, or left behind by a new start, counts no longer; else nothing lessens."""
    told: list[tuple[rl.Fact, str]] = [
        (rl.CourseCompleted(member="ana", course="a"), "2018-08-01"),
        (rl.ReportFiled(member="ana", activity="event", amount=1.0), "2018-09-01"),
    ]
    subject = about(*told, at=AT)
    assert the_need(measure <= 0, subject).missing == -1
    assert ways(total("amount", "report.filed") <= 0, subject) == ()


def test_all_of_what_others_did_too_cannot_be_caught_up_with() -> None:
    """Where every act of theirs adds one to the total, no number of them is the whole of it."""
    subject = about((rl.ReportFiled(member="ben", activity="event"), "2018-09-01"), at=AT)
    assert the_need(share(reports(), "report.filed") >= 1, subject).missing is None


@given(policies(max_cases=2, max_leaves=2), subjects(max_size=7), st.sampled_from(["good", "fair"]))
@examples(0.8)
def test_days_and_deadlines_of_ways_are_exact(policy: Policy, subject: Subject, outcome: str) -> None:
    """`on` is the first instant at which time alone does it; `by`, at which the way has gone."""
    assume(outcome in policy.outcomes)
    try:
        found = evaluate(policy, subject).shortfalls(outcome)
    except TooLarge:
        return
    good = policy.at_least_as_good(outcome)
    known = [moment for moment in dense(policy, subject) if moment > subject.at]
    subject = evolve(subject, policy=policy.name)
    for way in found:
        for need in way.needs:
            assert need.condition.find(subject).holds is not need.wanted
            self_made = (
                then for then in known if need.condition.find(subject.moved(then)).holds == need.wanted
            )
            assert next(self_made, None) == need.on
        needs = frozenset((need.condition, need.wanted, need.missing) for need in way.needs)
        gone = (then for then in known if needs not in _open_ways(policy, subject.moved(then), good))
        assert next(gone, None) == way.by


@given(policies(max_cases=2, max_leaves=2), subjects(max_size=7))
@examples(0.8)
def test_what_is_good_enough_lacks_nothing(policy: Policy, subject: Subject) -> None:
    """There are no ways to an outcome that is had, or to a worse one on the scale."""
    verdict = evaluate(policy, subject)
    for outcome in policy.outcomes:
        if verdict.outcome in policy.at_least_as_good(outcome):
            assert verdict.shortfalls(outcome) == ()


def test_an_outcome_that_never_comes_has_no_ways() -> None:
    """Asking for an outcome that the policy does not know is an error that lists those it does."""
    policy = Policy(NAME, cases=(when(on_leave()).then("good"),), otherwise="bad")
    with pytest.raises(InvalidPolicy, match="good, bad"):
        evaluate(policy, about(at=AT)).shortfalls("excellent")


Told = tuple[rl.Fact, str]

MEMBER: Final[Told] = (rl.MemberJoined(member="ana", account="ana@example.org"), "2018-05-01")
REPORT: Final[Told] = (rl.ReportFiled(member="ana", activity="event"), "2018-09-20")
COURSE: Final[Told] = (rl.CourseCompleted(member="ana", course="onboarding"), "2018-06-01")
REP: Final[Told] = (rl.RoleAssigned(member="ana", role="rep"), "2018-06-01")
VOUCH: Final[Told] = (rl.Vouched(member="ana", voucher="ben"), "2018-06-01")
DECIDED: Final = (
    (rl.ReviewOpened(member="ana", review="r", policy=NAME), "2018-06-01"),
    (rl.ReviewDecided(member="ana", review="r", outcome="good"), "2018-06-02"),
)

OUT_OF_REACH: Final = {
    "joined earlier": joined(before=date(2018, 3, 1)),
    "joined as another": joined(kind="staff"),
    "never joined": ~is_member(),
    "uncompleted": ~completed("onboarding"),
    "never held": ~held("rep"),
    "a day undone": ~on_or_after(date(2018, 1, 1)),
    "fewer in all": reports() < 1,
    "exactly fewer in all": reports().exactly(0),
    "fewer different": distinct("activity", "report.filed") < 1,
    "a closed window": count("course.completed", within=Between(until=date(2018, 5, 31))) >= 1,
    "a first time over": (
        count("agreement.accepted", within=following(facts("member.joined"), days(30))) >= 1
    ),
    "younger in the programme": tenure() < weeks(1),
    "first a shorter time ago": time_since("report.filed", which="first") < days(1),
    "without the account they joined with": ~has_account(),
    "a share of a closed window": (
        share(count("course.completed", within=Between(until=date(2018, 6, 30))), "course.completed") < 0.5
    ),
}


@pytest.mark.parametrize("condition", OUT_OF_REACH.values(), ids=OUT_OF_REACH)
def test_what_cannot_come_is_not_offered(condition: Condition) -> None:
    """Nobody is told to have joined earlier, or to undo what was done."""
    subject = about(MEMBER, REPORT, COURSE, REP, VOUCH, *DECIDED, at=AT)
    assert ways(condition, subject) == ()


WITHIN_REACH: Final = {
    "joining": is_member(),
    "a course": completed("coaching"),
    "fewer lately, by waiting": reports(within=weeks(4)) < 1,
    "exactly so few lately, by waiting": reports(within=weeks(4)).exactly(0),
    "fewer since, by beginning anew": reports(within=since_last(facts("member.joined"))) < 1,
    "fewer that stand": vouches() < 1,
    "fewer unverified, by verifying": reports(verified=False) < 1,
    "verified in a window that is over": reports(verified=True, within=Between(until=date(2018, 9, 25))) >= 1,
    "longer since what ends": time_since(facts("vouch.given", lasting=True)) > years(9_000),
    "a first time that ends": (
        reports(within=following(facts("vouch.given", lasting=True), days(30))).exactly(1)
    ),
    "a window that nothing has opened": (
        reports(within=following(facts("course.completed", course="coaching"), days(9))) >= 1
    ),
    "since what has not happened": (
        reports(within=since_last(facts("course.completed", course="coaching"))) >= 1
    ),
    "a window still to come": reports(within=since(date(2019, 1, 1))) >= 1,
    "a later day": on_or_after(date(2019, 1, 1)),
    "longer in the programme": tenure() >= weeks(1000),
    "longer in an outcome that was never decided": in_outcome() >= weeks(1),
    "an account of one provider less": ~has_account("github"),
}


@pytest.mark.parametrize("condition", WITHIN_REACH.values(), ids=WITHIN_REACH)
def test_what_may_come_is_offered(condition: Condition) -> None:
    """What may still be recorded, or comes with time, is a way."""
    linked: Told = (rl.AccountLinked(member="ana", provider="github", account="a"), "2018-06-01")
    told: list[Told] = [REPORT, COURSE, VOUCH, linked]
    if condition != is_member():
        told.append(MEMBER)
    assert ways(condition, about(*told, at=AT))


def test_a_way_says_what_how_much_and_until_when() -> None:
    """One more report, before the only one leaves the window."""
    subject = about(MEMBER, REPORT, at=AT)
    (way,) = ways(reports(within=weeks(4)) >= 2, subject)
    assert way.needs[0].missing == 1
    assert way.needs[0].on is None
    assert way.by == moment("2018-09-20") + timedelta(weeks=4)
    assert str(way) == "1 more report in the last 4 weeks, before 2018-10-18"


def test_what_time_alone_brings_is_said_with_its_day() -> None:
    """Four weeks in the programme come by themselves."""
    subject = about((rl.MemberJoined(member="ana"), "2018-09-20"), at=AT)
    need = the_need(tenure() >= weeks(4), subject)
    assert need.on == moment("2018-10-18")
    assert need.words(UTC) == ("their time in the programme is at least 4 weeks (by itself on 2018-10-18)")


def test_ways_come_with_the_fewest_needs_first() -> None:
    """One course is less to ask than two things."""
    condition = (completed("coaching") & (reports() >= 3)) | completed("advanced")
    found = ways(condition, about(MEMBER, at=AT))
    assert [len(way.needs) for way in found] == [1, 2]


@given(widths(), st.sampled_from(sorted(set(OPERATORS) - {"exactly"})))
def test_on_is_exact_for_clocks(width: Any, operator: str) -> None:
    """A clock passes its width at that instant and not a microsecond before."""
    subject = about(MEMBER, (rl.ReportFiled(member="ana", activity="event"), AT), at=AT)
    condition = Compare(time_since("report.filed"), operator, width)
    wanted = not is_so(condition, subject)
    policy = Policy(NAME, cases=(when(condition if wanted else ~condition).then("good"),), otherwise="bad")
    ((need,),) = (way.needs for way in evaluate(policy, subject).shortfalls("good"))
    assert isinstance(need.on, datetime)
    assert is_so(condition, subject.moved(need.on)) == wanted
    assert is_so(condition, subject.moved(need.on - TICK)) != wanted


def test_every_way_works_where_leaves_are_free() -> None:
    """Taking the conditions of a way as they should be gives the outcome."""
    a, b, c = _FREE[:3]
    policy = Policy(
        NAME, cases=(when(a & ~b).then("bad"), when(at_least(2, a, b, c)).then("good")), otherwise="bad"
    )
    for truths in product([False, True], repeat=3):
        now = dict(zip((a, b, c), truths, strict=True))
        for changed in minimal_changes(policy, frozenset({"good"}), now.__getitem__):
            then = {leaf: now[leaf] != (leaf in changed) for leaf in now}
            assert decided(policy, then) == "good"


@given(policies(max_cases=2, max_leaves=2), subjects(max_size=7))
@examples(0.4)
def test_ways_are_told_in_words(policy: Policy, subject: Subject) -> None:
    """Every way has a sentence, and no sentence is empty."""
    verdict = evaluate(policy, subject)
    assert outcome_of(policy, subject) == verdict.outcome
    try:
        said = [str(way) for outcome in policy.outcomes for way in verdict.shortfalls(outcome)]
    except TooLarge:
        return
    assert all(said)
