"""Explanations: every statement leads to the entries behind it, and to the rules of the time."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import histories as hs
import reps_ledger as rl
from charters.programmes import AFTER, programme, story
from reps_ledger.errors import InvalidInput
from reps_ledger.log import SQLiteRecorder
from reps_ledger.policies import Policy, completed, is_member, reports, vouches, weeks, when
from reps_ledger.policies.charter import Authority, Charter, Level, RoleClause, Standing, Vouching
from scale import examples
from scenarios import fixed_clock

VOUCHED: Final = (rl.Vouched(member="ana", voucher="ben", reason="we met"), date(2018, 4, 1))
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", community="asia", reason="elected")
STANDING: Final = Policy(
    "activity",
    cases=[when(reports(within=weeks(8)) >= 1).then("active")],
    otherwise="quiet",
    scale=["active", "quiet"],
)


def chartered(**clauses: Any) -> rl.Ledger:
    """A programme with clauses on mentors, vouches and standing."""
    return programme(
        VOUCHED,
        **{
            "roles": (RoleClause(role="mentor", admission=vouches() >= 1),),
            "authorities": (Authority(fact="role.assigned", actors=("council",), agents=("portal",)),),
            "vouching": Vouching(may=is_member(), levels=(Level("trusted", 1),)),
            "policies": (STANDING,),
            "standing": Standing(policy="activity"),
            **clauses,
        },
    )


def test_a_role_leads_to_who_gave_it_under_which_rules() -> None:
    """Actor and on-behalf-of, the charter of the time, its clause, and what held by then."""
    ledger = chartered()
    ledger.record(MENTOR, by="portal", on_behalf_of="council", occurred_at=AFTER)
    found = ledger.as_of(date(2018, 8, 1)).explain("ana", role="mentor")
    assert (found.about, found.holds, found.subject) == ("role", True, "mentor")
    assert found.statement == "ana is mentor in asia since 2018-07-01"
    (link,) = found.links
    assert (link.entry.by, link.entry.on_behalf_of) == ("portal", "council")
    assert link.reads == link.entry
    assert link.known == link.entry.position - 1
    assert link.charter is not None
    assert (link.charter.name, link.charter.version) == ("reps", "1")
    assert link.charter.adopted_by == "council"
    assert link.admission is not None
    assert (link.admission.clause, link.admission.held) == ("role mentor in asia", True)
    assert link.authority == ("role.assigned is recorded only by council; on their behalf by portal too.")
    verdict = link.admission.verdict
    assert verdict is not None
    assert verdict.known_at == link.known
    assert [ledger.entry(each).name for each in verdict.evidence] == ["vouch.given"]
    for part in (
        "recorded by portal on behalf of council",
        "under the charter of reps, version 1 (in force from 2018-06-01, adopted by council)",
        "it was so, by what was known then:",
        "yes: they have at least 1 vouch",
    ):
        assert part in found.words()


def test_what_was_known_then_is_not_what_is_known_now() -> None:
    """An admission is shown by what was known before the fact, whatever came to light since."""
    ledger = chartered()
    ledger.record(MENTOR, by="council", occurred_at=AFTER)
    vouch = next(e for e in ledger.entries() if e.name == "vouch.given")
    ledger.record(rl.EntryRetracted(target=vouch.id, reason="it was never given"), by="council")
    (link,) = ledger.as_of(date(2018, 8, 1)).explain("ana", role="mentor").links
    assert link.admission is not None
    assert link.admission.held
    found = ledger.as_of(date(2018, 8, 1)).explain("ana", "vouches")
    assert (found.holds, found.statement) == (False, "ana is vouched for by nobody")
    (gone,) = found.links
    assert (gone.reads, gone.entry) == (None, vouch)
    assert [each.fact.reason for each in gone.amended] == ["it was never given"]
    assert "(retracted)" in found.words()
    assert "retracted since: recorded by council" in found.words()


def test_a_correction_shows_what_was_said_and_what_is_read() -> None:
    """The chain begins with what was recorded, and says what stands in its place since when."""
    ledger = chartered()
    first = ledger.record(MENTOR, by="council", occurred_at=AFTER)
    java = rl.RoleAssigned(member="ana", role="mentor", community="java", reason="elected")
    fixed = ledger.record(
        rl.EntryCorrected(target=first.id, replacement=java, reason="it was Java"), by="council"
    )
    found = ledger.as_of(date(2018, 8, 1)).explain("ana", role="mentor")
    (link,) = found.links
    assert (link.entry.id, link.amended[0].id) == (first.id, fixed.id)
    assert link.reads is not None
    assert (link.reads.fact, link.reads.id) == (java, fixed.id)
    assert (link.words, link.said) == ("became mentor in java: elected", "became mentor in asia: elected")
    assert "and said then: became mentor in asia: elected" in found.words()
    before = ledger.as_of(date(2018, 8, 1), known_at=first).explain("ana", role="mentor")
    assert before.links[0].amended == ()
    assert before.statement == "ana is mentor in asia since 2018-07-01"
    nowhere = ledger.as_of(date(2018, 8, 1)).explain("ana", role="mentor", community="asia")
    assert (nowhere.holds, len(nowhere.links)) == (False, 1)


def test_a_waiver_is_named_with_its_reason() -> None:
    """Where a clause was waived, the exemption is named, and that it did not hold."""
    ledger = chartered(roles=(RoleClause(role="mentor", courses=("basics",)),))
    receipt = ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver="founder")
    (link,) = ledger.as_of(date(2018, 8, 1)).explain("ana", role="mentor").links
    assert link.admission is not None
    assert (link.admission.held, link.admission.waived_in) == (False, receipt.entries[0].id)
    assert link.admission.waiver == "founder (by council)"
    assert any("was waived: founder (by council)" in line for line in link.lines(ledger.zone))


def test_who_is_grandfathered_is_told() -> None:
    """Where the charter excepts somebody, that is said."""
    clause = RoleClause(role="mentor", courses=("basics",), unless=vouches() >= 1)
    ledger = chartered(roles=(clause,))
    ledger.record(MENTOR, by="council", occurred_at=AFTER)
    (link,) = ledger.as_of(date(2018, 8, 1)).explain("ana", role="mentor").links
    assert link.admission is not None
    assert (link.admission.excepted, link.admission.held) == (True, False)
    assert any("grandfathers" in line for line in link.lines(ledger.zone))


def test_before_any_charter_there_was_none() -> None:
    """What was recorded of the time before a charter is not shown under it."""
    ledger = chartered()
    early = date(2018, 3, 1)
    ledger.record(rl.RoleAssigned(member="ben", role="mentor"), by="council", occurred_at=early)
    (link,) = ledger.as_of(date(2018, 8, 1)).explain("ben", role="mentor").links
    assert (link.charter, link.admission) == (None, None)


def test_which_charter_was_in_force_is_as_it_was_known() -> None:
    """A charter that was adopted later, for an earlier date, is not the one it was judged by."""
    ledger = chartered()
    ledger.record(MENTOR, by="council", occurred_at=date(2018, 9, 1))
    later = Charter(name="reps", version="2")
    ledger.adopt(later, by="council", occurred_at=date(2018, 8, 1))
    found = ledger.as_of(date(2018, 10, 1)).explain("ana", role="mentor")
    assert found.links[0].charter is not None
    assert found.charter is not None
    assert (found.links[0].charter.version, found.charter.version) == ("1", "2")


def test_an_ended_role_says_how_it_ended() -> None:
    """The end is part of the chain, also where retiring ended it."""
    ledger = chartered(roles=(RoleClause(role="mentor", ends=("resigned", "removed")),))
    ledger.record(MENTOR, by="council", occurred_at=AFTER)
    over = rl.RoleEnded(member="ana", role="mentor", community="asia", how="resigned")
    ledger.record(over, by="ana", occurred_at=date(2018, 8, 1))
    found = ledger.as_of(date(2018, 9, 1)).explain("ana", role="mentor")
    assert found.statement == "ana is not mentor, and was mentor in asia until 2018-08-01 (resigned)"
    assert [link.entry.name for link in found.links] == ["role.assigned", "role.ended"]
    assert found.links[1].admission is not None
    assert "mentor: ends only as resigned or removed." in found.words()
    ledger.record(MENTOR, by="council", occurred_at=date(2018, 10, 1))
    gone = rl.MemberRetired(member="ana", how="resigned")
    ledger.record(gone, by="ana", occurred_at=date(2018, 11, 1))
    found = ledger.as_of(date(2018, 12, 1)).explain("ana", role="mentor")
    assert found.links[-1].entry.name == "member.retired"
    never = ledger.as_of(date(2018, 12, 1)).explain("ben", role="mentor")
    assert (never.statement, never.links) == ("ben is not mentor, and never was", ())


def test_standing_leads_to_the_policys_evidence() -> None:
    """Under a charter, the verdict and its evidence; without one, the last act."""
    ledger = chartered()
    report = rl.ReportFiled(member="ana", activity="talk")
    receipts = [
        ledger.record(report, by="ana", occurred_at=day) for day in (date(2018, 6, 5), date(2018, 7, 5))
    ]
    found = ledger.as_of(date(2018, 8, 15)).explain("ana")
    assert (found.about, found.holds) == ("standing", True)
    assert found.verdict is not None
    assert found.verdict.outcome == "active"
    assert set(found.verdict.evidence) <= set(found.entries)
    assert receipts[1].id in found.entries
    assert receipts[0].id not in found.entries
    with story((report, date(2018, 3, 1)), (report, date(2018, 2, 1))) as plain:
        found = plain.as_of(date(2018, 8, 1)).explain("ana", "standing")
        assert found.verdict is None
        assert "by the default rule" in found.statement
        assert [link.words for link in found.links] == ["joined as volunteer", "reported talk"]
        assert found.links[1].reads is not None
        assert found.links[1].reads.occurred_at.month == 3


def test_vouches_lead_to_vouchers() -> None:
    """Who vouched, whether they might, and what level that makes."""
    ledger = chartered()
    vouch = rl.Vouched(member="ana", voucher="cleo", reason="a talk")
    ledger.record(vouch, by="cleo", occurred_at=AFTER)
    found = ledger.as_of(date(2018, 8, 1)).explain("ana", "vouches")
    assert found.statement == "ana is vouched for by 2 people: level trusted"
    assert [link.reads.fact.voucher for link in found.links if link.reads] == ["ben", "cleo"]
    assert found.links[0].admission is None
    assert found.links[1].admission is not None
    assert found.links[1].admission.held


def test_membership_is_by_definition() -> None:
    """Whoever joined is a member for ever; who counts as one is as the charter defines it."""
    ledger = chartered(member=completed("basics"), communities=(("asia", vouches() >= 1),))
    view = ledger.as_of(date(2018, 8, 1))
    found = view.explain("ana", "membership")
    assert found.holds == view.is_member("ana") is False
    assert found.statement == "ana joined on 2018-01-01, for ever, and does not count as a member"
    assert [link.words for link in found.links] == ["joined as volunteer"]
    local = view.explain("ana", "membership", community="asia")
    assert (local.holds, local.verdict is not None) == (True, True)
    assert {link.entry.name for link in local.links} == {"member.joined", "vouch.given"}
    assert view.explain("eve", "membership").statement == "eve never joined"


def test_a_merge_is_part_of_every_chain() -> None:
    """What a duplicate did is theirs, and the chain says why."""
    with story() as ledger:
        role = rl.RoleAssigned(member="ben", role="mentor")
        ledger.record(role, by="council", occurred_at=date(2018, 2, 1))
        merge = rl.MembersMerged(member="ana", duplicate="ben", reason="one person")
        ledger.record(merge, by="council", occurred_at=date(2018, 3, 1))
        view = ledger.as_of(date(2018, 4, 1))
        for name in ("ana", "ben"):
            found = view.explain(name, role="mentor")
            assert (found.member, found.holds) == ("ana", True)
            assert [link.entry.name for link in found.links] == ["role.assigned", "members.merged"]


def test_evidence_of_others_is_traced_too() -> None:
    """Evidence may be other people's entries, corrected or not."""
    ledger = chartered(
        standing=Standing(policy="vouched"),
        policies=(Policy("vouched", cases=[when(vouches() >= 1).then("active")], otherwise="no"),),
    )
    vouch = next(e for e in ledger.entries() if e.name == "vouch.given")
    better = rl.Vouched(member="ana", voucher="ben", reason="at a talk")
    ledger.record(rl.EntryCorrected(target=vouch.id, replacement=better, reason="more exact"), by="ben")
    found = ledger.as_of(date(2018, 8, 1)).explain("ana")
    assert vouch.id in found.entries
    link = found.links[found.entries.index(vouch.id)]
    assert link.words == "was vouched for by ben: at a talk"


