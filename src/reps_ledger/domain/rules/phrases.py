"""A guard and phrases that many rules share."""

from __future__ import annotations

from collections.abc import Iterator

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.rules.folds import MemberState
from reps_ledger.errors import Refusal


def refuse(code: str, words: str, *causes: Entry | None) -> Refusal:
    """Make a refusal, with the entries that caused it."""
    return Refusal(code=code, words=words, entries=tuple(e.id for e in causes if e is not None))


def day_of(entry: Entry) -> str:
    """Return the day on which an entry happened, in ISO format."""
    return (entry.day or entry.occurred_at.date()).isoformat()


def place(role: str, community: str | None) -> str:
    """Return a role and its community in words."""
    return f"{role} in {community}" if community is not None else role


def must_be_member(state: MemberState, member: str, entry: Entry) -> Iterator[Refusal]:
    """Refuse an entry about a person who had not joined when it occurred."""
    if state.joined is None:
        yield refuse("not_joined", f"{member} had not joined on {day_of(entry)}; record member.joined first")
