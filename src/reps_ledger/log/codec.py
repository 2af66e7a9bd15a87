"""The codec: from entries to stored bytes and back, strictly.

An entry is stored as one JSON object: random salt (`reps_ledger.salted` says why), who recorded it
and when, the schema version, and the fact's fields. The stored name is kept beside it, and a closed
registry says which class that is: nothing in stored bytes can name code. What does not fit raises an
error that says where.

A `Shape` decodes entries of one kind and of its present version in a single step, which is
nearly all that a ledger reads. Whatever a shape does not decode takes the slower way through
cattrs: older versions, which `Upcaster` functions bring up to date (stored bytes are never
rewritten), corrections, which hold another fact, and whatever is broken.
"""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

import msgspec
from attrs import NOTHING, evolve, field, fields, frozen
from cattrs.preconf.msgspec import make_converter
from msgspec.structs import astuple, replace
from msgspec.structs import force_setattr as place

from reps_ledger.domain.chance import random_bytes
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected, Fact, FactType, Kind, LedgerDeclared, Registry
from reps_ledger.domain.facts.governance import ERASURES
from reps_ledger.domain.sealed import ERASED, GONE, REDACTED, Account, Sealed
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import zone_of
from reps_ledger.domain.validation import MAX_ENTRY_BYTES
from reps_ledger.errors import (
    CodecError,
    ConfigurationError,
    InvalidTime,
    Malformed,
    TooLarge,
    UnknownFact,
    UnknownVersion,
    UpcasterGap,
    how_to_void,
)
from reps_ledger.log.sealing import (
    REPLACEMENT,
    Beside,
    Blobs,
    Held,
    Sealer,
    Stored,
    commitments_in,
    personal_texts,
    sealed_fields,
    stored,
    with_blobs,
)
from reps_ledger.salted import SALT_BYTES, SEPARATOR, plain, salt, unsalted


def shape_of(described: FactType) -> Shape:
    """Return the shape of a kind of fact; one is made per class, not per ledger."""
    return _shape_of(described.cls, described.kind, described.instants)


class Shape:
    """The decoder of one kind of fact, for its present version.

    msgspec decodes stored bytes into an entry whose fact is a struct with the fields of the fact's
    class, strictly: no unknown names, no coercion. The fact is then made of the struct's values,
    without its validators: they checked the fact when it was recorded.
    """

    def __init__(self, cls: type[Fact], kind: Kind, instants: Iterable[str]) -> None:
        hints = typing.get_type_hints(cls)
        attributes = fields(cls)
        mirror = msgspec.defstruct(
            cls.__name__,
            [
                (a.name, hints[a.name]) if a.default is NOTHING else (a.name, hints[a.name], a.default)
                for a in attributes
            ],
            kw_only=True,
            forbid_unknown_fields=True,
        )
        entry: Any = Entry  # its type argument is known only while running
        self._decode = msgspec.json.Decoder(entry[mirror]).decode
        self._name = kind.name
        self._version = kind.version
        personal = [(i, a.name) for i, a in enumerate(attributes) if a.metadata.get("personal")]
        self._personal = tuple(personal)
        sealed = msgspec.defstruct(
            cls.__name__,
            [
                (a.name, hint) if a.default is NOTHING else (a.name, hint, a.default)
                for a in attributes
                for hint in [hints[a.name] | Beside if a.metadata.get("personal") else hints[a.name]]
            ],
            kw_only=True,
            forbid_unknown_fields=True,
        )
        self._decode_sealed = msgspec.json.Decoder(entry[sealed]).decode if personal else None
        self._cls = cls
        self._new = cls.__new__
        self._fill = tuple(_setter(cls, a.name) for a in attributes)
        self._instants = tuple(instants)

    def decode(self, data: bytes) -> Entry | None:
        """Return the entry of stored bytes, or None where they must be decoded with care."""
        decode, end = self._decode, None
        if self._decode_sealed is not None and SEPARATOR in data:
            decode, end = self._decode_sealed, data.index(SEPARATOR)
        try:
            entry: Entry = decode(unsalted(data, end))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        if (
            entry.schema != self._version
            or entry.occurred_at.tzinfo is not UTC
            or entry.recorded_at.tzinfo is not UTC
        ):
            return None
        mirror = entry.fact
        for name in self._instants:
            instant = getattr(mirror, name)
            if instant is not None and instant.tzinfo is not UTC:
                return None
        values: Sequence[object] = astuple(mirror)
        if end is not None:
            values = self._with_sealed(values, data)
            if not values:
                return None
        fact = self._new(self._cls)
        for fill, value in zip(self._fill, values):  # noqa: B905 — made of the same fields
            fill(fact, value)
        place(entry, "fact", fact)
        return entry

    def _with_sealed(self, values: Iterable[object], data: bytes) -> list[object]:
        """Return the values of fields, with what stands for texts that are sealed; nothing where none is."""
        found = list(values)
        none = True
        for index, name in self._personal:
            value = found[index]
            if type(value) is Beside:
                found[index] = stored(value, data, self._name, name)
                none = False
        return [] if none else found


