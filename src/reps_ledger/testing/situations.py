"""Situations: a history, and the member, instant and position from which laws look at it.

Also how one in which something goes wrong is made smaller. Hypothesis shrinks what it drew, and
removes entries one by one; those that only two at a time can be removed (a mistake and its
retraction, say) are removed by `minimised`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, tzinfo
from itertools import combinations
from typing import Final

from attrs import evolve, field, fields, frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact
from reps_ledger.domain.time import day_start
from reps_ledger.policies import Policy, Subject, Width, evaluate
from reps_ledger.policies.outcomes import outcome_of
from reps_ledger.testing.history import (
    Everybody,
    History,
    Printer,
    Told,
    is_fact,
    moment,
    situation_code,
    tell_all,
    timeline,
    with_changes,
)
from reps_ledger.testing.memory_log import InMemoryLedger, entry_id
from reps_ledger.testing.strategies.edges import reviews, zones
from reps_ledger.testing.strategies.facts import PEOPLE
from reps_ledger.testing.strategies.histories import as_ofs, legal_drawer, raw_drawer
from reps_ledger.testing.strategies.vocabulary import days_in, vocabulary_of, widths_in

PolicyLike = Policy | Callable[[Subject], str]
"""What gives an outcome: a policy, or any function of a subject."""


@frozen(kw_only=True, repr=False)
class Situation:
    """A member of whom a policy is evaluated, at an instant, as known at a position.

    Attributes:
        history: all that is ever recorded, what is not known yet too.
        who: the member; or the community, for a policy about communities.
        at: the instant.
        known_at: the position; what was recorded after it is not known.
    """

    history: History
    who: str
    at: datetime
    known_at: int = field()

    @known_at.default
    def _all(self) -> int:
        return len(self.history)

    @property
    def zone(self) -> tzinfo:
        """The time zone in which dates are read."""
        return self.history.zone

    @property
    def known(self) -> History:
        """The history as far as it was known."""
        return self.history.known(self.known_at)

    def subject(self, judge: PolicyLike, others: Everybody | None = None) -> Subject:
        """Return the subject of a policy, as known; or among others, where they are given."""
        around = self.known.everybody() if others is None else others
        policy = judge.name if isinstance(judge, Policy) else ""
        if isinstance(judge, Policy) and judge.of == "community":
            return around.body(self.who, self.at, self.zone, policy=policy)
        return around.subject(self.who, self.at, self.zone, policy=policy)

    def moved(self, at: datetime) -> Situation:
        """Return the same at another instant."""
        return evolve(self, at=at)

    def timeline(self) -> str:
        """Draw it."""
        seen = min(len(self.history), self.known_at)
        known = "" if seen == len(self.history) else f", as known at #{seen}"
        marks = [(self.at, f"{self.who} is judged{known}")]
        return timeline(self.history, self.zone, marks, self.known_at)

    def code(self) -> str:
        """Return it as code."""
        return situation_code(self.history, self.who, self.at, self.known_at)

    def __repr__(self) -> str:
        return "\n" + self.timeline()

    def _repr_pretty_(self, printer: Printer, _cycle: bool) -> None:
        printer.text(f"{self!r}\n")


@checked
def situated(
    *told: Told | tuple[Fact, str | date],
    who: str = "ana",
    at: str | datetime,
    known_at: int | None = None,
    zone: tzinfo = UTC,
    facts: Iterable[type[Fact]] = (),
) -> Situation:
    """Tell a short story, and return the situation at its end.

    Args:
        told: facts and when they happened, as for `tell_all`.
        who: the member of whom a policy is evaluated; or the community.
        at: the instant: an aware datetime, or text for `moment`, in UTC.
        known_at: the position up to which it is known; None for all.
        zone: the time zone in which dates are read.
        facts: the service's own kinds of fact.
    """
    history = tell_all(*told, facts=facts, zone=zone)
    instant = moment(at) if isinstance(at, str) else at
    seen = len(history) if known_at is None else known_at
    return Situation(history=history, who=who, at=instant, known_at=seen)


@checked
def judged(judge: PolicyLike, subject: Subject) -> str:
    """Return the outcome of a policy, or of a function."""
    return outcome_of(judge, subject) if isinstance(judge, Policy) else judge(subject)


def words_of(judge: PolicyLike, subject: Subject) -> str:
    """Say the outcome of a policy with its findings; or that of a function."""
    if not isinstance(judge, Policy):
        return f'"{judge(subject)}"'
    verdict = evaluate(judge, subject)
    why = f" ({verdict.reason})" if verdict.reason else ""
    case = "no case" if verdict.case is None else f"case {verdict.case + 1}"
    lines = [f'"{verdict.outcome}"{why}, by {case}']
    return "\n".join([*lines, *(f"  {each.words(subject.zone)}" for each in verdict.findings)])


@checked
def situations(
    judge: PolicyLike | None = None,
    *,
    about: object = None,
    histories: SearchStrategy[History] | None = None,
    facts: Iterable[type[Fact]] = (),
    max_size: int = 10,
    zone: tzinfo | None = None,
) -> SearchStrategy[Situation]:
    """Make situations: a history, and somebody of whom a policy is evaluated in it.

    Args:
        judge: the policy or function: facts come that a policy reads. None for facts of every
            kind.
        about: what reads the facts that come, instead: a policy, a condition, a selection.
        histories: which histories; by default legal ones mostly, and raw ones, of which the
            arguments below speak.
        facts: the service's own kinds of fact.
        max_size: the most entries.
        zone: the time zone in which dates are read; None for any of a few.
    """
    own = tuple(facts)
    value = about if about is not None or not isinstance(judge, Policy) else judge
    whole = isinstance(judge, Policy) and judge.of == "community"
    words = vocabulary_of(value, classes=own)
    who: list[str] = [PEOPLE[0]] * 6 + list(PEOPLE[1:3])
    if whole:
        who = [str(each) for each in words.words["community"]]
    if histories is not None:
        return histories.flatmap(lambda history: _looking_at(history, value, who, fixed=whole))
    places = zones() if zone is None else st.just(zone)
    longest = max(max_size, *(each + 4 for each in words.times), 0)
    drawers = [legal_drawer(words, max_size=longest)] * 3
    drawers.append(raw_drawer(words, max_size=longest, odd=False))
    kinds, cut = st.sampled_from(drawers), st.sampled_from([None, None, None, 1, 2, 3])
    named, reviewed = st.sampled_from(who), _reviews_of(value)

    @st.composite
    def around(draw: st.DrawFn) -> Situation:
        place = draw(places)
        day, width = draw(reviewed)
        at = day_start(day, place) if isinstance(day, date) and not isinstance(day, datetime) else day
        if width is not None:
            at = width.after(at, place)
        history = draw(kinds)(draw, at, place)
        back = draw(cut)
        known = len(history) if back is None else max(0, len(history) - back)
        return Situation(history=history, who=draw(named), at=at, known_at=known)

    return around()


def _reviews_of(value: object) -> SearchStrategy[tuple[date, Width | None]]:
    """Make times of reviews: instants or dates, with a width by which the review is later.

    They are mostly dates that an expression names.
    """
    plain = reviews().map(lambda at: (at, None))
    days = sorted(days_in(value))
    if not days:
        return plain
    after = st.sampled_from([None, None, *sorted(widths_in(value), key=str)])
    return st.one_of(st.tuples(st.sampled_from(days), after), plain)


def _looking_at(history: History, value: object, who: list[str], *, fixed: bool) -> SearchStrategy[Situation]:
    people = who if fixed else (history.people or who)
    return st.builds(
        lambda asof, name: Situation(history=history, who=name, at=asof.valid_at, known_at=asof.known_at),
        as_ofs(history, of=widths_in(value)),
        st.sampled_from(people),
    )


_MOST_AT_ONCE: Final = 2


def minimised(situation: Situation, shows: Callable[[Situation], bool]) -> Situation:
    """Return a situation without the entries that are not needed for something to show.

    A history that the rules allow stays one that they allow.

    Args:
        situation: in which it shows.
        shows: whether it shows in another situation.
    """
    legal = _is_legal(situation.history)
    smaller = True
    while smaller:
        smaller = False
        for other in _with_less(situation):
            if (not legal or _is_legal(other.history)) and shows(other):
                situation, smaller = other, True
                break
    return situation


def _with_less(situation: Situation) -> Iterable[Situation]:
    """Yield situations without some entries: those that lack the most first."""
    entries = situation.history.entries
    for number in range(min(_MOST_AT_ONCE, len(entries)), 0, -1):
        for gone in combinations(entries, number):
            kept = [entry for entry in entries if entry not in gone]
            known = sum(entry.position <= situation.known_at for entry in kept)
            history = _told_again(kept, situation.history)
            yield evolve(situation, history=history, known_at=known)


def _told_again(entries: list[Entry], history: History) -> History:
    """Return a history of some entries, with the ids of their new positions."""
    places = {entry.id: entry_id(place) for place, entry in enumerate(entries, 1)}
    told = (Told(_renamed(e.fact, places), e.occurred_at, e.by, e.on_behalf_of, e.source) for e in entries)
    return tell_all(*told, facts=history.facts, zone=history.zone)


def _renamed(fact: Fact, places: dict[str, str]) -> Fact:
    """Return a fact with the new ids of entries."""
    changes: dict[str, object] = {}
    for attribute in fields(type(fact)):
        value = getattr(fact, attribute.name)
        if isinstance(value, str) and value in places:
            changes[attribute.name] = places[value]
        elif is_fact(value):
            changes[attribute.name] = _renamed(value, places)
    return with_changes(fact, changes)


def _is_legal(history: History) -> bool:
    in_memory = InMemoryLedger(history.facts, (), history.zone)
    return all(in_memory.offer(e.fact, e.occurred_at, by=e.by, source=e.source) is not None for e in history)
