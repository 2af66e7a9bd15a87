"""Reconciliation: what in the record does not add up.

It finds rosters' claims that the record contradicts (as balance assertions fail in accounting),
entries that no longer hold because something they depend on was corrected or merged, what a merge
made void, roles that never began, and leave past its expected return that nobody ended. Each entry
is judged by who its people were when it was told: a merge contradicts nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import Final

from attrs import define, field, frozen

from reps_ledger.domain.amendments import Amendments
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import MembersMerged, MembersUnmerged, Registry, RoleAsserted
from reps_ledger.domain.rules import Rulebook
from reps_ledger.domain.rules.folds import MEMBER, REPORT, MemberState
from reps_ledger.domain.rules.phrases import day_of, place
from reps_ledger.domain.rules.replay import Replay
from reps_ledger.domain.spans import SpanFold
from reps_ledger.domain.time import last_of_day

DISCREPANCIES: Final = {
    "assertion_failed": "a roster lists somebody whom the record does not, or says that they are not on it",
    "unlisted": "somebody holds a role, and a complete roster of it leaves them out",
    "no_longer_named": "a roster listed somebody who held no such role by the record, and the next does not",
    "orphaned": "an entry no longer holds: what it depends on was corrected, retracted or told late",
    "ends_nothing": "an affiliation ended that had not begun",
    "not_admitted": "by what is known now, the charter in force would not have allowed it",
    "void": "a vouch, mentoring or verification of two people who turned out to be one",
    "never_began": "a role or leave that was planned, before whose start they retired",
    "retired_in_part": "somebody is retired under one identifier and not under another",
    "leave_overdue": "a leave lapsed, and nobody said that they came back",
}
"""The kinds of discrepancy, in words."""


@frozen(kw_only=True)
class Discrepancy:
    """Something in the record that does not add up.

    Attributes:
        kind: one of `DISCREPANCIES`.
        member: whom it concerns, if one person.
        at: the instant at which it is found.
        words: what is wrong, in words.
        entries: ids of the entries concerned.
    """

    kind: str
    member: str | None
    at: datetime
    words: str
    entries: tuple[str, ...]


def reconcile(
    history: Iterable[Entry],
    registry: Registry,
    rules: Rulebook,
    at: datetime,
    *,
    readings: Mapping[str, str],
    verified: Iterable[str] = (),
    zone: tzinfo = UTC,
    complete_rosters: bool = False,
) -> Iterator[Discrepancy]:
    """Yield every discrepancy up to an instant.

    Args:
        history: everyone's up to some instant, in effective order, with what merges made void.
        registry: knows which fields name people.
        rules: by which orphans are found.
        at: the instant by which leave has lapsed.
        zone: in which days are read and written.
        readings: id of a corrected entry to that of the correction in its place.
        verified: ids of the reports that verifications in the history are of, or more.
        complete_rosters: whether the assertions of one instant and community are a complete
            roster of the roles that they name: whoever else holds one then is ``unlisted``.
    """
    referred_as: dict[str, set[str]] = {}
    for report in verified:
        referred_as.setdefault(readings.get(report, report), set()).add(report)
    check = _Check(registry, Replay(rules), referred_as)
    rosters = _Rosters(check, zone, complete=complete_rosters)
    void: list[Entry] = []
    for entry in history:
        if Amendments.is_void(entry):
            void.append(entry)
            continue
        yield from rosters.compared(before=entry.occurred_at)
        if isinstance(entry.fact, RoleAsserted):
            yield from rosters.take(entry)
        else:
            yield from check.orphans(entry)
        check.take(entry)
    yield from rosters.compared()
    yield from map(_void, sorted(void, key=attrgetter("position")))
    for member, state in sorted(check.members(), key=lambda item: item[0]):
        yield from _never_began(member, state)
        yield from _retired_in_part(member, state)
        yield from _overdue(member, state, at, zone)


@define
class _Check:
    """The states of all parts that rules depend on, while a history is replayed.

    Attributes:
        registry: knows which fields name people.
        replay: holds the states.
        referred_as: id of a report that stands to the ids by which verifications refer to it; they
            differ where the report was corrected.
        affiliations: of everybody; no rule asks for them.
        failed: ids of the claims that the record contradicts.
    """

    registry: Registry
    replay: Replay
    referred_as: Mapping[str, set[str]]
    affiliations: SpanFold = field(factory=lambda: SpanFold(kept=False))
    failed: set[str] = field(factory=set)

    def orphans(self, entry: Entry) -> Iterator[Discrepancy]:
        """Yield why an entry no longer holds."""
        if isinstance(entry.fact, MembersMerged | MembersUnmerged):
            return  # the history is read as merged already
        refused = False
        for refusal in self.replay.judge_as_told(entry, self.registry):
            if refusal.code == "name_taken":
                continue  # what was there before names were compared stays as it is
            refused = True
            yield _orphan(entry, refusal.words, *refusal.entries)
        if not refused and entry.name == "affiliation.ended" and not self.affiliations.ended_by(entry):
            fact = entry.fact
            yield Discrepancy(
                kind="ends_nothing",
                member=fact.member,
                at=entry.occurred_at,
                words=f"{entry.name} of {day_of(entry)} ends nothing: {fact.member} did not belong to "
                f"{fact.organisation}{f' as {fact.kind}' if fact.kind else ''} then",
                entries=(entry.id,),
            )

    def take(self, entry: Entry) -> None:
        """Take an entry, after it was judged."""
        replay, fact = self.replay, entry.fact
        parts = replay.parts(fact)
        parts |= {MEMBER.part(person) for person in people_in(fact, self.registry)}
        replay.take(entry, parts)
        if entry.name in _AFFILIATIONS:
            self.affiliations.take(entry)
        for report in self.referred_as.get(entry.id, ()):
            replay.states[REPORT.part(report)] = entry

    def members(self) -> Iterator[tuple[str, MemberState]]:
        """Yield everybody's state so far."""
        for part, state in self.replay.states.items():
            if isinstance(state, MemberState):
                yield part.key, state


