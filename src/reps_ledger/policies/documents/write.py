"""Writing: a policy or a condition as plain tables, ready for TOML or JSON."""

from __future__ import annotations

from datetime import date
from typing import Final

from attrs import AttrsInstance, fields

from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Algebra, Condition, Leaf, fold
from reps_ledger.policies.language.facts import Facts
from reps_ledger.policies.language.measures import Compare, Measure
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import Window
from reps_ledger.policies.policy import Policy

FORMAT: Final = 1
"""The version of the format of documents."""

Table = dict[str, object]
"""A table of a document, by key: plain values, lists and tables, as TOML and JSON have them."""


def policy_table(policy: Policy) -> Table:
    """Return a policy as a table.

    Raises:
        InvalidPolicy: it is no policy.
    """
    if not isinstance(policy, Policy):
        raise InvalidPolicy(f"a policy is kept as a document, not {shown(policy, 60)}")
    table: Table = {"format": FORMAT, "policy": policy.name}
    rest = fields_table(policy)
    del rest["name"]
    table |= {key: rest[key] for key in rest if key not in {"cases", "notices"}}
    table["cases"] = [fields_table(case) for case in policy.cases]
    if policy.notices:
        table["notices"] = [fields_table(item) for item in policy.notices]
    return table


def condition_table(condition: Condition) -> Table:
    """Return a condition as a table."""
    return fold(condition, _TABLE)


def _leaf_table(leaf: Leaf) -> Table:
    if isinstance(leaf, Compare):
        return {**_measure_table(leaf.measure), leaf.operator: plain(leaf.threshold)}
    return {leaf.key: fields_table(leaf)}


def _measure_table(measure: Measure) -> Table:
    return {measure.key: fields_table(measure)}


_TABLE: Final[Algebra[Table]] = Algebra(
    leaf=_leaf_table,
    all_of=lambda tables: {"all": tables},
    any_of=lambda tables: {"any": tables},
    at_least=lambda number, tables: {"at_least": number, "of": tables},
    negated=lambda table: {"not": table},
)


def plain(value: object) -> object:  # noqa: PLR0911 — one return a kind of value
    """Return a part of an expression as plain values: a text, a number, a list or a table."""
    match value:
        case Condition():
            return condition_table(value)
        case Measure():
            return _measure_table(value)
        case Width():
            return str(value)
        case date():
            return value.isoformat()
        case Facts():
            return _facts(value)
        case Window():
            width = value.plain_width
            return fields_table(value) if width is None else str(width)
        case tuple():
            return [plain(item) for item in value]
    return value


def _facts(selection: Facts) -> object:
    table = fields_table(selection)
    table["kinds"] = _one_or_more(selection.kinds)
    if selection.where:
        table["where"] = {item.name: _one_or_more(item.values) for item in selection.where}
    for name, filters in (("who", selection.who), ("now", selection.now)):
        if filters:
            table[name] = {item.name: condition_table(item.condition) for item in filters}
    only_kind = len(table) == 1 and isinstance(table["kinds"], str)
    return table["kinds"] if only_kind else table


def _one_or_more(values: tuple[object, ...]) -> object:
    return values[0] if len(values) == 1 else list(values)


def fields_table(value: AttrsInstance) -> Table:
    """Return the fields of a value that differ from their defaults."""
    table: Table = {}
    for attribute in fields(type(value)):
        item = getattr(value, attribute.name)
        if item != attribute.default and not (isinstance(item, Window) and item.unbounded):
            table[attribute.name] = plain(item)
    return table
