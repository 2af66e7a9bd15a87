"""What lasts, of people who turn out to be one: the laws of the fold, whatever is told in whatever order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

import reps_ledger as rl
from identities import PEOPLE, day, histories, joins, merge, told, unmerge
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, MembersMerged, MembersUnmerged
from reps_ledger.domain.rules.folds import MEMBER
from reps_ledger.domain.spans import RETIREMENT, SPAN_KINDS, SpanFold, folded, joined_spans, person_key
from reps_ledger.testing.history import History, Told, entry_of
from scale import examples

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.domain.facts import Fact
    from reps_ledger.domain.spans import Span

Answers = dict[tuple[Any, ...], list[Any]]

LEAD: Final = rl.RoleAssigned(member="ana", role="lead")
END: Final = rl.RoleEnded(member="ana", role="lead", how="resigned")
RETIRED: Final = rl.MemberRetired(member="ana", how="resigned")
RETURNED: Final = rl.MemberReturned(member="ana")
LEAVE: Final = rl.LeaveStarted(member="ana")
BACK: Final = rl.LeaveEnded(member="ana")


def by_ben(fact: Fact) -> Fact:
    """Return the same of Ben."""
    made: Fact = evolve(fact, member="ben")  # type: ignore[misc]  # of any class
    return made


def fold_of(history: History) -> SpanFold:
    """Fold a history as it reads."""
    return folded(history.standing)


def answers(history: History) -> Answers:
    """Return what held when: of each person, kind and key, disjoint times, as days where they are whole."""
    found: dict[tuple[Any, ...], list[Span]] = defaultdict(list)
    fold = fold_of(history)
    for name in SPAN_KINDS:
        for span in fold.of(name):
            found[person_key(span.entry)].append(span)
    return {key: times for key, spans in found.items() if (times := joined_spans(spans))}


def roles_of(history: History, person: str = "ana") -> list[tuple[int, int | None]]:
    """Return when somebody was lead, in days."""
    times = answers(history).get(("role.assigned", person, "lead", None), [])
    return [(_number(start), None if end is None else _number(end)) for start, end in times]


def retired_of(history: History, person: str = "ana") -> list[tuple[int, int | None]]:
    """Return when somebody was retired, in days."""
    times = answers(history).get((RETIREMENT, person), [])
    return [(_number(start), None if end is None else _number(end)) for start, end in times]


def _number(at: datetime) -> int:
    return (at - day(0)).days


def more(history: History, *facts: tuple[Fact, int]) -> History:
    """Tell more."""
    position = len(history)
    added = [entry_of(Told(fact, day(at)), position + place) for place, (fact, at) in enumerate(facts, 1)]
    return evolve(history, entries=(*history.entries, *added))


BOTH: Final = joins("ana", "ben")
MERGED: Final = merge("ana", "ben")

ONE_PERSON: Final[dict[str, tuple[list[tuple[Fact, int]], list[tuple[int, int | None]]]]] = {
    "the end of another's term ends nothing": (
        [(LEAD, 1), (rl.RoleAssigned(member="ben", role="lead", until=day(3)), 2), MERGED],
        [(1, None)],
    ),
    "nor does another's being ended, told before": (
        [(LEAD, 1), (by_ben(LEAD), 2), (by_ben(END), 3), MERGED],
        [(1, None)],
    ),
    "told after, it ends both": ([(LEAD, 1), (by_ben(LEAD), 2), MERGED, (END, 4)], [(1, 4)]),
    "dated before the other began, it ends the first alone": (
        [(LEAD, 1), (by_ben(LEAD), 3), MERGED, (END, 2)],
        [(1, 2), (3, None)],
    ),
    "unmerged, each has their own end": (
        [(LEAD, 1), (by_ben(LEAD), 2), MERGED, (END, 4), unmerge("ana", "ben")],
        [(1, 4)],
    ),
    "merged again, what was ended while they were one is ended": (
        [(by_ben(LEAD), 2), MERGED, (END, 4), unmerge("ana", "ben"), MERGED],
        [(2, 4)],
    ),
    "a duplicate that is retired first": ([(LEAD, 1), (by_ben(RETIRED), 3), MERGED], [(1, None)]),
    "and retired as one": ([(by_ben(LEAD), 1), MERGED, (RETIRED, 5)], [(1, 5)]),
    "given and ended in one instant": ([(LEAD, 1), (END, 1)], []),
    "another's end does not touch what begins in its instant": (
        [(by_ben(LEAD), 1), (by_ben(END), 3), (LEAD, 3), MERGED],
        [(1, None)],
    ),
    "given again without a gap": (
        [(rl.RoleAssigned(member="ana", role="lead", until=day(3)), 1), (LEAD, 3)],
        [(1, None)],
    ),
    "an ending of a day, told before what begins on it": ([(LEAD, 1), (END, 3), (LEAD, 3)], [(1, None)]),
    "and told after it": ([(LEAD, 1), (LEAD, 3), (END, 3)], [(1, None)]),
    "a second ending of that day takes what began on it": (
        [(LEAD, 1), (LEAD, 3), (END, 3), (END, 3)],
        [(1, 3)],
    ),
    "an ending of a day, of what another began, told before what begins on it": (
        [(by_ben(LEAD), 1), MERGED, (END, 3), (LEAD, 3)],
        [(1, None)],
    ),
    "of what another began, told after it": ([(by_ben(LEAD), 1), MERGED, (LEAD, 3), (END, 3)], [(1, None)]),
    "where nothing ran before, what both began": ([(LEAD, 3), (by_ben(LEAD), 3), MERGED, (END, 3)], []),
    "planned, and retired before": ([(LEAD, 7), (RETIRED, 5)], []),
    "unless they are back by then": ([(LEAD, 7), (RETIRED, 5), (RETURNED, 6)], [(7, None)]),
    "in that very instant": ([(LEAD, 7), (RETIRED, 5), (RETURNED, 7)], [(7, None)]),
    "or by another role, told after": (
        [(LEAD, 7), (RETIRED, 5), (rl.RoleAssigned(member="ana", role="scribe"), 6)],
        [(7, None)],
    ),
    "told after the retirement, it is a return": ([(RETIRED, 5), (LEAD, 7)], [(7, None)]),
    "retired again before it": ([(LEAD, 7), (RETIRED, 5), (RETURNED, 6), (RETIRED, 6)], []),
}


@pytest.mark.parametrize("case", ONE_PERSON)
def test_a_role_of_one_person(case: str) -> None:
    """What ends what, where two identifiers turned out to be one person's, or days coincide."""
    facts, times = ONE_PERSON[case]
    assert roles_of(told(*BOTH, *facts)) == times