_shape_of: Final = lru_cache(maxsize=256)(Shape)


def _setter(cls: type, name: str) -> Callable[[Fact, object], None]:
    """Return a function that sets a field of a new instance of a frozen class."""
    slot = cls.__dict__.get(name)
    if slot is not None and hasattr(slot, "__set__"):
        set_slot: Callable[[Fact, object], None] = slot.__set__
        return set_slot
    return lambda instance, value: object.__setattr__(instance, name, value)


Fields = dict[str, Any]
"""A fact's fields as JSON has them."""


@frozen
class Upcaster:
    """One step from a schema version to the next.

    Attributes:
        name: the stored name of the fact.
        version: the version that it upgrades, to ``version + 1``.
        upgrade: takes the fields of that version, and returns those of the next. Pure.
        revision: names what the step does: whatever was derived from older entries is derived anew where it
            changes. By default a digest of the function's code, which does not see what the function calls
            or reads from elsewhere: name a revision where that may change.
    """

    name: str
    version: int
    upgrade: Callable[[Fields], Fields]
    revision: str = field(kw_only=True)

    @revision.default
    def _of_code(self) -> str:
        if not callable(self.upgrade):
            raise ConfigurationError(f"upgrade is a function, not {shown(self.upgrade)}")
        return hashlib.sha256("\n".join(_said_by(self.upgrade)).encode()).hexdigest()[:16]


def _said_by(value: object) -> Iterator[str]:
    """Yield what tells a function from another: its code, its constants, what it closes over, defaults."""
    if isinstance(value, partial):
        yield from _said_by((value.func, value.args, sorted(value.keywords.items())))
    elif isinstance(value, MethodType):
        yield from _said_by((value.__func__, value.__self__))
    elif isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        yield from _said_by((value.__code__, value.__defaults__, value.__kwdefaults__, cells))
    elif isinstance(value, CodeType):
        yield value.co_code.hex()
        yield from _said_by((value.co_consts, value.co_names, value.co_varnames))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _said_by(each)
    elif isinstance(value, set | frozenset):
        yield from sorted(map(repr, value))
    elif isinstance(value, dict):
        yield from _said_by(sorted(value.items(), key=repr))
    elif value is None or isinstance(value, str | bytes | int | float | complex):
        yield repr(value)
    else:  # by its name: what else it prints may hold an address
        named = value if hasattr(value, "__qualname__") else type(value)
        yield f"{named.__module__}.{named.__qualname__}"


def _on_a_ground(fields: Fields) -> Fields:
    """Return why somebody was erased as one of `ERASURES`: it may have been any text, which nobody shows."""
    reason = fields.get("reason")
    return {**fields, "reason": reason if reason in ERASURES else ERASURES[0]}


_OF_BUILT_IN: Final = (Upcaster("member.erased", 1, _on_a_ground, revision="1"),)


