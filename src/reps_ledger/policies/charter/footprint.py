"""What a condition looks at, so that it can be enforced while facts are recorded.

Recording reads no more than it must: the histories of those concerned, and of those whom these
name. A condition on a whole body would need everybody's.

Those concerned by what is about to be recorded: whose histories are read, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import fields, frozen, has

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, kind_of
from reps_ledger.domain.rules.charters import Surroundings, history_part
from reps_ledger.domain.spans import BEGINNINGS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.language.facts import Facts, WhoFilter, parts
from reps_ledger.policies.language.measures import Distinct, Tenure
from reps_ledger.policies.language.people import (
    Accepted,
    Affiliated,
    Completed,
    Exempt,
    Held,
    Holds,
    InCommunity,
    OnLeave,
    Retired,
    WithAccount,
)
from reps_ledger.policies.language.reviews import InOutcome, Noticed, Previously
from reps_ledger.policies.language.shares import LargestShare, Members, Missed, Share
from reps_ledger.policies.language.windows import Rolling
from reps_ledger.policies.subject import Dossier

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Concerned", "histories", "must_be_enforceable", "people_named", "types_read"]

_BODIES: Final = (LargestShare, Members, Missed, Share)


def must_be_enforceable(condition: Condition) -> None:
    """Refuse what cannot be judged while recording.

    Raises:
        InvalidPolicy: the condition looks at a whole body.
    """
    for part in parts(condition):
        if isinstance(part, _BODIES):
            raise InvalidPolicy(
                f"{part.words()}: this looks at everybody, which recording cannot; use it in a "
                "review policy"
            )


def _spans(*names: str) -> frozenset[str]:
    ends = frozenset[str]().union(*(BEGINNINGS[name].ends for name in names))
    retiring = any(BEGINNINGS[name].retiring for name in names)
    return frozenset(names) | ends | ({"member.retired"} if retiring else frozenset())


_ACTS: Final = frozenset(kind_of(cls).name for cls in BUILT_IN if kind_of(cls).act is not None)
_REVIEWS: Final = frozenset({"review.opened", "review.decided"})

_READ: Final[Mapping[type, frozenset[str]]] = {
    Accepted: _spans("agreement.accepted"),
    Affiliated: _spans("affiliation.started"),
    Completed: frozenset({"course.completed"}),
    Exempt: _spans("exemption.granted"),
    Held: _spans("role.assigned"),
    Holds: _spans("role.assigned"),
    InCommunity: _spans("role.assigned", "community.joined"),
    InOutcome: _REVIEWS,
    Noticed: frozenset({"notice.sent", "notice.answered"}) | _ACTS,
    OnLeave: _spans("leave.started"),
    Previously: _REVIEWS,
    Retired: _spans("member.retired"),
    Tenure: _spans("role.assigned"),
    WithAccount: _spans("account.linked"),
}
"""Stored names of the facts that conditions look at, beside joining."""


def types_read(condition: Condition | None) -> frozenset[str]:
    """Return the stored names of all facts that a condition looks at."""
    found = {"member.joined", "exemption.granted"}
    for part in parts(condition):
        found |= _READ.get(type(part), frozenset())
        if isinstance(part, Facts):
            found |= set(part.kinds)
            found |= {"report.verified"} if part.verified is not None else set()
            found |= _spans(*part.kinds) if part.lasting else set()
        elif getattr(part, "pausing", False) or isinstance(part, Rolling):
            found |= _spans("leave.started")
        if isinstance(part, Distinct) and part.organisation_of is not None:
            found |= _spans("affiliation.started")
    return frozenset(found)


def people_named(value: Any, entries: tuple[Entry, ...]) -> Iterator[str]:
    """Yield others at whom a condition looks: those named in fields that it asks about."""
    names = {part.name for part in parts(value) if isinstance(part, WhoFilter)}
    names |= {
        part.organisation_of
        for part in parts(value)
        if isinstance(part, Distinct) and part.organisation_of is not None
    }
    for entry in entries:
        if not has(type(entry.fact)):
            continue  # pragma: no cover — every fact is one
        for attribute in fields(type(entry.fact)):
            person = getattr(entry.fact, attribute.name)
            if attribute.name in names and isinstance(person, str):
                yield person


T = TypeVar("T")


@frozen
class Concerned:
    """Those concerned by what is about to be recorded, and nobody else."""

    known: Surroundings
    types: frozenset[str]

    def member(self, member: str) -> Dossier:
        """Return what is known of somebody concerned."""
        entries = self.known.entries(history_part(member, self.types))
        return Dossier(member, entries or (), readings=self.known.readings)

    def everyone(self) -> Iterable[Dossier]:
        """Refuse: nobody else is known here."""
        raise _beyond()

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Refuse: nobody else is known here."""
        raise _beyond()

    def opportunities(self) -> Sequence[Entry]:
        """Refuse: nobody else is known here."""
        raise _beyond()

    def once(self, _: object, make: Callable[[], T]) -> T:
        """Make something; nothing is kept, as the next judgement may know more."""
        return make()


def _beyond() -> AssertionError:
    return AssertionError("a charter cannot ask recording for a whole body; it is refused")


def histories(member: str, condition: Condition | None, known: Surroundings) -> Iterator[Any]:
    """Name the histories at which a condition on somebody looks, as far as is known."""
    types = types_read(condition)
    waiting, named = [member], {member}
    while waiting:
        part = history_part(waiting.pop(), types)
        yield part
        for person in people_named(condition, tuple(known.entries(part) or ())):
            if person not in named:
                named.add(person)
                waiting.append(person)
