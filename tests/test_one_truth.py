"""One truth for what lasts: whoever is asked, at whatever instant, says the same of everybody.

View, roster, policy, backtest, the rules, explanations and reconciliation all read one fold. Each is
asked here for everything that lasts, of people who may turn out to be one, and compared with the spans of
that fold. Then a bug is planted in each of them, to see that this would be noticed.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from attrs import evolve
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from msgspec.structs import replace

import reps_ledger as rl
from identities import day, histories, joins, merge, told
from intruders import NOISE, plant, plant_void
from reps_ledger.domain.facts import MembersMerged, RoleAsserted
from reps_ledger.domain.rules import folds
from reps_ledger.domain.rules.folds import MEMBER
from reps_ledger.domain.rules.replay import Replay
from reps_ledger.domain.spans import SPAN_KINDS, folded
from reps_ledger.policies import (
    Policy,
    accepted,
    affiliated,
    count,
    exempt,
    facts,
    has_account,
    holds,
    in_community,
    on_leave,
    retired,
    vouches,
    when,
)
from reps_ledger.policies import subject as policy_subject
from reps_ledger.policies.language import conditions
from reps_ledger.replay.kernel import spans as kernel_spans
from reps_ledger.testing.history import History, Told, entry_of
from scale import DEEP, examples, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from reps_ledger.domain.spans import Span
    from reps_ledger.policies.language.conditions import Condition

# Their packages have functions of the same names.
membership_projection: Final = sys.modules["reps_ledger.projections.membership"]
role_projections: Final = sys.modules["reps_ledger.projections.roles"]

ROLES: Final = [(role, community) for role in ("lead", "scribe") for community in (None, "docs")]

Holding = tuple[str, str]
"""Whose, and what in words: "ana", "lead in docs"."""


def is_of(kind: str, /, **fields: Any) -> Callable[[Span], bool]:
    """Return whether a span is of a kind and of these values."""
    return lambda span: (
        span.key[0] == kind and all(getattr(span.entry.fact, name) == value for name, value in fields.items())
    )


def role_name(role: str, community: str | None) -> str:
    """Return a role in words."""
    return f"{role} in {community}" if community else role


ASKED: Final[Mapping[str, tuple[Condition, Callable[[Span], bool]]]] = {
    **{
        role_name(role, community): (
            holds(role, community=community or ""),
            is_of("role.assigned", role=role, community=community),
        )
        for role, community in ROLES
    },
    "on leave": (on_leave(), is_of("leave.started")),
    "retired": (retired(), is_of("member.retired")),
    "in docs": (
        in_community("docs"),
        lambda span: (
            span.key[0] in {"community.joined", "role.assigned"} and span.entry.fact.community == "docs"
        ),
    ),
    "at acme": (affiliated("acme"), is_of("affiliation.started", organisation="acme")),
    "student at acme": (affiliated("acme", kind="student"), is_of("affiliation.started", kind="student")),
    "agreed": (accepted("conduct"), is_of("agreement.accepted")),
    "agreed to 2": (accepted("conduct", version="2"), is_of("agreement.accepted", version="2")),
    "account": (has_account("git"), is_of("account.linked", provider="git")),
    "exempt": (exempt("p"), is_of("exemption.granted", policy="p")),
    "vouched for": (vouches() >= 1, is_of("vouch.given")),
    "vouched for twice": (vouches() >= 2, is_of("vouch.given")),
    "mentored": (count(facts("mentor.assigned", lasting=True)) >= 1, is_of("mentor.assigned")),
}
"""What is asked of everybody: as a condition, and as the spans that make it so."""


def truth(history: History, at: datetime) -> set[Holding]:
    """Return what holds of whom, by the spans of the fold."""
    fold = folded(entry for entry in history.standing if entry.occurred_at <= at)
    holding = [span for name in SPAN_KINDS for span in fold.of(name) if span.holds(at)]
    found = set()
    for name, (_, wanted) in ASKED.items():
        of_person: dict[str, set[Any]] = defaultdict(set)
        for span in filter(wanted, holding):
            of_person[span.entry.fact.member].add(getattr(span.entry.fact, "voucher", None))
        least = 2 if name.endswith("twice") else 1
        found |= {(person, name) for person, different in of_person.items() if len(different) >= least}
    return found


def by_views(ledger: rl.Ledger, people: Iterable[str], at: datetime) -> set[Holding]:
    """Return what views of each member say; what they do not show is left to policies."""
    found = set()
    for person in people:
        view = ledger.as_of(at).member(person)
        belonging, member = view.belonging, view.membership
        said = {
            "on leave": member.on_leave,
            "retired": member.retired_at is not None,
            "in docs": "docs" in belonging.communities or any(h.community == "docs" for h in view.roles),
            "at acme": "acme" in belonging.affiliations,
            "account": any(provider for provider, _ in belonging.accounts),
            "vouched for": view.vouches.level >= 1,
            "vouched for twice": view.vouches.level >= 2,
            "mentored": bool(belonging.mentors),
            **{role_name(*seat): view.roles.held(*seat) for seat in ROLES},
        }
        assert member.active or not (member.is_member and member.on_leave), "leave keeps them active"
        found |= {(person, name) for name, so in said.items() if so}
    return found


SHOWN: Final = frozenset(ASKED) - {"student at acme", "agreed", "agreed to 2", "exempt"}
"""What views show."""


def by_rosters(ledger: rl.Ledger, at: datetime) -> set[Holding]:
    """Return who is on the roster of each role."""
    view = ledger.as_of(at)
    found = {
        (row.member, role_name(role, community))
        for role, community in ROLES
        if community is not None
        for row in view.roster(role=role, community=community)
    }
    return found | {(row.member, "on leave") for row in view.roster() if row.on_leave}


def by_policies(history: History, people: Iterable[str], at: datetime) -> set[Holding]:
    """Return of whom each condition holds, by the reference evaluation."""
    everybody = history.everybody()
    return {
        (person, name)
        for person in people
        for name, (condition, _) in ASKED.items()
        if conditions.holds(condition, everybody.subject(person, at))
    }


def by_backtests(ledger: rl.Ledger, instants: list[datetime]) -> dict[datetime, set[Holding]]:
    """Return of whom each condition holds, by replay: at all instants at once."""
    found: dict[datetime, set[Holding]] = {at: set() for at in instants}
    for name, (condition, _) in ASKED.items():
        run = ledger.backtest(Policy("p", cases=[when(condition).then("yes")], otherwise="no"), at=instants)
        for row in run.table.to_pylist():
            if row["outcome"] == "yes":
                found[row["date"]].add((row["member"], name))
    return found


def by_rules(history: History, people: Iterable[str], at: datetime) -> set[Holding]:
    """Return what the rules know, that recorded entry after entry up to an instant."""
    found = set()
    for person in people:
        state = MEMBER.initial
        for entry in history.standing:
            own = person == getattr(entry.fact, "member", None)
            if own and entry.occurred_at <= at and MEMBER.takes(entry.name):
                state = MEMBER.evolve(state, entry, person)
        said = {
            "on leave": state.running("leave.started", at) is not None,
            "retired": state.retired is not None,
            "agreed to 2": state.latest("agreement.accepted", "conduct", "2") is not None,
            **{role_name(*seat): state.held(*seat, at) is not None for seat in ROLES},
        }
        found |= {(person, name) for name, so in said.items() if so}
    return found


KNOWN_TO_RULES: Final = frozenset(
    {"on leave", "retired", "agreed to 2", *(role_name(*seat) for seat in ROLES)}
)


def by_explanations(ledger: rl.Ledger, people: Iterable[str], at: datetime) -> set[Holding]:
    """Return which roles explanations say that people hold."""
    view = ledger.as_of(at)
    return {
        (person, role_name(role, community))
        for person in people
        for role, community in ROLES
        if community is not None and view.explain(person, role=role, community=community).holds
    }


def by_reconciliation(history: History, people: Iterable[str], at: datetime, so: set[Holding]) -> list[str]:
    """Return what is wrong with a roster of that instant that says what is so."""
    claims = [
        RoleAsserted(
            member=person, role=role, community=community, held=(person, role_name(role, community)) in so
        )
        for person in people
        for role, community in ROLES
    ]
    first = len(history) + 1
    asserted = [replace(entry_of(Told(claim, at), first + n), by="roster") for n, claim in enumerate(claims)]
    with evolve(history, entries=(*history.entries, *asserted)).ledger() as ledger:
        found = ledger.reconcile(at=at, complete_rosters=True)
    return [one.words for one in found if one.kind in {"assertion_failed", "unlisted"}]


def instants_of(history: History) -> list[datetime]:
    """Return every instant at which anything may change, and one between each two."""
    return [day(number) for number in range(-1, 13)] if history.entries else []


ASKING: Final = frozenset(
    {"views", "rosters", "policies", "backtests", "rules", "explanations", "reconciliation"}
)
"""Who is asked."""


def check(
    history: History, asked: frozenset[str] = ASKING, opened: Callable[[History], rl.Ledger] = History.ledger
) -> None:
    """Ask everybody, or some of them, for everything at every instant; of a ledger that holds the history."""
    people = [person for person in history.people if person not in history.amendments.aliases]
    instants = instants_of(history)
    with opened(history) as ledger:
        replayed = by_backtests(ledger, instants) if instants and "backtests" in asked else {}
        for at in instants:
            so = truth(history, at)
            joined = {p for p, name in so} & {
                e.fact.member for e in history.standing if e.name == "member.joined" and e.occurred_at <= at
            }
            roles = {(p, name) for p, name in so if name.endswith("in docs") and name != "in docs"}
            if "policies" in asked:
                assert by_policies(history, people, at) == so
            if "backtests" in asked:
                assert replayed[at] == {(p, name) for p, name in so if p in joined}, "of those who joined"
            if "views" in asked:
                assert by_views(ledger, people, at) == {(p, name) for p, name in so if name in SHOWN}
            if "rules" in asked:
                assert by_rules(history, people, at) == {(p, n) for p, n in so if n in KNOWN_TO_RULES}
            if "rosters" in asked:
                here = joined | {p for p, name in so if any(name == role_name(*seat) for seat in ROLES)}
                away = {(p, name) for p, name in so if name == "on leave" and p in here}
                assert by_rosters(ledger, at) == roles | away
            if "explanations" in asked:
                assert by_explanations(ledger, people, at) == roles
    if "reconciliation" in asked:
        for at in instants[1::4]:
            assert by_reconciliation(history, people, at, truth(history, at)) == []


@seconds(120)
@examples(0.4)
@given(histories())
def test_all_say_the_same(history: History) -> None:
    """With merges, unmerges, corrections, retractions, retirements, ends by themselves and ties."""
    check(history)


@examples(0.3)
@given(histories(merges=False, amended=False))
def test_all_say_the_same_of_plain_histories(history: History) -> None:
    """And where each is one person, and nothing is put right."""
    check(history)


HIDDEN: Final[tuple[tuple[str, Callable[[str], rl.Fact] | None], ...]] = (
    ("member.joined", None),
    ("members.merged", None),
    ("role.ended", lambda who: rl.RoleEnded(member=who, role="lead", how="resigned")),
    ("role.assigned", lambda who: rl.RoleAssigned(member=who, role="lead", community="docs")),
    ("member.retired", lambda who: rl.MemberRetired(member=who, how="resigned")),
    ("members.merged", lambda who: MembersMerged(member=who, duplicate="cleo" if who != "cleo" else "ana")),
    ("leave.started", lambda who: rl.LeaveStarted(member=who)),
)
"""What is hidden among a history: what nobody can read, and what would make it another one."""


def with_voided(history: History, hidden: list[tuple[int, int, str]]) -> rl.Ledger:
    """Return a ledger that holds a history, and rows among it that are voided, behind the rules and guards.

    Args:
        history: what is told.
        hidden: before which of its entries, what, and of whom.
    """
    ledger = evolve(history, entries=()).ledger()
    codec = ledger._core.log.codec
    rows = [(entry.name, codec.encode(entry), entry.tags) for entry in history._tagged()]
    late = []
    for number in range(len(rows) + 1):
        for place, what, who in hidden:
            if place % (len(rows) + 1) == number:
                name, made = HIDDEN[what]
                data = NOISE
                if made is not None:
                    data = codec.encode(replace(entry_of(Told(made(who), day(1)), 1), id=f"hidden {place}"))
                under = (f"member:{who}", "member:cleo", f"ledger:{name}", "community:docs")
                late.append(plant(ledger, name, data, *under))
                if place % 2:
                    plant_void(ledger, late.pop())
        if number < len(rows):
            name, data, tags = rows[number]
            plant(ledger, name, data, *tags)
    for position in late:
        plant_void(ledger, position)
    return ledger


@seconds(120)
@examples(0.3)
@given(
    history=histories(),
    hidden=st.lists(
        st.tuples(
            st.integers(0, 40), st.integers(0, len(HIDDEN) - 1), st.sampled_from(["ana", "ben", "cleo"])
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_all_say_the_same_past_what_is_voided(history: History, hidden: list[tuple[int, int, str]]) -> None:
    """Rows that are voided among it change nothing that anybody says, whether they could be read or not."""
    check(history, ASKING - {"reconciliation"}, lambda told: with_voided(told, hidden))


def as_if_told(entry: rl.Entry) -> rl.Entry:
    """Forget under which identifiers an entry was told."""
    return replace(entry, told=None)


def _plant(path: object, name: str, bug: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(path, name, bug)


PLANTED: Final[dict[tuple[str, str], Callable[[pytest.MonkeyPatch], None]]] = {
    ("views", "a view that forgets identities"): _plant(
        role_projections,
        "taken",
        lambda spans, entries, member, names, taken=role_projections.taken: taken(
            spans, map(as_if_told, entries), member, names
        ),
    ),
    ("views", "a membership that retirement does not end"): _plant(
        membership_projection,
        "concerns",
        lambda entry, member, names, concerns=membership_projection.concerns: (
            entry.name != "member.returned" and concerns(entry, member, names)
        ),
    ),
    ("policies", "policies that forget identities"): _plant(
        policy_subject, "folded", lambda entries: folded(map(as_if_told, entries))
    ),
    ("rules", "rules that forget identities"): _plant(
        folds, "_taken", lambda spans, entry, taken=folds._taken: taken(spans, as_if_told(entry))
    ),
    ("backtests", "columns that forget identities"): _plant(
        kernel_spans, "with_identities", lambda columns: np.zeros(len(columns.people), bool)
    ),
    ("backtests", "columns in which a tie ends what begins"): _plant(
        kernel_spans,
        "_hard",
        lambda columns, kind, tied, hard=kernel_spans._hard: hard(
            columns, kind, evolve(tied, beginnings=tied.beginnings & False, endings=tied.endings & False)
        ),
    ),
    ("backtests", "columns in which what was planned begins"): _plant(
        kernel_spans, "_mark_told_late", lambda *_: None
    ),
    ("reconciliation", "a reconciliation that forgets identities"): _plant(
        Replay, "take", lambda self, entry, parts, take=Replay.take: take(self, as_if_told(entry), parts)
    ),
}
"""One bug in each of those who are asked: who, and what is wrong with them."""

SEEN_IN: Final = {
    "columns in which what was planned begins": frozenset(
        {"role.assigned", "member.retired", "leave.started"}
    )
}
"""The facts that show a bug, where it takes several of a few kinds."""


TWO: Final = told(
    *joins("ana", "ben"),
    (rl.RoleAssigned(member="ana", role="lead"), 1),
    (rl.RoleAssigned(member="ben", role="lead"), 1),
    (rl.RoleEnded(member="ben", role="lead", how="resigned"), 3),
    merge("ana", "ben"),
)
"""An ending that was told of one identity, of two that are one person by now."""

SHOWN_BY: Final = {
    "a view that forgets identities": TWO,
    "columns that forget identities": TWO,
    "a reconciliation that forgets identities": TWO,
    "columns in which what was planned begins": told(
        *joins("ana"),
        (rl.RoleAssigned(member="ana", role="lead"), 5),
        (rl.MemberRetired(member="ana", how="resigned"), 3),
    ),
    "columns in which a tie ends what begins": told(
        *joins("ana"),
        (rl.RoleAssigned(member="ana", role="lead"), 1),
        (rl.RoleAssigned(member="ana", role="lead"), 3),
        (rl.RoleEnded(member="ana", role="lead", how="resigned"), 3),
    ),
}
"""A history that shows a bug, where looking for one takes long: the deep run does."""


@seconds(300)
@pytest.mark.parametrize(("who", "bug"), sorted(PLANTED), ids=str)
def test_a_bug_in_any_of_them_is_noticed(who: str, bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a thousand histories; which ones is fixed."""
    PLANTED[who, bug](monkeypatch)

    def differs(history: History) -> bool:
        try:
            check(history, frozenset({who}))
        except AssertionError:
            return True
        return False

    if bug in SHOWN_BY and not DEEP:
        assert differs(SHOWN_BY[bug])
        return
    search = settings(max_examples=1_000, derandomize=True, database=None, phases=[Phase.generate])
    try:
        find(histories(kinds=SEEN_IN.get(bug)), differs, settings=search)
    except NoSuchExample:
        pytest.fail(f"nobody noticed {bug}")
