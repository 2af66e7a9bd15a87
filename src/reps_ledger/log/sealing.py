"""How a personal text that is sealed is stored: a commitment in its entry, the ciphertext beside it.

In the place of the text stands ``{"sealed": …, "key": …}``, an object and never a text, as a text could
imitate one: the commitment to the ciphertext (`reps_ledger.domain.sealed.commitment`) and the id of the key.
Of an account there is its token too (``account``), and of why an entry is amended, whom that entry is about
(``of``). The ciphertexts follow the entry (`reps_ledger.salted`): an object of texts in base64 by field; null
for one that was redacted.

This knows no keys: a `Sealer` has them.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, Self

import msgspec
from attrs import evolve

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected, Fact, FactType, Registry, stated
from reps_ledger.domain.sealed import SEALED, Account, Owner, Place, Sealed, commitment
from reps_ledger.errors import Conflict, Malformed
from reps_ledger.salted import SEPARATOR, open_part, plain, salt_of, sealed_part

REPLACEMENT: Final = "replacement."
"""What comes before the path of a field of a correction's replacement."""

Fields = dict[str, Any]

ROWS: Final = "rows"
"""The kind of the keys by which imported rows are known again."""


class AccountOf(NamedTuple):
    """An account of a member: the provider is "" for the programme's own site."""

    provider: str
    account: str
    member: str


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an entry says of a text that is sealed beside it.

    Attributes:
        sealed: the commitment to its ciphertext.
        key: the id of its key.
        account: the token of an account.
        of: whom it is about, where the fact does not say so.
    """

    sealed: str
    key: str
    account: str | None = None
    of: str | None = None


Blobs = dict[str, str | None]
"""Ciphertexts by the paths of their fields; None where one was redacted."""

_BLOBS: Final = msgspec.json.Decoder(Blobs)
_ENCODE: Final = msgspec.json.Encoder().encode


class Sealer(Protocol):
    """Seals texts for a log, and opens them."""

    @property
    def ledger(self) -> str:
        """The identifier of the ledger."""

    @property
    def seals(self) -> bool:
        """Whether what is recorded now is sealed."""

    def seal(self, text: str, owner: Owner, place: Place, salt: bytes) -> tuple[str, bytes]:
        """Return the id of the key of an owner, and the ciphertext of a text under it.

        Args:
            text: what is sealed.
            owner: whose key it is sealed under.
            place: where it stands.
            salt: of its entry.

        Raises:
            Erased: the owner was erased.
        """

    def prepare(self, owners: Iterable[Owner], accounts: Iterable[AccountOf]) -> None:
        """Make the keys and tokens that are missing, of all these at once."""

    def account(self, named: AccountOf, token: str | None = None) -> Account:
        """Return an account of a member by a token: the one that is given, or the member's own.

        Raises:
            Erased: the member was erased.
        """

    def tokens_of(self, named: AccountOf) -> list[str]:
        """Return the tokens that there are for an account, the member's own first."""

    def row_key(self, member: str, digest: str) -> str:
        """Return by what an imported row about a member is known again; "" for nobody in particular.

        Args:
            member: whom the row is about.
            digest: of the row, or by what it says itself that it is known.

        Raises:
            Erased: the member was erased.
        """

    def open(self, sealed: Sealed) -> str:
        """Return a text that was sealed, or what it reads as where it is no more.

        Raises:
            WrongKey, TamperedSeal: it cannot be what was sealed.
        """


