"""One bad row does not stop everything: it is named, and once it is voided, everybody reads past it."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import Offer, fill, histories, open_ledger
from intruders import NOISE, plant, plant_void
from recorders import LOGS
from reps_ledger.audit import make_key, verify_bundle
from reps_ledger.domain.entries import entry_tag, ledger_tag, member_tag
from reps_ledger.domain.rules import Source
from reps_ledger.errors import CodecError, Malformed, UnknownFact, UnknownVersion
from reps_ledger.ledger import everybody
from reps_ledger.log.history import KeptSources, Reading
from reps_ledger.log.postgres.roles import EVENTS, SOUND
from reps_ledger.policies import Policy, facts, when
from reps_ledger.policies.charter import Authority, Charter
from reps_ledger.policies.language.counts import count
from reps_ledger.replay import quarterly
from scale import examples, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAY: Final = date(2018, 1, 1)
KEY: Final = make_key("example.org/reps")
BUSY: Final = Policy("busy", cases=[when(count(facts("report.filed")) >= 1).then("yes")], otherwise="no")


def report(member: str = "ana", activity: str = "talk") -> rl.ReportFiled:
    """What members do."""
    return rl.ReportFiled(member=member, activity=activity)


def begun(target: Any = None, **options: Any) -> rl.Ledger:
    """A ledger of two people who joined and reported."""
    ledger = rl.open(target, **options)
    for member in ("ana", "ben"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=DAY)
    ledger.record(report("ben"), by="ben", occurred_at=DAY)
    return ledger


@pytest.fixture(params=LOGS)
def ledger(request: pytest.FixtureRequest, targets: Callable[[str], Any]) -> Iterator[rl.Ledger]:
    """A small ledger on every kind of log."""
    with begun(targets(request.param)) as opened:
        yield opened


def exported(ledger: rl.Ledger) -> list[dict[str, Any]]:
    """What an export has, whatever the positions."""
    file = io.BytesIO()
    ledger.export(file)
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    return [{name: value for name, value in row.items() if name != "position"} for row in rows]


def everything(ledger: rl.Ledger) -> dict[str, Any]:
    """What readers of all kinds say of a ledger, whatever the positions."""
    view = ledger.as_of(date(2030, 1, 1))
    members = sorted(row.member for row in view.roster())
    dates = quarterly(2018, 2019)
    return {
        "export": exported(ledger),
        "entries": [entry.id for entry in ledger.entries()],
        "history": [entry.id for entry in view.history()],
        "of each": {name: [entry.id for entry in view.history(name)] for name in members},
        "people": [(name, [e.id for e in own]) for name, own in view.reading.people()],
        "roster": list(view.roster()),
        "census": view.census(by=("standing",)),
        "standing": {name: view.member(name).membership.standing for name in members},
        "verdicts": [(verdict.member, verdict.outcome) for verdict in view.evaluate_all(BUSY)],
        "backtest": ledger.backtest(BUSY, at=dates).table.to_pylist(),
        "columns": {
            name: len(table) for name, table in ledger.columns().tables.items() if name != "entry.voided"
        },
        "rosters by tables": ledger.state().roster(limit=100),
        "reconciled": [found.kind for found in ledger.reconcile()],
    }


# What people read


def test_what_cannot_be_read_is_named_and_then_read_past(ledger: rl.Ledger) -> None:
    """Whoever needs a bad row is told its position and what to do; after that all goes on as before."""
    before = everything(ledger)
    place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
    words = rf"position {place}: .*`reps-ledger void {place}` or ledger\.void\({place}, by=…, reason=…\)"
    asked: list[Callable[[], object]] = [  # each needs the row, or all rows
        lambda: ledger.as_of().member("ana").membership,
        lambda: list(ledger.entries()),
        lambda: ledger.record(report(), by="ana"),
        lambda: exported(ledger),
        ledger.columns,
        ledger.state,
    ]
    for ask in asked:
        with pytest.raises(Malformed, match=words) as caught:
            ask()
        assert caught.value.position == place
    assert ledger.as_of().member("ben").membership.is_member
    row = ledger.look_at(place)
    assert (row.name, row.data, row.concerns) == ("member.joined", NOISE, ("member:ana",))
    assert "not a stored entry" in row.problem
    receipt = ledger.void(place, by="council", reason="noise")
    assert receipt.entry.fact == rl.EntryVoided(target_position=place, leaf=None, reason="noise")
    after = everything(ledger)
    assert after["entries"] == [*before["entries"], receipt.id]
    assert after["history"] == [*before["history"], receipt.id]
    same = before.keys() - {"entries", "history"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    ledger.record(report(), by="ana")
    notes = [(found.code, found.position) for found in ledger.check() if found.code != "no_zone"]
    assert notes == [("voided", place)]


def test_it_counts_for_views_of_before(ledger: rl.Ledger) -> None:
    """What cannot be read said nothing to anybody, at no position; nor does a void that was not known yet."""
    place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
    with pytest.raises(CodecError):
        list(ledger.as_of(known_at=place).roster())
    ledger.void(place, by="council", reason="noise")
    for known in range(place - 1, ledger.position + 1):
        view = ledger.as_of(date(2030, 1, 1), known_at=known)
        assert [row.member for row in view.roster()] == ["ana", "ben"]
        assert len(list(view.history())) == len([e for e in ledger.entries() if e.position <= known])
        assert len(ledger.columns(known).tables["member.joined"]) == 2


def test_a_void_is_of_one_row(ledger: rl.Ledger) -> None:
    """It is refused of what is not there, can be read, is another row, or is voided; and it is for good."""

    def refused(position: int, leaf: str | None = None) -> str:
        with pytest.raises(rl.Refused) as caught:
            ledger.record(rl.EntryVoided(target_position=position, leaf=leaf, reason="r"), by="council")
        return caught.value.codes[0]

    place = plant(ledger, "report.filed", b'{"salt":"' + b"A" * 22 + b'","id":"7"}', member_tag("ana"))
    leaf = ledger.look_at(place).leaf
    assert leaf is not None
    assert refused(place) == refused(place, "0" * 64) == "other_row"
    assert refused(place + 1) == refused(place + 9) == "no_entry"
    assert refused(place - 1, ledger.look_at(place - 1).leaf) == "readable"
    receipt = ledger.void(place, by="council", reason="noise", command_id="once")
    assert receipt.entry.fact.leaf == leaf
    assert ledger.void(place, by="council", reason="noise", command_id="once").repeated
    assert refused(place, leaf) == "already_voided"
    for fact in (
        rl.EntryRetracted(target=receipt.id, reason="r"),
        rl.EntryCorrected(target=receipt.id, replacement=report(), reason="r"),
    ):
        with pytest.raises(rl.Refused) as caught:
            ledger.record(fact, by="council")
        assert caught.value.codes == ("void_stays",)
    with pytest.raises(rl.NotFound, match="nothing is stored at position 99"):
        ledger.void(99, by="council", reason="r")
    with pytest.raises(rl.NotFound):
        ledger.look_at(0)


def test_a_charter_says_who_may_void() -> None:
    """As of any fact: others than those whom it names are refused."""
    with begun() as ledger:
        council = Authority(fact="entry.voided", actors=("council",))
        ledger.adopt(Charter(name="reps", version="1", authorities=(council,)), by="council", occurred_at=DAY)
        place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
        with pytest.raises(rl.Refused) as caught:
            ledger.void(place, by="mallory", reason="mine")
        assert caught.value.codes == ("no_authority",)
        ledger.void(place, by="council", reason="noise")


def test_what_is_unknown_here_may_be_known_elsewhere() -> None:
    """A row of another's kind is voided only by who says so."""
    data = json.dumps(
        {
            "id": "7",
            "recorded_at": "2018-01-01T00:00:00Z",
            "occurred_at": "2018-01-01T00:00:00Z",
            "by": "x",
            "fact": {},
        }
    ).encode()
    with begun() as ledger:
        place = plant(ledger, "talk.held", data, "entry:7")
        assert ledger.look_at(place).unknown
        with pytest.raises(UnknownFact, match=rf"position {place}, entry 7.*void {place}"):
            list(ledger.entries())
        with pytest.raises(rl.InvalidInput, match="unknown=True") as caught:
            ledger.void(place, by="council", reason="r")
        assert caught.value.field == "unknown"
        ledger.void(place, by="council", reason="r", unknown=True)
        assert len(list(ledger.entries())) == 4


