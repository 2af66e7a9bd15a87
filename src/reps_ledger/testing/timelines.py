"""Timelines: a history as a person would draw it on a whiteboard."""

from __future__ import annotations

from datetime import UTC, datetime, time, tzinfo
from typing import TYPE_CHECKING, Any

from attrs import fields

from reps_ledger.domain.facts import EntryCorrected, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Fact

__all__ = ["instant_words", "said_fields", "short_id", "timeline"]

_IDS = "00000000-0000-8000-8000-"


def instant_words(instant: datetime, zone: tzinfo = UTC) -> str:
    """Say when: a day where it is the start of one, or to the microsecond."""
    local = instant.astimezone(zone).replace(tzinfo=None)
    return str(local.date()) if local.time() == time() else local.isoformat(sep=" ")


def short_id(entry_id: str) -> str:
    """Return ``#3`` for the entry that a story tells at position 3; other ids as they are."""
    return f"#{int(entry_id[len(_IDS) :])}" if entry_id.startswith(_IDS) else entry_id


def said_fields(fact: Fact) -> dict[str, Any]:
    """Return the fields of a fact that differ from what they are by default."""
    return {
        attribute.name: value
        for attribute in fields(type(fact))
        if (value := getattr(fact, attribute.name)) != attribute.default
    }


def timeline(
    entries: Iterable[Entry],
    zone: tzinfo = UTC,
    marks: Iterable[tuple[datetime, str]] = (),
    known_at: int | None = None,
) -> str:
    """Draw a history: a line for each entry, in the order in which they happened.

    Args:
        entries: as recorded, or as they stand.
        zone: in which instants are said.
        marks: instants that matter, such as a review, and what they are.
        known_at: entries recorded after this position are marked as not known yet.
    """
    lines: list[tuple[tuple[datetime, int, int], str, str]] = []
    for entry in entries:
        late = " (not known yet)" if known_at is not None and entry.position > known_at else ""
        words = f"{short_id(entry.id):<4} {_words(entry.fact, zone)}{late}"
        if entry.source is not None:
            words += f" (from {entry.source})"
        order = (entry.occurred_at, 0, entry.position)
        lines.append((order, instant_words(entry.occurred_at, zone), words))
    for number, (at, words) in enumerate(marks):
        lines.append(((at, 1, number), instant_words(at, zone), f"---> {words}"))
    if not lines:
        return "(nothing happened)"
    width = max(len(when) for _, when, _ in lines)
    return "\n".join(f"{when:<{width}}  {words}" for _, when, words in sorted(lines))


def _words(fact: Fact, zone: tzinfo) -> str:
    if isinstance(fact, EntryCorrected):
        return f"{short_id(fact.target)} was wrong; instead: {_words(fact.replacement, zone)}"
    said = said_fields(fact)
    who = said.pop("member", None)
    parts = [f"{name}={_value(value, zone)}" for name, value in said.items()]
    name = kind_of(type(fact)).name
    return " ".join([name, *([str(who)] if who is not None else []), *parts])


def _value(value: Any, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return instant_words(value, zone)
    if isinstance(value, str):
        return short_id(value) if value.startswith(_IDS) else value
    if isinstance(value, tuple):
        return "+".join(_value(each, zone) for each in value)
    return str(value)