RETIREMENTS: Final[dict[str, tuple[list[tuple[Fact, int]], list[tuple[int, int | None]]]]] = {
    "the duplicate alone": ([*BOTH, (by_ben(RETIRED), 3), MERGED], []),
    "the one who is kept alone": ([*BOTH, (RETIRED, 3), MERGED], []),
    "both, from the later on": ([*BOTH, (RETIRED, 3), (by_ben(RETIRED), 5), MERGED], [(5, None)]),
    "after the merge": ([*BOTH, MERGED, (RETIRED, 3)], [(3, None)]),
    "until the other joins": (
        [
            (rl.MemberJoined(member="ben"), 0),
            (by_ben(RETIRED), 5),
            (rl.MemberJoined(member="ana"), 8),
            MERGED,
        ],
        [(5, 8)],
    ),
    "and once more, as one": (
        [
            *[(rl.MemberJoined(member="ben"), 0), (by_ben(RETIRED), 5), (rl.MemberJoined(member="ana"), 8)],
            *[MERGED, (RETIRED, 9)],
        ],
        [(5, 8), (9, None)],
    ),
    "a return brings both back": ([*BOTH, MERGED, (RETIRED, 3), (RETURNED, 6)], [(3, 6)]),
}


@pytest.mark.parametrize("case", RETIREMENTS)
def test_a_person_is_retired_while_all_that_they_are_is(case: str) -> None:
    """While every identity that had joined by then is retired."""
    facts, times = RETIREMENTS[case]
    assert retired_of(told(*facts)) == times


def test_what_ends_a_planned_role_is_not_taken_for_its_beginning() -> None:
    """A role that waits for a return in its instant may be ended in it, and then never begins."""
    facts: list[tuple[Fact, int]] = [(LEAD, 7), (RETIRED, 5), (END, 7), (RETURNED, 7)]
    history = told(*BOTH, *facts)
    assert roles_of(history) == []
    (never,) = fold_of(told(*BOTH, *facts[:2])).unbegun
    assert (never.start, never.ended_in) == (day(7), told(*BOTH, *facts).entries[3])


def test_leave_is_of_the_person() -> None:
    """Begun under one record it is ended under the other; retirement ends it, and it may begin anew."""
    leave = ("leave.started", "ana")
    history = told(*BOTH, (by_ben(LEAVE), 1), MERGED, (BACK, 3))
    assert answers(history)[leave] == [(day(1), day(3))]
    again = told(*BOTH, (LEAVE, 1), (RETIRED, 2), (RETURNED, 3), (LEAVE, 4))
    assert answers(again)[leave] == [(day(1), day(2)), (day(4), None)]


