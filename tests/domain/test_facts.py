"""The built-in kinds of fact, and what may become one."""

from __future__ import annotations

import typing
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
import reps_ledger.domain.facts as module
from reps_ledger.domain.entries import people_in, subject_tags
from reps_ledger.domain.facts import (
    BUILT_IN,
    RESERVED,
    EntryCorrected,
    EntryRetracted,
    EntryVoided,
    ExemptionGranted,
    Fact,
    FactType,
    Kind,
    LedgerDeclared,
    MemberJoined,
    MemberRetired,
    Registry,
    ReportFiled,
    RoleAssigned,
    RoleEnded,
    TextRedacted,
    Vouched,
    fact,
    kind_of,
)
from reps_ledger.domain.validation import MAX_NAME
from reps_ledger.errors import InvalidFact, InvalidFactType, InvalidInput, InvalidTime
from scale import examples
from strategies import (
    CHOICES,
    CUSTOM,
    PLAIN,
    BadgeAwarded,
    MentoringHeld,
    custom_facts,
    facts,
    replacing,
    retracting,
)

STORED: Final = {
    "MemberJoined": ("member.joined", 1, "member"),
    "MemberRetired": ("member.retired", 1, None),
    "MemberReturned": ("member.returned", 1, "member"),
    "AccountLinked": ("account.linked", 1, None),
    "AccountUnlinked": ("account.unlinked", 1, None),
    "MembersMerged": ("members.merged", 1, None),
    "MembersUnmerged": ("members.unmerged", 1, None),
    "AffiliationStarted": ("affiliation.started", 1, None),
    "AffiliationEnded": ("affiliation.ended", 1, None),
    "MemberProfiled": ("member.profiled", 1, None),
    "CommunityDescribed": ("community.described", 1, None),
    "OrganisationDescribed": ("organisation.described", 1, None),
    "Vouched": ("vouch.given", 1, "voucher"),
    "VouchWithdrawn": ("vouch.withdrawn", 1, None),
    "RoleAssigned": ("role.assigned", 1, None),
    "RoleEnded": ("role.ended", 1, None),
    "RoleAsserted": ("role.asserted", 1, None),
    "MentorAssigned": ("mentor.assigned", 1, None),
    "MentorReleased": ("mentor.released", 1, None),
    "CommunityFounded": ("community.founded", 1, None),
    "CommunityJoined": ("community.joined", 1, "member"),
    "CommunityLeft": ("community.left", 1, None),
    "ReportFiled": ("report.filed", 1, "member"),
    "ReportVerified": ("report.verified", 1, "verifier"),
    "OpportunityHeld": ("opportunity.held", 1, None),
    "OpportunityTaken": ("opportunity.taken", 1, "member"),
    "CourseCompleted": ("course.completed", 1, "member"),
    "AgreementAccepted": ("agreement.accepted", 1, "member"),
    "AgreementRevoked": ("agreement.revoked", 1, None),
    "LeaveStarted": ("leave.started", 1, None),
    "LeaveEnded": ("leave.ended", 1, None),
    "NoticeSent": ("notice.sent", 1, None),
    "NoticeAnswered": ("notice.answered", 1, "member"),
    "ApplicationFiled": ("application.filed", 1, "member"),
    "ApplicationDecided": ("application.decided", 1, None),
    "ReviewOpened": ("review.opened", 1, None),
    "ReviewDecided": ("review.decided", 1, None),
    "ExemptionGranted": ("exemption.granted", 1, None),
    "CharterAdopted": ("charter.adopted", 1, None),
    "LedgerDeclared": ("ledger.declared", 1, None),
    "PolicyStated": ("policy.stated", 1, None),
    "AccessGiven": ("access.given", 1, None),
    "EntryRetracted": ("entry.retracted", 1, None),
    "EntryCorrected": ("entry.corrected", 1, None),
    "EntryVoided": ("entry.voided", 1, None),
    "MemberErased": ("member.erased", 2, None),
    "TextRedacted": ("text.redacted", 1, None),
}
"""What is written into logs: change a line only with an upcaster."""

