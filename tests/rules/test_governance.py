"""Governance: what is asked of new entries only, with all that it names under the condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from attrs import define, field
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given as property_of

import reps_ledger as rl
from faulty import Faulty
from histories import PEOPLE, REGISTRY, Offer, fill, histories, open_ledger
from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import member_tag
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules import (
    CHARTERS,
    Governance,
    GovernanceContext,
    Judge,
    Memory,
    Part,
    Rulebook,
    history_part,
)
from reps_ledger.domain.rules.charters import ActAsRead
from reps_ledger.domain.rules.folds import COMMUNITY, MEMBER, MENTORING, NOTICE, TARGET
from reps_ledger.log import Codec, EventLog, Reading, Recording
from scale import examples
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, fixed_clock, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventsourcing.dcb.api import DCBRecorder

ADOPTED: Final = CHARTERS.part("charter.adopted")
REPORTS: Final = frozenset({"report.filed"})
CHARTER: Final = rl.CharterAdopted(document='charter = "reps"\nversion = "1"', version="1")


def report(member: str = "ana", activity: str = "talk", **more: Any) -> rl.ReportFiled:
    """Make a report."""
    return rl.ReportFiled(member=member, activity=activity, **more)


def ledger_under(
    governance: Governance | None, recorder: DCBRecorder | None = None, *people: str
) -> rl.Ledger:
    """Open a ledger under a governance; some people joined before there was any."""
    recorder = recorder or InMemoryDCBRecorder()
    if people:
        ungoverned = rl.open(recorder, clock=fixed_clock)
        ungoverned.record_all([joining for one in people for joining in joined(one)], by="council")  # type: ignore[misc]  # facts with dates
    registry = Registry(BUILT_IN)
    recording = Recording(
        log=EventLog(recorder, Codec(registry)),
        rules=Rulebook(registry, governance=governance),
        clock=fixed_clock,
    )
    return rl.Ledger(recording, UTC, lambda: None)


def codes(ledger: rl.Ledger, *facts: Any, at: date | None = None) -> list[tuple[int, str]]:
    """Record facts in one batch; return index and code of each refusal."""
    try:
        ledger.record_all([(fact, at) for fact in facts], by="council")
    except rl.Refused as refused:
        return [(refusal.index, refusal.code) for refusal in refused.refusals]
    return []


@define
class Watch:
    """A governance that refuses nothing, and keeps what it was shown."""

    parts: Callable[[Any, GovernanceContext], tuple[Part[Any], ...]]
    shown: list[tuple[rl.Entry, list[Any], list[Sequence[rl.Entry] | None]]] = field(factory=list)

    def judge(self, entry: rl.Entry, around: GovernanceContext) -> Iterator[rl.Refusal]:
        """Keep an entry, with the states and the entries of all parts."""
        parts = self.parts(entry, around)
        states = [around.state(part) for part in parts]
        self.shown.append((entry, states, [around.entries(part) for part in parts]))
        return iter(())

    @property
    def governance(self) -> Governance:
        """Itself, as a governance."""
        return Governance(parts=self.parts, judge=self.judge)

    @property
    def names(self) -> list[str]:
        """What kinds of fact it was shown."""
        return [entry.name for entry, _, _ in self.shown]


def quiet(_fact: Any, around: GovernanceContext) -> tuple[Part[Any], ...]:
    """Name the charters, and where there is one the reports of ana."""
    if not around.state(ADOPTED):
        return (ADOPTED,)
    return (ADOPTED, history_part("ana", REPORTS))


def at_most_one(entry: rl.Entry, around: GovernanceContext) -> Iterator[rl.Refusal]:
    """Refuse reports once there is a charter and a report of ana."""
    charters = around.state(ADOPTED)
    if entry.name == "report.filed" and charters:
        reports = around.entries(history_part("ana", REPORTS))
        assert reports is not None
        if reports:
            ids = tuple(one.id for one in reports)
            yield rl.Refusal(code="quiet", words="one is enough", entries=ids, clause="reports")


QUIET: Final = Governance(parts=quiet, judge=at_most_one)


def test_states_are_as_they_were_at_the_place() -> None:
    """A backdated entry is judged by the states of its own time, and may see what came later."""
    watch = Watch(lambda act, _: (MEMBER.part(act.fact.member), history_part(act.fact.member, REPORTS)))
    ledger = ledger_under(watch.governance, None, "ana")
    ledger.record(rl.RoleAssigned(member="ana", role="mentor"), by="x", occurred_at=MAR)
    late = ledger.record(report(), by="ana", occurred_at=JUN).entry
    for day in (FEB, APR):
        ledger.record(report(), by="ana", occurred_at=day)
    held = [life.held("mentor", None, e.occurred_at) for e, (life, _), _ in watch.shown[2:]]
    assert [entry is not None for entry in held] == [False, True]
    assert watch.shown[2][2][1] == (late,)
    assert [e.occurred_at.month for e in watch.shown[3][2][1] or ()] == [2, 6]


def test_it_is_asked_again_as_parts_become_known() -> None:
    """A part may lead to another, and that to a third; all are known when it judges."""

    def upwards(act: Any, around: GovernanceContext) -> tuple[Part[Any], ...]:
        fact = act.fact
        found = [COMMUNITY.part(fact.community)] if getattr(fact, "community", None) else []
        for part in found:
            founded = around.state(part)
            if founded is not None and founded.fact.parent is not None:
                found.append(COMMUNITY.part(founded.fact.parent))
        return tuple(found)

    watch = Watch(upwards)
    recorder = InMemoryDCBRecorder()
    ledger_under(None, recorder, "ana").record_all(
        [
            rl.CommunityFounded(community=name, parent=parent)
            for name, parent in (("world", None), ("asia", "world"), ("java", "asia"))
        ],
        by="council",
        occurred_at=JAN,
    )
    ledger_under(watch.governance, recorder).record(report(community="java"), by="ana")
    (_, states, _) = watch.shown[0]
    assert [state.fact.community for state in states] == ["java", "asia", "world"]


def test_a_part_that_is_empty_leads_on_too() -> None:
    """That nothing is there is known as well, and is not the same as nothing being known."""

    def unless_chartered(_: Any, around: GovernanceContext) -> tuple[Part[Any], ...]:
        adopted = around.state(ADOPTED)
        if adopted is not None and not adopted:
            return (ADOPTED, MEMBER.part("ana"), history_part("ben", REPORTS))
        return (ADOPTED,)

    watch = Watch(unless_chartered)
    ledger_under(watch.governance).record(rl.CommunityFounded(community="asia"), by="x")
    ((_, states, entries),) = watch.shown
    assert (states[0], states[1].joined, states[2]) == ((), None, None)
    assert entries == [(), (), ()]


def test_its_refusals_stop_the_batch() -> None:
    """What it refuses is refused beside what rules refuse, with clause and place in the batch."""
    ledger = ledger_under(QUIET, None, "ana")
    ledger.record(CHARTER, by="council", occurred_at=JAN)
    before = ledger.position
    with pytest.raises(rl.Refused) as raised:
        ledger.record_all([report(), report("ben"), report(activity="stall")], by="ana")
    found = raised.value.refusals
    assert [(one.index, one.code, one.clause) for one in found] == [
        (1, "not_joined", None),
        (1, "quiet", "reports"),
        (2, "quiet", "reports"),
    ]
    assert ledger.position == before
    assert codes(ledger, report()) == []
    assert codes(ledger, report()) == [(0, "quiet")]


def test_what_comes_before_in_a_batch_may_lead_on() -> None:
    """A charter that is adopted in a batch governs the rest of it, by parts unread so far."""
    recorder = InMemoryDCBRecorder()
    ungoverned = ledger_under(None, recorder, "ana", "ben")
    ungoverned.record(report(), by="ana", occurred_at=FEB)
    ledger = ledger_under(QUIET, recorder)
    assert codes(ledger, CHARTER, report("ben")) == [(1, "quiet")]
    assert codes(ledger, report("ben"), CHARTER) == []


def test_it_may_ask_only_for_what_it_named() -> None:
    """What was not named may change unseen: it is not told, even where it is known."""
    seen: list[Any] = []

    def judge(entry: rl.Entry, around: GovernanceContext) -> Iterator[rl.Refusal]:
        notice = NOTICE.part("n1")
        seen.append((around.state(MEMBER.part("ana")), around.state(notice), around.entries(notice)))
        assert entry.fact.member == "ana"
        return iter(())

    ledger = ledger_under(Governance(parts=lambda *_: (), judge=judge), None, "ana")
    notice = rl.NoticeSent(member="ana", notice="n1", stage="nudge")
    entry = ledger.record(notice, by="x").entry
    ledger.record(report("ana"), by="ana")
    ledger.record(rl.NoticeAnswered(member="ana", notice="n1"), by="ana")
    assert seen[0][1:] == (None, ())
    assert seen[1][1:] == (None, None)  # though it is known
    assert seen[2][1:] == (entry, (entry,))  # a rule named it
    assert [life is not None for life, _, _ in seen] == [False, True, False]  # the rule of reports named it


def test_what_it_looks_at_is_no_tag() -> None:
    """An entry is found under what it is about, and not under all that governance read."""
    watch = Watch(lambda *_: (ADOPTED, history_part("ben", REPORTS)))
    ledger = ledger_under(watch.governance, None, "ana", "ben")
    entry = ledger.record(report(), by="ana").entry
    assert member_tag("ana") in entry.tags
    assert member_tag("ben") not in entry.tags


@pytest.mark.parametrize("command_id", [None, "c"])
@pytest.mark.parametrize("warm", [False, True])
def test_a_charter_adopted_meanwhile(command_id: str | None, warm: bool) -> None:
    """Who records while a charter is adopted is judged again, under it."""
    recorder = InMemoryDCBRecorder()
    ledger_under(None, recorder, "ana", "ben").record(report(), by="ana", occurred_at=FEB)
    first = 2 if warm else 1
    other = rl.open(recorder, clock=fixed_clock)
    faulty = Faulty(recorder, before={("append", first): lambda: _record(other, CHARTER)})
    ledger = ledger_under(QUIET, faulty)
    if warm:  # the world of the last recording is kept
        ledger.record(rl.CommunityFounded(community="asia"), by="x")
    with pytest.raises(rl.Refused) as raised:
        ledger.record(report("ben"), by="ben", command_id=command_id)
    assert raised.value.codes == ("quiet",)
    assert faulty.calls["append"] == first


def test_what_a_judgement_leant_on_is_under_the_condition() -> None:
    """Also where the rest of a batch makes it be asked for no more: it was judged by it."""
    recorder = InMemoryDCBRecorder()
    ungoverned = ledger_under(None, recorder, "ana", "ben")
    adopted = ungoverned.record(CHARTER, by="council", occurred_at=JAN)
    other = rl.open(recorder, clock=fixed_clock)
    faulty = Faulty(recorder, before={("append", 1): lambda: _record(other, report())})
    ledger = ledger_under(QUIET, faulty)
    undone = rl.EntryRetracted(target=adopted.id, reason="too quiet")
    assert codes(ledger, report("ben"), undone) == [(0, "quiet")]
    assert faulty.calls["append"] == 1


def _record(ledger: rl.Ledger, fact: rl.Fact) -> None:
    ledger.record(fact, by="other")


def test_corrections_and_retractions_are_governed() -> None:
    """It is shown them as such, at their target's place, and only where there is a target."""
    watch = Watch(lambda *_: (MEMBER.part("ana"), history_part("ana", REPORTS)))
    ledger = ledger_under(watch.governance, None, "ana")
    told = ledger.record(report(), by="ana", occurred_at=MAR)
    ledger.record(rl.RoleAssigned(member="ana", role="mentor"), by="x", occurred_at=MAR)
    right = rl.EntryCorrected(target=told.id, replacement=report(activity="b"), reason="r")
    corrected = ledger.record(right, by="x")
    undone = rl.EntryRetracted(target=corrected.id, reason="r")
    ledger.record(undone, by="x")
    assert watch.names[2:] == ["entry.corrected", "entry.retracted"]
    assert watch.shown[2][0].fact == right
    assert not watch.shown[2][1][0].roles  # the role came after the report, on the same day
    assert not watch.shown[3][1][0].roles
    assert [e.id for e in watch.shown[2][2][1] or ()] == [told.id]
    assert [e.id for e in watch.shown[3][2][1] or ()] == [corrected.id]
    lost = rl.EntryRetracted(target="no such", reason="r")
    assert codes(ledger, undone) == [(0, "not_standing")]
    assert codes(ledger, lost) == [(0, "no_entry")]
    assert len(watch.shown) == 4


