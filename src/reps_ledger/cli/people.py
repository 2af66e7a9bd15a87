"""How commands show people: by their identifiers, with their names where these are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.sealed import GONE, SEALED, Sealed
from reps_ledger.ledger import Ledger
from reps_ledger.views import MemberView

_AT_ONCE: Final = 1_000
"""Entries for which names are looked up together."""


def called(member: str, name: str | None) -> str:
    """Return an identifier, with the name where there is one."""
    return member if name is None else f"{member} ({name})"


def name_of(person: MemberView) -> str | None:
    """Return what somebody is called by, if that is known and can be read."""
    return None if person.name in GONE else person.name


def accounts_of(person: MemberView) -> list[tuple[str, str]]:
    """Return somebody's accounts, each with its provider; of one that was not opened, that it is sealed."""
    return [
        (provider, SEALED if isinstance(account, Sealed) else account)
        for provider, account in sorted(person.belonging.accounts)
    ]


def with_names(entries: Iterable[Entry], ledger: Ledger) -> Iterator[tuple[Entry, str, str | None]]:
    """Yield entries, each with whom it is about ("" for nobody) and what they are called by."""
    known: dict[str, str | None] = {}
    rest = iter(entries)
    while some := [*islice(rest, _AT_ONCE)]:
        about = [member_of(entry) for entry in some]
        unknown = {member for member in about if member} - known.keys()
        if unknown:
            found = ledger.names(unknown)
            known |= {member: found.get(member) for member in unknown}
        for entry, member in zip(some, about, strict=True):
            yield entry, member, known.get(member)


def member_of(entry: Entry) -> str:
    """Return whom an entry is about; "" for nobody."""
    return str(getattr(entry.fact, "member", ""))


def name_column(members: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the heading of the names of some people; none where no name is known."""
    return ("name",) if any(member in names for member in members) else ()
