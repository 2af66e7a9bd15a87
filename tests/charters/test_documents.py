"""Charters as documents, in words, and compared."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

import reps_ledger as rl
from charters.programmes import story
from reps_ledger.policies import (
    Policy,
    holds,
    joined,
    largest_share,
    members,
    missed,
    reports,
    share,
    vouches,
    warnings,
    weeks,
    when,
    years,
)
from reps_ledger.policies.charter import (
    Authority,
    Charter,
    Level,
    Retention,
    RoleClause,
    Standing,
    Vouching,
    changes,
    charter_digest,
    charter_words,
    dump_charter,
    load_charter,
    read_charter,
    save_charter,
)

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "charters" / "reps-2018.toml"
POLICY: Final = Policy("p", cases=[when(reports() >= 1).then("a")], otherwise="b")
FULL: Final = Charter(
    name="reps",
    version="1",
    source="a meeting",
    member=reports() >= 1,
    communities=(("java", vouches() >= 1), ("italy", reports() >= 2)),
    roles=(
        RoleClause(
            role="mentor", admission=holds("rep"), courses=("c",), unless=joined(before=date(2018, 1, 1))
        ),
        RoleClause(role="lead", closed=True, ends=("resigned",)),
        RoleClause(role="rep", term=years(2), seats=3, review="p"),
    ),
    vouching=Vouching(may=holds("rep"), most=6, levels=(Level("v", 1), Level("w", 3))),
    authorities=(
        Authority(fact="role.assigned", actors=("x",), agents=("y",), themselves=True, when=holds("rep")),
    ),
    policies=(POLICY,),
    standing=Standing(policy="p", active=("a",)),
    retention=(Retention(fact="notice.answered", keep=weeks(4)),),
)
START: Final = 'charter = "reps"\nversion = "1"\n'


@pytest.mark.parametrize("charter", [FULL, Charter(name="reps", version="1"), load_charter(EXAMPLE)])
def test_a_charter_equals_itself_after_a_round_trip(charter: Charter, tmp_path: Path) -> None:
    """TOML, JSON and files of both give the same charter, with the same digest."""
    assert read_charter(dump_charter(charter)) == charter
    assert read_charter(dump_charter(charter, "json")) == charter
    for name in ("c.toml", "c.json"):
        save_charter(charter, tmp_path / name)
        assert load_charter(tmp_path / name) == charter
        assert charter_digest(load_charter(tmp_path / name)) == charter_digest(charter)


def test_order_says_nothing() -> None:
    """Clauses in another order are the same charter."""
    other = attrs.evolve(FULL, roles=FULL.roles[::-1], communities=FULL.communities[::-1])
    assert other == FULL
    assert charter_digest(other) == charter_digest(FULL)


def test_every_clause_is_said_and_compared() -> None:
    """Whatever is changed in a charter changes its words, and the comparison says it."""
    assert FULL.vouching is not None
    variants: dict[str, Any] = {
        "source": "another meeting",
        "member": None,
        "communities": (),
        "roles": FULL.roles[1:],
        "vouching": attrs.evolve(FULL.vouching, most=7),
        "authorities": (),
        "retention": (),
        "standing": None,
        "policies": (attrs.evolve(POLICY, version="2"),),
    }
    assert variants.keys() == {a.name for a in attrs.fields(Charter)} - {"name", "version"}
    for name, value in variants.items():
        other = attrs.evolve(FULL, **{name: value})
        assert charter_words(other) != charter_words(FULL), name
        assert charter_digest(other) != charter_digest(FULL), name
        assert changes(FULL, other), name
    assert changes(FULL, FULL) == ()


def test_what_changes_in_words() -> None:
    """Added, dropped and changed statements, and the lines of a policy."""
    before = Charter(name="reps", version="1", policies=(POLICY,), vouching=Vouching(most=6))
    more = Policy("p", cases=[when(reports() >= 2).then("a")], otherwise="b")
    after = Charter(name="reps", version="2", policies=(more,), roles=(RoleClause(role="lead", closed=True),))
    assert changes(before, after) == (
        "dropped: Nobody receives more than 6 standing vouches.",
        (
            "changed: policy p\n"
            '  - 1. "a" if they have at least 1 report;\n'
            '  + 1. "a" if they have at least 2 reports;'
        ),
        "added: lead: given to nobody any more; who holds it keeps it.",
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("roles = 1", "roles"),
        ("[roles]\nmentor = 1", "roles.mentor"),
        ("[roles.mentor]\nseat = 2", "roles.mentor.seat"),
        ("[roles.mentor]\nseats = 0", "roles.mentor"),
        ("[roles.mentor]\nterm = '2 fortnights'", "roles.mentor.term"),
        ("[roles.mentor]\nends = ['vanished']", "roles.mentor"),
        ("[roles.mentor]\nclosed = true\nseats = 2", "roles.mentor"),
        ("[roles.mentor]\nadmission = { holds = {} }", "roles.mentor.admission.holds"),
        ("[roles.mentor]\nreview = 'none'", "reviewed by none"),
        ("[vouching]\nlevels = [{ name = 'a', vouches = 2 }, { name = 'b', vouches = 1 }]", "vouching"),
        ("[vouching]\nlevels = 3", "vouching.levels"),
        ("[authorities.'role.assigned']", "authorities.role.assigned"),
        ("[communities.java]", "communities.java"),
        ("[member]\nholds = 3", "member.holds"),
        ("policies = [{ policy = 'p' }]", "policies[0]"),
        ("policies = 3", "policies"),
        ("[standing]\npolicy = 'none'", "standing goes by none"),
        ("colour = 'blue'", "colour"),
        ("format = 2", "format"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_place(text: str, place: str) -> None:
    """Each mistake in a document is a typed error that says where it is."""
    with pytest.raises(rl.InvalidPolicy) as raised:
        read_charter(START + text)
    assert place in str(raised.value)


def test_nothing_adopted_is_half_valid() -> None:
    """What is refused at adoption leaves the ledger as it was."""
    ledger = story()
    position = ledger.position
    unknown = RoleClause(role="mentor", admission=_count("no.such"))
    for document, version, told in [
        (START + "[roles.mentor]\nseat = 2", "1", "makes no sense: .*seats"),
        (START, "2", "says version 1; .* version 2"),
        (dump_charter(Charter(name="reps", version="1", roles=(unknown,))), "1", "no.such"),
        (START + "[authorities.'no.such']\nactors = ['x']", "1", "no.such"),
    ]:
        with pytest.raises(rl.Refused, match=told) as raised:
            ledger.record(rl.CharterAdopted(document=document, version=version), by="council")
        assert raised.value.codes == ("invalid_charter",)
    assert ledger.position == position


def _count(name: str) -> Any:
    from reps_ledger.policies import count

    return count(name) >= 1


@pytest.mark.parametrize(
    "condition",
    [members() >= 3, largest_share() <= 0.25, missed("vote") >= 3, share(reports(), "report.filed") >= 0.25],
)
def test_a_whole_body_cannot_be_enforced(condition: Any) -> None:
    """What recording cannot look at is refused where it is written, and says where it belongs."""
    with pytest.raises(rl.InvalidPolicy, match="review policy"):
        RoleClause(role="mentor", admission=condition)
    with pytest.raises(rl.InvalidPolicy, match="review policy"):
        Authority(fact="role.assigned", when=holds("x") & condition)
    assert Charter(name="reps", version="1", member=condition).member == condition


@pytest.mark.parametrize("wrong", ["charter = 'x'", None, holds("x")])
def test_only_a_charter_is_adopted(wrong: Any) -> None:
    """Its text is no charter; nothing is recorded."""
    ledger = rl.open()
    with pytest.raises(rl.InvalidPolicy, match="read_charter"):
        ledger.adopt(wrong, by="council")
    assert ledger.position == 0


def test_the_example_is_adopted_and_enforced() -> None:
    """The charter of 2018 does what the discussion says."""
    charter = load_charter(EXAMPLE)
    assert [warnings(policy) for policy in charter.policies] == [(), ()]
    leader = rl.RoleAssigned(member="ben", role="functional-leader")
    old_rep = rl.RoleAssigned(member="ben", role="rep")
    ledger = story((leader, date(2018, 2, 1)), (old_rep, date(2018, 2, 1)))
    ledger.adopt(charter, by="council", occurred_at=date(2018, 10, 1))

    def codes(fact: rl.Fact, day: date, by: str = "council") -> tuple[str, ...]:
        try:
            ledger.record(fact, by=by, occurred_at=day)
        except rl.Refused as refused:
            return refused.codes
        return ()

    november, later = date(2018, 11, 2), date(2018, 11, 3)
    # Functional leaders: accepted no longer, never removed.
    assert codes(rl.RoleAssigned(member="ana", role="functional-leader"), november) == ("role_closed",)
    removed = rl.RoleEnded(member="ben", role="functional-leader", how="removed")
    assert codes(removed, november) == ("ending_not_allowed",)
    assert "functional-leader" in ledger.as_of(november).member("ben").roles
    # New Reps: half a year, a vouch of a Rep, and from November on the course.
    rep = rl.RoleAssigned(member="ana", role="rep")
    ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana", occurred_at=date(2018, 3, 1))
    assert codes(rep, date(2018, 10, 30)) == ("not_admitted",)
    ledger.record(rl.Vouched(member="ana", voucher="ben"), by="ben", occurred_at=date(2018, 10, 2))
    assert codes(rep, november) == ("not_admitted",)
    ledger.record(rl.CourseCompleted(member="ana", course="onboarding"), by="ana", occurred_at=november)
    assert codes(rep, november, by="ana") == ("no_authority",)
    assert codes(rep, november) == ()
    # Mentors complete the coaching course; coordinators are of a community.
    assert codes(rl.RoleAssigned(member="ana", role="mentor"), later) == ("not_admitted",)
    coordinator: Any = date(2020, 11, 1)
    wanted = rl.RoleAssigned(member="ana", role="community-coordinator", community="java", until=coordinator)
    assert codes(wanted, later) == ("not_admitted",)
    ledger.record(rl.CommunityJoined(member="ana", community="java"), by="ana", occurred_at=november)
    assert codes(wanted, later) == ()
    # The course is asked of everyone from July 2019; the quiet are informed, not expelled.
    assert ledger.as_of(date(2019, 6, 30)).evaluate("onboarding", "ben").outcome == "not yet asked"
    assert ledger.as_of(date(2019, 7, 1)).evaluate("onboarding", "ben").outcome == "due"
    quiet = ledger.as_of(date(2019, 7, 1)).member("ben")
    assert (quiet.membership.standing, "rep" in quiet.roles) == ("inactive", True)