def test_two_kinds_of_affiliation_are_two() -> None:
    """The end of one is none of the other; one that names no kind ends all with that organisation."""

    def times(*facts: tuple[Fact, int]) -> dict[str | None, list[Any]]:
        found = answers(told(*BOTH, *facts))
        return {key[3]: spans for key, spans in found.items() if key[0] == "affiliation.started"}

    def firm(kind: str | None, organisation: str = "acme") -> rl.AffiliationStarted:
        return rl.AffiliationStarted(member="ana", organisation=organisation, kind=kind)

    def left(kind: str | None) -> rl.AffiliationEnded:
        return rl.AffiliationEnded(member="ana", organisation="acme", kind=kind)

    begun: list[tuple[Fact, int]] = [(firm("student"), 1), (firm("staff"), 2), (firm(None), 3)]
    assert times(*begun, (left("student"), 4)) == {
        "student": [(day(1), day(4))],
        "staff": [(day(2), None)],
        None: [(day(3), None)],
    }
    assert [spans[0][1] for spans in times(*begun, (left(None), 4)).values()] == [day(4)] * 3
    changed: list[tuple[Fact, int]] = [(firm("staff"), 2), (left(None), 2)]
    for order in (changed, changed[::-1]):  # from student to staff, told in either order
        assert times(begun[0], *order) == {"student": [(day(1), day(2))], "staff": [(day(2), None)]}


def test_what_two_people_share_is_void_while_they_are_one() -> None:
    """A mentor, voucher or verifier who turns out to be the member is none; unmerged, they are again."""
    mentoring = rl.MentorAssigned(member="ana", mentor="ben")
    history = told(*BOTH, (mentoring, 1), MERGED)
    assert not [key for key in answers(history) if key[0] == "mentor.assigned"]
    assert [entry.fact for entry in history.amendments.void(history.entries, history.registry)] == [
        rl.MentorAssigned(member="ana", mentor="ana")
    ]
    apart = more(history, unmerge("ana", "ben"))
    assert answers(apart)["mentor.assigned", "ana", "ben"] == [(day(1), None)]


def test_a_vouch_withdrawn_of_one_record_stands_under_the_other() -> None:
    """Cleo vouched for both records of Ana; taken back of one before they were one, she vouches yet."""
    both = [rl.Vouched(member=name, voucher="cleo") for name in ("ana", "ben")]
    taken = rl.VouchWithdrawn(member="ben", voucher="cleo")
    history = told(*joins(*PEOPLE), *((fact, 1) for fact in both), (taken, 2), MERGED)
    assert answers(history)["vouch.given", "ana", "cleo"] == [(day(1), None)]
    whole = told(*joins(*PEOPLE), *((fact, 1) for fact in both), MERGED, (evolve(taken, member="ana"), 2))
    assert answers(whole)["vouch.given", "ana", "cleo"] == [(day(1), day(2))]


def test_a_correction_by_the_kept_name_stays_of_the_other_record() -> None:
    """Ben's ending was dated wrongly; put right in Ana's name, it is still of Ben's role alone."""
    history = told(*BOTH, (LEAD, 1), (by_ben(LEAD), 1), (by_ben(END), 3), MERGED)
    moved = EntryCorrected(target=history.entries[4].id, replacement=END, reason="a day late")
    assert roles_of(more(history, (moved, 4))) == [(1, None)]
    apart = more(history, (moved, 4), unmerge("ana", "ben"))
    assert (roles_of(apart), roles_of(apart, "ben")) == ([(1, None)], [(1, 4)])
    once_more = EntryCorrected(target=more(history, (moved, 4)).entries[-1].id, replacement=END, reason="no")
    apart = more(history, (moved, 4), (once_more, 5), unmerge("ana", "ben"))
    assert (roles_of(apart), roles_of(apart, "ben")) == ([(1, None)], [(1, 5)])


def test_a_correction_keeps_the_records_of_everybody_whom_it_names() -> None:
    """Also in a list of people; whom it names anew is named as it says."""
    filed = rl.ApplicationFiled(member="cleo", role="lead", references=("ben", "cleo"))
    history = told(*joins(*PEOPLE, "dan"), (filed, 1), MERGED)
    again = evolve(filed, references=("ana", "dan", "cleo"))
    moved = EntryCorrected(target=history.entries[4].id, replacement=again, reason="a day late")
    (one,) = [e for e in more(history, (moved, 2)).standing if e.name == "application.filed"]
    assert one.told is not None
    assert (one.fact.references, one.told.fact.references) == (("ana", "dan", "cleo"), ("ben", "dan", "cleo"))
    (apart,) = [
        e for e in more(history, (moved, 2), unmerge("ana", "ben")).standing if e.name == "application.filed"
    ]
    assert apart.fact.references == ("ben", "dan", "cleo")


