"""When a fact is refused: rules over named parts of the log, and the world that applies them."""

from __future__ import annotations

from reps_ledger.domain.rules.governance import (
    CHARTERS,
    Act,
    Governance,
    Surroundings,
    history_part,
)
from reps_ledger.domain.rules.memory import Memory
from reps_ledger.domain.rules.parts import Machine, Part, Rule, Source
from reps_ledger.domain.rules.rulebook import BUILT_IN_RULES, Rulebook
from reps_ledger.domain.rules.seats import seats
from reps_ledger.domain.rules.world import World

__all__ = [
    "BUILT_IN_RULES",
    "CHARTERS",
    "Act",
    "Governance",
    "Machine",
    "Memory",
    "Part",
    "Rule",
    "Rulebook",
    "Source",
    "Surroundings",
    "World",
    "history_part",
    "seats",
]
