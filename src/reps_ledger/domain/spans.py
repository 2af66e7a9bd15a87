"""Spans: what lasts, such as a role, a leave or a vouch; and the one fold that says from when to when.

A span holds on ``[start, end)``. Its kind is declared in `SPAN_KINDS`, by the stored name of the facts that
begin it. These are the rules:

- Each beginning makes one span, of the identity that it names (see `Told`). It ends at its own end
  date, with the first ending that reaches it, or, for roles and leave, with the first retirement that
  reaches it, whichever comes first. A second beginning of the same key ends nothing; only exemptions
  are replaced by the latest.
- An ending at an instant ends what ran just before it; where nothing that it reaches did, what began at
  it. So two facts of one day mean the same in either order of telling, where both orders are legal.
- An ending, a retirement or a return reaches every identity that was the same person when it was told,
  and still is. A retirement reaches only those who had joined by then.
- A person's spans are those of all their identities. They are retired while every identity that had
  joined by then is.
- A role or leave that was told before a retirement, and begins after it, never begins: unless they are
  back by the instant at which it begins, by a return or by a role told after the retirement. It does not
  bring them back.

Rules, projections, the policy language, explanations and reconciliation all read `SpanFold`; columns have
a vectorised twin, which asks it where order decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final, TypeVar

import msgspec
from attrs import frozen
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact

T = TypeVar("T", datetime, int)

Times = tuple[datetime, datetime | None]
"""A time ``[start, end)``; without an end where none is known."""

Key = tuple[Any, ...]
"""What tells spans apart: see `Span.key`."""

ENDED: Final = "ended"
RETIRED: Final = "retired"
REPLACED: Final = "replaced"
LAPSED: Final = "lapsed"
HOW_ENDED: Final = (ENDED, RETIRED, REPLACED, LAPSED)
"""How spans end: by an entry, by a retirement, by another of the same kind, or by themselves."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One time during which something held.

    Attributes:
        entry: by which it began.
        start: the first instant at which it held.
        end: the first instant at which it held no longer; None where no end is known.
        ended_in: the entry that ended it; None where it lasts, or ends by itself.
        key: the stored name of the facts that begin its kind, the identity whose it is, and the values
            that tell it apart from that identity's others.
    """

    entry: Entry
    start: datetime
    end: datetime | None = None
    ended_in: Entry | None = None
    key: tuple[Any, ...]

    def holds(self, at: datetime) -> bool:
        """Whether it held then."""
        return self.start <= at and (self.end is None or at < self.end)

    def is_over(self, at: datetime) -> bool:
        """Whether it had ended by then."""
        return self.end is not None and self.end <= at

    @property
    def how(self) -> str | None:
        """How it ended: one of `HOW_ENDED`; None where no end is known."""
        if self.end is None:
            return None
        if self.ended_in is None:  # of retirement: by another identity's return
            return ENDED if self.key[0] == RETIREMENT else LAPSED
        if self.ended_in.name == self.entry.name:
            return REPLACED
        return RETIRED if self.ended_in.name == RETIREMENT else ENDED


@frozen(kw_only=True)
class SpanKind:
    """One kind of span, by what begins and ends it.

    Attributes:
        name: the stored name of the facts that begin it.
        ends: that of the facts that end it; None where none do.
        fields: those whose values together tell one person's spans apart.
        pair: the one of these that names another person, whose the span is as well.
        optional: the one that an ending may leave out, to end the spans of every value.
        until: the field of its beginning that may hold its end.
        retiring: whether retirement ends it too.
        replaced: whether a second beginning of the same key ends the first.
    """

    name: str
    ends: str | None = None
    fields: tuple[str, ...] = ()
    pair: str | None = None
    optional: str | None = None
    until: str | None = None
    retiring: bool = False
    replaced: bool = False

    def values(self, fact: Fact) -> tuple[Any, ...]:
        """Return the values that tell a fact's span from others of the same person."""
        return tuple([getattr(fact, name) for name in self.fields])


RETIREMENT: Final = "member.retired"
_ROLE: Final = "role.assigned"
_RETURN: Final = "member.returned"
_JOINED: Final = "member.joined"