class Stored(Sealed):
    """A sealed text as it is stored; what it says of itself is read when it is asked.

    Most are never opened: readers of everybody meet them, and go on.
    """

    __slots__ = ("stored",)

    stored: tuple[Beside, bytes, str, str]
    """What the entry says of it, the entry's stored bytes, its stored name, and the field."""

    @property
    def place(self) -> Place:  # type: ignore[override]  # read when it is asked, never set
        """Where it stands; who opens it knows the ledger."""
        beside, data, name, path = self.stored
        entry = _PLACED.decode(plain(data))
        return Place("", entry.id, _whose(entry, path, beside), name, entry.schema, path)

    @property
    def key(self) -> str:  # type: ignore[override]  # read when it is asked, never set
        """The id of its key."""
        return self.stored[0].key

    @property
    def committed(self) -> bytes:  # type: ignore[override]  # read when it is asked, never set
        """The commitment to its ciphertext."""
        return unarmoured(self.stored[0].sealed)

    @property
    def salt(self) -> bytes:  # type: ignore[override]  # read when it is asked, never set
        """The salt of its entry."""
        return salt_of(self.stored[1])

    @property
    def blob(self) -> bytes | None:  # type: ignore[override]  # read when it is asked, never set
        """Its ciphertext; None where that was redacted."""
        _, data, name, path = self.stored
        blobs = blobs_beside(data)
        if path not in blobs:
            raise Malformed(f"{name}: nothing is sealed beside its entry for {path}")
        text = blobs[path]
        return None if text is None else unarmoured(text)

    @property
    def redacted(self) -> bool:
        """Whether its ciphertext was redacted; whether what is there is one is not looked at."""
        return blobs_beside(self.stored[1]).get(self.stored[3]) is None


class _Placed(msgspec.Struct):
    """Of a stored entry, what says where its texts stand."""

    id: str
    fact: Fields
    schema: int = 1


_PLACED: Final = msgspec.json.Decoder(_Placed)


def stored(beside: Beside, data: bytes, name: str, path: str) -> Stored:
    """Return what stands for a text that is sealed beside an entry.

    Args:
        beside: what the entry says of it.
        data: the entry's stored bytes.
        name: its stored name.
        path: the field.
    """
    found = Stored(SEALED if beside.account is None else beside.account)
    found.stored = beside, data, name, path
    return found


def armoured(data: bytes) -> str:
    """Return bytes as text: base64."""
    return b2a_base64(data, newline=False).decode()


def unarmoured(text: str) -> bytes:
    """Return the bytes of `armoured` text.

    Raises:
        Malformed: it is none.
    """
    try:
        found = a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise Malformed(f"what is sealed is not stored as it should be: {error}") from error
    if armoured(found) != text:
        raise Malformed("what is sealed is not stored as it should be")
    return found


def blobs_beside(data: bytes) -> Blobs:
    """Return the ciphertexts beside an entry, by field.

    Raises:
        Malformed: they cannot be read.
    """
    part = sealed_part(data)
    try:
        return {} if part is None else _BLOBS.decode(part)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"what is sealed beside the entry cannot be read: {error}") from error


def member_of(fact: Fact) -> str:
    """Return whom a fact, or what takes the place of another, is about; "" for nobody in particular."""
    member = getattr(stated(fact), "member", None)
    return member if isinstance(member, str) else ""


def personal_texts(fact: object, described: FactType) -> Iterator[tuple[str, str]]:
    """Yield the personal texts that a fact has, each with its field; what is empty is none."""
    for name in described.personal:
        text = getattr(fact, name)
        if text:
            yield name, text


def sealable_texts(fact: object, described: FactType) -> Iterator[tuple[str, str]]:
    """Yield the personal texts of a fact that are sealed, each with its field.

    The name of an account is, where it has a token. One has none that was linked before the ledger sealed:
    it lies in the clear, and so does that it was unlinked.
    """
    for name, text in personal_texts(fact, described):
        if name not in described.keyed or isinstance(text, Account):
            yield name, text
        elif described.kind.follows is None:
            raise Conflict("others had the ledger begin to seal meanwhile. Nothing was written; try again")