class Upcasters:
    """The chain of steps for every fact, those of built-in facts included, checked for gaps.

    Raises:
        UpcasterGap: a fact's version is above 1 and a step to it is missing.
        ConfigurationError: two upcasters for one step, or one for a fact or a version that
            does not exist.
    """

    def __init__(self, steps: Iterable[Upcaster], registry: Registry) -> None:
        self._steps: dict[tuple[str, int], Callable[[Fields], Fields]] = {}
        self.revisions: dict[str, str] = {}
        of_built_in = [step for step in _OF_BUILT_IN if registry.named(step.name) is not None]
        for step in (*steps, *of_built_in):
            described = registry.named(step.name)
            if described is None or not 1 <= step.version < described.kind.version:
                raise ConfigurationError(
                    f"an upcaster takes {step.name} version {step.version}, "
                    "but there is no such older version"
                )
            if (step.name, step.version) in self._steps:
                raise ConfigurationError(f"two upcasters take {step.name} version {step.version}")
            self._steps[step.name, step.version] = step.upgrade
            self.revisions[f"{step.name} {step.version}"] = step.revision
        for described in registry:
            name, version = described.kind.name, described.kind.version
            for older in range(1, version):
                if (name, older) not in self._steps:
                    raise UpcasterGap(f"{name} has version {version}, but no upcaster takes version {older}")

    def upgrade(self, name: str, version: int, present: int, fields: Fields) -> Fields:
        """Return fields of ``version`` as fields of the present version."""
        for older in range(version, present):
            fields = self._steps[name, older](dict(fields))
        return fields


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Entry[Fields])
_TOLD: Final = 8
"""Characters of a text that are not in another field by chance."""

_NESTED: Final = frozenset({"fact", "schema", "fields"})


class _When(msgspec.Struct):
    """Of a stored entry, only when it occurred and was recorded."""

    occurred_at: datetime
    recorded_at: datetime


_WHEN: Final = msgspec.json.Decoder(_When)


class _Named(msgspec.Struct):
    """Of a stored entry, only its id."""

    id: str