PERSONAL_FIELDS: Final = {
    ("account.linked", "account"),
    ("account.unlinked", "account"),
    ("application.decided", "reason"),
    ("course.completed", "evidence"),
    ("entry.corrected", "reason"),
    ("entry.retracted", "reason"),
    ("entry.voided", "reason"),
    ("exemption.granted", "reason"),
    ("member.joined", "account"),
    ("member.profiled", "value"),
    ("member.retired", "reason"),
    ("member.returned", "reason"),
    ("members.merged", "reason"),
    ("members.unmerged", "reason"),
    ("notice.answered", "answer"),
    ("report.filed", "link"),
    ("review.decided", "reason"),
    ("role.assigned", "reason"),
    ("role.ended", "reason"),
    ("vouch.given", "reason"),
    ("vouch.withdrawn", "reason"),
}
"""What erasure destroys. A reason for an erasure outlives it."""

OTHER_PEOPLE: Final = {
    ("access.given", "person"),
    ("application.filed", "references"),
    ("leave.started", "covered_by"),
    ("members.merged", "duplicate"),
    ("members.unmerged", "duplicate"),
    ("mentor.assigned", "mentor"),
    ("mentor.released", "mentor"),
    ("report.verified", "verifier"),
    ("text.redacted", "person"),
    ("vouch.given", "voucher"),
    ("vouch.withdrawn", "voucher"),
}
"""Fields other than ``member`` that name people."""

DAYS: Final = {
    ("charter.adopted", "effective_from", "start"),
    ("exemption.granted", "expires", "end"),
    ("leave.started", "expected_return", "start"),
    ("notice.sent", "deadline", "end"),
    ("review.decided", "as_of", "last"),
    ("review.opened", "as_of", "last"),
    ("review.opened", "due", "end"),
    ("role.assigned", "until", "start"),
}
"""Fields that take a plain date, and which instant of that day it means."""

REGISTRY: Final = Registry((*BUILT_IN, *CUSTOM))
EVERY_KIND = pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: cls.__name__)
EVERY_FIELD = pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, attribute.name) for cls in BUILT_IN for attribute in attrs.fields(cls)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)


def a_fact(cls: type[Fact]) -> dict[str, Any]:
    """Return the least that makes a fact of a class."""
    known: dict[str, Any] = {
        name: CHOICES[kind_of(cls).name][name][0] for name in CHOICES.get(kind_of(cls).name, {})
    }
    if cls is EntryCorrected:
        known["replacement"] = MemberJoined(member="ana")
    if cls is EntryVoided:
        known["target_position"] = 7
    if cls is TextRedacted:
        known["entries"] = ("word",)
    if cls is LedgerDeclared:
        known["zone"] = "Europe/Paris"
    return {
        attribute.name: known.get(attribute.name, "word")
        for attribute in attrs.fields(cls)
        if attribute.default is attrs.NOTHING
    }


def lists(cls: type[Fact]) -> list[str]:
    """Return the fields that hold several values."""
    return [name for name, shape in FactType.of(cls).shapes.items() if shape == "list"]


def test_stored_names_and_versions_are_as_ever() -> None:
    """Stored names, schema versions and acts are exactly those on the list."""
    found = {cls.__name__: (kind_of(cls).name, kind_of(cls).version, kind_of(cls).act) for cls in BUILT_IN}
    assert found == STORED


def test_personal_fields_are_as_listed() -> None:
    """What erasure destroys is exactly what is on the list."""
    found = {(kind_of(cls).name, name) for cls in BUILT_IN for name in FactType.of(cls).personal}
    assert found == PERSONAL_FIELDS


def test_people_are_named_where_listed() -> None:
    """Whose history an entry joins is exactly as listed."""
    found = {
        (kind_of(cls).name, name) for cls in BUILT_IN for name in FactType.of(cls).persons if name != "member"
    }
    assert found == OTHER_PEOPLE


def test_plain_dates_mean_the_listed_end_of_the_day() -> None:
    """A day named as a deadline is still in time; a day named as a start has begun."""
    found = {(kind_of(cls).name, *item) for cls in BUILT_IN for item in FactType.of(cls).days}
    assert found == DAYS


def test_every_kind_is_exported() -> None:
    """Each built-in class can be imported from the folder and from the package itself."""
    names = {cls.__name__ for cls in BUILT_IN}
    assert names <= set(module.__all__) & set(rl.__all__)
    assert all(getattr(rl, cls.__name__) is cls for cls in BUILT_IN)
    assert len(BUILT_IN) == len(names) == len(STORED)