SPAN_KINDS: Final[Mapping[str, SpanKind]] = {
    kind.name: kind
    for kind in (
        SpanKind(name="account.linked", ends="account.unlinked", fields=("provider", "account")),
        SpanKind(
            name="affiliation.started",
            ends="affiliation.ended",
            fields=("organisation", "kind"),
            optional="kind",
        ),
        SpanKind(name="agreement.accepted", ends="agreement.revoked", fields=("agreement", "version")),
        SpanKind(name="community.joined", ends="community.left", fields=("community",)),
        SpanKind(name="exemption.granted", fields=("policy",), until="expires", replaced=True),
        SpanKind(name="leave.started", ends="leave.ended", until="expected_return", retiring=True),
        SpanKind(name=RETIREMENT, ends=_RETURN),
        SpanKind(name="mentor.assigned", ends="mentor.released", fields=("mentor",), pair="mentor"),
        SpanKind(name=_ROLE, ends="role.ended", fields=("role", "community"), until="until", retiring=True),
        SpanKind(name="vouch.given", ends="vouch.withdrawn", fields=("voucher",), pair="voucher"),
    )
}
"""The kinds of span, by the stored name of the facts that begin them."""

SHARED: Final = frozenset(name for name, kind in SPAN_KINDS.items() if kind.pair is not None)
"""Those whose spans belong to two people: the member, and the mentor or voucher."""

ENDED_BY: Final = {kind.ends: kind for kind in SPAN_KINDS.values() if kind.ends is not None}
"""The kinds of span, by the stored name of the facts that end them."""


def _names_read(kind: SpanKind) -> frozenset[str]:
    """Return the stored names of all facts on which spans of a kind depend."""
    if kind.name != RETIREMENT and not kind.retiring:
        return frozenset([kind.name] if kind.ends is None else [kind.name, kind.ends])
    # Roles end retirements, and retirements end roles and leave: none is known without the others.
    return frozenset({RETIREMENT, _RETURN, _JOINED, _ROLE, kind.name, kind.ends or kind.name})


READS: Final[Mapping[str, frozenset[str]]] = {name: _names_read(kind) for name, kind in SPAN_KINDS.items()}
"""The stored names of all facts on which the spans of a kind depend, by the kind's name."""

SPAN_FACTS: Final = frozenset().union(*READS.values())
"""The stored names of all facts on which any span depends."""


