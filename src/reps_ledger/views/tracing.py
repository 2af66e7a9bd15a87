"""Tracing: from what stands to what was recorded, under which rules, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from attrs import evolve

from reps_ledger.audit.explanations import (
    Admission,
    CharterInForce,
    Link,
    amendments_by_root,
    said_by,
)
from reps_ledger.domain.amendments import resolve
from reps_ledger.domain.entries import Entry, entry_tag, ledger_tag
from reps_ledger.domain.facts import RoleAssigned, RoleEnded, Vouched
from reps_ledger.domain.rules import Source
from reps_ledger.policies.charter.clauses import role_clause, vouch_clause
from reps_ledger.policies.charter.governing import effective_from, in_force, readable
from reps_ledger.policies.charter.words import statements
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.policy import Policy, when
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import words_for
from reps_ledger.views.judging import Judging

if TYPE_CHECKING:
    from reps_ledger.domain.facts import Fact
    from reps_ledger.log.reading import Reading
    from reps_ledger.policies.charter.charter import Charter
    from reps_ledger.policies.subject import Subject

__all__ = ["Tracing", "asked_of", "charter_in_force"]


def charter_in_force(adoption: Entry | None) -> CharterInForce | None:
    """Say which charter an entry adopted."""
    if adoption is None:
        return None
    charter = readable(adoption)
    return CharterInForce(
        name=None if charter is None else charter.name,
        version=adoption.fact.version,
        since=effective_from(adoption),
        adopted_in=adoption.id,
        adopted_by=said_by(adoption),
    )


def asked_of(name: str, condition: Condition, subject: Subject, judging: Judging) -> Verdict:
    """Ask whether a condition holds of somebody: the outcome is "yes" or "no"."""
    policy = Policy(name, cases=[when(condition).then("yes")], otherwise="no", scale=["yes", "no"])
    return judging.verdict(policy, subject)


class Tracing:
    """What was recorded of one member, and how it came to be.

    Args:
        reading: what is known.
        zone: in which days are said.
        member: of whom: the identifier that merges kept.
        standing: what stands of their history.
    """

    def __init__(
        self, reading: Reading, zone: tzinfo, member: str, standing: Iterable[Entry]
    ) -> None:
        self._reading = reading
        self._zone = zone
        self._member = member
        self._recorded = {entry.id: entry for entry in reading.recorded_of(member)}
        self._reads = {entry.origin: entry for entry in standing}
        self._chartered = bool(self._raw_charters())

    def _raw_charters(self) -> list[Entry]:
        source = Source(ledger_tag("charter.adopted"))
        found, _ = self._reading.log.read_sources([source], upto=self._reading.known_at)
        return found[source]

    def add(self, ids: Iterable[str]) -> set[str]:
        """Have entries of others traced too; return the ids under which they were recorded.

        Args:
            ids: of entries as they stand: one that was corrected has its correction's.
        """
        wanted = [each for each in dict.fromkeys(ids) if each not in self._recorded]
        while wanted:
            sources = [Source(entry_tag(each)) for each in wanted]
            found, _ = self._reading.log.read_sources(sources, upto=self._reading.known_at)
            near = {entry.id: entry for entries in found.values() for entry in entries}
            targets = set()
            for entry in near.values():
                target = getattr(entry.fact, "target", None)
                if entry.id in wanted or target in wanted:
                    self._recorded[entry.id] = entry
                    targets.add(target if entry.id in wanted else entry.id)
            wanted = [each for each in targets if each and each not in self._recorded]
        roots = {
            each.id: root
            for root, amended in self._amended().items()
            for each in (self._recorded[root], *amended)
        }
        return {roots[each] for each in ids if each in roots}

    def _amended(self) -> dict[str, list[Entry]]:
        entries = sorted(self._recorded.values(), key=lambda entry: entry.position)
        return amendments_by_root(entries)

    def chains(self) -> Iterator[tuple[Entry, Entry | None, list[Entry]]]:
        """Yield each entry as recorded, as it reads now, and what amended it."""
        for root, amended in self._amended().items():
            entry = self._recorded[root]
            yield entry, self._reading_of(entry, amended), amended

    def _reading_of(self, entry: Entry, amended: list[Entry]) -> Entry | None:
        found = self._reads.get(entry.position)
        if found is None:  # somebody else's, or retracted
            registry = self._reading.log.codec.registry
            found = next(iter(resolve([entry, *amended], registry)), None)
        return found

    def link(self, entry: Entry, reads: Entry | None, amended: Iterable[Entry]) -> Link:
        """Say how an entry came to be, and what became of it."""
        known = entry.position - 1
        charter, admission, authority = None, None, None
        if self._chartered:
            judging = Judging(evolve(self._reading, known_at=known), self._zone)
            adoption = in_force(judging.adopted, entry.occurred_at)
            charter = charter_in_force(adoption)
            rules = None if adoption is None else readable(adoption)
            if rules is not None:
                authority = statements(rules).get(f"who may record {entry.name}")
                admission = _admission(entry, rules, judging)
        said = words_for(entry, self._member, self._zone)
        words = said if reads is None else words_for(reads, self._member, self._zone)
        return Link(
            entry=entry,
            reads=reads,
            words=words,
            said=None if said == words else said,
            known=known,
            charter=charter,
            admission=admission,
            authority=authority,
            amended=tuple(amended),
        )


def _admission(entry: Entry, charter: Charter, judging: Judging) -> Admission | None:
    """Say how a charter let a fact be, by what was known before it was recorded."""
    at = entry.occurred_at
    fact: Fact = entry.fact
    said = statements(charter)
    match fact:
        case RoleAssigned():
            clause = charter.role(fact.role)
            if clause is None:
                return None
            subject = judging.member(fact.member, at)
            name = role_clause(fact)
            asked = clause.asked
            return Admission(
                clause=name,
                says=_said(said, fact.role, "admission", "courses", "exceptions", "term", "seats"),
                verdict=None if asked is None else asked_of(name, asked, subject, judging),
                excepted=clause.unless is not None and holds(clause.unless, subject),
                **_waiver(name, subject),
            )
        case RoleEnded():
            subject = judging.member(fact.member, at)
            says = _said(said, fact.role, "endings")
            name = role_clause(fact)
            return Admission(clause=name, says=says, **_waiver(name, subject)) if says else None
        case Vouched():
            may = None if charter.vouching is None else charter.vouching.may
            says = tuple(said[n] for n in ("who may vouch", "vouches received") if n in said)
            if not says:
                return None
            name = vouch_clause(fact)
            voucher = judging.member(fact.voucher, at)
            return Admission(
                clause=name,
                says=says,
                verdict=None if may is None else asked_of(name, may, voucher, judging),
                **_waiver(name, judging.member(fact.member, at)),
            )
    return None


def _said(said: dict[str, str], role: str, *about: str) -> tuple[str, ...]:
    return tuple(said[f"{role}, {each}"] for each in about if f"{role}, {each}" in said)


def _waiver(clause: str, subject: Subject) -> dict[str, Any]:
    for span in subject.standing("exemption.granted"):
        if span.entry.fact.policy == clause:
            why = f"{span.entry.fact.reason} (by {said_by(span.entry)})"
            return {"waived_in": span.entry.id, "waiver": why}
    return {}
