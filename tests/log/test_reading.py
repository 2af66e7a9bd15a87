"""Reading: histories as known at a position, and the log behind them, a page at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from faulty import Faulty
from histories import PEOPLE, Offer, fill, histories, open_ledger
from intruders import unsound
from recorders import event
from reps_ledger.domain.amendments import resolve
from reps_ledger.domain.entries import community_tag, entry_tag, member_tag, people_in
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules import Source
from reps_ledger.log import Codec, EventLog, Reading, history
from reps_ledger.policies import Policy, digest, dumps, on_leave, when
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventsourcing.dcb.api import DCBRecorder

    from reps_ledger.log import SQLiteRecorder

NOON = datetime(2018, 1, 1, 12, tzinfo=UTC)
KINDS = ("role.assigned", "role.ended", "community.joined", "review.opened", "member.retired", "vouch.given")


class Ticking:
    """A clock that goes on by a minute whenever it is asked."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """What time it is by now."""
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture(params=["sqlite", "library"])
def recorder(request: pytest.FixtureRequest) -> DCBRecorder:
    """A log in memory, of ours or the library's."""
    if request.param == "sqlite":
        found: SQLiteRecorder = request.getfixturevalue("memory_recorder")
        return found
    return InMemoryDCBRecorder()


@pytest.fixture
def log(recorder: DCBRecorder) -> EventLog:
    """The event log over it."""
    return EventLog(recorder, Codec(Registry(BUILT_IN)))


@pytest.fixture
def ledger(recorder: DCBRecorder) -> Iterator[rl.Ledger]:
    """A ledger over it, in which three joined and one duplicate was found."""
    with rl.open(recorder, clock=Ticking()) as ledger:
        people = ["ana", "ben", "ana2"]
        ledger.record_all(
            [rl.MemberJoined(member=who) for who in people], by="x", occurred_at=date(2017, 1, 1)
        )
        yield ledger


def reading(log: EventLog, known_at: int | None = None) -> Reading:
    """What is known at a position, or by now."""
    return Reading(log=log, known_at=log.head() if known_at is None else known_at)


def names(entries: Sequence[rl.Entry]) -> list[str]:
    """The stored names of entries."""
    return [entry.name for entry in entries]


def test_pages(ledger: rl.Ledger, log: EventLog) -> None:
    """Whatever the size of a page, everything is read once and in order, from any position."""
    ledger.record_all([rl.ReportFiled(member="ana", activity=f"{n}") for n in range(7)], by="ana")
    whole = list(log.read())
    assert [entry.position for entry in whole] == list(range(1, 11))
    for limit in (1, 2, 3, 5, 10, 11):
        assert list(log.read(limit=limit)) == whole
        assert list(log.read(limit=limit, after=4)) == whole[4:]
        assert list(log.read(limit=limit, after=2, upto=6)) == whole[2:6]
        assert list(log.read(limit=limit, upto=0)) == []
    assert list(log.read(after=10)) == []


def test_reading_streams(ledger: rl.Ledger, recorder: DCBRecorder) -> None:
    """Whoever reads the first entries has not made the log read all of them: once for what is voided."""
    ledger.record_all([rl.ReportFiled(member="ana", activity=f"{n}") for n in range(90)], by="ana")
    faulty = Faulty(recorder)
    found = EventLog(faulty, Codec(Registry(BUILT_IN))).read(limit=10)
    assert [next(found).position for _ in range(25)] == list(range(1, 26))
    assert faulty.calls["read"] == 1 + 3


def test_sources(ledger: rl.Ledger, log: EventLog) -> None:
    """A source has the entries under its tag, of its types; each source is given its own."""
    receipt = ledger.record(rl.Vouched(member="ana", voucher="ben", reason="r"), by="ben")
    ana, vouches = Source(member_tag("ana")), Source(member_tag("ben"), frozenset({"vouch.given"}))
    nobody = Source(member_tag("nobody"))
    found, head = log.read_sources([ana, vouches, nobody])
    assert head == receipt.position == 4
    assert names(found[ana]) == ["member.joined", "vouch.given"]
    assert found[vouches] == list(receipt.entries)
    assert found[nobody] == []
    found, _ = log.read_sources([ana, vouches], upto=3)
    assert (names(found[ana]), found[vouches]) == (["member.joined"], [])
    assert log.read_sources([]) == ({}, 4)