def test_it_may_refuse_corrections_and_retractions() -> None:
    """A refused correction changes nothing."""

    def never(entry: rl.Entry, _: GovernanceContext) -> Iterator[rl.Refusal]:
        if entry.name in AMENDING:
            yield rl.Refusal(code="final", words="what is recorded stays")

    ledger = ledger_under(Governance(parts=lambda *_: (), judge=never), None, "ana")
    told = ledger.record(report(), by="ana")
    right = rl.EntryCorrected(target=told.id, replacement=report(activity="b"), reason="r")
    stranger = rl.EntryCorrected(target=told.id, replacement=report("eve"), reason="r")
    assert codes(ledger, right) == [(0, "final")]
    assert codes(ledger, stranger) == [(0, "not_joined"), (0, "final")]
    assert codes(ledger, rl.EntryRetracted(target=told.id, reason="r")) == [(0, "final")]
    assert ledger.position == told.position


def test_merged_away_names_are_not_governed() -> None:
    """What names somebody merged away is refused for that; a correction is shown as it reads."""
    watch = Watch(lambda *_: ())
    ledger = ledger_under(watch.governance, None, "ana", "ana2")
    told = ledger.record(rl.ApplicationFiled(member="ana", role="mentor"), by="ana")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x", occurred_at=FEB)
    assert codes(ledger, report("ana2")) == [(0, "merged_away")]
    assert watch.names == ["application.filed", "members.merged"]
    applied = rl.ApplicationFiled(member="ana2", role="council")
    right = rl.EntryCorrected(target=told.id, replacement=applied, reason="it was council")
    assert ledger.record(right, by="x").entry.fact == right
    shown = watch.shown[2][0].fact
    assert shown == attrs.evolve(right, replacement=attrs.evolve(applied, member="ana"))
    ledger.record(rl.MembersUnmerged(member="ana", duplicate="ana2"), by="x")
    assert watch.names[3:] == ["members.unmerged"]


