"""Rows of the exchange format: from a flat object to a fact, and back.

One JSON object a line, flat: ``fact`` (the stored name), ``occurred_at``, ``by`` and the
fact's own fields; in CSV the same names are columns. Reserved names, which no fact uses:
``reps_ledger.domain.facts.RESERVED``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
from attrs import evolve, fields

from reps_ledger.domain.entries import Entry, row_keys_in
from reps_ledger.domain.facts import BUILT_IN, RESERVED, EntryCorrected, Fact, FactType
from reps_ledger.domain.sealed import Sealed
from reps_ledger.domain.shown import shown, shown_names
from reps_ledger.domain.validation import MAX_ROW_NAMES, check_name, is_name, is_name_or_none
from reps_ledger.errors import InvalidFact, InvalidInput, InvalidTime, TooLarge
from reps_ledger.interchange import JsonObject
from reps_ledger.log import Codec

_BUILT_IN: Final = frozenset(BUILT_IN)
_AMENDING: Final = frozenset({"entry.corrected", "entry.retracted"})
_IGNORED: Final = frozenset({"position", "recorded_at"})  # this ledger gives its own
_ENVELOPE_TEXTS: Final = ("by", "command_id", "on_behalf_of", "source")
_NAMES: Final = ("by", "on_behalf_of", "source")
_MOST_VERSIONS: Final = 1 << 31
_DAY: Final = 10  # characters of YYYY-MM-DD
_SORTED: Final = msgspec.json.Encoder(order="sorted")


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of the exchange format, read.

    Attributes:
        fact: what happened.
        occurred_at: when it happened: an instant, or a day.
        by: who recorded it, if the row says so.
        on_behalf_of: the person for whom they acted.
        command_id: the command that it was part of.
        source: where it came from.
        id: the entry's id, if the row gives one.
        row_key: by what the row is known again: as it says itself, or where it gives no id either, a
            digest of the row.
    """

    fact: Fact
    occurred_at: date
    by: str | None = None
    on_behalf_of: str | None = None
    command_id: str | None = None
    source: str | None = None
    id: str | None = None
    row_key: str | None = None


def trimmed(row: JsonObject, codec: Codec) -> JsonObject:
    """Return a row whose names have no white space at their ends: the same one, if none had."""
    name = row.get("fact")
    described = codec.registry.named(name) if isinstance(name, str) else None
    if described is None:
        return row
    found: JsonObject = {}
    for key in _names_of(described.cls):
        value = row.get(key)
        if isinstance(value, str) and (value[:1].isspace() or value[-1:].isspace()):
            found[key] = value.strip()
    return {**row, **found} if found else row


@lru_cache(maxsize=256)
def _names_of(cls: type[Fact]) -> tuple[str, ...]:
    return (*(a.name for a in fields(cls) if a.validator in {is_name, is_name_or_none}), *_NAMES)


def read_row(row: Mapping[str, object], codec: Codec) -> Row:
    """Read a row, strictly.

    Raises:
        InvalidInput: a value cannot be accepted.
        CodecError: the fact, its version or a field is unknown.
    """
    at = row.get("occurred_at")
    if at is None:
        raise InvalidTime("occurred_at is missing", field="occurred_at")
    fact = fact_of(row, codec)
    texts = {name: _text(row, name) for name in _ENVELOPE_TEXTS if name in row}
    given, key = _text(row, "id"), _text(row, "row_key")
    if key is not None:
        check_name(key, "row_key")
    return Row(
        fact=fact,
        occurred_at=_moment(at, "occurred_at"),
        id=None if given is None else _uuid(given),
        row_key=_row_key(row, seals=codec.seals) if key is None and given is None else key,
        **texts,
    )


def _row_key(row: Mapping[str, object], *, seals: bool) -> str:
    """Return the digest of a row by which it is known again.

    Where texts are sealed, it is hashed once more, by the key of whom the row is about. Whom an amendment is
    about is known once its target was read: so its reason is left out, and its target tells it from others.
    """
    if seals and row.get("fact") in _AMENDING:
        row = {name: value for name, value in row.items() if name != "reason"}
    return row_digest(row)


def fact_of(row: Mapping[str, object], codec: Codec) -> Fact:
    """Return the fact of a row. Its other columns (when, by whom) are not looked at.

    Raises:
        InvalidInput: a field has a value that it may not have.
        CodecError: the fact, its version or a field is unknown.
    """
    name = row.get("fact")
    if not isinstance(name, str):
        raise InvalidFact("the row does not name a fact", field="fact")
    described = codec.registry.named(name)
    values = {key: value for key, value in row.items() if key not in RESERVED}
    if None in values.values():  # null means that there is no value
        values = {key: value for key, value in values.items() if value is not None}
    version = row.get("schema")
    if described is None or (version is not None and version != described.kind.version):
        return _older(codec, name, version, values)
    if not values.keys() <= described.names:
        unknown = shown_names(sorted(values.keys() - described.names))
        raise InvalidFact(f"{name} has no field {unknown}", field=unknown)
    if not described.required <= values.keys():
        missing = ", ".join(sorted(described.required - values.keys()))
        raise InvalidFact(f"{name} needs {missing}", field=missing)
    if described.instants:
        for field in described.instants & values.keys():
            values[field] = _moment(values[field], field)
    if described.nested:
        for field in described.nested & values.keys():
            values[field] = _nested(values[field], codec)
    return _built(described, values, codec)


