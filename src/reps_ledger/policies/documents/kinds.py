"""The names under which documents know conditions and measures. Nothing else can be named."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import (
    Count,
    Distinct,
    Measure,
    Tenure,
    TimeSince,
    Total,
)
from reps_ledger.policies.language.people import (
    Accepted,
    Affiliated,
    Completed,
    Exempt,
    Held,
    Holds,
    InCommunity,
    IsMember,
    Joined,
    OnLeave,
    OnOrAfter,
    Retired,
    WithAccount,
)
from reps_ledger.policies.language.reviews import InOutcome, Noticed, Previously
from reps_ledger.policies.language.shares import LargestShare, Members, Missed, Share
from reps_ledger.policies.language.windows import (
    Between,
    Following,
    Preceding,
    Rolling,
    SinceLast,
    This,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONDITIONS", "MEASURES", "WINDOWS", "name_of"]

CONDITIONS: Final[Mapping[str, type[Leaf]]] = MappingProxyType(
    {
        "accepted": Accepted,
        "affiliated": Affiliated,
        "completed": Completed,
        "exempt": Exempt,
        "has_account": WithAccount,
        "held": Held,
        "holds": Holds,
        "in_community": InCommunity,
        "is_member": IsMember,
        "joined": Joined,
        "noticed": Noticed,
        "on_leave": OnLeave,
        "on_or_after": OnOrAfter,
        "previously": Previously,
        "retired": Retired,
    }
)
"""Conditions without conditions below them."""

MEASURES: Final[Mapping[str, type[Measure]]] = MappingProxyType(
    {
        "count": Count,
        "distinct": Distinct,
        "in_outcome": InOutcome,
        "largest_share": LargestShare,
        "members": Members,
        "missed": Missed,
        "share": Share,
        "tenure": Tenure,
        "time_since": TimeSince,
        "total": Total,
    }
)
"""Measures."""

WINDOWS: Final[Mapping[frozenset[str], type]] = MappingProxyType(
    {
        frozenset({"width"}): Rolling,
        frozenset({"since"}): Between,
        frozenset({"until"}): Between,
        frozenset({"period"}): This,
        frozenset({"facts"}): SinceLast,
        frozenset({"facts", "width"}): Following,
        frozenset({"before", "width"}): Preceding,
    }
)
"""Windows, by the keys that tell them apart."""

_NAMES: Final = {kind: name for names in (CONDITIONS, MEASURES) for name, kind in names.items()}


def name_of(value: Leaf | Measure) -> str:
    """Return the name of a condition or a measure."""
    return _NAMES[type(value)]