def test_what_governance_names_parts_of_is_an_act_as_it_reads() -> None:
    """Who was merged away is named as they are kept there too; who acts, and for whom, stays."""
    acts: list[Any] = []

    def named(act: Any, _: GovernanceContext) -> tuple[Part[Any], ...]:
        acts.append(act)
        return ()

    ledger = ledger_under(Governance(parts=named, judge=lambda *_: ()), None, "ana", "ana2")
    told = ledger.record(rl.ApplicationFiled(member="ana", role="mentor"), by="ana")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    acts.clear()
    applied = rl.ApplicationFiled(member="ana2", role="council")
    right = rl.EntryCorrected(target=told.id, replacement=applied, reason="r")
    ledger.record(right, by="x", on_behalf_of="council")
    assert acts
    for act in acts:
        assert act.fact == attrs.evolve(right, replacement=attrs.evolve(applied, member="ana"))
        assert (act.by, act.on_behalf_of) == ("x", "council")


def test_what_is_to_be_corrected_may_be_looked_at_to_name_parts() -> None:
    """Once it was read, an entry is known by its id as it was recorded."""
    found: list[str | None] = []

    def named(act: Any, around: GovernanceContext) -> tuple[Part[Any], ...]:
        entry = around.recorded(getattr(act.fact, "target", ""))
        found.append(None if entry is None else entry.id)
        return ()

    ledger = ledger_under(Governance(parts=named, judge=lambda *_: ()), None, "ana")
    told = ledger.record(report(), by="ana")
    assert set(found) == {None}
    ledger.record(rl.EntryRetracted(target=told.id, reason="r"), by="x")
    assert found[-1] == told.id


