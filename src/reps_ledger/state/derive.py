"""The rows of one person, or of one community, from its history: by the reference evaluator.

What tables hold is what views say: `derive` reads the same folds (`SpanFold`, `Membership`, the docket's)
and asks policies as `PolicyEvaluator` does, for every instant at once instead of for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import ReportFiled, acting
from reps_ledger.domain.open_reviews import REVIEWS, OpenReviews, still_open
from reps_ledger.domain.spans import SPAN_KINDS, Span
from reps_ledger.domain.time import FIRST, LAST, microseconds
from reps_ledger.errors import InvalidInput
from reps_ledger.policies.charter.eras import COUNTS, Era, asked_as_policy, definitions, eras_of, standing_by
from reps_ledger.policies.outcomes import outcome_times
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.subject import Dossier, Subject
from reps_ledger.projections import membership, project
from reps_ledger.state.schema import FOREVER, Row, Rows, as_number
from reps_ledger.views.evaluator import PolicyEvaluator

DEFAULT: Final = ""
"""The name, in tables, of what says who is active: the charter's standing policy, or the default rule."""

Span_ = tuple[datetime, datetime | None, str, bool | None]


@frozen
class Deriver:
    """Derives rows, as known at one position.

    Attributes:
        evaluator: evaluates policies and the charters in force.
        now: the instant at which what is only of now is looked at.
        policies: kept beside those of charters.
    """

    evaluator: PolicyEvaluator
    now: datetime
    policies: tuple[Policy, ...] = ()

    @cached_property
    def eras(self) -> tuple[Era, ...]:
        """The times of charters."""
        return eras_of(self.evaluator.adopted)

    @cached_property
    def kept(self) -> Mapping[str, Sequence[tuple[Era, Policy]]]:
        """The policies about members whose outcomes are kept, by name: each with when it counts.

        Raises:
            InvalidInput: one that was asked for has the name of a charter's, and is another.
        """
        found: dict[str, list[tuple[Era, Policy]]] = {}
        for era in self.eras:
            for policy in () if era.charter is None else era.charter.policies:
                if policy.of == "member":
                    found.setdefault(policy.name, []).append((era, policy))
        for policy in self.policies:
            own = found.get(policy.name)
            if own is not None and any(each != policy for _, each in own):
                raise InvalidInput(
                    f"a charter has a policy {policy.name!r} too; give yours another name", field="policies"
                )
            found[policy.name] = [(Era(FIRST, None, None), policy)]
        return found

    def person(self, dossier: Dossier) -> Rows:
        """Return the rows of a person, by table."""
        member = dossier.name
        own = [entry for entry in dossier.entries if getattr(entry.fact, "member", None) == member]
        return {
            "member": [self._member(dossier)],
            "skill": self._skills(member, own),
            "span": [*_spans(dossier)],
            "standing": [*self._standing(dossier)],
            "counted": [*self._counted(dossier)],
            "review": [*review_rows(member, own)],
            "notice": [*_notices(dossier)],
            "application": [*_applications(member, own)],
        }

    def _member(self, dossier: Dossier) -> Row:
        joined = dossier.joined
        past = [entry for entry in dossier.entries if entry.occurred_at <= self.now]
        acts = [entry.occurred_at for entry in past if acting(entry.fact) == dossier.name]
        ahead = [entry.occurred_at for entry in dossier.entries if entry.occurred_at > self.now]
        joinings = (e for e in dossier.own("member.joined") if e.fact.account is not None)
        account = next(joinings, None)
        return (
            dossier.name,
            None if joined is None else joined.fact.kind,
            None if joined is None else microseconds(joined.occurred_at),
            None if account is None else microseconds(account.occurred_at),
            microseconds(dossier.entries[0].occurred_at),
            microseconds(acts[-1]) if acts else None,
            sum(_is_report(entry) and entry.fact.member == dossier.name for entry in past),
            microseconds(ahead[0]) if ahead else None,
        )

    def _skills(self, member: str, own: Iterable[Entry]) -> list[Row]:
        counts: Counter[str] = Counter()
        for entry in own:
            if _is_report(entry) and entry.occurred_at <= self.now:
                counts.update(entry.fact.areas)
        return [(member, area, number) for area, number in counts.items()]

    def _standing(self, dossier: Dossier) -> Iterator[Row]:
        joined = dossier.joined
        default = [*self._default(dossier)]
        rows: list[Span_] = []
        since = None if joined is None else joined.occurred_at
        for era in self.eras:
            by = standing_by(era.charter)
            if by is None:
                rows += _within(default, era.start, era.end) if era.readable else []
                continue
            policy, active = by
            if since is None or (era.end is not None and era.end <= since):
                rows += _within(default, era.start, era.end)
                continue
            if since > era.start:
                rows += _within(default, era.start, since)
            start = max(since, era.start)
            subject = self._subject(dossier, start)
            for begun, ended, outcome in outcome_times(policy, subject, era.end):
                rows.append((begun, ended, outcome, outcome in active))
        yield from _as_rows(dossier.name, DEFAULT, rows)
        if since is None:
            return
        for name, versions in self.kept.items():
            found: list[Span_] = []
            for era, policy in versions:
                part = era.part(since)
                if part is not None:
                    times = outcome_times(policy, self._subject(dossier, part[0]), part[1])
                    found += [(begun, ended, outcome, None) for begun, ended, outcome in times]
            yield from _as_rows(dossier.name, name, found)

    def _default(self, dossier: Dossier) -> Iterator[Span_]:
        """Yield how a person stands by the default rule: from joining on, or the first act before."""
        state = project(membership(dossier.name, self.evaluator.zone), dossier.entries)
        joined = dossier.joined
        at = None if joined is None else joined.occurred_at
        for start, until in state.stretches:
            if start >= until:
                continue
            if at is not None and at < start:
                yield at, start, "inactive", False
            end = None if until == LAST else until
            yield start, end, "active", True
            if end is None:
                return
            at = end
        if at is not None:
            yield at, None, "inactive", False

    def _counted(self, dossier: Dossier) -> Iterator[Row]:
        found: dict[str, list[tuple[datetime, datetime | None]]] = {}
        for era in self.eras:
            for community, condition in definitions(era.charter):
                times = outcome_times(asked_as_policy(condition), self._subject(dossier, era.start), era.end)
                found.setdefault(community, []).extend((a, b) for a, b, said in times if said == COUNTS)
        for community, counted in found.items():
            joined: list[tuple[datetime, datetime | None]] = []
            for start, end in counted:
                if joined and joined[-1][1] == start:
                    joined[-1] = (joined[-1][0], end)
                else:
                    joined.append((start, end))
            for start, end in joined:
                yield dossier.name, community, microseconds(start), as_number(end)

    def _subject(self, dossier: Dossier, at: datetime) -> Subject:
        return self.evaluator.subject(dossier, at)


