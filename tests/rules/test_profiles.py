"""Profiles and descriptions: what is refused, and that no refusal and no error says what a profile does."""

from __future__ import annotations

from typing import Any, Final

import pytest

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, Registry, acting, kind_of
from reps_ledger.domain.rules import BUILT_IN_RULES, Judge, Memory, Rulebook
from scenarios import APR, FEB, JAN, MAR, correct, given, joined, merged

VALUE: Final = "Name That Nobody May Read"
NAMED: Final = rl.MemberProfiled(member="ana", field="name", value=VALUE)

KINDS: Final[dict[str, Any]] = {
    "member": rl.MemberProfiled,
    "community": rl.CommunityDescribed,
    "organisation": rl.OrganisationDescribed,
}
every_kind = pytest.mark.parametrize("subject", KINDS)


@every_kind
@pytest.mark.parametrize("blank", [None, "", " ", "\t\r\n", "\u3000"])
def test_blank_text_is_no_value(subject: str, blank: str | None) -> None:
    """An empty cell of a form says the same as no value: the two facts are equal."""
    kind = KINDS[subject]
    fact = kind(**{subject: "a"}, field="name", value=blank)
    assert fact.value is None
    assert fact == kind(**{subject: "a"}, field="name")


@every_kind
def test_text_is_kept_as_it_is(subject: str) -> None:
    """Also with white space at its ends, lines and any script."""
    for value in (" Name ", "one\ntwo", "\u65e5\u672c\u8a9e", "0"):
        assert KINDS[subject](**{subject: "a"}, field="name", value=value).value == value


@every_kind
@pytest.mark.parametrize("field", ["", " name", "name\n", None, 7])
def test_a_field_has_a_name(subject: str, field: Any) -> None:
    """Names of fields are names like any other."""
    with pytest.raises(rl.InvalidFact, match="field"):
        KINDS[subject](**{subject: "a"}, field=field, value="x")


@every_kind
@pytest.mark.parametrize(
    "value", [f"{VALUE}\0", f"{VALUE}\ud800", VALUE * 1_000, [VALUE], {"value": VALUE}, 7]
)
def test_an_error_does_not_say_the_value(subject: str, value: Any) -> None:
    """What is no text, or too much of it, is refused by the name of the field alone."""
    with pytest.raises(rl.InvalidInput) as raised:
        KINDS[subject](**{subject: "a"}, field="name", value=value)
    assert "value" in str(raised.value)
    assert VALUE not in str(raised.value)


def test_profiles_are_nobodys_acts() -> None:
    """Who edits their profile did nothing that keeps them active."""
    assert acting(NAMED) is None
    story = given(joined("ana"), (NAMED, MAR))
    assert story.ledger.as_of(APR).member("ana").membership.last_activity.date() == JAN  # type: ignore[union-attr]  # they joined


def test_a_refusal_does_not_say_the_value() -> None:
    """Neither of somebody who never joined, nor of one who was merged away, nor of what contradicts it."""
    unknown = given().when((NAMED, FEB)).then_refused("not_joined", "ana", "2018-02-01")
    gone = given(joined("ana", "ben"), merged("ben", "ana")).when((NAMED, FEB)).refusals()
    story = given(joined("ana"), (NAMED, FEB))
    late = story.when(correct(0, rl.MemberJoined(member="ana"), on=MAR)).refusals()
    assert [refusal.code for refusal in gone] == ["merged_away"]
    assert [refusal.code for refusal in late] == ["contradicts_later"]
    assert VALUE not in f"{unknown} {gone} {late}"


def test_a_profile_outlasts_retirement() -> None:
    """Who retired is a member still: their profile may change."""
    retired = rl.MemberRetired(member="ana", how="died")
    given(joined("ana"), (retired, FEB)).when((NAMED, MAR)).then_recorded()


def test_whatever_is_so_may_be_said_again() -> None:
    """Also what was removed, or never there, may be removed."""
    nothing = rl.MemberProfiled(member="ana", field="email")
    given(joined("ana"), (NAMED, FEB)).when((NAMED, FEB), (NAMED, MAR), (nothing, MAR)).then_recorded()


def test_a_description_names_a_community() -> None:
    """As any fact does: it need not be founded, and its name may not read like another's."""
    described = rl.CommunityDescribed(community="Asia", field="link", value="https://example.org")
    story = given().when((described, FEB)).then_recorded()
    story.when((rl.CommunityDescribed(community="ASIA", field="link"), MAR)).then_refused(
        "name_taken", "Asia"
    )
    given((rl.CommunityFounded(community="Asia"), MAR)).when((described, FEB)).then_recorded()


def test_an_organisation_needs_nothing() -> None:
    """Whatever is called an organisation may be described."""
    described = rl.OrganisationDescribed(organisation="acme", field="kind", value="firm")
    given().when((described, FEB)).then_recorded()


def test_recording_a_profile_depends_on_no_other_profile() -> None:
    """What is read for it does not grow with it, and two may record one at the same time."""
    for fact in (
        NAMED,
        rl.CommunityDescribed(community="asia", field="name"),
        rl.OrganisationDescribed(organisation="acme", field="name"),
    ):
        name = kind_of(fact).name
        (rule,) = (rule for rule in BUILT_IN_RULES if rule.name == name)
        judge = Judge(Memory(Registry(BUILT_IN)), Rulebook(Registry(BUILT_IN)))
        assert not any(part.fold.takes(name) for part in rule.parts(fact, judge))
