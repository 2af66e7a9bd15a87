"""The timeline: one member's history in words, a line for each entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, Protocol

from attrs import frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import kind_of
from reps_ledger.domain.sealed import SEALED, Sealed
from reps_ledger.domain.time import local_day
from reps_ledger.projections.projection import Projection


class _Placed(Protocol):
    @property
    def community(self) -> str | None: ...


class _Reasoned(Protocol):
    @property
    def reason(self) -> str: ...


class _Versioned(Protocol):
    @property
    def version(self) -> str | None: ...


@frozen(kw_only=True)
class Line:
    """One line of a timeline.

    Attributes:
        at: when it happened.
        day: on which day.
        words: what happened, in words.
        by: who recorded it.
        entry: the entry's id.
        corrected: whether the entry is a correction of another.
    """

    at: datetime
    day: date
    words: str
    by: str
    entry: str
    corrected: bool


def timeline(member: str, zone: tzinfo = UTC) -> Projection[tuple[Line, ...]]:
    """Make the projection of one member's timeline, with days of a zone."""

    def evolve(lines: tuple[Line, ...], entry: Entry) -> tuple[Line, ...]:
        return (*lines, _line(entry, member, zone))

    return Projection(name="timeline", version=1, initial=(), evolve=evolve)


def _line(entry: Entry, member: str, zone: tzinfo) -> Line:
    return Line(
        at=entry.occurred_at,
        day=entry.day or local_day(entry.occurred_at, zone),
        words=words_for(entry, member, zone),
        by=entry.by,
        entry=entry.id,
        corrected=entry.is_correction,
    )


def words_for(entry: Entry, member: str, zone: tzinfo = UTC) -> str:
    """Return in words what happened, from a member's point of view, with days of a zone."""
    write = _WORDS.get(type(entry.fact))
    if write is None:
        return kind_of(entry.fact).name.replace(".", " ").replace("_", " ")
    return write(entry.fact, member, zone)


def _in(fact: _Placed) -> str:
    return f" in {fact.community}" if fact.community is not None else ""


def _because(fact: _Reasoned) -> str:
    return f": {fact.reason}" if fact.reason else ""


def _account(fact: f.AccountLinked | f.AccountUnlinked) -> str:
    """Return an account's name; where it was not opened, not the token that stands for it."""
    return SEALED if isinstance(fact.account, Sealed) else fact.account


def _until(moment: datetime | None, zone: tzinfo, word: str = "until") -> str:
    """Return a phrase with the day of an instant; empty for None."""
    return f" {word} {local_day(moment, zone).isoformat()}" if moment is not None else ""


def _by(moment: datetime | None, zone: tzinfo, word: str) -> str:
    """Return a phrase with the last day before an instant: ends of days are starts of the next."""
    last = moment - timedelta(microseconds=1) if moment is not None else None
    return _until(last, zone, word)


def _joined(fact: f.MemberJoined, _: str, _zone: tzinfo) -> str:
    how = " (inferred from the first mention)" if fact.inferred else ""
    return f"joined as {fact.kind}{how}"


def _vouched(fact: f.Vouched, member: str, _zone: tzinfo) -> str:
    if fact.voucher == member:
        return f"vouched for {fact.member}{_because(fact)}"
    return f"was vouched for by {fact.voucher}{_because(fact)}"


def _withdrew(fact: f.VouchWithdrawn, member: str, _zone: tzinfo) -> str:
    if fact.voucher == member:
        return f"withdrew the vouch for {fact.member}{_because(fact)}"
    return f"lost the vouch of {fact.voucher}{_because(fact)}"


def _merged(fact: f.MembersMerged, member: str, _zone: tzinfo) -> str:
    other = fact.duplicate if fact.member == member else fact.member
    return f"was found to be the same person as {other}{_because(fact)}"


def _unmerged(fact: f.MembersUnmerged, member: str, _zone: tzinfo) -> str:
    other = fact.duplicate if fact.member == member else fact.member
    return f"was found not to be {other} after all{_because(fact)}"


def _reported(fact: f.ReportFiled, _: str, _zone: tzinfo) -> str:
    verb = "announced" if fact.announced else "reported"
    about = f" about {', '.join(fact.areas)}" if fact.areas else ""
    return f"{verb} {fact.activity}{_in(fact)}{about}"


def _verified(fact: f.ReportVerified, member: str, _zone: tzinfo) -> str:
    if fact.verifier == member:
        return f"verified a report of {fact.member}"
    return f"a report was verified by {fact.verifier}"


def _mentored(fact: f.MentorAssigned, member: str, _zone: tzinfo) -> str:
    if fact.mentor == member:
        return f"became mentor of {fact.member}"
    return f"was given {fact.mentor} as mentor"


