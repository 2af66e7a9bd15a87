"""Agreement: a policy beside what people decided."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from attrs import frozen

__all__ = ["Agreement", "Compared"]


@frozen(kw_only=True)
class Compared:
    """A decision, and what a policy comes to of the same member at the same instant.

    Attributes:
        review: which review was decided.
        member: of whom.
        at: the instant of which it was decided.
        decided: what people decided.
        outcome: what the policy comes to.
    """

    review: str
    member: str
    at: datetime
    decided: str
    outcome: str


@frozen(kw_only=True)
class Agreement:
    """How a policy agrees with decisions.

    Attributes:
        compared: every decision, in the order of deciding.
    """

    compared: tuple[Compared, ...]

    @property
    def agreed(self) -> int:
        """How many decisions the policy comes to as well."""
        return sum(each.decided == each.outcome for each in self.compared)

    @property
    def disagreements(self) -> tuple[Compared, ...]:
        """The decisions that the policy does not come to."""
        return tuple(each for each in self.compared if each.decided != each.outcome)

    def precision(self, outcome: str) -> float | None:
        """Return which part of those of whom the policy says so, people decided so; or None."""
        said = [each for each in self.compared if each.outcome == outcome]
        return sum(each.decided == outcome for each in said) / len(said) if said else None

    def recall(self, outcome: str) -> float | None:
        """Return which part of those decided so, the policy says so of; or None."""
        decided = [each for each in self.compared if each.decided == outcome]
        return sum(each.outcome == outcome for each in decided) / len(decided) if decided else None

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how often each decision met each outcome."""
        return Counter((each.decided, each.outcome) for each in self.compared)
