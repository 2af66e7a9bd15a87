"""Filters: what a fact's fields, and the people whom it names, must be for it to count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.checks import is_name, is_prose, kept
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.language.nouns import named, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from attrs import Attribute

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.subject import Subject

__all__ = ["Filter", "Scalar", "WhoFilter", "by_name", "is_list_of", "values_of"]

Scalar = str | int | float | bool

_MOST: Final = 2**53


def _is_scalars(_: object, __: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value:
        raise InvalidPolicy("a filter needs a value, or several to choose from")
    for item in value:
        if type(item) not in {str, int, float, bool}:
            raise InvalidPolicy(f"a filter compares with text, numbers or truth, not {item!r:.60}")
        if isinstance(item, str):
            is_prose(_, __, item)
        elif not abs(item) <= _MOST:  # nor is it a number that is none
            raise InvalidPolicy(f"a filter compares with numbers up to 2**53, not {item!r:.60}")


def _plain(value: Any) -> Any:
    # 2.0 and 2 are equal, so they must be written the same.
    values = kept(value)
    if not isinstance(values, tuple):
        return values
    return tuple(int(v) if isinstance(v, float) and v.is_integer() else v for v in values)


def _told_apart(values: tuple[Scalar, ...]) -> tuple[tuple[type, Scalar], ...]:
    # True == 1, and yet they are not the same value of a field.
    return tuple((type(value), value) for value in values)


@frozen(cache_hash=True)
class Filter:
    """A field that has one of these values; a list field, that holds one of them.

    Attributes:
        name: the field.
        values: any of which will do.
    """

    name: str = field(validator=is_name)
    values: tuple[Scalar, ...] = field(converter=_plain, validator=_is_scalars, eq=_told_apart)

    def passes(self, entry: Entry) -> bool:
        """Whether an entry's fact has it."""
        return any(self.takes(value) for value in values_of(entry.fact, self.name))

    def takes(self, value: object) -> bool:
        """Whether a value of the field, or one of those in a list, is one of the values."""
        found = value if isinstance(value, tuple) else (value,)
        return any(_same(each, wanted) for each in found for wanted in self.values)

    def words(self) -> str:
        """Say it."""
        if self.values[0] is True and len(self.values) == 1:
            return f"marked {named(self.name)}"
        if self.values[0] is False and len(self.values) == 1:
            return f"not marked {named(self.name)}"
        return f"with {named(self.name)} {quoted(self.values)}"


def values_of(fact: object, name: str) -> tuple[Any, ...]:
    """Return the values of a field: of a list, each; of nothing, none."""
    value = getattr(fact, name, None)
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _same(value: object, wanted: object) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


@frozen(cache_hash=True)
class WhoFilter:
    """A field that names a person, or one among several, of whom a condition held then.

    Attributes:
        name: the field.
        condition: what held of them.
    """

    name: str = field(validator=is_name)
    condition: Condition = field()

    @condition.validator
    def _is_condition(self, _: object, value: Any) -> None:
        if not isinstance(value, Condition):
            raise InvalidPolicy(f"{self.name} needs a condition, not {value!r:.60}")

    def passes(self, entry: Entry, subject: Subject) -> bool:
        """Whether it held of the person named."""
        return any(
            holds(self.condition, subject.other(person, entry.occurred_at))
            for person in values_of(entry.fact, self.name)
        )

    def words(self) -> str:
        """Say it."""
        return f"of whose {named(self.name)} it was so that {self.condition.words()}"


def by_name(value: Any) -> Any:
    """Put filters in one order: that in which they were given is no part of the meaning."""
    if not isinstance(value, tuple | list):
        return value
    return tuple(sorted(value, key=lambda item: str(getattr(item, "name", ""))))


def is_list_of(kind: type) -> Callable[[object, Attribute[Any], Any], None]:
    """Make a validator for a list of filters of a kind."""

    def check(_: object, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple) or not all(isinstance(item, kind) for item in value):
            raise InvalidPolicy(f"{attribute.name} is a list of filters, not {value!r:.60}")

    return check
