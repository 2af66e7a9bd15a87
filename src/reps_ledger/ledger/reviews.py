"""Reviews: opening them, sending notices, deciding; and replaying and auditing decisions later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, tzinfo
from typing import Final, TypeVar

from attrs import field, frozen

from reps_ledger.domain.entries import Entry, derived_id
from reps_ledger.domain.facts import (
    EntryCorrected,
    Fact,
    NoticeSent,
    PolicyStated,
    ReviewDecided,
    ReviewOpened,
    stated,
)
from reps_ledger.domain.rules import Source
from reps_ledger.domain.shown import printable
from reps_ledger.domain.time import local_day, zone_name, zone_of
from reps_ledger.domain.validation import MAX_ITEMS, MAX_NAME
from reps_ledger.errors import InvalidInput, NotFound, Refused
from reps_ledger.ledger.core import Attribution, Core, Moment
from reps_ledger.log import Receipt
from reps_ledger.policies.documents import digest, dumps
from reps_ledger.policies.policy import Notice, Policy
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.views import DocketItem, DocketView, View
from reps_ledger.views.explain import Link, Tracer, recorder_of

_BATCH: Final = 1_000
_DONE: Final = frozenset({"review_exists", "already_stated"})

R = TypeVar("R", ReviewOpened, ReviewDecided)


def open_reviews(
    core: Core,
    policy: Policy | str,
    *,
    by: str,
    at: date | None,
    due: date | None,
    outcomes: Iterable[str] | None,
    occurred_at: date | None,
) -> DocketView:
    """Open a review of each member with an outcome to review, and state the policy once."""
    view = core.as_of(at)
    found = view.policy(policy)
    flagged = _flagged(found, outcomes)
    opened_at = core.instant(occurred_at)
    waiting = {item.member for item in core.as_of(opened_at).docket(found.name)}
    named = digest(found)
    if core.as_of().stated_policy(named) is None:
        stated = PolicyStated(
            policy=found.name, version=found.version, document=dumps(found, "json"), digest=named
        )
        _record(core, [stated], by, opened_at)
    facts = (
        ReviewOpened(
            member=member,
            review=_identifier(found.name, _day(view), member),
            policy=found.name,
            due=due,  # a date until it is recorded
            digest=named,
            as_of=view.valid_at,
        )
        for member, outcome in view.outcomes(found).items()
        if outcome in flagged and member not in waiting
    )
    for batch in _batches(facts):
        _record(core, batch, by, opened_at)
    return core.as_of(opened_at).docket(found.name, evaluated_at=view.valid_at)


def _flagged(policy: Policy, outcomes: Iterable[str] | None) -> frozenset[str]:
    if policy.of != "member":
        raise InvalidInput(f"{policy.name} is about communities; reviews are of members")
    if outcomes is None:
        return frozenset(policy.scale[1:] or policy.outcomes)
    wanted = frozenset(outcomes)
    if unknown := sorted(wanted - set(policy.outcomes)):
        outcomes = ", ".join(policy.outcomes)
        raise InvalidInput(f"{policy.name} has no outcome {unknown[0]!r}; it has {outcomes}")
    return wanted


def _batches(facts: Iterable[Fact]) -> Iterator[list[Fact]]:
    batch: list[Fact] = []
    for fact in facts:
        batch.append(fact)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _record(core: Core, facts: list[Fact], by: str, occurred_at: date) -> tuple[Entry, ...]:
    """Record facts, passing over reviews and policies that somebody recorded meanwhile."""
    while facts:
        try:
            return core.record([(fact, occurred_at) for fact in facts], Attribution(by=by)).entries
        except Refused as refused:
            done = {r.index for r in refused.refusals if r.code in _DONE}
            if {r.index for r in refused.refusals} != done:
                raise
            facts = [fact for index, fact in enumerate(facts) if index not in done]
    return ()


def _day(view: View) -> str:
    return view.day(view.valid_at).isoformat()


def _identifier(*parts: str) -> str:
    """Make an identifier of parts: their text, or where that is too long, an id derived from it."""
    text = "/".join(parts)
    return text if len(text) <= MAX_NAME else derived_id(text, 0)


def send_notices(
    core: Core,
    policy: Policy | str,
    *,
    by: str,
    at: date | None,
    channel: str | None,
    occurred_at: date | None,
) -> tuple[Entry, ...]:
    """Record the notices that a policy plans for the outcomes that members have."""
    view = core.as_of(at)
    found = view.policy(policy)
    sent_at = core.instant(occurred_at)
    # Outstanding at the instant that is looked at, or at that of sending, where they differ.
    views = [view] if sent_at == view.valid_at else [view, core.as_of(sent_at)]
    waiting = {(sent.member, sent.stage) for each in views for sent in each.docket(found.name).notices}
    day = _day(view)
    planned: list[tuple[str, Notice, str]] = []
    for member, outcome in view.outcomes(found).items():
        plan = found.notice_for(outcome)
        if plan is not None and (member, plan.stage) not in waiting:
            name = _identifier(found.name, plan.stage, day, member)
            planned.append((name, plan, member))
    sent_before = _sent(core, [name for name, *_ in planned])
    facts: list[Fact] = []
    for name, plan, member in planned:
        if name in sent_before:
            continue
        width = plan.answer_within
        facts.append(
            NoticeSent(
                member=member,
                notice=name,
                stage=plan.stage,
                policy=found.name,
                channel=channel,
                deadline=None if width is None else width.after(sent_at, core.zone),
            )
        )
    recorded: list[Entry] = []
    for batch in _batches(facts):
        recorded += core.record([(fact, sent_at) for fact in batch], Attribution(by=by)).entries
    return tuple(recorded)


def _sent(core: Core, notices: Iterable[str]) -> set[str]:
    """Return which of some notices were recorded."""
    wanted = {f"notice:{notice}": notice for notice in notices}
    sources = [Source(tag, frozenset({"notice.sent"})) for tag in wanted]
    return {wanted[tag] for entry in core.log.read_any(sources) for tag in entry.tags if tag in wanted}


def decide(
    core: Core,
    review: str | DocketItem,
    outcome: str,
    reason: str,
    *,
    by: str,
    occurred_at: date | None,
    on_behalf_of: str | None,
    known_at: Moment,
) -> Receipt:
    """Record a decision, with what the policy recommended and on what evidence."""
    at = core.instant(occurred_at)
    if isinstance(review, DocketItem):
        if known_at is not None:
            raise InvalidInput(
                "an item of a docket is decided by what that docket knew; give the review's "
                "identifier to decide it by what was known at another position",
                field="known_at",
            )
        name, member, verdict = review.review, review.member, review.verdict
    else:
        name = review
        member, verdict = _recommended(core, name, at, known_at)
    if not reason.strip():
        raise InvalidInput("a decision needs a reason", field="reason")
    if verdict is not None and outcome not in verdict.policy.outcomes:
        possible = ", ".join(verdict.policy.outcomes)
        words = f"{verdict.policy.name} has no outcome {outcome!r}; it has {possible}"
        raise InvalidInput(words, field="outcome")
    fact = ReviewDecided(member=member, review=name, outcome=outcome, reason=reason)
    if verdict is not None:
        fact = ReviewDecided(
            member=member,
            review=name,
            outcome=outcome,
            reason=reason,
            basis=verdict.known_at,
            policy_version=verdict.policy.version,
            digest=digest(verdict.policy),
            recommended=verdict.outcome,
            evidence=verdict.evidence[-MAX_ITEMS:],
            as_of=verdict.at,
            zone=zone_name(verdict.zone),
        )
    return core.record([(fact, at)], Attribution(by=by, on_behalf_of=on_behalf_of))


def _recommended(core: Core, review: str, at: datetime, known_at: Moment) -> tuple[str, Verdict | None]:
    """Return whom a review is of, and what its policy recommends; None where its words are not known.

    Args:
        core: the ledger.
        review: its identifier.
        at: when it is decided: what a review that records no instant is evaluated at.
        known_at: what is known; None for what was known when the review was opened, as its opening
            reads now, or for everything where it records no instant.
    """
    opened = standing_entry(core, review, ReviewOpened)
    about = opened.fact.as_of
    if known_at is None and about is not None:
        known_at = opened.position
    view = core.as_of(at if about is None else about, known_at)
    policy = core.as_of(view.valid_at).words_of(opened.fact)
    if policy is None:
        return opened.fact.member, None
    return opened.fact.member, view.evaluate(policy, _known_as(core, opened.fact, view.known_at))


def _known_as(core: Core, fact: ReviewOpened | ReviewDecided, known_at: int) -> str:
    """Return as whom the member of a review was known at a position: merges that came later were not."""
    with suppress(NotFound):  # a decision that was imported may name a basis at which nothing was opened
        return standing_entry(core, fact.review, ReviewOpened, known_at).fact.member
    return fact.member


def standing_entry(core: Core, review: str, kind: type[R], known_at: Moment = None) -> Entry[R]:
    """Return the entry that opened or decided a review, as it is read at a position: None for now.

    Raises:
        NotFound: there is none that stands.
    """
    source = Source(f"review:{review}", frozenset({"review.opened", "review.decided", "entry.corrected"}))
    reading = core.reading(known_at)
    told = (each.fact for each in core.found(source))
    facts = map(stated, told)
    for member in dict.fromkeys(fact.member for fact in facts if isinstance(fact, kind)):
        for entry in reading.member(member)[1]:
            if isinstance(entry.fact, kind) and entry.fact.review == review:
                return entry
    what = "decided" if kind is ReviewDecided else "opened"
    raise NotFound(f"no review {review} was {what}")


def _about(core: Core, fact: ReviewDecided, entry: Entry[ReviewDecided]) -> datetime:
    """Return the instant that a decision is about: its own, or its review's, or when it was made.

    Args:
        core: the ledger.
        fact: the decision as it was recorded.
        entry: the decision as it is read now.
    """
    if fact.as_of is not None:
        return fact.as_of
    with suppress(NotFound):  # the opening may have been retracted since
        about = standing_entry(core, fact.review, ReviewOpened).fact.as_of
        if about is not None:
            return about
    return entry.occurred_at


@frozen(kw_only=True)
class Replayed:
    """A decision, with its recommendation made again from what was known then.

    Attributes:
        review: which review.
        member: of whom.
        decided: what people decided.
        reason: why.
        by: who decided.
        recommended: what the policy recommended, as recorded with the decision.
        verdict: of the same policy, evaluated now at the decision's basis.
        reproduced: whether its outcome and evidence are those recorded with the decision.
        followed: whether people decided what was recommended.
    """

    review: str
    member: str
    decided: str
    reason: str
    by: str
    recommended: str | None
    verdict: Verdict
    reproduced: bool
    followed: bool

    def words(self) -> str:
        """Return it in words."""
        policy = f"{self.verdict.policy.name}, version {self.verdict.policy.version},"
        if self.recommended is None:
            first = f"{policy} comes to {self.verdict.outcome}; no recommendation was recorded"
        elif self.reproduced:
            first = f"{policy} recommended {self.recommended}, and does so again"
        else:
            first = (
                f"{policy} recommended {self.recommended} as recorded, "
                f"but comes to {self.verdict.outcome} when replayed"
            )
        how = "as recommended" if self.followed else "otherwise"
        return f"{self.review}: {first}. {self.by} decided {how}: {self.decided} ({self.reason})."

    def __str__(self) -> str:
        return self.words()


def replay_decision(core: Core, review: str) -> Replayed:
    """Evaluate a decision's policy again, as of what was known at its basis."""
    entry = standing_entry(core, review, ReviewDecided)
    fact = _as_recorded(core.entry(entry.id))
    if fact.basis is None or fact.digest is None:
        raise NotFound(f"the decision of {review} does not say by which policy it was made")
    policy = core.as_of().stated_policy(fact.digest)
    if policy is None:
        raise NotFound(
            f"the words of the policy with digest {fact.digest} are not recorded; "
            "record them as policy.stated"
        )
    at = _about(core, fact, entry)
    zone = core.zone if fact.zone is None else zone_of(fact.zone)
    member = _known_as(core, fact, fact.basis)
    verdict = core.as_of(at, known_at=fact.basis).in_zone(zone).evaluate(policy, member)
    same = verdict.outcome == fact.recommended
    return Replayed(
        review=review,
        member=fact.member,
        decided=fact.outcome,
        reason=fact.reason,
        by=entry.by,
        recommended=fact.recommended,
        verdict=verdict,
        reproduced=same and verdict.evidence[-MAX_ITEMS:] == fact.evidence,
        followed=fact.outcome == fact.recommended,
    )