def test_the_head(recorder: DCBRecorder, log: EventLog) -> None:
    """The head is 0 in an empty log, and the last position in another."""
    assert log.head() == 0
    rl.open(recorder).record(rl.MemberJoined(member="ana"), by="x")
    assert log.head() == 1
    assert EventLog(Faulty(recorder), log.codec).head() == 1  # has no quick way to tell


def test_a_member_as_known(ledger: rl.Ledger, log: EventLog) -> None:
    """What is recorded after a position is not known at it."""
    ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana")
    assert names(reading(log).member("ana")[1]) == ["member.joined", "report.filed"]
    assert names(reading(log, 3).member("ana")[1]) == ["member.joined"]
    assert reading(log, 0).member("ana") == ("ana", [])
    assert reading(log).member("nobody") == ("nobody", [])


def test_merged_members_are_one(ledger: rl.Ledger, log: EventLog) -> None:
    """What a duplicate did is theirs, under either name, once it is known to be one."""
    ledger.record(rl.ReportFiled(member="ana2", activity="a"), by="ana2")
    before = log.head()
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    for who in ("ana", "ana2"):
        kept, entries = reading(log).member(who)
        assert kept == "ana"
        assert "report.filed" in names(entries)
        assert {getattr(entry.fact, "member", None) for entry in entries} == {"ana"}
    assert reading(log, before).member("ana2")[0] == "ana2"
    assert "report.filed" not in names(reading(log, before).member("ana")[1])


def test_a_correction_that_changes_who(ledger: rl.Ledger, log: EventLog) -> None:
    """A fact that is corrected to be another's leaves one history and enters the other."""
    report = ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana")
    other = rl.ReportFiled(member="ben", activity="a")
    ledger.record(rl.EntryCorrected(target=report.id, replacement=other, reason="ben's"), by="x")
    assert names(reading(log).member("ana")[1]) == ["member.joined"]
    assert names(reading(log).member("ben")[1]) == ["member.joined", "report.filed"]
    assert names(reading(log, report.position).member("ana")[1])[-1] == "report.filed"


def test_a_community(ledger: rl.Ledger, log: EventLog) -> None:
    """A community's history has what stands of it, also where a correction moved something in."""
    ledger.record_all([rl.CommunityFounded(community=c) for c in ("id", "de")], by="x")
    here = ledger.record(rl.CommunityJoined(member="ana", community="id"), by="ana")
    there = ledger.record(rl.CommunityJoined(member="ben", community="de"), by="ben")
    moved = rl.CommunityJoined(member="ben", community="id")
    ledger.record(rl.EntryCorrected(target=there.id, replacement=moved, reason="id"), by="x")
    assert [e.fact for e in reading(log).community("id")[1:]] == [here.entry.fact, moved]
    assert names(reading(log).community("de")) == ["community.founded"]
    assert names(reading(log, there.position).community("de"))[1:] == ["community.joined"]
    assert log.read_sources([Source(community_tag("de"))])[0].popitem()[1][1].fact == (there.entry.fact)


def test_everyone_agrees_with_each_one(ledger: rl.Ledger, log: EventLog) -> None:
    """The history of everyone holds, for each person, what their own history does."""
    ledger.record(rl.Vouched(member="ana", voucher="ben", reason="r"), by="ben")
    report = ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana")
    ledger.record(rl.EntryRetracted(target=report.id, reason="never"), by="x")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    everyone = list(reading(log).everyone())
    assert everyone == sorted(everyone, key=lambda entry: entry.order)
    own = {e.id for who in ("ana", "ben") for e in reading(log).member(who)[1]}
    assert own == {entry.id for entry in everyone if entry.name != "entry.retracted"}
    assert report.id not in own
    assert len(list(reading(log).recorded())) == 7


def test_an_entry_by_its_id(ledger: rl.Ledger, log: EventLog) -> None:
    """An entry is found by its id, as recorded, and not by the id of what refers to it."""
    report = ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana")
    ledger.record(rl.EntryRetracted(target=report.id, reason="never"), by="x")
    assert reading(log).entry(report.id) == report.entry
    assert reading(log, 3).entry(report.id) is None
    assert reading(log).entry("no such") is None
    assert names(log.read_sources([Source(entry_tag(report.id))])[0].popitem()[1]) == [
        "report.filed",
        "entry.retracted",
    ]


