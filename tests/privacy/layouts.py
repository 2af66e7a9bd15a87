"""Key stores as they grow and shrink: many people, in random order, with texts of many lengths."""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING, Final

from attrs import define, field

from reps_ledger.domain.sealed import Owner
from reps_ledger.privacy import Tombstone

if TYPE_CHECKING:
    from reps_ledger.privacy import KeyFile

__all__ = ["PERIODS", "Person", "erase", "fill"]

PERIODS: Final = ("2017", "2018", "2019")


@define
class Person:
    """Somebody in a key store, and all that must be gone when they are erased.

    Attributes:
        name: their identifier, which stays.
        texts: provider and name of an account, a name and an address.
        keys: their keys by id.
        token: of their account.
    """

    name: str
    texts: tuple[str, str, str]
    keys: dict[str, bytes] = field(factory=dict)
    token: str = ""

    @property
    def secrets(self) -> list[bytes]:
        """Return what must not be found."""
        texts = [each.encode() for each in (*self.texts, self.token)]
        return [*texts, *self.keys.values()]

    @property
    def tombstone(self) -> Tombstone:
        """Return what says that they were erased."""
        return Tombstone(self.name, f"erasure-of-{self.name}", "2019-01-01T00:00:00Z")


def _word(chance: random.Random, longest: int) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=chance.randrange(14, longest)))


def fill(store: KeyFile, people: int, chance: random.Random) -> list[Person]:
    """Put people into a store, some at a time."""
    found = [
        Person(
            f"m{chance.getrandbits(40):x}",
            (_word(chance, 20), f"Z{_word(chance, 70)}", f"{_word(chance, 30)}@mail.example"),
        )
        for _ in range(people)
    ]
    first = 0
    while first < people:
        some = found[first : first + chance.randrange(1, 60)]
        first += len(some)
        owners = [Owner(each.name, "vouch.given", period) for each in some for period in PERIODS]
        chance.shuffle(owners)
        store.prepare(owners[:-3])
        for each, token in zip(
            some, store.tokens(("example", each.texts[0], each.name) for each in some), strict=True
        ):
            each.token = str(token)
        rows = [(each.name, "name", each.texts[1]) for each in some]
        store.index(first, rows + [(each.name, "email", each.texts[2]) for each in some])
        for owner in owners:
            person = next(each for each in some if each.name == owner.member)
            person.keys.update([store.current(owner)])
    store.flush()
    return found


def erase(store: KeyFile, gone: list[Person], chance: random.Random) -> None:
    """Erase people, some at a time."""
    left = list(gone)
    while left:
        some = left[: chance.randrange(1, 12)]
        left = left[len(some) :]
        store.erase([each.tombstone for each in some], [name for each in some for name in each.keys])
