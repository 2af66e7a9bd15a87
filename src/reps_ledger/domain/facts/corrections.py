"""Facts about entries: how mistakes are put right without rewriting the log."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.domain.facts.registry import Fact, Kind, fact
from reps_ledger.domain.validation import ENTRY, PERSONAL, Field, is_name, is_reason
from reps_ledger.errors import InvalidFact

__all__ = ["EntryCorrected", "EntryRetracted"]


def _is_fact(instance: object, attribute: Field, value: object) -> None:
    what = f"{type(instance).__name__}.{attribute.name}"
    if isinstance(value, type) or not isinstance(getattr(value, "__fact__", None), Kind):
        raise InvalidFact(f"{what} must be a fact, not {type(value).__name__}", field=what)
    if isinstance(value, EntryRetracted | EntryCorrected):
        raise InvalidFact(f"{what} cannot itself be a correction or retraction", field=what)


@fact("entry.retracted")
@frozen(kw_only=True)
class EntryRetracted:
    """An entry was recorded by mistake: read history as though it had never been.

    Retracting a retraction, or a correction, undoes it.

    Attributes:
        target: the entry's id.
        reason: what was wrong.
    """

    target: str = field(validator=is_name, metadata=ENTRY)
    reason: str = field(validator=is_reason, metadata=PERSONAL)


@fact("entry.corrected")
@frozen(kw_only=True)
class EntryCorrected:
    """An entry was wrong: read history with ``replacement`` in its place.

    When the replacement happened is the ``occurred_at`` under which the correction is
    recorded; by default that of the entry which it corrects.

    Attributes:
        target: the entry's id.
        replacement: the fact as it should have been.
        reason: what was wrong.
    """

    target: str = field(validator=is_name, metadata=ENTRY)
    replacement: Fact = field(validator=_is_fact)
    reason: str = field(validator=is_reason, metadata=PERSONAL)