def renamed(found: Answers, history: History) -> Answers:
    """Return answers under everybody's whole set of identities, whichever of them is kept."""
    people = history.amendments.people

    def whole(value: Any) -> Any:
        return frozenset(people.get(value, (value,))) if value in PEOPLE else value

    return {tuple(whole(part) for part in key): times for key, times in found.items()}


@given(histories())
def test_when_it_was_recorded_makes_no_difference(history: History) -> None:
    """Folds of the same facts are equal, whatever the clock said; of others they are not."""
    later = [replace(entry, recorded_at=day(900)) for entry in history.entries]
    fold = fold_of(history)
    assert fold == fold_of(evolve(history, entries=tuple(later)))
    assert hash(fold) == hash(fold_of(evolve(history, entries=tuple(later))))
    for entry in history.standing:
        if entry.name in {"role.assigned", "leave.started", "vouch.given"}:
            assert fold != folded(each for each in history.standing if each is not entry)


PLAIN: Final = histories(merges=False, amended=False)
IDENTITIES: Final = st.permutations(PEOPLE)


@examples(2)
@given(PLAIN, IDENTITIES, st.booleans(), st.booleans())
def test_neither_the_order_of_merges_nor_their_direction_matters(
    history: History, names: list[str], turned: bool, chained: bool
) -> None:
    """Three records that are one are one, however that came to be known: a chain equals a star."""
    one, two, three = names
    star = more(history, merge(one, two), merge(one, three))
    other = [merge(two, three), merge(one, two)] if chained else [merge(one, three), merge(one, two)]
    if turned:
        other = [(MembersMerged(member=f.duplicate, duplicate=f.member), at) for f, at in other]  # type: ignore[attr-defined]  # merges
    again = more(history, *other)
    assume(len({again.amendments.identities.kept(name) for name in names}) == 1)
    assert renamed(answers(again), again) == renamed(answers(star), star)


@examples(2)
@given(PLAIN, IDENTITIES)
def test_a_merge_is_the_union_of_what_held_and_ends_nothing(history: History, names: list[str]) -> None:
    """Whatever held of either holds of both, and nothing else; but for retirement, and what is void."""
    one, two, _ = names
    want: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for (kind, *key), times in answers(history).items():
        same = tuple(one if part == two else part for part in key)
        pair = SPAN_KINDS[kind].pair
        if kind != RETIREMENT and not (pair is not None and same[0] == same[1] and key[0] != key[1]):
            want[kind, *same] += times
    merged = answers(more(history, merge(one, two)))
    found = {key: times for key, times in merged.items() if key[0] != RETIREMENT}
    assert found == {key: _union(times) for key, times in want.items()}


def _union(times: list[Any]) -> list[Any]:
    found: list[Any] = []
    for start, end in sorted(times, key=lambda each: each[0]):
        if found and (found[-1][1] is None or start <= found[-1][1]):
            ends = (found[-1][1], end)
            found[-1] = (found[-1][0], None if None in ends else max(ends))
        else:
            found.append((start, end))
    return found


@examples(2)
@given(
    histories(merges=False, amended=False, kinds=frozenset({"member.joined", RETIREMENT, "member.returned"}))
)
def test_retired_is_whoever_is_under_every_identity_that_had_joined(history: History) -> None:
    """At every instant, whatever the order in which they joined and retired."""
    fold = fold_of(history)
    merged = fold_of(more(history, merge("ana", "ben")))
    alone = {name: [s for s in fold.of(RETIREMENT) if s.entry.fact.member == name] for name in PEOPLE}
    for number in range(12):
        there = [name for name in ("ana", "ben") if name in fold.joined and fold.joined[name] <= day(number)]
        want = bool(there) and all(any(s.holds(day(number)) for s in alone[name]) for name in there)
        of_ana = [s for s in merged.of(RETIREMENT) if s.entry.fact.member == "ana"]
        assert any(span.holds(day(number)) for span in of_ana) == want


