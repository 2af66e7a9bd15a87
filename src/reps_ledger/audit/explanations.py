"""Explanations as values: what is so, and the chain of entries that makes it so."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected
from reps_ledger.policies.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Admission", "CharterInForce", "Explanation", "Link", "amendments_by_root", "said_by"]


def said_by(entry: Entry) -> str:
    """Say who recorded an entry, and for whom."""
    behalf = f" on behalf of {entry.on_behalf_of}" if entry.on_behalf_of is not None else ""
    return f"{entry.by}{behalf}"


def _recorded(entry: Entry, zone: tzinfo) -> str:
    day = entry.recorded_at.astimezone(zone).date()
    return f"recorded by {said_by(entry)} on {day}, position {entry.position}"


def amendments_by_root(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return, by the id of each entry that amends nothing, what amended it, in order.

    A correction of a correction, and a retraction of one, is of the entry that was corrected
    first. Amendments of what is not among the entries are left out.

    Args:
        entries: in order of position.
    """
    roots: dict[str, str] = {}
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.name not in {"entry.corrected", "entry.retracted"}:
            roots[entry.id] = entry.id
            found[entry.id] = []
        elif (root := roots.get(entry.fact.target)) is not None:
            roots[entry.id] = root
            found[root].append(entry)
    return found


@frozen(kw_only=True)
class CharterInForce:
    """The charter that governed an instant, as it was known.

    Attributes:
        name: of the programme; None where its document cannot be read here.
        version: its version.
        since: from when it governs.
        adopted_in: id of the entry that adopted it.
        adopted_by: who recorded that, and for whom.
    """

    name: str | None
    version: str
    since: datetime
    adopted_in: str
    adopted_by: str

    def words(self, zone: tzinfo) -> str:
        """Say which it is."""
        day = self.since.astimezone(zone).date()
        of = "a charter that cannot be read here" if self.name is None else self.name
        return f"{of}, version {self.version} (in force from {day}, adopted by {self.adopted_by})"


@frozen(kw_only=True)
class Admission:
    """How a charter let a fact be.

    Attributes:
        clause: the name of the clause: ``role mentor in indonesia``.
        says: what the charter says of it, a statement each.
        verdict: whether what it asks held, with findings, of what was known when the fact was
            recorded; None where it asks nothing.
        excepted: whether the clause asked nothing of this one: grandfathering.
        waived_in: id of the exemption by which the clause was waived.
        waiver: why it was waived, and by whom.
    """

    clause: str
    says: tuple[str, ...] = ()
    verdict: Verdict | None = field(default=None, repr=False)
    excepted: bool = False
    waived_in: str | None = None
    waiver: str | None = None

    @property
    def held(self) -> bool | None:
        """Whether what the clause asks held then; None where it asks nothing."""
        return None if self.verdict is None else self.verdict.outcome == "yes"

    def lines(self, zone: tzinfo) -> Iterator[str]:
        """Say it, a line each."""
        yield from self.says
        if self.waived_in is not None:
            yield f"the clause {self.clause} was waived: {self.waiver}"
        if self.excepted:
            yield "that was not asked here: the charter excepts whom it grandfathers"
        if self.verdict is not None:
            held = "it was so" if self.held else "it was not so"
            yield f"{held}, by what was known then:"
            yield from (f"  {found.words(zone)}" for found in self.verdict.findings)


@frozen(kw_only=True)
class Link:
    """One entry of a chain: what it said, who said it, under which rules, and what became of it.

    Attributes:
        entry: the entry as it was recorded.
        reads: as it is read now; None where it was retracted.
        words: what it says now, or said.
        said: what it said when it was recorded, where that was something else.
        known: the position up to which was known when it was recorded.
        charter: the charter in force when it happened, as known when it was recorded.
        admission: how that charter let it be; None where it says nothing of such facts.
        authority: what that charter says of who may record it; None for nothing.
        amended: the corrections and retractions of it since, in order.
    """

    entry: Entry
    reads: Entry | None
    words: str
    said: str | None = None
    known: int
    charter: CharterInForce | None = None
    admission: Admission | None = None
    authority: str | None = None
    amended: tuple[Entry, ...] = ()

    def lines(self, zone: tzinfo) -> Iterator[str]:
        """Say it, a line each."""
        shown = self.reads or self.entry
        day = shown.day or shown.occurred_at.astimezone(zone).date()
        gone = " (retracted)" if self.reads is None else ""
        yield f"{day} {self.words}{gone}"
        yield f"  {_recorded(self.entry, zone)}"
        if self.said is not None:
            yield f"  and said then: {self.said}"
        if self.entry.source is not None:
            yield f"  from {self.entry.source}"
        if self.charter is not None:
            yield f"  under the charter of {self.charter.words(zone)}"
        if self.authority is not None:
            yield f"  {self.authority}"
        if self.admission is not None:
            yield from (f"  {line}" for line in self.admission.lines(zone))
        for each in self.amended:
            kind = "corrected" if isinstance(each.fact, EntryCorrected) else "retracted"
            yield f"  {kind} since: {_recorded(each, zone)}: {each.fact.reason}"


@frozen(kw_only=True)
class Explanation:
    """Why something is so of a member, at an as-of.

    Attributes:
        member: of whom.
        about: "role", "standing", "vouches" or "membership".
        subject: the role, and where; or the community; None for the programme.
        holds: whether they have the role, are active, are vouched for, count as a member.
        statement: what is so, in words.
        valid_at: when.
        known_at: the position up to which was known.
        charter: the charter in force then.
        verdict: the policy or definition that says so; None where it goes by facts alone.
        links: the entries that make it so, in effective order.
        omitted: how many older ones of the same kind are left out.
        zone: in which days are said.
    """

    member: str
    about: str
    subject: str | None
    holds: bool
    statement: str
    valid_at: datetime
    known_at: int
    charter: CharterInForce | None
    verdict: Verdict | None = field(repr=False)
    links: tuple[Link, ...] = field(repr=False)
    omitted: int = 0
    zone: tzinfo = field(repr=False)

    @property
    def entries(self) -> tuple[str, ...]:
        """Ids of the entries of the chain, as they were recorded."""
        return tuple(link.entry.id for link in self.links)

    def words(self) -> str:
        """Say it: what is so, by which rule, and each entry of the chain."""
        day = self.valid_at.astimezone(self.zone).date()
        lines = [f"{self.statement}, on {day}, by what was known at position {self.known_at}"]
        if self.charter is not None:
            lines.append(f"Charter in force: {self.charter.words(self.zone)}")
        if self.verdict is not None:
            lines += self.verdict.words().splitlines()
        for link in self.links:
            lines += link.lines(self.zone)
        if self.omitted:
            lines.append(f"({self.omitted:,} older entries are left out)")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.words()
