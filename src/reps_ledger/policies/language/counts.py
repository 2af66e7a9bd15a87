"""Measures of facts in a window: how many, how many different, the sum of a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Registry
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.facts import BUILT_IN_FACTS, Facts, facts, people_of, values_of
from reps_ledger.policies.language.measures import OPERATORS, NumberMeasure
from reps_ledger.policies.language.phrases import named
from reps_ledger.policies.language.reads import NOTHING, Reads
from reps_ledger.policies.language.validators import Field, is_name, is_name_or_none, of_type, one_of
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import PERIODS, Always, Window, as_window, period_of
from reps_ledger.policies.subject import Measured, Subject

_is_facts = of_type(Facts, "facts(…)")


def _is_window(_: object, __: Field, value: object) -> None:
    as_window(value)


def selected(selection: Facts, within: Window, subject: Subject) -> list[Entry]:
    """Return the entries of a selection that lie in a window."""
    bounds = within.bounds(subject)
    return [] if bounds is None else selection.seen(subject, bounds)


def selected_edges(selection: Facts, within: Window, subject: Subject) -> Iterable[datetime]:
    """Yield every instant at which `selected` may return other entries."""
    yield from within.edges(selection.all(subject.dossier), subject)
    yield from selection.edges(subject)


def _may_change(selection: Facts, within: Window, subject: Subject, *, more: bool) -> bool:
    """Whether more facts, or fewer, may come to lie in the window than do now."""
    if within.moves(subject):
        return True
    bounds = within.bounds(subject)
    if not more:
        return selection.may_lessen(subject, bounds)
    return within.is_open(subject) or (bounds is not None and selection.may_regain(subject, bounds))


@frozen(eq=False)
class Count(NumberMeasure):
    """The number of facts in a window.

    Attributes:
        facts: which facts.
        within: the window.
    """

    facts: Facts = field(validator=_is_facts)
    within: Window = field(factory=Always, validator=_is_window)

    key = "count"

    def reads(self) -> Reads:
        return NOTHING

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        return _may_change(self.facts, self.within, subject, more=more)

    @property
    def counted_facts(self) -> Facts | None:
        return self.facts

    def words(self) -> str:
        return self.counted(2)

    def counted(self, number: int) -> str:
        return f"{self.facts.words(number)} {self.within.words()}".rstrip()

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        return _have(self, operator, threshold, denied=denied)

    def measure(self, subject: Subject) -> Measured:
        found = selected(self.facts, self.within, subject)
        return Measured(self.facts.number(found), tuple([entry.id for entry in found]))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        return selected_edges(self.facts, self.within, subject)


def _have(measure: Count | Distinct, operator: str, threshold: str, *, denied: bool) -> str:
    if (operator, threshold) == ("less_than", "1"):
        return f"{'it is not so that ' if denied else ''}they have no {measure.counted(2)}"
    have = "they do not have" if denied else "they have"
    many = "fewer than" if operator == "less_than" else OPERATORS[operator]
    return f"{have} {many} {threshold} {measure.counted(1 if threshold == '1' else 2)}"


@frozen(cache_hash=True)
class OrganisationOf:
    """The organisation of a person whom a fact names, when it happened.

    Attributes:
        name: the field that names the person.
    """

    name: str = field(validator=is_name)


def organisation_of(name: str) -> OrganisationOf:
    """Count organisations of the people in a field; a person without one counts as one."""
    return OrganisationOf(name)


@frozen(eq=False)
class Distinct(NumberMeasure):
    """The number of different values among the facts in a window.

    Exactly one of the last three attributes says of what.

    Attributes:
        facts: which facts.
        within: the window.
        name: the field whose values are counted.
        period: the calendar period whose instances are counted: the days with a report, say.
        organisation_of: the field that names people, whose organisations are counted.
    """

    facts: Facts = field(validator=_is_facts)
    within: Window = field(factory=Always, validator=_is_window)
    name: str | None = field(default=None, validator=is_name_or_none)
    period: str | None = field(default=None, validator=one_of(None, *PERIODS))
    organisation_of: str | None = field(default=None, validator=is_name_or_none)

    def __attrs_post_init__(self) -> None:
        if sum(x is not None for x in (self.name, self.period, self.organisation_of)) != 1:
            raise InvalidPolicy("tell apart by a field, a period or an organisation: one of them")
        self.check_known(BUILT_IN_FACTS)

    key = "distinct"

    def reads(self) -> Reads:
        if self.organisation_of is None:
            return NOTHING
        return Reads(people=frozenset({self.organisation_of}), spans=frozenset({"affiliation.started"}))

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        return _may_change(self.facts, self.within, subject, more=more)

    def check_known(self, registry: Registry) -> None:
        if self.name is not None:
            self.facts.check_field(self.name, registry, strict=False)
        elif self.organisation_of is not None:
            self.facts.check_person(self.organisation_of, registry, strict=False)

    def words(self) -> str:
        return self.counted(2)

    def counted(self, number: int) -> str:
        s = "" if number == 1 else "s"
        if self.period is not None:
            what = f"{self.period}{s} with"
        elif self.name is not None:
            what = f"value{s} of {named(self.name)} among"
        else:
            what = f"organisation{s} of the {named(self.organisation_of or '')} among"
        return f"different {what} {self.facts.words()} {self.within.words()}".rstrip()

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        return _have(self, operator, threshold, denied=denied)

    def measure(self, subject: Subject) -> Measured:
        found = selected(self.facts, self.within, subject)
        values = {value for entry in found for value in self._values(entry, subject)}
        return Measured(len(values), tuple([entry.id for entry in found]))

    def _values(self, entry: Entry, subject: Subject) -> Iterable[object]:
        if self.period is not None:
            return [period_of(entry.occurred_at, self.period, subject.zone)]
        if self.name is not None:
            return values_of(entry.fact, self.name)
        found: list[object] = []
        for person in people_of(entry.fact, self.organisation_of or ""):
            # Whoever has none counts as one: a tuple, which is no organisation's name.
            found += organisations(subject.other(person, entry.occurred_at)) or [(person,)]
        return found

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        return selected_edges(self.facts, self.within, subject)


def organisations(subject: Subject) -> list[str]:
    """Return the names of the organisations that somebody belongs to, each once."""
    named = (span.entry.fact.organisation for span in subject.standing("affiliation.started"))
    return list(dict.fromkeys(named))


@frozen(eq=False)
class Total(NumberMeasure):
    """The sum of a numeric field over the facts in a window.

    Attributes:
        name: the field; facts without a value count as 0.
        facts: which facts.
        within: the window.
    """

    name: str = field(validator=is_name)
    facts: Facts = field(validator=_is_facts)
    within: Window = field(factory=Always, validator=_is_window)

    key = "total"
    whole = False
    stepwise = False

    def reads(self) -> Reads:
        return NOTHING

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        return _may_change(self.facts, self.within, subject, more=more)

    def __attrs_post_init__(self) -> None:
        self.check_known(BUILT_IN_FACTS)

    def check_known(self, registry: Registry) -> None:
        self.facts.check_field(self.name, registry, strict=False, shapes=("int", "float"))

    def words(self) -> str:
        return f"the total {named(self.name)} of {self.facts.words()} {self.within.words()}".rstrip()

    def measure(self, subject: Subject) -> Measured:
        found = selected(self.facts, self.within, subject)
        summed = [entry for entry in found if _is_number(getattr(entry.fact, self.name, None))]
        # Fractions, as sums of floats would depend on their order.
        amounts = [Fraction(getattr(entry.fact, self.name)) for entry in summed]
        return Measured(sum(amounts, Fraction()), tuple([entry.id for entry in summed]))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        return selected_edges(self.facts, self.within, subject)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def selection_of(selection: Facts | str) -> Facts:
    """Return a selection, given as such or as a stored name."""
    return facts(selection) if isinstance(selection, str) else selection


def count(
    selection: Facts | str,
    *,
    within: Width | Window | None = None,
    ahead: Width | None = None,
    pausing: bool = False,
) -> Count:
    """Count facts: of a stored name, or as selected by ``facts(…)``.

    Args:
        selection: which facts.
        within: a width such as ``weeks(4)``, or ``since(…)``, ``this(…)``, ``since_last(…)``,
            ``following(…)``; None for all there ever were.
        ahead: how far to look ahead for what was announced.
        pausing: whether the clock stands still during leave.
    """
    return Count(selection_of(selection), as_window(within, ahead=ahead, pausing=pausing))


def reports(
    *,
    within: Width | Window | None = None,
    ahead: Width | None = None,
    pausing: bool = False,
    where: Mapping[str, object] | None = None,
    **filters: Any,
) -> Count:
    """Count reports of what they did; filters as for ``facts``, windows as for ``count``."""
    selection = facts("report.filed", where=where, **filters)
    return count(selection, within=within, ahead=ahead, pausing=pausing)


def vouches(*, given: bool = False, within: Width | Window | None = None, **filters: Any) -> Count:
    """Count the vouches that stand for them, or that they gave.

    Args:
        given: whether to count those that they gave.
        within: the window in which they were given.
        filters: as for ``facts``; ``voucher=holds("rep")`` counts those from such people.
    """
    person = "voucher" if given else "member"
    options = {"lasting": True, "person": person, **filters}
    return count(facts("vouch.given", **options), within=within)


def distinct(
    what: str | OrganisationOf,
    selection: Facts | str,
    *,
    within: Width | Window | None = None,
    pausing: bool = False,
) -> Distinct:
    """Count different values.

    Args:
        what: "day", "week", "month", "quarter" or "year" in which the facts happened; a field;
            or ``organisation_of(field)``.
        selection: of which facts.
        within: the window, as for ``count``.
        pausing: whether the clock stands still during leave.
    """
    window = as_window(within, pausing=pausing)
    chosen = selection_of(selection)
    if isinstance(what, OrganisationOf):
        return Distinct(chosen, window, organisation_of=what.name)
    if what in PERIODS:
        return Distinct(chosen, window, period=what)
    return Distinct(chosen, window, name=what)


def total(
    name: str, selection: Facts | str, *, within: Width | Window | None = None, pausing: bool = False
) -> Total:
    """Sum up a numeric field, such as the ``amount`` of reports; windows as for ``count``."""
    return Total(name, selection_of(selection), as_window(within, pausing=pausing))