@EVERY_KIND
def test_facts_cannot_change(cls: type[Fact]) -> None:
    """A fact's fields cannot be set, deleted or added to."""
    value = cls(**a_fact(cls))
    name = attrs.fields(cls)[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, "other")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(value, name)
    assert not hasattr(value, "__dict__")


@EVERY_KIND
def test_facts_take_keywords_only(cls: type[Fact]) -> None:
    """No fact can be made by position."""
    assert all(attribute.kw_only for attribute in attrs.fields(cls))
    with pytest.raises(TypeError):
        cls(*a_fact(cls).values())


@EVERY_KIND
def test_facts_are_described(cls: type[Fact]) -> None:
    """Each kind has a docstring of its own, and an act that names a person."""
    assert (cls.__doc__ or "").strip()
    described = FactType.of(cls)
    assert described.kind.act is None or described.kind.act in described.persons


@EVERY_KIND
def test_facts_are_values(cls: type[Fact]) -> None:
    """Facts of equal fields are equal, and hash alike."""
    one, other = cls(**a_fact(cls)), cls(**a_fact(cls))
    assert one == other
    assert hash(one) == hash(other)


@EVERY_KIND
def test_needed_fields_are_needed(cls: type[Fact]) -> None:
    """What has no default must be given."""
    for name in FactType.of(cls).required:
        values = a_fact(cls)
        del values[name]
        with pytest.raises(TypeError, match=name):
            cls(**values)


@EVERY_FIELD
@pytest.mark.parametrize(
    "value",
    [b"bytes", object(), float("nan"), float("inf"), "a\0b", "\ud800", {"a": 1}, "n" * 100_001],
    ids=["bytes", "object", "nan", "inf", "control", "surrogate", "mapping", "huge"],
)
def test_no_field_takes_what_it_cannot_store(cls: type[Fact], name: str, value: object) -> None:
    """Each built-in field refuses bad input by a typed error that names the class and field."""
    with pytest.raises(InvalidInput) as caught:
        cls(**{**a_fact(cls), name: value})
    assert caught.value.field == f"{cls.__name__}.{name}"
    assert f"{cls.__name__}.{name}" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls in BUILT_IN for name in FactType.of(cls).persons],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
@pytest.mark.parametrize("value", ["", " ana", "ana ", "e\u0301", "n" * (MAX_NAME + 1), "a\nb", 7], ids=ascii)
def test_people_are_named_by_identifiers(cls: type[Fact], name: str, value: object) -> None:
    """Every field that names people refuses what is no identifier."""
    shaped = [value] if name in lists(cls) else value
    with pytest.raises(InvalidInput) as caught:
        cls(**{**a_fact(cls), name: shaped})
    assert caught.value.field == f"{cls.__name__}.{name}"


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls in BUILT_IN for name in lists(cls)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_no_list_takes_a_string(cls: type[Fact], name: str) -> None:
    """A string where a list belongs is refused; a list becomes a tuple."""
    with pytest.raises(InvalidFact) as caught:
        cls(**{**a_fact(cls), name: "ana"})
    assert caught.value.field == f"{cls.__name__}.{name}"
    assert getattr(cls(**{**a_fact(cls), name: ["ana"]}), name) == ("ana",)


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls in BUILT_IN for name in sorted(FactType.of(cls).instants)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_instants_know_their_zone(cls: type[Fact], name: str) -> None:
    """A naive datetime is refused; an aware one, and a plain date, are taken."""
    aware = datetime(2018, 3, 1, tzinfo=UTC)
    with pytest.raises(InvalidTime) as caught:
        cls(**{**a_fact(cls), name: aware.replace(tzinfo=None)})
    assert caught.value.field == f"{cls.__name__}.{name}"
    for good in (aware, date(2018, 3, 1)):
        assert getattr(cls(**{**a_fact(cls), name: good}), name) == good


@pytest.mark.parametrize(
    ("cls", "name", "words"),
    [
        (cls, name, words)
        for cls in (MemberRetired, RoleEnded)
        for name, words in CHOICES[kind_of(cls).name].items()
    ],
    ids=["retired", "ended"],
)
def test_ways_to_end_are_few(cls: type[Fact], name: str, words: tuple[str, ...]) -> None:
    """How somebody retired or a role ended is one of the listed words."""
    for word in words:
        assert getattr(cls(**{**a_fact(cls), name: word}), name) == word
    with pytest.raises(InvalidFact, match=", ".join(words)):
        cls(**{**a_fact(cls), name: "bored"})