class SpanFold:
    """The spans of a history, entry after entry in effective order.

    The one place that knows how spans begin and end.

    Args:
        kept: whether spans that are over are kept, for `of`. What is recorded is judged by those that
            are open.

    Attributes:
        open: spans that no ending reached, by their keys; their own end may have passed.
        closed: those that are over, where they are kept.
        unbegun: roles and leave that never began, each ended as it starts by a retirement.
        joined: since when each identity is there.
        retired: by which entry each identity is retired.
        people: the person whose each identity is, where merges gave them several.
    """

    __slots__ = (
        "_identities",
        "_kept",
        "_orders",
        "_persons",
        "_waiting",
        "closed",
        "joined",
        "open",
        "people",
        "retired",
        "unbegun",
    )

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self.open: dict[Key, tuple[Span, ...]] = {}
        self.closed: list[Span] = []
        self.unbegun: list[Span] = []
        self.joined: dict[str, datetime] = {}
        self.retired: dict[str, Entry] = {}
        self.people: dict[str, str] = {}
        # Of each retired identity: the place in the log of its retirement, and what did not begin in the
        # instant that is folded, but will if they come back in that very instant.
        self._orders: dict[str, int] = {}
        self._identities: dict[str, None] = {}  # of whom anything ever began
        self._persons: dict[str, None] = {}  # whose history this is
        self._waiting: dict[str, tuple[Span, ...]] = {}

    def copy(self) -> SpanFold:
        """Return a fold that goes on from here, and leaves this one as it is."""
        new: SpanFold = SpanFold.__new__(SpanFold)
        new._kept = self._kept
        new.open = self.open.copy()
        new.closed = self.closed.copy()
        new.unbegun = self.unbegun.copy()
        new.joined = self.joined.copy()
        new.retired = self.retired.copy()
        new.people = self.people.copy()
        new._orders = self._orders.copy()
        new._identities = self._identities.copy()
        new._persons = self._persons.copy()
        new._waiting = self._waiting.copy()
        return new

    def __eq__(self, other: object) -> bool:
        return self._said == other._said if isinstance(other, SpanFold) else NotImplemented

    def __hash__(self) -> int:
        # Of a fold that goes on no more, as those in the states of projections and rules.
        return hash((self._said[0], self._said[1]))

    @property
    def _said(self) -> tuple[object, ...]:
        """What folds are equal by: entries by their ids, as when they were recorded says nothing here."""

        def said(spans: Iterable[Span]) -> tuple[object, ...]:
            return tuple([(s.key, s.start, s.end, s.entry.id, s.ended_in and s.ended_in.id) for s in spans])

        return (
            said(self.closed),
            said(self.unbegun),
            {key: said(spans) for key, spans in self.open.items()},
            {key: said(spans) for key, spans in self._waiting.items() if spans},
            {name: entry.id for name, entry in self.retired.items()},
            (self.joined, self.people, self._orders, self._kept),
        )

    def __repr__(self) -> str:
        spans = (f"{span.key}: {span.start} to {span.end}" for each in self.open.values() for span in each)
        return f"<SpanFold: open {'; '.join(spans) or 'none'}; {len(self.closed)} closed>"

    def among(self, people: Collection[str], identities: Collection[str]) -> SpanFold:
        """Return the fold without some identities of some people: as they were known once.

        Args:
            people: of whom only some identities count; everybody else's all do.
            identities: the ones that count.
        """

        def counts(identity: object) -> bool:
            return identity in identities or self.people.get(str(identity), identity) not in people

        new = self.copy()
        for key in self.open:
            pair = SPAN_KINDS[key[0]].pair
            other = key[1] if pair is None else key[2 + SPAN_KINDS[key[0]].fields.index(pair)]
            if not (counts(key[1]) and counts(other)):
                del new.open[key]
        if self._persons.keys() <= {*people}:  # of few identities, of one person who may have hundreds
            new.joined = {name: self.joined[name] for name in identities if name in self.joined}
        else:
            new.joined = {name: at for name, at in self.joined.items() if counts(name)}
        new.retired = {name: entry for name, entry in self.retired.items() if counts(name)}
        return new

    def ended_by(self, entry: Entry) -> list[Span]:
        """Return the spans that an ending is about; their own end may have passed.

        Args:
            entry: one whose stored name is in `ENDED_BY`, before it is taken.
        """
        told = entry.told
        fact = entry.fact if told is None else told.fact
        reached = (fact.member,) if told is None else told.reach.get(fact.member, (fact.member,))
        keys = self._ended(ENDED_BY[entry.name], entry, reached)
        return [span for key in keys for span in self.open.get(key, ())]

    def _begin(self, span: Span, order: int) -> None:
        """Begin a span.

        Args:
            span: as it is if nothing but its own end ends it.
            order: when it was told, as a place in the log.
        """
        kind, identity = SPAN_KINDS[span.key[0]], span.key[1]
        if kind.retiring and identity in self.retired:
            if order < self._orders[identity]:
                self.unbegun.append(replace(span, end=span.start, ended_in=self.retired[identity]))
                waiting = self._waiting.get(identity, ())
                self._waiting[identity] = (*(w for w in waiting if w.start == span.start), span)
                return
            if kind.name == _ROLE:
                self._give_back(identity, span.start, span.entry)
        self._open(kind, span)

    def _open(self, kind: SpanKind, span: Span) -> None:
        self._identities[span.key[1]] = None
        lasting = self.open.get(span.key)
        if lasting is None:
            self.open[span.key] = (span,)
        elif kind.replaced:
            for each in lasting:
                self._close(each, span.start, span.entry)
            self.open[span.key] = (span,)
        else:
            self.open[span.key] = (*self._lasting(lasting, span.start), span)

    def _end(self, keys: Sequence[Key], at: datetime, entry: Entry) -> None:
        """End what ran just before an instant under these keys; where nothing did, what began at it."""
        spans = [span for key in keys for span in self.open.get(key, ())]
        earlier = any(span.start < at and not span.is_over(at) for span in spans)
        for key in keys:
            self._end_key(key, at, entry, earlier=earlier)

    def _end_key(self, key: Key, at: datetime, entry: Entry, *, earlier: bool) -> None:
        """End what is under one key: only what began earlier, or all of it."""
        spans = self._lasting(self.open.pop(key, ()), at)
        running = [span for span in spans if span.start != at] if earlier else spans
        for span in running:
            self._close(span, at, entry)
        if len(running) < len(spans):
            self.open[key] = tuple([span for span in spans if span.start == at])
        if not running and not earlier and (waiting := self._waiting.get(key[1])):
            self._waiting[key[1]] = tuple([span for span in waiting if span.key != key])

    def _lasting(self, spans: Iterable[Span], at: datetime) -> list[Span]:
        """Return those that did not end by themselves by an instant; the others can be ended no more."""
        left = []
        for span in spans:
            if span.is_over(at):
                self._over(span)
            else:
                left.append(span)
        return left

    def _close(self, span: Span, at: datetime, entry: Entry) -> None:
        self._over(span if span.is_over(at) else replace(span, end=max(span.start, at), ended_in=entry))

    def _over(self, span: Span) -> None:
        if self._kept:
            self.closed.append(span)

    def _retire(self, identities: Iterable[str], named: str, at: datetime, order: int, entry: Entry) -> None:
        """Retire a person: their roles and leave end.

        Args:
            identities: all that the retirement reaches.
            named: the one that it names.
            at: when.
            order: when it was told, as a place in the log.
            entry: by which they retire.
        """
        for identity in identities:
            for key in [key for key in self.open if key[1] == identity and SPAN_KINDS[key[0]].retiring]:
                for span in self.open.pop(key):
                    self._close(span, at, entry)
            if identity != named and identity not in self.joined:
                continue  # who joined only later is not retired by it
            self._waiting.pop(identity, None)
            self.joined.setdefault(identity, at)
            self.retired.pop(identity, None)  # so that the latest retirement is the last
            self.retired[identity] = entry
            self._orders[identity] = order
            key = (RETIREMENT, identity)
            self.open[key] = (*self.open.get(key, ()), Span(entry=entry, start=at, key=key))

    def _give_back(self, identity: str, at: datetime, entry: Entry) -> None:
        """End an identity's retirement, if there is one, and begin what waited for that instant."""
        if self.retired.pop(identity, None) is None:
            return
        for span in self.open.pop((RETIREMENT, identity)):
            self._close(span, at, entry)
        for span in self._waiting.pop(identity, ()):
            if span.start == at:
                self.unbegun = [other for other in self.unbegun if other.entry is not span.entry]
                self._open(SPAN_KINDS[span.key[0]], span)

    @property
    def retirement(self) -> Entry | None:
        """The entry by which somebody is retired now; of a history of one person.

        They are while every identity of theirs that has joined is: by the last of these retirements.
        """
        if not self.joined or not self.retired.keys() >= self.joined.keys():
            return None
        return [*self.retired.values()][-1]

    def lasting(self, name: str, *values: object) -> list[Span]:
        """Return the spans that no ending reached, of a kind; of a history of one person.

        Their own end may have passed.

        Args:
            name: the kind.
            values: the key's values after the identity, where only one key is meant.
        """
        if values:
            keys = ((name, identity, *values) for identity in self._identities)
            return [span for key in keys for span in self.open.get(key, ())]
        return [span for key, spans in self.open.items() if key[0] == name for span in spans]

    def running(self, name: str, at: datetime, *values: object) -> Span | None:
        """Return the first of `lasting` that holds at an instant; None where none does."""
        held = [span for span in self.lasting(name, *values) if span.holds(at)]
        return min(held, key=lambda span: span.start, default=None)

    def of(self, name: str) -> list[Span]:
        """Return the spans of a kind, those that are over among them; of retirement, the people's."""
        found = [span for span in self.closed if span.key[0] == name]
        found += [span for key, spans in self.open.items() if key[0] == name for span in spans]
        return self._of_people(found) if name == RETIREMENT and self.people else found

    def _of_people(self, spans: Iterable[Span]) -> list[Span]:
        """Return the parts of identities' retirements during which all of a person's were retired."""
        identities: dict[str, list[str]] = {}
        for identity in self.joined:
            identities.setdefault(self.people.get(identity, identity), []).append(identity)
        of_identity: dict[str, list[Span]] = {}
        for span in spans:
            of_identity.setdefault(span.key[1], []).append(span)
        found: list[Span] = []
        for own in identities.values():
            if len(own) == 1:
                found += of_identity.get(own[0], ())
                continue
            retired = self._all_retired(own, of_identity)
            for span in (span for identity in own for span in of_identity.get(identity, ())):
                found += [part for times in retired if (part := _within(span, *times)) is not None]
        return found

    def _all_retired(
        self, identities: Iterable[str], retirements: Mapping[str, Sequence[Span]]
    ) -> list[Times]:
        """Return when all of these identities that had joined by then were retired."""
        there: list[tuple[datetime, list[Times]]] = [
            (self.joined[identity], joined_spans(retirements.get(identity, ()))) for identity in identities
        ]
        edges = {joined for joined, _ in there}
        edges.update(edge for _, times in there for each in times for edge in each if edge is not None)
        cuts: list[datetime | None] = [*sorted(edges), None]
        found: list[Times] = []
        for start, end in pairwise(cuts):
            assert start is not None
            here = [times for joined, times in there if joined <= start]
            if all(any(_covers(each, start) for each in times) for times in here):
                if found and found[-1][1] == start:
                    found[-1] = (found[-1][0], end)
                else:
                    found.append((start, end))
        return found

    def take(self, entry: Entry) -> None:
        """Take the next entry of a history of entries; one that no span depends on changes nothing."""
        name = entry.name
        if name not in SPAN_FACTS:
            return
        fact, told = entry.fact, entry.told
        self._persons[fact.member] = None
        if told is None:
            reached: Sequence[str] = (fact.member,)
        else:
            self.people[told.fact.member] = fact.member
            fact = told.fact
            reached = told.reach.get(fact.member) or (fact.member,)
        at = entry.occurred_at
        kind = SPAN_KINDS.get(name)
        if name == _JOINED:
            self.joined.setdefault(fact.member, at)
        elif name == RETIREMENT:
            self._retire(reached, fact.member, at, entry.origin, entry)
        elif kind is not None:
            until = getattr(fact, kind.until) if kind.until is not None else None
            if until is not None and until < at:
                until = at  # no rule was asked
            key = (name, fact.member, *kind.values(fact))
            self._begin(Span(entry=entry, start=at, end=until, key=key), entry.origin)
        elif name == _RETURN:
            for identity in reached:
                self._give_back(identity, at, entry)
        else:
            self._end([*self._ended(ENDED_BY[name], entry, reached)], at, entry)

    def _ended(self, kind: SpanKind, entry: Entry, reached: Sequence[str]) -> Iterator[Key]:
        """Yield the keys of the spans that an ending is about."""
        told = entry.told
        fact = entry.fact if told is None else told.fact
        values = kind.values(fact)
        others: Sequence[str] = ()
        if kind.pair is not None and told is not None:
            others = told.reach.get(getattr(fact, kind.pair), ())
        for identity in reached:
            if kind.optional is not None and getattr(fact, kind.optional) is None:
                place = kind.fields.index(kind.optional)
                rest = _without(values, place)
                for key in [*self.open]:
                    if key[:2] == (kind.name, identity) and _without(key[2:], place) == rest:
                        yield key
            elif others:
                place = kind.fields.index(kind.pair or "")
                for other in others:
                    yield (kind.name, identity, *values[:place], other, *values[place + 1 :])
            else:
                yield (kind.name, identity, *values)