def _as_recorded(entry: Entry) -> ReviewDecided:
    """Return a decision as it was recorded: merges that came later are not of its basis."""
    decided = stated(entry.fact)
    assert isinstance(decided, ReviewDecided), "only entries that read as decisions are given"
    return decided


@frozen(kw_only=True)
class Evidence:
    """One entry that a decision rested on.

    Attributes:
        link: the entry as it was read at the decision's basis.
        since: its corrections and retractions after that, in order.
    """

    link: Link
    since: tuple[Entry, ...] = ()


@frozen(kw_only=True)
class DecisionAudit:
    """A decision, the evidence that it rested on, and what was learned since.

    Attributes:
        review: which review.
        member: of whom.
        decided: what people decided.
        reason: why.
        by: who recorded it, and for whom.
        decision: the entry of the decision, as it was recorded.
        at: the instant of which the recommendation was made; the decision's where there is none.
        basis: the last position that was known; None where the decision does not say.
        evidence: the entries that it rested on, as they were read at the basis.
        replayed: the recommendation made again at the basis; None where the decision does not
            name its policy, or the policy's document is not recorded.
        learned: entries about the time before ``at`` that were recorded, corrected or retracted
            after the basis.
        now: the verdict of the same policy at the same instant, by all that is known now.
        zone: the time zone of the days in its words.
    """

    review: str
    member: str
    decided: str
    reason: str
    by: str
    decision: Entry = field(repr=False)
    at: datetime
    basis: int | None
    evidence: tuple[Evidence, ...] = field(repr=False)
    replayed: Replayed | None = field(repr=False)
    learned: tuple[Link, ...] = field(repr=False)
    now: Verdict | None = field(repr=False)
    zone: tzinfo = field(repr=False)

    @property
    def would_differ(self) -> bool | None:
        """Whether the recommendation would be another one now; None where it cannot be made."""
        if self.now is None or self.replayed is None:
            return None
        return self.now.outcome != self.replayed.verdict.outcome

    def words(self) -> str:
        """Return it in words."""
        day = local_day(self.decision.occurred_at, self.zone)
        what = f"{self.review}: {self.decided} ({self.reason}), decided of {self.member} on {day}"
        lines = [f"{what}, recorded by {self.by}, position {self.decision.position}"]
        if self.replayed is None:
            lines.append("By which policy it was made, or the policy's words, is not recorded.")
        else:
            lines += [self.replayed.words(), *self.replayed.verdict.words().splitlines()]
        if self.basis is not None:
            lines.append(f"Its evidence, as it stood at position {self.basis}:")
        for each in self.evidence:
            lines += [f"  {line}" for line in each.link.lines(self.zone)]
            for amended in each.since:
                kind = "corrected" if isinstance(amended.fact, EntryCorrected) else "retracted"
                lines.append(
                    f"    {kind} after the decision, by {recorder_of(amended)}, position "
                    f"{amended.position}: {amended.fact.reason}"
                )
        if self.basis is not None:
            nothing = "Nothing was learned since of that time."
            lines.append("What is known now, and was not then:" if self.learned else nothing)
        for link in self.learned:
            lines += [f"  {line}" for line in link.lines(self.zone)]
        if self.now is not None:
            would = "otherwise" if self.would_differ else "the same"
            lines.append(f"By what is known now it would be {would}: {self.now.outcome}")
        return "\n".join(map(printable, lines))

    def __str__(self) -> str:
        return self.words()


