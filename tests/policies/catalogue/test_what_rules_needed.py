"""What the rules of the catalogue asked of the language: windows up to an event, reasons, words."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from policies.catalogue.worked import TICK, Told, at, ledger_of, reported, told
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import (
    Condition,
    Policy,
    distinct,
    dumps,
    facts,
    holds,
    largest_share,
    loads,
    missed,
    months,
    noticed,
    preceding,
    reports,
    vouches,
    weeks,
    when,
    years,
)

if TYPE_CHECKING:
    from datetime import datetime

NDA: Final = facts("agreement.accepted", agreement="nda")
JOINED: Final = told(rl.MemberJoined(member="ana"), date(2015, 1, 1))


def number(measure: Any, history: tuple[Told, ...], moment: datetime) -> Any:
    """Return what is measured of "ana"."""
    policy = Policy("p", cases=[when(measure >= 1).then("yes")], otherwise="no")
    (finding,) = ledger_of(history).as_of(moment).evaluate(policy, "ana").findings
    return finding.value


def test_a_window_up_to_an_event() -> None:
    """It is empty before the event, ends with it, and begins just after so long before it."""
    accepted = rl.AgreementAccepted(member="ana", agreement="nda")
    history = (
        JOINED,
        told(accepted, at(2018, 3, 1)),
        *reported("talk", at(2017, 3, 1), at(2017, 3, 1) + TICK, at(2018, 3, 1)),
        *reported("talk", at(2018, 3, 1) + TICK),
        told(accepted, at(2018, 6, 1)),
    )
    last = reports(within=preceding(NDA, years(1)))
    first = reports(within=preceding(NDA, months(1), which="first"))
    assert number(last, history, at(2018, 3, 1) - TICK) == 0
    assert number(last, history, at(2018, 3, 1)) == 2
    assert number(last, history, at(2018, 6, 1) - TICK) == 2
    assert number(last, history, at(2018, 6, 1)) == 2
    assert number(first, history, at(2018, 12, 1)) == 1


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (preceding(NDA, years(1)), 'in the year up to their last accepted agreement with agreement "nda"'),
        (preceding(facts("notice.sent"), weeks(4), "first"), "in the 4 weeks up to their first notice"),
    ],
)
def test_a_window_up_to_an_event_is_kept_and_said(window: Any, words: str) -> None:
    """It reads back from a document equal, and its sentence says which event."""
    policy = Policy("p", cases=[when(reports(within=window) >= 1).then("yes")], otherwise="no")
    assert loads(dumps(policy)) == policy == loads(dumps(policy, "json"))
    assert words in policy.words()


@pytest.mark.parametrize(
    "wrong", [("report.filed", years(1), "last"), (NDA, 4, "last"), (NDA, years(1), "next")]
)
def test_a_window_up_to_nothing_is_refused(wrong: tuple[Any, Any, str]) -> None:
    """It needs facts, a width, and the first or the last."""
    with pytest.raises(InvalidPolicy):
        preceding(*wrong)


def test_an_outcome_without_a_case_has_a_reason() -> None:
    """Whoever no case is about is told why too; documents without a reason mean none."""
    policy = Policy(
        "p",
        cases=[when(reports() >= 1).then("active", "reported")],
        otherwise="quiet",
        because="nothing was reported",
    )
    verdict = ledger_of((JOINED,)).as_of(date(2018, 1, 1)).evaluate(policy, "ana")
    assert (verdict.outcome, verdict.reason) == ("quiet", "nothing was reported")
    assert policy.words().endswith('otherwise "quiet" (nothing was reported).')
    assert loads(dumps(policy)) == policy
    silent = Policy("p", cases=policy.cases, otherwise="quiet")
    assert "because" not in dumps(silent)
    with pytest.raises(InvalidPolicy, match="because"):
        Policy("p", cases=policy.cases, otherwise="quiet", because="\x00")


def test_misses_are_of_the_present_time_in_a_role() -> None:
    """Who is given a role anew, after losing it, starts anew; without a break the misses go on."""
    role = rl.RoleAssigned(member="ana", role="voter")
    votes = [
        told(rl.OpportunityHeld(opportunity=f"v{month}", kind="vote"), date(2018, month, 1))
        for month in range(2, 8)
    ]
    ended = told(rl.RoleEnded(member="ana", role="voter", how="inactive"), date(2018, 4, 10))
    history = (JOINED, told(role, date(2018, 1, 1)), *votes, ended)
    again = (*history, told(role, date(2018, 5, 10)))
    at_once = (*history, told(role, date(2018, 4, 10)))
    measure = missed("vote", role="voter")
    assert number(measure, history, at(2018, 7, 10)) == 3
    assert number(measure, again, at(2018, 5, 10) - TICK) == 3
    assert number(measure, again, at(2018, 5, 10)) == 0
    assert number(measure, again, at(2018, 7, 10)) == 2
    assert number(measure, at_once, at(2018, 7, 10)) == 6
    assert number(missed("vote"), again, at(2018, 7, 10)) == 6


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (reports(within=years(1)) < 1, "they have no reports in the last year"),
        (~(vouches() < 1), "it is not so that they have no vouches that still stand"),
        (distinct("month", "report.filed") < 1, "they have no different months with reports"),
        (largest_share() <= 0.25, "the largest part from one organisation among members is at most 25 %"),
        (~noticed("ping"), "a ping under this policy was never sent to them"),
        (noticed("ping", heard=True), "they answered their last ping under this policy"),
        (~noticed("ping", heard=True), "they did not answer their last ping under this policy"),
        (
            noticed("ping", overdue=True, heard=False),
            (
                "their last ping under this policy was sent "
                "(its deadline has passed, and nothing was heard since)"
            ),
        ),
        (
            noticed("ping", ago=weeks(4)) & holds("rep"),
            "their last ping under this policy was sent at least 4 weeks ago and they are a rep",
        ),
    ],
)
def test_conditions_are_said_as_people_say_them(condition: Condition, words: str) -> None:
    """None is said as none, parts in percent, and what is said of a notice stays together."""
    assert condition.words() == words
