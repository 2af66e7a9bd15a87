"""Every built-in kind of fact, a file per family."""

from __future__ import annotations

from typing import Final

from reps_ledger.domain.facts import activity, corrections, governance, people, profiles, reviews, roles
from reps_ledger.domain.facts.activity import *
from reps_ledger.domain.facts.activity import acting
from reps_ledger.domain.facts.corrections import *
from reps_ledger.domain.facts.corrections import stated
from reps_ledger.domain.facts.governance import *
from reps_ledger.domain.facts.people import *
from reps_ledger.domain.facts.profiles import *
from reps_ledger.domain.facts.registry import RESERVED, Fact, FactType, Kind, Registry, fact, kind_of
from reps_ledger.domain.facts.reviews import *
from reps_ledger.domain.facts.roles import *

_FAMILIES: Final = (people, profiles, roles, activity, reviews, governance, corrections)

BUILT_IN: Final[tuple[type[Fact], ...]] = tuple(
    vars(family)[name] for family in _FAMILIES for name in family.__all__
)
"""The kinds of fact that every ledger knows, family by family."""

__all__ = [
    "BUILT_IN",
    "RESERVED",
    "Fact",
    "FactType",
    "Kind",
    "Registry",
    "acting",
    "fact",
    "kind_of",
    "stated",
]
__all__ += people.__all__
__all__ += profiles.__all__
__all__ += roles.__all__
__all__ += activity.__all__
__all__ += reviews.__all__
__all__ += governance.__all__
__all__ += corrections.__all__