@examples(2)
@given(PLAIN, histories(merges=False, amended=False, max_size=6), IDENTITIES)
def test_an_unmerge_gives_each_their_own_back(history: History, then: History, names: list[str]) -> None:
    """Also of what was told while they were one, under the name that it was told of."""
    one, two, _ = names
    facts = [(e.fact, _number(e.occurred_at)) for e in then.entries if e.name != "member.joined"]
    apart = more(history, merge(one, two), *facts, unmerge(one, two))
    assert answers(apart) == answers(more(history, *facts))


@examples(2)
@given(PLAIN, histories(merges=False, amended=False, max_size=6), IDENTITIES)
def test_a_merge_that_is_retracted_never_was(history: History, then: History, names: list[str]) -> None:
    """Nothing that was told meanwhile reaches the other record."""
    one, two, _ = names
    facts = [(e.fact, _number(e.occurred_at)) for e in then.entries if e.name != "member.joined"]
    merged = more(history, merge(one, two))
    retract = EntryRetracted(target=merged.entries[-1].id, reason="two people")
    assert answers(more(merged, *facts, (retract, 0))) == answers(more(history, *facts))


@examples(2)
@given(histories(amended=False), st.data())
def test_what_is_retracted_was_never_told(history: History, data: st.DataObject) -> None:
    """Merges, unmerges, endings and retirements among it."""
    assume(history.entries)
    target = data.draw(st.sampled_from(history.entries))
    retract = EntryRetracted(target=target.id, reason="wrong")
    assert answers(more(history, (retract, 0))) == answers(history.without({target.id}))


@examples(2)
@given(
    histories(
        merges=False,
        amended=False,
        untied=True,
        kinds=frozenset(_k for _k in SPAN_KINDS if _k != RETIREMENT)
        | {
            "role.ended",
            "leave.ended",
            "community.left",
            "affiliation.ended",
            "agreement.revoked",
            "account.unlinked",
            "vouch.withdrawn",
            "mentor.released",
        },
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_recording_does_not_matter(history: History, random: Any) -> None:
    """Where nobody was merged or retired, and no two things happened in one instant."""
    places = list(range(1, len(history) + 1))
    random.shuffle(places)
    shuffled = [
        replace(entry, position=place, origin=place)
        for entry, place in zip(history.entries, places, strict=True)
    ]
    assert answers(evolve(history, entries=tuple(sorted(shuffled, key=lambda e: e.position)))) == answers(
        history
    )


@examples(2)
@given(
    PLAIN, st.integers(0, 9), st.sampled_from([END, BACK, rl.CommunityLeft(member="ana", community="docs")])
)
def test_after_a_merge_either_name_ends(history: History, at: int, ending: Fact) -> None:
    """An ending is of the person, whichever of their names it says."""
    merged = more(history, merge("ana", "ben"))
    assert answers(more(merged, (ending, at))) == answers(more(merged, (by_ben(ending), at)))


@examples(2)
@given(histories(amended=False), st.data())
def test_a_date_put_right_keeps_the_record_that_it_was_of(history: History, data: st.DataObject) -> None:
    """Corrected in the name that is kept, it is what it would be if it had been told so at once."""
    plain = [e for e in history.entries if not isinstance(e.fact, MembersMerged | MembersUnmerged)]
    assume(plain)
    target, at = data.draw(st.sampled_from(plain)), data.draw(st.integers(0, 9))
    kept = history.amendments.renamed(target.fact, history.registry)
    correct = EntryCorrected(target=target.id, replacement=kept, reason="another day")
    early = [replace(e, occurred_at=day(at)) if e is target else e for e in history.entries]
    assert answers(more(history, (correct, at))) == answers(evolve(history, entries=tuple(early)))


@examples(2)
@given(histories())
def test_what_rules_know_while_recording_is_what_the_whole_fold_says(history: History) -> None:
    """Entry after entry, without what is over: of everything that is open, and at every instant."""
    for person in history.people:
        own = [e for e in history.standing if person == getattr(e.fact, "member", None)]
        state = MEMBER.initial
        for number, entry in enumerate(own, 1):
            if MEMBER.takes(entry.name):
                before = hash(state.spans)
                after = MEMBER.evolve(state, entry, person)
                assert hash(state.spans) == before, "a state is never changed"
                state = after
            if number < len(own) and own[number].occurred_at == entry.occurred_at:
                continue
            whole, at = folded(own[:number]), entry.occurred_at
            assert (state.retired is not None) == any(s.holds(at) for s in whole.of(RETIREMENT))
            for name in ("role.assigned", "leave.started", "community.joined", "agreement.accepted"):
                found = {person_key(span.entry)[2:] for span in state.spans.lasting(name) if span.holds(at)}
                assert found == {person_key(span.entry)[2:] for span in whole.of(name) if span.holds(at)}
