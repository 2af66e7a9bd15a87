"""Vocabularies of histories: kinds of fact, and the few words that make them meet one another.

The expression under test says which kinds it reads; each kind of fact says which other it ends,
answers, verifies or decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Fact, FactType, Registry, kind_of
from reps_ledger.domain.spans import READS
from reps_ledger.policies.language.facts import Facts, Filter, values_of
from reps_ledger.policies.language.measures import Compare, Measure
from reps_ledger.policies.language.reads import parts, readers
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.policy import Policy
from reps_ledger.testing.history import with_changes
from reps_ledger.testing.memory_log import codec_of

_FACTS: Final = Registry(BUILT_IN)


def matched(fact: Fact, entries: Sequence[Entry], people: Sequence[str]) -> Fact | None:
    """Return a fact like another that belongs to the last entry of the kind that it follows.

    Args:
        fact: the other, such as that a role ended.
        entries: what was recorded so far.
        people: who may act.

    Returns:
        That fact, or None where its kind follows no other, or no such entry was recorded.
    """
    described = FactType.of(type(fact))
    kind = described.kind
    if kind.follows is None:
        return None
    found = [entry for entry in entries if entry.name == kind.follows]
    if not found:
        return None
    member = getattr(fact, "member", None)
    own = [entry for entry in found if getattr(entry.fact, "member", None) == member]
    last = (own or found)[-1]
    changes: dict[str, object] = {name: getattr(last.fact, name) for name in kind.shared}
    single = [name for name in described.entries if described.shapes[name] == "text"]
    changes |= dict.fromkeys(single, last.id)
    if "member" in kind.shared:  # whoever else it names is somebody else
        other = next(each for each in people if each != last.fact.member)
        changes |= dict.fromkeys(set(described.persons) - set(kind.shared), other)
    return with_changes(fact, changes)


_DAY: Final = timedelta(days=1)

WORDS: Final[Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        "account": ("a",),
        "activity": ("event", "talk"),
        "agreement": ("nda",),
        "amount": (1, 2.5),
        "areas": ("web", "l10n"),
        "channel": ("mail",),
        "community": ("paris", "lyon"),
        "course": ("onboarding",),
        "field": ("link", "name"),
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
        "value": ("x", "y"),
        "version": ("1", "2"),
    }
)
"""Values of fields, by name: the same few in every fact, so that beginnings find their ends."""

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
        "profiles": ("member.profiled", "community.described", "organisation.described"),
    }
)
"""Kinds of fact that belong together; one that stands twice comes twice as often."""

FAMILY_OF: Final = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
"""The family of each kind, by stored name."""

_MOST_TIMES: Final = 120
"""How often a history repeats a fact, at most, to reach a threshold."""


@frozen
class Vocabulary:
    """The kinds of fact of histories, and the values of their fields.

    Attributes:
        kinds: stored names, some of them several times to come more often.
        words: the values of fields, by name.
        classes: the service's own kinds of fact.
        widths: widths of windows, on whose edges things happen.
        days: dates on which things happen.
        sources: where entries may come from.
        recorders: who may record them.
        times: how often a fact may come in a row.
        named: the fields that the policy under test filters on.
    """

    kinds: tuple[str, ...]
    words: Mapping[str, tuple[object, ...]] = field(default=WORDS, hash=False)
    classes: tuple[type[Fact], ...] = ()
    widths: frozenset[Width] = frozenset()
    days: frozenset[date] = frozenset()
    sources: tuple[str, ...] = ()
    recorders: tuple[str, ...] = ()
    times: tuple[int, ...] = ()
    named: frozenset[str] = frozenset()

    @property
    def registry(self) -> Registry:
        """The kinds of fact that there are."""
        return codec_of(self.classes).registry


def vocabulary_of(
    value: object = None,
    *,
    classes: Iterable[type[Fact]] = (),
    families: Collection[str] = (),
    of: Collection[Width] = (),
) -> Vocabulary:
    """Return the vocabulary of histories that make a difference to a policy or a condition.

    Args:
        value: a policy, a condition, a charter; None for every kind of fact.
        classes: the service's own kinds of fact.
        families: names in `FAMILIES`: their facts, instead of those that the value reads.
        of: widths, instead of those in the value.
    """
    own = tuple(classes)
    named: dict[str, dict[object, None]] = {}  # dicts for sets that keep their order
    for part in parts(value):
        # A policy and a filter have fields of these names too, which hold something else.
        for name in () if isinstance(part, Policy | Filter) else WORDS:
            for word in (*values_of(part, name), *values_of(part, f"{name}s")):
                if isinstance(word, str) and word:
                    named.setdefault(name, {})[word] = None
        if isinstance(part, Facts):
            for item in part.where:
                named.setdefault(item.name, {}).update(dict.fromkeys(item.values))
        if isinstance(part, Policy):
            named.setdefault("policy", {})[part.name] = None
            stages = {item.stage: None for item in part.notices}
            named.setdefault("stage", {}).update(stages)
            named.setdefault("outcome", {}).update(dict.fromkeys(part.outcomes))
    # Of a field that is filtered on, one other value too: something must not match.
    words = {
        name: (*named.get(name, {}), *WORDS.get(name, ())[: 1 if name in named else None])
        for name in (*named, *(name for name in WORDS if name not in named))  # the same in every run
    }
    selections = [part for part in parts(value) if isinstance(part, Facts)]
    if families:
        kinds = [kind for family in families for kind in FAMILIES[family]]
    elif value is None:
        kinds = [kind for family in sorted(FAMILIES) for kind in FAMILIES[family]]
        kinds += [kind_of(cls).name for cls in own] * 2
    else:
        kinds = kinds_of(value, codec_of(own).registry)
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


def kinds_of(value: object, registry: Registry = _FACTS) -> list[str]:
    """Return the kinds of fact that make a difference to an expression, some several times.

    Beginnings come twice as often as ends, and kinds that are named as often as these.

    Args:
        value: the expression.
        registry: the kinds of fact that there are.
    """
    found = ["member.joined"]
    for part in readers(value):
        reads = part.reads()
        found += sorted(reads.facts) * 2
        for beginning in sorted(reads.spans):
            ends = READS[beginning] - {beginning, "member.joined"}
            found += [beginning, beginning, *sorted(end for end in ends if end in FAMILY_OF)]
        if reads.acts:
            found += _acts(registry)
    for kind in dict.fromkeys(found):
        described = registry.named(kind)
        if described is not None and described.kind.follows is not None:
            found.append(described.kind.follows)
    return found if len(set(found)) > 1 else [*found, "report.filed"]


def _acts(registry: Registry) -> list[str]:
    """Return kinds of act: reports, which are the usual ones, and all of a service's own."""
    own = [each.kind for each in registry if _FACTS.named(each.kind.name) is None]
    return ["report.filed", *(kind.name for kind in own if kind.act is not None)]


def families_of(value: object) -> frozenset[str]:
    """Return the families of facts that make a difference to an expression."""
    return frozenset(FAMILY_OF[kind] for kind in kinds_of(value) if kind in FAMILY_OF)


def _times(value: object) -> tuple[int, ...]:
    """Return how often a fact may have to happen for the truth of a comparison to change."""
    found: set[int] = set()
    for part in parts(value):
        if isinstance(part, Compare) and part.measure.whole:
            number = part.threshold
            if isinstance(number, int) and number <= _MOST_TIMES:
                found |= {number - 1, number, number + 1}
        if isinstance(part, Measure) and part.stepwise:
            found.add(2)
    return tuple(sorted(number for number in found if number > 1))
