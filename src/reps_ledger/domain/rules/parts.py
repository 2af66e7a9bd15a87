"""The parts of the log that rules depend on.

A rule never looks at the whole log. It names *parts*: a `Fold`, which folds entries of
some types into a small state, and a key. The part's entries are found in the log under a
tag; a `Source` is such a tag with the types. Whoever records on condition that nothing
matching its sources came since, records under the rule (Dynamic Consistency Boundaries,
https://dcb.events).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Generic, Protocol, TypeVar

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact
from reps_ledger.errors import Refusal

S = TypeVar("S")

CORRECTIONS: Final = frozenset({"entry.retracted", "entry.corrected"})
MERGES: Final = frozenset({"members.merged", "members.unmerged"})

_BETWEEN: Final = "\x1f"  # the unit separator: no identifier may hold it


@frozen(cache_hash=True)
class Source:
    """Entries under one tag, of some types; of all where ``types`` is None."""

    tag: str
    types: frozenset[str] | None = None

    @property
    def listed(self) -> list[str]:
        """The types in a fixed order; none for all."""
        return _listed(self.types) if self.types is not None else []

    def holds(self, entry: Entry) -> bool:
        """Whether the entry belongs here."""
        return self.tag in entry.tags and (self.types is None or entry.name in self.types)


@frozen(kw_only=True, eq=False)
class Fold(Generic[S]):
    """A small pure fold over one part of a history.

    Attributes:
        prefix: the tag of the part for a key is ``prefix:key``.
        types: stored names that it is folded from, or None for every type.
        initial: the state before anything happened.
        evolve: takes a state, an entry and the key, and gives the next state. Total: entries
            that do not concern the key leave the state as it is.
        people: whether keys are made of members, so that merged members share a part.
        merges: whether its sources say who was merged with whom.
        retractions: whether standing retractions are shown to it too.
        follows: whether an entry's id as a key means the correction that stands in its place.
    """

    prefix: str
    types: frozenset[str] | None
    initial: S
    evolve: Callable[[S, Entry, str], S]
    people: bool = False
    merges: bool = False
    retractions: bool = False
    follows: bool = False

    def part(self, *names: str) -> Part[S]:
        """Name the part of the log for a key made of these names."""
        return _part(self, names)

    @property
    def reads(self) -> frozenset[str] | None:
        """Stored names of what must be read for it: what it folds, and what amends that."""
        return None if self.types is None else _reads(self.types, merges=self.merges)

    def takes(self, name: str) -> bool:
        """Whether facts of that stored name are folded."""
        return self.types is None or name in self.types


@frozen(cache_hash=True)
class Part(Generic[S]):
    """A fold and a key: what one rule needs to know of the log."""

    fold: Fold[S]
    names: tuple[str, ...]
    key: str = field(eq=False)
    source: Source = field(eq=False)

    def key_by(self, readings: Mapping[str, str]) -> str:
        """Return its key, or where its fold follows, the correction that the key means now."""
        return readings.get(self.key, self.key) if self.fold.follows else self.key


Parts = tuple[Part[Any], ...]


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
    """What a rule may ask while it names its parts: states of parts named before."""

    def state(self, part: Part[S]) -> S | None:
        """Return the part's latest state, or None while its entries are not at hand."""


def no_parts(_fact: Fact, _known: Known) -> Parts:
    """Name nothing: the rule depends on nothing recorded."""
    return ()


def no_refusals(_entry: Entry, *_states: Any) -> Iterator[Refusal]:
    """Refuse nothing."""
    return iter(())


@frozen(kw_only=True)
class Rule:
    """When facts of one kind are refused.

    Attributes:
        name: the stored name of the facts it judges.
        parts: names what it depends on. It is asked again as parts become known, until it
            names none that is new, so that one part may lead to another.
        judge: takes the entry that would be recorded and the states of those parts as they
            were when it occurred, in the same order, and yields the refusals. Pure.
        dynamic: whether the parts that it names depend on what is known.
    """

    name: str
    parts: Callable[[Fact, Known], Parts] = no_parts
    judge: Callable[..., Iterable[Refusal]] = no_refusals
    dynamic: bool = False


def pair_key(*names: str) -> str:
    """Make one key of several identifiers, such that different ones never meet."""
    return _BETWEEN.join(names)
