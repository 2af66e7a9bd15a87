"""Kinds of fact that communities of the catalogue register as their own."""

from __future__ import annotations

from typing import Final

import attrs

import reps_ledger as rl

__all__ = [
    "OWN_FACTS",
    "CommunityReviewed",
    "FlagReceived",
    "LikeGiven",
    "LikeReceived",
    "MembershipRenewed",
    "PenaltyGiven",
    "PostMade",
    "PostRead",
    "TopicOpened",
    "TopicRead",
    "TopicReplied",
    "VisitMade",
]


@rl.fact("membership.renewed", act="member")
@attrs.frozen(kw_only=True)
class MembershipRenewed:
    """A member renewed their membership of a group."""

    member: str
    community: str


@rl.fact("community.reviewed")
@attrs.frozen(kw_only=True)
class CommunityReviewed:
    """A community group was reviewed."""

    community: str


@rl.fact("visit.made", act="member")
@attrs.frozen(kw_only=True)
class VisitMade:
    """A member visited the forum."""

    member: str


@rl.fact("topic.opened", act="member")
@attrs.frozen(kw_only=True)
class TopicOpened:
    """A member opened a topic."""

    member: str
    topic: str


@rl.fact("topic.replied", act="member")
@attrs.frozen(kw_only=True)
class TopicReplied:
    """A member replied to a topic."""

    member: str
    topic: str


@rl.fact("topic.read", act="member")
@attrs.frozen(kw_only=True)
class TopicRead:
    """A member read a topic."""

    member: str
    topic: str


@rl.fact("post.made", act="member")
@attrs.frozen(kw_only=True)
class PostMade:
    """A member wrote a post."""

    member: str
    post: str


@rl.fact("post.read", act="member")
@attrs.frozen(kw_only=True)
class PostRead:
    """A member read a post."""

    member: str
    post: str


@rl.fact("like.given", act="member")
@attrs.frozen(kw_only=True)
class LikeGiven:
    """A member liked a post."""

    member: str


@rl.fact("like.received")
@attrs.frozen(kw_only=True)
class LikeReceived:
    """A member's post was liked."""

    member: str
    giver: str


@rl.fact("flag.received")
@attrs.frozen(kw_only=True)
class FlagReceived:
    """A member's post was flagged, rightly."""

    member: str
    post: str
    flagger: str


@rl.fact("penalty.given")
@attrs.frozen(kw_only=True)
class PenaltyGiven:
    """A member was silenced or suspended."""

    member: str


OWN_FACTS: Final = (
    CommunityReviewed,
    FlagReceived,
    LikeGiven,
    LikeReceived,
    MembershipRenewed,
    PenaltyGiven,
    PostMade,
    PostRead,
    TopicOpened,
    TopicRead,
    TopicReplied,
    VisitMade,
)
"""All of them, for ``reps_ledger.open(facts=…)``."""
