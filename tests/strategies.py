"""Kinds of fact that a service might add, and strategies for them, beside those of the kit."""

from __future__ import annotations

import typing
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import attrs

from reps_ledger.domain.facts import Fact, fact
from reps_ledger.domain.validation import PERSON, PERSONAL, is_flag, is_name, is_text
from reps_ledger.testing.strategies import (
    amounts,
    days,
    facts,
    moments,
    names,
    reasons,
    replacing,
    retracting,
    texts,
)
from reps_ledger.testing.strategies.facts import CHOICES, PLAIN

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "CHOICES",
    "CUSTOM",
    "PLAIN",
    "BadgeAwarded",
    "MentoringHeld",
    "amounts",
    "custom_facts",
    "days",
    "facts",
    "moments",
    "names",
    "reasons",
    "replacing",
    "retracting",
    "texts",
]


@fact("mentoring.held", version=3, act="mentor")
@attrs.frozen(kw_only=True)
class MentoringHeld:
    """A fact of an embedding service: every plain type of field, some validated."""

    member: str = attrs.field(validator=is_name, metadata=PERSON)
    mentor: str = attrs.field(validator=is_name, metadata=PERSON)
    minutes: int
    score: float | None = None
    remote: bool = attrs.field(default=False, validator=is_flag)
    began: datetime | None = None
    day: date | None = None
    topics: tuple[str, ...] = ()
    notes: str = attrs.field(default="", validator=is_text, metadata=PERSONAL)
    mood: typing.Literal["good", "mixed"] = "good"


@fact("badge.awarded")
@attrs.frozen(kw_only=True)
class BadgeAwarded:
    """The smallest fact of an embedding service."""

    member: str
    badge: str


CUSTOM: Final[tuple[type[Fact], ...]] = (MentoringHeld, BadgeAwarded)
"""Kinds of fact that a service adds; pass them where a registry is made."""


def custom_facts() -> SearchStrategy[Fact]:
    """Make facts of the kinds that a service might add."""
    return facts(*CUSTOM)
