"""Finding people by what they are called: their names, addresses and accounts, and their identifiers.

In a ledger that seals, these texts are kept beside the keys (`reps_ledger.privacy`), as they are by now, and
are forgotten with the person. Each question first reads what came since the last. A ledger that does not seal
keeps none: it reads all profiles and accounts each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import member_tag
from reps_ledger.domain.facts import stated
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.rules.sealing import ACCOUNTS
from reps_ledger.domain.sealed import GONE, Sealed
from reps_ledger.ledger.core import Core
from reps_ledger.ledger.erasing import keyring_of
from reps_ledger.privacy import KeyStore
from reps_ledger.privacy.names import NameIndex
from reps_ledger.projections.profiles import NAME
from reps_ledger.views import MemberView

SEARCHED: Final = (NAME, "nickname", "email", "address", "phone", "url")
"""The fields of a profile by which people are found."""

ACCOUNT: Final = "account "
"""What begins the kind of the names of accounts at one provider."""

IDENTIFIER: Final = "identifier"
"""The kind of what is found by its identifier."""

_KINDS: Final = AMENDING | {"account.linked", "account.unlinked", "member.joined", "member.profiled"}
_PREFIX: Final = member_tag("")
_PAGE: Final = 1_000

Texts = tuple[str, str, str | None]
"""A member, a kind of text, and the text by now; None where there is none."""


@frozen(kw_only=True)
class Person:
    """Somebody who was found.

    Attributes:
        member: their identifier, the one that merges keep.
        by: by which of their texts: "identifier", a field of their profile, or "account" and its provider.
    """

    member: str
    by: str


def find(core: Core, text: str) -> tuple[Person, ...]:
    """Find people; see `Ledger.find`."""
    form = canonical_name(text)
    store = _store(core)
    if store is None:
        known = NameIndex((m, kind, found) for m, kind, found in _texts(core, 0) if found is not None)
        named = known.find(text)
    else:
        catch_up(core, store)
        named = store.find(text)
    found = [Person(member=member, by=kind.strip()) for member, kind in named]
    found += (
        [Person(member=m, by=IDENTIFIER) for m in _members(core) if form in canonical_name(m)] if form else []
    )
    aliases = core.reading().amendments().aliases
    kept = (Person(member=aliases.get(each.member, each.member), by=each.by) for each in found)
    return tuple(sorted(dict.fromkeys(kept), key=lambda each: (each.member, each.by)))


def names(core: Core, members: Iterable[str]) -> Mapping[str, str]:
    """Return what people are called by now, of those who have a name; see `Ledger.names`."""
    wanted = [*members]
    store = _store(core)
    if store is None:
        profiles = core.as_of().profiles(wanted)
        said = ((member, profile.name) for member, profile in profiles.items())
        return {member: name for member, name in said if name is not None and name not in GONE}
    catch_up(core, store)
    return store.names(wanted)


def catch_up(core: Core, store: KeyStore) -> None:
    """Bring the index of names up to the log's head."""
    head = core.log.head()
    upto = store.names_upto
    if upto < head:
        store.index(head, _texts(core, upto))


def _store(core: Core) -> KeyStore | None:
    keyring = core.own_zone.keyring
    return keyring.store if keyring is not None and core.own_zone.seals and not core.read_only else None


def _texts(core: Core, after: int) -> Iterator[Texts]:
    """Yield the texts by now of everybody of whom anything that changes them came after a position."""
    changed = dict.fromkeys(
        tag.removeprefix(_PREFIX)
        for entry in core.log.read_kinds(_KINDS, after=after)
        for tag in entry.tags
        if tag.startswith(_PREFIX)
    )
    view = core.as_of()
    for member in changed:
        yield from _texts_of(member, view.member(member))


def _texts_of(member: str, person: MemberView) -> Iterator[Texts]:
    """Yield the texts of one member; of an identifier that was merged away, none."""
    own = person.member == member
    for field in SEARCHED:
        text = person.profile.get(field) if own else None
        yield member, field, None if text in GONE else text
    accounts: dict[str, list[str]] = {}
    for provider, account in sorted(person.belonging.accounts) if own else ():
        accounts.setdefault(provider, []).append(account)
    providers = {getattr(e.fact, "provider", "") for e in person.history if e.name in _KINDS}
    for provider in sorted(providers):
        yield member, ACCOUNT + provider, " ".join(accounts.get(provider, ())) or None


def _members(core: Core) -> Iterator[str]:
    """Yield the identifiers of everybody whom the log names."""
    if not core.log.indexed:
        yield from (entry.fact.member for entry in core.log.read_kinds({"member.joined"}))
        return
    after = ""
    while tags := core.log.tags_from(_PREFIX, after=after, limit=_PAGE):
        after = tags[-1]
        yield from (tag.removeprefix(_PREFIX) for tag in tags)


def pseudonyms(core: Core, members: Iterable[str]) -> dict[str, str]:
    """Return what may stand for the identifiers of those who were erased; see `Ledger.pseudonyms`."""
    keyring = keyring_of(core)
    return {
        member: f"erased-{keyring.pseudonym(member)}" for member in members if keyring.store.is_erased(member)
    }


def restore_accounts(core: Core) -> int:
    """Make the tokens again that the key store lacks; see `Ledger.restore_accounts`."""
    keyring = keyring_of(core)
    codec = core.log.codec

    def linked() -> Iterator[tuple[str, str, str, str]]:
        for entry in core.found(ACCOUNTS):
            said: Any = stated(entry.fact)
            for name in codec.registry.of(said).keyed:
                token = getattr(said, name)
                account = codec.text_of(token) if isinstance(token, Sealed) else None
                if account is not None and account not in GONE and account != token:
                    yield str(token), getattr(said, "provider", ""), account, said.member

    return keyring.store.restore_accounts(linked())
