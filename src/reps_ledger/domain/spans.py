"""Spans: what began and perhaps ended. Roles, leave, vouches, affiliations and the like.

A span holds on ``[start, end)``. It ends when it was ended, or by itself at the date that was
given when it began, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from reps_ledger.domain.entries import Entry


@frozen(kw_only=True)
class Span:
    """One time that something held.

    Attributes:
        entry: by which it began.
        start: from when.
        end: the first instant at which it held no longer; None for no end in sight.
        ended_in: the entry that ended it; None where it lasts, or lapses by itself.
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
    """What begins and ends one kind of span, and what tells two of that kind apart."""

    ends: frozenset[str]
    fields: tuple[str, ...]  # which together tell two apart; the first is the member
    until: str | None = None
    retiring: bool = False  # whether retirement ends it too

    def stored_names(self, beginning: str) -> frozenset[str]:
        """Return the stored names of the facts that begin such a span, or end it."""
        retiring = {"member.retired"} if self.retiring else set()
        return self.ends | {beginning} | retiring

    def key(self, fact: Any) -> tuple[Any, ...]:
        """Return what tells a fact's span from any other; its first part is the member."""
        return tuple([getattr(fact, name) for name in self.fields])


def _kind(ends: str, *names: str, until: str | None = None, retiring: bool = False) -> _Kind:
    return _Kind(
        ends=frozenset(ends.split()), fields=("member", *names), until=until, retiring=retiring
    )


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
"""The facts that begin something that lasts, by stored name."""

SHARED: Final = frozenset({"mentor.assigned", "vouch.given"})
"""Those that are as much another person's."""


def spans_of(name: str, entries: Iterable[Entry]) -> tuple[Span, ...]:
    """Pair beginnings with their ends.

    A beginning while another of the same key lasts begins anew: the earlier one ends there.

    Args:
        name: of `BEGINNINGS`.
        entries: a history, in effective order, of one or of many members.
    """
    kind = BEGINNINGS[name]
    found: list[Span] = []
    lasting: dict[tuple[Any, ...], int] = {}  # where in ``found`` the open span of a key is
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
    """Return the times covered by any of these spans, disjoint and in order."""
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
