"""A guard and phrases that many rules share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from typing import Final

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.rules.folds import MemberState
from reps_ledger.domain.time import local_day
from reps_ledger.errors import Refusal


def refuse(code: str, words: str, *causes: Entry | None) -> Refusal:
    """Make a refusal, with the entries that caused it."""
    return Refusal(code=code, words=words, entries=tuple(e.id for e in causes if e is not None))


_ZONE: Final[ContextVar[tzinfo]] = ContextVar("zone", default=UTC)


@contextmanager
def days_read_in(zone: tzinfo) -> Iterator[None]:
    """Let refusals that are made meanwhile, by this thread, say their days in a zone.

    Only words hang on it: what is refused does not.
    """
    token = _ZONE.set(zone)
    try:
        yield
    finally:
        _ZONE.reset(token)


def day_of(entry: Entry) -> str:
    """Return the day on which an entry happened, in ISO format."""
    return entry.day.isoformat() if entry.day is not None else day_at(entry.occurred_at)


def day_at(instant: datetime) -> str:
    """Return the day of an instant, in ISO format."""
    return local_day(instant, _ZONE.get()).isoformat()


def place(role: str, community: str | None) -> str:
    """Return a role and its community in words."""
    return f"{role} in {community}" if community is not None else role


def must_be_member(state: MemberState, member: str, entry: Entry) -> Iterator[Refusal]:
    """Refuse an entry about a person who had not joined when it occurred."""
    if state.joined is None:
        yield refuse("not_joined", f"{member} had not joined on {day_of(entry)}; record member.joined first")


def alike(name: str, other: str, entry: Entry) -> Refusal:
    """Return the refusal of a name that reads like another, which an entry has."""
    return refuse(
        "name_taken",
        f"{name} reads like {other}, which is there since {day_of(entry)}: they differ in case, width, "
        f"spaces or characters that show nothing; use {other}, or another name",
        entry,
    )