_AFFILIATIONS: Final = frozenset({"affiliation.started", "affiliation.ended"})


def _orphan(entry: Entry, words: str, *causes: str) -> Discrepancy:
    return Discrepancy(
        kind="orphaned",
        member=getattr(entry.fact, "member", None),
        at=entry.occurred_at,
        words=f"{entry.name} of {day_of(entry)} no longer holds: {words}",
        entries=(entry.id, *causes),
    )


_Seat = tuple[str, str | None]
"""A role and its community."""


@define
class _Rosters:
    """Rosters' claims, until the record is known with which they are compared.

    An assertion of a day is compared with the end of that day, one of an instant with that instant.

    Attributes:
        check: holds the states.
        zone: in which days are read.
        complete: whether a roster is of all who hold the roles that it names.
    """

    check: _Check
    zone: tzinfo
    complete: bool
    _waiting: list[Entry[RoleAsserted]] = field(factory=list)
    _former: dict[_Seat, dict[str, Entry[RoleAsserted]]] = field(factory=dict)

    def take(self, entry: Entry[RoleAsserted]) -> Iterator[Discrepancy]:
        """Take a claim; one of an instant is compared at once, but for who is missing."""
        self._waiting.append(entry)
        if entry.day is None:
            yield from _assertion(entry, entry.occurred_at, self.check)

    def compared(self, before: datetime | None = None) -> Iterator[Discrepancy]:
        """Yield what is wrong with the claims that are due.

        Args:
            before: those that are due before this instant; None for all.
        """
        while self._waiting and (before is None or _due(self._waiting[0], self.zone) < before):
            first = self._waiting[0]
            of_one = [e for e in self._waiting if (e.occurred_at, e.day) == (first.occurred_at, first.day)]
            self._waiting = [entry for entry in self._waiting if entry not in of_one]
            due = _due(first, self.zone)
            for entry in of_one:
                if entry.day is not None:
                    yield from _assertion(entry, due, self.check)
            if self.complete:
                yield from self._left_out(of_one, due)

    def _left_out(self, roster: list[Entry[RoleAsserted]], due: datetime) -> Iterator[Discrepancy]:
        """Yield everyone who holds a role that a roster names, and is not on it for that role."""
        listed: dict[_Seat, dict[str, Entry[RoleAsserted]]] = {}
        mentioned: set[tuple[str, _Seat]] = set()
        for entry in roster:
            seat = (entry.fact.role, entry.fact.community)
            mentioned.add((entry.fact.member, seat))
            if entry.fact.held:
                listed.setdefault(seat, {})[entry.fact.member] = entry
        at, day = roster[-1].occurred_at, day_of(roster[-1])
        if listed:
            for member, state in sorted(self.check.members(), key=lambda item: item[0]):
                for role, community in sorted(listed.keys() & state.roles.keys(), key=str):
                    held = state.held(role, community, due)
                    if held is not None and (member, (role, community)) not in mentioned:
                        yield Discrepancy(
                            kind="unlisted",
                            member=member,
                            at=at,
                            words=f"{member} holds {place(role, community)} since {day_of(held)}, "
                            f"but the roster of {day} does not list them",
                            entries=(held.id,),
                        )
        for seat, people in sorted(listed.items(), key=str):
            for member, claim in sorted(self._former.get(seat, {}).items()):
                if (member, seat) in mentioned or self._explained(member, seat, claim, due):
                    continue
                yield Discrepancy(
                    kind="no_longer_named",
                    member=member,
                    at=at,
                    words=f"the roster of {day_of(claim)} lists {member} as {place(*seat)}, that of {day} no "
                    "longer; the record says nothing of either",
                    entries=(claim.id,),
                )
            self._former[seat] = people

    def _explained(self, member: str, seat: _Seat, claim: Entry[RoleAsserted], due: datetime) -> bool:
        """Whether the record says why a roster no longer names somebody, or that they hold the role yet."""
        state = self.check.replay.state(MEMBER.part(member))
        return state.held(*seat, due) is not None or claim.id not in self.check.failed


