"""Warnings about policies: what can never be, and nothing that can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reps_ledger.policies import Policy, days, reports, tenure, total, weeks, when
from reps_ledger.policies.lint import warnings

if TYPE_CHECKING:
    from reps_ledger.policies import Condition

AMOUNT: Any = total("amount", "report.filed")


def warned(condition: Condition) -> bool:
    """Whether a case of that condition is said never to match."""
    policy = Policy("p", cases=[when(condition).then("yes")], otherwise="no")
    return bool(warnings(policy))


@pytest.mark.parametrize(
    "condition",
    [
        (AMOUNT > 1) & (AMOUNT < 2),
        (AMOUNT > 1) & (AMOUNT < 1.5),
        (tenure() > days(7)) & (tenure() < days(8)),
        (tenure() > weeks(1)) & (tenure() < days(8)),
        (reports() > 1) & (reports() < 3),
    ],
    ids=str,
)
def test_what_may_be_between_is_no_contradiction(condition: Condition) -> None:
    """Totals and clocks may lie between two whole numbers, and a count on the one between."""
    assert not warned(condition)


@pytest.mark.parametrize(
    "condition",
    [
        (reports() > 1) & (reports() < 2),
        (AMOUNT > 1) & (AMOUNT < 1),
        (tenure() >= weeks(1)) & (tenure() < days(7)),
    ],
    ids=str,
)
def test_what_lies_between_nothing_is_warned_of(condition: Condition) -> None:
    """No count lies between two whole numbers that follow each other."""
    assert warned(condition)