def _is_report(entry: Entry) -> bool:
    return isinstance(entry.fact, ReportFiled) and not entry.fact.announced


def _within(rows: Iterable[Span_], start: datetime, end: datetime | None) -> Iterator[Span_]:
    """Yield the parts of rows that lie in a time."""
    for begun, ended, outcome, active in rows:
        first = max(begun, start)
        last = end if ended is None else ended if end is None else min(ended, end)
        if last is None or first < last:
            yield first, last, outcome, active


def _as_rows(member: str, policy: str, rows: Iterable[Span_]) -> Iterator[Row]:
    """Yield rows of `standing`; those that say the same and touch are one."""
    before: Span_ | None = None
    for row in rows:
        if before is not None and before[1] == row[0] and before[2:] == row[2:]:
            before = (before[0], row[1], *row[2:])
            continue
        if before is not None:
            yield _standing_row(member, policy, before)
        before = row
    if before is not None:
        yield _standing_row(member, policy, before)


def _standing_row(member: str, policy: str, row: Span_) -> Row:
    start, end, outcome, active = row
    return (
        member,
        policy,
        microseconds(start),
        as_number(end),
        outcome,
        None if active is None else int(active),
    )


def _spans(dossier: Dossier) -> Iterator[Row]:
    for name in SPAN_KINDS:
        for span in dossier.spans(name):
            if span.entry.fact.member == dossier.name:
                yield span_row(span)