def _built(described: FactType, values: JsonObject, codec: Codec) -> Fact:
    if described.cls in _BUILT_IN:
        made: Fact = described.cls(**values)
        return made
    # A service's own class may have no validators: so the codec checks the types.
    kind = described.kind
    return evolve(codec.structure(kind.name, kind.version, _stored(values)))  # type: ignore[misc]  # runs validators


def _stored(values: JsonObject) -> JsonObject:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def _older(codec: Codec, name: str, version: object, values: JsonObject) -> Fact:
    """Return the fact of fields of an older version, upgraded; raise where there is no way."""
    if version is not None and (type(version) is not int or abs(version) > _MOST_VERSIONS):
        raise InvalidFact(f"schema must be a whole number, not {shown(version)}", field="schema")
    described = codec.registry.named(name)
    present = 1 if described is None else described.kind.version
    fact = codec.structure(name, present if version is None else version, values)
    return evolve(fact)  # type: ignore[misc]  # runs the validators


def _nested(value: object, codec: Codec) -> Fact:
    if not isinstance(value, dict):
        raise InvalidFact("replacement must be a fact", field="replacement")
    if len(value) > MAX_ROW_NAMES:
        raise TooLarge(
            f"replacement has {len(value):,} names; at most {MAX_ROW_NAMES:,}", field="replacement"
        )
    extra = sorted((value.keys() & RESERVED) - {"fact", "schema"})
    if extra:
        raise InvalidFact(f"replacement cannot have {', '.join(extra)}", field="replacement")
    return fact_of(value, codec)


def _text(row: Mapping[str, object], name: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput(f"{name} must be text, not {shown(value)}", field=name)


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise InvalidInput(f"id must be a UUID, not {shown(value)}", field="id") from None


def _moment(value: object, what: str) -> date:
    """Read ``YYYY-MM-DD`` as a day, and anything longer as an instant of RFC 3339."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise InvalidTime(f"{what} must be text, not {shown(value)}", field=what)
    try:
        if len(value) == _DAY:
            return _day(value)
        instant = msgspec.convert(value, datetime)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise InvalidTime(
            f"{what} is no date or instant: {shown(value)}; write 2018-03-15, or 2018-03-15T09:30:00Z",
            field=what,
        ) from None
    if instant.tzinfo is None:
        raise InvalidTime(f"{what} has no time zone: {value!r}", field=what)
    return instant


@lru_cache(maxsize=1 << 10)
def _day(text: str) -> date:
    # Cached: most rows have a day, and many have the same.
    return msgspec.convert(text, date)


def row_digest(row: Mapping[str, object]) -> str:
    """Return a digest of the content of a row: equal rows have equal ones.

    It is written as a UUID of version 8 (RFC 9562, section 5.8) over BLAKE2b of the row as sorted JSON:
    entries of stored format 1 have it as their id.
    """
    if not _IGNORED.isdisjoint(row):
        row = {key: value for key, value in row.items() if key not in _IGNORED}
    try:
        text = _SORTED.encode(row)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"the row has a value that no file could hold: {error}") from error
    digest = hashlib.blake2b(text, digest_size=16, person=b"reps-ledger-row").hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"


def write_row(entry: Entry, codec: Codec) -> JsonObject:
    """Return an entry as a row: its envelope, then the fields that differ from their defaults.

    A sealed text that was not opened reads as such.
    """
    described = codec.registry.of(entry.fact)
    row: JsonObject = {
        "fact": described.kind.name,
        "schema": described.kind.version,
        "id": entry.id,
        "occurred_at": entry.day.isoformat() if entry.day is not None else entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "position": entry.position,
        "by": entry.by,
    }
    for name in ("on_behalf_of", "command_id", "source"):
        value = getattr(entry, name)
        if value is not None:
            row[name] = value
    for key in row_keys_in(entry.tags):
        row["row_key"] = key
    row.update(_fields(entry.fact, codec))
    return row


def _fields(fact: Fact, codec: Codec) -> JsonObject:
    found: JsonObject = {}
    for attribute in fields(type(fact)):
        value = getattr(fact, attribute.name)
        if value != attribute.default:
            found[attribute.name] = str(value) if isinstance(value, Sealed) else value
    if isinstance(fact, EntryCorrected):
        inner = fact.replacement
        kind = codec.registry.of(inner).kind
        found["replacement"] = {"fact": kind.name, "schema": kind.version, **_fields(inner, codec)}
    return found
