"""Eras: through all time, which charter was in force when; and whom each counts as members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.time import FIRST
from reps_ledger.errors import Malformed
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.charter.enforce import adopted_charter, effective_from, in_force
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

    @property
    def by_policy(self) -> bool:
        """Whether a policy of its charter says who is active, and no default rule."""
        charter = self.charter
        return charter is not None and charter.standing is not None and charter.standing_policy is not None


def eras_of(adopted: Sequence[Entry]) -> tuple[Era, ...]:
    """Return the times of charters, in order: they cover all time.

    Args:
        adopted: the adoptions that are known, in effective order.
    """
    edges = sorted({FIRST, *(effective_from(entry) for entry in adopted)})
    found = []
    for start, end in pairwise([*edges, None]):
        assert start is not None, "only the last has no end"  # noqa: S101 — for the type checker
        adoption = in_force((entry for entry in adopted if entry.occurred_at <= start), start)
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


def definitions(charter: Charter | None) -> Iterator[tuple[str, Condition]]:
    """Yield who counts as a member by a charter's own words: of a community, or of the programme, ""."""
    if charter is not None:
        if charter.member is not None:
            yield "", charter.member
        yield from charter.communities
