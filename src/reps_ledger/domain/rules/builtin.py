"""Rules about who belongs, and under which names.

Rules about communities, reports, opportunities, courses and agreements.

Rules about leave, notices, applications, reviews, exemptions, charters and policies.

Seats: a role that only so many people may hold at once.

Rules about vouches, roles and mentors.

Every rule, by the stored name of the facts that it judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import (
    Fact,
    NoticeSent,
    Registry,
    ReportFiled,
    ReviewDecided,
    ReviewOpened,
    RoleAssigned,
)
from reps_ledger.domain.rules.charters import Governance
from reps_ledger.domain.rules.folds import (
    ACCOUNT,
    APPLICATIONS,
    COMMUNITY,
    LIFE,
    MENTORING,
    NOTICE,
    OPPORTUNITY,
    POLICY,
    REPORT,
    REVIEW,
    TARGET,
    VOUCH,
    MemberState,
    account_names,
)
from reps_ledger.domain.rules.parts import Fold, Known, Parts, Rule, pair_key
from reps_ledger.domain.rules.phrases import day_of, must_be_member, place, refuse
from reps_ledger.errors import ConfigurationError, Refusal


def life_of(fact: Any, _known: Known) -> Parts:
    """Name the part that most rules depend on: the member's life."""
    return (LIFE.part(fact.member),)


