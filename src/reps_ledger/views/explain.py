"""Explanations: why a member has a role, is active, is vouched for or counts as a member.

`explain` finds the statement and the entries that it rests on. `Tracer` makes a `Link` of each of
these entries: what it said when it was recorded, under which charter, what that charter asked, and
how it was amended since. The result is an `Explanation`, a value that can be written in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Final

from attrs import evolve, field, frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.amendments import resolve
from reps_ledger.domain.entries import Entry, entry_tag, ledger_tag
from reps_ledger.domain.facts import Fact, acting
from reps_ledger.domain.rules import Source
from reps_ledger.domain.rules.phrases import place
from reps_ledger.domain.shown import printable, shown
from reps_ledger.domain.time import local_day
from reps_ledger.errors import InvalidInput
from reps_ledger.log.history import Reading
from reps_ledger.policies.charter.adopted import effective_from, readable
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.charter.clauses import role_clause, statements, vouch_clause
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.policy import Policy, when
from reps_ledger.policies.subject import Subject
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import Holding, words_for
from reps_ledger.views.evaluator import PolicyEvaluator
from reps_ledger.views.member import MemberView


def recorder_of(entry: Entry) -> str:
    """Return in words who recorded an entry, and for whom."""
    behalf = f" on behalf of {entry.on_behalf_of}" if entry.on_behalf_of is not None else ""
    return f"{entry.by}{behalf}"


def _recorded(entry: Entry, zone: tzinfo) -> str:
    day = local_day(entry.recorded_at, zone)
    return f"recorded by {recorder_of(entry)} on {day}, position {entry.position}"


def amendments_by_root(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return, by id of each entry that is no amendment, its corrections and retractions, in order.

    A correction or retraction of a correction belongs to the entry that was corrected first.
    Amendments of entries that are not given are left out.

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
        adopted_by: who recorded its adoption, and for whom.
    """

    name: str | None
    version: str
    since: datetime
    adopted_in: str
    adopted_by: str

    def words(self, zone: tzinfo) -> str:
        """Return in words which charter it is."""
        day = local_day(self.since, zone)
        of = "a charter that cannot be read here" if self.name is None else self.name
        return f"{of}, version {self.version} (in force from {day}, adopted by {self.adopted_by})"


@frozen(kw_only=True)
class Admission:
    """How a clause of a charter admitted a fact.

    Attributes:
        clause: the name of the clause: ``role mentor in indonesia``.
        says: the charter's statements about it.
        verdict: whether the clause's condition held by what was known when the fact was recorded,
            with findings; None where it has no condition.
        excepted: whether the clause excepts this member, by grandfathering.
        waived_in: id of the exemption by which the clause was waived; None where it was not.
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
        """Whether the clause's condition held then; None where it has none."""
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
    """One entry of an explanation, with the rules it was recorded under and its amendments.

    Attributes:
        entry: the entry as it was recorded.
        reads: the entry as it is read now; None where it was retracted.
        words: what it says now, in words; where it was retracted, what it said.
        said: what it said when it was recorded, where that differs from ``words``.
        known: the last position that was known when it was recorded.
        charter: the charter in force when it happened, as known when it was recorded.
        admission: how that charter admitted it; None where it has no clause about such facts.
        authority: the charter's statement about who may record it; None where it has none.
        amended: its corrections and retractions since, in order.
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
        """Yield lines of words about it."""
        shown = self.reads or self.entry
        day = shown.day or local_day(shown.occurred_at, zone)
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
            kind = "corrected" if isinstance(each.fact, f.EntryCorrected) else "retracted"
            yield f"  {kind} since: {_recorded(each, zone)}: {each.fact.reason}"


@frozen(kw_only=True)
class Explanation:
    """An explanation of one statement about a member, at an as-of.

    Attributes:
        member: who it is about.
        about: "role", "standing", "vouches" or "membership".
        subject: the role, and where; or the community; None for the programme.
        holds: whether they have the role, are active, are vouched for, or count as a member.
        statement: the statement that is explained, in words.
        valid_at: the instant of which it is true.
        known_at: the last position that was known.
        charter: the charter in force then.
        verdict: of the policy or definition that decides it; None where facts alone do.
        links: the entries that it rests on, in effective order.
        omitted: how many older entries are left out of ``links``.
        zone: the time zone of the days in its words.
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
        """Ids of the entries that it rests on, as they were recorded."""
        return tuple(link.entry.id for link in self.links)

    def words(self) -> str:
        """Return it in words: the statement, the rule that decides it, and each entry."""
        day = local_day(self.valid_at, self.zone)
        lines = [f"{self.statement}, on {day}, by what was known at position {self.known_at}"]
        if self.charter is not None:
            lines.append(f"Charter in force: {self.charter.words(self.zone)}")
        if self.verdict is not None:
            lines += self.verdict.words().splitlines()
        for link in self.links:
            lines += link.lines(self.zone)
        if self.omitted:
            lines.append(f"({self.omitted:,} older entries are left out)")
        return "\n".join(map(printable, lines))

    def __str__(self) -> str:
        return self.words()


