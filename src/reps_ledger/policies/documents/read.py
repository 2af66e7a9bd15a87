"""Reading policies and conditions from the tables of a document. Every error names its place.

Names are looked up among the kinds of the language, and nowhere else: nothing in a document can
run code. A place is a path of keys: ``cases[0].when.all[1].count``.
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cache
from types import UnionType
from typing import Final, TypeVar

from attrs import NOTHING, AttrsInstance, fields

from reps_ledger.domain.shown import shown
from reps_ledger.domain.validation import MAX_ITEMS
from reps_ledger.errors import InvalidInput, InvalidPolicy
from reps_ledger.policies.documents.write import FORMAT, Table
from reps_ledger.policies.language.conditions import AllOf, AnyOf, AtLeast, Condition, Not
from reps_ledger.policies.language.facts import Facts, Filter, NowFilter, PersonFilter, WhoFilter
from reps_ledger.policies.language.kinds import CONDITIONS, MEASURES, WINDOWS
from reps_ledger.policies.language.measures import OPERATORS, Compare, Measure
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import Rolling, Window
from reps_ledger.policies.policy import Case, Notice, Policy

T = TypeVar("T", bound=AttrsInstance)
F = TypeVar("F", bound=PersonFilter)


@contextlib.contextmanager
def at_place(place: str) -> Iterator[None]:
    """Give errors the place where they came up, unless they have a nearer one."""
    try:
        yield
    except InvalidPolicy as error:
        if error.place:
            raise
        at = _at(place, error.key) if error.key else place
        raise InvalidPolicy(error.words, place=at) from error
    except InvalidInput as error:
        raise InvalidPolicy(str(error), place=place) from error


def read_policy(table: object, place: str = "") -> Policy:
    """Read a policy.

    Raises:
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    if isinstance(table, dict) and "charter" in table:
        raise InvalidPolicy("this is a charter, and no policy: that begins with policy = …")
    known = {attribute.name for attribute in fields(Policy)} - {"name"}
    found = checked_table(table, {*known, "format", "policy"}, place)
    with at_place(_at(place, "format")):
        if found.get("format", FORMAT) != FORMAT:
            raise InvalidPolicy(f"format {found['format']!r} is not known; this reads {FORMAT}")
    values = {key: found[key] for key in found if key in known}
    values["name"] = _required(found, "policy", place)
    values["cases"] = _tables(found.get("cases", []), Case, _at(place, "cases"))
    if "notices" in found:
        values["notices"] = _tables(found["notices"], Notice, _at(place, "notices"))
    return _build(Policy, values, place)


def _tables(value: object, kind: type[T], place: str) -> tuple[T, ...]:
    items = as_list(value, place)
    return tuple(read_fields(kind, item, f"{place}[{i}]") for i, item in enumerate(items))


def read_condition(value: object, place: str = "") -> Condition:
    """Read a condition.

    Raises:
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    table = as_table(value, place)
    keys = table.keys()
    match sorted(keys):
        case ["all" | "any" as name]:
            several = {"all": AllOf, "any": AnyOf}[name]
            with at_place(_at(place, name)):
                return several(_conditions(table[name], _at(place, name)))
        case ["not"]:
            return Not(read_condition(table["not"], _at(place, "not")))
        case ["at_least", "of"]:
            conditions = _conditions(table["of"], _at(place, "of"))
            return build(AtLeast, {"number": table["at_least"], "conditions": conditions}, place)
        case [name] if name in CONDITIONS:
            return read_fields(CONDITIONS[name], table[name], _at(place, name))
        case [_, _] if len(named := keys & MEASURES.keys()) == 1:
            return _comparison(table, named.pop(), place)
    raise InvalidPolicy(_unknown(keys), place=place)


def _unknown(keys: typing.KeysView[str]) -> str:
    given = ", ".join(repr(key) for key in sorted(keys)) or "nothing"
    if measures := sorted(keys & MEASURES.keys()):
        return (
            f"{measures[0]} must be compared, with one of {', '.join(OPERATORS)} beside it; here is {given}"
        )
    names = ", ".join([*CONDITIONS, "all, any, not, or at_least … of"])
    return f"{given} is no condition. Conditions are {names}; measures {', '.join(MEASURES)}"


def _comparison(table: Table, name: str, place: str) -> Compare:
    operator = next(key for key in table if key != name)
    if operator not in OPERATORS:
        words = f"{operator!r} is no comparison; use one of {', '.join(OPERATORS)}"
        raise InvalidPolicy(words, place=_at(place, operator))
    measure = read_fields(MEASURES[name], table[name], _at(place, name))
    threshold = table[operator]
    with at_place(_at(place, operator)):
        if isinstance(threshold, str):
            threshold = Width.read(threshold)
        return Compare(measure, operator, threshold)


def _conditions(value: object, place: str) -> tuple[Condition, ...]:
    items = as_list(value, place)
    return tuple(read_condition(item, f"{place}[{i}]") for i, item in enumerate(items))


def read_fields(kind: type[T], value: object, place: str, **read: object) -> T:
    """Read a value of one of our own types from a table of its fields.

    Args:
        kind: the type: an attrs class.
        value: the table.
        place: where it stands in the document.
        read: values of fields that have been read already.

    Raises:
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    table = checked_table(value, {attribute.name for attribute in fields(kind)}, place)
    return _build(kind, {**table, **read}, place)


