"""What histories speak of: kinds of fact, and the few words that make them meet one another.

Which kinds make a difference is asked of the expression under test; which fact ends, answers or
verifies which, of the kinds of fact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Fact, FactType, Registry, kind_of
from reps_ledger.domain.spans import BEGINNINGS
from reps_ledger.policies.language.facts import Facts, values_of
from reps_ledger.policies.language.measures import Compare, Measure
from reps_ledger.policies.language.reads import parts, readers
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.policy import Policy
from reps_ledger.testing.memory_log import codec_of

_FACTS: Final = Registry(BUILT_IN)


def matched(fact: Fact, entries: Sequence[Entry], people: Sequence[str]) -> Fact | None:
    """Return a fact said of the last thing that it may follow; None where there is nothing.

    Args:
        fact: such as that a role ended.
        entries: what was recorded so far.
        people: who may act.
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
    changes: dict[str, Any] = {each: getattr(last.fact, each) for each in kind.shared}
    single = [name for name in described.entries if described.shapes[name] == "text"]
    changes |= dict.fromkeys(single, last.id)
    if "member" in kind.shared:  # whoever else it names is somebody else
        other = next(each for each in people if each != last.fact.member)
        changes |= dict.fromkeys(set(described.persons) - set(kind.shared), other)
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
        for name in () if isinstance(part, Policy) else WORDS:
            for said in (*values_of(part, name), *values_of(part, f"{name}s")):
                if isinstance(said, str) and said:
                    named.setdefault(name, {})[said] = None
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

    Beginnings come twice as often as ends, and what is asked for by name as often as these.

    Args:
        value: the expression, which says itself what it reads.
        registry: the facts that there are.
    """
    found = ["member.joined"]
    for part in readers(value):
        reads = part.reads()
        found += sorted(reads.facts) * 2
        for beginning in sorted(reads.spans):
            ends = BEGINNINGS[beginning].stored_names(beginning) - {beginning}
            found += [beginning, beginning, *sorted(end for end in ends if end in FAMILY_OF)]
        if reads.acts:
            found += _acts(registry)
    for kind in dict.fromkeys(found):
        described = registry.named(kind)
        if described is not None and described.kind.follows is not None:
            found.append(described.kind.follows)
    return found if len(set(found)) > 1 else [*found, "report.filed"]


def _acts(registry: Registry) -> list[str]:
    """Return acts: a report, which is the most usual one, and all kinds of a service's own."""
    own = [each.kind for each in registry if _FACTS.named(each.kind.name) is None]
    return ["report.filed", *(kind.name for kind in own if kind.act is not None)]


def families_of(value: object) -> frozenset[str]:
    """Return the families of facts that make a difference to an expression."""
    return frozenset(FAMILY_OF[kind] for kind in kinds_of(value) if kind in FAMILY_OF)


def _times(value: object) -> tuple[int, ...]:
    """Return how often things may have to happen for a comparison to turn."""
    found: set[int] = set()
    for part in parts(value):
        if isinstance(part, Compare) and part.measure.whole:
            number: Any = part.threshold
            if number <= _MOST_TIMES:
                found |= {number - 1, number, number + 1}
        if isinstance(part, Measure) and part.stepwise:
            found.add(2)
    return tuple(sorted(number for number in found if number > 1))
