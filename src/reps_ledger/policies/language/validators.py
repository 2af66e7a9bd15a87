"""Validators and converters for the fields of policies. Each error says what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeAlias

from attrs import Attribute

from reps_ledger.domain.shown import shown
from reps_ledger.domain.validation import check_name, check_text
from reps_ledger.errors import InvalidInput, InvalidPolicy

Field: TypeAlias = "Attribute[Any]"
"""A field of an attrs class, whatever its type: a validator is there to find that out."""

Validator = Callable[[object, Field, object], None]


def is_name(_: object, attribute: Field, value: object) -> None:
    """Validate an identifier."""
    try:
        check_name(value, attribute.name)
    except InvalidInput as error:
        raise InvalidPolicy(str(error)) from error


def is_name_or_none(instance: object, attribute: Field, value: object) -> None:
    """Validate an identifier that may be absent."""
    if value is not None:
        is_name(instance, attribute, value)


def is_names(instance: object, attribute: Field, value: object) -> None:
    """Validate a tuple of identifiers, each once."""
    if not isinstance(value, tuple):
        raise InvalidPolicy(f"{attribute.name} is a list of names, not {shown(value, 60)}")
    for item in value:
        is_name(instance, attribute, item)
    if len(set(value)) < len(value):
        raise InvalidPolicy(f"{attribute.name} names something twice")


def is_prose(_: object, attribute: Field, value: object) -> None:
    """Validate free text, which may be empty."""
    try:
        check_text(value, attribute.name)
    except InvalidInput as error:
        raise InvalidPolicy(str(error)) from error


def is_place(instance: object, attribute: Field, value: object) -> None:
    """Validate a community: a name, an empty text for the whole programme, None for any."""
    if value is not None and value != "":
        is_name(instance, attribute, value)


def is_bool(_: object, attribute: Field, value: object) -> None:
    """Validate a truth value."""
    if not isinstance(value, bool):
        raise InvalidPolicy(f"{attribute.name} is true or false, not {shown(value, 60)}")


def is_date_or_none(_: object, attribute: Field, value: object) -> None:
    """Validate a plain date that may be absent."""
    if value is None:
        return
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidPolicy(f"{attribute.name} is a date such as 2018-10-01, not {shown(value, 60)}")
    if not date.min.year < value.year < date.max.year:  # in some zone it may not be an instant
        raise InvalidPolicy(f"{attribute.name} is too near the end of the calendar: {value}")


def one_of(*options: object) -> Validator:
    """Make a validator that takes one of these values."""

    def is_one_of(_: object, attribute: Field, value: object) -> None:
        if not any(type(value) is type(option) and value == option for option in options):
            listed = ", ".join(str(option) for option in options if option is not None)
            raise InvalidPolicy(f"{attribute.name} is one of {listed}; not {shown(value, 60)}")

    return is_one_of


def of_type(kind: type | tuple[type, ...], what: str) -> Validator:
    """Make a validator for values of one of our own types, or None where that is the default."""

    def is_of_type(_: object, attribute: Field, value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not isinstance(value, kind):
            raise InvalidPolicy(f"{attribute.name} must be {what}, not {shown(value, 60)}")

    return is_of_type


def is_list_of(kind: type, items: str = "", most: int | None = None) -> Validator:
    """Make a validator for a tuple of values of one of our own types.

    Args:
        kind: their type.
        items: what errors call them; by default by their type.
        most: how many there may be at most; None for any number.
    """
    of = f"is a list of {items or f'{kind.__name__} values'}"
    holds = of if items else f"holds {kind.__name__} values"

    def is_list(_: object, attribute: Field, value: object) -> None:
        if not isinstance(value, tuple):
            raise InvalidPolicy(f"{attribute.name} {of}, not {shown(value, 60)}")
        if not all(isinstance(item, kind) for item in value):
            raise InvalidPolicy(f"{attribute.name} {holds}, not {shown(value, 60)}")
        if most is not None and len(value) > most:
            raise InvalidPolicy(f"{attribute.name} is a list of at most {most:,}")

    return is_list


def as_tuple(value: object) -> object:
    """Make a tuple of a list, of a set in order, and of one word alone.

    Anything else comes back as it is: the field's validator refuses it, in better words.
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    return tuple(value) if isinstance(value, list) else value