def _build(kind: type[T], table: Table, place: str) -> T:
    hints = _hints(kind)
    values: Table = {}
    for attribute in fields(kind):
        name = attribute.name
        if name in table:
            values[name] = _value(hints[name], table[name], _at(place, name))
        elif attribute.default is NOTHING:
            raise InvalidPolicy(f"{name} is missing", place=place)
    return build(kind, values, place)


def build(kind: type[T], values: Table, place: str) -> T:
    """Make a value of one of our own types; its validators see whether the fields make sense.

    Raises:
        InvalidPolicy: they do not; it names the place.
    """
    with at_place(place):
        return kind(**values)


@cache
def _hints(kind: type) -> dict[str, object]:
    return typing.get_type_hints(kind)


def _value(hint: object, value: object, place: str) -> object:
    """Read a field by its type. Plain values are left for the field's validator to judge."""
    if hint == Window:
        return _window(value, place)
    options = typing.get_args(hint) if typing.get_origin(hint) is UnionType else (hint,)
    for option in options:
        if option in _READERS:
            return _READERS[option](value, place)
        if isinstance(option, type) and issubclass(option, Measure):
            return _measure(value, place)
    return tuple(value) if isinstance(value, list) else value


def _width(value: object, place: str) -> Width:
    with at_place(place):
        return Width.read(value)


def _date(value: object, place: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value  # TOML has dates of its own
    try:
        if isinstance(value, str) and len(value) == len("2018-10-01"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidPolicy(f"{shown(value, 60)} is no date; write 2018-10-01", place=place)


def _measure(value: object, place: str) -> Measure:
    table = as_table(value, place)
    if len(table) != 1 or not table.keys() & MEASURES.keys():
        words = f"a measure is one of {', '.join(MEASURES)}, with its table"
        raise InvalidPolicy(words, place=place)
    (name,) = table
    return read_fields(MEASURES[name], table[name], _at(place, name))


def _window(value: object, place: str) -> Window:
    if isinstance(value, str):
        return Rolling(_width(value, place))
    table = as_table(value, place)
    for keys, kind in sorted(WINDOWS.items(), key=lambda item: -len(item[0])):
        if keys <= table.keys():
            found: Window = read_fields(kind, table, place)
            return found
    words = "a window is a width such as '4 weeks', or a table: width, since, period, facts, before"
    raise InvalidPolicy(words, place=place)


def _facts(value: object, place: str) -> Facts:
    if isinstance(value, str):
        value = {"kinds": value}
    known = {attribute.name for attribute in fields(Facts)}
    table = dict(checked_table(value, known, place))
    where = as_table(table.get("where", {}), _at(place, "where"))
    table["where"] = tuple(_filter(where[name], name, _at(place, "where")) for name in sorted(where))
    table["who"] = _filters_on_people(WhoFilter, table.get("who", {}), _at(place, "who"))
    table["now"] = _filters_on_people(NowFilter, table.get("now", {}), _at(place, "now"))
    return _build(Facts, table, place)


def _filters_on_people(kind: type[F], value: object, place: str) -> tuple[F, ...]:
    table = as_table(value, place)
    return tuple(kind(name, read_condition(table[name], _at(place, name))) for name in sorted(table))


def _filter(value: object, name: str, place: str) -> Filter:
    with at_place(_at(place, name)):
        return Filter(name, tuple(value) if isinstance(value, list) else (value,))


_READERS: Final[dict[object, Callable[[object, str], object]]] = {
    Width: _width,
    date: _date,
    Facts: _facts,
    Condition: read_condition,
}


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def as_table(value: object, place: str) -> Table:
    """Return a part of a document that is a table.

    Raises:
        InvalidPolicy: it is none.
    """
    if not isinstance(value, dict):
        raise InvalidPolicy(f"here belongs a table, not {shown(value, 60)}", place=place)
    return value


def as_list(value: object, place: str) -> list[object]:
    """Return a part of a document that is a list of at most ``MAX_ITEMS``.

    Raises:
        InvalidPolicy: it is none.
    """
    if not isinstance(value, list):
        raise InvalidPolicy(f"here belongs a list, not {shown(value, 60)}", place=place)
    if len(value) > MAX_ITEMS:
        raise InvalidPolicy(f"{len(value):,} items; at most {MAX_ITEMS:,}", place=place)
    return value


def checked_table(value: object, known: typing.Collection[str], place: str) -> Table:
    """Return a part of a document that is a table with these keys only.

    Raises:
        InvalidPolicy: it is no table, or has another key.
    """
    table = as_table(value, place)
    for key in table:
        if key not in known:
            words = f"unknown key {key!r}; known are {', '.join(sorted(known))}"
            raise InvalidPolicy(words, place=_at(place, key))
    return table


def _required(table: Table, name: str, place: str) -> object:
    if name not in table:
        raise InvalidPolicy(f"{name} is missing", place=place)
    return table[name]