def charter_in_force(adoption: Entry | None) -> CharterInForce | None:
    """Return the charter that an entry adopted; None for None."""
    if adoption is None:
        return None
    charter = readable(adoption)
    return CharterInForce(
        name=None if charter is None else charter.name,
        version=adoption.fact.version,
        since=effective_from(adoption),
        adopted_in=adoption.id,
        adopted_by=recorder_of(adoption),
    )


def condition_verdict(
    name: str, condition: Condition, subject: Subject, evaluator: PolicyEvaluator
) -> Verdict:
    """Return the verdict on whether a condition holds for a subject: "yes" or "no"."""
    policy = Policy(name, cases=[when(condition).then("yes")], otherwise="no", scale=["yes", "no"])
    return evaluator.verdict(policy, subject)


class Tracer:
    """Traces entries of one member's history back to what was recorded, and under which rules.

    Args:
        reading: the log as known.
        zone: the time zone of the days in words.
        member: the member, by the identifier that merges kept.
        standing: their history, as it is read now.
    """

    def __init__(self, reading: Reading, zone: tzinfo, member: str, standing: Iterable[Entry]) -> None:
        self._reading = reading = reading.kept()  # each link is judged as of another position
        self._evaluator = PolicyEvaluator(reading, zone)
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
        """Trace further entries, of anybody, and return the ids under which they were recorded.

        Args:
            ids: ids of entries as they are read now: for a corrected one, that of its correction.
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
        """Yield each entry as it was recorded, as it is read now, and its amendments in order."""
        for root, amended in self._amended().items():
            entry = self._recorded[root]
            yield entry, self._reading_of(entry, amended), amended

    def _reading_of(self, entry: Entry, amended: list[Entry]) -> Entry | None:
        found = self._reads.get(entry.position)
        if found is None:  # of somebody else, or retracted
            registry = self._reading.log.codec.registry
            found = next(iter(resolve([entry, *amended], registry)), None)
        return found

    def link(self, entry: Entry, reads: Entry | None, amended: Iterable[Entry]) -> Link:
        """Return the link of an entry: the rules it was recorded under, and its amendments."""
        opened = self._reading.log.codec.opened_entry
        entry, amended = opened(entry), [opened(each) for each in amended]
        reads = None if reads is None else opened(reads)
        known = entry.position - 1
        charter, admission, authority = None, None, None
        if self._chartered:
            evaluator = self._evaluator.known(known)
            adoption = evaluator.charters.in_force(entry.occurred_at)
            charter = charter_in_force(adoption)
            rules = None if adoption is None else readable(adoption)
            if rules is not None:
                authority = statements(rules).get(f"who may record {entry.name}")
                admission = _admission(entry, rules, evaluator)
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


def _admission(entry: Entry, charter: Charter, evaluator: PolicyEvaluator) -> Admission | None:
    """Return how a charter admitted a fact, by what was known before it was recorded."""
    fact: Fact = entry.fact
    says = statements(charter)
    admission: Admission | None = None
    match fact:
        case f.RoleAssigned() if (clause := charter.role(fact.role)) is not None:
            subject = evaluator.member(fact.member, entry.occurred_at)
            name, asked = role_clause(fact), clause.asked
            topics = ("admission", "courses", "exceptions", "term", "seats")
            admission = Admission(
                clause=name,
                says=_about_role(says, fact.role, *topics),
                verdict=(None if asked is None else condition_verdict(name, asked, subject, evaluator)),
                excepted=clause.unless is not None and holds(clause.unless, subject),
            )
        case f.RoleEnded() if endings := _about_role(says, fact.role, "endings"):
            admission = Admission(clause=role_clause(fact), says=endings)
        case f.Vouched():
            may = None if charter.vouching is None else charter.vouching.may
            about = tuple(says[n] for n in ("who may vouch", "vouches received") if n in says)
            if about:
                name = vouch_clause(fact)
                voucher = evaluator.member(fact.voucher, entry.occurred_at)
                verdict = None if may is None else condition_verdict(name, may, voucher, evaluator)
                admission = Admission(clause=name, says=about, verdict=verdict)
    if admission is None:
        return None
    subject = evaluator.member(entry.fact.member, entry.occurred_at)
    return _with_waiver(admission, subject, evaluator)


def _about_role(says: dict[str, str], role: str, *topics: str) -> tuple[str, ...]:
    return tuple(says[f"{role}, {topic}"] for topic in topics if f"{role}, {topic}" in says)


def _with_waiver(admission: Admission, subject: Subject, evaluator: PolicyEvaluator) -> Admission:
    """Add the exemption by which the clause was waived, if it was."""
    for span in subject.standing("exemption.granted"):
        if span.entry.fact.policy == admission.clause:
            granted = evaluator.reading.log.codec.opened_entry(span.entry)
            why = f"{granted.fact.reason} (by {recorder_of(span.entry)})"
            return evolve(admission, waived_in=span.entry.id, waiver=why)
    return admission


ABOUT: Final = ("role", "standing", "vouches", "membership")
"""What can be explained about a member."""

MAX_LINKS: Final = 200
"""The most links of an explanation; older entries are only counted."""

_ABOUT_ROLES: Final = (f.RoleAssigned, f.RoleEnded, f.RoleAsserted, f.ApplicationFiled, f.ApplicationDecided)
_JOINING: Final = (f.MemberJoined, f.MemberRetired, f.MemberReturned)
_MERGES: Final = (f.MembersMerged, f.MembersUnmerged)


@frozen
class _Found:
    """A statement, and which facts it rests on."""

    subject: str | None
    holds: bool
    statement: str
    rests_on: Callable[[Fact], bool]
    evidence: tuple[str, ...] = ()
    verdict: Verdict | None = None


def explain(
    evaluator: PolicyEvaluator,
    reading: Reading,
    member: str,
    at: datetime,
    about: str | None,
    *,
    role: str | None,
    community: str | None,
) -> Explanation:
    """Explain a statement about a member; see ``View.explain``."""
    about = _about(about, role)
    subject = evaluator.member(member, at)
    person = MemberView(subject, evaluator)
    match about:
        case "role":
            found = _role(person, str(role), community, at, evaluator)
        case "standing":
            found = _standing(person, evaluator)
        case "vouches":
            found = _vouches(person)
        case _:
            found = _membership(person, community, evaluator, at)
    adoption = evaluator.charters.in_force(at)
    links, omitted = _links(evaluator, reading, person, found, at)
    return Explanation(
        member=person.member,
        about=about,
        subject=found.subject,
        holds=found.holds,
        statement=found.statement,
        valid_at=at,
        known_at=reading.known_at,
        charter=charter_in_force(adoption),
        verdict=found.verdict,
        links=links,
        omitted=omitted,
        zone=evaluator.zone,
    )


def _about(about: str | None, role: str | None) -> str:
    if about is None:
        about = "standing" if role is None else "role"
    if about not in ABOUT:
        raise InvalidInput(f"explain {', '.join(ABOUT)}, not {shown(about, 60)}", field="about")
    if (about == "role") != (role is not None):
        raise InvalidInput("say which role, where a role is to be explained", field="role")
    return about


def _links(
    evaluator: PolicyEvaluator, reading: Reading, person: MemberView, found: _Found, at: datetime
) -> tuple[tuple[Link, ...], int]:
    tracer = Tracer(reading, evaluator.zone, person.member, reading.member(person.member)[1])
    rests_on = tracer.add(found.evidence)
    chains = []
    for entry, reads, amended in tracer.chains():
        facts = [entry.fact, *(getattr(each.fact, "replacement", None) for each in amended)]
        concerned = entry.id in rests_on or any(
            isinstance(fact, _MERGES) or found.rests_on(fact) for fact in facts
        )
        if concerned and (reads or entry).occurred_at <= at:
            chains.append((entry, reads, amended))
    chains.sort(key=_by_time)
    links = tuple(tracer.link(*chain) for chain in chains[-MAX_LINKS:])
    return links, len(chains) - len(links)


def _by_time(chain: tuple[Entry, Entry | None, object]) -> tuple[datetime, int]:
    entry, reads, _ = chain
    return (reads or entry).occurred_at, entry.position


def _role(
    person: MemberView, role: str, community: str | None, at: datetime, evaluator: PolicyEvaluator
) -> _Found:
    def rests_on(fact: Fact) -> bool:
        return isinstance(fact, _ABOUT_ROLES) and fact.role == role and community in {None, fact.community}

    ever = [h for h in person.roles.ever if h.role == role and community in {None, h.community}]
    now = [holding for holding in ever if holding.held_at(at)]
    what = place(role, community)

    def day(moment: datetime | None) -> str:
        return "" if moment is None else local_day(moment, evaluator.zone).isoformat()

    def until(holding: Holding) -> str:
        how = f" ({holding.how})" if holding.how else ""
        return f"{place(role, holding.community)} until {day(holding.end)}{how}"

    if now:
        held = " and ".join(f"{place(role, h.community)} since {day(h.start)}" for h in now)
        statement = f"{person.member} is {held}"
    elif ever:
        statement = f"{person.member} is not {what}, and was {until(ever[-1])}"
    else:
        statement = f"{person.member} is not {what}, and never was"
    ends = tuple(h.ended_in for h in ever if h.ended_in is not None)
    return _Found(what, bool(now), statement, rests_on, ends)


def _standing(person: MemberView, evaluator: PolicyEvaluator) -> _Found:
    membership = person.membership
    verdict = membership.verdict
    acts = [entry.id for entry in person.history if acting(entry.fact) == person.member]
    evidence = tuple(acts[-1:]) if verdict is None else verdict.evidence
    kinds = (*_JOINING, f.LeaveStarted, f.LeaveEnded)

    def rests_on(fact: Fact) -> bool:
        return isinstance(fact, kinds) and fact.member == person.member

    if not membership.is_member:
        statement = f"{person.member} never joined"
    else:
        since = membership.since
        from_when = "" if since is None else f" since {local_day(since, evaluator.zone)}"
        rule = "" if verdict is not None else ", by the default rule"
        statement = f"{person.member} is {membership.standing}{from_when}{rule}"
    return _Found(None, membership.active, statement, rests_on, evidence, verdict)


def _vouches(person: MemberView) -> _Found:
    number = person.vouches.level
    named = person.vouch_level

    def rests_on(fact: Fact) -> bool:
        return isinstance(fact, f.Vouched | f.VouchWithdrawn) and fact.member == person.member

    people = "nobody" if not number else "1 person" if number == 1 else f"{number} people"
    level = f": level {named}" if named is not None else ""
    statement = f"{person.member} is vouched for by {people}{level}"
    return _Found(named, number > 0, statement, rests_on)


def _membership(
    person: MemberView, community: str | None, evaluator: PolicyEvaluator, at: datetime
) -> _Found:
    subject = evaluator.member(person.member, at)
    charter = evaluator.charter(at)
    definition = None if charter is None else charter.definition(community)
    counts = evaluator.counts_as_member(subject, community)
    verdict = None
    if definition is not None:
        verdict = condition_verdict(
            f"member of {community or 'the programme'}", definition, subject, evaluator
        )

    def rests_on(fact: Fact) -> bool:
        if getattr(fact, "member", None) != person.member:
            return False
        joins = community is not None and getattr(fact, "community", None) == community
        return isinstance(fact, _JOINING) or joins

    joined = person.membership.joined_at
    what = "a member" if community is None else f"a member of {community}"
    if joined is None:
        statement = f"{person.member} never joined"
    else:
        day = local_day(joined, evaluator.zone)
        verb = "counts as" if counts else "does not count as"
        statement = f"{person.member} joined on {day}, for ever, and {verb} {what}"
    evidence = () if verdict is None else verdict.evidence
    return _Found(community, counts, statement, rests_on, evidence, verdict)
