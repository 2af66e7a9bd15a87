"""Verdicts: a policy's outcome for one member at one instant, with the findings that explain it."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from attrs import evolve, field, frozen

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.shown import printable
from reps_ledger.domain.time import local_day
from reps_ledger.policies.language.conditions import Leaf, truth
from reps_ledger.policies.language.reads import people_deep, reads_of
from reps_ledger.policies.outcomes import Change, next_change
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.shortfalls import Way, shortfalls
from reps_ledger.policies.subject import Found, Limit, Subject, Value


@frozen(kw_only=True)
class Finding:
    """One condition, with whether it held and why.

    Attributes:
        condition: which.
        holds: whether it held.
        value: what was measured: a number, or the instant since which time was; None for nothing.
        threshold: with what that was compared; None for nothing.
        entries: ids of the entries that are its evidence.
    """

    condition: Leaf
    holds: bool
    value: Value = None
    threshold: Limit | None = None
    entries: tuple[str, ...] = ()

    def words(self, zone: tzinfo | None = None) -> str:
        """Say it: yes or no, the condition, and what was measured."""
        words = f"{'yes' if self.holds else 'no'}: {self.condition.words()}"
        shown = self.condition.shown(self.found, zone)
        return f"{words} ({shown})" if shown else words

    @property
    def found(self) -> Found:
        """The same without its condition."""
        return Found(self.holds, self.value, self.threshold, self.entries)

    def __str__(self) -> str:
        return self.words()


@frozen(kw_only=True)
class Verdict:
    """A policy's outcome for somebody at an instant, with its reasons.

    Attributes:
        policy: which policy.
        member: whose: a member's, or a community's.
        at: the instant.
        known_at: the position up to which facts were known; None outside a ledger.
        outcome: the outcome.
        reason: why, as the policy says.
        case: the place of the case that decided, from 0; None where no case matched.
        findings: every condition that was evaluated, up to the case that decided.
    """

    policy: Policy = field(repr=lambda policy: repr(policy.name))
    member: str
    at: datetime
    known_at: int | None = None
    outcome: str
    reason: str
    case: int | None
    findings: tuple[Finding, ...] = field(repr=False)
    _subject: Subject = field(repr=False, eq=False)

    @property
    def zone(self) -> tzinfo:
        """The time zone in which dates, months and years were read."""
        return self._subject.zone

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids of all entries that the findings rest on, each once."""
        return tuple(dict.fromkeys(entry for found in self.findings for entry in found.entries))

    @property
    def day(self) -> date:
        """The local day of the instant, in the ledger's zone."""
        return local_day(self.at, self._subject.zone)

    @property
    def change(self) -> Change | None:
        """When and to what it changes if nothing more is recorded; None where it never does."""
        return next_change(self.policy, self._subject)

    @property
    def knows_later(self) -> bool:
        """Whether entries after its instant are known, of anybody whom the policy looks at.

        `change` is then no forecast: it counts what happened since.
        """
        read = reads_of(self.policy)
        everybody = read.everyone or read.programme
        return self._subject.knows_later(read.people, people_deep(self.policy), everybody=everybody)

    @property
    def lapses_at(self) -> datetime | None:
        """The first instant at which it changes if nothing more is recorded; None for never."""
        change = self.change
        return None if change is None else change.at

    @property
    def lapses_on(self) -> date | None:
        """The local day of `lapses_at`, in the ledger's zone; None for never."""
        at = self.lapses_at
        return None if at is None else local_day(at, self._subject.zone)

    @property
    def lapses_to(self) -> str | None:
        """The outcome to which it changes then; None where it never does."""
        change = self.change
        return None if change is None else change.outcome

    def shortfalls(self, outcome: str) -> tuple[Way, ...]:
        """Return the ways in which the outcome would be this one, or a better one.

        Each is a smallest set of conditions that would all have to change. There is none where
        the outcome is as good already, or where nothing that may still happen would do.

        Raises:
            InvalidPolicy: it is none of the policy's outcomes.
            TooLarge: there are too many ways to say.
        """
        return shortfalls(self.policy, self._subject, outcome)

    def words(self) -> str:
        """Explain it, a line for each finding."""
        zone = self._subject.zone
        why = f": {self.reason}" if self.reason else ""
        by = f"case {self.case + 1} of" if self.case is not None else "no case of"
        lines = [f"{self.member} on {self.day}: {self.outcome}{why} (by {by} {self.policy.name})"]
        lines += [f"  {found.words(zone)}" for found in self.findings]
        change = self.change
        becomes = None
        if change is not None:
            becomes = f"{change.outcome} from {local_day(change.at, zone)}"
        if self.knows_later:
            later = "with them it does not change" if becomes is None else f"with them: {becomes}"
            lines.append(f"  later entries are known; {later}")
        elif becomes is not None:
            lines.append(f"  if nothing more happens: {becomes}")
        return "\n".join(map(printable, lines))

    def __str__(self) -> str:
        return self.words()


@checked
def decide(policy: Policy, findings: tuple[Finding, ...]) -> str:
    """Return a policy's outcome by its findings alone: they explain the whole of it.

    Raises:
        KeyError: a finding that is needed is not among them.
    """
    held = {found.condition: found.holds for found in findings}
    for case, _ in policy.steps:
        if truth(case.when, held.__getitem__):
            return case.outcome
    return policy.otherwise


@checked
def evaluate(policy: Policy, subject: Subject, known_at: int | None = None) -> Verdict:
    """Evaluate a policy: the first case whose condition holds decides.

    Every leaf of the cases up to that one is evaluated, also where others settle the condition,
    so that the findings alone explain the outcome.

    Args:
        policy: which policy.
        subject: of whom, and at which instant.
        known_at: the position up to which facts are known, for the verdict to say it.
    """
    subject = evolve(subject, policy=policy.name)
    findings: dict[Leaf, Finding] = {}

    def holds(leaf: Leaf) -> bool:
        finding = findings.get(leaf)
        if finding is None:
            found = leaf.find(subject)
            finding = findings[leaf] = Finding(
                condition=leaf,
                holds=found.holds,
                value=found.value,
                threshold=found.threshold,
                entries=found.entries,
            )
        return finding.holds

    outcome, reason, number = policy.otherwise, policy.because, None
    for case, index in policy.steps:
        if truth(case.when, holds):
            outcome, reason, number = case.outcome, case.reason, index
            break
    return Verdict(
        policy=policy,
        member=subject.dossier.name,
        at=subject.at,
        known_at=known_at,
        outcome=outcome,
        reason=reason,
        case=number,
        findings=tuple(findings.values()),
        subject=subject,
    )
