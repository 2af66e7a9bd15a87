"""Profiles as people meet them: at an as-of, after merges, by export and import; and where they never are."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import Policy, count, facts, when
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, correct, given, joined, merged, retract

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios import Given, Saying

VALUE: Final = "Name That Is Nowhere Else"


def named(value: str | None, on: date, member: str = "ana") -> Saying:
    """Tell what somebody is called from a day on."""
    return rl.MemberProfiled(member=member, field="name", value=value), on


def names(story: Given, member: str = "ana", **as_of: Any) -> list[str | None]:
    """Return what somebody was called at the end of the first days of some months."""
    days = (JAN, FEB, MAR, APR, MAY, JUN)
    return [story.ledger.as_of(day, **as_of).member(member).name for day in days]


def test_a_name_is_that_of_the_as_of() -> None:
    """What happened later, and what was recorded later, changes nothing of before."""
    story = given(joined("ana"), named("One", FEB), named(None, APR), named("Two", MAY))
    assert names(story) == [None, "One", "One", None, "Two", "Two"]
    assert names(story, known_at=2) == [None, "One", "One", "One", "One", "One"]
    assert names(story, "nobody") == [None] * 6
    assert not story.ledger.as_of().profile("nobody")


def test_what_is_told_late_counts_when_it_happened() -> None:
    """The latest in effective order counts; of one instant, what was recorded last."""
    story = given(joined("ana"), named("Two", APR), named("One", FEB), named("Three", APR))
    assert names(story) == [None, "One", "One", "Three", "Three", "Three"]


def test_corrections_and_retractions_count() -> None:
    """A name is put right, moved, and taken back; a retraction of the retraction brings it back."""
    story = given(joined("ana"), named("One", FEB), named("Tow", APR))
    right = rl.MemberProfiled(member="ana", field="name", value="Two")
    story = story.when(correct(2, right, MAR)).then_recorded()
    assert names(story) == [None, "One", "Two", "Two", "Two", "Two"]
    assert names(story, known_at=3) == [None, "One", "One", "Tow", "Tow", "Tow"]
    field = story.ledger.as_of().profile("ana").field("name")
    assert field is not None
    assert field.recorded_in == story.ids[3]
    story = story.when(retract(1)).then_recorded()
    assert names(story) == [None, None, "Two", "Two", "Two", "Two"]
    story = story.when(retract(4)).then_recorded()
    assert names(story) == [None, "One", "Two", "Two", "Two", "Two"]


def test_one_person_has_one_profile() -> None:
    """The latest of all identifiers counts, field by field; an unmerge gives each their own again."""
    mail = rl.MemberProfiled(member="ben", field="email", value="one@example.org")
    story = given(joined("ana", "ben"), named("One", FEB), named("Two", MAR, "ben"), (mail, MAR))
    story = story.when(named("Three", APR)).then_recorded()
    before = story.ledger.position
    story = story.when(merged("ana", "ben")).then_recorded()
    for member in ("ana", "ben"):
        assert names(story, member) == [None, "One", "Two", "Three", "Three", "Three"]
    view = story.ledger.as_of()
    assert view.profile("ben").of == "ana"
    assert dict(view.profile("ben")) == {"email": "one@example.org", "name": "Three"}
    assert view.profiles(["ben", "ana"]) == {"ana": view.profile("ana")}
    assert names(story, "ben", known_at=before) == [None, None, "Two", "Two", "Two", "Two"]
    story = story.when((rl.MembersUnmerged(member="ana", duplicate="ben"), JUN)).then_recorded()
    assert names(story) == [None, "One", "One", "Three", "Three", "Three"]
    assert names(story, "ben") == [None, None, "Two", "Two", "Two", "Two"]


def test_communities_and_organisations_are_described() -> None:
    """Each by its own facts, also under one name, and also a community that was not founded."""
    story = given(
        (rl.CommunityDescribed(community="docs", field="languages", value="id, th"), FEB),
        (rl.OrganisationDescribed(organisation="docs", field="kind", value="firm"), MAR),
        (rl.OrganisationDescribed(organisation="acme", field="kind", value="club"), MAR),
    )
    moved = rl.OrganisationDescribed(organisation="acme", field="link", value="example.org")
    story = story.when(correct(1, moved)).then_recorded()
    view = story.ledger.as_of()
    assert dict(view.described(community="docs")) == {"languages": "id, th"}
    assert dict(view.described(organisation="acme")) == {"kind": "club", "link": "example.org"}
    assert not view.described(organisation="docs")
    assert view.reading.describing("docs") == []
    assert dict(story.ledger.as_of(known_at=3).described(organisation="docs")) == {"kind": "firm"}
    assert not story.ledger.as_of(JAN).described(community="docs")
    assert [entry.name for entry in view.history(community="docs")] == ["community.described"]
    assert {finding.code for finding in story.ledger.check()} == {"no_zone"}  # and no tag is wrong


@pytest.mark.parametrize("asked", [{}, {"community": "a", "organisation": "a"}], ids=["neither", "both"])
def test_one_thing_is_described(asked: dict[str, str]) -> None:
    """A question for the description of nothing, or of two things, is refused."""
    with pytest.raises(rl.InvalidInput, match="a community or an organisation"):
        given().ledger.as_of().described(**asked)


STORY: Final[list[Saying]] = [
    *joined("ana"),
    named(f'{VALUE}, "quoted"', FEB),
    named(None, MAR),
    (rl.MemberProfiled(member="ana", field="note", value="=two\nlines "), APR),
    (rl.CommunityDescribed(community="asia", field="languages", value="id, th"), APR),
    (rl.CommunityDescribed(community="asia", field="link"), APR),
    (rl.OrganisationDescribed(organisation="acme", field="name", value="'Acme'"), APR),
    correct(2, rl.MemberProfiled(member="ana", field="name", value="One")),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".csv.gz"])
def test_export_then_import_is_the_same(suffix: str, tmp_path: Path) -> None:
    """Whatever is described, removed and put right reads the same in another ledger."""
    story, path = given(STORY), tmp_path / f"history{suffix}"
    story.ledger.export(path)
    with rl.open() as again:
        report = again.import_history(path)
        assert (report.recorded, [*report.refused]) == (len(STORY), [])
        for day in (JAN, FEB, MAR, APR):
            one, other = story.ledger.as_of(day), again.as_of(day)
            assert other.profile("ana") == one.profile("ana")
            assert other.described(community="asia") == one.described(community="asia")
            assert other.described(organisation="acme") == one.described(organisation="acme")
        assert dict(again.as_of().profile("ana")) == {"name": "One", "note": "=two\nlines "}


def test_an_empty_cell_removes_a_field(tmp_path: Path) -> None:
    """A row of a sheet without a value says that there is none; so does a row with blank text."""
    path = tmp_path / "sheet.csv"
    path.write_text(
        "fact,member,field,value,occurred_at,by\n"
        "member.joined,ana,,,2018-01-01,x\n"
        "member.profiled,ana,name,One,2018-01-02,x\n"
        "member.profiled,ana,email,one@example.org,2018-01-02,x\n"
        "member.profiled,ana,name,,2018-01-03,x\n"
        "member.profiled,ana,email,  ,2018-01-03,x\n"
    )
    with rl.open() as ledger:
        assert ledger.import_history(path).recorded == 5
        assert not ledger.as_of(FEB).profile("ana")
        assert [*ledger.as_of(date(2018, 1, 2)).profile("ana")] == ["email", "name"]


def test_a_refused_row_does_not_say_the_value() -> None:
    """The reasons of a refusal name the field; the row itself is the importer's own."""
    row = {
        "fact": "member.profiled",
        "member": "ana",
        "field": "name",
        "by": "x",
        "occurred_at": "2018-01-02",
    }
    with rl.open() as ledger:
        report = ledger.import_history([{**row, "value": VALUE}, {**row, "value": [VALUE]}])
        reasons = [reason for refused in report.refused for reason in refused.reasons]
    assert len(reasons) == 2
    assert VALUE not in str(reasons)


