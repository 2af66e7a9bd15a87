"""Conditions at points: each kind of leaf, asked of arrays of members and instants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.policies.language.belonging import Affiliated, InCommunity, WithAccount
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.learned import Accepted, Completed, Exempt, OnOrAfter
from reps_ledger.policies.language.measures import Compare
from reps_ledger.policies.language.people import Held, Holds, IsMember, Joined, OnLeave, Retired
from reps_ledger.policies.language.reviewed import Noticed, Previously
from reps_ledger.replay.kernel.measuring import compared
from reps_ledger.replay.kernel.noticing import noticed
from reps_ledger.replay.kernel.rows import Points, Truths
from reps_ledger.replay.kernel.stretches import Stretches

if TYPE_CHECKING:
    from reps_ledger.replay.kernel.kernel import Kernel, Past

__all__ = ["leaf_holds", "stretches_of", "suffix_of"]


def leaf_holds(leaf: Leaf, points: Points, kernel: Kernel, past: Past | None) -> Truths:
    """Return, for points, whether a condition without conditions below it holds."""
    match leaf:
        case Compare():
            return np.asarray(compared(leaf, points, kernel, past), bool)
        case Noticed():
            return noticed(leaf, points, kernel)
        case OnOrAfter(day=day):
            return np.asarray(points.at >= kernel.calendar.start_of(day))
        case Previously(outcomes=outcomes):
            return _previously(outcomes, kernel, past)
        case Held(role=role, community=community):
            return kernel.role_spans(role, community).begun(points)
        case IsMember():
            return np.asarray(kernel.joined[points.member] <= points.at)
        case Joined() | Completed() | WithAccount():
            begun = suffix_of(leaf, kernel)[points.member] <= points.at
            if isinstance(leaf, WithAccount):
                begun |= stretches_of(leaf, kernel).holding(points)
            return np.asarray(begun)
    return stretches_of(leaf, kernel).holding(points)


def _previously(outcomes: tuple[str, ...], kernel: Kernel, past: Past | None) -> Truths:
    past = kernel.must_be_own(past)
    wanted = [i for i, outcome in enumerate(kernel.outcomes) if outcome in outcomes]
    return np.isin(past.outcome, wanted)


def suffix_of(leaf: Joined | Completed | WithAccount, kernel: Kernel) -> Any:
    """Return from when on a condition holds of each person; after every instant for never."""
    match leaf:
        case Joined(before=before, since=since, kind=kind):
            first = kernel.joining
            kept = np.ones(len(first), bool)
            if kind is not None:
                kept &= kernel.of_first(first, kernel.is_value(_joined(kernel), "kind", kind))
            when = kernel.joined
            if before is not None:
                kept &= when < kernel.calendar.start_of(before)
            if since is not None:
                kept &= when >= kernel.calendar.start_of(since)
            return np.where(kept, when, kernel.never)
        case Completed(course=course, version=version):
            table = kernel.columns.table("course.completed")
            kept = kernel.is_value(table, "course", course)
            if version is not None:
                kept &= kernel.is_value(table, "version", version)
            return kernel.first_time(table, kept)
        case WithAccount(provider=provider):
            kept = kernel.known_accounts.joined & (provider is None)
            return np.where(kept, kernel.joined, kernel.never)
    raise AssertionError(leaf)  # pragma: no cover — there is no other


def _joined(kernel: Kernel) -> Any:
    return kernel.columns.table("member.joined")


def stretches_of(leaf: Leaf, kernel: Kernel) -> Stretches:
    """Return when a condition on something that lasts holds, of everyone."""
    match leaf:
        case Holds(role=role, community=community):
            return kernel.role_spans(role, community)
        case OnLeave():
            return kernel.stretches("leave.started")
        case Retired(how=how):
            return kernel.stretches("member.retired", how=how)
        case Affiliated(organisation=organisation, kind=kind):
            return kernel.stretches("affiliation.started", organisation=organisation, kind=kind)
        case Accepted(agreement=agreement, version=version):
            return kernel.stretches("agreement.accepted", agreement=agreement, version=version)
        case Exempt(policy=policy):
            return kernel.stretches("exemption.granted", policy=policy or kernel.policy)
        case WithAccount(provider=provider):
            return kernel.account_stretches(provider)
        case InCommunity(community=community):
            return _in_community(community, kernel)
    raise AssertionError(leaf)  # pragma: no cover — there is no other


def _in_community(community: str | None, kernel: Kernel) -> Stretches:
    """Return when members joined a community, or held a role in it."""
    found = []
    for name in ("community.joined", "role.assigned"):
        spans = kernel.spans(name)
        if community is None:
            kept = ~kernel.is_value(spans.table, "community", None)
        else:
            kept = kernel.is_value(spans.table, "community", community)
        found.append((np.where(kept, spans.table.persons["member"], -1), spans.start, spans.end))
    member, start, end = (np.concatenate(each) for each in zip(*found, strict=True))
    return Stretches.of(member, start, end)
