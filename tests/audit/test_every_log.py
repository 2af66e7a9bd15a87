"""Checkpoints, proofs, verification and bundles on every kind of log."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from recorders import LOGS
from reps_ledger.audit import make_key, verify_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY: Final = make_key("example.org/reps")
COUNT: Final = 300


@pytest.mark.parametrize("log", LOGS)
def test_every_log_is_audited(log: str, targets: Callable[[str], Any], tmp_path: Path) -> None:
    """Whatever a ledger is kept in, it is signed, proved, verified, and goes on."""
    target = targets(log)
    state = tmp_path / "kept.tree"
    with rl.open(target) as ledger:
        people = [
            rl.MemberJoined(member=f"m{number}")
            for number in range(COUNT - (1 if log in {"memory", "library"} else 2))
        ]
        ledger.record_all(people, by="council", occurred_at=date(2018, 1, 1))
        ana = ledger.record(rl.MemberJoined(member='an"a\u00e9'), by="council")
        kept = ledger.checkpoint(KEY, state=state)
        assert kept.size == COUNT
        for position in (1, 256, 257, ana.position):
            proof = ledger.prove(position, at=kept, state=state)
            proof.verify()
            assert proof.root == kept.root
        rows = [{"fact": "member.joined", "member": "ben", "occurred_at": "2018-01-01"}]
        assert ledger.import_history(rows).recorded == 1
        newer = ledger.checkpoint(KEY, state=state)
        ledger.prove_consistency(kept, newer, state=state).verify()
        assert ledger.checkpoint(KEY).root == newer.root
        for each in (kept, newer):
            found = ledger.verify(each, KEY.verifying)
            assert (found.ok, found.entries) == (True, COUNT + 1)
            assert (found.database is None) == (log in {"umadb", "library"})
        bundle = ledger.audit_bundle(member='an"a\u00e9', checkpoint=kept)
        (entry,) = verify_bundle(bundle, KEY.verifying).entries
        assert entry.says["fact"]["member"] == 'an"a\u00e9'
    if log != "memory":
        with rl.open(target) as again:
            assert again.verify(newer, KEY.verifying, state=state).ok
            assert again.checkpoint(KEY, state=state).root == newer.root
