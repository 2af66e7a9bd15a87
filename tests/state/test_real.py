"""Tables of a real history: at a thousand instants, up to three years ahead, they say what views say."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zlib import crc32

import pytest

import reps_ledger as rl
from data.test_bundled import rows
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import Policy, in_community, months, on_leave, reports, tenure, vouches, weeks, when
from reps_ledger.policies.charter import Charter, Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

PAIRS: Final = 1_000
FIRST: Final = datetime(1998, 1, 1, tzinfo=UTC)
ADOPTED: Final = datetime(2015, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2026, 6, 27, tzinfo=UTC)
AHEAD: Final = timedelta(days=3 * 365)

BUSY: Final = Policy(
    "busy",
    cases=[
        when(on_leave()).then("active"),
        when(tenure() < weeks(26)).then("active", "new"),
        when(reports(within=months(18)) >= 1).then("active"),
        when((vouches() >= 3) & in_community("debian")).then("known"),
    ],
    otherwise="inactive",
)
"""What the charter of later years goes by."""


def some(name: str) -> Iterator[dict[str, object]]:
    """Yield the rows of an eighth of all people."""
    for row in rows(name):
        if crc32(str(row.get("member")).encode()) % 8 == 0:
            yield row


def test_standings_are_those_of_views_at_a_thousand_instants() -> None:
    """By the default rule, then by a charter; by a policy that is kept beside; past, present and to come."""
    drawn = random.Random(7)  # noqa: S311 — it draws examples
    with rl.open(clock=lambda: LAST) as ledger:
        for name in ("debian-membership", "debian-vouches"):
            assert ledger.import_history(some(name)).recorded > 400
        charter = Charter(
            name="c", version="1", policies=(BUSY,), standing=Standing(policy="busy", active=("active",))
        )
        ledger.adopt(charter, by="council", occurred_at=ADOPTED)
        state = ledger.state()
        members = [
            str(name) for (name,) in state.sql("SELECT member FROM member WHERE joined IS NOT NULL")[1]
        ]
        differ, ahead = [], 0
        for _ in range(PAIRS):
            member = drawn.choice(members)
            at = FIRST + (LAST + AHEAD - FIRST) * drawn.random()
            ahead += at > LAST
            view, now = ledger.as_of(at), microseconds(at)
            membership = view.member(member).membership
            if not membership.is_member:
                continue
            right = {"": membership.standing}
            if at >= ADOPTED:
                right["busy"] = view.evaluate(BUSY, member).outcome
            _, found = state.sql(
                "SELECT policy, outcome FROM standing WHERE member = ? AND start <= ? AND until > ?",
                *(member, now, now),
            )
            if {str(policy): str(outcome) for policy, outcome in found} != right:
                differ.append((member, at, found, right))
        assert differ == []
        assert ahead > 50
        assert state.check() == ()