def test_the_past_is_never_judged() -> None:
    """Neither a reconciliation nor what might contradict later entries asks governance."""
    recorder = InMemoryDCBRecorder()
    ungoverned = ledger_under(None, recorder, "ana", "ben")
    ungoverned.record(report(), by="ana", occurred_at=APR)
    ungoverned.record(report(), by="ana", occurred_at=MAY)
    ungoverned.record(CHARTER, by="council", occurred_at=JAN)
    ledger = ledger_under(QUIET, recorder)
    assert list(ledger.reconcile()) == []
    vouch = rl.Vouched(member="ana", voucher="ben")
    ledger.record(vouch, by="ben", occurred_at=MAY)
    watch = Watch(quiet)
    watching = ledger_under(watch.governance, recorder)
    assert codes(watching, vouch, at=MAR) == [(0, "contradicts_later")]
    watching.record(rl.MemberRetired(member="ben", how="resigned"), by="x", occurred_at=JUN)
    assert [entry.occurred_at.month for entry, _, _ in watch.shown] == [3, 6]


def test_charters_are_read_as_corrected() -> None:
    """The standing charters are those not retracted, each as it was last put right."""
    watch = Watch(lambda *_: (ADOPTED,))
    ledger = ledger_under(watch.governance)

    def standing() -> list[str]:
        ledger.record(rl.OpportunityHeld(opportunity="o", kind="vote"), by="x")
        return [entry.fact.version for entry in watch.shown[-1][1][0]]

    second = attrs.evolve(CHARTER, version="2")
    one = ledger.record(CHARTER, by="x", occurred_at=FEB)
    two = ledger.record(second, by="x", occurred_at=JAN)
    assert standing() == ["2", "1"]
    third = rl.EntryCorrected(target=two.id, replacement=attrs.evolve(second, version="3"), reason="r")
    corrected = ledger.record(third, by="x")
    assert standing() == ["3", "1"]
    moved = rl.EntryCorrected(target=one.id, replacement=report(), reason="r")
    ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=JAN)
    undone = ledger.record(moved, by="x")
    assert standing() == ["3"]
    ledger.record(rl.EntryRetracted(target=undone.id, reason="r"), by="x")
    ledger.record(rl.EntryRetracted(target=corrected.id, reason="r"), by="x")
    assert standing() == ["2", "1"]