def sealed_fields(
    entry: Entry, fields: Fields, registry: Registry, sealer: Sealer, salt: bytes
) -> tuple[Fields, Blobs]:
    """Return an entry's fields with its personal texts sealed, and the ciphertexts by field.

    Args:
        entry: the entry.
        fields: those of its fact, as they would be stored.
        registry: the facts that are known.
        sealer: seals.
        salt: of the entry.
    """
    fact = entry.fact
    blobs: Blobs = {}
    described = registry.of(fact)
    says_whose = isinstance(getattr(fact, "member", None), str)
    named = member_of(fact) if says_whose else entry.about or ""

    def seal(text: str, member: str, path: str, kind: str) -> Fields:
        place = Place(sealer.ledger, entry.id, member, described.kind.name, described.kind.version, path)
        own = text.name if isinstance(text, Account) else str(text)
        owner = owner_of(member, kind, entry.occurred_at)
        key, blob = sealer.seal(own, owner, place, salt)
        blobs[path] = armoured(blob)
        found: Fields = {"sealed": armoured(commitment(salt, path, blob)), "key": key}
        if isinstance(text, Account):
            found["account"] = str(text)
        return found

    changes: Fields = {}
    for name, text in sealable_texts(fact, described):
        changes[name] = seal(text, named, name, described.kind.name)
        if not says_whose and named:
            changes[name]["of"] = named
    if isinstance(fact, EntryCorrected):
        inner = fact.replacement
        of_inner = registry.of(inner)
        nested = {
            name: seal(text, member_of(inner), REPLACEMENT + name, of_inner.kind.name)
            for name, text in sealable_texts(inner, of_inner)
        }
        if nested:
            replacement = fields["replacement"]
            changes["replacement"] = {**replacement, "fields": {**replacement["fields"], **nested}}
    return {**fields, **changes}, blobs


def owner_of(member: str, kind: str, occurred_at: datetime) -> Owner:
    """Return whose key seals a text about a member, of a kind, of something that happened then."""
    return Owner(member, kind, str(occurred_at.year))


def with_blobs(data: bytes, blobs: Blobs) -> bytes:
    """Return an entry's stored bytes with ciphertexts beside them."""
    return b"".join((data, SEPARATOR, _ENCODE(blobs))) if blobs else data


def redacted(data: bytes, paths: Collection[str]) -> bytes:
    """Return an entry's stored bytes without the ciphertexts of some fields; the same where there are none.

    Args:
        data: the stored bytes.
        paths: the fields.

    Raises:
        Malformed: what is sealed beside the entry cannot be read.
    """
    blobs = blobs_beside(data)
    left = {path: None if path in paths else text for path, text in blobs.items()}
    return data if left == blobs else with_blobs(open_part(data), left)


def redacted_fields(data: bytes) -> list[str]:
    """Return the fields whose ciphertexts beside an entry are gone; none where that cannot be read."""
    with suppress(Malformed):
        return [path for path, text in blobs_beside(data).items() if text is None]
    return []


def commitments_in(fields: Mapping[str, object]) -> dict[str, Beside]:
    """Return what the stored fields of a fact say is sealed beside their entry, by path.

    Raises:
        Malformed: an object in the place of a text is none that this code writes.
    """
    found: dict[str, Beside] = {}

    def look(values: Mapping[str, object], prefix: str) -> None:
        for name, value in values.items():
            if isinstance(value, dict) and "sealed" in value:
                found[prefix + name] = beside_of(value)

    look(fields, "")
    nested = fields.get("replacement")
    if isinstance(nested, dict) and isinstance(inner := nested.get("fields"), dict):
        look(inner, REPLACEMENT)
    return found


def sealed_in(data: bytes, name: str) -> list[Stored]:
    """Return what is sealed beside an entry.

    Args:
        data: the entry's stored bytes.
        name: its stored name.

    Raises:
        Malformed: what is sealed beside the entry cannot be read, or is not there.
        msgspec.MsgspecError, UnicodeDecodeError: it is no entry.
    """
    if not may_be_sealed(data):
        return []
    found = commitments_in(_PLACED.decode(plain(data)).fact)
    blobs = blobs_beside(data)
    if missing := found.keys() - blobs.keys():
        raise Malformed(f"{name}: nothing is sealed beside its entry for {min(missing)}")
    return [stored(beside, data, name, path) for path, beside in found.items()]


def _whose(entry: _Placed, path: str, beside: Beside) -> str:
    if beside.of is not None:
        return beside.of
    fields = entry.fact["replacement"]["fields"] if path.startswith(REPLACEMENT) else entry.fact
    member = fields.get("member", "")
    return member if isinstance(member, str) else ""


