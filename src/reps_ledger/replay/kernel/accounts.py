"""Accounts: who had one when. Their names are personal, so that no column keeps them.

They are read from the log for the few policies that ask, and forgotten again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.policies.language.belonging import WithAccount
from reps_ledger.policies.language.walking import parts
from reps_ledger.policies.spans import spans_of
from reps_ledger.replay.kernel.placing import Instants
from reps_ledger.replay.kernel.rows import Codes, Truths
from reps_ledger.replay.kernel.spanning import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.policy import Policy

__all__ = ["Accounts", "accounts_among", "asks_for_accounts"]

_LINKS = frozenset({"account.linked", "account.unlinked"})


@frozen(eq=False)
class Accounts:
    """When members had accounts.

    Attributes:
        member: whose each linked account is, as a place among all people.
        start: from when.
        end: until when, or after every instant.
        providers: where each is.
        joined: of each person, whether they joined with an account of the programme's own.
    """

    member: Codes
    start: Instants
    end: Instants
    providers: tuple[str, ...]
    joined: Truths

    def at(self, provider: str | None) -> Truths:
        """Return which linked accounts are at a provider; None for any."""
        return np.array([provider in (None, each) for each in self.providers], bool)


def accounts_among(entries: Iterable[Entry], people: tuple[str, ...]) -> Accounts:
    """Gather accounts of entries that stand, given in order of position.

    Args:
        entries: any.
        people: everyone, in order of identifier.
    """
    places = {person: place for place, person in enumerate(people)}
    links: list[Entry] = []
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in _LINKS:
            links.append(entry)
        elif entry.name == "member.joined":
            before = first.get(entry.fact.member)
            if before is None or entry.order < before.order:
                first[entry.fact.member] = entry
    spans = spans_of("account.linked", sorted(links, key=lambda entry: entry.order))
    joined = np.zeros(len(people), bool)
    for member, entry in first.items():
        joined[places[member]] = entry.fact.account is not None
    return Accounts(
        member=np.array([places[span.entry.fact.member] for span in spans], np.int64),
        start=np.array([microseconds(span.start) for span in spans], np.int64),
        end=np.array(
            [FOREVER if span.end is None else microseconds(span.end) for span in spans], np.int64
        ),
        providers=tuple(span.entry.fact.provider for span in spans),
        joined=joined,
    )


def asks_for_accounts(policy: Policy) -> bool:
    """Whether a policy asks who has an account."""
    return any(isinstance(part, WithAccount) for case in policy.cases for part in parts(case.when))
