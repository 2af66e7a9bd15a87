"""What a projection is: a pure fold of a history; and how it is run and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from attrs import frozen

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
    """

    name: str
    version: int
    initial: S
    evolve: Callable[[S, Entry], S]


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


def project(projection: Projection[S], entries: Iterable[Entry]) -> S:
    """Fold entries, given in effective order, in one pass."""
    state = projection.initial
    for entry in entries:
        state = projection.evolve(state, entry)
    return state


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
    state = checkpoint.state
    for entry in entries:
        state = projection.evolve(state, entry)
    return Checkpoint(name=projection.name, version=projection.version, state=state)


def project_people(
    of: Callable[[str], Projection[S]],
    entries: Iterable[Entry],
    registry: Registry,
    states: dict[str, S] | None = None,
) -> dict[str, S]:
    """Fold everyone's entries in one pass, and return the state of each person whom they name.

    Args:
        of: makes the projection of one person.
        entries: in effective order.
        registry: knows which fields name people.
        states: states from which to resume; changed in place.
    """
    found = {} if states is None else states
    evolve = of("").evolve
    for entry in entries:
        for person in people_in(entry.fact, registry):
            state = found.get(person)
            if state is None:
                state = of(person).initial
            found[person] = evolve(state, entry)
    return found