def _due(entry: Entry[RoleAsserted], zone: tzinfo) -> datetime:
    """Return the instant of the record with which a claim is compared."""
    return entry.occurred_at if entry.day is None else last_of_day(entry.day, zone)


def _assertion(entry: Entry[RoleAsserted], at: datetime, check: _Check) -> Iterator[Discrepancy]:
    fact = entry.fact
    state = check.replay.state(MEMBER.part(fact.member))
    held = state.held(fact.role, fact.community, at)
    if (held is not None) == fact.held:
        return
    check.failed.add(entry.id)
    what = place(fact.role, fact.community)
    others = sorted(
        role
        for role, community in state.roles
        if community == fact.community and state.held(role, community, at) is not None
    )
    roster = f"the roster of {day_of(entry)}"
    if held is not None:
        words = f"{roster} does not list {fact.member} as {what}, held since {day_of(held)}"
    elif others:
        words = f"{roster} lists {fact.member} as {what}; the record says {', '.join(others)}"
    elif state.joined is None:
        words = f"{roster} lists {fact.member} as {what}, who never joined"
    else:
        words = f"{roster} lists {fact.member} as {what}, who held no role there"
    causes = (entry.id,) if held is None else (entry.id, held.id)
    yield Discrepancy(
        kind="assertion_failed", member=fact.member, at=entry.occurred_at, words=words, entries=causes
    )


def _void(entry: Entry) -> Discrepancy:
    told = entry.fact if entry.told is None else entry.told.fact
    one, other = (str(getattr(told, name)) for name in told.__fact__.apart)
    return Discrepancy(
        kind="void",
        member=entry.fact.member,
        at=entry.occurred_at,
        words=f"{entry.name} of {day_of(entry)} is void: {one} and {other} turned out to be one person",
        entries=(entry.id,),
    )


def _never_began(member: str, state: MemberState) -> Iterator[Discrepancy]:
    for span in state.spans.unbegun:
        fact = span.entry.fact
        what = "leave" if span.key[0] == "leave.started" else place(fact.role, fact.community)
        retired = span.ended_in
        assert retired is not None  # noqa: S101 — a retirement kept it from beginning
        yield Discrepancy(
            kind="never_began",
            member=member,
            at=span.start,
            words=f"{member}'s {what} from {day_of(span.entry)} on never began: they had retired on "
            f"{day_of(retired)}; correct one of the two, or record their return",
            entries=(span.entry.id, retired.id),
        )


def _retired_in_part(member: str, state: MemberState) -> Iterator[Discrepancy]:
    retired, there = state.spans.retired, state.spans.joined
    still = sorted(there.keys() - retired.keys())
    if not retired or not still:
        return
    as_whom = [name for name in sorted(retired) if name in there]
    last = [*retired.values()][-1]
    yield Discrepancy(
        kind="retired_in_part",
        member=member,
        at=last.occurred_at,
        words=f"{member} is retired as {' and '.join(as_whom)} and not as {' and '.join(still)}: "
        "they count as not retired",
        entries=tuple(entry.id for entry in retired.values()),
    )


def _overdue(member: str, state: MemberState, at: datetime, zone: tzinfo) -> Iterator[Discrepancy]:
    leave = state.leave
    if leave is None or state.running("leave.started", at) is not None:
        return
    expected = leave.fact.expected_return
    if expected is not None and expected <= at:
        yield Discrepancy(
            kind="leave_overdue",
            member=member,
            at=expected,
            words=f"{member}'s leave of {day_of(leave)} lapsed on "
            f"{expected.astimezone(zone).date()}; record leave.ended, or a new leave",
            entries=(leave.id,),
        )