@pytest.mark.parametrize("name", ["charter.adopted", "ledger.declared", "entry.voided", "members.merged"])
def test_nothing_that_cannot_be_read_keeps_itself_from_being_voided(name: str, sqlite_path: Path) -> None:
    """Not under the tags that every recording reads, nor those of the zone, and however many there are."""
    begun(sqlite_path, zone="Europe/Paris").close()
    with rl.open(sqlite_path) as ledger:
        places = [plant(ledger, name, NOISE, ledger_tag(name), member_tag("council")) for _ in range(2)]
    with rl.open(sqlite_path) as ledger:
        if name != "members.merged":
            with pytest.raises(CodecError, match=f"position {places[0]}"):
                ledger.record(report(), by="ana") if name != "entry.voided" else list(ledger.entries())
        if name == "ledger.declared":
            with pytest.raises(CodecError, match=f"position {places[0]}"):
                ledger.as_of()
        for place in reversed(places):
            ledger.void(place, by="council", reason="noise")
        assert str(ledger.zone) == "Europe/Paris"
        ledger.record(report(), by="ana")
        assert {found.code for found in ledger.check()} == {"voided"}


def test_tags_that_cannot_be_read_are_voided_too(sqlite_path: Path) -> None:
    """What no index can find stops who reads all, until it is voided; the file is whole all along."""
    with begun(sqlite_path) as ledger:
        place = ledger.position + 1
        with ledger._core.log.recorder._connections.writing() as connection:  # type: ignore[attr-defined]  # of a file
            connection.execute("DROP TRIGGER events_sound")
            connection.execute("INSERT INTO events VALUES (?, 'member.joined', x'7b7d', 'no tags')", (place,))
        rl.repair(sqlite_path)
        with pytest.raises(rl.Damaged, match=rf"position {place}: its tags cannot be read.*void {place}"):
            list(ledger.entries())
        assert ledger.look_at(place).concerns == ()
        kept = ledger.checkpoint(KEY)
        ledger.record(report(), by="ana")
        ledger.void(place, by="council", reason="noise")
        assert [entry.position for entry in ledger.entries()] == [1, 2, 3, 4, 6, 7]
        assert [found.code for found in ledger.check()] == ["voided"]
        assert ledger.verify(kept, KEY.verifying).ok
        ledger.backup(sqlite_path.with_name("copy.db"))
    assert len(everything(rl.open(sqlite_path.with_name("copy.db")))["entries"]) == 6


