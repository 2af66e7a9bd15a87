"""Matching: what ends, answers or verifies something, said of what is there to be ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from reps_ledger.domain.facts import Fact, kind_of

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry

__all__ = ["FOLLOWS", "matched"]

FOLLOWS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "account.unlinked": ("account.linked", ("member", "provider", "account")),
        "affiliation.ended": ("affiliation.started", ("member", "organisation", "kind")),
        "agreement.revoked": ("agreement.accepted", ("member", "agreement", "version")),
        "application.decided": ("application.filed", ("member", "role", "community")),
        "community.left": ("community.joined", ("member", "community")),
        "leave.ended": ("leave.started", ("member",)),
        "member.returned": ("member.retired", ("member",)),
        "members.unmerged": ("members.merged", ("member", "duplicate")),
        "mentor.released": ("mentor.assigned", ("member", "mentor")),
        "notice.answered": ("notice.sent", ("member", "notice")),
        "opportunity.taken": ("opportunity.held", ("opportunity",)),
        "report.verified": ("report.filed", ("member",)),
        "review.decided": ("review.opened", ("member", "review")),
        "role.ended": ("role.assigned", ("member", "role", "community")),
        "vouch.withdrawn": ("vouch.given", ("member", "voucher")),
    }
)
"""What follows what, by stored name, and the fields by which the two belong together."""


def matched(fact: Fact, entries: Sequence[Entry], people: Sequence[str]) -> Fact | None:
    """Return a fact said of the last thing that it may follow; None where there is nothing.

    Args:
        fact: such as that a role ended.
        entries: what was recorded so far.
        people: who may act.
    """
    name = kind_of(type(fact)).name
    if name not in FOLLOWS:
        return None
    beginning, fields = FOLLOWS[name]
    found = [entry for entry in entries if entry.name == beginning]
    if not found:
        return None
    member = getattr(fact, "member", None)
    own = [entry for entry in found if getattr(entry.fact, "member", None) == member]
    last = (own or found)[-1]
    changes: dict[str, Any] = {each: getattr(last.fact, each) for each in fields}
    if name == "report.verified":
        changes["report"] = last.id
        changes["verifier"] = next(each for each in people if each != last.fact.member)
    return evolve(fact, **changes)  # type: ignore[misc]  # every fact is of attrs