def beside_of(value: object) -> Beside:
    """Return what an object in the place of a text says.

    Raises:
        Malformed: it is none that this code writes.
    """
    try:
        return msgspec.convert(value, Beside)
    except msgspec.ValidationError as error:
        raise Malformed(f"what is sealed is not stored as it should be: {error}") from error


def may_be_sealed(data: bytes) -> bool:
    """Whether stored bytes say that something is sealed beside them, or have something beside them."""
    return SEPARATOR in data or _SAYS_SO in data


_SAYS_SO: Final = b'{"sealed":"'
"""No text has this: JSON has a backslash before a quotation mark."""


def seal_problems(data: bytes) -> Iterator[str]:
    """Yield what is wrong with what is sealed beside an entry, in words, without any key.

    Each ciphertext must be the one to which the entry commits, or be redacted; and there is no other.

    Args:
        data: the entry's stored bytes, which can be read.
    """
    try:
        wanted = commitments_in(_PLACED.decode(plain(data)).fact)
        blobs = blobs_beside(data)
        own_salt = salt_of(data) if blobs else b""
        if blobs and with_blobs(open_part(data), blobs) != data:
            yield "what is sealed beside it is not written as it should be"
        for path in sorted(wanted.keys() | blobs.keys()):
            if path not in wanted:
                yield f"something is sealed for {path}, to which the entry does not commit"
            elif path not in blobs:
                yield f"what the entry says is sealed for {path} is not there"
            elif (text := blobs[path]) is not None:
                found = commitment(own_salt, path, unarmoured(text))
                if found != unarmoured(wanted[path].sealed):
                    yield f"what is sealed for {path} is not what the entry commits to"
    except Malformed as error:
        yield error.words


class Held(Stored):
    """A text that was opened to bring an older entry up to date, and reads as sealed all the same.

    What it says of itself is what the first sealed text of the fact does: all of them are under one key.
    """

    __slots__ = ("opened",)

    opened: str

    @classmethod
    def of_text(cls, text: str, source: Stored) -> Self:
        """Return what holds a text that an upcaster made of what was sealed."""
        found = cls(SEALED)
        found.opened, found.stored = str(text), source.stored
        return found


def accounts_in(fact: Fact, registry: Registry) -> Iterator[AccountOf]:
    """Yield the accounts that a fact, or what takes the place of another, names in words."""
    said = stated(fact)
    member = getattr(said, "member", None)
    for name in registry.of(said).keyed:
        account = getattr(said, name)
        if account and not isinstance(account, Account | Sealed) and isinstance(member, str):
            yield AccountOf(getattr(said, "provider", ""), account, member)


def with_names(fact: Fact, registry: Registry) -> Fact:
    """Return a fact with the names of accounts, as whoever recorded it gave them, in the place of tokens."""
    if isinstance(fact, EntryCorrected):
        replacement = with_names(fact.replacement, registry)
        return fact if replacement is fact.replacement else evolve(fact, replacement=replacement)
    tokens = ((name, getattr(fact, name)) for name in registry.of(fact).keyed)
    changes = {name: token.name for name, token in tokens if isinstance(token, Account)}
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def with_tokens(
    fact: Fact, registry: Registry, sealer: Sealer, linked: Callable[[AccountOf], str | None]
) -> Fact:
    """Return a fact with tokens in the place of the names of accounts.

    Args:
        fact: the fact.
        registry: the facts that are known.
        sealer: has the tokens.
        linked: returns the token by which an account was linked that is to be unlinked; None where that
            was in the clear, and so is this.

    Raises:
        Erased: its member was erased.
    """
    if isinstance(fact, EntryCorrected):
        replacement = with_tokens(fact.replacement, registry, sealer, linked)
        return fact if replacement is fact.replacement else evolve(fact, replacement=replacement)
    described = registry.of(fact)
    if not described.keyed:
        return fact
    tokens: dict[str, Account] = {}
    for named in accounts_in(fact, registry):
        if described.kind.follows is None:
            tokens[named.account] = sealer.account(named)
        elif (token := linked(named)) is not None:
            tokens[named.account] = sealer.account(named, token)
    changes = {
        name: token for name in described.keyed if (token := tokens.get(getattr(fact, name))) is not None
    }
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class
