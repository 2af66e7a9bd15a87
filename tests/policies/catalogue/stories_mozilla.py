"""Worked histories under Mozilla's rules beside those of the Reps."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import reps_ledger as rl
from policies.catalogue.own_facts import CommunityReviewed, MembershipRenewed
from policies.catalogue.worked import Says, Told, Worked, around, asked, at, reported, told

__all__ = ["STORIES"]


def _joined(member: str, on: date, community: str | None = None) -> tuple[Told, ...]:
    joined = told(rl.MemberJoined(member=member), on)
    if community is None:
        return (joined,)
    return (joined, told(rl.CommunityJoined(member=member, community=community), on))


OUT: Final[Says] = ("not in the group", "never joined, or left")
CURATOR: Final[Says] = ("member", "a curator's membership does not lapse")
FRESH: Final[Says] = ("member", "renewed recently enough")
SOON: Final[Says] = ("to be renewed", "lapses within 14 days unless it is renewed")
_JUNE = at(2018, 6, 1)


def _group(group: str, number: int) -> tuple[Worked, ...]:
    lapsed = ("lapsed", f"not renewed for {number} days")
    history = (
        *_joined("ana", date(2018, 1, 1), group),
        told(MembershipRenewed(member="ana", community=group), _JUNE),
        told(MembershipRenewed(member="ana", community="another"), date(2018, 8, 1)),
        told(rl.CommunityLeft(member="ana", community=group), date(2021, 1, 1)),
        *_joined("ben", date(2018, 1, 1), group),
        told(rl.RoleAssigned(member="ben", role="curator", community=group), date(2018, 1, 1)),
    )
    name = f"group-membership-{group}"
    return (
        Worked(
            rule="mozillians-groups",
            policy=name,
            title="renewed once",
            history=history,
            verdicts=(
                *around(at(2018, 1, 1), OUT, FRESH, FRESH),
                *around(_JUNE + timedelta(days=number - 14), FRESH, SOON, SOON),
                *around(_JUNE + timedelta(days=number), SOON, lapsed, lapsed),
                *around(at(2021, 1, 1), lapsed, OUT, OUT),
            ),
        ),
        Worked(
            rule="mozillians-groups",
            policy=name,
            title="a curator",
            who="ben",
            history=history,
            verdicts=asked(date(2028, 1, 1), CURATOR),
        ),
    )


_VOUCHERS = [f"v{number}" for number in range(1, 7)]
_VOUCHED = (
    *_joined("ana", date(2018, 1, 1)),
    *(each for voucher in _VOUCHERS for each in _joined(voucher, date(2018, 1, 1))),
    *(
        told(rl.Vouched(member="ana", voucher=voucher), date(2018, 1 + number, 1))
        for number, voucher in enumerate(_VOUCHERS, 1)
    ),
    told(rl.VouchWithdrawn(member="ana", voucher="v1"), date(2018, 8, 1)),
)
UNVOUCHED: Final[Says] = ("not vouched", "no vouch yet")
VOUCHED: Final[Says] = ("vouched", "1 vouch or more")
VOUCHER: Final[Says] = ("may vouch", "3 vouches or more")
ROOM: Final[Says] = ("may receive a vouch", "fewer than 6 so far")
FULL: Final[Says] = ("vouched enough", "6 vouches, and nobody receives more")

VOUCHING_STORIES = (
    Worked(
        rule="mozillians-vouching",
        policy="mozillians-vouched",
        title="one vouch a month",
        history=_VOUCHED,
        verdicts=(
            *around(at(2018, 2, 1), UNVOUCHED, VOUCHED, VOUCHED),
            *around(at(2018, 3, 1), VOUCHED, VOUCHED, VOUCHED),
            *around(at(2018, 4, 1), VOUCHED, VOUCHER, VOUCHER),
        ),
    ),
    Worked(
        rule="mozillians-vouching",
        policy="mozillians-vouches-received",
        title="six vouches, and one withdrawn",
        history=_VOUCHED,
        verdicts=(*around(at(2018, 7, 1), ROOM, FULL, FULL), *around(at(2018, 8, 1), FULL, ROOM, ROOM)),
    ),
)

_GROUP = (
    told(rl.CommunityFounded(community="lisboa"), date(2018, 1, 1)),
    *(each for number in range(1, 6) for each in _joined(f"m{number}", date(2018, 1, 1), "lisboa")),
    *reported("event", date(2018, 1, 10), member="m1", community="lisboa"),
    *_joined("m6", date(2018, 2, 1), "lisboa"),
    *_joined("m7", date(2018, 2, 1), "porto"),
    *reported("event", date(2018, 3, 1), member="m7", community="porto"),
    told(CommunityReviewed(community="lisboa"), date(2018, 4, 10)),
    told(rl.ReportFiled(member="m1", activity="event", community="lisboa", announced=True), date(2018, 7, 9)),
)
SMALL: Final[Says] = ("below the terms", "not more than 5 members")
QUIET: Final[Says] = ("below the terms", "no event in the last 6 months")
WITHIN: Final[Says] = ("within the terms", "more than 5 members, and an event in the last 6 months")
YOUNG: Final[Says] = ("no review is due", "founded less than 3 months ago")
REVIEWED: Final[Says] = ("no review is due", "reviewed less than 1 year ago")
DUE: Final[Says] = ("a review is due", "the first review comes at 3 months, then one comes each year")

GROUP_TERM_STORIES = (
    Worked(
        rule="mozilla-terms",
        policy="community-group-terms",
        title="a sixth member, one event",
        who="lisboa",
        history=_GROUP,
        verdicts=(
            *around(at(2018, 2, 1), SMALL, WITHIN, WITHIN),
            *around(at(2018, 7, 10), WITHIN, QUIET, QUIET),
        ),
    ),
    Worked(
        rule="mozilla-terms",
        policy="community-group-review",
        title="founded, and reviewed once",
        who="lisboa",
        history=_GROUP,
        verdicts=(
            *around(at(2018, 4, 1), YOUNG, DUE, DUE),
            *around(at(2018, 4, 10), DUE, REVIEWED, REVIEWED),
            *around(at(2019, 4, 10), REVIEWED, DUE, DUE),
        ),
    ),
)


def _system(system: str, other: str) -> Worked:
    keeps = ("keeps access", f"used {system} in the last 6 months")
    loses = ("loses access", f"{system} not used for 6 months; other systems do not count")
    return Worked(
        rule="mozilla-version-control",
        policy=f"version-control-{system}",
        title="used once, and another system later",
        history=(
            *_joined("ana", date(2017, 1, 1)),
            *reported("push", date(2018, 1, 1), source=system),
            *reported("push", date(2018, 6, 1), source=other),
            *reported("push", date(2018, 6, 2)),
        ),
        verdicts=(*around(at(2018, 1, 1), loses, keeps, keeps), *around(at(2018, 7, 1), keeps, loses, loses)),
    )


STORIES: Final = (
    *_group("privacy", 365),
    *_group("security", 730),
    *VOUCHING_STORIES,
    *GROUP_TERM_STORIES,
    _system("hg", "git"),
    _system("git", "svn"),
    _system("svn", "hg"),
)