def test_a_tag_that_is_null_is_voided_too(postgres_dsn: str) -> None:
    """As somebody may have put it into PostgreSQL before there was a guard."""
    with begun(postgres_dsn) as ledger, psycopg.connect(postgres_dsn, autocommit=True) as plain:
        place = ledger.position + 1
        plain.execute(f"ALTER TABLE {EVENTS} DISABLE TRIGGER {SOUND}".encode())
        row = f"INSERT INTO {EVENTS} (type, data, tags) VALUES ('a.b', '', ARRAY[NULL])"  # noqa: S608 — of this test
        plain.execute(row.encode())
        plain.execute(f"ALTER TABLE {EVENTS} ENABLE TRIGGER {SOUND}".encode())
        with pytest.raises(rl.Damaged, match=rf"position {place}: its tags cannot be read.*void {place}"):
            list(ledger.entries())
        ledger.void(place, by="council", reason="noise")
        assert [entry.position for entry in ledger.entries()] == [*range(1, place), place + 1]
        assert [found.code for found in ledger.check()] == ["voided"]


# All readers


def hidden(ledger: rl.Ledger, fact: rl.Fact) -> tuple[int, rl.Entry]:
    """Record something that can be read, and void it behind the rules, as who cannot read it might have."""
    receipt = ledger.record(fact, by="council", command_id=f"hidden {ledger.position}")
    plant_void(ledger, receipt.position)
    return receipt.position, receipt.entry


