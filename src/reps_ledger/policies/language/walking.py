"""Walking through the values that an expression is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import fields, has

from reps_ledger.policies.language.selections import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parts", "selections"]


def parts(value: Any) -> Iterator[Any]:
    """Yield an expression and every value of ours inside it."""
    if isinstance(value, tuple):
        for item in value:
            yield from parts(item)
    elif has(type(value)):
        yield value
        for attribute in fields(type(value)):
            yield from parts(getattr(value, attribute.name))


def selections(value: Any) -> Iterator[Facts]:
    """Yield every selection of facts in an expression."""
    return (part for part in parts(value) if isinstance(part, Facts))
