"""What a key store is: keys to personal text, and what else must be forgotten with a person.

Whatever makes something for a person looks in the same transaction whether they were erased.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, Protocol

from reps_ledger.domain.sealed import Owner

ROWS: Final = "rows"
"""The kind of the keys by which imported rows are told. They are found again, and so never lost."""

NAME: Final = "name"
"""The kind of a text that people are called by."""


class Tombstone(NamedTuple):
    """That somebody was erased.

    Attributes:
        member: who.
        entry: the id of the entry that says so.
        when: the instant, as text.
    """

    member: str
    entry: str
    when: str


class Destroyed(NamedTuple):
    """What an erasure destroyed.

    Attributes:
        keys: how many keys.
        accounts: how many tokens of accounts.
        names: how many texts of the index of names.
        left: ids of keys that were named but belong to somebody who was not, and so are still there.
    """

    keys: int = 0
    accounts: int = 0
    names: int = 0
    left: tuple[str, ...] = ()


class KeyStore(Protocol):
    """Where keys are kept. `KeyFile` is one, for the processes of one host; others may bring their own."""

    @property
    def ledger(self) -> str | None:
        """The identifier of the ledger whose keys these are; None while it is that of none."""

    def bind(self, ledger: str) -> None:
        """Make it the key store of a ledger.

        Raises:
            WrongKeys: it is that of another ledger.
        """

    def refresh(self) -> bool:
        """Forget what is cached if others have written since; whoever begins to read asks this, once.

        Returns:
            Whether others have.
        """

    def flush(self) -> None:
        """Write down whose the keys are that were made ahead and have been given out."""

    def close(self) -> None:
        """Close it."""

    def current(self, owner: Owner) -> tuple[str, bytes]:
        """Return the id of a key with which to seal for an owner, and the key; it is stored durably.

        Raises:
            Erased: the member was erased.
        """

    def prepare(self, owners: Iterable[Owner]) -> None:
        """Make the keys that owners lack, in one commit; none for members who were erased."""

    def key(self, key_id: str) -> bytes | None:
        """Return a key; None where it is not there: see `fate`."""

    def load(self, key_ids: Iterable[str]) -> None:
        """Read keys that are soon to be asked for, many at once."""

    def fate(self, key_id: str, member: str) -> Literal["erased", "lost"]:
        """Return why a key is not there: it was destroyed, as its member or its period was; or nobody knows.

        Args:
            key_id: of the key.
            member: whom the text is about.
        """

    def due(self, kind: str, before: str) -> list[Owner]:
        """Return the owners of keys of a kind whose period lies before another."""

    def token(self, provider: str, account: str, member: str) -> str:
        """Return the token of an account of a member, made if there is none.

        Raises:
            Erased: the member was erased.
        """

    def tokens(self, accounts: Iterable[tuple[str, str, str]]) -> list[str | None]:
        """Return the tokens of many: provider, account, member; made in one commit; None for the erased."""

    def known_token(self, provider: str, account: str, member: str) -> str | None:
        """Return the token of an account of a member, if there is one."""

    def tokens_like(
        self, provider: str, account: str, member: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the tokens of other members for this very account, and those of accounts that read like it.

        Two read alike whose provider and name have the same canonical form, and are not the same text.
        """

    def account(self, token: str) -> tuple[str, str] | None:
        """Return the provider and name of a token's account, if it is known."""

    def restore_accounts(self, accounts: Iterable[tuple[str, str, str, str]]) -> int:
        """Keep tokens that the log has and this has not: token, provider, account, member.

        Returns:
            How many were new. Members who were erased are left out.
        """

    @property
    def names_upto(self) -> int:
        """Up to which position of the log the index of names was made; 0 for not at all."""

    def index(self, upto: int, rows: Iterable[tuple[str, str, str | None]]) -> None:
        """Keep texts by which people are found.

        Args:
            upto: the position up to which the log was read for it.
            rows: member, kind and text of each since `names_upto`, in order. A later text of one member and
                kind takes the place of an earlier one, and None removes it. Members who were erased are
                left out.
        """

    def reindex(self) -> None:
        """Forget the index of names, so that it is made anew from the start of the log."""

    def find(self, text: str) -> list[tuple[str, str]]:
        """Return the members and kinds of texts in which each word of a text begins a word."""

    def names(self, members: Iterable[str]) -> dict[str, str]:
        """Return the names of those of some members who have one."""

    def forget(self, member: str) -> None:
        """Forget the texts of the index of names about a member."""

    def erase(self, erased: Iterable[Tombstone], key_ids: Iterable[str] = ()) -> Destroyed:
        """Destroy all that is kept about some members, in one transaction, and keep that they were erased.

        Until `scrub`, traces may be left in the file; until `done`, `to_follow` has them. Erasing again what
        was erased destroys what has come since.

        Args:
            erased: who.
            key_ids: keys that their entries name, whosoever's they are known to be.
        """

    def expire(self, owners: Iterable[Owner], key_ids: Iterable[str] = ()) -> Destroyed:
        """Destroy the keys of owners whose text was kept long enough, without a tombstone.

        Args:
            owners: whose; kinds and periods.
            key_ids: keys that their entries name.
        """

    @property
    def must_scrub(self) -> bool:
        """Whether something was destroyed of which traces may be left in the file."""

    def scrub(self) -> None:
        """Remove all traces of what was destroyed."""

    def to_follow(self) -> list[Tombstone]:
        """Return the erasures that were begun, and are not done elsewhere."""

    def done(self, members: Iterable[str]) -> None:
        """Keep that the erasure of members was done everywhere."""

    def tombstones(self) -> list[Tombstone]:
        """Return who was erased."""

    def is_erased(self, member: str) -> bool:
        """Whether a member was erased."""
