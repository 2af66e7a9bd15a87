"""Kubernetes: members, reviewers and approvers, and who leaves the OWNERS files."""

from __future__ import annotations

from datetime import date
from typing import Final

from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.language import *
from reps_ledger.policies.policy import Policy, when

_LADDER = "kubernetes/community community-membership.md"
_SPONSOR = holds("reviewer") | holds("approver")
_SPONSORED = facts("vouch.given", lasting=True, voucher=_SPONSOR)
_CHANGED = date(2023, 6, 30)

_MEMBERS_RULE = Listed(
    name="kubernetes-members",
    title="Kubernetes: who becomes a member, and who is removed",
    source=_LADDER,
    policies=(
        Policy(
            "kubernetes-sponsors",
            version="2018",
            source=_LADDER,
            cases=[
                when(vouches(voucher=_SPONSOR) < 2).then("not yet", "fewer than 2 sponsors"),
                when(distinct(organisation_of("voucher"), _SPONSORED) < 2).then(
                    "not yet", "the sponsors are not from 2 different companies"
                ),
            ],
            otherwise="may become a member",
            because="2 sponsors from different companies",
            scale=["may become a member", "not yet"],
        ),
        Policy(
            "kubernetes-inactivity",
            version="2023",
            source=_LADDER,
            cases=[
                when(reports(activity="contribution", within=months(12)) >= 1).then(
                    "member", "contributed in the last 12 months"
                ),
                when(
                    ~on_or_after(_CHANGED) & (reports(activity="contribution", within=months(18)) >= 1)
                ).then("member", "contributed in the last 18 months, as asked until 2023-06-29"),
            ],
            otherwise="to be removed",
            because="no contribution in the last 12 months, or 18 until 2023-06-29",
            scale=["member", "to be removed"],
        ),
    ),
)


def reviewer_of(subproject: str) -> Policy:
    """Return who may become a reviewer of a subproject, a community.

    A change that one was primary reviewer of is reported as a "primary review", one that one
    reviewed besides as a "review", one's own as a "change".
    """
    reviewed = reports(activity="primary review", community=subproject)
    touched = reports(activity=("primary review", "review", "change"), community=subproject)
    return Policy(
        f"kubernetes-reviewer-{subproject}",
        version="2018",
        source=_LADDER,
        cases=[
            when(tenure("member") < months(3)).then("not yet", "a member for less than 3 months"),
            when(reviewed < 5).then("not yet", "primary reviewer of fewer than 5 changes"),
            when(touched < 20).then("not yet", "reviewer or author of fewer than 20 changes"),
        ],
        otherwise="may become a reviewer",
        because="a member for 3 months, primary reviewer of 5 changes, and 20 in all",
        scale=["may become a reviewer", "not yet"],
    )


def approver_of(subproject: str) -> Policy:
    """Return who may become an approver of a subproject; changes are told as for a reviewer."""
    reviewed = reports(activity="primary review", community=subproject)
    touched = reports(activity=("primary review", "review", "change"), community=subproject)
    return Policy(
        f"kubernetes-approver-{subproject}",
        version="2018",
        source=_LADDER,
        cases=[
            when(tenure("reviewer", community=subproject) < months(3)).then(
                "not yet", "a reviewer here for less than 3 months"
            ),
            when(reviewed < 10).then("not yet", "primary reviewer of fewer than 10 changes"),
            when(touched < 30).then("not yet", "reviewer or author of fewer than 30 changes"),
        ],
        otherwise="may become an approver",
        because="a reviewer for 3 months, primary reviewer of 10 changes, and 30 in all",
        scale=["may become an approver", "not yet"],
    )


_REVIEWERS_RULE = Listed(
    name="kubernetes-reviewers",
    title="Kubernetes: who becomes a reviewer or an approver of a subproject",
    source=_LADDER,
    policies=(reviewer_of("kubelet"), approver_of("kubelet")),
)

_OWNERS = "kubernetes/community contributors/guide/owners.md"

_OWNERS_RULE = Listed(
    name="kubernetes-owners",
    title="Kubernetes: who leaves the OWNERS files",
    source=_OWNERS,
    policies=(
        Policy(
            "kubernetes-owners",
            version="2023",
            source=_OWNERS,
            cases=[
                when(~holds("approver") & ~holds("reviewer")).then("no owner", "in neither list"),
                when(reports(activity="contribution", within=years(1)) >= 10).then(
                    "stays", "10 contributions or more in the last year"
                ),
                when(reports(activity="comment", within=years(1)) >= 10).then(
                    "stays", "10 comments or more in the last year"
                ),
                when(holds("approver")).then(
                    "emeritus approver", "an approver with too little activity in a year"
                ),
            ],
            otherwise="dropped",
            because="a reviewer with too little activity in a year",
            scale=["stays", "emeritus approver", "dropped", "no owner"],
        ),
    ),
)

RULES: Final = (_MEMBERS_RULE, _REVIEWERS_RULE, _OWNERS_RULE)
"""Rules of Kubernetes."""
