"""Shapes: how entries of one kind of fact are decoded in a single step.

msgspec reads stored bytes straight into an entry whose fact is a struct with the fields of
the fact's class, strictly: no unknown name, no coercion. The fact itself is then filled in
without its validators, which judged it when it was recorded.
"""

from __future__ import annotations

import typing
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from attrs import NOTHING, fields
from msgspec.structs import astuple
from msgspec.structs import force_setattr as place

from reps_ledger.domain.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.facts import FactType, Kind

__all__ = ["Shape", "shape_of"]


def shape_of(described: FactType) -> Shape:
    """Return the shape of a kind of fact, the same for every ledger that knows it."""
    return _shape_of(described.cls, described.kind, described.instants)


class Shape:
    """The decoder of one kind of fact, for its present version."""

    def __init__(self, cls: Any, kind: Kind, instants: Iterable[str]) -> None:
        hints = typing.get_type_hints(cls)
        attributes = fields(cls)
        mirror = msgspec.defstruct(
            cls.__name__,
            [
                (a.name, hints[a.name])
                if a.default is NOTHING
                else (a.name, hints[a.name], a.default)
                for a in attributes
            ],
            kw_only=True,
            forbid_unknown_fields=True,
        )
        entry: Any = Entry
        self._decode = msgspec.json.Decoder(entry[mirror]).decode
        self._version = kind.version
        self._cls = cls
        self._new = cls.__new__
        self._fill = tuple(_setter(cls, a.name) for a in attributes)
        self._instants = tuple(instants)

    def decode(self, data: bytes) -> Entry | None:
        """Return the entry of stored bytes, or None where they take a closer look."""
        try:
            entry: Any = self._decode(data)
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
        fact = self._new(self._cls)
        for fill, value in zip(self._fill, astuple(mirror)):  # noqa: B905 — made of the same fields
            fill(fact, value)
        place(entry, "fact", fact)
        return entry  # type: ignore[no-any-return]


_shape_of: Final = lru_cache(maxsize=256)(Shape)


def _setter(cls: type, name: str) -> Any:
    """Return what sets a field of a frozen instance that is being made."""
    slot = cls.__dict__.get(name)
    if slot is not None and hasattr(slot, "__set__"):
        return slot.__set__
    return lambda instance, value: object.__setattr__(instance, name, value)
