"""The built-in rules: for every kind of fact, when one may not be recorded.

A rule has two functions. One names the parts of the log that the rule depends on (see
`Part`); the other, the judge, takes the entry that would be recorded and the states of those
parts at its ``occurred_at``, and yields refusals. Rules are grouped as the facts are:
people, standing (vouches, roles, mentors), activity, reviews, corrections. `seats` makes a
rule that a service may add. `Rulebook` finds the rules of a fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, timedelta, tzinfo
from types import MappingProxyType
from typing import Final, Protocol

from reps_ledger.domain import facts as f
from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact, Registry
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.open_reviews import OpenReviews
from reps_ledger.domain.rules.accounts import ACCOUNTS, account_parts, judge_account
from reps_ledger.domain.rules.charters import Governance
from reps_ledger.domain.rules.folds import (
    APPLICATIONS,
    APPLIED,
    COMMUNITY,
    COMMUNITY_FORM,
    COMMUNITY_MENTIONS,
    DECLARATION,
    JOINED,
    MEMBER,
    MEMBER_NAME,
    MEMBER_OF_BEFORE,
    MENTORING,
    NOTICE,
    OPEN_REVIEWS,
    OPPORTUNITY,
    POLICY,
    REPORT,
    REVIEW,
    TARGET,
    VOUCH,
    AccountState,
    MemberState,
    latest,
)
from reps_ledger.domain.rules.parts import Fold, Known, Part, Parts, Rule, pair_key
from reps_ledger.domain.rules.phrases import alike, day_at, day_of, must_be_member, place, refuse
from reps_ledger.domain.rules.voids import VOIDING
from reps_ledger.domain.shown import shown
from reps_ledger.domain.spans import SpanFold
from reps_ledger.errors import ConfigurationError, Refusal


class _OfMember(Protocol):
    """A fact about a member."""

    @property
    def member(self) -> str: ...


def member_part(fact: _OfMember, _known: Known) -> Parts:
    """Return the part that most rules depend on: the member's state."""
    return (MEMBER.part(fact.member),)


def judge_member(entry: Entry, member: MemberState) -> Iterator[Refusal]:
    """Refuse a fact about somebody who is not a member."""
    return must_be_member(member, entry.fact.member, entry)


def _joining_parts(fact: f.MemberJoined, _known: Known) -> Parts:
    form = canonical_name(fact.member)
    parts: Parts = (MEMBER.part(fact.member), MEMBER_NAME.part(form), MEMBER_OF_BEFORE.part(form))
    return parts if fact.account is None else (*parts, *account_parts(fact))


def naming_parts(fact: Fact, known: Known) -> Parts:
    """Return the parts that say whether a community's name reads like another's.

    The second is of what was recorded before entries had tags of canonical forms, which need be read only
    where it decides: whether the community itself was there, or, of a new one, that whose name is the form.
    """
    community = getattr(fact, "community", None)
    if community is None or isinstance(fact, f.RoleAsserted):
        return ()  # a roster's claim is never refused
    form = canonical_name(community)
    part = COMMUNITY_FORM.part(form)
    names = known.state(part)
    if names is None or community in names or (not names and form == community):
        return (part,)
    return (part, COMMUNITY_MENTIONS.part(community if names else form))


def _judge_naming(entry: Entry, names: Mapping[str, Entry], before: Entry | None = None) -> Iterator[Refusal]:
    community = entry.fact.community
    if community in names:
        return
    if not names and before is not None:
        yield alike(community, before.fact.community, before)
    elif names and before is None:
        other, first = next(iter(names.items()))
        yield alike(community, other, first)


NAMING: Final = Rule(name="", parts=naming_parts, judge=_judge_naming)
"""The rule of every fact that names a community: a new one does not read like another."""


def _judge_joined(
    entry: Entry[f.MemberJoined],
    member: MemberState,
    named: Entry[f.MemberJoined] | None,
    before: MemberState,
    *accounts: AccountState,
) -> Iterator[Refusal]:
    fact = entry.fact
    other = named or before.joined
    if other is not None and member.joined is None and other.fact.member != fact.member:
        yield alike(fact.member, other.fact.member, other)
    if member.joined is not None:
        yield refuse(
            "already_joined",
            f"{fact.member} joined on {day_of(member.joined)}: once a member, for ever a member",
            member.joined,
        )
    yield from judge_account(fact.member, fact.account or "", "", *accounts)