def span_row(span: Span) -> Row:
    """Return the row of a span."""
    fact, ending = span.entry.fact, span.ended_in
    k1, k2, *_ = (*SPAN_KINDS[span.entry.name].values(fact), None, None)
    return (
        fact.member,
        span.entry.name,
        k1,
        k2,
        microseconds(span.start),
        as_number(span.end),
        span.entry.origin,
        None if ending is None else ending.origin,
        span.how,
    )


def review_rows(member: str, own: Iterable[Entry]) -> Iterator[Row]:
    """Yield the rows of a person's reviews, from their entries in effective order."""
    still: OpenReviews = {}
    for entry in own:
        if entry.name not in REVIEWS:
            continue
        after = still_open(still, entry)
        for name, opened in still.items():
            if after.get(name) is not opened:
                yield _review(member, opened, entry)
        still = after
    for opened in still.values():
        yield _review(member, opened, None)


def _review(member: str, opened: Entry, decided: Entry | None) -> Row:
    fact = opened.fact
    return (
        member,
        fact.review,
        fact.policy,
        microseconds(opened.occurred_at),
        FOREVER if decided is None else microseconds(decided.occurred_at),
        None if fact.due is None else microseconds(fact.due),
        None if fact.as_of is None else microseconds(fact.as_of),
        opened.origin,
        None if decided is None else decided.origin,
        None if decided is None else getattr(decided.fact, "outcome", None),
    )


def _notices(dossier: Dossier) -> Iterator[Row]:
    waiting: dict[str, Entry] = {}
    for entry in dossier.entries:
        if acting(entry.fact) == dossier.name:
            for sent in waiting.values():
                yield _notice(dossier.name, sent, entry)
            waiting = {}
        if entry.name == "notice.sent" and entry.fact.member == dossier.name:
            before = waiting.pop(entry.fact.notice, None)
            if before is not None:
                yield _notice(dossier.name, before, entry)
            waiting[entry.fact.notice] = entry
    for sent in waiting.values():
        yield _notice(dossier.name, sent, None)


def _notice(member: str, sent: Entry, answered: Entry | None) -> Row:
    fact = sent.fact
    return (
        member,
        fact.notice,
        fact.stage,
        fact.policy,
        microseconds(sent.occurred_at),
        FOREVER if answered is None else microseconds(answered.occurred_at),
        None if fact.deadline is None else microseconds(fact.deadline),
        sent.origin,
        None if answered is None else answered.origin,
    )


def _applications(member: str, own: Iterable[Entry]) -> Iterator[Row]:
    waiting: dict[tuple[str, str | None], Entry] = {}
    for entry in own:
        if entry.name not in {"application.filed", "application.decided"}:
            continue
        place = (entry.fact.role, entry.fact.community)
        before = waiting.pop(place, None)
        if before is not None:
            yield _application(member, before, entry)
        if entry.name == "application.filed":
            waiting[place] = entry
    for filed in waiting.values():
        yield _application(member, filed, None)


def _application(member: str, filed: Entry, decided: Entry | None) -> Row:
    return (
        member,
        filed.fact.role,
        filed.fact.community,
        microseconds(filed.occurred_at),
        FOREVER if decided is None else microseconds(decided.occurred_at),
        filed.origin,
        None if decided is None else decided.origin,
        None if decided is None else getattr(decided.fact, "outcome", None),
    )


def community_row(community: str, entries: Sequence[Entry]) -> Row | None:
    """Return the row of a community from its history; None where no entry names it."""
    if not entries:
        return None
    founded = next((entry for entry in entries if entry.name == "community.founded"), None)
    if founded is None:
        return community, None, None, None
    return community, founded.fact.parent, microseconds(founded.occurred_at), founded.origin