def test_the_position_of_a_moment(ledger: rl.Ledger, log: EventLog) -> None:
    """The last position recorded at or before a moment is found, whatever the moment."""
    for number in range(5):
        ledger.record(rl.ReportFiled(member="ana", activity=f"{number}"), by="ana")
    found = list(log.read())
    for entry in found:
        same = [other.position for other in found if other.recorded_at <= entry.recorded_at]
        assert reading(log).position_of(entry.recorded_at) == same[-1]
        assert reading(log).position_of(entry.recorded_at + timedelta(seconds=1)) == same[-1]
    assert reading(log).position_of(NOON - timedelta(days=1)) == 0
    assert reading(log).position_of(NOON + timedelta(days=1)) == 8
    assert reading(log, 5).position_of(NOON + timedelta(days=1)) == 5
    assert reading(log, 0).position_of(NOON) == 0


def test_the_position_of_a_moment_where_positions_have_gaps(log: EventLog) -> None:
    """Where aborted appends left gaps, as on PostgreSQL, a moment is found all the same."""

    def skip(count: int) -> None:
        for _ in range(count):
            next(gaps.position_sequence)

    gaps = InMemoryDCBRecorder()
    ledger = rl.open(gaps, clock=Ticking())
    moments: list[Any] = []
    for gap in (0, 3, 1, 0, 9, 2):
        skip(gap)
        entry = ledger.record(rl.MemberJoined(member=f"m{len(moments)}"), by="x").entry
        moments.append((entry.position, entry.recorded_at))
    gappy = EventLog(gaps, log.codec)
    assert [position for position, _ in moments] != list(range(1, 7))
    for position, moment in moments:
        assert reading(gappy).position_of(moment) == position
        assert reading(gappy).position_of(moment + timedelta(seconds=59)) == position
    assert reading(gappy).position_of(NOON) == 0


@examples(2)
@given(told=histories(), run=st.sampled_from([1, 3, 7, 1000]), cut=st.integers(0, 30), indexed=st.booleans())
def test_people_are_each_as_alone(told: list[Offer], run: int, cut: int, indexed: bool) -> None:
    """Everyone in one pass is what each is alone, in order; nobody named is left out."""
    ledger = open_ledger(None if indexed else InMemoryDCBRecorder())
    fill(ledger, told)
    log = ledger._core.log
    assert log.indexed == indexed
    at = reading(log, min(cut, log.head()))
    found = list(at.people(run=run))
    assert [person for person, _ in found] == sorted({person for person, _ in found})
    for person, entries in found:
        assert at.member(person) == (person, entries)
    registry = log.codec.registry
    named = {person for entry in at.standing() for person in people_in(entry.fact, registry)}
    assert {at.member(person)[0] for person in named} == {person for person, _ in found}


@pytest.mark.parametrize(("few", "most"), [(16, 1_000), (0, 1_000), (0, 1)])
def test_several_people_are_each_as_alone(few: int, most: int) -> None:
    """Read together, people have the histories that each has alone: whoever is one person, one history.

    However their merges are sought: one by one, all at once, or one by one as there are too many.
    """

    @examples(0.8)
    @given(
        told=histories(),
        who=st.lists(st.sampled_from([*PEOPLE, "nobody"]), max_size=4),
        kinds=st.none() | st.frozensets(st.sampled_from(KINDS), min_size=1),
        cut=st.integers(0, 30),
    )
    def agree(told: list[Offer], who: list[str], kinds: frozenset[str] | None, cut: int) -> None:
        with open_ledger() as ledger, pytest.MonkeyPatch.context() as patch:
            patch.setattr(history, "FEW_PEOPLE", few)
            patch.setattr(history, "MOST_MERGES", most)
            fill(ledger, told)
            log = ledger._core.log
            at = reading(log, min(cut, log.head()))
            everyone = dict(at.people())
            kept = {name: at.amendments().aliases.get(name, name) for name in who}
            assert at.members(who, kinds=kinds) == {
                kept[name]: [e for e in everyone.get(kept[name], ()) if kinds is None or e.name in kinds]
                for name in who
            }
            for name in who:
                assert at.member(name) == (kept[name], everyone.get(kept[name], []))

    agree()


