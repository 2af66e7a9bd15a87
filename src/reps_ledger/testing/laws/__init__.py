"""Laws that policies, charters, projections and codecs must obey, and how to check them."""

from __future__ import annotations

from reps_ledger.testing.laws.checking import (
    POLICY_LAWS,
    Checked,
    check_policy,
    find_broken,
    reachability,
)
from reps_ledger.testing.laws.law import Broken, Law, LawBroken, Promises
from reps_ledger.testing.laws.others import check_charter, check_codec, check_projection
from reps_ledger.testing.laws.persons import (
    absence_never_helps,
    always_a_member,
    grandfathering,
    isolation,
    more_never_hurts,
)
from reps_ledger.testing.laws.steadiness import (
    append_stability,
    determinism,
    no_hindsight,
    order_independence,
    timelessness,
)
from reps_ledger.testing.laws.truths import (
    document_round_trip,
    explanation_soundness,
    kernel_agreement,
    lapses_come_true,
    shortfalls_suffice,
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