def test_who_could_read_it_reads_past_it_too(ledger: rl.Ledger) -> None:
    """Every way to read the log leaves a voided position out, whoever could decode it, and says the same."""
    log = ledger._core.log
    first, *_ = log.read(after=ledger.position - 3)
    place, entry = hidden(ledger, report("ana"))
    others = ledger.record_all([report("ana", "a"), report("ana", "b")], by="ana").entries
    last = ledger.record(report("ben"), by="ben").entry
    every = [position for position in range(1, ledger.position + 1) if position != place]
    source, kind = Source(member_tag("ana")), Source(member_tag("ana"), frozenset({"report.filed"}))
    for each in (log, KeptSources(log, log.head())):
        assert [e.position for e in each.read()] == every
        for limit in (1, 2, 3, len(every), 100):
            assert [e.position for e in each.read(limit=limit)] == every
            assert [e.position for e in each.read(limit=limit, upto=place)] == [p for p in every if p < place]
        found, head = each.read_sources([source, kind])
        assert (found[kind], head) == ([*others], log.head())
        assert entry not in found[source]
        assert entry not in [*each.read_any([source])]
        assert each.read_few([kind], 2) == [*others]
        assert each.read_few([kind], 1) is None
        assert entry not in [*each.read_kinds(["report.filed"])]
        assert last in [*each.read_kinds(["report.filed"])]
        assert each.entries_of([entry.id, first.id]) == {first.id: first}
        assert each.first_of_ids([entry.id, first.id]) == {first.id: first.position}
        assert [position for _, position in each.times(upto=log.head())] == every
        assert each.id_at(place) is None
        assert each.id_at(first.position) == first.id
        if each.indexed:
            assert [e.position for e in each.at([place, first.position])] == [first.position]
    reading = Reading(log=log, known_at=log.head())
    assert reading.position_of(datetime(2050, 1, 1, tzinfo=UTC)) == log.head()
    assert reading.position_of(last.recorded_at) >= last.position
    assert reading.entry(entry.id) is None
    with ledger.subscribe(after=place - 1) as log_of:
        assert [next(log_of).position for _ in range(2)] == [place + 1, place + 2]


def test_what_is_derived_is_derived_anew(tmp_path: Path) -> None:
    """Columns and tables that were made before something was voided are not used any more."""
    with begun(tmp_path / "reps.db") as ledger:
        receipt = ledger.record(rl.RoleAssigned(member="ana", role="lead"), by="council", occurred_at=DAY)
        assert [row.member for row in ledger.state().roster(role="lead")] == ["ana"]
        assert len(ledger.columns().tables["role.assigned"]) == 1
        mark = ledger._core.log.mark_at(receipt.position)
        plant_void(ledger, receipt.position)
        assert ledger._core.log.mark_at(receipt.position) != mark
        assert "role.assigned" not in {
            n for n, t in ledger.columns(receipt.position).tables.items() if len(t)
        }
        assert "role.assigned" not in {n for n, t in ledger.columns().tables.items() if len(t)}
        assert list(ledger.state().roster(role="lead")) == []
        codes = [found.code for found in ledger.check()]
        assert codes == ["voided", "refused"], "a void of what can be read is no void by the rules"