def _without(values: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return values[:place] + values[place + 1 :]


def _covers(times: Times, at: datetime) -> bool:
    start, end = times
    return start <= at and (end is None or at < end)


def _within(span: Span, start: datetime, end: datetime | None) -> Span | None:
    """Return the part of a span that lies in a time; None where there is none."""
    first = max(span.start, start)
    ends = [each for each in (span.end, end) if each is not None]
    last = min(ends, default=None)
    if last is not None and last <= first:
        return None
    return replace(span, start=first, end=last, ended_in=span.ended_in if last == span.end else None)


def folded(entries: Iterable[Entry]) -> SpanFold:
    """Fold a history, given in effective order, of one person or of many."""
    fold: SpanFold = SpanFold()
    for entry in entries:
        fold.take(entry)
    return fold


def person_key(entry: Entry) -> Key:
    """Return what tells the span that an entry begins from others, by people instead of identities."""
    return (entry.name, entry.fact.member, *SPAN_KINDS[entry.name].values(entry.fact))


def in_order(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in the order in which they began."""
    return tuple(sorted(spans, key=lambda span: (span.start, span.entry.order)))


def joined_spans(spans: Iterable[Span]) -> list[Times]:
    """Return the times that these spans cover; see `joined_times`."""
    return joined_times((span.start, span.end) for span in spans)


def joined_times(times: Iterable[tuple[T, T | None]]) -> list[tuple[T, T | None]]:
    """Return what times cover that may overlap, as disjoint times, in order; empty ones cover nothing."""
    covered: list[tuple[T, T | None]] = []
    for start, end in sorted(times, key=itemgetter(0)):
        if end is not None and end <= start:
            continue
        if covered and ((last := covered[-1][1]) is None or start <= last):
            covered[-1] = (covered[-1][0], None if last is None or end is None else max(last, end))
        else:
            covered.append((start, end))
    return covered
