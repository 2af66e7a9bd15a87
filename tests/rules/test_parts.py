"""Parts of the log that rules name: what they hold, and what they leave to others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import reps_ledger as rl
from policies.making import entries_of
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules.builtin import SEAT, seat_names
from reps_ledger.domain.rules.charters import CHARTERS
from reps_ledger.domain.rules.folds import (
    ACCOUNT,
    APPLICATIONS,
    COMMUNITY,
    MEMBER,
    MENTORING,
    NOTICE,
    OPPORTUNITY,
    POLICY,
    REPORT,
    REVIEW,
    TARGET,
    VOUCH,
)
from reps_ledger.domain.rules.memory import Memory
from reps_ledger.domain.rules.parts import Source, pair_key

if TYPE_CHECKING:
    from reps_ledger.domain.rules.parts import Fold, Part

AT: Final = datetime(2018, 1, 1, tzinfo=UTC)
OPENED: Final = rl.ReviewOpened(review="r1", member="ana", policy="p")
DECIDED: Final = rl.ReviewDecided(review="r1", member="ana", outcome="bad")
ASSIGNED: Final = rl.RoleAssigned(member="ana", role="rep", community="asia")


@pytest.mark.parametrize(
    ("fold", "fact", "key", "other"),
    [
        (REVIEW, OPENED, "r1", "r2"),
        (REVIEW, DECIDED, "r1", "r2"),
        (SEAT, ASSIGNED, pair_key(*seat_names("rep", "asia")), pair_key(*seat_names("rep", None))),
        (SEAT, ASSIGNED, pair_key(*seat_names("rep", "asia")), pair_key(*seat_names("x", "asia"))),
    ],
    ids=["opened", "decided", "elsewhere", "another role"],
)
def test_a_fold_takes_what_is_of_its_key_alone(fold: Fold[Any], fact: rl.Fact, key: str, other: str) -> None:
    """A correction may lead to an entry that says something else by now: it is not taken."""
    (entry,) = entries_of([(fact, AT)])
    assert fold.evolve(fold.initial, entry, key) != fold.initial
    assert fold.evolve(fold.initial, entry, other) == fold.initial


@pytest.mark.parametrize("fold", [CHARTERS, REVIEW, SEAT], ids=lambda fold: fold.prefix)
def test_a_fold_leaves_what_does_not_concern_it(fold: Fold[Any]) -> None:
    """Facts of any other kind leave its state as it is."""
    (entry,) = entries_of([(rl.MemberJoined(member="ana"), AT)])
    assert fold.evolve(fold.initial, entry, "ana") == fold.initial


@pytest.mark.parametrize(
    ("part", "tag"),
    [
        (ACCOUNT.part("git", "octo"), "account:git\x1focto"),
        (APPLICATIONS.part("ana"), "member:ana"),
        (CHARTERS.part("charter.adopted"), "ledger:charter.adopted"),
        (COMMUNITY.part("asia"), "community:asia"),
        (MEMBER.part("ana"), "member:ana"),
        (MENTORING.part("ben", "ana"), "mentor:ben\x1fana"),
        (NOTICE.part("n1"), "notice:n1"),
        (OPPORTUNITY.part("v1"), "opportunity:v1"),
        (POLICY.part("d1"), "policy:d1"),
        (REPORT.part("e1"), "entry:e1"),
        (REVIEW.part("r1"), "review:r1"),
        (SEAT.part(*seat_names("rep", None)), "role:rep\x1f"),
        (TARGET.part("e1"), "entry:e1"),
        (VOUCH.part("ben", "ana"), "vouch:ben\x1fana"),
    ],
    ids=lambda value: value.replace("\x1f", " ") if isinstance(value, str) else "",
)
def test_tags_are_stored_for_ever(part: Part[Any], tag: str) -> None:
    """Logs are full of them: another version must find its parts under the same."""
    assert part.source.tag == tag


def test_a_source_holds_what_has_its_tag_and_is_of_its_types() -> None:
    """Both: another tag or another type is of elsewhere; without types, the tag is enough."""
    (plain,) = entries_of([(ASSIGNED, AT)])
    entry = replace(plain, tags=("member:ana", "community:asia"))
    for tag, found in (("member:ana", True), ("member:ben", False)):
        assert Source(tag).holds(entry) is found
        assert Source(tag, frozenset({"role.assigned"})).holds(entry) is found
        assert not Source(tag, frozenset({"role.ended"})).holds(entry)


@given(st.lists(st.integers(0, 4), max_size=5), st.integers(0, 4))
def test_memory_knows_how_much_it_holds(counts: list[int], added: int) -> None:
    """One for each place that was looked at, be it empty, and one for each entry there."""
    memory = Memory(Registry(BUILT_IN))
    tags = (REVIEW.part("r1").source.tag,)
    told = [replace(entry, tags=tags) for entry in entries_of([(OPENED, AT)] * 4)]
    for number, count in enumerate(counts):
        memory.load({REVIEW.part(f"r{number}").source: list(told[:count])})
    assert memory.size == sum(1 + count for count in counts)
    for entry in told[:added]:
        memory.add(entry)
    assert memory.size == sum(1 + count for count in counts) + (added if len(counts) > 1 else 0)