_NAMED: Final = msgspec.json.Decoder(_Named)
UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What is raised of bytes that are no stored entry."""


class Codec:
    """Encodes and decodes entries of one registry.

    Args:
        registry: the facts to store and read.
        upcasters: how to read older versions of them.
        sealer: seals personal texts, and opens them; None without keys.

    Raises:
        UpcasterGap: a version cannot be read.
    """

    def __init__(
        self, registry: Registry, upcasters: Iterable[Upcaster] = (), sealer: Sealer | None = None
    ) -> None:
        self.registry = registry
        self.sealer = sealer
        self._upcasters = Upcasters(upcasters, registry)
        self._converter = make_converter(detailed_validation=False)
        self._shapes: dict[str, Shape] = {}
        for described in registry:
            self._register(described)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all on which it depends how stored entries are read."""
        parts = (self.registry.digest, sorted(self._upcasters.revisions.items()))
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    def _register(self, described: FactType) -> None:
        cls = described.cls
        if cls is EntryCorrected:
            self._converter.register_structure_hook(cls, self._structure_correction)
            self._converter.register_unstructure_hook(cls, self._unstructure_correction)
            return

        def structure(fields: object, _: object) -> object:
            # msgspec checks types and never coerces; `Codec.structure` checked the names.
            return msgspec.convert(fields, cls)

        if cls is LedgerDeclared:  # whose zone all dates are read in: it must be known here
            self._converter.register_structure_hook(cls, _declared)
            return
        self._converter.register_structure_hook(cls, structure)
        self._shapes[described.kind.name] = shape_of(described)

    def encode(self, entry: Entry) -> bytes:
        """Return the bytes to store: the entry without its position and tags, with new salt each time.

        Raises:
            TooLarge: they are more than ``MAX_ENTRY_BYTES``.
        """
        fact = self.unstructure(entry.fact)
        random: bytes | None = None
        blobs: Blobs = {}
        if self.sealer is not None and self.sealer.seals:
            random = random_bytes(SALT_BYTES)
            plain_fields = msgspec.to_builtins(fact, builtin_types=(datetime,), enc_hook=str)
            fact, blobs = sealed_fields(entry, plain_fields, self.registry, self.sealer, random)
        stored_entry = replace(entry, fact=fact, position=0, tags=(), origin=0, told=None, about=None)
        data = with_blobs(salt(_ENCODER.encode(stored_entry), random), blobs)
        if len(data) > MAX_ENTRY_BYTES:
            raise TooLarge(f"the entry has {len(data):,} bytes; at most {MAX_ENTRY_BYTES:,}")
        return data

    def decode(self, name: str, data: bytes, position: int, tags: tuple[str, ...] = ()) -> Entry:
        """Return the entry of stored bytes.

        Names and types are checked; what texts hold was checked when they were recorded.

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

    @staticmethod
    def id_of(data: bytes) -> str:
        """Return the id of an entry of stored bytes, or raise one of `UNREADABLE`."""
        found: str = _NAMED.decode(plain(data)).id
        return found

    def occurred_at(self, name: str, data: bytes, position: int) -> datetime:
        """Return when an entry of stored bytes occurred, without decoding the rest of it.

        Raises:
            CodecError: the bytes cannot be read; it says where and why.
        """
        return self._when(name, data, position).occurred_at

    def recorded_at(self, name: str, data: bytes, position: int) -> datetime:
        """Return when an entry of stored bytes was recorded; see `occurred_at`."""
        return self._when(name, data, position).recorded_at

    def _when(self, name: str, data: bytes, position: int) -> _When | Entry:
        try:
            found: _When = _WHEN.decode(plain(data))
        except UNREADABLE:
            return self.decode(name, data, position)
        both_in_utc = found.occurred_at.tzinfo is UTC and found.recorded_at.tzinfo is UTC
        return found if both_in_utc else self.decode(name, data, position)

    def _decode_with_care(self, name: str, data: bytes, position: int) -> Entry:
        """Decode an entry of an older version, a correction, or say what is wrong with it."""
        if len(data) > MAX_ENTRY_BYTES:
            raise _unreadable(Malformed, f"{len(data):,} bytes are too many for an entry", position)
        try:
            stored = _DECODER.decode(plain(data))
        except UNREADABLE as error:
            raise _unreadable(Malformed, f"not a stored entry: {error}", position) from error
        try:
            if SEPARATOR in data:
                fact = self._structure_sealed(name, stored.schema, stored.fact, data)
            else:
                fact = self.structure(name, stored.schema, stored.fact)
            return replace(
                stored, fact=fact, recorded_at=_utc(stored.recorded_at), occurred_at=_utc(stored.occurred_at)
            )
        except CodecError as error:
            raise _unreadable(type(error), error.words, position, stored.id) from error

    def _structure_sealed(self, name: str, version: int, fields: Fields, data: bytes) -> Fact:
        """Return the fact of stored fields, with what stands for a text where one is sealed.

        An upcaster gets the texts themselves, where the keys are there; what it makes of them is held.
        """
        found = commitments_in(fields)
        if not found:
            raise Malformed(f"{name}: something is sealed beside it, to which it does not commit")
        texts = {path: stored(beside, data, name, path) for path, beside in found.items()}
        inner = {k.removeprefix(REPLACEMENT): text for k, text in texts.items() if k.startswith(REPLACEMENT)}
        own = {path: text for path, text in texts.items() if not path.startswith(REPLACEMENT)}
        nested = fields["replacement"] if inner else {}
        opened = self._to_upcast(name, version, own)
        opened_inner = self._to_upcast(nested.get("fact"), nested.get("schema"), inner)
        some_gone = not GONE.isdisjoint([*opened.values(), *opened_inner.values()])
        failed: Malformed | None = None
        # Where a text is gone, an upcaster that takes it apart may want nothing there, or more than one word.
        for stand_in in (None, "", f"{ERASED} {ERASED}") if some_gone else (None,):
            said = {**fields, **own, **self._given(name, opened, stand_in)}
            if inner:
                there = {**inner, **self._given(nested.get("fact"), opened_inner, stand_in)}
                said["replacement"] = {**nested, "fields": {**nested["fields"], **there}}
            try:
                fact = self.structure(name, version, said)
            except Malformed as error:
                failed = failed or error
                continue
            fact = self._held(fact, own, opened, fields.values())
            if inner and isinstance(fact, EntryCorrected):
                replacement = self._held(fact.replacement, inner, opened_inner, nested["fields"].values())
                fact = evolve(fact, replacement=replacement)
            return fact
        assert failed is not None, "it failed each time"
        raise failed

    def _to_upcast(self, name: object, version: object, texts: Mapping[str, Sealed]) -> dict[str, str]:
        """Return sealed texts of an older version of a fact as they read, by field; none of the present one.

        Args:
            name: the fact's stored name.
            version: under which it was stored.
            texts: its sealed texts, by field.
        """
        described = self.registry.named(name) if isinstance(name, str) else None
        if described is None or version == described.kind.version:
            return {}
        return {path: str(self.text_of(text)) for path, text in texts.items()}

    def _given(self, name: object, opened: Mapping[str, str], stand_in: str | None) -> Fields:
        """Return what an upcaster gets of opened texts: accounts are left out, which stay tokens.

        Args:
            name: the fact's stored name.
            opened: how its sealed texts read, by field.
            stand_in: what stands for a text that is gone; None for what that reads as.
        """
        described = self.registry.named(name) if isinstance(name, str) else None
        return {
            path: stand_in if stand_in is not None and text in GONE else text
            for path, text in opened.items()
            if described is not None and path not in described.keyed
        }

    def _held(
        self, fact: Fact, texts: Mapping[str, Stored], opened: Mapping[str, str], stored: Collection[object]
    ) -> Fact:
        """Return a fact whose personal texts read as sealed, where an upcaster made them of sealed ones.

        Args:
            fact: as it was brought up to date.
            texts: what is sealed of it, by field.
            opened: the same as it reads, if it was opened for an upcaster.
            stored: the values of all its fields as they are stored.

        Raises:
            Malformed: the upcaster put a text where none is sealed.
        """
        if not opened:
            return fact
        described = self.registry.of(fact)
        gone = next((text for text in opened.values() if text in GONE), None)
        for name in described.names - described.personal:
            value = getattr(fact, name)
            new = isinstance(value, str) and len(value) >= _TOLD and value not in stored
            if new and any(value in text for text in opened.values()):
                raise Malformed(
                    f"{described.kind.name}: an upcaster put a sealed text into {name}, which is not sealed"
                )
        source = next(iter(texts.values()))
        changes = {
            name: Held.of_text(text if gone is None else gone, source)
            for name, text in personal_texts(fact, described)
            if not isinstance(text, Sealed)
        }
        return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class

    @property
    def seals(self) -> bool:
        """Whether personal texts are sealed as they are recorded."""
        return self.sealer is not None and self.sealer.seals

    def opened(self, fact: Fact) -> Fact:
        """Return a fact with its sealed texts opened; where that cannot be, they say so.

        Raises:
            PrivacyError: what is stored cannot be what was sealed.
        """
        described = self.registry.of(fact)
        changes: dict[str, object] = {}
        for name in described.personal:
            text = getattr(fact, name)
            if isinstance(text, Sealed):
                opened = self.text_of(text)
                if opened is not text:
                    changes[name] = opened
        if isinstance(fact, EntryCorrected):
            replacement = self.opened(fact.replacement)
            if replacement is not fact.replacement:
                changes["replacement"] = replacement
        return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class

    def opened_entry(self, entry: Entry) -> Entry:
        """Return an entry with the sealed texts of its fact opened; see `opened`."""
        fact = self.opened(entry.fact)
        if fact is entry.fact:
            return entry
        told = entry.told if entry.told is None else replace(entry.told, fact=self.opened(entry.told.fact))
        return replace(entry, fact=fact, told=told)

    def is_same(self, recorded: Any, told: Any) -> bool:
        """Whether a recorded fact says what another does; a sealed text that is no more may say anything."""
        if type(recorded) is not type(told):
            return False
        for a in fields(type(recorded)):
            before, now = getattr(recorded, a.name), getattr(told, a.name)
            if isinstance(before, Sealed):
                if now == str(before):  # as it was exported
                    continue
                before = self.text_of(before)
                if before in GONE:
                    continue
            before = before.name if isinstance(before, Account) else before
            now = now.name if isinstance(now, Account) else now
            same = (
                self.is_same(before, now)
                if isinstance(recorded, EntryCorrected) and a.name == "replacement"
                else before == now
            )
            if not same:
                return False
        return True

    def text_of(self, sealed: Sealed) -> str:
        """Return a sealed text opened, or as it is where there are no keys."""
        if isinstance(sealed, Held):
            return sealed.opened
        if self.sealer is None:
            return REDACTED if sealed.blob is None else sealed
        return self.sealer.open(sealed)

    def reread(self, fact: Fact) -> Fact:
        """Return a fact as it reads back once it was stored."""
        kind = self.registry.of(fact).kind
        fields = msgspec.json.decode(_ENCODER.encode(self.unstructure(fact)))
        return self.structure(kind.name, kind.version, fields)

    def size(self, fact: Fact) -> int:
        """Return how many bytes a fact's own fields take."""
        return len(_ENCODER.encode(self.unstructure(fact)))

    def unstructure(self, fact: Fact) -> object:
        """Return what msgspec can write as the JSON of a fact: the fact itself, unless it nests."""
        if isinstance(fact, EntryCorrected):
            return self._converter.unstructure(fact, EntryCorrected)
        return fact

    def structure(self, name: str, version: int, fields: Mapping[str, object]) -> Fact:
        """Return the fact of stored fields.

        Raises:
            UnknownFact: no fact of that name is registered.
            UnknownVersion: the version is newer than the class.
            Malformed: fields are missing, unknown, or of another type.
        """
        described = self.registry.named(name)
        if described is None:
            raise UnknownFact(
                f"{name!r} is not a fact that this ledger knows; pass its class to open(…, facts=[…])"
            )
        present = described.kind.version
        if version != present:
            if not 1 <= version < present:
                raise UnknownVersion(f"{name} has version {version}; this code knows {present}")
            try:
                fields = self._upcasters.upgrade(name, version, present, dict(fields))
            except Exception as error:
                raise Malformed(
                    f"{name} version {version} cannot be upgraded: {type(error).__name__}"
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

    def _unstructure_correction(self, fact: EntryCorrected) -> Fields:
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

    def _structure_correction(self, fields: Fields, _: object) -> EntryCorrected:
        nested = fields.get("replacement")
        if not isinstance(nested, dict) or nested.keys() != _NESTED:
            raise Malformed("entry.corrected: replacement is not a fact")
        name, version, inner = nested["fact"], nested["schema"], nested["fields"]
        if not (isinstance(name, str) and type(version) is int and isinstance(inner, dict)):
            raise Malformed("entry.corrected: replacement is not a fact")
        rest = {key: value for key, value in fields.items() if key != "replacement"}
        return EntryCorrected(replacement=self.structure(name, version, inner), **rest)


def _unreadable(kind: type[CodecError], words: str, position: int, entry_id: str | None = None) -> CodecError:
    """Return the error that an entry cannot be read; where it is in a log, with what to do."""
    if position:
        words = f"{words}; {how_to_void(position)}"
    return kind(words, position=position, entry_id=entry_id)


def _declared(fields: object, _: object) -> LedgerDeclared:
    zone = fields.get("zone") if isinstance(fields, dict) else None
    if isinstance(zone, str):
        try:
            zone_of(zone)
        except InvalidTime as error:
            raise UnknownVersion(f"ledger.declared: its time zone is not known here: {error}") from error
    return msgspec.convert(fields, LedgerDeclared)


def _in_utc(fact: Fact, described: FactType) -> Fact:
    changes = {}
    for name in described.instants:
        instant = getattr(fact, name)
        if instant is not None and instant.tzinfo is not UTC:
            changes[name] = _utc(instant)
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise Malformed(f"{instant.isoformat()} has no time zone")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise Malformed(f"{instant.isoformat()} is out of range") from error
