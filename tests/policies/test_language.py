"""How conditions are built, and what Python's own words for them may not do."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import *
from reps_ledger.policies.language.conditions import truth
from reps_ledger.policies.language.facts import Filter
from reps_ledger.policies.language.measures import Compare
from reps_ledger.policies.language.windows import Between
from reps_ledger.testing.strategies import conditions, policies

if TYPE_CHECKING:
    from collections.abc import Callable

A: Condition = completed("a")
B: Condition = completed("b")
C: Condition = completed("c")


@given(st.booleans(), st.booleans(), st.booleans())
def test_conditions_combine_as_logic_says(a: bool, b: bool, c: bool) -> None:
    """``&``, ``|``, ``~`` and at_least mean and, or, not, and a count."""
    held_now: dict[Condition, bool] = {A: a, B: b, C: c}

    def is_so(condition: Condition) -> bool:
        return truth(condition, held_now.__getitem__)

    assert is_so(A & B) == (a and b)
    assert is_so(A | B) == (a or b)
    assert is_so(~A) == (not a)
    assert is_so(A & B | C) == ((a and b) or c)
    assert is_so(A & (B | ~C)) == (a and (b or not c))
    assert [is_so(at_least(n, A, B, C)) for n in (1, 2, 3)] == [a + b + c >= n for n in (1, 2, 3)]


def test_joining_more_of_the_same_makes_one_list() -> None:
    """``a & b & c`` is one list of three, however it is put in parentheses."""
    assert A & B & C == A & (B & C)
    assert A | B | C == A | (B | C)
    assert A & B & C != A & (B | C)


@given(conditions(), conditions())
def test_equal_trees_have_equal_hashes_and_words(a: Condition, b: Condition) -> None:
    """Trees are values: rebuilt they are equal, and equal ones hash and read the same."""
    value: Any = a  # every condition is an attrs value
    copy = attrs.evolve(value)
    assert copy == a
    assert hash(copy) == hash(a)
    if a == b:
        assert hash(a) == hash(b)
        assert a.words() == b.words()


@given(policies())
def test_policies_are_values(policy: Policy) -> None:
    """A policy rebuilt of the same parts is equal to it and hashes the same."""
    copy = attrs.evolve(policy)
    assert copy == policy
    assert hash(copy) == hash(policy)
    assert attrs.evolve(policy, version="another") != policy


def test_measures_are_values() -> None:
    """Measures are equal when all that they are made of is."""
    assert reports(within=weeks(4)) == count("report.filed", within=weeks(4))
    assert reports(within=weeks(4)) != reports(within=weeks(8))
    assert reports() != tenure()
    assert hash(reports(activity="event")) == hash(reports(activity="event"))
    assert (reports() >= 1) == (reports() >= 1)
    assert (reports() >= 1) == (reports() >= 1.0)
    assert (reports() >= 1) != (reports() > 1)


def test_values_that_python_takes_for_equal_are_told_apart() -> None:
    """True is not 1 in a filter; 2.0 is 2, and is written so."""
    assert Filter("passive", (True,)) != Filter("passive", (1,))
    assert hash(Filter("amount", (2.0,))) == hash(Filter("amount", (2,)))
    assert Filter("amount", (2.0,)) == Filter("amount", (2,))
    assert repr(Filter("amount", (2.0,)).values) == "(2,)"


@pytest.mark.parametrize(
    ("attempt", "advice"),
    [
        (lambda: reports() == 3, r"\.exactly\(3\)"),
        (lambda: reports() != 3, r"\.exactly\(3\)"),
        (lambda: 3 == reports(), r"\.exactly\(3\)"),  # noqa: SIM300 — that is the trap
        (lambda: tenure() == weeks(4), r"\.exactly"),
        (lambda: A and B, "&"),  # type: ignore[unreachable]  # what is refused
        (lambda: A or B, r"\|"),  # type: ignore[unreachable]  # what is refused
        (lambda: not A, "~"),
        (lambda: A if B else C, "~"),
        (lambda: 1 <= reports() <= 3, r"\(a <= x\) & \(x <= b\)"),
        (lambda: not reports(), "compare it"),
        (lambda: bool(tenure()), "compare it"),
        (lambda: A & True, "joins conditions"),
        (lambda: A | reports(), "compare a measure"),
        (lambda: at_least(1, A, reports()), "conditions"),  # type: ignore[arg-type]  # what is refused
    ],
)
def test_pythons_own_traps_raise_with_advice(attempt: Callable[[], object], advice: str) -> None:
    """``==`` with a number, and, or, not, if and chains say what to write instead."""
    with pytest.raises(InvalidPolicy, match=advice):
        attempt()


DAY: Final = date(2018, 10, 1)
NOTHING: Final = math.nan
YES: Final = True

SENSELESS: Final[dict[str, Callable[[], object]]] = {
    "a count against a width": lambda: reports() >= weeks(4),
    "a count against text": lambda: reports() >= "4",
    "a count against truth": lambda: reports() >= True,
    "a count against less than nothing": lambda: reports() >= -1,
    "a count against a part": lambda: reports() >= 1.5,
    "a count against no number": lambda: total("amount", "report.filed") >= NOTHING,
    "a count against no end": lambda: total("amount", "report.filed") >= math.inf,
    "a count against a count": lambda: reports() >= vouches(),
    "a huge number": lambda: reports() >= 2**60,
    "a clock against a number": lambda: tenure() >= 4,
    "a clock against text": lambda: tenure() >= "4 weeks",
    "a clock exactly": lambda: tenure().exactly(weeks(4)),
    "a clock of outcomes against a number": lambda: in_outcome() >= 4,
    "a share of more than all": lambda: share(reports(), "report.filed") >= 1.5,
    "a share of a clock": lambda: share(tenure(), "report.filed"),  # type: ignore[arg-type]  # what is refused
    "a share capped at nothing": lambda: share(reports(), "report.filed", at_most=0),
    "a largest share of more than all": lambda: largest_share() <= 2,
    "an unknown comparison": lambda: Compare(reports(), "about", 3),
    "a comparison of no measure": lambda: Compare(A, "at_least", 3),  # type: ignore[arg-type]  # what is refused
    "no width": lambda: weeks(0),
    "a negative width": lambda: days(-1),
    "a part of a width": lambda: months(1.5),  # type: ignore[arg-type]  # what is refused
    "a true width": lambda: months(YES),
    "too wide": lambda: years(100_001),
    "a width of seconds": lambda: Width(1, "seconds"),
    "until before since": lambda: since(DAY, date(2018, 9, 30)),
    "neither since nor until": Between,
    "since the beginning of time": lambda: since(date.min),
    "until the end of time": lambda: since(DAY, date.max),
    "since an instant": lambda: since(rl.MemberJoined),  # type: ignore[arg-type]  # what is refused
    "an unknown period": lambda: this("fortnight"),
    "ahead of no rolling window": lambda: reports(within=this("month"), ahead=weeks(4)),
    "ahead of all time": lambda: reports(ahead=weeks(4)),
    "pausing no rolling window": lambda: reports(within=since(DAY), pausing=True),
    "within a number": lambda: reports(within=4),  # type: ignore[arg-type]  # what is refused
    "since the last number": lambda: since_last(4),  # type: ignore[arg-type]  # what is refused
    "following neither first nor last": lambda: following(facts("member.joined"), weeks(1), "next"),
    "no facts": facts,
    "a kind twice": lambda: facts("report.filed", "report.filed"),
    "an unknown field": lambda: reports(activty="event"),
    "an unknown field of several": lambda: facts("report.filed", "vouch.given", colour="red"),
    "a field twice": lambda: facts("report.filed", activity="event", where={"activity": A}),
    "a person who is none": lambda: reports(activity=A),
    "by a person who is none": lambda: reports(person="activity"),
    "no value": lambda: reports(activity=()),
    "no text": lambda: reports(activity=None),
    "text with a lone surrogate": lambda: reports(activity="\ud800"),
    "no number": lambda: reports(amount=float("nan")),
    "a huge filter": lambda: reports(amount=10**400),
    "truth as text": lambda: reports(passive="yes"),
    "truth as a number": lambda: reports(passive=1),
    "text as a number": lambda: reports(activity=1),
    "a number as text": lambda: reports(amount="many"),
    "an instant": lambda: facts("role.assigned", until="2018-10-01"),
    "lasting what does not last": lambda: reports(lasting=True),
    "lasting in another's history": lambda: facts("leave.started", person="covered_by", lasting=True),
    "verified by some": lambda: reports(verified="some"),
    "verified as a number": lambda: reports(verified=1),
    "sources of numbers": lambda: reports(source=(1,)),
    "different values of an unknown field": lambda: distinct("activty", "report.filed"),
    "organisations of no person": lambda: distinct(organisation_of("activity"), "report.filed"),
    "different by two things": lambda: attrs.evolve(distinct("month", "report.filed"), name="areas"),
    "the total of an unknown field": lambda: total("amounts", "report.filed"),
    "the total of text": lambda: total("activity", "report.filed"),
    "tenure where, but not as what": lambda: tenure(community="paris"),
    "tenure in no place": lambda: tenure("rep", community=4),  # type: ignore[arg-type]  # what is refused
    "a role in no place": lambda: holds("rep", community=("a", "b")),  # type: ignore[arg-type]  # what is refused
    "a role in a nameless place": lambda: held("rep", community=" "),
    "no role": lambda: holds(""),
    "joined whenever": joined,
    "joined never": lambda: joined(since=DAY, before=DAY),
    "joined on a text": lambda: joined(since="2018-10-01"),  # type: ignore[arg-type]  # what is refused
    "no day": lambda: on_or_after(None),  # type: ignore[arg-type]  # what is refused
    "previously nothing": previously,
    "previously the same twice": lambda: previously("good", "good"),
    "heard perhaps": lambda: noticed(heard="perhaps"),  # type: ignore[arg-type]  # what is refused
    "heard as a number": lambda: noticed(heard=0),  # type: ignore[arg-type]  # what is refused
    "sent some time ago": lambda: noticed(ago=4),  # type: ignore[arg-type]  # what is refused
    "retired somehow": lambda: retired("somehow"),
    "missed nothing in particular": lambda: missed(""),
    "members of whom a measure": lambda: members(reports()),  # type: ignore[arg-type]  # what is refused
    "at least none": lambda: at_least(0, A, B),
    "at least too many": lambda: at_least(3, A, B),
    "at least truth": lambda: at_least(YES, A, B),
    "at least one of one": lambda: at_least(1, A),
    "a case of a measure": lambda: when(reports()).then("good"),  # type: ignore[arg-type]  # what is refused
    "an outcome without a name": lambda: when(A).then(""),
    "a reason that is none": lambda: when(A).then("good", 4),  # type: ignore[arg-type]  # what is refused
    "silence that never comes": lambda: notice("good", "nudge", unanswered="bad"),
}


@pytest.mark.parametrize("attempt", SENSELESS.values(), ids=SENSELESS)
def test_what_makes_no_sense_is_refused_when_it_is_built(attempt: Callable[[], object]) -> None:
    """Every senseless expression raises InvalidPolicy at once, with words."""
    with pytest.raises(InvalidPolicy) as caught:
        attempt()
    assert caught.value.words


def a_policy(**changes: Any) -> Policy:
    """Make the simplest policy, with changes."""
    made: dict[str, Any] = {"cases": [when(A).then("good")], "otherwise": "bad", **changes}
    return Policy("p", **made)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cases": []}, "needs a case"),
        ({"cases": [A]}, "Case"),
        ({"cases": A}, "list"),
        ({"otherwise": ""}, "otherwise"),
        ({"scale": ["good"]}, "lacks 'bad'"),
        ({"scale": ["good", "fair"]}, "lacks 'bad'"),
        ({"scale": ["good", "bad", "good"]}, "twice"),
        ({"scale": [1, 2]}, "scale"),
        ({"notices": [notice("fair", "nudge")]}, "never comes: fair"),
        ({"notices": [notice("bad", "nudge"), notice("bad", "warning")]}, "two notices"),
        (
            {
                "scale": ["good", "bad"],
                "notices": [notice("bad", "nudge", answer_within=weeks(4), unanswered="out")],
            },
            "lacks 'out'",
        ),
        ({"of": "everybody"}, "member, community"),
        ({"version": ""}, "version"),
        ({"source": "\0"}, "source"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(changes: dict[str, Any], words: str) -> None:
    """Nothing of a policy is taken half valid."""
    with pytest.raises(InvalidPolicy, match=words):
        a_policy(**changes)


def test_the_outcomes_come_in_the_order_of_the_scale() -> None:
    """Best first where there is a scale, else as the cases come; silence counts among them."""
    told = notice("bad", "nudge", answer_within=weeks(4), unanswered="out")
    assert a_policy(notices=[told]).outcomes == ("good", "bad", "out")
    assert a_policy(notices=[told], scale=["out", "good", "bad"]).outcomes == ("out", "good", "bad")


def test_outcomes_at_least_as_good() -> None:
    """Those up to it on the scale; without a scale, just itself."""
    assert a_policy(scale=["good", "bad"]).at_least_as_good("bad") == {"good", "bad"}
    assert a_policy(scale=["good", "bad"]).at_least_as_good("good") == {"good"}
    assert a_policy().at_least_as_good("bad") == {"bad"}
    with pytest.raises(InvalidPolicy, match="never comes to 'fair'"):
        a_policy().at_least_as_good("fair")


@pytest.mark.parametrize(
    "condition",
    [
        count("badge.awarded") >= 1,
        count(facts("badge.awarded", badge="gold")) >= 1,
        members(time_since("badge.awarded") < weeks(4)) >= 1,
        distinct("badge", "badge.awarded") >= 1,
        total("points", "badge.awarded") >= 1,
    ],
    ids=str,
)
def test_facts_of_a_service_are_checked_against_its_ledger(condition: Condition) -> None:
    """A kind that we do not know may be one of a service's; its ledger then says whether."""
    policy = a_policy(cases=[when(condition).then("good")])
    with pytest.raises(InvalidPolicy, match=r"badge\.awarded"):
        policy.check(Registry(BUILT_IN))


def test_fields_of_a_services_facts_are_checked_too() -> None:
    """With the ledger's own kinds known, their fields are."""
    from strategies import CUSTOM

    registry = Registry((*BUILT_IN, *CUSTOM))
    a_policy(cases=[when(distinct("badge", "badge.awarded") >= 1).then("good")]).check(registry)
    a_policy(cases=[when(total("minutes", "mentoring.held") >= 1).then("good")]).check(registry)
    for wrong in (distinct("colour", "badge.awarded"), total("badge", "badge.awarded")):
        with pytest.raises(InvalidPolicy, match=r"badge\.awarded"):
            a_policy(cases=[when(wrong >= 1).then("good")]).check(registry)
