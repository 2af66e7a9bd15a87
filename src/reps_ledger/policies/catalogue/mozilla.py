"""Mozilla beside the Reps: Mozillians and their groups, community groups, version control."""

from __future__ import annotations

from typing import Final

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.language import *
from reps_ledger.policies.policy import Policy, notice, when

_GROUPS = "mozilla/mozillians mozillians/groups/tasks.py"
_LONGEST: Final = 730
_AHEAD: Final = 14


def group_membership(group: str, number: int) -> Policy:
    """Return the rule of a group whose memberships lapse so many days after their renewal.

    Members renew by a fact that a community registers as its own: ``membership.renewed``, with
    the fields ``member`` and ``community``.

    Args:
        group: the group, a community.
        number: after how many days, from 15 to 730.

    Raises:
        InvalidPolicy: there are more days, or so few that no notice could come before.
    """
    if not _AHEAD < number <= _LONGEST:
        raise InvalidPolicy(f"a membership lapses after {_AHEAD + 1} to {_LONGEST} days, not {number}")
    renewed = time_since(facts("community.joined", "membership.renewed", community=group))
    return Policy(
        f"group-membership-{group}",
        version=f"{number} days",
        source=_GROUPS,
        cases=[
            when(~in_community(group)).then("not in the group", "never joined, or left"),
            when(holds("curator", community=group)).then("member", "a curator's membership does not lapse"),
            when(renewed < days(number - _AHEAD)).then("member", "renewed recently enough"),
            when(renewed < days(number)).then(
                "to be renewed", f"lapses within {_AHEAD} days unless it is renewed"
            ),
        ],
        otherwise="lapsed",
        because=f"not renewed for {number} days",
        scale=["member", "to be renewed", "lapsed", "not in the group"],
        notices=[notice("to be renewed", "renewal", answer_within=days(_AHEAD))],
    )


_GROUPS_RULE = Listed(
    name="mozillians-groups",
    title="Mozillians: memberships of groups lapse unless they are renewed",
    source=_GROUPS,
    policies=(group_membership("privacy", 365), group_membership("security", _LONGEST)),
)

_VOUCHES = "mozilla/mozillians mozillians/users/models.py, settings"
_MAY_VOUCH = vouches() >= 3
_MAY_RECEIVE = vouches() < 6

_VOUCHING_RULE = Listed(
    name="mozillians-vouching",
    title="Mozillians: who is vouched, and who may vouch",
    source=_VOUCHES,
    policies=(
        Policy(
            "mozillians-vouched",
            version="2013",
            source=_VOUCHES,
            cases=[
                when(_MAY_VOUCH).then("may vouch", "3 vouches or more"),
                when(vouches() >= 1).then("vouched", "1 vouch or more"),
            ],
            otherwise="not vouched",
            because="no vouch yet",
            scale=["may vouch", "vouched", "not vouched"],
        ),
        Policy(
            "mozillians-vouches-received",
            version="2013",
            source=_VOUCHES,
            cases=[when(_MAY_RECEIVE).then("may receive a vouch", "fewer than 6 so far")],
            otherwise="vouched enough",
            because="6 vouches, and nobody receives more",
            scale=["may receive a vouch", "vouched enough"],
        ),
    ),
    definitions=(("may vouch", _MAY_VOUCH), ("may receive a vouch", _MAY_RECEIVE)),
)

_TERMS = "community.mozilla.org group terms"
_REVIEWED = facts("community.reviewed")

_COMMUNITY_GROUPS_RULE = Listed(
    name="mozilla-terms",
    title="Mozilla: terms of a community group, and when it is reviewed",
    source=_TERMS,
    policies=(
        Policy(
            "community-group-terms",
            version="2019",
            source=_TERMS,
            of="community",
            cases=[
                when(members() <= 5).then("below the terms", "not more than 5 members"),
                when(reports(activity="event", within=months(6)) < 1).then(
                    "below the terms", "no event in the last 6 months"
                ),
            ],
            otherwise="within the terms",
            because="more than 5 members, and an event in the last 6 months",
            scale=["within the terms", "below the terms"],
        ),
        Policy(
            "community-group-review",
            version="2019",
            source=_TERMS,
            of="community",
            cases=[
                when(time_since("community.founded") < months(3)).then(
                    "no review is due", "founded less than 3 months ago"
                ),
                when(time_since(_REVIEWED) < years(1)).then(
                    "no review is due", "reviewed less than 1 year ago"
                ),
            ],
            otherwise="a review is due",
            because="the first review comes at 3 months, then one comes each year",
            scale=["no review is due", "a review is due"],
        ),
    ),
)

_ACCESS = "wiki.mozilla.org DeveloperServices"


def version_control(system: str) -> Policy:
    """Return the rule of access to one system, for whose use reports name it as their source."""
    return Policy(
        f"version-control-{system}",
        version="2014",
        source=_ACCESS,
        cases=[
            when(reports(source=system, within=months(6)) >= 1).then(
                "keeps access", f"used {system} in the last 6 months"
            )
        ],
        otherwise="loses access",
        because=f"{system} not used for 6 months; other systems do not count",
        scale=["keeps access", "loses access"],
    )


_VERSION_CONTROL_RULE = Listed(
    name="mozilla-version-control",
    title="Mozilla: access to version control, system by system",
    source=_ACCESS,
    policies=(version_control("hg"), version_control("git"), version_control("svn")),
)

RULES: Final = (_GROUPS_RULE, _VOUCHING_RULE, _COMMUNITY_GROUPS_RULE, _VERSION_CONTROL_RULE)
"""Rules of Mozilla beside those of the Reps.

Reviews of a group are facts that a community registers as its own: ``community.reviewed``, with
a field ``community``.
"""
