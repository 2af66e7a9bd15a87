"""Ways around a charter that do not lead around it: dates, corrections, forged words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

import reps_ledger as rl
from charters.programmes import ADOPTED, AFTER, BEFORE, codes, programme, story
from reps_ledger.policies import Policy, count, digest, dumps, holds, reports, weeks, when
from reps_ledger.policies.charter import Authority, Charter, RoleClause, Vouching, dump_charter
from scenarios import fixed_clock

EARLY: Final = date(2018, 1, 2)
LAX: Final = Charter(name="reps", version="lax")
GUARDED: Final = [
    Authority(fact="charter.adopted", actors=["council"]),
    Authority(fact="role.assigned", actors=["council"]),
]
SCOUT: Final = rl.RoleAssigned(member="ana", role="scout")


def adopting(charter: Charter, since: datetime | None = None) -> rl.CharterAdopted:
    """Make the adoption of a charter."""
    return rl.CharterAdopted(document=dump_charter(charter), version=charter.version, effective_from=since)


def adoption(ledger: rl.Ledger) -> rl.Entry:
    """Return the entry that adopted the charter of a programme."""
    return next(entry for entry in ledger.entries() if entry.name == "charter.adopted")


def test_a_backdated_adoption_does_not_amend_a_later_charter() -> None:
    """Adopted before there was any charter, it still may not govern in the place of one."""
    ledger = programme(authorities=GUARDED)
    lax = adopting(LAX, datetime(2018, 8, 1, tzinfo=UTC))
    assert codes(ledger, lax, EARLY, by="mallory") == ("no_authority",)
    assert codes(ledger, lax, EARLY, by="council") == ()


@pytest.mark.parametrize("at", [EARLY, ADOPTED, None])
def test_a_charter_is_not_undone_by_whom_it_keeps_out(at: date | None) -> None:
    """Whatever date is given to its retraction or correction, its own authorities hold."""
    ledger = programme(authorities=GUARDED)
    target = adoption(ledger).id
    for fact in (
        rl.EntryRetracted(target=target, reason="r"),
        rl.EntryCorrected(target=target, reason="r", replacement=adopting(LAX)),
    ):
        assert codes(ledger, fact, at, by="mallory") == ("no_authority",)  # type: ignore[arg-type]  # no day, or one of a table


def test_a_charter_is_not_undone_before_it_governs() -> None:
    """Between its adoption and its effective date, its own authorities guard it already."""
    ledger = story()
    charter = Charter(name="reps", version="1", authorities=GUARDED)
    ledger.adopt(charter, by="council", occurred_at=BEFORE, effective_from=ADOPTED)
    fact = rl.EntryRetracted(target=adoption(ledger).id, reason="r")
    assert codes(ledger, fact, BEFORE, by="mallory") == ("no_authority",)


@pytest.mark.parametrize("at", [EARLY, date(2018, 6, 15)])
def test_a_correction_dated_before_its_target_needs_the_authority_over_it(at: date) -> None:
    """A retraction or correction is judged where its target stands, whatever its own date."""
    ledger = programme(authorities=GUARDED)
    role = ledger.record(SCOUT, by="council", occurred_at=AFTER)
    report = rl.ReportFiled(member="ana", activity="a")
    for fact in (
        rl.EntryRetracted(target=role.id, reason="r"),
        rl.EntryCorrected(target=role.id, reason="r", replacement=report),
    ):
        assert codes(ledger, fact, at, by="mallory") == ("no_authority",)


def test_what_a_retraction_makes_stand_again_needs_authority_too() -> None:
    """To retract a retraction, or a correction, is to record again what it took away."""
    ledger = programme(authorities=GUARDED)
    role = ledger.record(SCOUT, by="council", occurred_at=AFTER)
    gone = ledger.record(rl.EntryRetracted(target=role.id, reason="r"), by="council")
    assert codes(ledger, rl.EntryRetracted(target=gone.id, reason="r"), by="ana") == ("no_authority",)
    role = ledger.record(SCOUT, by="council", occurred_at=AFTER)
    report = rl.ReportFiled(member="ana", activity="a")
    told = rl.EntryCorrected(target=role.id, reason="r", replacement=report)
    gone = ledger.record(told, by="council")
    assert codes(ledger, rl.EntryRetracted(target=gone.id, reason="r"), by="ana") == ("no_authority",)


@pytest.mark.parametrize("by", ["mallory", "council"])
def test_a_correction_of_an_early_charter_does_not_amend_a_later_one(by: str) -> None:
    """Nor does it where the early one, that governs its own day, lets everybody amend it."""
    ledger = story()
    early = ledger.adopt(LAX, by="council", occurred_at=EARLY)
    charter = Charter(name="reps", version="1", authorities=GUARDED)
    ledger.adopt(charter, by="council", occurred_at=ADOPTED)
    later = adopting(LAX, datetime(2018, 8, 1, tzinfo=UTC))
    fact = rl.EntryCorrected(target=early.id, reason="r", replacement=later)
    expected = ("no_authority",) if by == "mallory" else ()
    assert codes(ledger, fact, None, by=by) == expected  # type: ignore[arg-type]  # no day, or one of a table


@pytest.mark.parametrize(("by", "expected"), [("ben", ()), ("cleo", ("no_authority",))])
def test_who_may_amend_is_asked_of_the_time_of_what_is_amended(by: str, expected: tuple[str, ...]) -> None:
    """Who led when the role was given may take it back, whatever date that is given."""
    lead = (rl.RoleAssigned(member="ben", role="lead"), BEFORE)
    authority = Authority(fact="role.assigned", actors=["council"], when=holds("lead"))
    ledger = programme(lead, authorities=[authority])
    role = ledger.record(SCOUT, by="council", occurred_at=AFTER)
    fact = rl.EntryRetracted(target=role.id, reason="r")
    assert codes(ledger, fact, EARLY, by=by) == expected


def test_who_has_no_authority_is_told_so_once() -> None:
    """Also where one charter governs all that would be amended, and not the day that is said."""
    ledger = programme(authorities=GUARDED)
    role = ledger.record(SCOUT, by="council", occurred_at=AFTER)
    gone = ledger.record(rl.EntryRetracted(target=role.id, reason="r"), by="council")
    again = rl.EntryRetracted(target=gone.id, reason="r")
    with pytest.raises(rl.Refused) as raised:
        ledger.record(again, by="mallory", occurred_at=EARLY)
    (refusal,) = raised.value.refusals
    assert refusal.code == "no_authority"
    assert refusal.entries == (adoption(ledger).id,)


def test_what_stands_again_is_looked_up_where_nothing_is_known_yet() -> None:
    """By who opens the log anew, too: what a retracted retraction took away is read first."""
    recorder = InMemoryDCBRecorder()
    with rl.open(recorder, clock=fixed_clock) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=EARLY)
        charter = Charter(name="reps", version="1", authorities=GUARDED)
        ledger.adopt(charter, by="council", occurred_at=ADOPTED)
        role = ledger.record(SCOUT, by="council", occurred_at=AFTER)
        gone = ledger.record(rl.EntryRetracted(target=role.id, reason="r"), by="council")
    again = rl.open(recorder, clock=fixed_clock)
    with pytest.raises(rl.Refused) as raised:
        again.record(rl.EntryRetracted(target=gone.id, reason="r"), by="mallory")
    assert raised.value.codes == ("no_authority",)


def test_a_correction_of_the_date_is_news() -> None:
    """The same role moved to a day when it is given to nobody is asked what that day asks."""
    held = (SCOUT, BEFORE)
    ledger = programme(held, roles=[RoleClause(role="scout", closed=True)])
    role = next(entry for entry in ledger.entries() if entry.name == "role.assigned")
    moved = rl.EntryCorrected(target=role.id, reason="r", replacement=SCOUT)
    assert codes(ledger, moved, AFTER) == ("role_closed",)
    assert codes(ledger, moved, BEFORE) == ()


def test_a_backdated_vouch_counts_those_that_came_later() -> None:
    """Told late, it may not bring anybody above the most that the charter allows."""
    ledger = programme(vouching=Vouching(most=1))
    ledger.record(rl.Vouched(member="ana", voucher="ben"), by="ben", occurred_at=AFTER)
    early = rl.Vouched(member="ana", voucher="cleo")
    assert codes(ledger, early, date(2018, 6, 20)) == ("vouched_enough",)


def test_a_backdated_assignment_counts_those_who_sat_down_later() -> None:
    """Told late, it may not seat one more than there are seats, unless it ended before."""
    ledger = programme(roles=[RoleClause(role="scout", seats=1)])
    ledger.record(rl.RoleAssigned(member="ben", role="scout"), by="council", occurred_at=AFTER)
    june = date(2018, 6, 20)
    assert codes(ledger, SCOUT, june) == ("no_seat",)
    short = rl.RoleAssigned(member="ana", role="scout", until=datetime(2018, 6, 25, tzinfo=UTC))
    assert codes(ledger, short, june) == ()


POLICY: Final = Policy("p", cases=[when(reports(within=weeks(4)) >= 1).then("active")], otherwise="quiet")
OTHER: Final = Policy("p", cases=POLICY.cases, otherwise="gone")
UNKNOWN: Final = Policy("p", cases=[when(count("x.y") >= 1).then("a")], otherwise="b")


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"document": dumps(OTHER)}, f"digest {digest(OTHER)}; .* digest {digest(POLICY)}"),
        ({"document": "nonsense ="}, "the policy makes no sense: .*nvalid value"),
        ({"policy": "q"}, "says p, version 1.* stated as q, version 1"),
        ({"version": "2"}, "says p, version 1.* stated as p, version 2"),
        ({"digest": "0" * 64}, "digest 0000"),
        ({"document": dumps(UNKNOWN)}, "the policy makes no sense: .*x.y"),
    ],
)
def test_the_words_of_a_policy_are_those_of_its_digest(stated: dict[str, str], words: str) -> None:
    """What a decision is replayed by cannot be stated otherwise than it was."""
    ledger = story()
    said = {"policy": "p", "version": "1", "document": dumps(POLICY), "digest": digest(POLICY)}
    assert codes(ledger, rl.PolicyStated(**(said | stated))) == ("invalid_policy",)
    with pytest.raises(rl.Refused, match=words):
        ledger.record(rl.PolicyStated(**(said | stated)), by="council")
    assert codes(ledger, rl.PolicyStated(**said)) == ()
