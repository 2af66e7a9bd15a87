"""When a fact is refused: rules over named parts of the log, and the judge that applies them."""

from __future__ import annotations

from reps_ledger.domain.rules.builtin import BUILT_IN_RULES, Rulebook, seats
from reps_ledger.domain.rules.charters import CHARTERS, Act, Governance, GovernanceContext, history_part
from reps_ledger.domain.rules.judge import Judge
from reps_ledger.domain.rules.memory import Memory
from reps_ledger.domain.rules.parts import Fold, Part, Rule, Source

__all__ = [
    "BUILT_IN_RULES",
    "CHARTERS",
    "Act",
    "Fold",
    "Governance",
    "GovernanceContext",
    "Judge",
    "Memory",
    "Part",
    "Rule",
    "Rulebook",
    "Source",
    "history_part",
    "seats",
]
