"""The codec: from an entry to stored bytes and back, strictly.

An entry is stored as one JSON object: who recorded it and when, the schema version, and the
fact's fields. The stored name beside it says which class the fields belong to, by a closed
registry: nothing in stored bytes can name code. What does not fit is an error that says
where, never a silent skip.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from attrs import evolve
from cattrs.preconf.msgspec import make_converter
from msgspec.structs import force_setattr as place
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected, Fact, FactType, Registry
from reps_ledger.domain.limits import MAX_ENTRY_BYTES
from reps_ledger.errors import CodecError, Malformed, TooLarge, UnknownFact, UnknownVersion
from reps_ledger.log.shapes import Shape, shape_of
from reps_ledger.log.upcasters import Upcaster, Upcasters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Codec"]


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Entry[dict[str, Any]])
_NESTED: Final = frozenset({"fact", "schema", "fields"})
_UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class Codec:
    """Encodes and decodes entries of one registry.

    Args:
        registry: the facts to store and read.
        upcasters: how to read older versions of them.

    Raises:
        UpcasterGap: a version cannot be read.
    """

    def __init__(self, registry: Registry, upcasters: Iterable[Upcaster] = ()) -> None:
        self.registry = registry
        self._upcasters = Upcasters(upcasters, registry)
        self._converter = make_converter(detailed_validation=False)
        self._shapes: dict[str, Shape] = {}
        for described in registry:
            self._register(described)

    def _register(self, described: FactType) -> None:
        cls: Any = described.cls
        if cls is EntryCorrected:
            self._converter.register_structure_hook(cls, self._structure_correction)
            self._converter.register_unstructure_hook(cls, self._unstructure_correction)
            return

        def structure(fields: Any, _: Any) -> Any:
            # msgspec checks the types in C and never coerces; names are checked before.
            return msgspec.convert(fields, cls)

        self._converter.register_structure_hook(cls, structure)
        self._shapes[described.kind.name] = shape_of(described)

    def encode(self, entry: Entry) -> bytes:
        """Return the bytes to store: all of the entry but where the log puts it.

        Raises:
            TooLarge: they are more than ``MAX_ENTRY_BYTES``.
        """
        fact = self.unstructure(entry.fact)
        data = _ENCODER.encode(replace(entry, fact=fact, position=0, tags=(), origin=0))
        if len(data) > MAX_ENTRY_BYTES:
            raise TooLarge(f"the entry has {len(data):,} bytes; at most {MAX_ENTRY_BYTES:,}")
        return data

    def decode(self, name: str, data: bytes, position: int, tags: tuple[str, ...] = ()) -> Entry:
        """Return the entry of stored bytes.

        Names and types are checked again; the texts were when they were recorded.

        Raises:
            CodecError: the bytes cannot be read; it says where and why.
        """
        shape = self._shapes.get(name) if len(data) <= MAX_ENTRY_BYTES else None
        entry = None if shape is None else shape.decode(data)
        if entry is None:
            entry = self._decode_with_care(name, data, position)
        place(entry, "position", position)
        place(entry, "origin", position)
        place(entry, "tags", tags)
        return entry

    def _decode_with_care(self, name: str, data: bytes, position: int) -> Entry:
        """Decode what is of an older version, nested or broken; say what is wrong with it."""
        if len(data) > MAX_ENTRY_BYTES:
            raise Malformed(f"{len(data):,} bytes are too many for an entry", position=position)
        try:
            stored = _DECODER.decode(data)
        except _UNREADABLE as error:
            raise Malformed(f"not a stored entry: {error}", position=position) from error
        try:
            fact = self.structure(name, stored.schema, stored.fact)
            return replace(
                stored,
                fact=fact,
                recorded_at=_utc(stored.recorded_at),
                occurred_at=_utc(stored.occurred_at),
            )
        except CodecError as error:
            raise type(error)(error.words, position=position, entry_id=stored.id) from error

    def reread(self, fact: Fact) -> Fact:
        """Return a fact as it would read back once stored."""
        kind = self.registry.of(fact).kind
        fields = msgspec.json.decode(_ENCODER.encode(self.unstructure(fact)))
        return self.structure(kind.name, kind.version, fields)

    def size(self, fact: Fact) -> int:
        """Return how many bytes a fact's own fields take."""
        return len(_ENCODER.encode(self.unstructure(fact)))

    def unstructure(self, fact: Fact) -> Any:
        """Return a fact as what JSON can hold: mostly the fact itself, which msgspec writes."""
        return self._converter.unstructure(fact, type(fact)) if _nests(fact) else fact

    def structure(self, name: str, version: int, fields: Mapping[str, Any]) -> Fact:
        """Return the fact of stored fields.

        Raises:
            UnknownFact: no fact of that name is registered.
            UnknownVersion: the version is newer than the class.
            Malformed: fields are missing, unknown, or of another type.
        """
        described = self.registry.named(name)
        if described is None:
            raise UnknownFact(
                f"{name!r} is not a fact that this ledger knows; "
                "pass its class to open(…, facts=[…])"
            )
        present = described.kind.version
        if version != present:
            if not 1 <= version < present:
                raise UnknownVersion(f"{name} has version {version}; this code knows {present}")
            try:
                fields = self._upcasters.upgrade(name, version, present, dict(fields))
            except Exception as error:
                raise Malformed(
                    f"{name} version {version} cannot be upgraded: {error!r}"
                ) from error
        if not fields.keys() <= described.names:
            unknown = ", ".join(sorted(fields.keys() - described.names))
            raise Malformed(f"{name} has no field {unknown}")
        try:
            fact = self._converter.structure(fields, described.cls)
            return _in_utc(fact, described)
        except CodecError:
            raise
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            raise Malformed(f"{name}: {error}") from error

    def _unstructure_correction(self, fact: EntryCorrected) -> dict[str, Any]:
        replacement = fact.replacement
        kind = self.registry.of(replacement).kind
        return {
            "target": fact.target,
            "replacement": {
                "fact": kind.name,
                "schema": kind.version,
                "fields": self.unstructure(replacement),
            },
            "reason": fact.reason,
        }

    def _structure_correction(self, fields: Any, _: Any) -> EntryCorrected:
        nested = fields.get("replacement")
        if not isinstance(nested, dict) or nested.keys() != _NESTED:
            raise Malformed("entry.corrected: replacement is not a fact")
        name, version, inner = nested["fact"], nested["schema"], nested["fields"]
        if not (isinstance(name, str) and type(version) is int and isinstance(inner, dict)):
            raise Malformed("entry.corrected: replacement is not a fact")
        rest = {key: value for key, value in fields.items() if key != "replacement"}
        return EntryCorrected(replacement=self.structure(name, version, inner), **rest)


def _in_utc(fact: Fact, described: FactType) -> Fact:
    changes = {}
    for name in described.instants:
        instant = getattr(fact, name)
        if instant is not None and instant.tzinfo is not UTC:
            changes[name] = _utc(instant)
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def _nests(fact: Fact) -> bool:
    return isinstance(fact, EntryCorrected)


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise Malformed(f"{instant.isoformat()} has no time zone")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise Malformed(f"{instant.isoformat()} is out of range") from error
