"""Strategies for histories: legal ones, made by offering facts to the rules, and raw ones.

Also for what is drawn from a history: instants and positions to look at it from, corrections of
it, and rows of the exchange format, dirty ones among them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from attrs import evolve, field, frozen
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import (
    CharterAdopted,
    EntryCorrected,
    EntryRetracted,
    Fact,
    MemberJoined,
    OpportunityHeld,
    ReportFiled,
    kind_of,
)
from reps_ledger.domain.rules import Rule
from reps_ledger.policies import Width
from reps_ledger.policies.charter import Charter, dump_charter
from reps_ledger.testing.history import History, Row, Told, moment, tell_all
from reps_ledger.testing.memory_log import InMemoryLedger, entry_id
from reps_ledger.testing.strategies.edges import Edge, edges, reviews, zones
from reps_ledger.testing.strategies.facts import PEOPLE, PLAIN
from reps_ledger.testing.strategies.offers import Context, Offer, fresh_facts, offers
from reps_ledger.testing.strategies.vocabulary import Vocabulary, matched, vocabulary_of

Drawer = Callable[[st.DrawFn, datetime, tzinfo], History]

_LONG_AGO: Final = timedelta(days=400)


def histories(
    *,
    min_size: int = 0,
    max_size: int = 12,
    about: object = None,
    charter: Charter | None = None,
    facts: Iterable[type[Fact]] = (),
    rules: Iterable[Rule] = (),
    at: datetime | None = None,
    zone: tzinfo | None = None,
) -> SearchStrategy[History]:
    """Make legal histories: facts are offered to the rules, and what they allow is kept.

    Ana joins first, mostly; others join by themselves when they are first spoken of.

    Args:
        min_size: the fewest entries.
        max_size: the most.
        about: a policy, a condition or a charter: facts come that it reads, as often as it
            counts them, on the edges of its windows. None for facts of every kind.
        charter: in force from the start.
        facts: the service's own kinds of fact.
        rules: its own rules.
        at: the review around which things happen; None for any of a few, odd ones among them.
        zone: the time zone in which dates are read; None for any of a few.
    """
    own = tuple(facts)
    value = about if about is not None else charter
    words = vocabulary_of(value, classes=own)
    if charter is not None:  # facts that a charter governs too, whether it reads them or not
        words = _with_governed(words, own)
    document = None if charter is None else dump_charter(charter)
    legal = legal_drawer(words, tuple(rules), document, min_size=min_size, max_size=max_size)
    return _drawn(legal, at, zone)


def raw_histories(
    *,
    min_size: int = 0,
    max_size: int = 12,
    about: object = None,
    facts: Iterable[type[Fact]] = (),
    families: Collection[str] = (),
    of: Collection[Width] = (),
    at: datetime | None = None,
    zone: tzinfo | None = None,
    odd: bool = True,
) -> SearchStrategy[History]:
    """Make histories that no rule was asked about: whatever a careless import might leave.

    Leave begins twice and ends unbegun; people act before they join; entries verify, correct and
    retract others that they may not; things are recorded in any order.

    Args:
        min_size: the fewest facts.
        max_size: the most.
        about: as for `histories`.
        facts: the service's own kinds of fact.
        families: names in `FAMILIES`: their facts, instead of those that ``about`` reads.
        of: widths of windows, on whose edges things happen.
        at: as for `histories`.
        zone: as for `histories`.
        odd: whether facts of any value that their fields may have are among them.
    """
    words = vocabulary_of(about, classes=facts, families=families, of=of)
    raw = raw_drawer(words, min_size=min_size, max_size=max_size, odd=odd)
    return _drawn(raw, at, zone)


def _drawn(drawer: Drawer, at: datetime | None, zone: tzinfo | None) -> SearchStrategy[History]:
    reviewed, placed = _at(at, zone)

    @st.composite
    def a_history(draw: st.DrawFn) -> History:
        return drawer(draw, draw(reviewed), draw(placed))

    return a_history()


def legal_drawer(
    words: Vocabulary,
    rules: tuple[Rule, ...] = (),
    charter: str | None = None,
    *,
    min_size: int = 0,
    max_size: int,
) -> Drawer:
    """Return a function that draws legal histories around a review; see `histories`."""
    offered = offers(words, max_size=max_size)
    when = edges(words.widths, words.days)

    def draw_history(draw: st.DrawFn, at: datetime, zone: tzinfo) -> History:
        drawn = draw(offered)
        since = _joining(draw, when, at, zone)
        recording = _Recording(Context(at, zone, PEOPLE[:3], []), words, rules, max_size)
        if charter is not None:
            adoption = CharterAdopted(document=charter, version="1")
            recording.in_memory.offer(adoption, recording.start)
        if since is not None:
            recording.join(PEOPLE[:1], since)
        history = _legal(drawn, recording, min_size)
        if len(history) < min_size:  # a charter may let nobody record what fills it
            reject()
        return history

    return draw_history


def raw_drawer(words: Vocabulary, *, min_size: int = 0, max_size: int, odd: bool) -> Drawer:
    """Return a function that draws raw histories around a review; see `raw_histories`."""
    kinds = (*PLAIN, *words.classes) if odd else ()
    offered = offers(words, min_size=min_size, max_size=max_size, odd=kinds)
    when = edges(words.widths, words.days)

    def draw_history(draw: st.DrawFn, at: datetime, zone: tzinfo) -> History:
        drawn = draw(offered)
        since = _joining(draw, when, at, zone) if min_size < max_size else None
        return _raw(since, drawn, Context(at, zone, PEOPLE[:3], []), words, max_size)

    return draw_history


_JOINING: Final = st.sampled_from([*["long ago"] * 3, "then", "then", "never"])


def _joining(draw: st.DrawFn, when: SearchStrategy[Edge], at: datetime, zone: tzinfo) -> datetime | None:
    """Draw when the first of the people joins; None where no fact says so."""
    match draw(_JOINING):
        case "long ago":
            return at - _LONG_AGO
        case "then":
            return draw(when).of(at, zone)
    return None


def _at(at: datetime | None, zone: tzinfo | None) -> tuple[SearchStrategy[datetime], SearchStrategy[tzinfo]]:
    return (reviews() if at is None else st.just(at), zones() if zone is None else st.just(zone))


def _with_governed(words: Vocabulary, own: tuple[type[Fact], ...]) -> Vocabulary:
    every = vocabulary_of(None, classes=own)
    governed = ("role.assigned", "role.ended", "vouch.given")
    return evolve(
        words,
        kinds=(*words.kinds, *every.kinds, *governed, *governed),
        classes=own,
        recorders=tuple(dict.fromkeys((*words.recorders, *PEOPLE[:3]))),
        named=frozenset(),
    )


class _Recording:
    """Offers facts to the rules, and records what they allow, up to a number of entries."""

    def __init__(self, context: Context, words: Vocabulary, rules: tuple[Rule, ...], most: int) -> None:
        self.context = context
        self.in_memory = InMemoryLedger(words.classes, rules, context.zone)
        self.start = context.at - _LONG_AGO
        self._words = words
        self._most = most
        self._joined: set[str] = set()

    def take(self, offer: Offer, number: int, when: datetime) -> None:
        """Record a fact; where it is refused, one like it of an entry that it may follow."""
        fact = offer.fact(self.context, number)
        if fact is None:
            return
        self.join(() if isinstance(fact, MemberJoined) else people_in(fact, self._words.registry))
        if isinstance(fact, MemberJoined):
            self._joined.add(fact.member)
        if not self._take(fact, when, offer):
            other = matched(fact, self.in_memory.entries, self.context.people)
            if other is not None:
                self._take(other, when, offer)

    def fill(self, least: int) -> None:
        """Record facts that are hardly ever refused until there are so many entries."""
        self.join(PEOPLE[:1] if len(self.in_memory.entries) < least else ())
        for number in range(least - len(self.in_memory.entries)):
            report = ReportFiled(member=PEOPLE[0], activity="event")
            if self.in_memory.offer(report, self.context.at) is None:
                held = OpportunityHeld(opportunity=f"filler {number}", kind="vote")
                self.in_memory.offer(held, self.context.at)

    def recorded(self) -> History:
        """Return what was recorded."""
        return History(self.in_memory.recorded(), self._words.classes, self.context.zone)

    def join(self, people: Iterable[str], since: datetime | None = None) -> None:
        """Let people join who have not: at an instant, or long ago."""
        for person in people:
            if person not in self._joined and len(self.in_memory.entries) < self._most:
                self._joined.add(person)
                self._keep(self.in_memory.offer(MemberJoined(member=person), since or self.start))

    def _take(self, fact: Fact, when: datetime, offer: Offer) -> bool:
        if len(self.in_memory.entries) >= self._most:
            return True
        return self._keep(self.in_memory.offer(fact, when, by=offer.by, source=offer.source))

    def _keep(self, entry: Entry | None) -> bool:
        if entry is not None:
            self.context.ids.append(entry.id)
        return entry is not None


def _legal(drawn: Sequence[Offer], recording: _Recording, least: int) -> History:
    """Record facts in the order in which they happened, and late ones after all others."""
    dated = [
        (offer.late, when, number, offer)
        for offer in drawn
        for number, when in enumerate(offer.instants(recording.context))
    ]
    for _, when, number, offer in sorted(dated, key=lambda each: each[:2]):
        recording.take(offer, number, when)
    recording.fill(least)
    return recording.recorded()


def _raw(
    since: datetime | None, drawn: Sequence[Offer], context: Context, words: Vocabulary, max_size: int
) -> History:
    """Record facts one after another, whatever any rule would say."""
    found: list[Told] = []

    def take(fact: Fact | None, when: datetime, offer: Offer) -> None:
        if fact is not None and len(found) < max_size:
            found.append(Told(fact, when, offer.by, None, offer.source))
            context.ids.append(entry_id(len(found)))

    if since is not None and max_size:
        found.append(Told(MemberJoined(member=PEOPLE[0]), since))
        context.ids.append(entry_id(1))
    for offer in drawn:
        for number, when in enumerate(offer.instants(context)):
            take(offer.fact(context, number), when, offer)
    return tell_all(*found, facts=words.classes, zone=context.zone)


_DEFAULT = moment("2018-10-01")


@frozen(kw_only=True)
class AsOf:
    """An instant and a position to look from: the arguments of ``ledger.as_of``.

    Attributes:
        valid_at: the instant.
        known_at: the position; 0 for before anything was recorded.
    """

    valid_at: datetime
    known_at: int = field()


def as_ofs(history: History, *, of: Collection[Width] = ()) -> SearchStrategy[AsOf]:
    """Make pairs of an instant and a position from which to look at a history.

    Instants are those at which something happened, ends of windows that begin there, or a
    microsecond beside; positions are any, the last of all most often.

    Args:
        history: which.
        of: the widths of the windows; a few by default.
    """
    last = len(history)
    happened = sorted({entry.occurred_at for entry in history}) or [_DEFAULT]
    instants = st.builds(
        lambda at, edge: _turned(edge).of(at, history.zone), st.sampled_from(happened[::-1]), edges(of)
    )
    return st.builds(
        AsOf, valid_at=instants, known_at=st.sampled_from([last, last, last, *range(last, -1, -1)])
    )


def _turned(edge: Edge) -> Edge:
    """Turn an edge around: a window that begins at an entry ends after it."""
    return evolve(edge, ways=tuple((width, not ahead) for width, ahead in edge.ways))


def corrections(history: History) -> SearchStrategy[Told]:
    """Make corrections of a history: an entry retracted, or replaced by another fact or date.

    There must be an entry to correct: make the history with ``min_size=1``.

    Args:
        history: which; it is not changed.
    """
    plain = [entry for entry in history if entry.name not in AMENDING]
    return st.sampled_from(plain).flatmap(lambda entry: _of(entry, history))


def _of(entry: Entry, history: History) -> SearchStrategy[Told]:
    at, zone = entry.occurred_at, history.zone
    retracted = Told(EntryRetracted(target=entry.id, reason="a mistake"), at)
    context = Context(at, zone, PEOPLE[:3], [each.id for each in history if each is not entry])
    words = evolve(vocabulary_of(None, classes=history.facts), kinds=(entry.name,))

    def replaced(fact: Fact | None, edge: Edge) -> Told:
        correction = EntryCorrected(
            target=entry.id, replacement=entry.fact if fact is None else fact, reason="wrong"
        )
        return Told(correction, edge.of(at, zone))

    moved = st.builds(replaced, st.just(entry.fact), edges())
    others = st.builds(replaced, fresh_facts(words, context), st.just(Edge()))
    return st.one_of(st.just(retracted), moved, others)


def _without_date(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "occurred_at"}


def _naive(row: Row) -> Row:
    return {**row, "occurred_at": "2018-10-01T12:00:00"}


def _no_such_day(row: Row) -> Row:
    return {**row, "occurred_at": "2019-02-29"}


def _no_such_fact(row: Row) -> Row:
    return {**row, "fact": "report.fild"}


def _without_fact(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "fact"}


def _of_the_future(row: Row) -> Row:
    return {**row, "schema": 99}


def _no_such_field(row: Row) -> Row:
    return {**row, "favourite_colour": "green"}


def _nobody(row: Row) -> Row:
    return {**row, "member": None}


def _blank(row: Row) -> Row:
    return {**row, "member": "  ana "}


def _number(row: Row) -> Row:
    return {**row, "member": 7}


def _other_case(row: Row) -> Row:
    return {**row, "member": str(row.get("member", "ana")).upper()}


DIRT: Final[tuple[Callable[[Row], Row], ...]] = (
    *(_without_date, _naive, _no_such_day, _no_such_fact, _without_fact, _of_the_future),
    *(_no_such_field, _nobody, _blank, _number, _other_case),
)
"""What is wrong with rows that people write by hand."""


def raw_rows(
    *, min_size: int = 0, max_size: int = 12, facts: Iterable[type[Fact]] = ()
) -> SearchStrategy[list[Row]]:
    """Make rows as files from elsewhere hold them, for ``ledger.import_history``.

    Some hold facts that rules refuse, some lack a field or have one too many, some name an unknown
    fact or a schema that is outdated or yet to come, and some come twice.

    Args:
        min_size: the fewest.
        max_size: the most.
        facts: the service's own kinds of fact.
    """
    own = tuple(facts)
    outdated = {kind_of(cls).name: kind_of(cls).version - 1 for cls in own}
    history = raw_histories(min_size=min_size, max_size=max_size, facts=own)
    dirt = st.lists(
        st.tuples(st.integers(0, max_size), st.sampled_from(range(len(DIRT) + 2))), max_size=max_size
    )

    def soiled(rows: Sequence[Row], marks: Sequence[tuple[int, int]]) -> list[Row]:
        found = [dict(row) for row in rows]
        for place, what in marks:
            if not found:
                break
            number = place % len(found)
            if what < len(DIRT):
                found[number] = DIRT[what](found[number])
            elif what == len(DIRT):
                if len(found) < max_size:
                    found.append(dict(found[number]))
            elif (older := outdated.get(str(found[number].get("fact")))) is not None:
                found[number] = {**found[number], "schema": older}
        return found

    return st.builds(soiled, history.map(lambda each: each.rows()), dirt)
