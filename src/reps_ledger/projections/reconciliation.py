"""Reconciliation: what in the record does not add up.

It finds rosters' claims that the record contradicts (as balance assertions fail in accounting),
entries that no longer hold because something they depend on was corrected or merged, and leave
past its expected return that nobody ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo

from attrs import define, frozen

from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import MembersMerged, MembersUnmerged, Registry, ReportVerified, RoleAsserted
from reps_ledger.domain.rules import Rulebook
from reps_ledger.domain.rules.folds import MEMBER, REPORT, MemberState
from reps_ledger.domain.rules.judge import Replay
from reps_ledger.domain.rules.phrases import day_of, place


@frozen(kw_only=True)
class Discrepancy:
    """Something in the record that does not add up.

    Attributes:
        kind: ``assertion_failed``, ``unlisted``, ``orphaned`` or ``leave_overdue``.
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
    history: Callable[[], Iterable[Entry]],
    registry: Registry,
    rules: Rulebook,
    at: datetime,
    *,
    readings: Mapping[str, str],
    zone: tzinfo = UTC,
    complete_rosters: bool = False,
) -> Iterator[Discrepancy]:
    """Yield every discrepancy up to an instant.

    Args:
        history: returns everyone's history, in effective order; called twice.
        registry: knows which fields name people.
        rules: by which orphans are found.
        at: up to when.
        zone: in which days are written.
        readings: id of a corrected entry to that of the correction in its place.
        complete_rosters: whether the assertions of one instant and community are a complete
            roster of the roles that they name: whoever else holds one then is ``unlisted``.
    """
    referred = {e.fact.report for e in history() if isinstance(e.fact, ReportVerified)}
    referred_as: dict[str, set[str]] = {}
    for report in referred:
        referred_as.setdefault(readings.get(report, report), set()).add(report)
    check = _Check(registry, Replay(rules), referred_as)
    asserted: list[Entry[RoleAsserted]] = []
    for entry in history():
        if asserted and (complete_rosters and asserted[-1].occurred_at < entry.occurred_at):
            yield from _unlisted(asserted, check)
            asserted = []
        if isinstance(entry.fact, RoleAsserted):
            yield from _assertion(entry, check)
            asserted.append(entry)
        else:
            yield from check.orphans(entry)
        check.take(entry)
    if complete_rosters:
        yield from _unlisted(asserted, check)
    yield from _overdue(check, at, zone)


@define
class _Check:
    """The states of all parts that rules depend on, while a history is replayed.

    Attributes:
        registry: knows which fields name people.
        replay: holds the states.
        referred_as: id of a report that stands to the ids by which verifications refer to it; they
            differ where the report was corrected.
    """

    registry: Registry
    replay: Replay
    referred_as: Mapping[str, set[str]]

    def orphans(self, entry: Entry) -> Iterator[Discrepancy]:
        if isinstance(entry.fact, MembersMerged | MembersUnmerged):
            return  # the history is read as merged already
        for refusal in self.replay.judge(entry):
            if refusal.code == "already_joined":
                continue  # two people who were merged may both have joined
            yield Discrepancy(
                kind="orphaned",
                member=getattr(entry.fact, "member", None),
                at=entry.occurred_at,
                words=f"{entry.name} of {day_of(entry)} no longer holds: {refusal.words}",
                entries=(entry.id, *refusal.entries),
            )

    def take(self, entry: Entry) -> None:
        replay, fact = self.replay, entry.fact
        parts = {p for rule in replay.rules.of(fact) for p in rule.parts(fact, replay)}
        parts |= {MEMBER.part(person) for person in people_in(fact, self.registry)}
        replay.take(entry, parts)
        for report in self.referred_as.get(entry.id, ()):
            replay.states[REPORT.part(report)] = entry

    def members(self) -> Iterator[tuple[str, MemberState]]:
        for part, state in self.replay.states.items():
            if isinstance(state, MemberState):
                yield part.key, state


def _assertion(entry: Entry[RoleAsserted], check: _Check) -> Iterator[Discrepancy]:
    fact = entry.fact
    state = check.replay.state(MEMBER.part(fact.member))
    held = state.held(fact.role, fact.community, entry.occurred_at)
    if (held is not None) == fact.held:
        return
    what = place(fact.role, fact.community)
    others = sorted(
        role
        for role, community in state.roles
        if community == fact.community and state.held(role, community, entry.occurred_at) is not None
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


def _unlisted(asserted: list[Entry[RoleAsserted]], check: _Check) -> Iterator[Discrepancy]:
    """Yield everyone who holds a role that a roster names, and is not on that roster."""
    facts = [entry.fact for entry in asserted]
    listed = {(f.member, f.community) for f in facts}
    named = {(f.role, f.community) for f in facts if f.held}
    if not named:
        return
    at, day = asserted[-1].occurred_at, day_of(asserted[-1])
    for member, state in sorted(check.members(), key=lambda item: item[0]):
        for role, community in sorted(named & state.roles.keys(), key=str):
            held = state.held(role, community, at)
            if held is not None and (member, community) not in listed:
                yield Discrepancy(
                    kind="unlisted",
                    member=member,
                    at=at,
                    words=f"{member} holds {place(role, community)} since {day_of(held)}, "
                    f"but the roster of {day} does not list them",
                    entries=(held.id,),
                )


def _overdue(check: _Check, at: datetime, zone: tzinfo) -> Iterator[Discrepancy]:
    for member, state in sorted(check.members(), key=lambda item: item[0]):
        leave = state.leave
        if leave is None:
            continue
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
