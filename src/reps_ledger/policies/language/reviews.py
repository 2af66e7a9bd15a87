"""Conditions and measures of reviews: notices sent to a member, and decisions made before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import NoticeSent, acting
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import ClockMeasure, Threshold, as_width, passing
from reps_ledger.policies.language.phrases import named, policy_words, quoted
from reps_ledger.policies.language.reads import Reads
from reps_ledger.policies.language.validators import (
    as_tuple,
    is_bool,
    is_name_or_none,
    is_names,
    of_type,
    one_of,
)
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.subject import Dossier, Found, Measured, Previous, Subject


@frozen(cache_hash=True)
class Noticed(Leaf):
    """A notice was sent to them, and the last one fits: its age, its deadline, their answer.

    Attributes:
        stage: the stage of the notice: "nudge", "warning" …; None for any.
        policy: under which policy it was sent; None for the one that is evaluated.
        ago: how long ago it must have been sent, at least; None for any time.
        overdue: whether its deadline must have passed. Without a deadline it never has.
        heard: True if they must have answered it; False if there must be no answer and no act of
            theirs since; None for either.
    """

    stage: str | None = field(default=None, validator=is_name_or_none)
    policy: str | None = field(default=None, validator=is_name_or_none)
    ago: Width | None = field(default=None, validator=of_type(Width, "a width"))
    overdue: bool = field(default=False, validator=is_bool)
    heard: bool | None = field(default=None, validator=one_of(None, True, False))

    key = "noticed"

    def reads(self) -> Reads:
        return Reads(
            facts=frozenset({"notice.sent", "notice.answered"} if self.heard else {"notice.sent"}),
            acts=not self.heard,  # also for None: what was heard is told as evidence
        )

    def words(self) -> str:
        if self._is_plain and self.heard:
            return f"they answered {self._last()}"
        words = f"{self._last()} was sent"
        words += f" at least {self.ago} ago" if self.ago is not None else ""
        also = ["its deadline has passed"] if self.overdue else []
        if self.heard is not None:
            also.append("they answered it" if self.heard else "nothing was heard since")
        return f"{words} ({', and '.join(also)})" if also else words

    def denial(self) -> str:
        if self._is_plain and self.heard is None:
            return f"{self._last().replace('their last', 'a', 1)} was never sent to them"
        if self._is_plain and self.heard:
            return f"they did not answer {self._last()}"
        return f"it is not so that {self.words()}"

    @property
    def _is_plain(self) -> bool:
        return self.ago is None and not self.overdue

    def _last(self) -> str:
        stage = "notice of any stage" if self.stage is None else named(self.stage)
        return f"their last {stage} under {policy_words(self.policy)}"

    def _notices(self, subject: Subject) -> list[Entry[NoticeSent]]:
        policy = self.policy or subject.policy

        def make() -> list[Entry[NoticeSent]]:
            return [
                entry
                for entry in subject.dossier.own("notice.sent")
                if entry.fact.policy == policy and self.stage in (None, entry.fact.stage)
            ]

        return subject.dossier.once(("notices", policy, self.stage), make)

    def find(self, subject: Subject) -> Found:
        notice = subject.last(self._notices(subject))
        if notice is None:
            return Found(holds=False)
        heard = self._heard(notice, subject)
        holds = (
            (self.ago is None or notice.occurred_at <= self.ago.before(subject.at, subject.zone))
            and (not self.overdue or self._is_overdue(notice, subject))
            and (self.heard is None or self.heard == bool(heard))
        )
        return Found(holds=holds, value=notice.occurred_at, entries=(notice.id, *heard))

    @staticmethod
    def _is_overdue(notice: Entry[NoticeSent], subject: Subject) -> bool:
        deadline = notice.fact.deadline
        return deadline is not None and deadline <= subject.at

    def _heard(self, notice: Entry[NoticeSent], subject: Subject) -> tuple[str, ...]:
        """Return the ids of their answers to it, or of their last act since."""
        if self.heard:
            return tuple(
                [
                    entry.id
                    for entry in subject.seen(subject.dossier.own("notice.answered"))
                    if entry.fact.notice == notice.fact.notice
                ]
            )
        act = subject.last(_acts(subject.dossier))
        return () if act is None or act.order <= notice.order else (act.id,)

    def edges(self, subject: Subject) -> Iterable[datetime]:
        sent = self._notices(subject)
        yield from (entry.occurred_at for entry in sent)
        if self.heard:
            yield from (entry.occurred_at for entry in subject.dossier.own("notice.answered"))
        elif self.heard is False:
            yield from (entry.occurred_at for entry in _acts(subject.dossier))
        yield from (entry.fact.deadline for entry in sent if entry.fact.deadline is not None)
        if self.ago is not None:
            yield from passing([entry.occurred_at for entry in sent], self.ago, subject)


def _acts(dossier: Dossier) -> list[Entry]:
    """Return every act of a member, in effective order."""
    return dossier.once(
        "acts", lambda: [entry for entry in dossier.entries if acting(entry.fact) == dossier.name]
    )


def decisions(subject: Subject) -> Sequence[Entry]:
    """Return every decision of a review of them under the policy that is evaluated.

    A review that was opened under another policy does not count, nor one that was never opened.
    """
    opened: set[str] = set()
    made: list[Entry] = []
    for entry in subject.dossier.of_kind("review.opened", "review.decided"):
        if entry.fact.member != subject.dossier.name:
            continue
        if entry.name == "review.decided":
            made += [entry] if entry.fact.review in opened else []
        elif entry.fact.policy == subject.policy:
            opened.add(entry.fact.review)
    return made


def previous_of(subject: Subject) -> Previous | None:
    """Return the policy's previous outcome: the subject's, or else that of the last decision."""
    if subject.previous is not None:
        return subject.previous if subject.previous.outcome else None
    made = subject.seen(decisions(subject))
    if not made:
        return None
    outcome = made[-1].fact.outcome
    first = made[-1]
    for entry in reversed(made):
        if entry.fact.outcome != outcome:
            break
        first = entry
    return Previous(outcome, first.occurred_at, tuple(dict.fromkeys((first.id, made[-1].id))))


@frozen(cache_hash=True)
class Previously(Leaf):
    """This policy's outcome was one of these before.

    The previous outcome is what people decided in the last recorded review; in a sequence of
    reviews that are only computed, it is what was computed for the date before.

    Attributes:
        outcomes: any of which will do.
    """

    outcomes: tuple[str, ...] = field(converter=as_tuple, validator=is_names)

    key = "previously"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"review.opened", "review.decided"}))

    @outcomes.validator
    def _some(self, _: object, value: tuple[str, ...]) -> None:
        if not value:
            raise InvalidPolicy("previously what? Name an outcome")

    def words(self) -> str:
        return f"their previous outcome was {quoted(self.outcomes)}"

    def denial(self) -> str:
        return f"their previous outcome was not {quoted(self.outcomes)}"

    def find(self, subject: Subject) -> Found:
        previous = previous_of(subject)
        if previous is None:
            return Found(holds=False)
        return Found(holds=previous.outcome in self.outcomes, entries=previous.entries)

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [entry.occurred_at for entry in decisions(subject)]


def noticed(
    stage: str | None = None,
    *,
    policy: str | None = None,
    ago: Width | None = None,
    overdue: bool = False,
    heard: bool | None = None,
) -> Noticed:
    """Their last notice was sent: so long ago, overdue, answered or followed by silence.

    ``noticed("nudge", ago=weeks(4), heard=False)``: nudged at least four weeks ago, and nothing
    was heard of them since.
    """
    return Noticed(stage, policy, ago, overdue, heard)


def previously(*outcomes: str) -> Previously:
    """This policy's outcome was one of these before: to keep is easier than to gain."""
    return Previously(outcomes)


@frozen(eq=False)
class InOutcome(ClockMeasure):
    """The time since the policy's outcome last changed: shorter than any width if it had none."""

    key = "in_outcome"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"review.opened", "review.decided"}))

    def words(self) -> str:
        return "the time in their previous outcome"

    def measure(self, subject: Subject) -> Measured:
        previous = previous_of(subject)
        return Measured(None) if previous is None else Measured(previous.since, previous.entries)

    def edges(self, subject: Subject, threshold: Threshold) -> Iterable[datetime]:
        starts = [entry.occurred_at for entry in decisions(subject)]
        if subject.previous is not None:
            starts.append(subject.previous.since)
        yield from passing(starts, as_width(threshold), subject)


def in_outcome() -> InOutcome:
    """Measure the time since the policy's outcome last changed."""
    return InOutcome()
