"""Reviews after corrections and merges: what stands is decided and replayed."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pytest
from attrs import evolve

import reps_ledger as rl
from reviews.test_workflow import opened, programme

DECIDED: Final = date(2018, 7, 9)


def decided(ledger: rl.Ledger, outcome: str, reason: str, by: str) -> rl.Receipt:
    """Decide the review of ben."""
    review = "activity/2018-07-01/ben"
    return ledger.decide(review, outcome, reason, by=by, occurred_at=DECIDED)


def test_a_retracted_decision_is_not_replayed() -> None:
    """Until it is decided again, there is no decision; then it is the one that stands."""
    ledger = programme()
    item = opened(ledger).reviews[0]
    wrong = decided(ledger, "inactive", "a slip", "ana")
    ledger.record(rl.EntryRetracted(target=wrong.id, reason="by the wrong person"), by="council")
    with pytest.raises(rl.NotFound, match="was decided"):
        ledger.replay_decision(item.review)
    decided(ledger, "nudge", "as recommended", "council")
    replayed = ledger.replay_decision(item.review)
    assert (replayed.decided, replayed.by, replayed.reproduced) == ("nudge", "council", True)


def test_a_corrected_decision_is_replayed_as_it_is_read_now() -> None:
    """What people decided is what the correction says; the recommendation is what it was."""
    ledger = programme()
    item = opened(ledger).reviews[0]
    slip: Any = decided(ledger, "inactive", "a slip", "council")
    meant = evolve(slip.entry.fact, outcome="active", reason="meant")
    ledger.record(rl.EntryCorrected(target=slip.id, replacement=meant, reason="r"), by="council")
    replayed = ledger.replay_decision(item.review)
    assert (replayed.decided, replayed.reason, replayed.reproduced) == ("active", "meant", True)


def test_a_retracted_review_cannot_be_decided() -> None:
    """It was never opened, and so is not found."""
    ledger = programme()
    item = opened(ledger).reviews[0]
    ledger.record(rl.EntryRetracted(target=item.opened.opened_in, reason="r"), by="council")
    with pytest.raises(rl.NotFound, match="was opened"):
        decided(ledger, "nudge", "r", "council")


def test_a_review_of_a_duplicate_is_decided_by_its_identifier() -> None:
    """After a merge it is of the one who was kept; and it is replayed."""
    ledger = programme()
    opened(ledger)
    ledger.record(rl.MembersMerged(member="ana", duplicate="ben"), by="council")
    receipt: Any = decided(ledger, "active", "the same person", "council")
    assert receipt.entry.fact.member == "ana"
    assert ledger.replay_decision("activity/2018-07-01/ben").reproduced


def test_a_decision_without_recommendation_says_so() -> None:
    """Recorded by other software without one, it is told plainly what the policy comes to."""
    ledger = programme()
    item = opened(ledger).reviews[0]
    fact = rl.ReviewDecided(
        member="ben",
        review=item.review,
        outcome="active",
        reason="known",
        basis=ledger.position,
        digest=item.opened.digest,
    )
    ledger.record(fact, by="council", occurred_at=DECIDED)
    words = ledger.replay_decision(item.review).words()
    assert "None" not in words
    assert "no recommendation was recorded" in words
