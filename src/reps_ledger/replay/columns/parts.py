"""Which column each field of a kind of fact becomes."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from reps_ledger.domain.facts import FactType

__all__ = ["ENVELOPE", "Parts", "parts_of"]

ENVELOPE: Final = ("by", "source")
"""What of an entry itself is a column, beside when it happened and its place."""

_AS_SAID: Final = frozenset({"members.merged", "members.unmerged"})


@frozen(kw_only=True)
class Parts:
    """The columns of one kind of fact.

    Attributes:
        name: the stored name.
        persons: fields that name one person.
        several: fields that name several; they are among ``coded``.
        coded: fields kept as codes into their values, with `ENVELOPE`.
        shapes: what each of these holds, as `FactType` says.
        hints: of what type each is.
        numbers: those of them that hold numbers.
        instants: fields that hold an instant.
        times: when each happened, its order, and when it was verified, where it can be.
    """

    name: str
    persons: tuple[str, ...]
    several: tuple[str, ...]
    coded: tuple[str, ...]
    shapes: dict[str, str]
    hints: dict[str, Any]
    numbers: tuple[str, ...]
    instants: tuple[str, ...]
    times: tuple[str, ...]


def parts_of(described: FactType) -> Parts:
    """Say which columns a kind of fact has. Personal text has none: there is nothing to erase."""
    name = described.kind.name
    shapes = described.shapes
    persons = tuple(sorted(p for p in described.persons if shapes[p] == "text"))
    several = tuple(sorted(set(described.persons) - set(persons)))
    rest = sorted(described.names - set(persons) - described.personal - described.nested)
    coded = [field for field in rest if shapes[field] != "instant"]
    if name in _AS_SAID:
        coded += persons  # a duplicate is nobody any more, and yet it is what was said
    return Parts(
        name=name,
        persons=persons,
        several=several,
        coded=(*coded, *ENVELOPE),
        shapes={**{field: shapes[field] for field in coded}, **dict.fromkeys(ENVELOPE, "text")},
        hints={**typing.get_type_hints(described.cls), **dict.fromkeys(ENVELOPE, str)},
        numbers=tuple(field for field in coded if shapes[field] in {"int", "float"}),
        instants=tuple(field for field in rest if shapes[field] == "instant"),
        times=("at", "order", *(["verified"] if name == "report.filed" else [])),
    )
