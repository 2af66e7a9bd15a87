"""What a projection is: a pure fold of a history; and how it is run and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from attrs import frozen

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import Registry
from reps_ledger.errors import InvalidInput

S = TypeVar("S")


@frozen(kw_only=True)
class Projection(Generic[S]):
    """A pure fold over entries in effective order.

    Attributes:
        name: its name, also in checkpoints.
        version: raise it when the same history would give another state.
        initial: the state before the first entry; immutable.
        evolve: takes a state and an entry, and returns the next state. Total and pure: for an
            entry that does not matter it returns the same state.
        evolve_all: takes a state and several entries, and returns what `evolve` makes of one after
            the other, where there is a quicker way to it; None where there is none.
    """

    name: str
    version: int
    initial: S
    evolve: Callable[[S, Entry], S]
    evolve_all: Callable[[S, Sequence[Entry]], S] | None = None

    def after(self, state: S, entries: Iterable[Entry]) -> S:
        """Return the state after more entries."""
        if self.evolve_all is not None:
            return self.evolve_all(state, tuple(entries))
        for entry in entries:
            state = self.evolve(state, entry)
        return state


def projection_of(
    name: str, version: int, initial: S, evolve_all: Callable[[S, Sequence[Entry]], S]
) -> Projection[S]:
    """Make a projection of a fold that takes several entries at once; one entry is several, too.

    A state that is a value must be copied before it can grow: here once, and not for every entry.
    """
    return Projection(
        name=name,
        version=version,
        initial=initial,
        evolve=lambda state, entry: evolve_all(state, (entry,)),
        evolve_all=evolve_all,
    )


@frozen(kw_only=True)
class Checkpoint(Generic[S]):
    """A projection's state after some entries, from which a fold can be resumed.

    Attributes:
        name: the projection's name.
        version: its version.
        state: the state so far.
    """

    name: str
    version: int
    state: S


@checked
def project(projection: Projection[S], entries: Iterable[Entry]) -> S:
    """Fold entries, given in effective order, in one pass."""
    return projection.after(projection.initial, entries)


@checked
def resume(projection: Projection[S], checkpoint: Checkpoint[S], entries: Iterable[Entry]) -> Checkpoint[S]:
    """Resume from a checkpoint with the entries that come after it in effective order.

    Raises:
        InvalidInput: the checkpoint is of another projection, or of another version of it.
    """
    if (checkpoint.name, checkpoint.version) != (projection.name, projection.version):
        raise InvalidInput(
            f"a checkpoint of {checkpoint.name} version {checkpoint.version} cannot go on as "
            f"{projection.name} version {projection.version}; project the history anew"
        )
    state = projection.after(checkpoint.state, entries)
    return Checkpoint(name=projection.name, version=projection.version, state=state)


def project_people(
    of: Callable[[str], Projection[S]],
    entries: Iterable[Entry],
    registry: Registry,
    states: dict[str, S] | None = None,
) -> dict[str, S]:
    """Fold everyone's entries, and return the state of each person whom they name.

    Args:
        of: makes the projection of one person.
        entries: in effective order.
        registry: knows which fields name people.
        states: states from which to resume; changed in place.
    """
    found = {} if states is None else states
    for person, own in by_person(entries, registry).items():
        projection = of(person)
        found[person] = projection.after(found.get(person, projection.initial), own)
    return found


def by_person(entries: Iterable[Entry], registry: Registry) -> dict[str, list[Entry]]:
    """Return the entries that name each person, in their order; people in order of first mention."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        for person in dict.fromkeys(people_in(entry.fact, registry)):
            found.setdefault(person, []).append(entry)
    return found
