"""Auditing a decision: what it went by, as it stood then, and what is known now."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from reps_ledger.audit.explanations import Link, said_by
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected, ReviewDecided
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import NotFound
from reps_ledger.ledger.reviewing import Replayed, replay_decision, standing_entry
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.views.tracing import Tracing

if TYPE_CHECKING:
    from reps_ledger.ledger.core import LedgerCore
    from reps_ledger.views import View

__all__ = ["DecisionAudit", "Evidence", "audit_decision"]


@frozen(kw_only=True)
class Evidence:
    """One entry that a decision went by.

    Attributes:
        link: the entry as it stood at the decision's basis.
        since: what corrected or retracted it after that, in order.
    """

    link: Link
    since: tuple[Entry, ...] = ()


@frozen(kw_only=True)
class DecisionAudit:
    """A decision, what it went by, and what has become of that.

    Attributes:
        review: which review.
        member: of whom.
        decided: what people decided.
        reason: why.
        by: who recorded it, and for whom.
        decision: the entry of the decision, as it was recorded.
        at: the instant of which the recommendation was made; else of the decision.
        basis: the position up to which was known; None where the decision does not say.
        evidence: what it went by, as it stood at the basis.
        replayed: the recommendation made again at the basis; None where the decision does not
            say by which policy it was made, or the policy's words are not recorded.
        learned: what is known now of that time and was not at the basis: recorded late,
            corrected or retracted since.
        now: what the same policy comes to, of the same instant, by all that is known now.
        zone: in which days are said.
    """

    review: str
    member: str
    decided: str
    reason: str
    by: str
    decision: Entry = field(repr=False)
    at: datetime
    basis: int | None
    evidence: tuple[Evidence, ...] = field(repr=False)
    replayed: Replayed | None = field(repr=False)
    learned: tuple[Link, ...] = field(repr=False)
    now: Verdict | None = field(repr=False)
    zone: tzinfo = field(repr=False)

    @property
    def would_differ(self) -> bool | None:
        """Whether the recommendation would be another one now; None where it cannot be made."""
        if self.now is None or self.replayed is None:
            return None
        return self.now.outcome != self.replayed.verdict.outcome

    def words(self) -> str:
        """Say it."""
        day = self.decision.occurred_at.astimezone(self.zone).date()
        what = f"{self.review}: {self.decided} ({self.reason}), decided of {self.member} on {day}"
        lines = [f"{what}, recorded by {self.by}, position {self.decision.position}"]
        if self.replayed is None:
            lines.append("By which policy it was made, or the policy's words, is not recorded.")
        else:
            lines += [self.replayed.words(), *self.replayed.verdict.words().splitlines()]
        if self.basis is not None:
            lines.append(f"Its evidence, as it stood at position {self.basis}:")
        for each in self.evidence:
            lines += [f"  {line}" for line in each.link.lines(self.zone)]
            for amended in each.since:
                kind = "corrected" if isinstance(amended.fact, EntryCorrected) else "retracted"
                lines.append(
                    f"    {kind} after the decision, by {said_by(amended)}, position "
                    f"{amended.position}: {amended.fact.reason}"
                )
        if self.basis is not None:
            told = "What is known now, and was not then:" if self.learned else "Nothing was learned"
            lines.append(told if self.learned else f"{told} since of that time.")
        for link in self.learned:
            lines += [f"  {line}" for line in link.lines(self.zone)]
        if self.now is not None:
            would = "otherwise" if self.would_differ else "the same"
            lines.append(f"By what is known now it would be {would}: {self.now.outcome}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.words()


def audit_decision(ledger: LedgerCore, review: str) -> DecisionAudit:
    """Audit a decision; see ``Ledger.audit_decision``."""
    standing = standing_entry(ledger, review, ReviewDecided)
    decision = ledger.entry(standing.id)
    recorded: Any = decision.fact
    fact: Any = recorded.replacement if isinstance(recorded, EntryCorrected) else recorded
    at: datetime = fact.as_of if fact.as_of is not None else standing.occurred_at
    zone = ledger.zone if fact.zone is None else zone_of(fact.zone)
    try:
        replayed: Replayed | None = replay_decision(ledger, review)
    except NotFound:
        replayed = None
    now = ledger.as_of(at).in_zone(zone)
    basis = fact.basis
    return DecisionAudit(
        review=review,
        member=standing.fact.member,
        decided=fact.outcome,
        reason=fact.reason,
        by=said_by(decision),
        decision=decision,
        at=at,
        basis=basis,
        evidence=() if basis is None else _evidence(ledger, fact, at, zone, now),
        replayed=replayed,
        learned=() if basis is None else _learned(now, review, standing.fact.member, basis),
        now=None if replayed is None else now.evaluate(replayed.verdict.policy, fact.member),
        zone=zone,
    )


def _evidence(
    ledger: LedgerCore, fact: ReviewDecided, at: datetime, zone: tzinfo, now: View
) -> tuple[Evidence, ...]:
    then = ledger.as_of(at, known_at=fact.basis).in_zone(zone)
    tracing, later = _tracing(then, fact.member), _tracing(now, fact.member)
    roots = tracing.add(fact.evidence)
    later.add(roots)
    since = {
        entry.id: tuple(each for each in amended if each.position > then.known_at)
        for entry, _, amended in later.chains()
    }
    return tuple(
        Evidence(link=tracing.link(entry, reads, amended), since=since.get(entry.id, ()))
        for entry, reads, amended in tracing.chains()
        if entry.id in roots
    )


def _learned(now: View, review: str, member: str, basis: int) -> tuple[Link, ...]:
    tracing = _tracing(now, member)
    found = []
    for entry, reads, amended in tracing.chains():
        late = entry.position > basis
        if getattr(entry.fact, "review", None) == review or (late and reads is None):
            continue
        news = late or any(each.position > basis for each in amended)
        if news and (reads or entry).occurred_at <= now.valid_at:
            found.append(tracing.link(entry, reads, amended))
    return tuple(found)


def _tracing(view: View, member: str) -> Tracing:
    kept, standing = view.reading.member(member)
    return Tracing(view.reading, view.zone, kept, standing)
