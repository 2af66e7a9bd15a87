"""Drafts: what somebody wants recorded, made ready before any rule is asked."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import evolve, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, Fact, FactType
from reps_ledger.domain.fields import check_name
from reps_ledger.domain.limits import MAX_ENTRY_BYTES
from reps_ledger.domain.time import day_end, day_start, instant_of
from reps_ledger.errors import CodecError, InvalidFact, InvalidTime, TooLarge

if TYPE_CHECKING:
    from reps_ledger.log.codec import Codec

__all__ = ["Draft", "Receipt", "make_draft"]

_BUILT_IN = frozenset(BUILT_IN)


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact to record, with its instants resolved.

    Attributes:
        fact: what happened.
        occurred_at: when, or None for now; a correction's None is its target's instant.
        day: the day, where no more is known.
        by: who records it.
        on_behalf_of: for whom.
        command_id: the command that it is part of.
        source: where it came from.
        id: the entry id that it must have.
    """

    fact: Fact
    occurred_at: datetime | None
    day: date | None
    by: str
    on_behalf_of: str | None = None
    command_id: str | None = None
    source: str | None = None
    id: str


@frozen(kw_only=True)
class Receipt:
    """What was recorded.

    Attributes:
        entries: the new entries, in order.
        repeated: the command had been recorded before; these are its entries.
    """

    entries: tuple[Entry, ...]
    repeated: bool = False

    @property
    def position(self) -> int:
        """The last entry's position: what is known from here on includes them all."""
        return self.entries[-1].position

    @property
    def entry(self) -> Entry:
        """The first entry: the only one, where one fact was recorded."""
        return self.entries[0]

    @property
    def id(self) -> str:
        """The first entry's id."""
        return self.entries[0].id


def make_draft(
    fact: Fact,
    *,
    occurred_at: date | None,
    by: str,
    entry_id: str,
    codec: Codec,
    zone: tzinfo,
    on_behalf_of: str | None = None,
    command_id: str | None = None,
    source: str | None = None,
) -> Draft:
    """Check everything about a fact that needs no history.

    Raises:
        InvalidFactType: the fact's class is not known here.
        InvalidInput: a name or an instant cannot be accepted.
    """
    check_name(by, "by")
    if on_behalf_of is not None:
        check_name(on_behalf_of, "on_behalf_of")
    if command_id is not None:
        check_name(command_id, "command_id")
    if source is not None:
        check_name(source, "source")
    at, day = _when(occurred_at, zone)
    return Draft(
        fact=_settled(fact, codec, zone),
        occurred_at=at,
        day=day,
        by=by,
        on_behalf_of=on_behalf_of,
        command_id=command_id,
        source=source,
        id=entry_id,
    )


def _when(occurred_at: date | None, zone: tzinfo) -> tuple[datetime | None, date | None]:
    if occurred_at is None:
        return None, None
    if isinstance(occurred_at, datetime):
        return instant_of(occurred_at, "occurred_at"), None
    if isinstance(occurred_at, date):
        return day_start(occurred_at, zone), occurred_at
    raise InvalidTime(
        f"occurred_at must be a datetime or a date, not {type(occurred_at).__name__}",
        field="occurred_at",
    )


def _settled(fact: Fact, codec: Codec, zone: tzinfo) -> Fact:
    """Return the fact with every date and instant in it as an instant in UTC."""
    described = codec.registry.of(fact)
    if described.days or described.instants or described.nested:
        fact = _with_instants(fact, described, codec, zone)
    if described.cls not in _BUILT_IN:
        fact = _tupled(fact, described)
        _check_stored(fact, codec)
    return fact


def _with_instants(fact: Fact, described: FactType, codec: Codec, zone: tzinfo) -> Fact:
    changes: dict[str, Any] = {}
    for name, side in described.days:
        value: Any = getattr(fact, name)
        if value is not None and not isinstance(value, datetime):
            changes[name] = (day_end if side == "end" else day_start)(value, zone)
    for name in described.instants:
        value = changes.get(name, getattr(fact, name))
        if isinstance(value, datetime):
            instant = instant_of(value, f"{described.cls.__name__}.{name}")
            if instant is not value:
                changes[name] = instant
    if isinstance(fact, EntryCorrected):
        replacement = _settled(fact.replacement, codec, zone)
        if replacement is not fact.replacement:
            changes["replacement"] = replacement
    if changes:
        fact = evolve(fact, **changes)  # type: ignore[misc]  # of any class
    return fact


def _tupled(fact: Fact, described: FactType) -> Fact:
    """Return a service's own fact with tuples where it was given lists."""
    lists = {
        name: tuple(value)
        for name, shape in described.shapes.items()
        if shape == "list" and isinstance(value := getattr(fact, name), list)
    }
    return evolve(fact, **lists) if lists else fact  # type: ignore[misc]  # of any class


def _check_stored(fact: Fact, codec: Codec) -> None:
    """Refuse a service's own fact that would not read back equal."""
    name = codec.registry.of(fact).kind.name
    try:
        again = codec.reread(fact)
    except (CodecError, UnicodeEncodeError, TypeError, OverflowError) as error:
        raise InvalidFact(f"{name} cannot be stored: {error}") from error
    if codec.size(fact) > MAX_ENTRY_BYTES // 2:
        raise TooLarge(f"{name} takes more than {MAX_ENTRY_BYTES // 2:,} bytes")
    if again != fact:
        raise InvalidFact(f"{name} would read back as {again}, which is not equal to {fact}")
