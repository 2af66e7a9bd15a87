"""Laws that policies, charters, projections and codecs must obey, and how to check them."""

from __future__ import annotations

from reps_ledger.testing.laws.check import POLICY_LAWS, Checked, check_policy, find_broken, reachability
from reps_ledger.testing.laws.components import check_charter, check_codec, check_projection
from reps_ledger.testing.laws.laws import (
    Broken,
    Law,
    LawBroken,
    Promises,
    absence_never_helps,
    always_a_member,
    append_stability,
    determinism,
    document_round_trip,
    explanation_soundness,
    grandfathering,
    isolation,
    kernel_agreement,
    lapses_come_true,
    more_never_hurts,
    no_hindsight,
    order_independence,
    shortfalls_suffice,
    timelessness,
    totality,
)

__all__ = [
    "POLICY_LAWS",
    "Broken",
    "Checked",
    "Law",
    "LawBroken",
    "Promises",
    "absence_never_helps",
    "always_a_member",
    "append_stability",
    "check_charter",
    "check_codec",
    "check_policy",
    "check_projection",
    "determinism",
    "document_round_trip",
    "explanation_soundness",
    "find_broken",
    "grandfathering",
    "isolation",
    "kernel_agreement",
    "lapses_come_true",
    "more_never_hurts",
    "no_hindsight",
    "order_independence",
    "reachability",
    "shortfalls_suffice",
    "timelessness",
    "totality",
]
