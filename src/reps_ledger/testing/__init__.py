"""The property-testing kit, for those who write policies and embed ledgers.

::

    from reps_ledger.testing import check_policy

    def test_our_policy() -> None:
        check_policy(policy)

Needs the extra ``testing``. It is plain functions: nothing to inherit, no plugin, no settings.
"""

from __future__ import annotations

from importlib.util import find_spec

from reps_ledger.errors import MissingExtra

if find_spec("hypothesis") is None:
    raise MissingExtra("testing", "reps_ledger.testing")

from reps_ledger.testing import strategies
from reps_ledger.testing.differential import Disagreed, Disagreement, assert_agree, find_disagreement
from reps_ledger.testing.history import History, Told, moment, tell, tell_all
from reps_ledger.testing.laws import (
    POLICY_LAWS,
    Checked,
    Law,
    LawBroken,
    Promises,
    check_charter,
    check_codec,
    check_policy,
    check_projection,
    find_broken,
)
from reps_ledger.testing.machine import ledger_machine
from reps_ledger.testing.memory_log import entry_id
from reps_ledger.testing.regressions import SavedCase, load_case, save_case
from reps_ledger.testing.scenarios import Given, When, given
from reps_ledger.testing.situations import Situation, judged, situated, situations

__all__ = [
    "POLICY_LAWS",
    "Checked",
    "Disagreed",
    "Disagreement",
    "Given",
    "History",
    "Law",
    "LawBroken",
    "Promises",
    "SavedCase",
    "Situation",
    "Told",
    "When",
    "assert_agree",
    "check_charter",
    "check_codec",
    "check_policy",
    "check_projection",
    "entry_id",
    "find_broken",
    "find_disagreement",
    "given",
    "judged",
    "ledger_machine",
    "load_case",
    "moment",
    "save_case",
    "situated",
    "situations",
    "strategies",
    "tell",
    "tell_all",
]