def test_what_a_profile_says_is_in_the_log_alone(tmp_path: Path) -> None:
    """Not in timelines, explanations, lists of people, columns, tables, or any other file."""
    path = tmp_path / "reps.db"
    with rl.open(path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=JAN)
        ledger.record(rl.MemberProfiled(member="ana", field="name", value=VALUE), by="x", occurred_at=FEB)
        wrong = ledger.record(
            rl.MemberProfiled(member="ana", field="email", value="x"), by="x", occurred_at=FEB
        )
        right = rl.MemberProfiled(member="ana", field="email", value=VALUE)
        ledger.record(rl.EntryCorrected(target=wrong.id, replacement=right, reason="typo"), by="x")
        view = ledger.as_of()
        person = view.member("ana")
        assert (person.name, person.profile["email"]) == (VALUE, VALUE)
        told = [line.words for line in person.timeline]
        assert told == ["joined as volunteer", "their name was recorded", "their email was recorded"]
        explained = [view.explain("ana", about).words() for about in ("standing", "membership")]
        columns = ledger.columns()
        assert {*columns.table("member.profiled").fields} & {"field", "value"} == {"field"}
        with ledger.state() as state:
            found = [state.roster(), state.census(), state.check()]
        shown = [view.roster(), view.census(), ledger.reconcile(), ledger.check(), explained, found]
        assert VALUE not in repr(shown)
        others = [each for each in tmp_path.rglob("*") if each.is_file() and each.name not in FILES]
        assert others
        assert not [each.name for each in others if VALUE.encode() in each.read_bytes()]
        assert VALUE.encode() in b"".join((tmp_path / name).read_bytes() for name in FILES)


FILES: Final = ("reps.db", "reps.db-wal")
"""The log itself."""


def test_a_policy_asks_for_fields_and_not_for_what_they_say() -> None:
    """Who has a name recorded can be counted; who is called what is nobody's rule."""
    story = given(joined("ana", "ben"), named(VALUE, FEB))
    has_name = Policy(
        "p", cases=[when(count(facts("member.profiled", field="name")) >= 1).then("yes")], otherwise="no"
    )
    assert story.ledger.as_of().outcomes(has_name) == {"ana": "yes", "ben": "no"}
    with pytest.raises(InvalidPolicy, match="personal text"):
        count(facts("member.profiled", value=VALUE))


def test_a_table_of_state_has_no_profile(tmp_path: Path) -> None:
    """No table or column of state is made for profiles; a described community is there by name."""
    with rl.open(tmp_path / "reps.db") as ledger:
        ledger.record(rl.CommunityDescribed(community="asia", field="link", value=VALUE), by="x")
        with ledger.state():
            pass
    connection = sqlite3.connect(tmp_path / "reps.db.state")
    assert connection.execute("SELECT community, founded FROM community").fetchall() == [("asia", None)]
    connection.close()