def test_amounts_may_be_whole_numbers() -> None:
    """A whole amount is welcome, and stored as a float; true and false are not amounts."""
    filed = ReportFiled(member="ana", activity="talk", amount=3)
    assert (filed.amount, type(filed.amount)) == (3.0, float)
    for exact in (1_000, 2**53, -(2**53)):
        assert ReportFiled(member="ana", activity="talk", amount=exact).amount == exact
    for bad in (True, "3", 2**53 + 1, -(2**53) - 1, 2**60, [3]):
        with pytest.raises(InvalidFact):
            ReportFiled(member="ana", activity="talk", amount=bad)  # type: ignore[arg-type]  # what is refused


def test_exemptions_say_why() -> None:
    """An exemption without a reason cannot be made."""
    with pytest.raises(InvalidFact, match=r"ExemptionGranted\.reason is empty"):
        ExemptionGranted(member="ana", policy="activity", reason=" ")


@pytest.mark.parametrize(
    "replacement",
    [
        None,
        "role.assigned",
        {"member": "ana"},
        MemberJoined,
        EntryRetracted(target="1", reason="r"),
        EntryCorrected(target="1", reason="r", replacement=MemberJoined(member="ana")),
        EntryVoided(target_position=1, reason="r"),
    ],
    ids=["none", "text", "mapping", "class", "retraction", "correction", "void"],
)
def test_a_replacement_is_a_plain_fact(replacement: Any) -> None:
    """A correction puts a fact in an entry's place: no correction, retraction or void, no class."""
    with pytest.raises(InvalidFact) as caught:
        EntryCorrected(target="1", reason="r", replacement=replacement)
    assert caught.value.field == "EntryCorrected.replacement"
    amends = isinstance(replacement, EntryRetracted | EntryCorrected | EntryVoided)
    words = "itself be a correction" if amends else f"must be a fact, not {type(replacement).__name__}"
    assert words in str(caught.value)


@pytest.mark.parametrize("position", [0, -1, 1 << 63, True, 7.0, "7"])
def test_a_void_names_a_position(position: Any) -> None:
    """Positions are whole numbers from 1, as any database can hold them."""
    assert EntryVoided(target_position=(1 << 63) - 1, reason="r").leaf is None
    with pytest.raises(InvalidFact, match=r"EntryVoided\.target_position must be a position"):
        EntryVoided(target_position=position, reason="r")


@pytest.mark.parametrize("leaf", ["", "ab", "A" * 64, "g" * 64, "a" * 65, "a" * 64 + "\n", b"a" * 64, 7])
def test_a_void_names_a_hash_in_one_way(leaf: Any) -> None:
    """A leaf's hash is 64 hexadecimal digits, in small letters."""
    assert EntryVoided(target_position=1, leaf="0a" * 32, reason="r").leaf == "0a" * 32
    with pytest.raises(InvalidFact, match=r"EntryVoided\.leaf must be a SHA-256 hash"):
        EntryVoided(target_position=1, leaf=leaf, reason="r")


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names_are_refused(name: str) -> None:
    """No fact may have a field that the exchange format needs."""
    cls = attrs.make_class("Bad", {name: attrs.field(type=str)}, frozen=True, kw_only=True)
    with pytest.raises(InvalidFactType, match=f"reserved as field names: {name}"):
        fact("bad.fact")(cls)


def test_all_reserved_names_are_told_at_once() -> None:
    """In their order, with the stored name of the fact."""
    names = {name: attrs.field(type=str) for name in ("by", "id", "member")}
    cls = attrs.make_class("Bad", names, frozen=True, kw_only=True)
    with pytest.raises(InvalidFactType, match=r"bad\.fact: .* field names: by, id$"):
        fact("bad.fact")(cls)


