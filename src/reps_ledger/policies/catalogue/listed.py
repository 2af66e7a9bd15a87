"""A rule of a real community, as the catalogue lists it."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.policies.language import Condition
from reps_ledger.policies.policy import Policy


@frozen(kw_only=True)
class Listed:
    """A rule that a real community lives by.

    Attributes:
        name: its name in the catalogue, as `listed` takes it: "carpentries-voters".
        title: whose rule it is, and what about.
        source: where it comes from; its policies name that too.
        policies: the policies that say it: one, or one for each matter, or for each version.
        definitions: conditions that it needs beside them: pairs of a name and a condition.
    """

    name: str
    title: str
    source: str
    policies: tuple[Policy, ...]
    definitions: tuple[tuple[str, Condition], ...] = field(default=())
