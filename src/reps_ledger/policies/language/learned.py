"""Conditions on what was learned, agreed and exempted; and on the date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from reps_ledger.domain.time import day_start
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.checks import is_date_or_none, is_name, is_name_or_none
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.nouns import named, policy_words
from reps_ledger.policies.language.people import from_spans
from reps_ledger.policies.subject import Found

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.subject import Subject

__all__ = [
    "Accepted",
    "Completed",
    "Exempt",
    "OnOrAfter",
    "accepted",
    "completed",
    "exempt",
    "on_or_after",
]


@frozen(cache_hash=True)
class Completed(Leaf):
    """They completed a course.

    Attributes:
        course: which.
        version: in which edition; None for any.
    """

    course: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)

    def words(self) -> str:
        return f"they completed the {self._what()}"

    def denial(self) -> str:
        return f"they have not completed the {self._what()}"

    def _what(self) -> str:
        return f"{named(self.course)} course{_edition(self.version)}"

    def _all(self, subject: Subject) -> list[Entry]:
        return [
            entry
            for entry in subject.dossier.own("course.completed")
            if entry.fact.course == self.course and self.version in (None, entry.fact.version)
        ]

    def find(self, subject: Subject) -> Found:
        entries = tuple([entry.id for entry in subject.seen(self._all(subject))])
        return Found(holds=bool(entries), entries=entries)

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [entry.occurred_at for entry in self._all(subject)]


@frozen(cache_hash=True)
class Accepted(Leaf):
    """They accepted an agreement, and that was not revoked.

    Attributes:
        agreement: which.
        version: in which version; None for any.
    """

    agreement: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)

    def words(self) -> str:
        return f"they accepted the {self._what()}"

    def denial(self) -> str:
        return f"they have not accepted the {self._what()}"

    def _what(self) -> str:
        return f"{named(self.agreement)} agreement{_edition(self.version)}"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.standing("agreement.accepted")
            if span.entry.fact.agreement == self.agreement
            and self.version in (None, span.entry.fact.version)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("agreement.accepted")


@frozen(cache_hash=True)
class Exempt(Leaf):
    """They were exempted from a policy, and that has not expired.

    Attributes:
        policy: from which; None for the one that is evaluated.
    """

    policy: str | None = field(default=None, validator=is_name_or_none)

    def words(self) -> str:
        return f"they are exempt from {policy_words(self.policy)}"

    def denial(self) -> str:
        return f"they are not exempt from {policy_words(self.policy)}"

    def find(self, subject: Subject) -> Found:
        policy = self.policy or subject.policy
        return from_spans(
            span
            for span in subject.standing("exemption.granted")
            if span.entry.fact.policy == policy
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("exemption.granted")


@frozen(cache_hash=True)
class OnOrAfter(Leaf):
    """It is that day, or later: for rules that change on a date.

    Attributes:
        day: from which day on.
    """

    day: date = field(validator=is_date_or_none)

    def __attrs_post_init__(self) -> None:
        if self.day is None:
            raise InvalidPolicy("on or after which day?")

    def words(self) -> str:
        return f"it is {self.day} or later"

    def denial(self) -> str:
        return f"it is before {self.day}"

    def find(self, subject: Subject) -> Found:
        return Found(holds=subject.at >= day_start(self.day, subject.zone))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [day_start(self.day, subject.zone)]


def _edition(version: str | None) -> str:
    return f" (version {named(version)})" if version is not None else ""


def completed(course: str, *, version: str | None = None) -> Completed:
    """They completed a course."""
    return Completed(course, version)


def accepted(agreement: str, *, version: str | None = None) -> Accepted:
    """They accepted an agreement, and that was not revoked."""
    return Accepted(agreement, version)


def exempt(policy: str | None = None) -> Exempt:
    """They were exempted from a policy: by default, from this one."""
    return Exempt(policy)


def on_or_after(day: date) -> OnOrAfter:
    """It is that day or later."""
    return OnOrAfter(day)