def test_answers_about_everybody_are_given_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a ledger keeps in memory of a position is not used once something up to there was voided."""
    monkeypatch.setattr(everybody, "FROM", 1)
    with begun() as ledger:
        joined = ledger.record(rl.MemberJoined(member="cleo"), by="council", occurred_at=DAY)

        def roster() -> list[str]:
            return [row.member for row in ledger.as_of(known_at=joined).roster()]

        assert roster() == ["ana", "ben", "cleo"]
        plant_void(ledger, joined.position)
        assert roster() == ["ana", "ben"]


def test_what_others_void_is_known_with_the_next_read(sqlite_path: Path) -> None:
    """A process that has the ledger open, and one that follows it, take up what another voids."""
    with begun(sqlite_path) as ledger, rl.open(sqlite_path) as other:
        place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
        waiting = other.subscribe(after=place - 1)
        with waiting, pytest.raises(CodecError, match=f"position {place}"):
            next(waiting)
        with pytest.raises(CodecError):
            other.as_of().member("ana").membership  # noqa: B018 — it raises
        void = ledger.void(place, by="council", reason="noise")
        assert other.as_of().member("ana").membership.is_member
        with other.subscribe(after=place - 1) as waiting:
            assert next(waiting).id == void.id


def test_a_follower_that_is_behind_reads_past_what_is_voided_meanwhile(sqlite_path: Path) -> None:
    """What comes to it was voided by then, though not when this process last read as far."""
    with (
        begun(sqlite_path) as ledger,
        rl.open(sqlite_path) as other,
        other.subscribe(after=ledger.position) as waiting,
    ):
        plant(ledger, "member.joined", NOISE, member_tag("ana"))
        assert other.as_of().member("ben").membership.is_member
        void = ledger.void(ledger.position, by="council", reason="noise")
        assert next(waiting).id == void.id


def test_who_follows_later_reads_past_what_could_be_read_before(sqlite_path: Path) -> None:
    """A subscription begins by what is voided when it begins, however far this process had read."""
    with begun(sqlite_path) as ledger, rl.open(sqlite_path) as other:
        place = ledger.record(report("ana"), by="ana").position
        assert other.as_of().member("ana").membership.is_member
        void = plant_void(ledger, place)
        with other.subscribe(after=place - 1) as waiting:
            assert next(waiting).position == void


@pytest.mark.parametrize(
    "fields",
    [{"leaf": None}, {"leaf": "0" * 64}, *({"target_position": place} for place in (9, 0, -7, 1 << 70))],
    ids=str,
)
def test_a_void_of_another_row_hides_nothing(ledger: rl.Ledger, fields: dict[str, Any]) -> None:
    """Whoever writes one behind the rules must name the row that is there, and before it; check finds it."""
    place = ledger.record(report("ana"), by="ana").position
    plant_void(ledger, place, **fields)
    for _ in range(4):
        ledger.record(report("ben"), by="ben")
    every = [entry.position for entry in ledger.entries()]
    assert place in every
    assert len(every) == len(list(ledger._core.log.stored()))
    assert [found.code for found in ledger.check() if found.code != "no_zone"] in (
        ["refused"],
        ["invalid", "refused"],  # a number that is no position
    )


def test_a_judge_that_knew_the_row_judges_anew(sqlite_path: Path) -> None:
    """Who knew of somebody by a row that others void meanwhile knows of them no more."""
    with begun(sqlite_path) as ledger, rl.open(sqlite_path) as other:
        joined = ledger.record(rl.MemberJoined(member="cleo"), by="council", occurred_at=DAY)
        ledger.record(report("cleo"), by="cleo")
        plant_void(other, joined.position)
        with pytest.raises(rl.Refused) as caught:
            ledger.record(report("cleo"), by="cleo")
        assert caught.value.codes == ("not_joined",)


def test_recording_asks_nothing_more(ledger: rl.Ledger) -> None:
    """A ledger that records knows by itself that it voided nothing."""
    log = ledger._core.log
    ledger.record(report(), by="ana")
    known = log.voided._known
    for _ in range(3):
        ledger.record(report(), by="ana")
        assert (log.voided._known.head, log.voided._known.voids) == (log.head(), {})
    assert log.voided._known.head == known.head + 3


POISON: Final = [
    ("member.joined", NOISE),
    ("report.filed", b"{}"),
    ("role.assigned", b'{"salt":"' + b"B" * 22 + b'","id":"p","fact":{"member":"ana"}}'),
    ("talk.held", b"[]"),
    ("entry.voided", b'{"id":"v","fact":{"target_position":2}}'),
    ("entry.retracted", NOISE),
    ("members.merged", NOISE),
]


def with_poison(plain: rl.Ledger, rows: list[tuple[int, int, bool]]) -> rl.Ledger:
    """A ledger with the same rows, and others between them that are voided at once, or at the end."""
    ledger = open_ledger()
    recorder = ledger._core.log.recorder
    late: list[int] = []
    stored = list(plain._core.log.stored())
    for number in range(len(stored) + 1):
        for place, kind, at_once in rows:
            if place % (len(stored) + 1) == number:
                name, data = POISON[kind]
                tags = ("member:ana", "member:ben", ledger_tag(name), f"entry:{number}")
                position = plant(ledger, name, data, *tags)
                late.append(position)
                if at_once:
                    plant_void(ledger, late.pop())
        if number < len(stored):
            _, name, data, text = stored[number]
            plant(ledger, name, data, *json.loads(text))
    assert recorder is ledger._core.log.recorder
    for position in late:
        ledger.void(position, by="council", reason="noise", unknown=True)
    return ledger


@seconds(120)
@examples(0.3)
@given(
    told=histories(max_size=15),
    rows=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, len(POISON) - 1), st.booleans()), min_size=1, max_size=4
    ),
)
def test_a_history_with_voided_rows_is_the_history_without_them(
    told: list[Offer], rows: list[tuple[int, int, bool]]
) -> None:
    """Wherever they stand, whatever they are named and tagged, and whenever they were voided."""
    with open_ledger() as plain:
        fill(plain, told)
        with with_poison(plain, rows) as ledger:
            one, other = everything(plain), everything(ledger)
            voids = {entry.id for entry in ledger.entries() if entry.name == "entry.voided"}
            for name in ("entries", "history"):
                other[name] = [entry_id for entry_id in other[name] if entry_id not in voids]
            assert other == one
            codes = [
                found.code for found in ledger.check() if found.code not in ("no_zone", "refused", "tags")
            ]
            assert codes == ["voided"] * len(rows)


# Exports, audit and bundles


def test_exports_leave_it_out_and_as_recorded_carries_it(sqlite_path: Path, postgres_dsn: str) -> None:
    """By the rules both are left out; byte for byte both are there, and read past again."""
    with begun(sqlite_path) as ledger:
        place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
        stored = io.BytesIO()
        assert ledger.export(stored, as_recorded=True) == place
        ledger.void(place, by="council", reason="noise")
        assert ledger.export(io.BytesIO()) == place - 1
        assert {row["fact"] for row in exported(ledger)} == {
            "ledger.declared",
            "member.joined",
            "report.filed",
        }
        with rl.open() as again:
            report_of = again.import_history(exported(ledger))
            assert (report_of.recorded, len(report_of.refused)) == (place - 1, 0)
            row = {"fact": "entry.voided", "target_position": 2, "reason": "noise"}
            row |= {"by": "council", "occurred_at": "2018-03-01"}
            (refused,) = again.import_history([row]).refused
            assert refused.codes == ("readable",)
        as_recorded = io.BytesIO()
        ledger.export(as_recorded, as_recorded=True)
        kept = ledger.checkpoint(KEY)
        expected = everything(ledger)
    for target in (sqlite_path.with_name("again.db"), postgres_dsn):
        with rl.open(target) as again:
            assert again.import_as_recorded(as_recorded.getvalue().splitlines()) == place + 1
            assert everything(again) == expected
            assert again.verify(kept, KEY.verifying).ok
            assert [found.code for found in again.check()] == ["voided"]
            again.record(report(), by="ana")


def test_the_tree_keeps_its_leaf(ledger: rl.Ledger) -> None:
    """Checkpoints and proofs of before are good after, and those of after have the row and the void."""
    place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
    before = ledger.checkpoint(KEY)
    ledger.void(place, by="council", reason="noise")
    after = ledger.checkpoint(KEY)
    assert after.size == before.size + 1
    ledger.prove_consistency(before, after).verify()
    ledger.prove(place, at=after).verify()
    assert ledger.verify(before, KEY.verifying).ok
    assert ledger.verify(after, KEY.verifying).ok


def test_bundles_hold_the_voids_that_concern_them(ledger: rl.Ledger) -> None:
    """A member's has those of rows that named the member, a decision's all; proved as other entries are."""
    opened = rl.ReviewOpened(member="ben", review="r1", policy="p")
    ledger.record(opened, by="council")
    place = plant(
        ledger, "member.joined", NOISE, member_tag("ana"), "community:docs", "odd:tag", "member:" + "x" * 300
    )
    void = ledger.void(place, by="council", reason="noise")
    assert set(void.entry.tags) == {"ledger:entry.voided", "member:ana", "community:docs", entry_tag(void.id)}
    key = str(KEY.verifying)
    of_ana = verify_bundle(ledger.audit_bundle(member="ana", key=KEY), key)
    assert [entry.name for entry in of_ana.entries] == ["member.joined", "entry.voided"]
    (said,) = of_ana.voids
    assert (said.position, said.voided_at, said.reason) == (place, void.position, "noise")
    assert of_ana.words().endswith(
        f"\nWhat is at position {place} cannot be read, and position {void.position} voids it: noise"
    )
    assert verify_bundle(ledger.audit_bundle(member="ben", key=KEY), key).voids == ()
    of_review = verify_bundle(ledger.audit_bundle(review="r1", key=KEY), key)
    assert [entry.name for entry in of_review.entries] == ["review.opened", "entry.voided"]
    assert [each.position for each in of_review.voids] == [place]


def test_a_bundle_with_another_s_void_is_refused(ledger: rl.Ledger) -> None:
    """A proved void that concerns somebody else does not belong into a bundle about a member."""
    place = plant(ledger, "member.joined", NOISE, member_tag("ana"))
    ledger.void(place, by="council", reason="noise")
    about_ana = json.loads(ledger.audit_bundle(member="ana", key=KEY))
    about_ben = json.loads(ledger.audit_bundle(member="ben", key=KEY))
    about_ben["entries"].append(about_ana["entries"][-1])
    with pytest.raises(rl.InvalidBundle, match="not about the member ben"):
        verify_bundle(json.dumps(about_ben).encode(), str(KEY.verifying))


def test_an_unvoided_row_is_found_with_what_to_do(ledger: rl.Ledger) -> None:
    """Judging the log again says where it is, and how it is read past."""
    place = plant(ledger, "report.filed", NOISE, member_tag("ben"))
    (found, *_) = [found for found in ledger.check() if found.code == "no_entry"]
    assert found.position == place
    assert f"reps-ledger void {place}" in found.words


def test_a_zone_that_is_not_known_here_stops_nobody_for_good(tmp_path: Path) -> None:
    """A declaration that others stored, of a zone of nowhere, is named by position, and can be voided."""
    with begun(tmp_path / "reps.db", zone="Europe/Paris") as ledger:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        said = {"id": "7", "recorded_at": now, "occurred_at": now, "by": "x", "schema": 1}
        said["fact"] = {"zone": "America/Neverland", "ledger": "x"}
        tags = ["entry:7", "ledger:ledger.declared"]
        recorder: Any = ledger._core.log.recorder
        position = recorder.append([DCBEvent("ledger.declared", json.dumps(said).encode(), tags)])
    with rl.open(tmp_path / "reps.db") as ledger:
        for ask in (lambda: ledger.record(report(), by="ana"), lambda: list(ledger.as_of().roster())):
            with pytest.raises(UnknownVersion, match=f"position {position}.*time zone is not known here"):
                ask()
        ledger.void(position, by="council", reason="nowhere", unknown=True)
        assert {row.member for row in ledger.as_of().roster()} == {"ana", "ben"}
        ledger.record(report(), by="ana")
        assert [found.code for found in ledger.check()] == ["voided"]
    with rl.open(tmp_path / "reps.db", zone="Europe/Paris") as ledger:
        assert str(ledger.zone) == "Europe/Paris"


@pytest.mark.parametrize("log", ["memory", "sqlite"])
def test_times_go_on_over_what_cannot_be_read(targets: Callable[[str], Any], log: str) -> None:
    """Where the last row cannot be read, the time of recording goes by the last one that can."""
    now = [datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)]
    with begun(targets(log), clock=lambda: now[0]) as ledger:
        position = plant(ledger, "member.joined", NOISE, "member:zoe")
        now[0] = datetime(2026, 6, 1, 12, tzinfo=UTC)
        ledger.void(position, by="council", reason="noise")
        ledger.record(report(), by="ana")
        assert {entry.recorded_at.second for entry in ledger.entries()} == {30}
