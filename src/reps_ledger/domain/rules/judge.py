"""The judgement of new entries by what is known of the log: see `Memory`.

`Judge` asks the rules, and then governance, about an entry that is to be recorded.

A new entry is judged by the history before its own ``occurred_at``; what it contradicts later
counts too. Merges have no date: a fact about a merged-away identifier is refused, whenever it
happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from attrs import define, evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING, Amendments
from reps_ledger.domain.entries import (
    LEDGER_WIDE,
    Entry,
    entries_named,
    entry_tag,
    handed_on,
    ledger_tag,
    organisation_tag,
    people_in,
    subject_tags,
    unique,
)
from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    EntryVoided,
    Fact,
    LedgerDeclared,
    MemberErased,
    MemberJoined,
    MembersMerged,
    MembersUnmerged,
    OpportunityHeld,
    OpportunityTaken,
    OrganisationDescribed,
    ReportFiled,
    RoleAsserted,
    RoleAssigned,
    TextRedacted,
    stated,
)
from reps_ledger.domain.rules.builtin import NAMING, SEAT, Rulebook, seat_names
from reps_ledger.domain.rules.charters import Act, ActAsRead
from reps_ledger.domain.rules.folds import COMMUNITY_FORM, EVERYTHING, MERGED, REPORT, TAKINGS, TARGET
from reps_ledger.domain.rules.memory import Memory, Order
from reps_ledger.domain.rules.parts import Part, Parts, Rule, S, Source
from reps_ledger.domain.rules.phrases import days_read_in, refuse
from reps_ledger.domain.rules.replay import CORRECTING, contradictions
from reps_ledger.domain.rules.sealing import (
    ACCOUNTS,
    UNSEALED,
    address_refusals,
    erased_parts,
    erased_refusals,
    erasure_stays,
    has_text,
    names_account,
)
from reps_ledger.domain.rules.voids import VOIDED_PART, VOIDS, void_refusals, void_stays
from reps_ledger.domain.sealed import Sealed
from reps_ledger.errors import Refusal

_MOST_CASES = 2_000
_MERGES = MembersMerged | MembersUnmerged
_UNDATED = _MERGES | LedgerDeclared  # judged by all that is known, whenever they happened


class _Case(msgspec.Struct, gc=False):
    """The parts that judging one fact takes, as its rules and governance last named them.

    One recording needs them many times (to read, to tag, to judge, to append), and asking a rule
    costs more than the rest of it: rules are asked once, and dynamic ones again only after
    something was added to the memory.

    Attributes:
        fact: the fact.
        read: the fact as it will be read: a correction may name somebody who was merged away.
        merged: the memory's count of merges when ``read`` was made.
        steps: the rules that judge it, each with its parts.
        parts: all parts that rules name; for a correction, those for its replacement too.
        guarding: those that say whether a ledger that seals refuses it.
        dynamic: whether one of the rules is.
        revision: of the memory when the rules were asked.
        by: the actor for whom governance was asked.
        on_behalf_of: for whom that actor acted.
        governed: the memory's revision when governance was asked; -1 before.
        governing: the parts that governance named.
    """

    fact: Fact
    read: Fact
    merged: int
    steps: tuple[tuple[Rule, Parts], ...]
    parts: Parts
    guarding: Parts
    dynamic: bool
    revision: int
    by: str = ""
    on_behalf_of: str | None = None
    governed: int = -1
    governing: Parts = ()


@define
class Judge:
    """The judgement of what is to be recorded, by what is known of the log.

    Attributes:
        memory: what was read, and what is about to be appended.
        rules: the rules in force.
        seals: whether personal texts are sealed as they are recorded.
        depended_on: parts that earlier decisions in this batch read, as governance or a dynamic
            rule named them then; they belong to the append condition. Whoever records clears it.
    """

    memory: Memory
    rules: Rulebook
    seals: bool = False
    depended_on: set[Part] = field(factory=set)
    _cases: dict[int, _Case] = field(factory=dict)
    _named: set[str | None] = field(factory=set)
    _named_by: int = -1

    def state(self, part: Part[S]) -> S | None:
        """Return the state after all entries of a part, or None while it is not known."""
        return self.memory.state(part)

    def entries(self, part: Part) -> Sequence[Entry] | None:
        """Return a part's entries that stand, in effective order; None while it is not known."""
        held = self.memory.held(part)
        if held is None:
            return None
        if held.listed is None:
            held.listed = tuple([entry for entry in held.entries if self._is_of(part, entry)])
        return held.listed

    def recorded(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, or None while it is not known."""
        return self.memory.target(entry_id)

    @property
    def readings(self) -> Mapping[str, str]:
        """Ids of entries that were corrected to those of the corrections in their places."""
        return self.memory.amendments.readings

    def parts(self, act: Act) -> Parts:
        """Return the parts that recording an act depends on, as far as they can be known yet."""
        case = self._case(act.fact)
        return (*case.parts, *case.guarding, *self._governing(act, case))

    def asked(self, fact: Fact) -> Parts:
        """Return the parts that the rules name; governance may name more."""
        return self._case(fact).parts

    def rows_missing(self, acts: Iterable[Act]) -> set[int]:
        """Return the positions at which what is stored must be looked at before these acts are judged."""
        places = [act.fact.target_position for act in acts if isinstance(act.fact, EntryVoided)]
        return {*places} - self.memory.rows.keys() if places else set()

    def lacks(self, act: Act) -> bool:
        """Whether what became known since leads to parts that were not read."""
        return bool(self.memory.missing(self._discovered(act)))

    def sources(self, entries: Iterable[Entry]) -> set[Source]:
        """Return the sources that the judgement of these entries depends on.

        The append's condition is that they hold nothing new, and that nothing was voided. Dynamic
        rules and governance may name other parts now than when an entry was judged; those named then
        count, as only they made a difference to it (see `depended_on`).
        """
        parts = set(self.depended_on)
        entries = list(entries)
        for entry in entries:
            case = self._cases.get(id(entry.fact))
            known = case is not None and case.fact is entry.fact
            if case is None or not known:
                case = self._case(entry.fact)
            parts.update(case.parts)
            parts.update(case.guarding)
        found = {source for part in parts for source in self.memory.sources(part)}
        found.add(VOIDS)
        registry = self.memory.registry
        if any(names_account(entry.fact, registry) for entry in entries):
            found.add(ACCOUNTS)
        return found

    def _discovered(self, act: Act) -> Parts:
        """Return the parts that were named by what is known: by dynamic rules and governance."""
        case = self._case(act.fact)
        governing = self._governing(act, case)
        return (*case.parts, *case.guarding, *governing) if case.dynamic else governing

    def _governing(self, act: Act, case: _Case) -> Parts:
        """Return the parts that governance names."""
        governance = self.rules.governance
        if governance is None:
            return ()
        known = (self.memory.revision, act.by, act.on_behalf_of)
        if (case.governed, case.by, case.on_behalf_of) != known:
            if case.read is not act.fact:
                act = ActAsRead(case.read, act.by, act.on_behalf_of)
            case.governing = governance.parts(act, self)
            case.governed, case.by, case.on_behalf_of = known
        return case.governing

    def _case(self, fact: Fact) -> _Case:
        """Return the parts of a fact; ask the rules again only where they may name others."""
        memory = self.memory
        case = self._cases.get(id(fact))
        if (
            case is not None
            and case.fact is fact
            and case.merged == memory.merged
            and (not case.dynamic or case.revision == memory.revision)
        ):
            return case
        steps, parts, dynamic = self._steps(fact)
        read = self._as_read(fact)
        if isinstance(read, EntryCorrected):
            _, more, _ = self._steps(read.replacement)
            # Asked again once its target was read: that leads to what depends on it.
            parts, dynamic = (*parts, *more, *self._depending(read)), True
        guard = self._guard(fact)
        if guard is not None:
            steps = (*steps, guard)
            # Others may make a token for the same account until the log's head is known.
            dynamic = dynamic or isinstance(fact, CORRECTING) or names_account(fact, memory.registry)
        guarding = () if guard is None else guard[1]
        case = _Case(fact, read, memory.merged, steps, parts, guarding, dynamic, memory.revision)
        if len(self._cases) >= _MOST_CASES:
            self._cases.clear()
        self._cases[id(fact)] = case
        return case

    def _steps(self, fact: Fact) -> tuple[tuple[tuple[Rule, Parts], ...], Parts, bool]:
        """Ask the rules that judge a fact for their parts; say whether these may change."""
        rules = self.rules.of(fact)
        steps = tuple([(rule, rule.parts(fact, self)) for rule in rules])
        parts: Parts = sum((parts for _, parts in steps), ())
        others = self._others(fact, parts)
        if others:
            steps = (*steps, (_NO_RULE, others))
            parts += others
        dynamic = any(rule.dynamic for rule in rules)
        naming = self._naming(fact)
        if naming:
            steps = (*steps, (NAMING, naming))
            parts += naming
            # Asked again once it is known which names there are: then only where they are alike.
            dynamic = True
        return steps, parts, dynamic

    def _guard(self, fact: Fact) -> tuple[Rule, Parts] | None:
        """Return by which parts a ledger that seals may refuse a fact; None where it cannot."""
        registry = self.memory.registry
        in_the_clear = has_text(fact, registry, in_the_clear=True)
        if self.seals or (not in_the_clear and has_text(fact, registry)):
            return _ERASED, erased_parts(fact, registry, self.about(fact) or "")
        return (UNSEALED, UNSEALED.parts(fact, self)) if in_the_clear else None

    def _naming(self, fact: Fact) -> Parts:
        """Return the parts that say whether the community that a fact names is there already.

        None where it is known to be: nothing but an amendment changes that.
        """
        if self._named_by != self.memory.amended:
            self._named_by, self._named = self.memory.amended, set()
        community = getattr(fact, "community", None)
        if community in self._named:
            return ()
        parts = NAMING.parts(fact, self)
        if len(parts) == 1 and community in (self.state(parts[0]) or ()):
            self._named.add(community)
            return ()
        return parts

    def _depending(self, correction: EntryCorrected) -> Parts:
        """Return the parts of what a correction corrects, and of what may hold only because of that."""
        memory = self.memory
        target = memory.target(correction.target)
        if target is None:
            return ()
        chain = memory.amendments.readings.original
        original = memory.target(chain(target.id))
        # Whatever names an earlier correction of the same is found by the original, but where an earlier
        # release recorded it: then the target has the tags of all of these.
        named = (memory.target(name) for name in entries_named(target.tags))
        if original is None:
            return ()
        found: list[Part] = [
            REPORT.part(link.id)
            for link in named
            if link is not None and chain(link.id) == original.id
            if isinstance(link.fact, ReportFiled | EntryCorrected)
        ]
        fact = original.fact
        read = self.memory.amendments.renamed(fact, self.memory.registry)
        _, parts, _ = self._steps(read)
        if isinstance(read, MemberJoined):
            found.append(EVERYTHING.part(read.member))
        elif isinstance(read, OpportunityHeld):
            found.append(TAKINGS.part(read.opportunity))
        return (*found, *parts)

    def _others(self, fact: Fact, asked: Parts) -> Parts:
        """Return the parts of members whom no rule names: they may have been merged away."""
        if isinstance(fact, RoleAsserted):
            return ()  # a roster's claim is never refused
        named = people_in(fact, self.memory.registry)
        aliases = self.memory.amendments.aliases
        if aliases:  # a refusal names whom merges keep: who that was may have been merged away since
            named = [*dict.fromkeys((*named, *(aliases[p] for p in named if p in aliases)))]
        known = {part.source.tag for part in asked if part.fold.merges}
        return tuple([part for part in map(MERGED.part, named) if part.source.tag not in known])

    def tags(self, fact: Fact, entry_id: str) -> tuple[str, ...]:
        """Return the tags under which the log will find a fact."""
        found = [*self._tags(fact), entry_tag(entry_id)]
        if isinstance(fact, CORRECTING):
            # Of a chain of amendments, each has the tags of the one before it and of the first entry.
            root_of = self.memory.amendments.root
            root = root_of(fact.target)
            links = {name for name in entries_named(found) if root_of(name) == root} - {fact.target, root}
            found = [tag for tag in found if tag not in map(entry_tag, links)]
        return unique(found)

    def _tags(self, fact: Fact) -> list[str]:
        registry = self.memory.registry
        name = registry.of(fact).kind.name
        found = subject_tags(fact, registry)
        # Not those of governance's parts: a fact is not in a part just because judging it
        # needed that part.
        for part in self.asked(fact):
            if part.fold.tagged and part.fold.takes(name) and not self._is_named(part, fact):
                # What names an amendment is found by what that amends in the end, too.
                sources = self.memory.sources(part) if part.fold.of_entry else [part.source]
                found += [source.tag for source in sources]
        found += self._kind_tags(fact)
        if name in AMENDING or name in LEDGER_WIDE:
            found.append(ledger_tag(name))
        if names_account(fact, registry):
            found.append(ACCOUNTS.tag)
        if isinstance(fact, CORRECTING):
            target = self.memory.target(fact.target)
            if target is not None:
                found += handed_on(target.tags) if isinstance(fact, EntryRetracted) else self._kept(target)
        if isinstance(fact, EntryCorrected):
            found += self._tags(fact.replacement)
        return found

    def _kind_tags(self, fact: Fact) -> tuple[str, ...]:
        """Return the tags that only facts of its kind have."""
        if isinstance(fact, RoleAssigned):
            return (SEAT.part(*seat_names(fact.role, fact.community)).source.tag,)
        if isinstance(fact, OpportunityTaken):
            return (TAKINGS.part(fact.opportunity).source.tag,)
        if isinstance(fact, OrganisationDescribed):
            return (organisation_tag(fact.organisation),)
        row = self.memory.rows.get(fact.target_position) if isinstance(fact, EntryVoided) else None
        return () if row is None else row.concerns

    def _kept(self, target: Entry) -> list[str]:
        """Return the tags that a correction of an entry has of it.

        Of a correction, those of what it says: it took what it corrects away from everything else. (A
        retraction of one has all of its tags, as what it corrects stands again.)
        """
        tags = handed_on(target.tags)
        if not isinstance(target.fact, EntryCorrected):
            return tags
        before = self.memory.target(target.fact.target)
        if before is None:
            return tags
        says = {*self._tags(target.fact.replacement), *map(entry_tag, entries_named(tags))}
        return [tag for tag in tags if tag in says or tag not in before.tags]

    def _is_named(self, part: Part[Any], fact: Fact) -> bool:
        """Whether a part is of communities' names, and an entry under its tag has that of the fact."""
        if part.fold is not COMMUNITY_FORM:
            return False
        return getattr(stated(fact), "community", None) in (self.memory.state(part) or {})

    def about(self, fact: Fact) -> str | None:
        """Return whom the target of an amendment is about, as far as that is known; None for nobody."""
        if not isinstance(fact, CORRECTING):
            return None
        target = self.memory.target(fact.target)
        if target is None:
            return None
        reason = getattr(target.fact, "reason", None)
        if isinstance(target.fact, CORRECTING) and isinstance(reason, Sealed):
            return reason.place.member or None
        if isinstance(target.fact, EntryCorrected):
            return getattr(target.fact.replacement, "member", None)
        if isinstance(target.fact, EntryRetracted):
            return self.about(target.fact)
        return getattr(target.fact, "member", None)

    def refusals(self, entry: Entry) -> list[Refusal]:
        """Return every reason why an entry may not be recorded."""
        with days_read_in(self.rules.zone):
            found = self._refusals(entry)
        return [*found, *address_refusals(entry)] if self.seals else found

    def _refusals(self, entry: Entry) -> list[Refusal]:
        fact = entry.fact
        discovered = self._discovered(entry)
        self.depended_on.update(discovered)
        if isinstance(fact, CORRECTING):
            return self._judge_correction(entry, discovered)
        refusals = self._merged_away(fact) if self.memory.amendments.aliases else []
        if not refusals:
            refusals = self._judge_by_rules(entry)
            if isinstance(fact, EntryVoided):
                voids = self.state(VOIDED_PART) or {}
                refusals += void_refusals(entry, self.memory.rows.get(fact.target_position), voids)
            refusals += self._governed(entry, discovered, entry.order)
        return refusals

    def _judge_by_rules(self, entry: Entry) -> list[Refusal]:
        fact = entry.fact
        refusals: list[Refusal] = []
        late = False
        order = entry.order
        for rule, parts in self._case(fact).steps:
            if rule is _NO_RULE:
                continue
            if rule is _ERASED:
                refusals += self._erased(parts)
                continue
            states = []
            for part in parts:
                held = self.memory.held(part)
                assert held is not None, "recording loads every part before it judges"
                if part.fold.timeless or held.ends_by(order) or isinstance(fact, _UNDATED):
                    states.append(held.state)
                    continue
                states.append(held.state_at(order))
                late = late or part.fold.takes(entry.name)
            refusals += rule.judge(entry, *states)
        if isinstance(fact, MembersUnmerged):
            refusals += self._not_merged(fact)
        if late and not refusals:
            refusals = self._contradicted(entry)
        return refusals

    def _erased(self, parts: Parts) -> Iterable[Refusal]:
        return erased_refusals(parts, (self.state(part) for part in parts))

    def add(self, entry: Entry) -> None:
        """Add an entry that will be appended, so that the next one is judged after it."""
        self.memory.add(entry)

    def _merged_away(self, fact: Fact) -> list[Refusal]:
        if isinstance(fact, MembersUnmerged | RoleAsserted):
            return []
        amendments = self.memory.amendments
        return [
            refuse(
                "merged_away",
                f"{person} was found to be {amendments.aliases[person]}; "
                f"record it of {amendments.aliases[person]}",
                amendments.merges[person],
            )
            for person in dict.fromkeys(people_in(fact, self.memory.registry))
            if person in amendments.aliases
        ]

    def _not_merged(self, fact: MembersUnmerged) -> list[Refusal]:
        merge = self.memory.amendments.merges.get(fact.duplicate)
        merged = None if merge is None else merge.fact
        if isinstance(merged, EntryCorrected):
            merged = merged.replacement
        if isinstance(merged, MembersMerged) and merged.member == fact.member:
            return []
        return [refuse("not_merged", f"{fact.duplicate} is not merged into {fact.member}")]

    def _judge_correction(
        self, entry: Entry[EntryRetracted | EntryCorrected], discovered: Parts
    ) -> list[Refusal]:
        fact = entry.fact
        target = self.memory.target(fact.target)
        if target is None:
            return [refuse("no_entry", f"there is no entry {fact.target}")]
        if isinstance(target.fact, EntryVoided):
            return [void_stays(target)]
        if isinstance(target.fact, MemberErased | TextRedacted) and self.seals:
            return [erasure_stays(target)]
        standing = self.state(TARGET.part(fact.target))
        if standing is None:
            return [
                refuse(
                    "not_standing",
                    f"entry {fact.target} was retracted or corrected before; "
                    "retract or correct what stands in its place",
                    target,
                )
            ]
        refusals = self._judge_change(entry, target)
        refusals += self._sealing_refusals(entry)
        refusals += self._governed(entry, discovered, (entry.occurred_at, standing.origin))
        return refusals

    def _sealing_refusals(self, entry: Entry) -> Iterable[Refusal]:
        """Yield why the texts of an amendment may not be recorded."""
        for rule, parts in self._case(entry.fact).steps:
            if rule is _ERASED:
                yield from self._erased(parts)
            elif rule is UNSEALED:
                yield from rule.judge(entry, *(self.state(part) for part in parts))

    def _judge_change(self, entry: Entry[EntryRetracted | EntryCorrected], target: Entry) -> list[Refusal]:
        fact = entry.fact
        if isinstance(fact, EntryRetracted):
            return []
        if isinstance(target.fact, EntryRetracted):
            return [refuse("no_fact", f"entry {fact.target} is a retraction; retract it", target)]
        if isinstance(fact.replacement, _MERGES):
            # A merge contradicts nothing by itself, but what it takes the place of is gone.
            gone = replace(entry, fact=EntryRetracted(target=fact.target, reason=fact.reason))
            asked, rules = self.asked(fact), self.rules
            return [
                *_same_person(fact.replacement),
                *_merged_twice(fact.replacement, self.memory.with_amendment(gone)),
                *contradictions(gone, asked, self.memory, rules),
            ]
        return self._contradicted(entry)

    def _contradicted(self, entry: Entry) -> list[Refusal]:
        return contradictions(entry, self.asked(entry.fact), self.memory, self.rules)

    def _governed(self, entry: Entry, discovered: Parts, place: Order) -> Iterable[Refusal]:
        governance = self.rules.governance
        if governance is None:
            return ()
        case = self._case(entry.fact)
        if case.read is not entry.fact:
            entry = replace(entry, fact=case.read)
        return governance.judge(entry, _Place(self, (*discovered, *case.parts), place))

    def _as_read(self, fact: Fact) -> Fact:
        """Return a fact as it will be read: a correction, with the names that merges keep.

        Only a correction's replacement may name somebody who was merged away: other facts that
        do are refused.
        """
        amendments = self.memory.amendments
        if not isinstance(fact, EntryCorrected) or not amendments.aliases:
            return fact
        replacement = amendments.renamed(fact.replacement, self.memory.registry)
        return fact if replacement is fact.replacement else evolve(fact, replacement=replacement)

    def _is_of(self, part: Part, entry: Entry) -> bool:
        """Whether an entry that was found under a part's tag belongs to it as it is read now."""
        if not entry.is_correction and entry.told is None and entry.name not in AMENDING:
            return True
        if part.fold.people:
            named = {*people_in(entry.fact, self.memory.registry)}
            return named.difference(self.memory.amendments.aliases).issuperset(part.names)
        # A correction has its target's tags too, also those that do not fit what it says.
        return part.source.tag in (entry_tag(part.key), *self._tags(entry.fact))


@frozen
class _Place:
    """The `GovernanceContext` of one entry, at its place in effective order."""

    judge: Judge
    named: Parts  # parts that are in the append condition, and may therefore be asked about
    place: Order

    def state(self, part: Part[S]) -> S | None:
        """Return a part's state at the place, or None where the part was not named."""
        held = self.judge.memory.held(part) if part in self.named else None
        if held is None:
            return None
        return held.state if held.ends_by(self.place) else held.state_at(self.place)

    def entries(self, part: Part) -> Sequence[Entry] | None:
        """Return a part's entries that stand, or None where the part was not named."""
        return self.judge.entries(part) if part in self.named else None

    def recorded(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, or None while it is not known."""
        return self.judge.memory.target(entry_id)

    @property
    def readings(self) -> Mapping[str, str]:
        """Ids of entries that were corrected to those of the corrections in their places."""
        return self.judge.readings


_NO_RULE = Rule(name="")
_ERASED = Rule(name="")
"""Who was erased, of those whom a fact names: nothing begins of them. See `erased_parts`."""


def _same_person(fact: MembersMerged | MembersUnmerged) -> list[Refusal]:
    if fact.member != fact.duplicate:
        return []
    return [refuse("same_person", f"{fact.member} cannot be merged with themselves")]


def _merged_twice(fact: MembersMerged | MembersUnmerged, others: Amendments) -> list[Refusal]:
    """Refuse a merge of somebody whom another merge took already: only one of the two would count."""
    if isinstance(fact, MembersUnmerged) or fact.duplicate not in others.merges:
        return []
    into = others.aliases[fact.duplicate]
    words = f"{fact.duplicate} was found to be {into}; merge {into} instead"
    return [refuse("merged_away", words, others.merges[fact.duplicate])]
