"""The keys of one ledger at work: they seal what it records, and open what it shows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Final

from reps_ledger.domain.sealed import ERASED as READS_ERASED
from reps_ledger.domain.sealed import LOST, REDACTED, SEALED, Account, Owner, Place, ProviderTokens, Sealed
from reps_ledger.errors import InvalidInput, Redacted
from reps_ledger.log.sealing import ROWS, AccountOf
from reps_ledger.privacy.key_store import KeyStore
from reps_ledger.privacy.keys import KeyFile
from reps_ledger.privacy.sealing import committed_blob, field_key, row_key, seal, unseal

_UNBOUND: Final = ""
_PSEUDONYMS: Final = "pseudonyms"
_PSEUDONYM_BYTES: Final = 5
_UNSEEN: Final = 0.01
"""Seconds for which a text may still be opened whose key another process destroyed."""


class Keyring:
    """Seals and opens texts of one ledger by the keys of a store; a `Sealer` of its log.

    Args:
        store: where the keys are.

    Attributes:
        store: where the keys are.
        ledger: the identifier of the ledger; "" until it is known.
        seals: whether the ledger declares that it seals.
    """

    def __init__(self, store: KeyStore) -> None:
        self.store = store
        self.ledger = _UNBOUND
        self.seals = False
        self._looked = 0.0

    def expect(self, ledger: str) -> None:
        """Seal for a ledger that is about to declare itself; the store is bound once it did."""
        self.ledger, self.seals = ledger, True

    def bind(self, ledger: str | None, *, seals: bool) -> None:
        """Belong to a ledger, as it declares itself.

        Raises:
            WrongKeys: the store is that of another ledger.
        """
        if ledger is not None and seals:
            self.store.bind(ledger)
        self.ledger, self.seals = ledger or _UNBOUND, seals

    def prepare(self, owners: Iterable[Owner], accounts: Iterable[AccountOf]) -> None:
        """Make the keys and tokens that are missing, of all these at once; see `Sealer`."""
        self.store.prepare(owners)
        self.store.tokens(accounts)

    def seal(self, text: str, owner: Owner, place: Place, salt: bytes) -> tuple[str, bytes]:
        """Return the id of the key of an owner, and the ciphertext of a text under it; see `Sealer`."""
        key_id, key = self.store.current(owner)
        return key_id, seal(field_key(key, salt, place.path), text, place)

    def field_key(self, sealed: Sealed) -> bytes | None:
        """Return the key by which one text alone is opened; None where its owner's key is not there."""
        self._look()
        key = self.store.key(sealed.key)
        return None if key is None else field_key(key, sealed.salt, sealed.place.path)

    def _look(self) -> None:
        """Forget keys that others destroyed, unless that was looked for in the last hundredth of a second."""
        now = monotonic()
        if now - self._looked > _UNSEEN:
            self.store.refresh()
            self._looked = now

    def placed(self, sealed: Sealed) -> Sealed:
        """Return a sealed text that knows its ledger, so that it can be opened by a `field_key`."""
        place = sealed.place._replace(ledger=self.ledger)  # which what is stored does not say
        return Sealed.of(place, sealed.key, sealed.committed, sealed.salt, sealed.blob)

    def account(self, named: AccountOf, token: str | None = None) -> Account:
        """Return an account of a member by a token; see `Sealer`."""
        own = self.store.token(*named) if token is None else token
        return Account.of(own, named.account, _Others(self.store, named))

    def tokens_of(self, named: AccountOf) -> list[str]:
        """Return the tokens that there are for an account, the member's own first; see `Sealer`."""
        own = self.store.known_token(*named)
        others, _ = self.store.tokens_like(*named)
        return [*([] if own is None else [own]), *others]

    def row_key(self, member: str, digest: str) -> str:
        """Return by what an imported row about a member is known again; see `Sealer`."""
        _, key = self.store.current(Owner(member, ROWS, ""))
        return row_key(key, digest.encode())

    def pseudonym(self, member: str) -> str:
        """Return what may stand for an identifier: always the same, and not to be told without the keys."""
        _, key = self.store.current(Owner("", _PSEUDONYMS, ""))
        return hashlib.blake2b(member.encode(), key=key, digest_size=_PSEUDONYM_BYTES).hexdigest()

    def open(self, sealed: Sealed) -> str:
        """Return a text that was sealed, or what it reads as where it is no more; see `Sealer`."""
        if not self.ledger:
            return SEALED
        known = self.placed(sealed)
        try:
            blob = committed_blob(known)
        except Redacted:
            return REDACTED
        key = self.field_key(known)
        if key is None:
            fate = self.store.fate(known.key, known.place.member)
            return READS_ERASED if fate == "erased" else LOST
        return unseal(key, blob, known.place)


class _Others:
    """The other tokens of an account, as the store has them whenever they are asked."""

    def __init__(self, store: KeyStore, named: AccountOf) -> None:
        self._store = store
        self._named = named

    def others(self) -> tuple[ProviderTokens, ProviderTokens]:
        """Return other members' tokens for that very account, and the tokens of those that read like it."""
        exact, alike = self._store.tokens_like(*self._named)
        return tuple((self._named.provider, token) for token in exact), tuple(self._placed(alike))

    def _placed(self, tokens: Iterable[str]) -> Iterator[tuple[str, str]]:
        for token in tokens:
            account = self._store.account(token)
            if account is not None:  # erased meanwhile
                yield account[0], token


def opened_keys(
    keys: str | os.PathLike[str] | KeyStore | None, *, create: bool
) -> tuple[Keyring | None, Callable[[], None]]:
    """Return the keyring of what a ledger is opened with, and what closes what was opened for it.

    Args:
        keys: the path of a key file, or a store, which stays open; None for no keys.
        create: whether to make a file where there is none.

    Raises:
        InvalidInput: it is neither.
        LedgerError: the file cannot be opened; see `KeyFile.open`.
    """
    if keys is None:
        return None, lambda: None
    if isinstance(keys, str | os.PathLike):
        file = KeyFile.open(keys, create=create)
        return Keyring(file), file.close
    if not callable(getattr(keys, "current", None)):
        raise InvalidInput("keys takes the path of a key file, or a key store", field="keys")
    return Keyring(keys), keys.flush
