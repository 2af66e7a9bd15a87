"""What rules remember: each fact changes what it is about, and leaves the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import pytest

import reps_ledger as rl
from policies.making import entries_of
from reps_ledger.domain.rules.folds import APPLICATIONS, MEMBER, MemberState, account_names

if TYPE_CHECKING:
    from reps_ledger.domain.rules.parts import Fold

S = TypeVar("S")

AT: Final = datetime(2018, 1, 1, tzinfo=UTC)

BEFORE: Final[tuple[rl.Fact, ...]] = (
    rl.MemberJoined(member="ana"),
    rl.CommunityJoined(member="ana", community="asia"),
    rl.CourseCompleted(member="ana", course="intro"),
    rl.AgreementAccepted(member="ana", agreement="conduct", version="1"),
    rl.LeaveStarted(member="ana"),
)
ROLE: Final = rl.RoleAssigned(member="ana", role="rep")
RETIRED: Final = rl.MemberRetired(member="ana", how="resigned")


def entries(*facts: rl.Fact) -> list[rl.Entry]:
    """Tell facts, one each day."""
    days = (AT + number * timedelta(days=1) for number in range(len(facts)))
    return entries_of(zip(facts, days, strict=True))


def state(fold: Fold[S], told: list[rl.Entry], key: str = "ana") -> S:
    """Fold what was told."""
    found = fold.initial
    for entry in told:
        found = fold.evolve(found, entry, key)
    return found


def remembered(life: MemberState) -> dict[str, object]:
    """Return what a state says, by what it says it of."""
    return {
        "joined": life.joined,
        "retired": life.retired,
        "leave": life.leave,
        "roles": life.roles,
        "communities": [span.entry for span in life.spans.lasting("community.joined")],
        "courses": life.courses,
        "agreements": [span.entry for span in life.spans.lasting("agreement.accepted")],
    }


def test_a_life_is_all_that_was_told() -> None:
    """The entries by which each thing holds, by what tells them apart."""
    joined, asia, course, agreed, leave, role, retired = told = entries(*BEFORE, ROLE, RETIRED)
    life = {
        "joined": joined,
        "retired": None,
        "leave": leave,
        "roles": {("rep", None): role},
        "communities": [asia],
        "courses": {("intro", None): course},
        "agreements": [agreed],
    }
    assert remembered(state(MEMBER, told[:-1])) == life
    assert remembered(state(MEMBER, told)) == {**life, "roles": {}, "leave": None, "retired": retired}
    assert state(MEMBER, told).member == "ana"


@pytest.mark.parametrize("last", [ROLE, RETIRED], ids=["holding a role", "retired"])
@pytest.mark.parametrize(
    ("fact", "changed"),
    [
        (rl.MemberJoined(member="ana"), set()),
        (RETIRED, {"retired", "roles", "leave"}),
        (rl.MemberReturned(member="ana"), {"retired"}),
        (rl.RoleAssigned(member="ana", role="mentor"), {"roles", "retired"}),
        (rl.RoleEnded(member="ana", role="rep", how="resigned"), {"roles"}),
        (rl.CommunityJoined(member="ana", community="paris"), {"communities"}),
        (rl.CommunityLeft(member="ana", community="asia"), {"communities"}),
        (rl.LeaveStarted(member="ana"), {"leave"}),
        (rl.LeaveEnded(member="ana"), {"leave"}),
        (rl.CourseCompleted(member="ana", course="next"), {"courses"}),
        (rl.AgreementAccepted(member="ana", agreement="other", version="1"), {"agreements"}),
        (rl.AgreementRevoked(member="ana", agreement="conduct", version="1"), {"agreements"}),
        (rl.ReportFiled(member="ana", activity="talk"), set()),
        (rl.MemberRetired(member="ben", how="resigned"), set()),
    ],
    ids=lambda value: value.__class__.__name__ if not isinstance(value, set) else "",
)
def test_a_fact_leaves_of_a_life_what_it_is_not_about(
    fact: rl.Fact, changed: set[str], last: rl.Fact
) -> None:
    """Also of somebody who is on leave, or retired."""
    told = entries(*BEFORE, last, fact)
    before, after = remembered(state(MEMBER, told[:-1])), remembered(state(MEMBER, told))
    assert {name for name, value in before.items() if value != after[name]} <= changed


def test_an_application_is_open_until_it_is_decided() -> None:
    """By role and community; what was decided of others does not close it."""
    filed, elsewhere, others, decided = entries(
        rl.ApplicationFiled(member="ana", role="rep"),
        rl.ApplicationFiled(member="ana", role="rep", community="asia"),
        rl.ApplicationDecided(member="ben", role="rep", outcome="accepted"),
        rl.ApplicationDecided(member="ana", role="rep", outcome="accepted"),
    )
    both = {("rep", None): filed, ("rep", "asia"): elsewhere}
    assert state(APPLICATIONS, [filed, elsewhere, others]) == both
    assert state(APPLICATIONS, [filed, elsewhere, others, decided]) == {("rep", "asia"): elsewhere}
    assert state(APPLICATIONS, [filed], "ben") == {}


@pytest.mark.parametrize(
    ("fact", "names"),
    [
        (rl.MemberJoined(member="ana", account="octo"), ("", "octo")),
        (rl.MemberJoined(member="ana"), ("", "")),
        (rl.AccountLinked(member="ana", provider="git", account="octo"), ("git", "octo")),
    ],
    ids=["of the site", "none", "elsewhere"],
)
def test_what_names_an_account(fact: rl.MemberJoined | rl.AccountLinked, names: tuple[str, str]) -> None:
    """The programme's own site has no provider."""
    assert account_names(fact) == names