def test_entries_are_of_their_part() -> None:
    """What was moved elsewhere by a correction is no longer among a part's entries."""
    there, here = COMMUNITY.part("there"), COMMUNITY.part("here")
    pair = MENTORING.part("ana", "ben")
    parts: list[Part[Any]] = [there, here, pair]
    watch = Watch(lambda *_: tuple(parts))
    ledger = ledger_under(watch.governance, None, "ana", "ben")
    founded = ledger.record(rl.CommunityFounded(community="there"), by="x")
    parts.append(TARGET.part(founded.id))
    given = ledger.record(rl.MentorAssigned(member="ben", mentor="ana"), by="x")
    moved = rl.CommunityFounded(community="here")
    right = ledger.record(rl.EntryCorrected(target=founded.id, replacement=moved, reason="r"), by="x")
    ledger.record(report(), by="ana")
    seen = [[e.id for e in entries or ()] for entries in watch.shown[-1][2]]
    assert seen == [[], [right.id], [given.id], [right.id]]


def test_a_history_is_of_its_types_alone() -> None:
    """Who was merged into a person is known by it, and is not among its entries."""
    watch = Watch(lambda *_: (history_part("ana", REPORTS),))
    ledger = ledger_under(watch.governance, None, "ana", "ana2")
    told = ledger.record(report("ana2"), by="ana2")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    ledger.record(report(activity="b"), by="ana")
    assert [e.id for e in watch.shown[-1][2][0] or ()] == [told.id]


def test_a_world_knows_nothing_at_first() -> None:
    """A world that was given nothing to read answers None, for entries as for states."""
    registry = Registry(BUILT_IN)
    world = Judge(Memory(registry), Rulebook(registry, governance=QUIET))
    act = ActAsRead(report(), "council", None)
    assert world.entries(ADOPTED) is None
    assert world.state(ADOPTED) is None
    assert world.parts(act)[-1] == ADOPTED
    assert world.lacks(act)


def test_one_fold_for_each_set_of_types() -> None:
    """The part of a history is the same wherever it is named."""
    assert history_part("ana", REPORTS) == history_part("ana", frozenset({"report.filed"}))
    assert history_part("ana", REPORTS) != history_part("ben", REPORTS)
    assert history_part("ana", REPORTS) != history_part("ana", frozenset({"vouch.given"}))
    assert history_part("ana", REPORTS).source.tag == member_tag("ana")


