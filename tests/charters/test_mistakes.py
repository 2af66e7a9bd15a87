"""Mistakes in charters: each error says where it is, and names what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import Policy, count, holds, reports, when
from reps_ledger.policies.charter import (
    Authority,
    Charter,
    Level,
    RoleClause,
    Standing,
    Vouching,
    read_charter,
)

if TYPE_CHECKING:
    from collections.abc import Callable

START: Final = "charter = 'reps'\nversion = '1'\n"
ROLE: Final = RoleClause(role="mentor")
UNKNOWN: Final = when(count("no.such") >= 1).then("a")
POLICY: Final = Policy("activity", cases=[when(reports() >= 1).then("good")], otherwise="bad")


def charter(**parts: Any) -> Charter:
    """Make a charter of these parts."""
    return Charter(name="reps", version="1", **parts)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: RoleClause(role="m", seats=0), ["seats", "from 1", "0"]),
        (lambda: RoleClause(role="m", seats=True), ["seats", "True"]),
        (lambda: RoleClause(role="m", seats=10**6 + 1), ["seats", "1000001"]),
        (lambda: RoleClause(role="m", admission="rep"), ["admission", "condition"]),  # type: ignore[arg-type]  # what is refused
        (lambda: RoleClause(role="m", ends=["vanished"]), ["resigned", "removed"]),
        (lambda: RoleClause(role="m", closed=True, seats=2), ["closed role"]),
        (lambda: RoleClause(role="m", closed=True, admission=holds("rep")), ["closed role"]),
        (lambda: RoleClause(role="m", unless=holds("rep")), ["unless", "admission", "courses"]),
        (lambda: Vouching(levels=[Level("a", 2), Level("b", 1)]), ["fewest", "most"]),
        (lambda: Vouching(levels=[Level("a", 1), Level("b", 1)]), ["fewest", "most"]),
        (lambda: Vouching(levels=["a"]), ["levels", "Level"]),
        (lambda: Authority(fact="role.ended"), ["role.ended", "actors", "condition"]),
        (lambda: charter(roles=[ROLE, ROLE]), ["role mentor", "twice"]),
        (
            lambda: charter(roles=[RoleClause(role=role) for role in ("a", "b", "c", "b", "a")]),
            ["the role a, b is there twice"],
        ),
        (lambda: charter(roles=["mentor"]), ["roles", "RoleClause"]),
        (lambda: charter(roles=5), ["roles", "RoleClause"]),
        (lambda: charter(roles={"mentor": ROLE}), ["roles", "RoleClause"]),
        (lambda: charter(policies=[POLICY, POLICY]), ["policy activity", "twice"]),
        (
            lambda: charter(authorities=[Authority(fact="role.ended", actors=["x"])] * 2),
            ["authority for role.ended", "twice"],
        ),
        (
            lambda: charter(communities=[("java", holds("rep")), ("java", holds("rep"))]),
            ["community java", "twice"],
        ),
        (lambda: charter(communities=["java"]), ["communities", "pairs"]),
        (lambda: charter(communities=[("java", "rep")]), ["communities", "pairs"]),
        (lambda: charter(roles=[RoleClause(role="m", review="p")]), ["m", "reviewed by p"]),
        (lambda: charter(standing=Standing(policy="p", active=["good"])), ["standing", "p"]),
        (
            lambda: charter(policies=[POLICY], standing=Standing(policy="activity", active=["good", "fine"])),
            ["activity never comes to fine"],
        ),
        (
            lambda: charter(policies=[POLICY], standing=Standing(policy="activity", active=["ok", "fine"])),
            ["fine, ok"],
        ),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_built(make: Callable[[], object], told: list[str]) -> None:
    """The error names what it is about, and what was wrong with it."""
    with pytest.raises(InvalidPolicy) as caught:
        make()
    assert [words for words in told if words not in caught.value.words] == []


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("roles = 1", "roles", "table, not 1"),
        ("[roles]\nmentor = 1", "roles.mentor", "table, not 1"),
        ("[roles.mentor]\nseat = 2", "roles.mentor.seat", "seats"),
        ("[roles.mentor]\nseats = 0", "roles.mentor", "from 1"),
        ("[roles.mentor]\nends = ['gone']", "roles.mentor", "resigned"),
        ("authorities = []", "authorities", "table, not []"),
        ("[vouching]\nlevels = 3", "vouching.levels", "list"),
        ("[vouching]\nmost = 0", "vouching", "from 1"),
        ("[vouching]\nmore = 2", "vouching.more", "most"),
        ("[[vouching.levels]]\nname = 'a'\nvouches = 'b'", "vouching.levels[0]", "vouches"),
        ("communities = 1", "communities", "table, not 1"),
        ("[communities.java]", "communities.java", "member"),
        ("[communities.java]\nmembers = 1", "communities.java.members", "member"),
        ("[communities.java.member]\nholds = 3", "communities.java.member.holds", ""),
        ("policies = 3", "policies", "list"),
        ("policies = [{ policy = 'p' }]", "policies[0]", ""),
        ("standing = 3", "standing", "3"),
        ("colour = 'blue'", "colour", "roles"),
        ("format = 2", "format", "2 is not known"),
    ],
)
def test_a_mistake_in_a_document_is_named_with_its_place(text: str, place: str, told: str) -> None:
    """A program finds the place by itself, people read what belongs there."""
    with pytest.raises(InvalidPolicy) as caught:
        read_charter(START + text)
    assert caught.value.place == place
    assert told in caught.value.words
    assert "None" not in caught.value.words


def test_a_number_may_be_as_large_as_a_million() -> None:
    """From one seat to so many that none is ever refused."""
    assert [RoleClause(role="m", seats=seats).seats for seats in (1, 10**6)] == [1, 10**6]


@pytest.mark.parametrize(
    ("clauses", "told"),
    [
        ({"authorities": [Authority(fact="no.such", actors=["x"])]}, "no fact no.such"),
        ({"roles": [RoleClause(role="m", admission=count("no.such") >= 1)]}, "no.such"),
        ({"member": count("no.such") >= 1}, "no.such"),
        ({"communities": [("java", count("no.such") >= 1)]}, "no.such"),
        ({"vouching": Vouching(may=count("no.such") >= 1)}, "no.such"),
        ({"policies": [Policy("p", cases=[UNKNOWN], otherwise="b")]}, "no.such"),
    ],
)
def test_facts_that_a_ledger_does_not_know_are_named(clauses: dict[str, Any], told: str) -> None:
    """Wherever a charter looks for them."""
    with pytest.raises(InvalidPolicy, match=told):
        charter(**clauses).check(Registry(BUILT_IN))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("version = '1'", "charter is missing"),
        ("charter = 'reps'", "version is missing"),
        ("policy = 'p'", "policy, and no charter"),
        ("charter = ", ""),
    ],
)
def test_what_is_no_charter_is_told_why(text: str, told: str) -> None:
    """The whole document is at fault: there is no place, but a reason."""
    with pytest.raises(InvalidPolicy) as caught:
        read_charter(text)
    assert caught.value.place == ""
    assert told in caught.value.words.lower()


def test_what_is_wrong_with_a_charter_as_a_whole_has_no_place() -> None:
    """Its words say what does not fit together."""
    text = f"{START}[standing]\npolicy = 'activity'\nactive = ['good']\n"
    wrongs = (
        (text, "^standing goes by"),
        ("", "it is empty"),
        ("charter = 'reps'\nversion = 1", "version must be text"),
    )
    for wrong, told in wrongs:
        with pytest.raises(InvalidPolicy, match=told) as caught:
            read_charter(wrong)
        assert caught.value.place == ""


@pytest.mark.parametrize("ends", ["[['x']]", "[{x = 1}]", "['left']", "'left'"])
def test_ways_to_end_a_role_are_named(ends: str) -> None:
    """Whatever is written in their place, it says where, and which there are."""
    with pytest.raises(InvalidPolicy, match=r"roles.*rep.*resigned, expired"):
        read_charter(f"{START}[roles.rep]\nends = {ends}\n")
