"""Refusals: the largest and smallest that is taken, and words that name what was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve, field, frozen

from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.spans import SPAN_KINDS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import *
from reps_ledger.policies.language.conditions import Not
from reps_ledger.policies.language.counts import Count
from reps_ledger.policies.language.facts import Facts, Filter, WhoFilter
from reps_ledger.policies.language.measures import Compare
from reps_ledger.policies.language.validators import is_list_of, of_type, one_of

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 2**53
YES: Final = True


@pytest.mark.parametrize("number", [0, 106, 107, MOST - 1, MOST])
def test_counts_are_compared_with_whole_numbers_that_are_exact(number: int) -> None:
    """Up to 2**53 every whole number has a float of its own, so that documents keep it."""
    assert (reports() >= number).threshold == number
    assert (reports() >= float(number)).threshold == number
    assert facts("report.filed", amount=number).where[0].values == (number,)


@pytest.mark.parametrize("number", [MOST + 1, 2**54, -1])
def test_counts_are_compared_with_no_other_numbers(number: int) -> None:
    """Beyond them two numbers may be written the same; the words name the number."""
    with pytest.raises(InvalidPolicy, match=f"not with {number}"):
        reports() >= number  # noqa: B015 — it raises


def test_filters_take_no_number_beyond_what_is_exact() -> None:
    """In either direction."""
    assert facts("report.filed", amount=-MOST).where[0].values == (-MOST,)
    for number in (MOST + 1, -MOST - 1):
        with pytest.raises(InvalidPolicy, match=f"not {number}"):
            facts("report.filed", amount=number)


def test_a_part_is_from_nothing_to_all() -> None:
    """Both included; the words name what is too much."""
    for part in (0, 0.25, 1, 1.0):
        assert (largest_share() >= part).threshold == part
        largest_share().check("at_least", float(part))
    with pytest.raises(InvalidPolicy, match=r"not 1\.5"):
        largest_share() >= 1.5  # noqa: B015 — it raises


NAMED: Final[dict[str, tuple[Callable[[], Any], str]]] = {
    "not a measure": (lambda: Not(reports()), "^~ joins conditions, not .*Count"),  # type: ignore[arg-type]  # what is refused
    "and a number": (lambda: is_member() & 4, "^& joins conditions, not 4"),
    "or a number": (lambda: is_member() | 4, "^[|] joins conditions, not 4"),
    "a list with a number": (lambda: at_least(1, is_member(), 4), "^a list .* not 4"),  # type: ignore[arg-type]  # what is refused
    "at least three of two": (lambda: at_least(3, is_member(), on_leave()), "from 1 to 2, not 3"),
    "pausing by number": (
        lambda: time_since("report.filed", pausing=4),  # type: ignore[arg-type]  # what is refused
        "pausing is true or false, not 4",
    ),
    "pausing a window by text": (
        lambda: reports(within=weeks(4), pausing="no"),  # type: ignore[arg-type]  # what is refused
        "pausing is true or false, not 'no'",
    ),
    "names that are no list": (lambda: Facts(kinds=4), "kinds is a list of names, not 4"),
    "an outcome twice": (lambda: previously("good", "good"), "outcomes names something twice"),
    "within a number": (lambda: Count(facts("report.filed"), 4), "within is a width .* not 4"),  # type: ignore[arg-type]  # what is refused
    "within another number": (
        lambda: evolve(reports(), within=5),  # type: ignore[arg-type]  # what is refused
        "within is a width .* not 5",
    ),
    "since the next time": (
        lambda: time_since("report.filed", which="next"),
        "which is one of first, last; not 'next'",
    ),
    "verified by some": (lambda: reports(verified="some"), "verified is one of True, False; not 'some'"),
    "a number as a filter": (
        lambda: Facts(kinds="report.filed", where=(4,)),
        r"where is a list of filters, not \(4,\)",
    ),
    "several numbers as filters": (
        lambda: Facts(kinds="report.filed", where=[5, 4]),
        r"where is a list of filters, not \(5, 4\)",
    ),
    "an unknown comparison": (
        lambda: Compare(reports(), "about", 3),
        "'about' is no comparison; use one of at_least, more_than, at_most, less_than, exactly",
    ),
    "no list of filters": (lambda: Facts(kinds="report.filed", who=4), "who is a list of filters, not 4"),
    "a filter of nothing": (lambda: Filter("activity", 4), "needs a value"),
    "a filter by a list": (lambda: Filter("activity", ((1, 2),)), r"truth, not \(1, 2\)"),
    "a person of a measure": (
        lambda: WhoFilter("voucher", reports()),  # type: ignore[arg-type]  # what is refused
        "voucher needs a condition, not .*Count",
    ),
}


@pytest.mark.parametrize(("attempt", "words"), NAMED.values(), ids=NAMED)
def test_a_refusal_names_what_was_given(attempt: Callable[[], Any], words: str) -> None:
    """What was given is repeated, with the name of the field that it was given for."""
    with pytest.raises(InvalidPolicy, match=words):
        attempt()


def test_parts_of_the_language_are_checked_as_they_say() -> None:
    """By type, by choice, and as lists; None where it is the default, or among the choices."""

    @frozen
    class Part:
        width: object = field(default=None, validator=of_type(Width, "a width"))
        needed: object = field(default=weeks(4), validator=of_type(Width, "a width such as …"))
        unit: object = field(default="day", validator=one_of("day", "week", 1))
        perhaps: object = field(default=None, validator=one_of(None, YES, "so"))
        where: object = field(default=(), validator=is_list_of(Filter, "filters"))

    some = Filter("activity", "event")
    taken: list[dict[str, Any]] = [
        {},
        {"width": months(1), "needed": months(2)},
        {"unit": "week"},
        {"unit": 1},
        {"perhaps": True},
        {"perhaps": "so"},
        {"where": (some,)},
    ]
    for options in taken:
        made = Part(**options)
        assert [getattr(made, name) for name in options] == list(options.values())
    refused: list[tuple[dict[str, Any], str]] = [
        ({"width": 4}, "width must be a width, not 4"),
        ({"needed": None}, "needed must be a width such as …, not None"),
        ({"unit": "year"}, "unit is one of day, week, 1; not 'year'"),
        ({"unit": True}, "unit is one of day, week, 1; not True"),
        ({"unit": None}, "unit is one of day, week, 1; not None"),
        ({"perhaps": False}, "perhaps is one of True, so; not False"),
        ({"perhaps": 1}, "perhaps is one of True, so; not 1"),
        ({"where": [some]}, "where is a list of filters, not "),
        ({"where": (some, 4)}, "where is a list of filters, not .*4"),
    ]
    for options, words in refused:
        with pytest.raises(InvalidPolicy, match=words):
            Part(**options)


@pytest.mark.parametrize(
    "measure",
    [
        distinct("badge", "badge.awarded"),
        distinct(organisation_of("giver"), "badge.awarded"),
        total("points", "badge.awarded"),
    ],
    ids=str,
)
def test_a_field_of_an_unknown_kind_is_checked_with_the_facts(measure: Any) -> None:
    """A kind that we do not know may be a service's; its ledger says whether it is."""
    known = Registry(BUILT_IN)
    measure.check_known(known)
    with pytest.raises(InvalidPolicy, match=r"badge\.awarded"):
        measure.facts.check_field("badge", known)
    policy = Policy("p", cases=(when(measure >= 1).then("good"),), otherwise="bad")
    with pytest.raises(InvalidPolicy, match=r"badge\.awarded"):
        policy.check(known)


def test_what_begins_may_be_asked_whether_it_lasts() -> None:
    """Any of it, or all of it at once."""
    assert facts(*SPAN_KINDS, lasting=True).lasting
    with pytest.raises(InvalidPolicy, match=r"report\.filed begins nothing"):
        facts(*SPAN_KINDS, "report.filed", lasting=True)


def test_a_person_is_named_by_a_field_that_names_one() -> None:
    """Also in facts that are of no member; where we do not know a kind, its ledger says."""
    assert facts("opportunity.held", person="member").person == "member"
    for kind in ("opportunity.held", "report.filed"):
        with pytest.raises(InvalidPolicy, match="names no person as 'voucher'"):
            facts(kind, person="voucher")
    some = facts("report.filed", "badge.awarded", person="giver", badge="gold")
    with pytest.raises(InvalidPolicy, match=r"knows no fact badge\.awarded"):
        some.check(Registry(BUILT_IN))


def test_a_condition_among_others_is_taken() -> None:
    """What is no mistake passes the same checks."""
    assert isinstance(Not(is_member()), Condition)
    assert Not(is_member()) == ~is_member()
    assert Count(facts("report.filed"), reports(within=weeks(4)).within) == count(
        "report.filed", within=weeks(4)
    )
