"""Parting: columns divided by member, so that each part can be run by itself.

A part holds all facts that name its members, and what is of the whole programme. Policies that
look at other people cannot be run on parts, and are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import msgspec
import numpy as np
from attrs import evolve, frozen

from reps_ledger.errors import Damaged, InvalidInput, InvalidPolicy
from reps_ledger.policies.language.belonging import WithAccount
from reps_ledger.policies.language.bodies import LargestShare, Members
from reps_ledger.policies.language.counts import Distinct
from reps_ledger.policies.language.selections import WhoFilter
from reps_ledger.policies.language.shares import Share
from reps_ledger.policies.language.walking import parts
from reps_ledger.replay.columns import Coded, Columns, Table
from reps_ledger.replay.columns.store import FORMAT, keep_apart

if TYPE_CHECKING:
    import os

    from reps_ledger.policies.policy import Policy

__all__ = [
    "MAX_PARTS",
    "Parted",
    "export_parts",
    "must_be_isolated",
    "open_parts",
    "part_folder",
    "part_of",
    "restricted",
]

MAX_PARTS: Final = 100_000
"""Parts of one export."""

_SEAL: Final = "parts.json"


class _Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What says that an export is whole."""

    format: int
    number: int
    position: int


def part_of(member: str, number: int) -> int:
    """Return in which of so many parts a member is: the same on every machine."""
    return crc32(member.encode()) % number


def part_folder(folder: str | os.PathLike[str], part: int) -> Path:
    """Return the folder of a part."""
    return Path(folder) / f"part={part:05d}"


def must_be_isolated(policy: Policy) -> None:
    """Refuse a policy that looks at other people.

    Raises:
        InvalidPolicy: it does, or at accounts, which columns do not hold.
    """
    for case in policy.cases:
        for each in parts(case.when):
            others = isinstance(each, LargestShare | Members | Share | WhoFilter)
            others = others or (isinstance(each, Distinct) and each.organisation_of is not None)
            if others or isinstance(each, WithAccount):
                raise InvalidPolicy(
                    f"{policy.name} looks beyond a member's own facts ({each.words()}): "
                    "run it on one machine"
                )


@frozen
class Parted:
    """An export in parts.

    Attributes:
        folder: where; every worker must see it.
        number: how many parts there are.
        position: what was known.
    """

    folder: str
    number: int
    position: int


def export_parts(columns: Columns, folder: str | os.PathLike[str], number: int) -> Parted:
    """Write columns as Parquet, divided into so many parts by member.

    What says that they are all there is written last; an earlier export in the folder is gone
    from the moment at which this one begins.

    Raises:
        InvalidInput: the number is not from 1 to `MAX_PARTS`.
        OSError: the folder cannot be written to.
    """
    if type(number) is not int or not 1 <= number <= MAX_PARTS:
        raise InvalidInput(f"from 1 to {MAX_PARTS:,} parts, not {number!r:.40}", field="number")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / _SEAL).unlink(missing_ok=True)
    places = np.array([part_of(person, number) for person in columns.people], np.int64)
    for part in range(number):
        keep_apart(part_folder(folder, part), restricted(columns, places == part))
    rough = place / f"{_SEAL}.tmp"
    rough.write_bytes(msgspec.json.encode(_Seal(FORMAT, number, columns.position)))
    rough.replace(place / _SEAL)
    return Parted(str(place), number, columns.position)


def open_parts(folder: str | os.PathLike[str]) -> Parted:
    """Return the export in a folder.

    Raises:
        Damaged: there is none, or not all of it.
    """
    try:
        seal = msgspec.json.decode((Path(folder) / _SEAL).read_bytes(), type=_Seal)
    except (OSError, msgspec.MsgspecError):
        seal = None
    if seal is None or seal.format != FORMAT:
        raise Damaged(f"{folder} holds no whole export of parts; export them anew")
    return Parted(str(folder), seal.number, seal.position)


def restricted(columns: Columns, own: Any) -> Columns:
    """Return the facts that name some people, and those that name nobody.

    Args:
        columns: of everyone.
        own: for each of the people, whether they are meant.
    """
    rows = {name: _rows(table, own) for name, table in columns.tables.items()}
    named = np.zeros(len(columns.people), bool)
    for name, table in columns.tables.items():
        for codes in table.persons.values():
            chosen = codes[rows[name]]
            named[chosen[chosen >= 0]] = True
    turned = np.append(np.cumsum(named) - 1, -1).astype(np.int32)
    tables = {
        name: _taken(table, rows[name], turned)
        for name, table in columns.tables.items()
        if len(rows[name])
    }
    people = tuple(np.array(columns.people, object)[named].tolist())
    return Columns(columns.position, people, tables, columns.registry)


def _rows(table: Table, own: Any) -> Any:
    if not table.persons:
        return np.arange(len(table.at))
    kept = np.zeros(len(table.at), bool)
    for codes in table.persons.values():
        kept |= (codes >= 0) & np.append(own, False)[codes]
    return np.flatnonzero(kept)


def _taken(table: Table, rows: Any, turned: Any) -> Table:
    return evolve(
        table,
        times={name: found[rows] for name, found in table.times.items()},
        persons={name: turned[codes[rows]] for name, codes in table.persons.items()},
        fields={name: _coded(coded, rows) for name, coded in table.fields.items()},
        numbers={name: found[rows] for name, found in table.numbers.items()},
        instants={name: found[rows] for name, found in table.instants.items()},
    )


def _coded(coded: Coded, rows: Any) -> Coded:
    codes = coded.codes[rows]
    used = np.unique(codes[codes >= 0])
    turned = np.full(len(coded.values) + 1, -1, np.int32)
    turned[used] = np.arange(len(used), dtype=np.int32)
    return Coded(tuple(coded.values[code] for code in used.tolist()), turned[codes])