def test_a_fact_is_a_frozen_attrs_class() -> None:
    """Plain classes and classes whose values can change are refused."""

    class Plain:
        """No attrs class."""

    @attrs.define
    class Loose:
        """An attrs class that is not frozen."""

        member: str

    @attrs.define
    class Guarded:
        """An attrs class whose values are changed by something without a name."""

        member: str

    type.__setattr__(Guarded, "__setattr__", partial(object.__setattr__))

    for cls in (Plain, Loose, Guarded, int):
        with pytest.raises(InvalidFactType, match="must be a frozen attrs class"):
            fact("bad.fact")(cls)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "joined",
        "Member.joined",
        "member..joined",
        ".joined",
        "member.",
        "member joined",
        "member.joined\n",
        "member.jöined",
        "1member.joined",
        "a.b.c.d.e",
        f"a.{'b' * 41}",
        "member/joined",
    ],
    ids=ascii,
)
def test_bad_stored_names_are_refused(name: str) -> None:
    """A stored name is two to four short lower case words joined by dots."""
    with pytest.raises(InvalidFactType, match="cannot be a stored name"):
        fact(name)(BadgeAwarded)


@pytest.mark.parametrize("name", ["a.b", "a.b.c.d", f"a.{'b' * 40}", "first-aid.course_2"])
def test_good_stored_names_are_taken(name: str) -> None:
    """Dashes, underlines and digits may stand inside a word."""
    cls = attrs.make_class("Good", {"member": attrs.field(type=str)}, frozen=True)
    assert kind_of(fact(name)(cls)) == Kind(name=name)
    marked = fact(name, version=2, act="member")(cls)
    assert kind_of(marked) == Kind(name=name, version=2, act="member")


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None], ids=repr)
def test_bad_versions_are_refused(version: Any) -> None:
    """A schema version is a whole number from 1."""
    cls = attrs.make_class("Bad", {"member": attrs.field(type=str)}, frozen=True)
    with pytest.raises(InvalidFactType, match="version"):
        fact("bad.fact", version=version)(cls)


def test_an_act_names_a_field() -> None:
    """Whose act a fact is must be one of its fields."""
    cls = attrs.make_class("Bad", {"member": attrs.field(type=str)}, frozen=True)
    with pytest.raises(InvalidFactType, match="act='actor' is not one of its fields"):
        fact("bad.fact", act="actor")(cls)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"follows": "mentoring.held", "shared": ("member", "place")}, "no field of it: place"),
        ({"follows": "mentoring.held"}, "together"),
        ({"shared": ("member",)}, "together"),
    ],
)
def test_what_a_fact_follows_is_said_with_the_fields_that_tell(options: dict[str, Any], words: str) -> None:
    """Both or neither, and fields that it has."""
    cls = attrs.make_class("Bad", {"member": attrs.field(type=str)}, frozen=True)
    with pytest.raises(InvalidFactType, match=words):
        fact("bad.fact", **options)(cls)


def test_what_follows_what_is_known() -> None:
    """Each kind that follows another shares with it the fields that it names."""
    known = {kind_of(cls).name: cls for cls in BUILT_IN}
    following = [cls for cls in BUILT_IN if kind_of(cls).follows is not None]
    assert len(following) == 15
    for cls in following:
        kind = kind_of(cls)
        before = attrs.fields_dict(known[kind.follows or ""])
        assert set(kind.shared) <= before.keys() & attrs.fields_dict(cls).keys()


def test_what_was_never_marked_is_no_fact() -> None:
    """Classes and values without a stored name are told how to get one."""
    cls = attrs.make_class("Bare", {"member": attrs.field(type=str)}, frozen=True)
    never: list[tuple[Any, str]] = [(cls, "Bare"), (cls("ana"), "Bare"), (7, "int"), (str, "str")]
    for bare, name in never:
        with pytest.raises(InvalidFactType, match=f"^{name} is not a fact"):
            kind_of(bare)


@pytest.mark.parametrize(
    "hint",
    [
        dict[str, str],
        list[str],
        set[str],
        tuple[str, str],
        tuple[tuple[str, ...], ...],
        tuple[Any, ...],
        bytes,
        complex,
        object,
        Any,
        str | int,
        bytes | None,
        typing.Literal[1, 2],
        MemberJoined,
    ],
    ids=str,
)
def test_fields_that_cannot_be_stored_are_refused(hint: Any) -> None:
    """A field of a type that no flat row can hold is refused when the ledger is told of it."""
    cls = attrs.make_class("Bad", {"stuff": attrs.field(type=hint)}, frozen=True)
    with pytest.raises(InvalidFactType, match=r"bad\.fact: field 'stuff' has a type that cannot"):
        Registry([fact("bad.fact")(cls)])