@examples(1.2)
@given(
    told=histories(),
    kinds=st.frozensets(st.sampled_from(KINDS), min_size=1),
    community=st.sampled_from([None, "asia", "indonesia", "nowhere"]),
    cut=st.integers(0, 30),
)
def test_entries_of_some_kinds(
    told: list[Offer], kinds: frozenset[str], community: str | None, cut: int
) -> None:
    """Everybody's entries of some kinds, or a community's, are those among all that is read."""
    with open_ledger() as ledger:
        fill(ledger, told)
        log = ledger._core.log
        at = reading(log, min(cut, log.head()))
        assert at.of_kinds(kinds, community=community) == [
            entry
            for entry in at.everyone()
            if entry.name in kinds and community in (None, getattr(entry.fact, "community", None))
        ]


def test_a_few_entries_or_none(ledger: rl.Ledger, log: EventLog) -> None:
    """Entries of several sources come in order, unless they are more than one is prepared to read."""
    sources = [Source(member_tag(who)) for who in ("ben", "ana")]
    first, second, _ = ledger.entries()
    assert log.read_few(sources, 2) == [first, second]
    assert log.read_few(sources, 1) is None
    assert log.read_few(sources, 2, upto=1) == [first]
    assert [*log.read_any(sources)] == [first, second]
    assert [*log.read_any([])] == []
    kept = history.KeptSources(log, 2)
    assert [*kept.read_any(sources)] == [*kept.read_any(sources, upto=2)] == [first, second]


