"""What histories speak of: kinds of fact, and the few words that make them meet one another.

Matching: what ends, answers or verifies something, said of what is there to be ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from reps_ledger.domain.facts import Fact, Registry, kind_of
from reps_ledger.domain.spans import BEGINNINGS
from reps_ledger.policies.language.facts import Facts, parts
from reps_ledger.policies.language.measures import Compare, Distinct, NumberMeasure, Tenure
from reps_ledger.policies.language.people import (
    Accepted,
    Affiliated,
    Completed,
    Exempt,
    Held,
    Holds,
    InCommunity,
    Joined,
    OnLeave,
    Retired,
    WithAccount,
)
from reps_ledger.policies.language.reviews import InOutcome, Noticed, Previously
from reps_ledger.policies.language.shares import LargestShare, Missed
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.policy import Policy
from reps_ledger.testing.memory_log import codec_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from reps_ledger.domain.entries import Entry

__all__ = [
    "FAMILIES",
    "FAMILY_OF",
    "FOLLOWS",
    "Vocabulary",
    "days_in",
    "families_of",
    "matched",
    "vocabulary_of",
    "widths_in",
]

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


_DAY: Final = timedelta(days=1)

WORDS: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "account": ("a",),
        "activity": ("event", "talk"),
        "agreement": ("nda",),
        "amount": (1, 2.5),
        "areas": ("web", "l10n"),
        "channel": ("mail",),
        "community": ("paris", "lyon"),
        "course": ("onboarding",),
        "kind": ("vote", "volunteer", "employee", "staff"),
        "notice": ("n1", "n2", "n3"),
        "opportunity": ("o1", "o2", "o3"),
        "organisation": ("acme", "umbrella"),
        "outcome": ("good", "fair", "bad"),
        "parent": ("paris", "lyon"),
        "policy": ("p",),
        "provider": ("github",),
        "review": ("r1", "r2"),
        "role": ("rep", "mentor"),
        "stage": ("nudge", "warning"),
        "version": ("1", "2"),
    }
)
"""Words of fields, by name: the same few in every fact, so that beginnings find their ends."""

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "people": (
            *("member.joined", "member.retired", "member.returned", "account.linked"),
            *("account.unlinked", "affiliation.started", "affiliation.ended"),
        ),
        "reports": ("report.filed", "report.filed", "report.verified"),
        "roles": (
            *("role.assigned", "role.ended", "community.joined", "community.left"),
            *("mentor.assigned", "mentor.released"),
        ),
        "vouches": ("vouch.given", "vouch.given", "vouch.withdrawn"),
        "learning": ("course.completed", "agreement.accepted", "agreement.revoked"),
        "leave": ("leave.started", "leave.ended"),
        "notices": ("notice.sent", "notice.answered"),
        "reviews": ("review.opened", "review.decided", "exemption.granted"),
        "applications": ("application.filed", "application.decided"),
        "opportunities": ("opportunity.held", "opportunity.taken"),
    }
)
"""Kinds of fact that belong together, by stored name; a kind told twice comes twice as often."""

FAMILY_OF: Final = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
"""Its family for each kind, by stored name."""

_LOOKED_AT: Final[Mapping[type, tuple[str, ...]]] = {
    Accepted: ("agreement.accepted", "agreement.accepted", "agreement.revoked"),
    Affiliated: ("affiliation.started", "affiliation.started", "affiliation.ended"),
    Completed: ("course.completed",),
    Exempt: ("exemption.granted",),
    Held: ("role.assigned", "role.assigned", "role.ended"),
    Holds: ("role.assigned", "role.assigned", "role.ended", "member.retired"),
    InCommunity: ("community.joined", "community.joined", "community.left"),
    InOutcome: ("review.opened", "review.decided", "review.decided"),
    Joined: ("member.joined",),
    LargestShare: ("affiliation.started", "affiliation.ended", "role.assigned"),
    Missed: ("opportunity.held", "opportunity.held", "opportunity.taken", "leave.started"),
    Noticed: ("notice.sent", "notice.sent", "notice.answered", "report.filed"),
    OnLeave: ("leave.started", "leave.started", "leave.ended"),
    Previously: ("review.opened", "review.decided", "review.decided"),
    Retired: ("member.retired", "member.returned"),
    Tenure: ("member.joined", "role.assigned", "role.ended"),
    WithAccount: ("account.linked", "account.unlinked", "member.joined"),
}
"""Kinds of fact at which conditions and measures look."""

_MOST_TIMES: Final = 120
"""The longest run of a fact that a history repeats to reach a threshold."""


@frozen
class Vocabulary:
    """What histories speak of.

    Attributes:
        kinds: stored names, some of them several times to come more often.
        words: the words of fields, by name.
        classes: a service's own kinds of fact.
        widths: on the edges of whose windows things happen.
        days: dates that matter.
        sources: where entries may come from.
        recorders: by whom they may be recorded.
        times: how often a fact may come in a row.
        named: the fields of which what they are made for asks by name.
    """

    kinds: tuple[str, ...]
    words: Mapping[str, tuple[Any, ...]] = field(default=WORDS, hash=False)
    classes: tuple[type[Fact], ...] = ()
    widths: frozenset[Width] = frozenset()
    days: frozenset[date] = frozenset()
    sources: tuple[str, ...] = ()
    recorders: tuple[str, ...] = ()
    times: tuple[int, ...] = ()
    named: frozenset[str] = frozenset()

    @property
    def registry(self) -> Registry:
        """The kinds of fact that it may speak of."""
        return codec_of(self.classes).registry


def vocabulary_of(
    value: object = None,
    *,
    classes: Iterable[type[Fact]] = (),
    families: Collection[str] = (),
    of: Collection[Width] = (),
) -> Vocabulary:
    """Return the words in which to speak of what a policy or a condition looks at.

    Args:
        value: a policy, a condition, a charter; None for everything.
        classes: a service's own kinds of fact.
        families: of `FAMILIES`, instead of those that the value looks at.
        of: widths, instead of those in the value.
    """
    own = tuple(classes)
    told = {name: dict.fromkeys(words) for name, words in WORDS.items()}
    named: dict[str, dict[Any, None]] = {}
    for part in parts(value):
        for name in WORDS:
            said = getattr(part, name, None)
            if isinstance(said, str) and said and not isinstance(part, Policy):
                named.setdefault(name, {})[said] = None
        for said in getattr(part, "outcomes", ()) if isinstance(part, Previously) else ():
            named.setdefault("outcome", {})[said] = None
        if isinstance(part, Facts):
            for item in part.where:
                kept = [each for each in item.values if each is not None]
                named.setdefault(item.name, {}).update(dict.fromkeys(kept))
        if isinstance(part, Policy):
            named.setdefault("policy", {})[part.name] = None
            stages = {item.stage: None for item in part.notices}
            named.setdefault("stage", {}).update(stages)
            named.setdefault("outcome", {}).update(dict.fromkeys(part.outcomes))
    words = {
        name: (*named.get(name, {}), *[*told.get(name, {})][: 1 if name in named else None])
        for name in {*named, *told}
    }
    selections = [part for part in parts(value) if isinstance(part, Facts)]
    if families:
        kinds = [kind for family in families for kind in FAMILIES[family]]
    elif value is None:
        kinds = [kind for family in sorted(FAMILIES) for kind in FAMILIES[family]]
        kinds += [kind_of(cls).name for cls in own] * 2
    else:
        kinds = kinds_of(value)
    return Vocabulary(
        kinds=tuple(kinds),
        words=MappingProxyType({name: tuple(dict.fromkeys(each)) for name, each in words.items()}),
        classes=own,
        widths=frozenset(of or widths_in(value)),
        days=frozenset(days_in(value)),
        sources=tuple(dict.fromkeys(source for each in selections for source in each.sources)),
        recorders=tuple(dict.fromkeys(by for each in selections for by in each.recorded_by)),
        times=_times(value),
        named=frozenset(named),
    )


def widths_in(value: object) -> set[Width]:
    """Return every width in an expression."""
    return {part for part in parts(value) if isinstance(part, Width)}


def days_in(value: object) -> set[date]:
    """Return every date in an expression, and the day after each."""
    found = {
        said
        for part in parts(value)
        for name in ("since", "until", "before", "day")
        if isinstance(said := getattr(part, name, None), date)
    }
    return found | {day + _DAY for day in found}


def kinds_of(value: object) -> list[str]:
    """Return the kinds of fact that make a difference to an expression, some several times."""
    found = ["member.joined"]
    for part in parts(value):
        found += _LOOKED_AT.get(type(part), ())
        if isinstance(part, Policy) and part.notices:
            found += _LOOKED_AT[Noticed]
        if getattr(part, "pausing", False):
            found += _LOOKED_AT[OnLeave]
        if getattr(part, "organisation_of", None):
            found += _LOOKED_AT[Affiliated]
        if isinstance(part, Facts):
            found += part.kinds * 2
            if part.verified is not None:
                found += ["report.verified"] * 2
            if part.lasting:
                ends = {end for kind in part.kinds for end in BEGINNINGS[kind].ends}
                found += sorted(end for end in ends if end in FAMILY_OF)
    found += [FOLLOWS[kind][0] for kind in dict.fromkeys(found) if kind in FOLLOWS]
    return found if len(set(found)) > 1 else [*found, "report.filed"]


def families_of(value: object) -> frozenset[str]:
    """Return the families of facts that make a difference to an expression."""
    return frozenset(FAMILY_OF[kind] for kind in kinds_of(value) if kind in FAMILY_OF)


def _times(value: object) -> tuple[int, ...]:
    """Return how often things may have to happen for a comparison to turn."""
    found: set[int] = set()
    for part in parts(value):
        if isinstance(part, Compare) and isinstance(part.measure, NumberMeasure):
            number: Any = part.threshold
            if part.measure.whole and isinstance(number, int) and number <= _MOST_TIMES:
                found |= {number - 1, number, number + 1}
        if isinstance(part, Distinct):
            found.add(2)
    return tuple(sorted(number for number in found if number > 1))
