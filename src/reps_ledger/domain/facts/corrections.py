"""Facts about entries: how mistakes are put right, and what cannot be read is passed over."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.domain.facts.registry import Fact, Kind, fact
from reps_ledger.domain.validation import (
    ENTRY,
    PERSONAL,
    Field,
    is_leaf_or_none,
    is_name,
    is_position,
    is_reason,
)
from reps_ledger.errors import InvalidFact

__all__ = ["EntryCorrected", "EntryRetracted", "EntryVoided"]


def _is_fact(instance: object, attribute: Field, value: object) -> None:
    what = f"{type(instance).__name__}.{attribute.name}"
    if isinstance(value, type) or not isinstance(getattr(value, "__fact__", None), Kind):
        raise InvalidFact(f"{what} must be a fact, not {type(value).__name__}", field=what)
    if isinstance(value, EntryRetracted | EntryCorrected | EntryVoided):
        raise InvalidFact(f"{what} cannot itself be a correction, a retraction or a void", field=what)


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


def stated(fact: Fact) -> Fact:
    """Return what a fact states: of a correction, its replacement; any other itself."""
    return fact.replacement if isinstance(fact, EntryCorrected) else fact


@fact("entry.voided")
@frozen(kw_only=True)
class EntryVoided:
    """What is stored at a position cannot be read as an entry: everybody reads past it from now on.

    It is never retracted or corrected: what is voided only grows. The row stays where it is, and so do its
    leaf in the tree and all proofs. An entry that can be read is retracted instead.

    Attributes:
        target_position: where it is stored. (``position`` is a reserved name: that of the void itself.)
        leaf: the hash of its leaf in the tree, in hexadecimal, by which the void is of this row and no
            other; None for stored bytes of format 1, which have no salt, so that they could be guessed by it.
        reason: what is known of it.
    """

    target_position: int = field(validator=is_position)
    leaf: str | None = field(default=None, validator=is_leaf_or_none)
    reason: str = field(validator=is_reason, metadata=PERSONAL)
