"""Charters in words: what people read of one, and of what changes."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest
from attrs import evolve

from reps_ledger.policies import Policy, holds, joined, reports, vouches, when, years
from reps_ledger.policies.charter import (
    Authority,
    Charter,
    Level,
    RoleClause,
    Standing,
    Vouching,
    changes,
    charter_words,
)
from reps_ledger.policies.charter.clauses import statements

POLICY: Final = Policy("p", cases=[when(reports() >= 1).then("a")], otherwise="b")
FULL: Final = Charter(
    name="reps",
    version="7",
    source="a meeting",
    member=reports() >= 1,
    communities=(("java", vouches() >= 1),),
    roles=(
        RoleClause(
            role="mentor",
            admission=holds("rep"),
            courses=("one", "two"),
            unless=joined(before=date(2018, 1, 1)),
            ends=("resigned", "emeritus"),
        ),
        RoleClause(role="old", closed=True, ends=()),
        RoleClause(role="rep", courses=("one",), term=years(2), seats=3, review="p"),
    ),
    vouching=Vouching(may=holds("rep"), most=6, levels=(Level("v", 1), Level("w", 3))),
    authorities=(
        Authority(fact="role.assigned", actors=("x", "y"), agents=("portal", "bot")),
        Authority(fact="role.ended", themselves=True, when=holds("rep")),
    ),
    policies=(POLICY,),
    standing=Standing(policy="p", active=("a",)),
)
SAID: Final = {
    "source": "It comes from a meeting.",
    "members": "Who counts as a member: those of whom it is so that they have at least 1 report.",
    "members of java": (
        "Who counts as a member of java: "
        "those of whom it is so that they have at least 1 vouch that still stands."
    ),
    "standing": ('Members stand as the policy "p" says; active are those for whom it says "a".'),
    "who may vouch": "Who may vouch: those of whom it is so that they are a rep.",
    "vouches received": "Nobody receives more than 6 standing vouches.",
    "vouch levels": 'Levels by standing vouches: "v" from 1, "w" from 3.',
    "mentor, admission": "mentor: given to those of whom it is so that they are a rep.",
    "mentor, courses": "mentor: asks for the courses one, two.",
    "mentor, exceptions": "mentor: none of that is asked where they joined before 2018-01-01.",
    "mentor, endings": "mentor: ends only as resigned or emeritus.",
    "old, admission": "old: given to nobody any more; who holds it keeps it.",
    "old, endings": "old: ends only as in no way at all.",
    "rep, courses": "rep: asks for the course one.",
    "rep, term": "rep: given for 2 years at most.",
    "rep, seats": "rep: held by 3 at most at once, in each community.",
    "rep, review": 'rep: reviewed by the policy "p".',
    "who may record role.assigned": (
        "role.assigned is recorded only by x, y; on their behalf by portal, bot too."
    ),
    "who may record role.ended": (
        "role.ended is recorded only by the member concerned, members of whom it is so that they are a rep."
    ),
    "policy p": POLICY.words(),
}


def test_a_charter_is_said_statement_by_statement() -> None:
    """Each under what it is about, in one order; what it does not speak of is not said."""
    assert statements(FULL) == SAID
    assert statements(Charter(name="reps", version="1")) == {}
    assert statements(Charter(name="reps", version="1", vouching=Vouching())) == {}


def test_a_whole_charter_is_said_in_paragraphs() -> None:
    """Under a title that says which it is."""
    title, *paragraphs = charter_words(FULL).split("\n\n")
    assert title == "The charter of reps, version 7."
    assert paragraphs == "\n\n".join(SAID.values()).split("\n\n")


@pytest.mark.parametrize(("most", "told"), [(1, "1 standing vouch."), (2, "2 standing vouches.")])
def test_one_vouch_is_one(most: int, told: str) -> None:
    """Numbers agree with what they count."""
    said = statements(Charter(name="reps", version="1", vouching=Vouching(most=most)))
    assert said == {"vouches received": f"Nobody receives more than {told}"}


def test_changes_of_a_line_are_said_in_two() -> None:
    """What was said before, and what is said now; what stays is not repeated."""
    assert FULL.vouching is not None
    after = evolve(FULL, source="", vouching=evolve(FULL.vouching, most=7))
    assert changes(FULL, after) == (
        "dropped: It comes from a meeting.",
        (
            "changed: Nobody receives more than 6 standing vouches.\n"
            "     to: Nobody receives more than 7 standing vouches."
        ),
    )
    assert changes(after, FULL)[-1] == "added: It comes from a meeting."


def test_changes_of_several_lines_are_said_line_by_line() -> None:
    """Where either is of more than one line, each line that went or came."""
    one = Charter(name="reps", version="1", source="a meeting")
    two = evolve(one, source="a meeting.\nTwo of them")
    assert changes(one, two) == ("changed: source\n  + Two of them.",)
    assert changes(two, one) == ("changed: source\n  - Two of them.",)