@pytest.mark.parametrize(
    ("hint", "shape"),
    [
        (str, "text"),
        (int | None, "int"),
        (typing.Optional[float], "float"),  # noqa: UP045 — old spellings are stored too
        (bool, "bool"),
        (typing.Literal["a", "b"], "text"),
        (date, "date"),
        (datetime, "instant"),
        (datetime | None, "instant"),
        (tuple[str, ...], "list"),
        (tuple[int, ...] | None, "list"),
        (Fact, "fact"),
    ],
    ids=str,
)
def test_fields_that_can_be_stored_are_described(hint: Any, shape: str) -> None:
    """Scalars, instants, lists and nested facts are told apart."""
    cls = attrs.make_class("Good", {"stuff": attrs.field(type=hint)}, frozen=True)
    described = FactType.of(fact("good.fact")(cls))
    assert described.shapes == {"stuff": shape}
    assert described.instants == ({"stuff"} if shape == "instant" else set())
    assert described.nested == ({"stuff"} if shape == "fact" else set())


def test_a_stored_name_belongs_to_one_class() -> None:
    """Two classes under one stored name are refused, and both are named."""
    cls = attrs.make_class("Twin", {"member": attrs.field(type=str)}, frozen=True)
    with pytest.raises(InvalidFactType, match=r"member\.joined .*MemberJoined and Twin"):
        Registry([*BUILT_IN, fact("member.joined")(cls)])


def test_a_registry_finds_what_it_was_told_of() -> None:
    """Types are found by stored name and by fact; others are an error that says what to do."""
    registry = Registry(BUILT_IN)
    assert [described.cls for described in registry] == list(BUILT_IN)
    joined = registry.named("member.joined")
    assert joined is not None
    assert joined is registry.of(MemberJoined(member="ana"))
    assert (joined.required, joined.tagged) == (frozenset({"member"}), False)
    assert FactType.of(RoleAssigned).tagged
    assert registry.named("badge.awarded") is None
    with pytest.raises(InvalidFactType, match=r"badge\.awarded is not known to this ledger"):
        registry.of(BadgeAwarded(member="ana", badge="gold"))


def test_a_service_adds_kinds_of_its_own() -> None:
    """A custom fact is described by its fields, metadata and act."""
    described = REGISTRY.of(MentoringHeld(member="ana", mentor="ben", minutes=30))
    assert described.kind == Kind(name="mentoring.held", version=3, act="mentor")
    assert described.persons == ("member", "mentor")
    assert described.personal == {"notes"}
    assert described.required == {"member", "mentor", "minutes"}
    assert described.instants == {"began"}
    assert described.shapes["topics"] == "list"


def test_people_and_tags_come_from_the_fields() -> None:
    """Everyone named is found, lists included, and the community has its tag."""
    vouched = Vouched(member="ana", voucher="ben")
    assert list(people_in(vouched, REGISTRY)) == ["ana", "ben"]
    role = RoleAssigned(member="ana", role="mentor", community="indonesia")
    assert list(subject_tags(role, REGISTRY)) == ["member:ana", "community:indonesia"]
    everywhere = RoleAssigned(member="ana", role="mentor")
    assert list(subject_tags(everywhere, REGISTRY)) == ["member:ana"]


@given(value=facts() | custom_facts() | retracting("1") | replacing("1"))
def test_generated_facts_are_facts(value: Fact) -> None:
    """What the strategies make is legal, known, and stays so when made again."""
    described = REGISTRY.of(value)
    again = {name: getattr(value, name) for name in described.names}
    assert described.cls(**again) == value


@pytest.mark.parametrize("cls", [*PLAIN, *CUSTOM], ids=lambda cls: cls.__name__)
@examples(0.2)
@given(data=st.data())
def test_every_kind_is_generated(cls: type[Fact], data: st.DataObject) -> None:
    """Each kind can be made alone, by class; a built-in one by stored name too."""
    assert type(data.draw(facts(cls))) is cls
    if cls in BUILT_IN:
        assert type(data.draw(facts(kind_of(cls).name))) is cls
