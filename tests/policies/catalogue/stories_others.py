"""Worked histories under the rules of Discourse, NiFi, Wikipedia, Fedora, GNOME and Debian."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import reps_ledger as rl
from policies.catalogue.forum import forum, reviewed
from policies.catalogue.worked import Says, Told, Worked, around, asked, at, reported, told

__all__ = ["STORIES"]


def _joined(*members: str) -> tuple[Told, ...]:
    return tuple(told(rl.MemberJoined(member=member), date(2005, 1, 1)) for member in members)


GAINED: Final[Says] = ("trust level 3", "all requirements are met")
GRACE: Final[Says] = ("trust level 3", "gained less than 14 days ago")
HELD: Final[Says] = ("trust level 3", "held, and all requirements are met to 90 %")
LEVEL_2: Final[Says] = ("trust level 2", "the requirements are not met")

TRUST_STORIES = (
    Worked(
        rule="discourse-trust-level-3",
        policy="discourse-trust-level-3",
        title="gained, then a little less",
        history=(*forum(visits=45), *reviewed(date(2018, 5, 1))),
        verdicts=asked(at(2018, 6, 1), HELD),
    ),
    Worked(
        rule="discourse-trust-level-3",
        policy="discourse-trust-level-3",
        title="never gained by a little less",
        history=forum(visits=49),
        verdicts=asked(at(2018, 6, 1), LEVEL_2),
    ),
    Worked(
        rule="discourse-trust-level-3",
        policy="discourse-trust-level-3",
        title="lost, but not within 14 days",
        history=(*forum(visits=44), *reviewed(date(2018, 5, 20))),
        verdicts=around(at(2018, 6, 3), GRACE, LEVEL_2, LEVEL_2),
    ),
    Worked(
        rule="discourse-trust-level-3",
        policy="discourse-trust-level-3",
        title="all met",
        history=forum(),
        verdicts=asked(at(2018, 6, 1), GAINED),
    ),
)

NIFI_ACTIVE: Final[Says] = ("active", "active in the last year")
BY_VOTE: Final[Says] = ("active", "a vote brought them back")
ON_REQUEST: Final[Says] = ("active", "asked to come back before 2 years had passed")
INACTIVE: Final[Says] = ("inactive", "quiet for 1 year; comes back on request")
EMERITUS: Final[Says] = ("emeritus", "quiet for 2 years; comes back by a vote")
STAYS: Final[Says] = ("emeritus", "made emeritus, and comes back by a vote")


def _request(member: str, on: date) -> Told:
    return told(rl.ApplicationFiled(member=member, role="committer"), on)


def _voted(member: str, on: date) -> Told:
    return told(rl.ApplicationDecided(member=member, role="committer", outcome="accepted"), on)


_NIFI = (
    *_joined("ana", "ben", "cat"),
    *reported("commit", date(2015, 1, 1)),
    *reported("commit", date(2015, 1, 1), member="ben"),
    _request("ben", date(2016, 12, 31)),
    *reported("commit", date(2015, 1, 1), member="cat"),
    _request("cat", date(2017, 2, 1)),
    told(rl.ReviewOpened(member="cat", review="r1", policy="nifi-committers"), date(2017, 3, 1)),
    told(rl.ReviewDecided(member="cat", review="r1", outcome="emeritus"), date(2017, 3, 1)),
    *reported("commit", date(2017, 4, 1), member="cat"),
    _voted("cat", date(2017, 6, 1)),
)

NIFI_STORIES = (
    Worked(
        rule="nifi-committers",
        policy="nifi-committers",
        title="quiet",
        history=_NIFI,
        verdicts=(
            *around(at(2016, 1, 1), NIFI_ACTIVE, INACTIVE, INACTIVE),
            *around(at(2017, 1, 1), INACTIVE, EMERITUS, EMERITUS),
        ),
    ),
    Worked(
        rule="nifi-committers",
        policy="nifi-committers",
        title="back on request, and quiet again",
        who="ben",
        history=_NIFI,
        verdicts=(
            *around(at(2016, 12, 31), INACTIVE, ON_REQUEST, ON_REQUEST),
            *around(at(2017, 12, 31), ON_REQUEST, INACTIVE, INACTIVE),
            *around(at(2018, 12, 31), INACTIVE, EMERITUS, EMERITUS),
        ),
    ),
    Worked(
        rule="nifi-committers",
        policy="nifi-committers",
        title="asked too late; back by a vote",
        who="cat",
        history=_NIFI,
        verdicts=(
            *around(at(2017, 2, 1), EMERITUS, EMERITUS, EMERITUS),
            *around(at(2017, 3, 1), EMERITUS, STAYS, STAYS),
            *around(at(2017, 4, 1), STAYS, STAYS, STAYS),
            *around(at(2017, 6, 1), STAYS, NIFI_ACTIVE, NIFI_ACTIVE),
            *around(at(2018, 4, 1), NIFI_ACTIVE, BY_VOTE, BY_VOTE),
            *around(at(2018, 6, 1), BY_VOTE, INACTIVE, INACTIVE),
        ),
    ),
)

ADMIN: Final[Says] = ("administrator", "active in the last 11 months, and 100 edits or more in the last 57")
WARNED_NONE: Final[Says] = ("warned of no activity", "in 1 month it is 1 year without edit or logged action")
WARNED_FEW: Final[Says] = ("warned of few edits", "in 3 months it is under 100 edits in 5 years")
REMOVED_NONE: Final[Says] = ("removed", "no edit or logged action in 1 year, and told 1 month ahead")
REMOVED_FEW: Final[Says] = ("removed", "under 100 edits in 5 years, and told 3 months ahead")


def _edits(member: str, number: int, on: date) -> tuple[Told, ...]:
    return reported("edit", *[on] * number, member=member)


def _warned(member: str, stage: str, on: date) -> Told:
    notice = rl.NoticeSent(
        member=member, notice=f"{stage} {member}", stage=stage, policy="wikipedia-administrators"
    )
    return told(notice, on)


_ADMINS = (
    *_joined("ana", "ben", "cat"),
    *_edits("ana", 100, date(2017, 1, 1)),
    *reported("logged action", date(2018, 1, 1)),
    _warned("ana", "no activity", date(2018, 12, 1)),
    *reported("logged action", date(2019, 3, 1)),
    *_edits("ben", 100, date(2017, 1, 1)),
    *_edits("cat", 100, date(2013, 1, 1)),
    *reported(
        "logged action",
        *[date(year, month, 1) for year in range(2013, 2018) for month in (1, 7)],
        date(2018, 1, 1),
        member="cat",
    ),
    _warned("cat", "few edits", date(2017, 10, 1)),
)

WIKIPEDIA_STORIES = (
    Worked(
        rule="wikipedia-administrators",
        policy="wikipedia-administrators",
        title="no edit or action for a year",
        history=_ADMINS,
        verdicts=(
            *around(at(2018, 12, 1), ADMIN, WARNED_NONE, WARNED_NONE),
            *around(at(2019, 1, 1), WARNED_NONE, REMOVED_NONE, REMOVED_NONE),
            *around(at(2019, 3, 1), REMOVED_NONE, ADMIN, ADMIN),
        ),
    ),
    Worked(
        rule="wikipedia-administrators",
        policy="wikipedia-administrators",
        title="nobody is removed unwarned",
        who="ben",
        history=_ADMINS,
        verdicts=(
            *around(at(2017, 12, 1), ADMIN, WARNED_NONE, WARNED_NONE),
            *asked(date(2018, 6, 1), WARNED_NONE),
        ),
    ),
    Worked(
        rule="wikipedia-administrators",
        policy="wikipedia-administrators",
        title="a hundred edits, long ago",
        who="cat",
        history=_ADMINS,
        verdicts=(
            *around(at(2017, 10, 1), ADMIN, WARNED_FEW, WARNED_FEW),
            *around(at(2018, 1, 1), WARNED_FEW, REMOVED_FEW, REMOVED_FEW),
        ),
    ),
    Worked(
        rule="wikipedia-administrators",
        policy="wikipedia-administrators",
        title="one edit short of a hundred",
        history=(*_joined("ana"), *_edits("ana", 99, date(2018, 1, 1)), *_edits("ana", 1, date(2018, 1, 2))),
        verdicts=around(at(2018, 1, 2), WARNED_FEW, ADMIN, ADMIN),
    ),
)

SEEN: Final[Says] = ("packager", "seen in at least one of the 5 systems in the last 12 months")
SILENT: Final[Says] = ("inactive", "silent for 12 months in all of 5 systems")
_PACKAGER = (
    *_joined("ana"),
    *(
        each
        for day, system in enumerate(["dist-git", "koji", "bodhi", "mailing lists", "bugzilla"], 1)
        for each in reported("activity", date(2021, 3, day), source=system)
    ),
    *reported("blog post", date(2021, 8, 1), source="planet"),
)

FEDORA_STORIES = (
    Worked(
        rule="fedora-packagers",
        policy="fedora-packagers",
        title="last seen in one of five systems",
        history=_PACKAGER,
        verdicts=(
            *asked(date(2022, 2, 22), SEEN),
            *around(at(2022, 3, 4), SEEN, SEEN, SEEN),
            *around(at(2022, 3, 5), SEEN, SILENT, SILENT),
            *asked(date(2022, 8, 23), SILENT),
        ),
    ),
)

NEVER: Final[Says] = ("never a member", "no application was accepted")
TERM: Final[Says] = ("member", "an application was accepted in the last 2 years")
OVER: Final[Says] = ("emeritus", "the term of 2 years is over; a new application renews it")


def _admitted(on: date) -> tuple[Told, ...]:
    role = "foundation member"
    return (
        told(rl.ApplicationFiled(member="ana", role=role), on),
        told(rl.ApplicationDecided(member="ana", role=role, outcome="accepted"), on),
    )


GNOME_STORIES = (
    Worked(
        rule="gnome-membership",
        policy="gnome-foundation",
        title="a term, and another after a while",
        history=(*_joined("ana"), *_admitted(date(2016, 1, 1)), *_admitted(date(2018, 2, 1))),
        verdicts=(
            *around(at(2016, 1, 1), NEVER, TERM, TERM),
            *around(at(2018, 1, 1), TERM, OVER, OVER),
            *around(at(2018, 2, 1), OVER, TERM, TERM),
        ),
    ),
)

MAY_VOTE: Final[Says] = ("may vote", "taught at least twice in the last 730 days")
MAY_NOT: Final[Says] = ("may not vote", "taught fewer than 2 times in the last 730 days")

CARPENTRIES_STORIES = (
    Worked(
        rule="carpentries-voters",
        policy="carpentries-voters",
        title="elections on several days",
        history=(
            *_joined("ana"),
            *reported("taught workshop", date(2016, 4, 1), date(2017, 4, 1)),
            *reported("helped at workshop", date(2018, 1, 1)),
        ),
        verdicts=(
            *around(at(2017, 4, 1), MAY_NOT, MAY_VOTE, MAY_VOTE),
            *asked(date(2018, 2, 1), MAY_VOTE),
            *around(at(2016, 4, 1) + timedelta(days=730), MAY_VOTE, MAY_NOT, MAY_NOT),
        ),
    ),
)

SIGNED: Final[Says] = ("active", "answered the ping with a signed mail")
PINGED: Final[Says] = ("pinged", "no vote in the last leader election, no upload in 6 months, or no package")
MAINTAINS: Final[Says] = ("active", "voted, uploaded in the last 6 months, and maintains a package")
_POLICY = "debian-mia-2007"


def _maintainer(member: str) -> tuple[Told, ...]:
    role = rl.RoleAssigned(member=member, role="package maintainer", community=f"of-{member}")
    return (*_joined(member), told(role, date(2006, 1, 1)))


def _ping(number: int, on: date) -> Told:
    return told(rl.NoticeSent(member="ana", notice=f"ping {number}", stage="ping", policy=_POLICY), on)


_ELECTION = "leader election 2007"
_DEBIAN = (
    *_maintainer("ana"),
    *_maintainer("ben"),
    *_maintainer("cat"),
    *reported("upload", date(2007, 3, 1)),
    told(rl.OpportunityHeld(opportunity=_ELECTION, kind="leader election"), date(2007, 4, 1)),
    told(rl.OpportunityTaken(member="ana", opportunity=_ELECTION), date(2007, 4, 1)),
    _ping(1, date(2007, 9, 10)),
    told(rl.NoticeAnswered(member="ana", notice="ping 1"), date(2007, 9, 11)),
    told(rl.NoticeAnswered(member="ana", notice="ping 1"), date(2007, 9, 12), "signed mail"),
    _ping(2, date(2008, 3, 1)),
    *reported("upload", date(2007, 3, 1), member="ben"),
    *reported("upload", date(2007, 3, 1), member="cat"),
    told(rl.OpportunityTaken(member="cat", opportunity=_ELECTION), date(2007, 4, 1)),
    told(
        rl.RoleEnded(member="cat", role="package maintainer", community="of-cat", how="resigned"),
        date(2007, 5, 1),
    ),
)

DEBIAN_STORIES = (
    Worked(
        rule="debian-2007",
        policy=_POLICY,
        title="no upload; a signed answer clears it",
        history=_DEBIAN,
        verdicts=(
            *around(at(2007, 9, 1), MAINTAINS, PINGED, PINGED),
            *around(at(2007, 9, 11), PINGED, PINGED, PINGED),
            *around(at(2007, 9, 12), PINGED, SIGNED, SIGNED),
            *around(at(2008, 3, 1), SIGNED, PINGED, PINGED),
        ),
    ),
    Worked(
        rule="debian-2007",
        policy=_POLICY,
        title="no vote",
        who="ben",
        history=_DEBIAN,
        verdicts=around(at(2007, 4, 1), MAINTAINS, PINGED, PINGED),
    ),
    Worked(
        rule="debian-2007",
        policy=_POLICY,
        title="no package",
        who="cat",
        history=_DEBIAN,
        verdicts=around(at(2007, 5, 1), MAINTAINS, PINGED, PINGED),
    ),
)

STORIES: Final = (
    *TRUST_STORIES,
    *NIFI_STORIES,
    *WIKIPEDIA_STORIES,
    *FEDORA_STORIES,
    *GNOME_STORIES,
    *CARPENTRIES_STORIES,
    *DEBIAN_STORIES,
)
