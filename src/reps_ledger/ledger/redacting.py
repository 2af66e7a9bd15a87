"""Redaction: destroying ciphertexts, for whoever must go further than destroying the keys to them.

Erasure destroys keys (`reps_ledger.ledger.erasing`), and whoever has a backup of them can still open what is
sealed. A redaction destroys what is sealed itself. Its entry stays, with what commits to the ciphertext, and
so do its leaf, the root, proofs, checkpoints and bundles; the text reads "[redacted]".

The steps, each of which can be taken again:

1. ``text.redacted`` in the log: who destroys what.
2. One transaction of the log, in which the ciphertexts become null.
3. What this process remembers is forgotten.
4. Whatever the database keeps of earlier states is removed. Where others still read such a state, that is
   pending; the next redaction tries again.

Whoever opens the ledger with its keys goes on where a redaction was interrupted, and tries what is pending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from attrs import field, frozen

from reps_ledger.domain.entries import Entry, entry_tag, member_tag
from reps_ledger.domain.facts import TextRedacted
from reps_ledger.domain.validation import MAX_ITEMS
from reps_ledger.errors import ConfigurationError, NotFound, Refusal, Refused, StorageError
from reps_ledger.ledger.core import Attribution, Core
from reps_ledger.ledger.erasing import erasure_of, identities
from reps_ledger.log import EventLog

OTHERS_MUST: Final = (
    "redact in copies of the ledger: backups, and exports as it was recorded, have the ciphertexts",
    "destroy copies that its file system or its disk keeps of the file, such as snapshots",
)
"""What no ledger can do for those who run it."""

_REDACTED: Final = "text.redacted"


@frozen(kw_only=True)
class RedactionReport:
    """What a redaction did, and what it could not.

    Attributes:
        members: every identifier of the person whose texts they are; none where it is of one entry.
        orders: ids of the entries that order it, recorded now.
        entries: ids of the entries beside which ciphertexts were destroyed now.
        texts: how many ciphertexts were destroyed now.
        before: how many of the same texts had been redacted before.
        pending: what is still to be done, in words; opening the ledger with its keys, or the next redaction,
            tries again.
        kept: what the database keeps until others do something, in words.
        others_must: what others must do, in words.
    """

    members: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    texts: int = 0
    before: int = 0
    pending: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    others_must: tuple[str, ...] = field(default=OTHERS_MUST)

    def words(self) -> str:
        """Return it in words."""
        whose = f" about {self.members[0]}" if self.members else ""
        lines = [
            f"Beside {len(self.entries):,} entries {self.texts:,} sealed texts{whose} were destroyed now.",
            f"Before that, {self.before:,} had been.",
            "Every entry, proof and checkpoint stays what it was.",
        ]
        lines += [f"Still to be done: {each}." for each in self.pending]
        lines += [f"The database keeps {each}." for each in self.kept]
        lines += [f"Others must {each}." for each in self.others_must]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.words()


@frozen(kw_only=True)
class _Held:
    """What is sealed beside one entry and is to be destroyed.

    Attributes:
        position: of the entry.
        entry: its id.
        there: the fields whose ciphertexts are there.
        gone: how many were redacted before.
    """

    position: int
    entry: str
    there: tuple[str, ...]
    gone: int


def redact(core: Core, member: str, attribution: Attribution) -> RedactionReport:
    """Destroy the ciphertexts of all texts about somebody who was erased; see `Ledger.redact`."""
    log = _redactable(core)
    members = identities(core, member)
    if erasure_of(log, members) is None:
        words = f"{members[0]} was not erased: what is sealed about them is destroyed only once they are"
        raise Refused([Refusal(code="not_erased", words=words)])
    held = _held(log, map(member_tag, members), frozenset(members))
    return _carried_out(core, held, members, attribution)


def redact_entry(core: Core, entry_id: str, attribution: Attribution) -> RedactionReport:
    """Destroy the ciphertexts beside one entry; see `Ledger.redact_entry`."""
    log = _redactable(core)
    if entry_id not in log.first_of_ids([entry_id]):
        raise NotFound(f"there is no entry {entry_id}")
    held = [each for each in _held(log, [entry_tag(entry_id)], None) if each.entry == entry_id]
    return _carried_out(core, held, (), attribution)


def resume(core: Core) -> tuple[str, ...]:
    """Go on with redactions that were interrupted; return what is still to be done, in words."""
    zone = core.own_zone
    if zone.keyring is None or not zone.seals or core.read_only:
        return ()
    log = core.log
    orders = [*log.read_kinds({_REDACTED})]
    if not orders:
        return ()
    try:
        log.must_be_redactable()
        left: dict[int, set[str]] = {}
        for order in orders:
            for each in _ordered(core, order):
                left.setdefault(each.position, set()).update(each.there)
        _destroy(core, {position: paths for position, paths in left.items() if paths})
        return tuple(log.purge(waits=False))
    except StorageError as error:  # the ledger can be used all the same
        return (str(error),)


def orders_of(log: EventLog) -> dict[str, int]:
    """Return the positions of the last orders of redactions, by the ids of the entries that they name."""
    return {entry: order.position for order in log.read_kinds({_REDACTED}) for entry in order.fact.entries}


def _redactable(core: Core) -> EventLog:
    """Return the log, where ciphertexts can be destroyed in it.

    Raises:
        ConfigurationError: the ledger does not seal.
        NotOffered, ReadOnly: they cannot, or not by whoever asks.
    """
    core.must_be_writable()
    core.refreshed()
    if not core.own_zone.seals:
        raise ConfigurationError("this ledger does not seal, so that there is no ciphertext to be redacted")
    core.log.must_be_redactable()
    return core.log


def _held(log: EventLog, tags: Iterable[str], members: frozenset[str] | None) -> list[_Held]:
    """Return what is sealed beside entries under some tags about some members; None for whomever."""
    found = []
    for position, beside in log.sealed_under(tags):
        own = [text for text in beside if members is None or text.place.member in members]
        if own:
            there = tuple(text.place.path for text in own if not text.redacted)
            entry = own[0].place.entry
            found.append(_Held(position=position, entry=entry, there=there, gone=len(own) - len(there)))
    return found


def _ordered(core: Core, order: Entry[TextRedacted]) -> list[_Held]:
    """Return what an order has destroyed, and is there all the same: of entries that were there before it."""
    named, person = frozenset(order.fact.entries), order.fact.person
    members = None if person is None else _known_as(core, person)
    held = _held(core.log, map(entry_tag, named), members)
    return [each for each in held if each.entry in named and each.position < order.position and each.there]


def _known_as(core: Core, person: str) -> frozenset[str]:
    """Return every identifier of a person, who need not be known: anybody may have named them."""
    with suppress(NotFound):
        return frozenset(identities(core, person))
    return frozenset({person})


def _carried_out(
    core: Core, held: Sequence[_Held], members: Sequence[str], attribution: Attribution
) -> RedactionReport:
    """Record who destroys what is still there, and do it."""
    log = core.log
    left = [each for each in held if each.there]
    known = {
        entry: order.position
        for order in log.read_kinds({_REDACTED})
        if order.fact.person is None or order.fact.person in members
        for entry in order.fact.entries
    }
    new = [each.entry for each in left if known.get(each.entry, 0) < each.position]
    person = members[0] if members else None
    orders: list[str] = []
    for first in range(0, len(new), MAX_ITEMS):
        entries = tuple(new[first : first + MAX_ITEMS])
        receipt = core.record([(TextRedacted(entries=entries, person=person), None)], attribution)
        orders += [entry.id for entry in receipt.entries]
    _destroy(core, {each.position: each.there for each in left})
    return RedactionReport(
        members=tuple(members),
        orders=tuple(orders),
        entries=tuple(each.entry for each in left),
        texts=sum(len(each.there) for each in left),
        before=sum(each.gone for each in held),
        pending=tuple(log.purge()),
        kept=log.keeps_redacted(),
    )


def _destroy(core: Core, paths: Mapping[int, Iterable[str]]) -> None:
    if paths:
        core.log.redact({position: frozenset(each) for position, each in paths.items()})
        core.forget()
