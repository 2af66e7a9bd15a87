"""Conditions on where somebody belongs: communities, organisations, accounts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from reps_ledger.policies.language.checks import is_name_or_none
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.nouns import named
from reps_ledger.policies.language.people import from_spans
from reps_ledger.policies.subject import Found

if TYPE_CHECKING:
    from reps_ledger.policies.subject import Subject

__all__ = [
    "Affiliated",
    "InCommunity",
    "WithAccount",
    "affiliated",
    "has_account",
    "in_community",
]


@frozen(cache_hash=True)
class InCommunity(Leaf):
    """They joined a community, or hold a role in it.

    Attributes:
        community: which; None for any.
    """

    community: str | None = field(default=None, validator=is_name_or_none)

    def words(self) -> str:
        return f"they are in {named(self.community) if self.community else 'a community'}"

    def denial(self) -> str:
        return f"they are not in {named(self.community) if self.community else 'any community'}"

    def find(self, subject: Subject) -> Found:
        spans = [*subject.standing("community.joined"), *subject.standing("role.assigned")]
        return from_spans(
            span
            for span in spans
            if span.entry.fact.community is not None
            and self.community in (None, span.entry.fact.community)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [
            *subject.span_edges("community.joined"),
            *subject.span_edges("role.assigned"),
        ]


@frozen(cache_hash=True)
class Affiliated(Leaf):
    """They belong to an organisation.

    Attributes:
        organisation: which; None for any.
        kind: as what; None for anything.
    """

    organisation: str | None = field(default=None, validator=is_name_or_none)
    kind: str | None = field(default=None, validator=is_name_or_none)

    def words(self) -> str:
        return f"they belong to {self._what()}"

    def denial(self) -> str:
        return f"they do not belong to {self._what()}"

    def _what(self) -> str:
        kind = f" as {named(self.kind)}" if self.kind is not None else ""
        return f"{named(self.organisation) if self.organisation else 'an organisation'}{kind}"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.standing("affiliation.started")
            if self.organisation in (None, span.entry.fact.organisation)
            and self.kind in (None, span.entry.fact.kind)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("affiliation.started")


@frozen(cache_hash=True)
class WithAccount(Leaf):
    """They have an account.

    Attributes:
        provider: where; None for anywhere.
    """

    provider: str | None = field(default=None, validator=is_name_or_none)

    def words(self) -> str:
        return f"they have an account{self._where()}"

    def denial(self) -> str:
        return f"they have no account{self._where()}"

    def _where(self) -> str:
        return f" at {named(self.provider)}" if self.provider is not None else ""

    def find(self, subject: Subject) -> Found:
        spans = [
            span.entry.id
            for span in subject.standing("account.linked")
            if self.provider in (None, span.entry.fact.provider)
        ]
        joined = subject.seen(subject.dossier.own("member.joined")[:1])
        own = [entry.id for entry in joined if entry.fact.account is not None]
        entries = (*spans, *own) if self.provider is None else tuple(spans)
        return Found(holds=bool(entries), entries=tuple(entries))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        joined = [entry.occurred_at for entry in subject.dossier.of_kind("member.joined")]
        return [*joined, *subject.span_edges("account.linked")]


def in_community(community: str | None = None) -> InCommunity:
    """They are in a community."""
    return InCommunity(community)


def affiliated(organisation: str | None = None, *, kind: str | None = None) -> Affiliated:
    """They belong to an organisation."""
    return Affiliated(organisation, kind)


def has_account(provider: str | None = None) -> WithAccount:
    """They have an account."""
    return WithAccount(provider)