def member_only(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    """Refuse what is said of somebody who is not a member."""
    fact: Any = entry.fact
    return must_be_member(life, fact.member, entry)


def _parts_of_joining(fact: Any, _known: Known) -> Parts:
    life = LIFE.part(fact.member)
    if fact.account is None:
        return (life,)
    return (life, ACCOUNT.part(*account_names(fact)))


def _joining(entry: Entry, life: MemberState, account: Entry | None = None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if life.joined is not None:
        yield refuse(
            "already_joined",
            f"{fact.member} joined on {day_of(life.joined)}: once a member, for ever a member",
            life.joined,
        )
    if account is not None:
        yield from _not_taken(fact.member, fact.account, account)


def _not_taken(member: str, account: str, link: Entry) -> Iterator[Refusal]:
    holder: Any = link.fact
    if holder.member == member:
        yield refuse("already_linked", f"{account} is {member}'s already", link)
    else:
        yield refuse("account_taken", f"{account} is the account of {holder.member}", link)


def _retiring(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if life.retired is not None:
        yield refuse(
            "already_retired", f"{fact.member} retired on {day_of(life.retired)}", life.retired
        )


def _returning(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if life.joined is not None and life.retired is None:
        yield refuse("not_retired", f"{fact.member} is not retired, so cannot return")


def _parts_of_account(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), ACCOUNT.part(*account_names(fact)))


def _linking(entry: Entry, life: MemberState, account: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if account is not None:
        yield from _not_taken(fact.member, f"{fact.account} at {fact.provider}", account)


def _unlinking(entry: Entry, life: MemberState, account: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    holder: Any = None if account is None else account.fact
    if holder is None or holder.member != fact.member:
        yield refuse(
            "not_linked", f"{fact.account} at {fact.provider} is not {fact.member}'s", account
        )


def _both_lives(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), LIFE.part(fact.duplicate))


def _merging(entry: Entry, member: MemberState, duplicate: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.member == fact.duplicate:
        yield refuse("same_person", f"{fact.member} cannot be merged with themselves")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(duplicate, fact.duplicate, entry)


def _life_if_a_person(fact: Fact, _known: Known) -> Parts:
    member = getattr(fact, "member", None)
    return (LIFE.part(member),) if isinstance(member, str) else ()


def _member_if_a_person(entry: Entry, *lives: MemberState) -> Iterator[Refusal]:
    for life in lives:
        yield from member_only(entry, life)


def custom(name: str) -> Rule:
    """Make the rule of a service's own fact: whom it calls ``member`` must be one."""
    return Rule(name=name, parts=_life_if_a_person, judge=_member_if_a_person)


PEOPLE = (
    Rule(name="member.joined", parts=_parts_of_joining, judge=_joining),
    Rule(name="member.retired", parts=life_of, judge=_retiring),
    Rule(name="member.returned", parts=life_of, judge=_returning),
    Rule(name="account.linked", parts=_parts_of_account, judge=_linking),
    Rule(name="account.unlinked", parts=_parts_of_account, judge=_unlinking),
    Rule(name="members.merged", parts=_both_lives, judge=_merging),
    Rule(name="members.unmerged", parts=_both_lives),
    Rule(name="affiliation.started", parts=life_of, judge=member_only),
    Rule(name="affiliation.ended", parts=life_of, judge=member_only),
    Rule(name="member.erased", parts=life_of, judge=member_only),
)
"""The rules of ``domain/facts/people.py``, and of erasure."""


def _founding_parts(fact: Any, _known: Known) -> Parts:
    own = COMMUNITY.part(fact.community)
    return (own,) if fact.parent is None else (own, COMMUNITY.part(fact.parent))


def _founding(entry: Entry, own: Entry | None, *parents: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if own is not None:
        yield refuse("community_exists", f"{fact.community} was founded on {day_of(own)}", own)
    if parents and (parents[0] is None or fact.parent == fact.community):
        yield refuse(
            "no_parent",
            f"{fact.parent} had not been founded on {day_of(entry)}; "
            "record community.founded of it first",
        )


def _entering(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    since = life.communities.get(fact.community)
    if since is not None:
        yield refuse(
            "already_in_community",
            f"{fact.member} is in {fact.community} since {day_of(since)}",
            since,
        )


def _leaving(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.community not in life.communities:
        yield refuse("not_in_community", f"{fact.member} was not in {fact.community}")


def _reporting(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if entry.occurred_at > entry.recorded_at and not fact.announced:
        yield refuse(
            "in_the_future",
            f"{day_of(entry)} is still to come; a report of what is planned says announced",
        )


def _report_parts(fact: Any, _known: Known) -> Parts:
    return (REPORT.part(fact.report),)


def _verifying(entry: Entry, target: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    report: Any = None if target is None else target.fact
    if not isinstance(report, ReportFiled) or report.member != fact.member:
        yield refuse("no_report", f"{fact.report} is no standing report of {fact.member}", target)
    if fact.verifier == fact.member:
        yield refuse("self_verification", f"{fact.member} cannot verify their own report", target)


def _holding_parts(fact: Any, _known: Known) -> Parts:
    return (OPPORTUNITY.part(fact.opportunity),)


def _taking_parts(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), OPPORTUNITY.part(fact.opportunity))


def _taking(entry: Entry, life: MemberState, held: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if held is None:
        yield refuse("no_opportunity", f"{fact.opportunity} had not been held on {day_of(entry)}")


def _completing(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    before = life.courses.get((fact.course, fact.version))
    if before is not None:
        yield refuse(
            "already_completed",
            f"{fact.member} completed {fact.course} on {day_of(before)}",
            before,
        )


def _revoking(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if (fact.agreement, fact.version) not in life.agreements:
        yield refuse("not_accepted", f"{fact.member} has not accepted {fact.agreement}")


ACTIVITY = (
    Rule(name="community.founded", parts=_founding_parts, judge=_founding),
    Rule(name="community.joined", parts=life_of, judge=_entering),
    Rule(name="community.left", parts=life_of, judge=_leaving),
    Rule(name="report.filed", parts=life_of, judge=_reporting),
    Rule(name="report.verified", parts=_report_parts, judge=_verifying),
    Rule(name="opportunity.held", parts=_holding_parts),
    Rule(name="opportunity.taken", parts=_taking_parts, judge=_taking),
    Rule(name="course.completed", parts=life_of, judge=_completing),
    Rule(name="agreement.accepted", parts=life_of, judge=member_only),
    Rule(name="agreement.revoked", parts=life_of, judge=_revoking),
)
"""The rules of ``domain/facts/activity.py`` and ``domain/facts/activity.py``."""


_THAT_DAY: Final = timedelta(days=1)
"""The day of its adoption will do as a charter's effective date; it governs from its adoption."""


def _going(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if fact.expected_return is not None and fact.expected_return <= entry.occurred_at:
        yield refuse(
            "return_before_start", f"a leave from {day_of(entry)} cannot end before it starts"
        )
    since = life.on_leave(entry.occurred_at)
    if since is not None:
        yield refuse("on_leave", f"{fact.member} is on leave since {day_of(since)}", since)


def _coming_back(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    # A leave that lapsed may still be closed: that is how reconciliation is satisfied.
    fact: Any = entry.fact
    if life.leave is None:
        yield refuse("not_on_leave", f"{fact.member} was not on leave on {day_of(entry)}")


def _notice_parts(fact: Any, _known: Known) -> Parts:
    return (NOTICE.part(fact.notice),)


def _answering(entry: Entry, sent: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    notice = None if sent is None else sent.fact
    if not isinstance(notice, NoticeSent) or notice.member != fact.member:
        yield refuse("no_notice", f"notice {fact.notice} was not sent to {fact.member}", sent)


def _application_parts(fact: Any, _known: Known) -> Parts:
    return (APPLICATIONS.part(fact.member),)


def _deciding_application(
    entry: Entry, applications: Mapping[tuple[str, str | None], Entry]
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if (fact.role, fact.community) not in applications:
        yield refuse(
            "no_application",
            f"{fact.member} has no open application for {place(fact.role, fact.community)}",
        )


def _review_parts(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), REVIEW.part(fact.review))


def _opening(entry: Entry, life: MemberState, review: tuple[Entry, ...]) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if review:
        yield refuse(
            "review_exists", f"review {fact.review} was opened on {day_of(review[0])}", *review
        )


def _deciding(entry: Entry, _life: MemberState, review: tuple[Entry, ...]) -> Iterator[Refusal]:
    fact: Any = entry.fact
    opened = [e for e in review if isinstance(e.fact, ReviewOpened)]
    if not any(e.fact.member == fact.member for e in opened if isinstance(e.fact, ReviewOpened)):
        yield refuse("no_review", f"no review {fact.review} of {fact.member} is open", *opened)
    decided = [e for e in review if isinstance(e.fact, ReviewDecided)]
    if decided:
        yield refuse(
            "already_decided", f"review {fact.review} was decided on {day_of(decided[0])}", *decided
        )


def _adopting(entry: Entry) -> Iterator[Refusal]:
    fact: Any = entry.fact
    since = fact.effective_from
    if since is not None and since < entry.occurred_at - _THAT_DAY:
        yield refuse(
            "retroactive",
            f"a charter adopted on {day_of(entry)} cannot govern from {since.date()}: "
            "it never judges the past",
        )


def _policy_parts(fact: Any, _known: Known) -> Parts:
    return (POLICY.part(fact.digest),)


def _stating(_entry: Entry, stated: Entry | None) -> Iterator[Refusal]:
    if stated is not None:
        before: Any = stated.fact
        yield refuse(
            "already_stated",
            f"{before.policy} {before.version} was stated on {day_of(stated)} "
            f"under the digest {before.digest}",
            stated,
        )


REVIEWS = (
    Rule(name="leave.started", parts=life_of, judge=_going),
    Rule(name="leave.ended", parts=life_of, judge=_coming_back),
    Rule(name="notice.sent", parts=_notice_parts),
    Rule(name="notice.answered", parts=_notice_parts, judge=_answering),
    Rule(name="application.filed", parts=_application_parts),
    Rule(name="application.decided", parts=_application_parts, judge=_deciding_application),
    Rule(name="review.opened", parts=_review_parts, judge=_opening),
    Rule(name="review.decided", parts=_review_parts, judge=_deciding),
    Rule(name="exemption.granted", parts=life_of, judge=member_only),
    Rule(name="charter.adopted", judge=_adopting),
    Rule(name="policy.stated", parts=_policy_parts, judge=_stating),
)
"""The rules of ``domain/facts/reviews.py`` and ``domain/facts/governance.py``."""


def seat_names(role: str, community: str | None) -> tuple[str, str]:
    """Return what names a role in a community."""
    return role, community or ""


def _occupy(state: Mapping[str, Entry], entry: Entry, key: str) -> Mapping[str, Entry]:
    fact = entry.fact
    if isinstance(fact, RoleAssigned) and pair_key(*seat_names(fact.role, fact.community)) == key:
        return {**state, fact.member: entry}
    return state


SEAT: Final[Fold[Mapping[str, Entry]]] = Fold(
    prefix="role", types=frozenset({"role.assigned"}), initial=MappingProxyType({}), evolve=_occupy
)
"""Everyone who was ever given a role in a community.

Every assignment is found under its tag, also where no rule counts seats: one may come later.
"""


def seats(role: str, community: str | None = None, *, limit: int) -> Rule:
    """Make a rule: at most ``limit`` people hold a role at once.

    Pass it to ``open(…, rules=[…])``. It counts everybody who holds the role, whether or not
    it was in force when they were given it. It holds however many record at the same time.

    Args:
        role: which role.
        community: in which community, or None for a role of the whole programme.
        limit: how many seats there are, from 1.
    """
    part = SEAT.part(*seat_names(role, community))

    def applies(fact: Any) -> bool:
        return bool(fact.role == role and fact.community == community)

    def parts(fact: Fact, known: Known) -> Parts:
        if not applies(fact):
            return ()
        ever = known.state(part) or {}
        return (part, *(LIFE.part(member) for member in ever))

    def judge(entry: Entry, *states: Any) -> Iterator[Refusal]:
        fact: Any = entry.fact
        lives: tuple[MemberState, ...] = states[1:]
        holding = [
            held
            for life in lives
            if life.member != fact.member
            and (held := life.held(role, community, entry.occurred_at)) is not None
        ]
        if applies(fact) and len(holding) >= limit:
            yield refuse(
                "no_seat",
                f"{place(role, community)} has {limit} seat{'' if limit == 1 else 's'}, all taken",
                *holding,
            )

    return Rule(name="role.assigned", parts=parts, judge=judge, dynamic=True)


def _vouch_parts(fact: Any, _known: Known) -> Parts:
    pair = VOUCH.part(fact.voucher, fact.member)
    return (LIFE.part(fact.member), LIFE.part(fact.voucher), pair)


def _vouching(
    entry: Entry, member: MemberState, voucher: MemberState, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.member == fact.voucher:
        yield refuse("self_vouch", f"{fact.member} cannot vouch for themselves")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(voucher, fact.voucher, entry)
    if standing is not None:
        yield refuse(
            "already_vouched",
            f"{fact.voucher} vouched for {fact.member} on {day_of(standing)}, and it stands",
            standing,
        )


def _withdrawing(
    _entry: Entry, _member: MemberState, _voucher: MemberState, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = _entry.fact
    if standing is None:
        yield refuse("no_vouch", f"{fact.voucher} has no standing vouch for {fact.member}")


def _assigning(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if fact.until is not None and fact.until <= entry.occurred_at:
        yield refuse(
            "until_before_start", f"a term that starts on {day_of(entry)} cannot end before it"
        )
    held = life.held(fact.role, fact.community, entry.occurred_at)
    if held is not None:
        yield refuse(
            "role_held",
            f"{fact.member} holds {place(fact.role, fact.community)} since {day_of(held)}",
            held,
        )


def _ending(entry: Entry, life: MemberState) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if life.held(fact.role, fact.community, entry.occurred_at) is None:
        yield refuse(
            "role_not_held",
            f"{fact.member} did not hold {place(fact.role, fact.community)} on {day_of(entry)}",
            life.roles.get((fact.role, fact.community)),
        )


def _mentor_parts(fact: Any, _known: Known) -> Parts:
    pair = MENTORING.part(fact.mentor, fact.member)
    return (LIFE.part(fact.member), LIFE.part(fact.mentor), pair)


def _mentoring(
    entry: Entry, member: MemberState, mentor: MemberState, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.member == fact.mentor:
        yield refuse("self_mentor", f"{fact.member} cannot be their own mentor")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(mentor, fact.mentor, entry)
    if standing is not None:
        yield refuse(
            "already_mentor",
            f"{fact.mentor} is {fact.member}'s mentor since {day_of(standing)}",
            standing,
        )


def _releasing(
    entry: Entry, _member: MemberState, _mentor: MemberState, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if standing is None:
        yield refuse("no_mentor", f"{fact.mentor} is not {fact.member}'s mentor")


STANDING = (
    Rule(name="vouch.given", parts=_vouch_parts, judge=_vouching),
    Rule(name="vouch.withdrawn", parts=_vouch_parts, judge=_withdrawing),
    Rule(name="role.assigned", parts=life_of, judge=_assigning),
    Rule(name="role.ended", parts=life_of, judge=_ending),
    Rule(name="role.asserted"),
    Rule(name="mentor.assigned", parts=_mentor_parts, judge=_mentoring),
    Rule(name="mentor.released", parts=_mentor_parts, judge=_releasing),
)
"""The rules of ``domain/facts/activity.py`` and ``domain/facts/roles.py``."""


def _target_parts(fact: Any, _known: Known) -> Parts:
    return (TARGET.part(fact.target),)


# Corrections are judged by the world itself, as they change the very history to judge by.
_CORRECTIONS = (
    Rule(name="entry.retracted", parts=_target_parts),
    Rule(name="entry.corrected", parts=_target_parts),
)

BUILT_IN_RULES: tuple[Rule, ...] = (*PEOPLE, *STANDING, *ACTIVITY, *REVIEWS, *_CORRECTIONS)
"""One rule for every built-in kind of fact."""


class Rulebook:
    """The rules in force in one ledger.

    Args:
        registry: the facts that the ledger knows.
        extra: rules of the service's own, which only ever refuse more.
        governance: what is asked of new entries only, after the rules.

    Attributes:
        governance: as given. `of` never includes it, as it does not judge the past.
        dynamic: whether any rule names parts by what is known.
        led: whether what is known decides what else must be known, by such a rule or by
            governance: then that is asked for once more right before a fact is judged.

    Raises:
        ConfigurationError: an extra rule judges a fact that the ledger does not know; or
            something is no rule, or no governance.
    """

    def __init__(
        self, registry: Registry, extra: Iterable[Rule] = (), governance: Governance | None = None
    ) -> None:
        if not isinstance(governance, Governance | None):
            raise ConfigurationError(f"governance must be a Governance, not {governance!r:.80}")
        self.governance = governance
        self.dynamic = False
        self._rules: dict[str, tuple[Rule, ...]] = {r.name: (r,) for r in BUILT_IN_RULES}
        for described in registry:
            name = described.kind.name
            self._rules.setdefault(name, (custom(name),))
        for rule in extra:
            if not isinstance(rule, Rule):
                raise ConfigurationError(f"rules must be Rule values, not {rule!r:.80}")
            if rule.name not in self._rules:
                raise ConfigurationError(
                    f"a rule judges {rule.name}, which this ledger does not know; "
                    "pass its class to open(…, facts=[…])"
                )
            self._rules[rule.name] += (rule,)
            self.dynamic = self.dynamic or rule.dynamic
        self.led = self.dynamic or governance is not None

    def of(self, fact: Fact) -> tuple[Rule, ...]:
        """Return the rules that judge a fact."""
        return self._rules[fact.__fact__.name]  # type: ignore[attr-defined]  # of every fact
