"""Pasting: a situation as code, so that what was found once is kept as a test."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from reps_ledger.domain.facts import BUILT_IN
from reps_ledger.testing.timelines import instant_words, said_fields, short_id

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Fact
    from reps_ledger.testing.recorded import Recorded

__all__ = ["regression_test", "situation_code"]


def regression_test(law: str, says: str, subject: str, situation: str, call: str) -> str:
    """Return a test, ready to paste.

    Args:
        law: what it is of.
        says: what must hold.
        subject: the name of the policy that broke it.
        situation: the situation, as code.
        call: how it is asked.
    """
    name = re.sub(r"\W+", "_", f"test_{law}_of_{subject}").strip("_").lower()
    body = situation.replace("\n", "\n    ")
    return f'def {name}() -> None:\n    """{says}"""\n    situation = {body}\n    {call}\n'


def situation_code(history: Recorded, who: str, at: datetime, known_at: int) -> str:
    """Return a call of ``situated`` that makes a situation again."""
    lines = [f"    {_told(entry)}," for entry in history]
    lines.append(f"    who={_text(who)},")
    lines.append(f"    at={_instant(at)},")
    if known_at < len(history):
        lines.append(f"    known_at={known_at},")
    if history.zone is not UTC:
        lines.append(f"    zone={_zone(history.zone)},")
    if history.facts:
        lines.append(f"    facts=[{', '.join(cls.__name__ for cls in history.facts)}],")
    return "\n".join(["situated(", *lines, ")"])


def _told(entry: Entry) -> str:
    said = f"{_fact(entry.fact)}, {_instant(entry.occurred_at)}"
    more = [
        f", {name}={_text(getattr(entry, name))}"
        for name, usual in (("by", "council"), ("on_behalf_of", None), ("source", None))
        if getattr(entry, name) != usual
    ]
    return f"tell({said}{''.join(more)})" if more else f"({said})"


def _fact(fact: Fact) -> str:
    name = type(fact).__name__
    fields = ", ".join(f"{key}={_value(value)}" for key, value in said_fields(fact).items())
    return f"{'rl.' if type(fact) in BUILT_IN else ''}{name}({fields})"


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return f"moment({_instant(value)})"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, str) and (short := short_id(value)) != value:
        return f"entry_id({short[1:]})"
    if hasattr(type(value), "__fact__"):
        return _fact(value)
    if isinstance(value, tuple):
        return f"({''.join(f'{_value(each)}, ' for each in value).rstrip()})"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    said = repr(value)
    return said if '"' in said else f'"{said[1:-1]}"'


def _instant(at: datetime) -> str:
    return f'"{instant_words(at)}"'


def _zone(zone: tzinfo) -> str:
    return f'ZoneInfo("{zone}")'