def _released(fact: f.MentorReleased, member: str, _zone: tzinfo) -> str:
    if fact.mentor == member:
        return f"is no longer mentor of {fact.member}"
    return f"no longer has {fact.mentor} as mentor"


def _on_leave(fact: f.LeaveStarted, member: str, zone: tzinfo) -> str:
    if fact.member != member:
        return f"stands in for {fact.member}, who is on leave"
    cover = f", covered by {fact.covered_by}" if fact.covered_by else ""
    return f"went on leave{_until(fact.expected_return, zone)}{cover}"


def _applied(fact: f.ApplicationFiled, member: str, _zone: tzinfo) -> str:
    if fact.member != member:
        return f"was named as a reference by {fact.member}"
    return f"applied to be {fact.role}{_in(fact)}"


def _noted(fact: f.MemberProfiled | f.CommunityDescribed | f.OrganisationDescribed) -> str:
    # Never what it says: a timeline is read by more people than a profile.
    return f"{fact.field} was {'removed' if fact.value is None else 'recorded'}"


def _edition(fact: _Versioned) -> str:
    return f" {fact.version}" if fact.version is not None else ""


_WORDS: Final[Mapping[type, Callable[[Any, str, tzinfo], str]]] = {
    f.MemberJoined: _joined,
    f.MemberRetired: lambda x, _, _z: f"retired ({x.how}){_because(x)}; a member all along",
    f.MemberReturned: lambda x, _, _z: f"came back{_because(x)}",
    f.AccountLinked: lambda x, _, _z: f"was linked to the account {_account(x)} at {x.provider}",
    f.AccountUnlinked: lambda x, _, _z: f"was unlinked from {_account(x)} at {x.provider}",
    f.MembersMerged: _merged,
    f.MembersUnmerged: _unmerged,
    f.AffiliationStarted: lambda x, _, _z: f"began at {x.organisation}",
    f.AffiliationEnded: lambda x, _, _z: f"left {x.organisation}",
    f.MemberProfiled: lambda x, _, _z: f"their {_noted(x)}",
    f.CommunityDescribed: lambda x, _, _z: f"of the community {x.community} the {_noted(x)}",
    f.OrganisationDescribed: lambda x, _, _z: f"of the organisation {x.organisation} the {_noted(x)}",
    f.Vouched: _vouched,
    f.VouchWithdrawn: _withdrew,
    f.RoleAssigned: lambda x, _, z: f"became {x.role}{_in(x)}{_until(x.until, z)}{_because(x)}",
    f.RoleEnded: lambda x, _, _z: f"ceased to be {x.role}{_in(x)} ({x.how}){_because(x)}",
    f.RoleAsserted: lambda x, _, _z: (
        f"a roster {'lists them' if x.held else 'does not list them'} as {x.role}{_in(x)}"
    ),
    f.MentorAssigned: _mentored,
    f.MentorReleased: _released,
    f.CommunityJoined: lambda x, _, _z: f"joined {x.community}",
    f.CommunityLeft: lambda x, _, _z: f"left {x.community}",
    f.ReportFiled: _reported,
    f.ReportVerified: _verified,
    f.OpportunityTaken: lambda x, _, _z: f"took part in {x.opportunity}",
    f.CourseCompleted: lambda x, _, _z: f"completed the course {x.course}{_edition(x)}",
    f.AgreementAccepted: lambda x, _, _z: f"accepted {x.agreement}{_edition(x)}",
    f.AgreementRevoked: lambda x, _, _z: f"is no longer party to {x.agreement}{_edition(x)}",
    f.LeaveStarted: _on_leave,
    f.LeaveEnded: lambda _x, _, _z: "came back from leave",
    f.NoticeSent: lambda x, _, z: f"was sent {x.stage} {x.notice}{_by(x.deadline, z, 'to answer by')}",
    f.NoticeAnswered: lambda x, _, _z: f"answered {x.notice}",
    f.ApplicationFiled: _applied,
    f.ApplicationDecided: lambda x, _, _z: f"application to be {x.role}{_in(x)}: {x.outcome}{_because(x)}",
    f.ReviewOpened: lambda x, _, z: f"review {x.review} was opened{_by(x.due, z, 'due')}",
    f.ReviewDecided: lambda x, _, _z: f"review {x.review} was decided: {x.outcome}{_because(x)}",
    f.ExemptionGranted: lambda x, _, z: (
        f"was exempted from {x.policy}{_by(x.expires, z, 'until')}{_because(x)}"
    ),
    f.EntryVoided: lambda x, _, _z: (
        f"what is at position {x.target_position} cannot be read, and was voided{_because(x)}"
    ),
    f.AccessGiven: lambda _x, _, _z: "was given all that is held about them",
    f.MemberErased: lambda _x, _, _z: "asked for their personal texts to be erased",
    f.TextRedacted: lambda x, _, _z: f"sealed texts of {len(x.entries)} entries were destroyed",
}
