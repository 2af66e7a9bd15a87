"""Spans: times during which something held, such as a role, a leave or a vouch.

A span holds on ``[start, end)``. It ends by an entry, or by itself at the date that was given
when it began, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact


@frozen(kw_only=True)
class Span:
    """One time during which something held.

    Attributes:
        entry: by which it began.
        start: the first instant at which it held.
        end: the first instant at which it held no longer; None where no end is known.
        ended_in: the entry that ended it; None where it lasts, or ends by itself.
    """

    entry: Entry
    start: datetime
    end: datetime | None = None
    ended_in: Entry | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it held then."""
        return self.start <= at and (self.end is None or at < self.end)


@frozen(kw_only=True)
class _Kind:
    """How one kind of span ends, and which fields tell two of them apart.

    Attributes:
        ends: stored names of the facts that end it.
        fields: whose values together are its key; the first is the member.
        until: the field of its beginning that may hold its end.
        retiring: whether retirement ends it too.
    """

    ends: frozenset[str]
    fields: tuple[str, ...]
    until: str | None = None
    retiring: bool = False

    def stored_names(self, beginning: str) -> frozenset[str]:
        """Return the stored names of the facts that begin such a span, or end it."""
        retiring = {"member.retired"} if self.retiring else set()
        return self.ends | {beginning} | retiring

    def key(self, fact: Fact) -> tuple[object, ...]:
        """Return the key of a fact's span; its first part is the member."""
        return tuple([getattr(fact, name) for name in self.fields])


def _kind(ends: str, *names: str, until: str | None = None, retiring: bool = False) -> _Kind:
    return _Kind(ends=frozenset(ends.split()), fields=("member", *names), until=until, retiring=retiring)


BEGINNINGS: Final[Mapping[str, _Kind]] = {
    "account.linked": _kind("account.unlinked", "provider", "account"),
    "affiliation.started": _kind("affiliation.ended", "organisation"),
    "agreement.accepted": _kind("agreement.revoked", "agreement", "version"),
    "community.joined": _kind("community.left", "community"),
    "exemption.granted": _kind("", "policy", until="expires"),
    "leave.started": _kind("leave.ended", until="expected_return", retiring=True),
    "member.retired": _kind("member.returned role.assigned"),
    "mentor.assigned": _kind("mentor.released", "mentor"),
    "role.assigned": _kind("role.ended", "role", "community", until="until", retiring=True),
    "vouch.given": _kind("vouch.withdrawn", "voucher"),
}
"""The facts that begin a span, by stored name."""

SHARED: Final = frozenset({"mentor.assigned", "vouch.given"})
"""Those whose spans belong to two people: the member, and the mentor or voucher."""


def spans_of(name: str, entries: Iterable[Entry]) -> tuple[Span, ...]:
    """Pair beginnings with their ends.

    A second beginning of the same key ends the first span where the second starts.

    Args:
        name: one of `BEGINNINGS`.
        entries: a history, in effective order, of one or of many members.
    """
    kind = BEGINNINGS[name]
    found: list[Span] = []
    lasting: dict[tuple[object, ...], int] = {}  # where in ``found`` the open span of a key is
    for entry in entries:
        if entry.name == name:
            key = kind.key(entry.fact)
            _end(found, lasting.pop(key, None), entry)
            until = getattr(entry.fact, kind.until) if kind.until is not None else None
            lasting[key] = len(found)
            found.append(Span(entry=entry, start=entry.occurred_at, end=until))
        elif entry.name in kind.ends:
            _end(found, lasting.pop(kind.key(entry.fact), None), entry)
        elif kind.retiring and entry.name == "member.retired":
            for key in [key for key in lasting if key[0] == entry.fact.member]:
                _end(found, lasting.pop(key), entry)
    return tuple(found)


def _end(found: list[Span], index: int | None, entry: Entry) -> None:
    if index is None:
        return
    span = found[index]
    if span.end is None or entry.occurred_at < span.end:
        end = max(span.start, entry.occurred_at)
        found[index] = Span(entry=span.entry, start=span.start, end=end, ended_in=entry)


def joined_spans(spans: Iterable[Span]) -> list[tuple[datetime, datetime | None]]:
    """Return the times that these spans cover, as disjoint ``(start, end)`` in order."""
    covered: list[tuple[datetime, datetime | None]] = []
    for span in sorted(spans, key=lambda span: span.start):
        if span.end is not None and span.end <= span.start:
            continue
        if covered and (covered[-1][1] is None or span.start <= covered[-1][1]):
            start, end = covered[-1]
            longest = None if end is None or span.end is None else max(end, span.end)
            covered[-1] = (start, longest)
        else:
            covered.append((span.start, span.end))
    return covered
