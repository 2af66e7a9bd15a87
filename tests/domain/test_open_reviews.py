"""Which reviews are open, of people who may have two records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import reps_ledger as rl
from identities import joins, merge, told, unmerge
from reps_ledger.domain.open_reviews import OpenReviews, as_one, still_open

if TYPE_CHECKING:
    from reps_ledger.domain.facts import Fact

BOTH = joins("ana", "ben", "cleo")
MERGED = merge("ana", "ben")


def opened(review: str, member: str, policy: str = "act") -> tuple[Fact, int]:
    """Open a review."""
    return rl.ReviewOpened(member=member, review=review, policy=policy), 1


def decided(review: str, member: str) -> tuple[Fact, int]:
    """Decide a review."""
    return rl.ReviewDecided(member=member, review=review, outcome="active", reason="seen"), 2


def matters(*facts: tuple[Fact, int]) -> list[list[str]]:
    """Return the matters that are open: of each, the first review and those that are the same."""
    reviews: OpenReviews = {}
    for entry in told(*BOTH, *facts).standing:
        reviews = still_open(reviews, entry)
    return [[first.fact.review, *others] for first, others in as_one(reviews)]


def test_of_two_records_one_matter() -> None:
    """Decided as one, both are closed; of somebody else, or by another policy, nothing is."""
    facts = [opened("r1", "ana"), opened("r2", "ben"), opened("r3", "cleo"), opened("r4", "ben", "other")]
    assert matters(*facts) == [["r1"], ["r2"], ["r3"], ["r4"]]
    assert matters(*facts, MERGED) == [["r1", "r2"], ["r3"], ["r4"]]
    for review in ("r1", "r2"):
        assert matters(*facts, MERGED, decided(review, "ana")) == [["r3"], ["r4"]]
    assert matters(*facts, MERGED, decided("r4", "ana")) == [["r1", "r2"], ["r3"]]
    assert matters(*facts, decided("r3", "cleo"), MERGED) == [["r1", "r2"], ["r4"]]


def test_decided_before_they_were_one_it_is_closed_alone() -> None:
    """And undone, the other's is open again."""
    facts = [opened("r1", "ana"), opened("r2", "ben")]
    assert matters(*facts, decided("r1", "ana"), MERGED) == [["r2"]]
    assert matters(*facts, MERGED, decided("r1", "ana"), unmerge("ana", "ben")) == [["r2"]]


def test_two_of_one_record_are_two_matters() -> None:
    """The first of each record's are one, and so are the second."""
    facts = [opened("r1", "ana"), opened("r2", "ana"), opened("r3", "ben")]
    assert matters(*facts) == [["r1"], ["r2"], ["r3"]]
    assert matters(*facts, MERGED) == [["r1", "r3"], ["r2"]]
    assert matters(*facts, MERGED, decided("r3", "ana")) == [["r2"]]
    assert matters(*facts, MERGED, decided("r1", "ana")) == [["r2"]]
    assert matters(*facts, MERGED, decided("r2", "ana")) == [["r1", "r3"]]
    assert matters(*facts, decided("r2", "ana")) == [["r1"], ["r3"]]


def test_what_is_decided_and_was_not_open_closes_nothing() -> None:
    """Nor does a decision of another review."""
    assert matters(opened("r1", "ana"), decided("r9", "ana")) == [["r1"]]
