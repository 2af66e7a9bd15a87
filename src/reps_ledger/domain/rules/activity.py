"""Rules about communities, reports, opportunities, courses and agreements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.facts import ReportFiled
from reps_ledger.domain.rules.machines import COMMUNITY, LIFE, OPPORTUNITY, REPORT, Life
from reps_ledger.domain.rules.parts import Known, Parts, Rule
from reps_ledger.domain.rules.people import life_of, member_only
from reps_ledger.domain.rules.words import day_of, must_be_member, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.refusals import Refusal

__all__ = ["ACTIVITY"]


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


def _entering(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    since = life.communities.get(fact.community)
    if since is not None:
        yield refuse(
            "already_in_community",
            f"{fact.member} is in {fact.community} since {day_of(since)}",
            since,
        )


def _leaving(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.community not in life.communities:
        yield refuse("not_in_community", f"{fact.member} was not in {fact.community}")


def _reporting(entry: Entry, life: Life) -> Iterator[Refusal]:
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


def _taking(entry: Entry, life: Life, held: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if held is None:
        yield refuse("no_opportunity", f"{fact.opportunity} had not been held on {day_of(entry)}")


def _completing(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    before = life.courses.get((fact.course, fact.version))
    if before is not None:
        yield refuse(
            "already_completed",
            f"{fact.member} completed {fact.course} on {day_of(before)}",
            before,
        )


def _revoking(entry: Entry, life: Life) -> Iterator[Refusal]:
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
"""The rules of ``domain/facts/activity.py`` and ``domain/facts/learning.py``."""
