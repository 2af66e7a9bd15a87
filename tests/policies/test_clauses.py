"""Clauses of conditions as people read them: without their options, and with each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from reps_ledger.policies import (
    accepted,
    affiliated,
    count,
    distinct,
    exempt,
    facts,
    following,
    has_account,
    in_community,
    members,
    reports,
    time_since,
    weeks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reps_ledger.policies import Condition

# Made within the test: what makes a condition is then under test too.
CLAUSES: Final[list[tuple[Callable[[], Condition], str, str]]] = [
    (in_community, "they are in a community", "they are not in any community"),
    (lambda: in_community("paris"), "they are in paris", "they are not in paris"),
    (affiliated, "they belong to an organisation", "they do not belong to an organisation"),
    (
        lambda: affiliated("acme", kind="employee"),
        "they belong to acme as employee",
        "they do not belong to acme as employee",
    ),
    (has_account, "they have an account", "they have no account"),
    (lambda: has_account("github"), "they have an account at github", "they have no account at github"),
    (
        lambda: accepted("nda", version="2"),
        "they accepted the nda agreement (version 2)",
        "they have not accepted the nda agreement (version 2)",
    ),
    (exempt, "they are exempt from this policy", "they are not exempt from this policy"),
    (lambda: exempt("activity"), "they are exempt from activity", "they are not exempt from activity"),
    (lambda: members() < 3, "there are fewer than 3 members", "there are not fewer than 3 members"),
    (lambda: members() <= 1_000, "there are at most 1,000 members", "there are not at most 1,000 members"),
    (lambda: reports() < 1, "they have no reports", "it is not so that they have no reports"),
    (
        lambda: distinct("month", "report.filed") >= 1,
        "they have at least 1 different month with reports",
        "they do not have at least 1 different month with reports",
    ),
    (
        lambda: reports(within=following(facts("member.joined"), weeks(4))) >= 1,
        "they have at least 1 report within 4 weeks of their first joining",
        "they do not have at least 1 report within 4 weeks of their first joining",
    ),
    (
        lambda: time_since("report.filed", pausing=True) >= weeks(4),
        "the time since their last report is at least 4 weeks (leave not counted)",
        "the time since their last report is not at least 4 weeks (leave not counted)",
    ),
    (
        lambda: count("report.filed") >= 2,
        "they have at least 2 reports",
        "they do not have at least 2 reports",
    ),
]


@pytest.mark.parametrize(("made", "words", "denial"), CLAUSES, ids=[words for _, words, _ in CLAUSES])
def test_clauses_read_well(made: Callable[[], Condition], words: str, denial: str) -> None:
    """Each condition and its opposite, word for word."""
    condition = made()
    assert condition.words() == words
    assert (~condition).words() == denial