@pytest.mark.parametrize(
    ("about", "options"), [("lives", {}), ("role", {}), ("standing", {"role": "mentor"})]
)
def test_what_cannot_be_explained(about: str, options: dict[str, Any]) -> None:
    """Another word, or a role that is not named, is refused."""
    with story() as ledger, pytest.raises(InvalidInput):
        ledger.as_of().explain("ana", about, **options)


def test_long_chains_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest entries are explained, and how many older ones there are is said."""
    import reps_ledger.views.explain as module

    monkeypatch.setattr(module, "MAX_LINKS", 1)
    with story(VOUCHED) as ledger:
        vouch = rl.Vouched(member="ana", voucher="cleo", reason="x")
        ledger.record(vouch, by="cleo", occurred_at=AFTER)
        found = ledger.as_of(date(2018, 8, 1)).explain("ana", "vouches")
        assert (len(found.links), found.omitted) == (1, 1)
        assert "1 older entries are left out" in found.words()


@examples(1.2)
@given(hs.histories(), st.sampled_from(hs.PEOPLE), st.data())
def test_laws_of_explanations(told: list[Any], member: str, data: st.DataObject) -> None:
    """On any history: it agrees with the view, names all that stands, and never changes."""
    with hs.open_ledger() as ledger:
        receipts = hs.fill(ledger, told)
        if not receipts:
            return
        known = data.draw(st.sampled_from(receipts))
        view = ledger.as_of(date(2018, 12, 31), known_at=known)
        person = view.member(member)
        standing = {entry.origin: entry for entry in person.history}
        explained = [
            view.explain(member, role="mentor"),
            *(view.explain(member, about) for about in ("standing", "vouches", "membership")),
        ]
        assert explained[0].holds == ("mentor" in person.roles)
        assert explained[1].holds == person.membership.active
        assert explained[2].holds == (person.vouches.level > 0)
        assert explained[3].holds == view.is_member(member)
        for found in explained:
            assert found.words()
            for link in found.links:
                assert link.entry == ledger.entry(link.entry.id)
                assert link.entry.position <= view.known_at
                assert all(each.position <= view.known_at for each in link.amended)
                assert link.known < link.entry.position
                if person.member in {e for e in hs.PEOPLE if e in str(link.entry.fact)}:
                    assert link.reads == standing.get(link.entry.position, link.reads)
        roles = {link.reads.id for link in explained[0].links if link.reads is not None}
        assert {h.assigned_in for h in person.roles.ever if h.role == "mentor"} <= roles
        given_in = {link.reads.id for link in explained[2].links if link.reads is not None}
        assert {vouch.given_in for vouch in person.vouches.received} <= given_in
        again = ledger.as_of(date(2018, 12, 31), known_at=known).explain(member, role="mentor")
        assert again == explained[0]


def test_an_explanation_reads_each_part_of_the_log_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries are behind it, each judged by what was known before it."""
    reads = []
    for terms in (2, 10):
        ledger = rl.open(clock=fixed_clock)
        for member in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2010, 1, 1))
        admission = RoleClause(role="rep", admission=is_member())
        charter = Charter(name="reps", version="1", roles=(admission,))
        ledger.adopt(charter, by="council", occurred_at=date(2010, 2, 1))
        for term in range(terms):
            given = rl.RoleAssigned(member="ana", role="rep")
            ledger.record(given, by="council", occurred_at=date(2011 + term, 1, 1))
            ended = rl.RoleEnded(member="ana", role="rep", how="resigned")
            ledger.record(ended, by="council", occurred_at=date(2011 + term, 6, 1))
        view = ledger.as_of(date(2030, 1, 1))
        count = 0
        real = SQLiteRecorder.read_rows

        def counted(*arguments: Any, real: Any = real, **options: Any) -> Any:
            nonlocal count
            count += 1
            return real(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(SQLiteRecorder, "read_rows", counted)
            explained = view.explain("ana", role="rep")
        assert len(explained.links) == 2 * terms
        assert all(link.admission is not None for link in explained.links[::2])
        reads.append(count)
    assert reads[0] == reads[1]
