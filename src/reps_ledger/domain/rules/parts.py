"""Rules, and the parts of the log that they depend on.

A rule never looks at the whole log. It names *parts*. A part is a `Fold`, which makes a small
state of entries of some types, and a key, such as a member. The log finds a part's entries
by tag and types: its `Source`. A recording that is appended on condition that nothing new
matches its parts' sources keeps its rules also when others record at the same time (Dynamic
Consistency Boundaries, https://dcb.events).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Generic, Protocol

from attrs import field, frozen
from typing_extensions import TypeVar

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact
from reps_ledger.errors import Refusal

S = TypeVar("S", default=Any)

CORRECTIONS: Final = frozenset({"entry.retracted", "entry.corrected"})
MERGES: Final = frozenset({"members.merged", "members.unmerged"})

_BETWEEN: Final = "\x1f"  # the unit separator: no identifier may hold it


@frozen(cache_hash=True)
class Source:
    """The entries under one tag, of some types; of every type where ``types`` is None."""

    tag: str
    types: frozenset[str] | None = None

    @property
    def listed(self) -> list[str]:
        """The types in a fixed order; empty for every type."""
        return _listed(self.types) if self.types is not None else []

    def holds(self, entry: Entry) -> bool:
        """Whether the entry belongs here."""
        return self.tag in entry.tags and (self.types is None or entry.name in self.types)


@frozen(kw_only=True, eq=False)
class Fold(Generic[S]):
    """A small pure fold over one part of a history.

    Attributes:
        prefix: the tag of the part for a key is ``prefix:key``.
        types: stored names of the facts that it folds, or None for every type.
        initial: the state before anything happened.
        evolve: takes a state, an entry and the key, and returns the next state. Total: entries
            that do not concern the key leave the state as it is.
        people: whether keys are made of members; merged members then share a part.
        merges: whether merges of members are read with its entries.
        retractions: whether it folds retractions that stand, too.
        of_entry: whether the key is an entry's id.
        follows: whether that means the correction in that entry's place where there is one.
        tagged: whether a fact that a rule judges by the part is in it, if the fold takes its kind. Not
            where the part is of another name than the fact's own.
        timeless: whether facts are judged by all of its entries, whenever they happened.
        for_entries: whether its parts are named for their entries, which other parts may make illegal.
    """

    prefix: str
    types: frozenset[str] | None
    initial: S
    evolve: Callable[[S, Entry, str], S]
    people: bool = False
    merges: bool = False
    retractions: bool = False
    of_entry: bool = False
    follows: bool = False
    tagged: bool = True
    timeless: bool = False
    for_entries: bool = False

    def part(self, *names: str) -> Part[S]:
        """Return the part for a key made of these names."""
        return _part(self, names)

    @property
    def reads(self) -> frozenset[str] | None:
        """Stored names of the facts that it folds and of those that amend them; None for all."""
        return None if self.types is None else _reads(self.types, merges=self.merges)

    def takes(self, name: str) -> bool:
        """Whether facts of that stored name are folded."""
        return self.types is None or name in self.types


@frozen(cache_hash=True)
class Part(Generic[S]):
    """A fold and a key: one thing that a rule needs to know of the log."""

    fold: Fold[S]
    names: tuple[str, ...]
    key: str = field(eq=False)
    source: Source = field(eq=False)

    def key_by(self, readings: Mapping[str, str]) -> str:
        """Return its key; where its fold follows corrections, the id that it means now.

        Args:
            readings: ids of corrected entries to those of the corrections in their places.
        """
        return readings.get(self.key, self.key) if self.fold.follows else self.key


Parts = tuple[Part, ...]


@lru_cache(maxsize=256)
def _reads(types: frozenset[str], *, merges: bool) -> frozenset[str]:
    return types | CORRECTIONS | (MERGES if merges else frozenset())


@lru_cache(maxsize=256)
def _listed(types: frozenset[str]) -> list[str]:
    return sorted(types)


@lru_cache(maxsize=1 << 16)
def _part(fold: Fold[S], names: tuple[str, ...]) -> Part[S]:
    # The same few parts are named over and over while recording.
    key = pair_key(*names)
    return Part(fold, names, key, Source(f"{fold.prefix}:{key}", fold.reads))


class Known(Protocol):
    """What a rule may ask while it names its parts: the states of parts that it named before."""

    def state(self, part: Part[S]) -> S | None:
        """Return the part's latest state, or None while its entries were not read."""


def no_parts(_fact: Fact, _known: Known) -> Parts:
    """Name nothing: the rule depends on nothing recorded."""
    return ()


def no_refusals(_entry: Entry, *_states: object) -> Iterator[Refusal]:
    """Refuse nothing."""
    return iter(())


@frozen(kw_only=True)
class Rule:
    """When facts of one kind are refused.

    Attributes:
        name: the stored name of the facts that it judges.
        parts: takes a fact, and names the parts that judging it depends on. A dynamic rule is
            asked again as parts become known, until it names none that is new: so the state
            of one part may lead to another.
        judge: takes the entry that would be recorded and the states of those parts as they
            were when it occurred, in the same order, and yields the refusals. Pure.
        dynamic: whether the parts that it names depend on states of others.
    """

    name: str
    parts: Callable[[Any, Known], Parts] = no_parts  # of facts of its own kind
    judge: Callable[..., Iterable[Refusal]] = no_refusals
    dynamic: bool = False


def pair_key(*names: str) -> str:
    """Join identifiers to one key; different identifiers never make the same key."""
    return _BETWEEN.join(names)
