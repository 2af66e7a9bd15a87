"""The timeline: one member's life in the programme, in words."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.facts import kind_of
from reps_ledger.projections.projection import Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reps_ledger.domain.entries import Entry

__all__ = ["Line", "timeline", "words_for"]


@frozen(kw_only=True)
class Line:
    """One line of a timeline.

    Attributes:
        at: when it happened.
        day: on which day.
        words: what happened, in words.
        by: who recorded it.
        entry: the entry's id.
        corrected: whether it stands in the place of what was recorded first.
    """

    at: datetime
    day: date
    words: str
    by: str
    entry: str
    corrected: bool


def timeline(member: str) -> Projection[tuple[Line, ...]]:
    """Make the projection of one member's timeline."""

    def evolve(lines: tuple[Line, ...], entry: Entry) -> tuple[Line, ...]:
        return (*lines, _line(entry, member))

    return Projection(name="timeline", version=1, initial=(), evolve=evolve)


def _line(entry: Entry, member: str) -> Line:
    return Line(
        at=entry.occurred_at,
        day=entry.day or entry.occurred_at.date(),
        words=words_for(entry, member),
        by=entry.by,
        entry=entry.id,
        corrected=entry.is_correction,
    )


def words_for(entry: Entry, member: str) -> str:
    """Say what happened, as seen by a member."""
    write = _WORDS.get(type(entry.fact))
    if write is None:
        return kind_of(entry.fact).name.replace(".", " ").replace("_", " ")
    return write(entry.fact, member)


def _in(fact: Any) -> str:
    return f" in {fact.community}" if fact.community is not None else ""


def _because(fact: Any) -> str:
    return f": {fact.reason}" if fact.reason else ""


def _until(moment: datetime | None, word: str = "until") -> str:
    return f" {word} {moment.date().isoformat()}" if moment is not None else ""


def _joined(fact: f.MemberJoined, _: str) -> str:
    how = " (inferred from the first mention)" if fact.inferred else ""
    return f"joined as {fact.kind}{how}"


def _vouched(fact: f.Vouched, member: str) -> str:
    if fact.voucher == member:
        return f"vouched for {fact.member}{_because(fact)}"
    return f"was vouched for by {fact.voucher}{_because(fact)}"


def _withdrew(fact: f.VouchWithdrawn, member: str) -> str:
    if fact.voucher == member:
        return f"withdrew the vouch for {fact.member}{_because(fact)}"
    return f"lost the vouch of {fact.voucher}{_because(fact)}"


def _merged(fact: f.MembersMerged, member: str) -> str:
    other = fact.duplicate if fact.member == member else fact.member
    return f"was found to be the same person as {other}{_because(fact)}"


def _unmerged(fact: f.MembersUnmerged, member: str) -> str:
    other = fact.duplicate if fact.member == member else fact.member
    return f"was found not to be {other} after all{_because(fact)}"


def _reported(fact: f.ReportFiled, _: str) -> str:
    verb = "announced" if fact.announced else "reported"
    about = f" about {', '.join(fact.areas)}" if fact.areas else ""
    return f"{verb} {fact.activity}{_in(fact)}{about}"


def _verified(fact: f.ReportVerified, member: str) -> str:
    if fact.verifier == member:
        return f"verified a report of {fact.member}"
    return f"a report was verified by {fact.verifier}"


def _mentored(fact: f.MentorAssigned, member: str) -> str:
    if fact.mentor == member:
        return f"became mentor of {fact.member}"
    return f"was given {fact.mentor} as mentor"


def _released(fact: f.MentorReleased, member: str) -> str:
    if fact.mentor == member:
        return f"is no longer mentor of {fact.member}"
    return f"no longer has {fact.mentor} as mentor"


def _on_leave(fact: f.LeaveStarted, member: str) -> str:
    if fact.member != member:
        return f"stands in for {fact.member}, who is on leave"
    cover = f", covered by {fact.covered_by}" if fact.covered_by else ""
    return f"went on leave{_until(fact.expected_return)}{cover}"


def _applied(fact: f.ApplicationFiled, member: str) -> str:
    if fact.member != member:
        return f"was named as a reference by {fact.member}"
    return f"applied to be {fact.role}{_in(fact)}"


def _edition(fact: Any) -> str:
    return f" {fact.version}" if fact.version is not None else ""


_WORDS: Final[Mapping[type, Callable[[Any, str], str]]] = {
    f.MemberJoined: _joined,
    f.MemberRetired: lambda x, _: f"retired ({x.how}){_because(x)}; a member all along",
    f.MemberReturned: lambda x, _: f"came back{_because(x)}",
    f.AccountLinked: lambda x, _: f"was linked to the account {x.account} at {x.provider}",
    f.AccountUnlinked: lambda x, _: f"was unlinked from {x.account} at {x.provider}",
    f.MembersMerged: _merged,
    f.MembersUnmerged: _unmerged,
    f.AffiliationStarted: lambda x, _: f"began at {x.organisation}",
    f.AffiliationEnded: lambda x, _: f"left {x.organisation}",
    f.Vouched: _vouched,
    f.VouchWithdrawn: _withdrew,
    f.RoleAssigned: lambda x, _: f"became {x.role}{_in(x)}{_until(x.until)}{_because(x)}",
    f.RoleEnded: lambda x, _: f"ceased to be {x.role}{_in(x)} ({x.how}){_because(x)}",
    f.RoleAsserted: lambda x, _: (
        f"a roster {'lists them' if x.held else 'does not list them'} as {x.role}{_in(x)}"
    ),
    f.MentorAssigned: _mentored,
    f.MentorReleased: _released,
    f.CommunityJoined: lambda x, _: f"joined {x.community}",
    f.CommunityLeft: lambda x, _: f"left {x.community}",
    f.ReportFiled: _reported,
    f.ReportVerified: _verified,
    f.OpportunityTaken: lambda x, _: f"took part in {x.opportunity}",
    f.CourseCompleted: lambda x, _: f"completed the course {x.course}{_edition(x)}",
    f.AgreementAccepted: lambda x, _: f"accepted {x.agreement}{_edition(x)}",
    f.AgreementRevoked: lambda x, _: f"is no longer party to {x.agreement}{_edition(x)}",
    f.LeaveStarted: _on_leave,
    f.LeaveEnded: lambda _x, _: "came back from leave",
    f.NoticeSent: lambda x, _: f"was sent {x.stage} {x.notice}{_until(x.deadline, 'to answer by')}",
    f.NoticeAnswered: lambda x, _: f"answered {x.notice}",
    f.ApplicationFiled: _applied,
    f.ApplicationDecided: lambda x, _: (
        f"application to be {x.role}{_in(x)}: {x.outcome}{_because(x)}"
    ),
    f.ReviewOpened: lambda x, _: f"review {x.review} was opened{_until(x.due, 'due')}",
    f.ReviewDecided: lambda x, _: f"review {x.review} was decided: {x.outcome}{_because(x)}",
    f.ExemptionGranted: lambda x, _: (
        f"was exempted from {x.policy}{_until(x.expires)}{_because(x)}"
    ),
    f.MemberErased: lambda _x, _: "asked for their personal texts to be erased",
}