def _judge_retired(entry: Entry[f.MemberRetired], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    retired = member.retired
    if retired is not None:
        yield refuse("already_retired", f"{fact.member} retired on {day_of(retired)}", retired)


def _judge_returned(entry: Entry[f.MemberReturned], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    if member.joined is not None and member.retired is None:
        yield refuse("not_retired", f"{fact.member} is not retired, so cannot return")


def _both_members(fact: f.MembersMerged | f.MembersUnmerged, known: Known) -> Parts:
    """Return by which the two identifiers joined; only where one did not, all of that person's.

    Somebody may have been merged into it who did join. What was merged before is seldom worth reading.
    """
    found: list[Part] = []
    for name in (fact.member, fact.duplicate):
        own = JOINED.part(name)
        found.append(own)
        if known.state(own) == ():
            found.append(MEMBER.part(name))
    return tuple(found)


def _judge_merged(
    entry: Entry[f.MembersMerged], *states: tuple[Entry, ...] | MemberState
) -> Iterator[Refusal]:
    fact = entry.fact
    if fact.member == fact.duplicate:
        yield refuse("same_person", f"{fact.member} cannot be merged with themselves")
        return
    names = iter((fact.member, fact.duplicate))
    name = ""
    for state in states:
        if isinstance(state, MemberState):  # right after that of the identifier, which did not join
            yield from must_be_member(state, name, entry)
        else:
            name = next(names)


def _member_if_named(fact: Fact, _known: Known) -> Parts:
    member = getattr(fact, "member", None)
    return (MEMBER.part(member),) if isinstance(member, str) else ()


def _judge_named_member(entry: Entry, *members: MemberState) -> Iterator[Refusal]:
    for member in members:
        yield from judge_member(entry, member)


def custom(name: str) -> Rule:
    """Make the rule of a service's own fact: a person in its field ``member`` must be one."""
    return Rule(name=name, parts=_member_if_named, judge=_judge_named_member)


def _erasing_parts(fact: f.MemberErased, _known: Known) -> Parts:
    return (MEMBER.part(fact.member), APPLIED.part(fact.member))


def _judge_erased(
    entry: Entry[f.MemberErased], member: MemberState, applied: Entry | None
) -> Iterator[Refusal]:
    if applied is None:  # who applied may ask for it, whether they became a member or not
        yield from judge_member(entry, member)


PEOPLE = (
    Rule(name="member.joined", parts=_joining_parts, judge=_judge_joined),
    Rule(name="member.retired", parts=member_part, judge=_judge_retired),
    Rule(name="member.returned", parts=member_part, judge=_judge_returned),
    *ACCOUNTS,
    Rule(name="members.merged", parts=_both_members, judge=_judge_merged, dynamic=True),
    Rule(name="members.unmerged", parts=_both_members, dynamic=True),
    Rule(name="affiliation.started", parts=member_part, judge=judge_member),
    Rule(name="affiliation.ended", parts=member_part, judge=judge_member),
    Rule(name="organisation.described"),
    Rule(name="access.given"),
    Rule(name="text.redacted"),
    Rule(name="member.profiled", parts=member_part, judge=judge_member),
    Rule(name="member.erased", parts=_erasing_parts, judge=_judge_erased),
)
"""The rules of joining, retiring, accounts, merges, affiliations, profiles and erasure."""


def _founding_parts(fact: f.CommunityFounded, _known: Known) -> Parts:
    own = COMMUNITY.part(fact.community)
    return (own,) if fact.parent is None else (own, COMMUNITY.part(fact.parent))


def _judge_founded(
    entry: Entry[f.CommunityFounded], own: Entry | None, *parents: Entry | None
) -> Iterator[Refusal]:
    fact = entry.fact
    if own is not None:
        yield refuse("community_exists", f"{fact.community} was founded on {day_of(own)}", own)
    if parents and (parents[0] is None or fact.parent == fact.community):
        yield refuse(
            "no_parent",
            f"{fact.parent} had not been founded on {day_of(entry)}; record community.founded of it first",
        )


def _judge_community_joined(entry: Entry[f.CommunityJoined], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    since = member.latest("community.joined", fact.community)
    if since is not None:
        yield refuse(
            "already_in_community", f"{fact.member} is in {fact.community} since {day_of(since)}", since
        )


def _judge_community_left(entry: Entry[f.CommunityLeft], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    if member.latest("community.joined", fact.community) is None:
        yield refuse("not_in_community", f"{fact.member} was not in {fact.community}")


def _judge_report(entry: Entry[f.ReportFiled], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    if entry.occurred_at > entry.recorded_at and not fact.announced:
        yield refuse(
            "in_the_future", f"{day_of(entry)} is still to come; a report of what is planned says announced"
        )


def _report_parts(fact: f.ReportVerified, _known: Known) -> Parts:
    return (REPORT.part(fact.report),)


def _judge_verification(entry: Entry[f.ReportVerified], target: Entry | None) -> Iterator[Refusal]:
    fact = entry.fact
    report = None if target is None else target.fact
    if not isinstance(report, f.ReportFiled) or report.member != fact.member:
        yield refuse("no_report", f"{fact.report} is no standing report of {fact.member}", target)
    if fact.verifier == fact.member:
        yield refuse("self_verification", f"{fact.member} cannot verify their own report", target)


def _opportunity_parts(fact: f.OpportunityHeld, _known: Known) -> Parts:
    return (OPPORTUNITY.part(fact.opportunity),)


def _taking_parts(fact: f.OpportunityTaken, _known: Known) -> Parts:
    return (MEMBER.part(fact.member), OPPORTUNITY.part(fact.opportunity))


def _judge_taken(
    entry: Entry[f.OpportunityTaken], member: MemberState, held: Mapping[str, Entry]
) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    if not held or (fact.kind is not None and fact.kind not in held):
        kind = "" if fact.kind is None else f" as a {fact.kind}"
        yield refuse("no_opportunity", f"{fact.opportunity} had not been held{kind} on {day_of(entry)}")


def _judge_completed(entry: Entry[f.CourseCompleted], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    before = member.courses.get((fact.course, fact.version))
    if before is not None:
        yield refuse(
            "already_completed", f"{fact.member} completed {fact.course} on {day_of(before)}", before
        )


def _judge_revoked(entry: Entry[f.AgreementRevoked], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    if member.latest("agreement.accepted", fact.agreement, fact.version) is None:
        yield refuse("not_accepted", f"{fact.member} has not accepted {fact.agreement}")


ACTIVITY = (
    Rule(name="community.founded", parts=_founding_parts, judge=_judge_founded),
    Rule(name="community.joined", parts=member_part, judge=_judge_community_joined),
    Rule(name="community.described"),
    Rule(name="community.left", parts=member_part, judge=_judge_community_left),
    Rule(name="report.filed", parts=member_part, judge=_judge_report),
    Rule(name="report.verified", parts=_report_parts, judge=_judge_verification),
    Rule(name="opportunity.held", parts=_opportunity_parts),
    Rule(name="opportunity.taken", parts=_taking_parts, judge=_judge_taken),
    Rule(name="course.completed", parts=member_part, judge=_judge_completed),
    Rule(name="agreement.accepted", parts=member_part, judge=judge_member),
    Rule(name="agreement.revoked", parts=member_part, judge=_judge_revoked),
)
"""The rules of communities, reports, opportunities, courses and agreements."""


_ONE_DAY: Final = timedelta(days=1)
"""How far a charter's effective date may lie before its adoption.

People give the date on which the council met; the charter governs from its adoption even so.
"""


def _judge_leave_started(entry: Entry[f.LeaveStarted], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    if fact.expected_return is not None and fact.expected_return <= entry.occurred_at:
        yield refuse("return_before_start", f"a leave from {day_of(entry)} cannot end before it starts")
    since = member.running("leave.started", entry.occurred_at)
    if since is not None:
        yield refuse("on_leave", f"{fact.member} is on leave since {day_of(since)}", since)


def _judge_leave_ended(entry: Entry[f.LeaveEnded], member: MemberState) -> Iterator[Refusal]:
    # A leave that lapsed may still be closed: that is how reconciliation is satisfied.
    fact = entry.fact
    if member.leave is None:
        yield refuse("not_on_leave", f"{fact.member} was not on leave on {day_of(entry)}")


def _notice_parts(fact: f.NoticeSent | f.NoticeAnswered, _known: Known) -> Parts:
    return (NOTICE.part(fact.notice),)


def _judge_answer(entry: Entry[f.NoticeAnswered], sent: Entry[f.NoticeSent] | None) -> Iterator[Refusal]:
    fact = entry.fact
    if sent is None or sent.fact.member != fact.member:
        yield refuse("no_notice", f"notice {fact.notice} was not sent to {fact.member}", sent)


def _application_parts(fact: f.ApplicationFiled | f.ApplicationDecided, _known: Known) -> Parts:
    return (APPLICATIONS.part(fact.member),)


def _filing_parts(fact: f.ApplicationFiled, known: Known) -> Parts:
    # Whoever applied may be erased: a part is named by every fact that is in it.
    return (*_application_parts(fact, known), APPLIED.part(fact.member))


def _judge_application_decided(
    entry: Entry[f.ApplicationDecided], applications: Mapping[tuple[str, str | None], Entry]
) -> Iterator[Refusal]:
    fact = entry.fact
    if (fact.role, fact.community) not in applications:
        yield refuse(
            "no_application", f"{fact.member} has no open application for {place(fact.role, fact.community)}"
        )


def _opening_parts(fact: f.ReviewOpened, _known: Known) -> Parts:
    return (MEMBER.part(fact.member), REVIEW.part(fact.review), OPEN_REVIEWS.part(fact.member))


def _deciding_parts(fact: f.ReviewDecided, _known: Known) -> Parts:
    return (OPEN_REVIEWS.part(fact.member), REVIEW.part(fact.review))


def _judge_review_opened(
    entry: Entry[f.ReviewOpened], member: MemberState, review: tuple[Entry, ...], _open: OpenReviews
) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    if review:
        yield refuse("review_exists", f"review {fact.review} was opened on {day_of(review[0])}", *review)


def _judge_review_decided(
    entry: Entry[f.ReviewDecided], still: OpenReviews, review: tuple[Entry, ...]
) -> Iterator[Refusal]:
    fact = entry.fact
    opened = [e for e in review if isinstance(e.fact, f.ReviewOpened)]
    if not any(e.fact.member == fact.member for e in opened):
        yield refuse("no_review", f"no review {fact.review} of {fact.member} is open", *opened)
    decided = [e for e in review if isinstance(e.fact, f.ReviewDecided)]
    if decided:
        yield refuse("already_decided", f"review {fact.review} was decided on {day_of(decided[0])}", *decided)
    elif opened and fact.review not in still and opened[0].fact.member == fact.member:
        yield refuse(
            "already_decided",
            f"review {fact.review} was decided with another of {fact.member}, who has several identifiers",
            *opened,
        )


def _judge_adopted(entry: Entry[f.CharterAdopted]) -> Iterator[Refusal]:
    fact = entry.fact
    since = fact.effective_from
    if since is not None and since < entry.occurred_at - _ONE_DAY:
        yield refuse(
            "retroactive",
            f"a charter adopted on {day_of(entry)} cannot govern from {day_at(since)}: "
            "it never judges the past",
        )


def _declaration_parts(_fact: f.LedgerDeclared, _known: Known) -> Parts:
    return (DECLARATION.part("ledger.declared"),)


def _judge_declared(
    entry: Entry[f.LedgerDeclared], declared: Entry[f.LedgerDeclared] | None
) -> Iterator[Refusal]:
    fact = entry.fact
    if declared is not None and declared.fact.ledger != fact.ledger:
        before = declared.fact
        yield refuse(
            "another_ledger",
            f"this is the ledger {before.ledger}, whose days are read in {before.zone}; "
            f"{fact.ledger}, in {fact.zone}, is another",
            declared,
        )
    if declared is not None and declared.fact.seals and not fact.seals:
        yield refuse(
            "seals", "this ledger seals personal texts, and goes on to: declare it with seals", declared
        )


def _policy_parts(fact: f.PolicyStated, _known: Known) -> Parts:
    return (POLICY.part(fact.digest),)


def _judge_stated(_entry: Entry[f.PolicyStated], stated: Entry[f.PolicyStated] | None) -> Iterator[Refusal]:
    if stated is not None:
        before = stated.fact
        yield refuse(
            "already_stated",
            f"{before.policy} {before.version} was stated on {day_of(stated)} "
            f"under the digest {before.digest}",
            stated,
        )


REVIEWS = (
    Rule(name="leave.started", parts=member_part, judge=_judge_leave_started),
    Rule(name="leave.ended", parts=member_part, judge=_judge_leave_ended),
    Rule(name="notice.sent", parts=_notice_parts),
    Rule(name="notice.answered", parts=_notice_parts, judge=_judge_answer),
    Rule(name="application.filed", parts=_filing_parts),
    Rule(name="application.decided", parts=_application_parts, judge=_judge_application_decided),
    Rule(name="review.opened", parts=_opening_parts, judge=_judge_review_opened),
    Rule(name="review.decided", parts=_deciding_parts, judge=_judge_review_decided),
    Rule(name="exemption.granted", parts=member_part, judge=judge_member),
    Rule(name="charter.adopted", judge=_judge_adopted),
    Rule(name="ledger.declared", parts=_declaration_parts, judge=_judge_declared),
    Rule(name="policy.stated", parts=_policy_parts, judge=_judge_stated),
)
"""The rules of leave, notices, applications, reviews, exemptions, charters, policies and declarations."""


def seat_names(role: str, community: str | None) -> tuple[str, str]:
    """Return the names of a seat's key: a role in a community, "" for the whole programme."""
    return role, community or ""


def _occupy(state: Mapping[str, Entry], entry: Entry, key: str) -> Mapping[str, Entry]:
    fact = entry.fact
    if isinstance(fact, f.RoleAssigned) and pair_key(*seat_names(fact.role, fact.community)) == key:
        return {**state, fact.member: entry}
    return state


SEAT: Final[Fold[Mapping[str, Entry]]] = Fold(
    prefix="role", types=frozenset({"role.assigned"}), initial=MappingProxyType({}), evolve=_occupy
)
"""Everyone who was ever given a role in a community, with their latest assignment.

Every assignment is tagged for it, also where no rule counts seats: a rule may be added later.
"""


@checked
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

    def applies(fact: f.RoleAssigned) -> bool:
        return fact.role == role and fact.community == community

    def parts(fact: f.RoleAssigned, known: Known) -> Parts:
        if not applies(fact):
            return ()
        ever = known.state(part) or {}
        return (part, *(MEMBER.part(member) for member in ever))

    def judge(entry: Entry[f.RoleAssigned], _ever: object = None, *members: MemberState) -> Iterator[Refusal]:
        fact = entry.fact
        holding = [
            held
            for member in members
            if member.member != fact.member
            and (held := member.held(role, community, entry.occurred_at)) is not None
        ]
        if applies(fact) and len(holding) >= limit:
            yield refuse(
                "no_seat",
                f"{place(role, community)} has {limit} seat{'' if limit == 1 else 's'}, all taken",
                *holding,
            )

    return Rule(name="role.assigned", parts=parts, judge=judge, dynamic=True)


def _vouch_parts(fact: f.Vouched | f.VouchWithdrawn, _known: Known) -> Parts:
    pair = VOUCH.part(fact.voucher, fact.member)
    return (MEMBER.part(fact.member), MEMBER.part(fact.voucher), pair)


def _judge_vouched(
    entry: Entry[f.Vouched], member: MemberState, voucher: MemberState, pair: SpanFold
) -> Iterator[Refusal]:
    fact = entry.fact
    if fact.member == fact.voucher:
        yield refuse("self_vouch", f"{fact.member} cannot vouch for themselves")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(voucher, fact.voucher, entry)
    standing = latest(pair, "vouch.given")
    if standing is not None:
        yield refuse(
            "already_vouched",
            f"{fact.voucher} vouched for {fact.member} on {day_of(standing)}, and it stands",
            standing,
        )


def _judge_vouch_withdrawn(
    entry: Entry[f.VouchWithdrawn], _member: MemberState, _voucher: MemberState, pair: SpanFold
) -> Iterator[Refusal]:
    fact = entry.fact
    if latest(pair, "vouch.given") is None:
        yield refuse("no_vouch", f"{fact.voucher} has no standing vouch for {fact.member}")


def _judge_role_assigned(entry: Entry[f.RoleAssigned], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    if fact.until is not None and fact.until <= entry.occurred_at:
        yield refuse("until_before_start", f"a term that starts on {day_of(entry)} cannot end before it")
    held = member.held(fact.role, fact.community, entry.occurred_at)
    if held is not None:
        yield refuse(
            "role_held", f"{fact.member} holds {place(fact.role, fact.community)} since {day_of(held)}", held
        )


def _judge_role_ended(entry: Entry[f.RoleEnded], member: MemberState) -> Iterator[Refusal]:
    fact = entry.fact
    if member.held(fact.role, fact.community, entry.occurred_at) is None:
        yield refuse(
            "role_not_held",
            f"{fact.member} did not hold {place(fact.role, fact.community)} on {day_of(entry)}",
            member.latest("role.assigned", fact.role, fact.community),
        )


def _mentor_parts(fact: f.MentorAssigned | f.MentorReleased, _known: Known) -> Parts:
    pair = MENTORING.part(fact.mentor, fact.member)
    return (MEMBER.part(fact.member), MEMBER.part(fact.mentor), pair)


def _judge_mentor_assigned(
    entry: Entry[f.MentorAssigned], member: MemberState, mentor: MemberState, pair: SpanFold
) -> Iterator[Refusal]:
    fact = entry.fact
    if fact.member == fact.mentor:
        yield refuse("self_mentor", f"{fact.member} cannot be their own mentor")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(mentor, fact.mentor, entry)
    standing = latest(pair, "mentor.assigned")
    if standing is not None:
        yield refuse(
            "already_mentor", f"{fact.mentor} is {fact.member}'s mentor since {day_of(standing)}", standing
        )


def _judge_mentor_released(
    entry: Entry[f.MentorReleased], _member: MemberState, _mentor: MemberState, pair: SpanFold
) -> Iterator[Refusal]:
    fact = entry.fact
    if latest(pair, "mentor.assigned") is None:
        yield refuse("no_mentor", f"{fact.mentor} is not {fact.member}'s mentor")


STANDING = (
    Rule(name="vouch.given", parts=_vouch_parts, judge=_judge_vouched),
    Rule(name="vouch.withdrawn", parts=_vouch_parts, judge=_judge_vouch_withdrawn),
    Rule(name="role.assigned", parts=member_part, judge=_judge_role_assigned),
    Rule(name="role.ended", parts=member_part, judge=_judge_role_ended),
    Rule(name="role.asserted"),
    Rule(name="mentor.assigned", parts=_mentor_parts, judge=_judge_mentor_assigned),
    Rule(name="mentor.released", parts=_mentor_parts, judge=_judge_mentor_released),
)
"""The rules of vouches, roles and mentors."""


def _target_parts(fact: f.EntryRetracted | f.EntryCorrected, _known: Known) -> Parts:
    return (TARGET.part(fact.target),)


# `Judge` itself judges corrections and voids, as they change the very history to judge by.
_CORRECTIONS = (
    VOIDING,
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
        zone: in which refusals say days; what is refused does not depend on it.

    Attributes:
        governance: as given. `of` never includes it, as it does not judge the past.

    Raises:
        ConfigurationError: an extra rule judges a fact that the ledger does not know; or
            something is no rule, or no governance.
    """

    def __init__(
        self,
        registry: Registry,
        extra: Iterable[Rule] = (),
        governance: Governance | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        if not isinstance(governance, Governance | None):
            raise ConfigurationError(f"governance must be a Governance, not {shown(governance)}")
        self.governance = governance
        self.zone = zone
        self._rules: dict[str, tuple[Rule, ...]] = {r.name: (r,) for r in BUILT_IN_RULES}
        for described in registry:
            name = described.kind.name
            self._rules.setdefault(name, (custom(name),))
        for rule in extra:
            if not isinstance(rule, Rule):
                raise ConfigurationError(f"rules must be Rule values, not {shown(rule)}")
            if rule.name not in self._rules:
                raise ConfigurationError(
                    f"a rule judges {rule.name}, which this ledger does not know; "
                    "pass its class to open(…, facts=[…])"
                )
            self._rules[rule.name] += (rule,)

    def of(self, fact: Fact) -> tuple[Rule, ...]:
        """Return the rules that judge a fact."""
        return self._rules[fact.__fact__.name]  # type: ignore[attr-defined]  # of every fact

    def adds_to(self, fact: Fact) -> bool:
        """Whether rules of the service's own judge a fact, beside the one that every kind has."""
        return len(self.of(fact)) > 1
