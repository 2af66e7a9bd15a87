"""Erasing a person: the order in the log, then their keys, and whatever else is kept about them.

The steps, each of which can be taken again (`../docs/privacy.md` says what they reach):

1. ``member.erased`` in the log. From then on nothing is sealed for them, under any identifier of theirs.
2. One transaction of the key store: keys, tokens of accounts and names go; a tombstone and a row of what
   is to follow come.
3. The key store is written anew, so that no trace is left in its file.
4. What this process remembers is forgotten. (Columns, tables and trees hold no sealed text.)
5. The receipt is written.
6. The row of what is to follow goes.

Whoever opens the ledger with its keys goes on where an erasure was interrupted. A key store from a backup is
erased again; a log from a backup gets its ``member.erased`` from the tombstone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from reps_ledger.audit import SigningKey
from reps_ledger.audit.checkpoints import sign
from reps_ledger.domain.entries import Entry, member_tag, people_in
from reps_ledger.domain.facts import EntryCorrected, Fact, MemberErased
from reps_ledger.domain.facts.governance import ERASURES
from reps_ledger.domain.rules import Source
from reps_ledger.domain.sealed import Sealed
from reps_ledger.errors import Busy, ConfigurationError, NotFound, Refused
from reps_ledger.files import RECEIPTS_SUFFIX, atomic_write
from reps_ledger.ledger.core import Attribution, Core
from reps_ledger.log import EventLog
from reps_ledger.log.sealing import personal_texts
from reps_ledger.privacy import Keyring, Tombstone

OTHERS_MUST: Final = (
    "destroy backups of the key file, or restore none without opening its ledger, which erases again",
    "destroy exports and bundles that were given away with texts revealed",
    "erase in other systems to which texts were sent",
)
"""What no ledger can do for those who run it."""

_ERASED: Final = "member.erased"
_STORE: Final = "key-store"
"""Who records the order of an erasure that only the key store knows of."""


@frozen(kw_only=True)
class ErasureReport:
    """What an erasure did, and what it could not.

    Attributes:
        members: every identifier of the person; the first is the one that merges keep.
        order: the id of the entry that orders it.
        reason: on which ground; one of `ERASURES`.
        at: when it was ordered.
        texts: how many sealed texts about them the log has, which nobody can open any more.
        keys: how many keys were destroyed now; none where that was done before.
        accounts: how many names of accounts were destroyed now.
        names: how many texts of the index of names were destroyed now.
        mentioned: ids of entries in which others are spoken of, and which name them too.
        in_the_clear: ids of entries with texts about them that were never sealed, and so stay.
        pending: what is still to be done, in words; opening the ledger, or erasing again, tries again.
        others_must: what others must do, in words.
        receipt: the same as text, signed where a key was given.
    """

    members: tuple[str, ...]
    order: str
    reason: str
    at: datetime
    texts: int
    keys: int
    accounts: int
    names: int
    mentioned: tuple[str, ...] = ()
    in_the_clear: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    others_must: tuple[str, ...] = OTHERS_MUST
    receipt: str = field(default="", repr=False)

    def words(self) -> str:
        """Return it in words."""
        who = self.members[0]
        others = f", known also as {', '.join(self.members[1:])}," if self.members[1:] else ""
        gone = f"{self.keys:,} keys, {self.accounts:,} names of accounts"
        lines = [
            f"{who}{others} was erased on {self.at.date()} ({self.reason}).",
            f"{self.texts:,} sealed texts can no longer be opened.",
            f"Destroyed now: {gone}, {self.names:,} texts of the index of names.",
            "That they are a member, their roles, dates and decisions stay, and so does their identifier.",
        ]
        if self.in_the_clear:
            lines.append(f"{len(self.in_the_clear):,} entries have texts that were never sealed: these stay.")
        if self.mentioned:
            lines.append(f"{len(self.mentioned):,} entries about others name them, and may speak of them.")
        lines += [f"Still to be done: {each}." for each in self.pending]
        lines += [f"Others must {each}." for each in self.others_must]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.words()


@frozen(kw_only=True)
class _Held:
    """What a log has about some identifiers.

    Attributes:
        key_ids: of the keys of texts about them.
        texts: how many sealed texts there are about them.
        mentioned: ids of entries about others that name them, and have a text.
        in_the_clear: ids of entries with texts about them that are not sealed.
    """

    key_ids: tuple[str, ...]
    texts: int
    mentioned: tuple[str, ...]
    in_the_clear: tuple[str, ...]


def erase(
    core: Core, member: str, reason: str, attribution: Attribution, signing: SigningKey | None = None
) -> ErasureReport:
    """Erase somebody; see `Ledger.erase`."""
    core.must_be_writable()
    keyring = keyring_of(core)
    members = identities(core, member)
    order = erasure_of(core.log, members)
    if order is None:
        core.record([(MemberErased(member=members[0], reason=reason), None)], attribution)
        order = erasure_of(core.log, members)
        assert order is not None, "it was recorded"
    return _carried_out(core, keyring, members, order, signing)


def resume(core: Core) -> list[ErasureReport]:
    """Go on with erasures that were interrupted; return what was done."""
    keyring = core.own_zone.keyring
    if keyring is None or not core.own_zone.seals or core.read_only:
        return []
    stones = {each.member for each in keyring.store.tombstones()}
    ordered = {entry.fact.member for entry in core.log.read_kinds({_ERASED})}
    waiting = {each.member for each in keyring.store.to_follow()} | (ordered - stones)
    lacking = stones - ordered  # identifiers that merges do not keep, or the log is older than the keys
    if lacking:
        aliases = core.reading().amendments().aliases
        for member in {aliases.get(each, each) for each in lacking} - ordered:
            with suppress(Refused):  # not there yet: nothing can be sealed for them all the same
                core.record([(MemberErased(member=member, reason=ERASURES[0]), None)], Attribution(by=_STORE))
    done = []
    while waiting:
        members = identities(core, min(waiting))
        order = erasure_of(core.log, members)
        waiting -= {*members}
        if order is not None:
            done.append(_carried_out(core, keyring, members, order, None))
    return done


def keyring_of(core: Core) -> Keyring:
    """Return the keys of a ledger that seals.

    Raises:
        ConfigurationError: it was opened without, or does not seal.
    """
    keyring = core.own_zone.keyring
    if keyring is None:
        raise ConfigurationError("erasing takes the keys: open the ledger with them (keys=…, --keys)")
    core.refreshed()
    if not core.own_zone.seals:
        raise ConfigurationError(
            "this ledger does not seal, so that nothing in it can be erased: begin_sealing has it seal what "
            "is recorded from then on"
        )
    return keyring


def identities(core: Core, member: str) -> list[str]:
    """Return every identifier of a person, the one that merges keep first.

    Raises:
        NotFound: nothing is recorded of anybody of that name.
    """
    amendments = core.reading().amendments()
    kept = amendments.aliases.get(member, member)
    found = [kept, *(name for name in amendments.identifiers(kept) if name != kept)]
    if not core.found(Source(member_tag(member))):
        raise NotFound(f"nothing is recorded of {member}")
    return found


def erasure_of(log: EventLog, members: Iterable[str]) -> Entry[MemberErased] | None:
    """Return by which entry a person was erased, under any of their identifiers."""
    found = log.read_any([Source(member_tag(member), frozenset({_ERASED})) for member in members])
    return next(found, None)


def _carried_out(
    core: Core,
    keyring: Keyring,
    members: Sequence[str],
    order: Entry[MemberErased],
    signing: SigningKey | None,
) -> ErasureReport:
    """Take the steps after the order."""
    store = keyring.store
    held = _held(core.log, frozenset(members))
    stones = [Tombstone(member, order.id, order.recorded_at.isoformat()) for member in members]
    destroyed = store.erase(stones, held.key_ids)
    pending = []
    try:
        store.scrub()
    except Busy as error:
        pending.append(f"the key file could not be written anew, as others read it: {error}")
    core.forget()
    report = ErasureReport(
        members=tuple(members),
        order=order.id,
        reason=order.fact.reason,
        at=order.recorded_at,
        texts=held.texts,
        keys=destroyed.keys,
        accounts=destroyed.accounts,
        names=destroyed.names,
        mentioned=held.mentioned,
        in_the_clear=held.in_the_clear,
        pending=tuple(pending),
    )
    report = evolve(report, receipt=_receipt(report, keyring.ledger, signing))
    if core.log.path is not None:
        _keep(core.log.path, report)
    if not pending:
        store.done(members)
    return report


def _held(log: EventLog, members: frozenset[str]) -> _Held:
    """Return what a log has about some identifiers."""
    registry = log.codec.registry
    key_ids: dict[str, None] = {}
    texts = 0
    mentioned: list[str] = []
    clear: list[str] = []
    for entry in log.read_any([Source(member_tag(member)) for member in sorted(members)]):
        own = False
        spoken = False
        for fact, text in _texts(entry.fact, log):
            if isinstance(text, Sealed):
                about = text.place.member in members
                texts += about
                if about:
                    key_ids[text.key] = None
            else:
                about = getattr(fact, "member", None) in members
                if about and (not clear or clear[-1] != entry.id):
                    clear.append(entry.id)
            own = own or about
            spoken = spoken or not about
        named = any(person in members for person in people_in(entry.fact, registry))
        if spoken and named and not own:
            mentioned.append(entry.id)
    return _Held(key_ids=tuple(key_ids), texts=texts, mentioned=tuple(mentioned), in_the_clear=tuple(clear))


def _texts(fact: Fact, log: EventLog) -> Iterator[tuple[Fact, str]]:
    registry = log.codec.registry
    yield from ((fact, text) for _, text in personal_texts(fact, registry.of(fact)))
    if isinstance(fact, EntryCorrected):
        yield from _texts(fact.replacement, log)


def _receipt(report: ErasureReport, ledger: str, signing: SigningKey | None) -> str:
    """Return a report as text that is kept: JSON on one line, and the signature of a key if one is given."""
    said: dict[str, Any] = {
        "erased": list(report.members),
        "order": report.order,
        "ledger": ledger,
        "reason": report.reason,
        "at": report.at.isoformat(),
        "sealed_texts": report.texts,
        "keys_destroyed": report.keys,
        "accounts_destroyed": report.accounts,
        "names_destroyed": report.names,
        "mentioned_in": list(report.mentioned),
        "in_the_clear": list(report.in_the_clear),
        "pending": list(report.pending),
        "others_must": list(report.others_must),
    }
    text = json.dumps(said, ensure_ascii=False) + "\n"
    return text if signing is None else sign(text, [signing])


def _keep(path: Path, report: ErasureReport) -> None:
    """Write the receipt beside the ledger's file; what was written before, by who destroyed more, stays."""
    folder = path.with_name(path.name + RECEIPTS_SUFFIX)
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{report.order}.json"
    if not kept.exists() or report.keys or report.accounts or report.names:
        with atomic_write(kept, secret=True) as file:
            file.write(report.receipt.encode())
