"""Entries, which are facts as recorded; their ids, and the tags by which the log finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, Generic
from uuid import UUID, uuid5

import msgspec
from typing_extensions import TypeVar

from reps_ledger.domain.chance import random_bytes
from reps_ledger.domain.facts.registry import Fact, Registry
from reps_ledger.domain.time import microseconds

_NAMESPACE: Final = UUID("6f0e9a4e-6a3b-5c1e-9d0b-5f1d1f7f2c55")

LEDGER_WIDE: Final = frozenset(
    {"charter.adopted", "entry.voided", "ledger.declared", "opportunity.held", "policy.stated"}
)
"""Stored names of facts that concern the whole programme; each kind has a tag of its own."""

F = TypeVar("F", default=Any)


class Told(msgspec.Struct, frozen=True, gc=False):
    """Under which identifiers an entry was told, where some of its people have several.

    Attributes:
        fact: as it was told; the entry's own fact has the identifiers that merges keep.
        reach: for each identifier in that fact, all that meant the same person when it was told
            and still do: an ending is of all of them.
    """

    fact: Any
    reach: Mapping[str, tuple[str, ...]]


class Entry(
    msgspec.Struct,
    Generic[F],
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,  # facts are plain values: no entry can be part of a cycle
):
    """A fact as recorded.

    A msgspec struct, not an attrs class: stored bytes become an entry in one step, and a ledger
    does nothing as often as reading histories.

    Attributes:
        id: names the entry for ever, also after export and import.
        position: the order in which this ledger came to know, from 1.
        recorded_at: when it was recorded, in UTC; for people to read, never used to order.
        occurred_at: when it happened in the world, in UTC.
        day: the day on which it happened, where no more than the day is known; occurred_at
            is then the start of that day in the ledger's zone.
        by: who recorded it.
        on_behalf_of: the person for whom ``by`` acted.
        command_id: the command by which it was recorded.
        source: where it came from, for an imported one.
        schema: the schema version under which the fact was recorded.
        fact: what happened.
        tags: by which the log finds it.
        origin: its position, or for a correction that of the original entry: it breaks ties in
            occurred_at.
        told: the identifiers under which it was told, where merges gave its people several.
        about: of an amendment that is to be recorded, the person whom its target is about, if it is known.
    """

    id: str
    recorded_at: datetime
    occurred_at: datetime
    day: date | None = None
    by: str
    on_behalf_of: str | None = None
    command_id: str | None = None
    source: str | None = None
    schema: int = 1
    fact: F
    position: int = 0
    tags: tuple[str, ...] = ()
    origin: int = 0
    told: Told | None = None
    about: str | None = None

    @property
    def name(self) -> str:
        """The fact's stored name."""
        name: str = self.fact.__fact__.name  # type: ignore[attr-defined]  # every fact has it
        return name

    @property
    def identity(self) -> str:
        """The identifier of the member with which it was told; of a fact that has one."""
        fact: Any = self.fact if self.told is None else self.told.fact
        member: str = fact.member
        return member

    @property
    def is_correction(self) -> bool:
        """Whether this stands in another entry's place."""
        return self.origin != self.position

    @property
    def order(self) -> tuple[datetime, int]:
        """Its place in effective order."""
        return self.occurred_at, self.origin


def member_tag(member: str) -> str:
    """Return the tag of all that concerns a person."""
    return f"member:{member}"


def community_tag(community: str) -> str:
    """Return the tag of all that concerns a community."""
    return f"community:{community}"


def entry_tag(entry_id: str) -> str:
    """Return the tag of an entry and of what refers to it."""
    return f"entry:{entry_id}"


def entries_named(tags: Iterable[str]) -> list[str]:
    """Return the ids of the entries whose tags are among some."""
    prefix = entry_tag("")
    return [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]


def organisation_tag(organisation: str) -> str:
    """Return the tag of what describes an organisation."""
    return f"organisation:{organisation}"


def ledger_tag(name: str) -> str:
    """Return the tag of all facts of a kind that concerns the whole ledger."""
    return f"ledger:{name}"


_COMMAND: Final = "command:"
_ROW: Final = "row:"


def command_tag(command_id: str) -> str:
    """Return the tag of a command's entries."""
    return _COMMAND + command_id


def row_tag(key: str) -> str:
    """Return the tag of the entry of an imported row."""
    return _ROW + key


def row_keys_in(tags: Iterable[str]) -> list[str]:
    """Return the keys of imported rows among tags: of an entry one, or none."""
    return [tag.removeprefix(_ROW) for tag in tags if tag.startswith(_ROW)]


def handed_on(tags: Iterable[str]) -> list[str]:
    """Return the tags that what amends an entry has too: not those of how the entry was recorded."""
    return [tag for tag in tags if not tag.startswith((_COMMAND, _ROW))]


def people_in(fact: Fact, registry: Registry) -> list[str]:
    """Return everyone whom a fact names."""
    found: list[str] = []
    for name in registry.of(fact).persons:
        value = getattr(fact, name)
        if isinstance(value, str):
            found.append(value)
        elif value:
            found += value
    return found


def subject_tags(fact: Fact, registry: Registry) -> list[str]:
    """Return the tags of the people and the community that a fact is about."""
    found = [member_tag(person) for person in people_in(fact, registry)]
    if registry.of(fact).tagged:
        community = fact.community  # type: ignore[attr-defined]  # tagged says that it is there
        if community is not None:
            found.append(community_tag(community))
    return found


def time_ordered_id(now: datetime, random: bytes | None = None) -> str:
    """Make a UUID of version 7: time first, then random bits (RFC 9562, section 5.7).

    Args:
        now: the time; milliseconds count.
        random: 10 bytes; from the system by default.
    """
    milliseconds = max(0, microseconds(now) // 1000)  # 48 bits until the year 10889
    chance = int.from_bytes(random if random is not None else random_bytes(10))
    value = milliseconds << 80 | 7 << 76 | (chance >> 64 & 0xFFF) << 64
    text = f"{value | 2 << 62 | chance & (2**62 - 1):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def derived_id(command_id: str, index: int) -> str:
    """Return the id of a command's entry number ``index``: the same whenever it is recorded."""
    return str(uuid5(_NAMESPACE, f"{index}/{command_id}"))


def unique(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags without repeats, in their order."""
    return tuple(dict.fromkeys(tags))
