"""The catalogue: rules of real communities, as policies."""

from __future__ import annotations

from typing import Final

from reps_ledger.errors import NotFound
from reps_ledger.policies.catalogue import foundations, kubernetes, languages, mozilla, others, reps
from reps_ledger.policies.catalogue.kubernetes import approver_of, reviewer_of
from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.catalogue.mozilla import group_membership, version_control

__all__ = [
    "CATALOGUE",
    "Listed",
    "approver_of",
    "group_membership",
    "listed",
    "reviewer_of",
    "version_control",
]

CATALOGUE: Final[tuple[Listed, ...]] = tuple(
    sorted(
        (
            *foundations.RULES,
            *kubernetes.RULES,
            *languages.RULES,
            *mozilla.RULES,
            *others.RULES,
            *reps.RULES,
        ),
        key=lambda rule: rule.number,
    )
)
"""Every rule, in order of number."""


def listed(number: int) -> Listed:
    """Return the rule of a number.

    Raises:
        NotFound: there is none.
    """
    found = next((rule for rule in CATALOGUE if rule.number == number), None)
    if found is None:
        raise NotFound(f"the catalogue has no rule {number}")
    return found
