"""Other communities: Discourse, Wikipedia, the Carpentries."""

from __future__ import annotations

from typing import Final

from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.language import *
from reps_ledger.policies.policy import Policy, notice, when

_TRUST = "discourse app/models/trust_level3_requirements.rb"
_LEVEL_3: Final = "trust level 3"


def _trusted(
    *, days_visited: int, replied_to: int, read: float, topics: int, posts: int, given: int, received: int
) -> Condition:
    """Say the requirements; those that must not be exceeded are the same to gain and to keep.

    7 days and 5 people are as many at 90 %: no whole number lies between.
    """
    width = days(100)
    likes = facts("like.received")
    topics_read = distinct("topic", "topic.read", within=width)
    return (
        (distinct("day", "visit.made", within=width) >= days_visited)
        & (distinct("topic", "topic.replied", within=width) >= replied_to)
        & (share(topics_read, "topic.opened", at_most=topics) >= read)
        & (share(count("post.read", within=width), "post.made", at_most=posts) >= read)
        & (count("like.given", within=width) >= given)
        & (count(likes, within=width) >= received)
        & (distinct("day", likes, within=width) >= 7)
        & (distinct("giver", likes, within=width) >= 5)
        & (distinct("post", "flag.received", within=width) <= 5)
        & (distinct("flagger", "flag.received", within=width) <= 5)
        & (count("penalty.given", within=months(6)) < 1)
    )


_GAIN = _trusted(days_visited=50, replied_to=10, read=0.25, topics=500, posts=20_000, given=30, received=20)
_KEEP = _trusted(days_visited=45, replied_to=9, read=0.225, topics=450, posts=18_000, given=27, received=18)

_DISCOURSE_RULE = Listed(
    name="discourse-trust-level-3",
    title="Discourse: trust level 3",
    source=_TRUST,
    policies=(
        Policy(
            "discourse-trust-level-3",
            version="2014",
            source=_TRUST,
            cases=[
                when(_GAIN).then(_LEVEL_3, "all requirements are met"),
                when(previously(_LEVEL_3) & (in_outcome() < days(14))).then(
                    _LEVEL_3, "gained less than 14 days ago"
                ),
                when(previously(_LEVEL_3) & _KEEP).then(
                    _LEVEL_3, "held, and all requirements are met to 90 %"
                ),
            ],
            otherwise="trust level 2",
            because="the requirements are not met",
            scale=[_LEVEL_3, "trust level 2"],
        ),
    ),
)

_WIKIPEDIA = "Wikipedia:Inactive administrators"
_ACTS = facts("report.filed", activity=("edit", "logged action"))
_EDITS = facts("report.filed", activity="edit")
_FEW = "few edits"
_NONE = "no activity"


def _told(stage: str, ahead: Width) -> Condition:
    """Say that they were told so long ahead, of this and not of something long past."""
    sent = facts("notice.sent", policy="wikipedia-administrators", stage=stage)
    return noticed(stage, ago=ahead) & (count(sent, within=months(6)) >= 1)


_WIKIPEDIA_RULE = Listed(
    name="wikipedia-administrators",
    title="Wikipedia: inactive administrators",
    source=_WIKIPEDIA,
    policies=(
        Policy(
            "wikipedia-administrators",
            version="2023",
            source=_WIKIPEDIA,
            cases=[
                when((time_since(_ACTS) >= years(1)) & _told(_NONE, months(1))).then(
                    "removed", "no edit or logged action in 1 year, and told 1 month ahead"
                ),
                when((count(_EDITS, within=years(5)) < 100) & _told(_FEW, months(3))).then(
                    "removed", "under 100 edits in 5 years, and told 3 months ahead"
                ),
                when(time_since(_ACTS) >= months(11)).then(
                    "warned of no activity", "in 1 month it is 1 year without edit or logged action"
                ),
                when(count(_EDITS, within=months(57)) < 100).then(
                    "warned of few edits", "in 3 months it is under 100 edits in 5 years"
                ),
            ],
            otherwise="administrator",
            because="active in the last 11 months, and 100 edits or more in the last 57",
            scale=["administrator", "warned of few edits", "warned of no activity", "removed"],
            notices=[notice("warned of no activity", _NONE), notice("warned of few edits", _FEW)],
        ),
    ),
)

_CARPENTRIES = "carpentries/amy#1209"

_CARPENTRIES_RULE = Listed(
    name="carpentries-voters",
    title="The Carpentries: who may vote in an election",
    source=_CARPENTRIES,
    policies=(
        Policy(
            "carpentries-voters",
            version="2018",
            source=_CARPENTRIES,
            cases=[
                when(reports(activity="taught workshop", within=days(730)) >= 2).then(
                    "may vote", "taught at least twice in the last 730 days"
                )
            ],
            otherwise="may not vote",
            because="taught fewer than 2 times in the last 730 days",
            scale=["may vote", "may not vote"],
        ),
    ),
)

RULES: Final = (_DISCOURSE_RULE, _WIKIPEDIA_RULE, _CARPENTRIES_RULE)
"""Rules of other communities.

What members of a Discourse forum do are facts that it registers as its own, each with a field
``member``: ``visit.made``, ``topic.replied``, ``topic.opened`` and ``topic.read`` (with
``topic``), ``post.made`` and ``post.read`` (with ``post``), ``like.given``, ``like.received``
(with ``giver``), ``flag.received`` (with ``post`` and ``flagger``), ``penalty.given``.
"""