@examples(1.2)
@property_of(told=histories())
def test_histories_are_those_that_readers_see(told: list[Offer]) -> None:
    """Whatever was recorded before, governance sees of everyone what `member` gives."""
    names = frozenset(one.kind.name for one in REGISTRY) - {"entry.retracted", "entry.corrected"}
    sets = (names, REPORTS | {"role.assigned", "member.joined"})
    ledger = open_ledger()
    recording: Any = ledger._core.recording
    checked = 0

    def judge(_: rl.Entry, around: GovernanceContext) -> Iterator[rl.Refusal]:
        nonlocal checked
        for person in PEOPLE:
            kept, whole = Reading(log=recording.log, known_at=recording.log.head()).member(person)
            for types in sets:
                expected = [e for e in whole if e.name in types] if kept == person else []
                assert list(around.entries(history_part(person, types)) or ()) == expected
                checked += 1
        return iter(())

    parts = tuple(history_part(person, types) for person in PEOPLE for types in sets)
    governance = Governance(parts=lambda *_: parts, judge=judge)
    rules = Rulebook(REGISTRY, governance=governance)
    ledger._core._recording = attrs.evolve(recording, rules=rules)
    ledger._core._rules = None  # nor made anew where days are read in another zone
    receipts = fill(ledger, told)
    assert checked >= len(receipts) * len(parts)


def test_imports_are_governed() -> None:
    """A row that governance refuses is listed; a charter of the same file governs what follows."""
    recorder = InMemoryDCBRecorder()
    ledger_under(None, recorder, "ana", "ben").record(report(), by="ana", occurred_at=FEB)
    rows = [
        {"fact": "report.filed", "member": "ben", "activity": "a", "occurred_at": "2018-03-01"},
        {"fact": "charter.adopted", "document": "a=1", "version": "1", "occurred_at": "2018-04-01"},
        {"fact": "report.filed", "member": "ben", "activity": "b", "occurred_at": "2018-05-01"},
        {"fact": "report.filed", "member": "new", "activity": "c", "occurred_at": "2018-03-01"},
    ]
    ledger = ledger_under(QUIET, recorder)
    told = ledger.import_history(rows, by="council", on_unknown_member="join")
    assert [(row.line, row.codes) for row in told.refused] == [(3, ("quiet",))]
    assert (told.recorded, told.joined) == (3, 1)


@pytest.mark.parametrize("infer", [False, True])
def test_an_import_reads_what_governance_is_led_to(infer: bool) -> None:
    """Joins that an import infers are governed, by parts that no row asks for."""
    watch = Watch(
        lambda act, _: (
            (history_part("ben", REPORTS),) if isinstance(act.fact, rl.MemberJoined) else (ADOPTED,)
        )
    )
    ledger = ledger_under(watch.governance, None, "ben")
    ledger.record(report("ben"), by="ben", occurred_at=MAR)
    row = {"fact": "report.filed", "member": "ana", "activity": "a", "occurred_at": "2018-03-01"}
    told = ledger.import_history([row], by="council", on_unknown_member="join" if infer else "refuse")
    assert told.recorded == infer
    if infer:
        (joining,) = [entries for entry, _, entries in watch.shown if entry.name == "member.joined"]
        assert [len(entries or ()) for entries in joining] == [1]


def test_a_rule_may_lead_on_within_a_batch_too() -> None:
    """What a dynamic rule is led to by an entry of its own batch is read before it judges."""

    def led(_: Any, known: Any) -> tuple[Part[Any], ...]:
        first = NOTICE.part("n1")
        return (first, NOTICE.part("n2")) if known.state(first) is not None else (first,)

    rule = rl.Rule(name="report.filed", parts=led, dynamic=True)
    notice = rl.NoticeSent(member="ana", notice="n1", stage="nudge")
    rows = [{"fact": "notice.sent", "member": "ana", "notice": "n1", "stage": "nudge"}]
    rows.append({"fact": "report.filed", "member": "ana", "activity": "a"})
    for row in rows:
        row["occurred_at"] = "2018-03-01"
    for batch in (True, False):
        ledger = rl.open(rules=[rule], clock=fixed_clock)
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=JAN)
        if batch:
            ledger.record_all([notice, report()], by="x")
        else:
            assert ledger.import_history(rows, by="x").recorded == 2
        assert ledger.position == 3


def test_governance_must_be_one() -> None:
    """What is no governance is a mistake."""
    with pytest.raises(rl.ConfigurationError, match="Governance"):
        Rulebook(Registry(BUILT_IN), governance=1)  # type: ignore[arg-type]  # what is refused
