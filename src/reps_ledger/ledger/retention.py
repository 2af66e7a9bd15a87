"""Erasing personal texts that were kept long enough, as the charter in force says.

A job asks for it, every night say. Nothing is recorded: the charter is the order. The texts of one person,
kind and calendar year have one key, and go together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected, Fact
from reps_ledger.domain.sealed import Owner, Sealed
from reps_ledger.errors import Busy
from reps_ledger.ledger.core import Core
from reps_ledger.ledger.erasing import keyring_of
from reps_ledger.log import Codec
from reps_ledger.log.sealing import owner_of, personal_texts
from reps_ledger.policies.charter import Charter

_CORRECTED = "entry.corrected"
_PROFILED = "member.profiled"


@frozen(kw_only=True)
class Due:
    """Texts that were kept long enough.

    Attributes:
        member: whom they are about; "" for nobody.
        kind: the stored name of the facts that have them.
        year: in which they happened.
        texts: how many there are.
    """

    member: str
    kind: str
    year: int
    texts: int


@frozen(kw_only=True)
class RetentionReport:
    """What was erased, as it was kept long enough.

    Attributes:
        erased: what was due.
        keys: how many keys were destroyed.
        pending: what is still to be done, in words; asking again tries again.
    """

    erased: tuple[Due, ...]
    keys: int
    pending: tuple[str, ...] = ()


def due_erasures(core: Core, at: datetime) -> tuple[Due, ...]:
    """Return what was kept long enough; see `Ledger.due_erasures`."""
    found = _due(core, at)
    return tuple(
        Due(member=owner.member, kind=owner.kind, year=int(owner.period), texts=len(keys))
        for owner, keys in sorted(found.items())
    )


def erase_due(core: Core, at: datetime) -> RetentionReport:
    """Erase what was kept long enough; see `Ledger.erase_due`."""
    core.must_be_writable()
    store = keyring_of(core).store
    found = _due(core, at)
    erased = due_erasures(core, at)
    destroyed = store.expire(found, [key for keys in found.values() for key in keys])
    if any(owner.kind == _PROFILED for owner in found):
        store.reindex()
    pending = []
    try:
        if found or store.must_scrub:
            store.scrub()
    except Busy as error:
        pending.append(f"the key file could not be written anew, as others read it: {error}")
    core.forget()
    return RetentionReport(erased=erased, keys=destroyed.keys, pending=tuple(pending))


def _due(core: Core, at: datetime) -> dict[Owner, list[str]]:
    """Return the ids of the keys of texts that were kept long enough, one a text, by their owners."""
    store = keyring_of(core).store
    charter = core.as_of(at).charter
    if charter is None or not charter.retention:
        return {}
    codec = core.log.codec
    kinds = {clause.fact for clause in charter.retention} | {_CORRECTED}
    found: dict[Owner, list[str]] = {}
    for entry in core.log.read_kinds(kinds):
        for kind, text in _texts(entry.fact, codec):
            if _is_over(charter, core, kind, entry, at):
                owner = owner_of(text.place.member, kind, entry.occurred_at)
                found.setdefault(owner, []).append(text.key)
    store.load(key for keys in found.values() for key in keys)
    alive = {owner: [key for key in keys if store.key(key) is not None] for owner, keys in found.items()}
    return {owner: keys for owner, keys in alive.items() if keys}


def _texts(fact: Fact, codec: Codec) -> Iterator[tuple[str, Sealed]]:
    """Yield the sealed texts of a fact, and of what takes the place of another, each with its kind."""
    described = codec.registry.of(fact)
    for _, text in personal_texts(fact, described):
        if isinstance(text, Sealed):
            yield described.kind.name, text
    if isinstance(fact, EntryCorrected):
        yield from _texts(fact.replacement, codec)


def _is_over(charter: Charter, core: Core, kind: str, entry: Entry, at: datetime) -> bool:
    """Whether what happened in the year of an entry was kept long enough by an instant."""
    for clause in charter.retention:
        if clause.fact == kind:
            end = datetime(entry.occurred_at.year + 1, 1, 1, tzinfo=UTC)
            return clause.keep.after(end, core.zone) <= at
    return False