@examples(2)
@given(told=histories(), run=st.sampled_from([1, 2, 5, 9]), cut=st.integers(0, 30), void=st.booleans())
def test_everyone_in_order_is_the_same_however_it_is_sorted(
    told: list[Offer], run: int, cut: int, void: bool
) -> None:
    """Read in the order of a few times at a time, or sorted in memory, everybody's history is the same."""
    with open_ledger() as ledger:
        fill(ledger, told)
        log = ledger._core.log
        at = reading(log, min(cut, log.head()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(history, "_READ", 2)
            found = list(at.everyone(void=void, run=run))
        assert found == resolve(at.recorded(), log.codec.registry, void=void)


def test_people_who_are_one(ledger: rl.Ledger, log: EventLog) -> None:
    """People come under the name that merges kept, with what corrections moved to them."""
    told = ledger.record(rl.Vouched(member="ana2", voucher="ben", reason="r"), by="ben")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    right = rl.Vouched(member="cleo", voucher="ana", reason="r")
    ledger.record(rl.MemberJoined(member="cleo"), by="x", occurred_at=date(2017, 1, 1))
    ledger.record(rl.EntryCorrected(target=told.id, replacement=right, reason="r"), by="x")
    people = dict(reading(log).people())
    assert list(people) == ["ana", "ben", "cleo"]
    assert names(people["ana"])[-2:] == ["vouch.given", "members.merged"]
    assert names(people["ben"]) == ["member.joined"]
    assert names(people["cleo"]) == ["member.joined", "vouch.given"]
    assert list(dict(reading(log, told.position).people())) == ["ana", "ana2", "ben"]


def test_a_correction_that_names_a_duplicate(ledger: rl.Ledger, log: EventLog) -> None:
    """Whom only a correction names is read as who they are, in the history of others too."""
    told = ledger.record(rl.ReportFiled(member="ben", activity="a"), by="ben")
    vouch = rl.Vouched(member="ben", voucher="ana2", reason="r")
    ledger.record(rl.EntryCorrected(target=told.id, replacement=vouch, reason="r"), by="x")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    (vouched,) = [e.fact for e in reading(log).member("ben")[1] if e.name == "vouch.given"]
    assert vouched.voucher == "ana"
    assert dict(reading(log).people())["ben"] == reading(log).member("ben")[1]


def test_what_is_of_the_whole_ledger(ledger: rl.Ledger, log: EventLog) -> None:
    """Charters, policies and opportunities are read as corrected, in order, as known."""
    second, first, report = ledger.record_all(
        [
            (rl.OpportunityHeld(opportunity="two", kind="vote"), date(2017, 2, 1)),
            (rl.OpportunityHeld(opportunity="one", kind="vote"), date(2017, 1, 1)),
            (rl.ReportFiled(member="ana", activity="a"), date(2017, 1, 1)),
        ],
        by="x",
    ).entries
    known = log.head()
    ledger.record(rl.EntryRetracted(target=first.id, reason="r"), by="x")
    held = rl.OpportunityHeld(opportunity="three", kind="meeting")
    moved = rl.EntryCorrected(target=report.id, replacement=held, reason="r")
    third = ledger.record(moved, by="x").entry
    gone = rl.EntryCorrected(
        target=second.id, replacement=rl.ReportFiled(member="ben", activity="b"), reason="r"
    )
    last = ledger.record(gone, by="x").entry
    assert reading(log, known).ledger_wide("opportunity.held") == [first, second]
    assert [e.id for e in reading(log, last.position - 1).ledger_wide("opportunity.held")] == [
        third.id,
        second.id,
    ]
    assert [e.fact for e in reading(log).ledger_wide("opportunity.held")] == [held]
    ledger.record(rl.CharterAdopted(document='charter = "reps"\nversion = "1"', version="1"), by="x")
    said = Policy("p", cases=[when(on_leave()).then("active")], otherwise="quiet")
    policy = rl.PolicyStated(policy="p", version="1", document=dumps(said), digest=digest(said))
    ledger.record(policy, by="x")
    assert names(reading(log).ledger_wide("charter.adopted")) == ["charter.adopted"]
    assert [e.fact for e in reading(log).ledger_wide("policy.stated")] == [policy]
    assert reading(log, known).ledger_wide("policy.stated") == []
    with pytest.raises(rl.InvalidInput, match=r"policy\.stated"):
        reading(log).ledger_wide("report.filed")


def test_what_was_recorded_of_somebody_is_as_it_was(ledger: rl.Ledger, log: EventLog) -> None:
    """Nothing is applied: corrections stand beside what they correct, duplicates beside them."""
    role = rl.RoleAssigned(member="ana2", role="mentor")
    ledger.record(role, by="x", occurred_at=date(2017, 2, 1))
    wrong = ledger.record(rl.ReportFiled(member="ben", activity="talk"), by="ben")
    right = rl.ReportFiled(member="ana", activity="talk")
    ledger.record(rl.EntryCorrected(target=wrong.id, replacement=right, reason="hers"), by="x")
    other = ledger.record(rl.ReportFiled(member="ben", activity="walk"), by="ben")
    ledger.record(rl.EntryRetracted(target=other.id, reason="no"), by="x")
    ledger.record(rl.MembersMerged(member="ana", duplicate="ana2"), by="x")
    now = reading(log)
    found = now.recorded_of("ana")
    assert [entry.position for entry in found] == [1, 3, 4, 5, 6, 9]
    assert [entry.fact for entry in found][2:4] == [role, wrong.entry.fact]
    assert now.recorded_of("ana2") == found
    assert [entry.position for entry in now.recorded_of("ben")] == [2, 5, 6, 7, 8]
    assert [entry.position for entry in reading(log, 4).recorded_of("ana")] == [1]
    assert now.recorded_of("nobody") == []


def test_what_comes_later_need_not_be_readable(log: EventLog) -> None:
    """An entry that this code cannot read spoils no reading of what was known before it."""
    with unsound(log.recorder):
        log.recorder.append([event("member.joined", "member:ana", data=b"{}")])
    broken = reading(log, 0)
    assert list(broken.recorded()) == []
    assert broken.member("ana") == ("ana", [])
    assert broken.recorded_of("ana") == []


def test_entries_as_they_are_stored(ledger: rl.Ledger, log: EventLog) -> None:
    """Whatever the log, what is hashed is the same: position, name, bytes, and tags as JSON."""
    told = list(log.stored())
    assert [row[0] for row in told] == [1, 2, 3]
    for (position, name, data, tags), entry in zip(told, ledger.entries(), strict=True):
        assert log.codec.decode(name, data, position) == msgspec.structs.replace(entry, tags=())
        assert tags == msgspec.json.encode(entry.tags).decode()
    assert [row[0] for row in log.stored(after=1, limit=1)] == [2]
    assert list(log.stored(limit=0)) == []
    assert list(log.stored(after=3)) == []
