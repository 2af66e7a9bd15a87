"""Eras: through all time, which charter was in force when; and whom each counts as members."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.time import FIRST
from reps_ledger.errors import Malformed
from reps_ledger.policies.charter.adopted import Adopted, adopted_charter, effective_from
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.policy import Policy, when


@frozen
class Era:
    """A time during which one charter was in force, or none.

    Attributes:
        start: its first instant.
        end: the first instant after it; None for the last.
        charter: which; None without one.
        readable: whether it can be read here.
    """

    start: datetime
    end: datetime | None
    charter: Charter | None
    readable: bool = True

    def part(self, start: datetime) -> tuple[datetime, datetime | None] | None:
        """Return the part of it that is not before an instant; None where there is none."""
        first = max(start, self.start)
        return None if self.end is not None and first >= self.end else (first, self.end)


def eras_of(adopted: Sequence[Entry]) -> tuple[Era, ...]:
    """Return the times of charters, in order: they cover all time.

    Args:
        adopted: the adoptions that are known, in effective order.
    """
    charters = Adopted(adopted)
    edges = sorted({FIRST, *(effective_from(entry) for entry in adopted)})
    found = []
    for start, end in pairwise([*edges, None]):
        assert start is not None, "only the last has no end"  # noqa: S101 — for the type checker
        adoption = charters.in_force(start)
        try:
            found.append(Era(start, end, None if adoption is None else adopted_charter(adoption)))
        except Malformed:
            found.append(Era(start, end, None, readable=False))
    return tuple(found)


COUNTS: Final = "counts"
"""The outcome of `asked_as_policy` where the condition holds."""


def asked_as_policy(condition: Condition) -> Policy:
    """Return a policy whose outcome is "counts" where a condition holds."""
    return Policy(COUNTS, cases=[when(condition).then(COUNTS)], otherwise="not")


def standing_by(charter: Charter | None) -> tuple[Policy, Collection[str]] | None:
    """Return the policy of a charter that says who is active, and which of its outcomes count so.

    None where the default rule says it.
    """
    if charter is None or charter.standing is None or (policy := charter.standing_policy) is None:
        return None
    return policy, charter.standing.active


def definitions(charter: Charter | None) -> Iterator[tuple[str, Condition]]:
    """Yield who counts as a member by a charter's own words: of a community, or of the programme, ""."""
    if charter is not None:
        if charter.member is not None:
            yield "", charter.member
        yield from charter.communities
