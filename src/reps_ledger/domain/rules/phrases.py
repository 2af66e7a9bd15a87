"""Guards and phrases that many rules share."""

from __future__ import annotations

from collections.abc import Iterator

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.rules.folds import MemberState
from reps_ledger.errors import Refusal


def refuse(code: str, words: str, *causes: Entry | None) -> Refusal:
    """Make a refusal, with the entries that caused it."""
    return Refusal(code=code, words=words, entries=tuple(e.id for e in causes if e is not None))


def day_of(entry: Entry) -> str:
    """Say on what day an entry happened."""
    return (entry.day or entry.occurred_at.date()).isoformat()


def place(role: str, community: str | None) -> str:
    """Say a role, and where."""
    return f"{role} in {community}" if community is not None else role


def must_be_member(life: MemberState, member: str, entry: Entry) -> Iterator[Refusal]:
    """Refuse what names a person who had not joined then."""
    if life.joined is None:
        yield refuse(
            "not_joined", f"{member} had not joined on {day_of(entry)}; record member.joined first"
        )
