"""The catalogue: rules of real communities, as policies."""

from __future__ import annotations

from typing import Final

from reps_ledger.domain.shown import shown
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

CATALOGUE: Final[tuple[Listed, ...]] = (
    *reps.RULES,
    *mozilla.RULES,
    *kubernetes.RULES,
    *languages.RULES,
    *foundations.RULES,
    *others.RULES,
)
"""Every rule, by community."""


def listed(name: str) -> Listed:
    """Return the rule of a name, such as "carpentries-voters".

    Raises:
        NotFound: there is none; the message names those there are.
    """
    found = next((rule for rule in CATALOGUE if rule.name == name), None)
    if found is None:
        names = ", ".join(rule.name for rule in CATALOGUE)
        raise NotFound(f"the catalogue has no rule {shown(name, 60)}; it has {names}")
    return found
