"""Strategies over one history: instants and positions to look at it from, and corrections of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted
from reps_ledger.testing.recorded import Recorded, Told, moment
from reps_ledger.testing.strategies.edges import Edge, edges
from reps_ledger.testing.strategies.offers import Context, fresh_facts
from reps_ledger.testing.strategies.values import PEOPLE
from reps_ledger.testing.strategies.vocabulary import vocabulary_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from hypothesis.strategies import SearchStrategy

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies import Width

__all__ = ["AsOf", "as_ofs", "corrections"]

_DEFAULT = moment("2018-10-01")


@frozen(kw_only=True)
class AsOf:
    """What was true at an instant, as known at a position: ``ledger.as_of(valid_at, known_at)``.

    Attributes:
        valid_at: the instant.
        known_at: the position; 0 for before anything was recorded.
    """

    valid_at: datetime
    known_at: int = field()


def as_ofs(history: Recorded, *, of: Collection[Width] = ()) -> SearchStrategy[AsOf]:
    """Make pairs of an instant and a position to look at a history from.

    Instants are those at which something happened, ends of windows that begin there, or a
    microsecond beside; positions are any, the last of all most often.

    Args:
        history: which.
        of: the widths of the windows; a few by default.
    """
    last = len(history)
    happened = sorted({entry.occurred_at for entry in history}) or [_DEFAULT]
    instants = st.builds(
        lambda at, edge: _turned(edge).of(at, history.zone),
        st.sampled_from(happened[::-1]),
        edges(of),
    )
    return st.builds(
        AsOf,
        valid_at=instants,
        known_at=st.sampled_from([last, last, last, *range(last, -1, -1)]),
    )


def _turned(edge: Edge) -> Edge:
    """Turn an edge around: a window that begins at an entry ends after it."""
    return evolve(edge, ways=tuple((width, not ahead) for width, ahead in edge.ways))


def corrections(history: Recorded) -> SearchStrategy[Told]:
    """Make corrections of a history: an entry retracted, or another fact or date in its place.

    A history in which nothing can be corrected has none: give it ``min_size=1``.

    Args:
        history: which; nothing of it is changed.
    """
    plain = [entry for entry in history if entry.name not in AMENDING]
    return st.sampled_from(plain).flatmap(lambda entry: _of(entry, history))


def _of(entry: Entry, history: Recorded) -> SearchStrategy[Told]:
    at, zone = entry.occurred_at, history.zone
    retracted = Told(EntryRetracted(target=entry.id, reason="a mistake"), at)
    context = Context(at, zone, PEOPLE[:3], [each.id for each in history if each is not entry])
    words = evolve(vocabulary_of(None, classes=history.facts), kinds=(entry.name,))

    def replaced(fact: object, edge: Edge) -> Told:
        correction = EntryCorrected(target=entry.id, replacement=fact, reason="wrong")  # type: ignore[arg-type]
        return Told(correction, edge.of(at, zone))

    moved = st.builds(replaced, st.just(entry.fact), edges())
    others = st.builds(replaced, fresh_facts(words, context), st.just(Edge()))
    return st.one_of(st.just(retracted), moved, others)
