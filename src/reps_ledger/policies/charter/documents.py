"""Charters as documents: TOML or JSON, as policies are, with roles and authorities by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from attrs import AttrsInstance, fields

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.charter.charter import (
    Authority,
    Charter,
    Level,
    Retention,
    RoleClause,
    Standing,
    Vouching,
)
from reps_ledger.policies.documents.read import (
    as_list,
    as_table,
    at_place,
    build,
    checked_table,
    read_condition,
    read_fields,
    read_policy,
)
from reps_ledger.policies.documents.text import canonical, read_table, read_text, text_of, write_document
from reps_ledger.policies.documents.write import FORMAT, Table, condition_table, fields_table, policy_table
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.policy import Policy

T = TypeVar("T", bound=AttrsInstance)

_PARTS = ("member", "communities", "roles", "vouching", "authorities", "retention", "policies", "standing")


def charter_table(charter: Charter) -> Table:
    """Return a charter as a table.

    Raises:
        InvalidPolicy: it is no charter.
    """
    if not isinstance(charter, Charter):
        raise InvalidPolicy(f"this belongs to a charter (read_charter reads one): {shown(charter, 60)}")
    rest = fields_table(charter)
    table: Table = {"format": FORMAT, "charter": charter.name}
    table |= {key: rest[key] for key in ("version", "source", "member") if key in rest}
    if charter.standing is not None:
        table["standing"] = fields_table(charter.standing)
    if charter.communities:
        table["communities"] = {
            name: {"member": condition_table(condition)} for name, condition in charter.communities
        }
    if charter.vouching is not None:
        vouching = fields_table(charter.vouching)
        if charter.vouching.levels:
            vouching["levels"] = [fields_table(level) for level in charter.vouching.levels]
        table["vouching"] = vouching
    if charter.roles:
        table["roles"] = {clause.role: _without(clause, "role") for clause in charter.roles}
    if charter.authorities:
        table["authorities"] = {each.fact: _without(each, "fact") for each in charter.authorities}
    if charter.retention:
        table["retention"] = {each.fact: _without(each, "fact") for each in charter.retention}
    if charter.policies:
        table["policies"] = [policy_table(policy) for policy in charter.policies]
    return table


def _without(value: AttrsInstance, name: str) -> Table:
    table = fields_table(value)
    del table[name]
    return table


@checked
def dump_charter(charter: Charter, form: str = "toml") -> str:
    """Return a charter as a document: "toml", or "json" for canonical JSON.

    Raises:
        TooLarge: it is nested too deeply, or too long.
    """
    return text_of(charter_table(charter), form)


@checked
def charter_digest(charter: Charter) -> str:
    """Return the SHA-256 of a charter's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(charter_table(charter)).encode()).hexdigest()


@checked
def load_charter(path: str | os.PathLike[str]) -> Charter:
    """Read a charter from a TOML or JSON file.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    return read_charter(read_text(path))


@checked
def save_charter(charter: Charter, path: str | os.PathLike[str], *, replace: bool = False) -> None:
    """Write a charter to a new file: ``.json`` for JSON, else TOML.

    Args:
        charter: which.
        path: of the file.
        replace: whether a plain file that is there is to be replaced.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: the file cannot be written.
    """
    write_document(path, charter_table(charter), replace=replace)


@checked
def read_charter(text: str) -> Charter:
    """Read a charter from TOML or JSON text.

    Raises:
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    with at_place(""):
        found = read_table(text)
    if "policy" in found:
        raise InvalidPolicy("this is a policy, and no charter: that begins with charter = …")
    table = checked_table(found, {"format", "charter", "version", "source", *_PARTS}, "")
    with at_place("format"):
        if table.get("format", FORMAT) != FORMAT:
            raise InvalidPolicy(f"format {table['format']!r} is not known; this reads {FORMAT}")
    for name in ("charter", "version"):
        if name not in table:
            raise InvalidPolicy(f"{name} is missing")
    values: Table = {"name": table["charter"], "version": table["version"]}
    values["source"] = table.get("source", "")
    for name in _PARTS:
        if name in table:
            values[name] = _READERS[name](table[name], name)
    return build(Charter, values, "")


def _communities(value: object, place: str) -> tuple[tuple[str, Condition], ...]:
    table = as_table(value, place)
    found = []
    for name in table:
        here = f"{place}.{name}"
        inner = checked_table(table[name], {"member"}, here)
        if "member" not in inner:
            raise InvalidPolicy("member is missing", place=here)
        found.append((name, read_condition(inner["member"], f"{here}.member")))
    return tuple(found)


def _named(kind: type[T], key: str, value: object, place: str) -> tuple[T, ...]:
    """Read tables by name, such as ``roles.mentor``."""
    table = as_table(value, place)
    known = {attribute.name for attribute in fields(kind)} - {key}
    found = []
    for name in table:
        here = f"{place}.{name}"
        inner = checked_table(table[name], known, here)
        found.append(read_fields(kind, {key: name, **inner}, here))
    return tuple(found)


def _vouching(value: object, place: str) -> Vouching:
    table = dict(checked_table(value, {a.name for a in fields(Vouching)}, place))
    if "levels" in table:
        here = f"{place}.levels"
        items = as_list(table.pop("levels"), here)
        levels = tuple(read_fields(Level, item, f"{here}[{i}]") for i, item in enumerate(items))
        return read_fields(Vouching, table, place, levels=levels)
    return read_fields(Vouching, table, place)


def _policies(value: object, place: str) -> tuple[Policy, ...]:
    return tuple(read_policy(item, f"{place}[{i}]") for i, item in enumerate(as_list(value, place)))


def _standing(value: object, place: str) -> Standing:
    return read_fields(Standing, value, place)


_READERS: Final[dict[str, Callable[[object, str], object]]] = {
    "member": read_condition,
    "communities": _communities,
    "roles": partial(_named, RoleClause, "role"),
    "vouching": _vouching,
    "authorities": partial(_named, Authority, "fact"),
    "retention": partial(_named, Retention, "fact"),
    "policies": _policies,
    "standing": _standing,
}
