"""Amending under a charter: what a correction or a retraction is about.

To correct or retract what only some may record, one must be of them, whatever date is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reps_ledger.domain.facts import CharterAdopted, EntryCorrected, EntryRetracted, Fact, kind_of
from reps_ledger.domain.rules.machines import TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.rules.governance import Surroundings

__all__ = ["changes_something", "kinds", "other_moments", "said", "targeting"]

_CORRECTIONS: Final = EntryCorrected | EntryRetracted


def said(fact: Fact) -> Fact:
    """Return what a fact says happened: a correction, its replacement."""
    return fact.replacement if isinstance(fact, EntryCorrected) else fact


def _targets(fact: Fact, known: Surroundings) -> list[Entry]:
    """Return the entries that a correction is about, as far as they are known.

    A retraction is also about what its target amended, which stands again.
    """
    found: list[Entry] = []
    aim = fact
    while isinstance(aim, _CORRECTIONS):
        target = known.recorded(aim.target)
        if target is None:
            break
        found.append(target)
        if not isinstance(fact, EntryRetracted):
            break
        aim = target.fact
    return found


def targeting(fact: Fact, known: Surroundings) -> Iterator[Any]:
    """Name where the entries are found that a retraction makes stand again."""
    if isinstance(fact, EntryRetracted):
        for target in _targets(fact, known):
            if isinstance(target.fact, _CORRECTIONS):
                yield TARGET.part(target.fact.target)


def other_moments(entry: Entry, known: Surroundings) -> Iterator[datetime]:
    """Yield when else a charter is asked who may record an entry, whatever its own date.

    When that happened which it amends; and when a charter begins to govern that it adopts or
    amends.
    """
    targets = _targets(entry.fact, known)
    yield from (target.occurred_at for target in targets)
    for each in (entry, *targets):
        adopted = said(each.fact)
        if isinstance(adopted, CharterAdopted) and adopted.effective_from is not None:
            yield max(adopted.effective_from, each.occurred_at)


def kinds(fact: Fact, known: Surroundings) -> list[str]:
    """Return the stored names that somebody must be allowed to record, to record a fact."""
    targets = [said(target.fact) for target in _targets(fact, known)]
    told = [fact, said(fact), *targets]
    return list(dict.fromkeys(kind_of(each).name for each in told))


def changes_something(entry: Entry, known: Surroundings) -> bool:
    """Whether a fact says more than it corrects: another reason for the same role is no news."""
    if not isinstance(entry.fact, EntryCorrected):
        return True
    aim, now = entry.fact.target, said(entry.fact)
    standing = known.entries(TARGET.part(aim)) or ()
    target = next((each for each in standing if each.id == aim), None)
    if target is None or type(target.fact) is not type(now):
        return True
    names = ("member", "role", "community", "until", "how", "voucher")
    return target.occurred_at != entry.occurred_at or any(
        getattr(target.fact, name, None) != getattr(now, name, None) for name in names
    )