def audit_decision(core: Core, review: str) -> DecisionAudit:
    """Return what a decision rested on, as it was read then, and what is known now."""
    standing = standing_entry(core, review, ReviewDecided)
    decision = core.entry(standing.id)
    fact = _as_recorded(decision)
    at = _about(core, fact, standing)
    zone = core.zone if fact.zone is None else zone_of(fact.zone)
    try:
        replayed: Replayed | None = replay_decision(core, review)
    except NotFound:
        replayed = None
    now = core.as_of(at).in_zone(zone)
    basis = fact.basis
    return DecisionAudit(
        review=review,
        member=standing.fact.member,
        decided=fact.outcome,
        reason=fact.reason,
        by=recorder_of(decision),
        decision=decision,
        at=at,
        basis=basis,
        evidence=() if basis is None else _evidence(core, fact, at, zone, now),
        replayed=replayed,
        learned=() if basis is None else _learned(now, review, standing.fact.member, basis),
        now=None if replayed is None else now.evaluate(replayed.verdict.policy, fact.member),
        zone=zone,
    )


def _evidence(core: Core, fact: ReviewDecided, at: datetime, zone: tzinfo, now: View) -> tuple[Evidence, ...]:
    then = core.as_of(at, known_at=fact.basis).in_zone(zone)
    tracer, later = _tracer(then, fact.member), _tracer(now, fact.member)
    roots = tracer.add(fact.evidence)
    later.add(roots)
    opened = core.log.codec.opened_entry
    since = {
        entry.id: tuple(opened(each) for each in amended if each.position > then.known_at)
        for entry, _, amended in later.chains()
    }
    return tuple(
        Evidence(link=tracer.link(entry, reads, amended), since=since.get(entry.id, ()))
        for entry, reads, amended in tracer.chains()
        if entry.id in roots
    )


def _learned(now: View, review: str, member: str, basis: int) -> tuple[Link, ...]:
    tracer = _tracer(now, member)
    found = []
    for entry, reads, amended in tracer.chains():
        late = entry.position > basis
        if getattr(entry.fact, "review", None) == review or (late and reads is None):
            continue
        news = late or any(each.position > basis for each in amended)
        if news and (reads or entry).occurred_at <= now.valid_at:
            found.append(tracer.link(entry, reads, amended))
    return tuple(found)


def _tracer(view: View, member: str) -> Tracer:
    kept, standing = view.reading.member(member)
    return Tracer(view.reading, view.zone, kept, standing)
