"""What the catalogue lists: a rule of a real community, and how it is said."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.policies.language import Condition
from reps_ledger.policies.policy import Policy


@frozen(kw_only=True)
class Listed:
    """A rule that a real community lives by.

    Attributes:
        number: its number in the list of rules that the language must be able to say.
        title: whose rule, and about what.
        source: where it comes from; its policies name it too.
        policies: the policies that say it: one, or one a matter, or one a dated version.
        definitions: conditions that it needs beside them, by name: "may vouch" …
    """

    number: int
    title: str
    source: str
    policies: tuple[Policy, ...]
    definitions: tuple[tuple[str, Condition], ...] = field(default=())
