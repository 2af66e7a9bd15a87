"""Reading entries as they stand: retractions, corrections and merges, at whatever depth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from identities import histories
from plain_amendments import plain_reach, plainly_among, said_by
from reps_ledger.domain.amendments import AMENDING, Amendments, resolve
from reps_ledger.domain.entries import Entry, Told
from reps_ledger.domain.facts import (
    BUILT_IN,
    EntryCorrected,
    EntryRetracted,
    Fact,
    MemberJoined,
    MembersMerged,
    MembersUnmerged,
    Registry,
    RoleAssigned,
    Vouched,
)
from reps_ledger.domain.facts.reviews import ApplicationFiled
from scale import examples
from strategies import CUSTOM, custom_facts, facts, moments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reps_ledger.testing.history import History

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

REGISTRY: Final = Registry((*BUILT_IN, *CUSTOM))
NOON: Final = datetime(2018, 3, 1, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def entry(position: int, fact: Fact, at: datetime = NOON) -> Entry:
    """Record a fact, under an id that is its position."""
    return Entry(
        id=str(position),
        position=position,
        recorded_at=NOON,
        occurred_at=at,
        by="council",
        fact=fact,
        origin=position,
    )


def recorded(*told: Fact | tuple[Fact, datetime]) -> list[Entry]:
    """Record facts at positions 1, 2, 3 …, at noon or when given."""
    return [
        entry(position, *(item if isinstance(item, tuple) else (item,)))
        for position, item in enumerate(told, start=1)
    ]


def joined(member: str) -> MemberJoined:
    """Make a fact that is easy to tell from others."""
    return MemberJoined(member=member)


def retract(target: int) -> EntryRetracted:
    """Retract the entry at a position."""
    return EntryRetracted(target=str(target), reason="recorded by mistake")


def correct(target: int, replacement: Fact) -> EntryCorrected:
    """Correct the entry at a position."""
    return EntryCorrected(target=str(target), replacement=replacement, reason="was wrong")


def merge(member: str, duplicate: str) -> MembersMerged:
    """Say that two identifiers are one person."""
    return MembersMerged(member=member, duplicate=duplicate)


def unmerge(member: str, duplicate: str) -> MembersUnmerged:
    """Say that they are not."""
    return MembersUnmerged(member=member, duplicate=duplicate)


def standing(entries: Iterable[Entry]) -> list[tuple[int, Fact]]:
    """Return position and fact of what stands, in effective order."""
    return [(one.position, one.fact) for one in resolve(entries, REGISTRY)]


def members(entries: Iterable[Entry]) -> list[str]:
    """Return whom each standing joining is about."""
    return [one.fact.member for one in resolve(entries, REGISTRY) if isinstance(one.fact, MemberJoined)]


def test_nothing_stands_of_nothing() -> None:
    """An empty log resolves to an empty history."""
    assert resolve([], REGISTRY) == []


def test_entries_without_amendments_stand_as_they_are() -> None:
    """Facts come back as the same values, ordered by when they happened, ties by position."""
    told = recorded((joined("late"), NOON + HOUR), joined("first"), joined("second"))
    assert resolve(told, REGISTRY) == [told[1], told[2], told[0]]


def test_a_retracted_entry_does_not_stand() -> None:
    """It is read as though it had never been recorded, and so is the retraction."""
    assert standing(recorded(joined("ana"), joined("ben"), retract(1))) == [(2, joined("ben"))]


def test_a_retracted_retraction_leaves_its_target_standing() -> None:
    """Every retraction undoes the one before it, at any depth."""
    told: list[Fact] = [joined("ana")]
    for depth in range(1, 8):
        told.append(retract(depth))
        assert members(recorded(*told)) == ([] if depth % 2 else ["ana"])


def test_a_corrected_entry_is_read_with_its_replacement() -> None:
    """The replacement stands under the correction's id, at the original's place among ties."""
    told = recorded(joined("ann"), joined("ben"), correct(1, joined("ana")))
    first, second = resolve(told, REGISTRY)
    assert (first.id, first.position, first.origin, first.fact) == ("3", 3, 1, joined("ana"))
    assert first.is_correction
    assert second == told[1]
    assert not second.is_correction


def test_a_correction_keeps_who_and_when_it_was_recorded() -> None:
    """Apart from fact and origin, the standing entry is the correction."""
    told = recorded(joined("ann"), correct(1, joined("ana")))
    (only,) = resolve(told, REGISTRY)
    assert only == replace(told[1], fact=joined("ana"), origin=1)


def test_a_correction_may_be_of_another_kind() -> None:
    """What was recorded as one kind of fact may turn out to be another."""
    role = RoleAssigned(member="ana", role="mentor")
    assert standing(recorded(joined("ana"), correct(1, role))) == [(2, role)]


def test_a_correction_of_a_correction_stands_alone() -> None:
    """Only the last of a chain stands, at the place of the first."""
    told = recorded(joined("a"), joined("other"), correct(1, joined("b")), correct(3, joined("c")))
    assert standing(told) == [(4, joined("c")), (2, joined("other"))]
    assert resolve(told, REGISTRY)[0].origin == 1


def test_a_retracted_correction_leaves_the_original() -> None:
    """Retracting a correction undoes it: the original stands again, as itself."""
    told = recorded(joined("ann"), correct(1, joined("ana")), retract(2))
    assert resolve(told, REGISTRY) == [told[0]]


def test_a_retracted_correction_of_a_correction_leaves_the_first() -> None:
    """Undoing the last of a chain brings back the one before, still at the original's place."""
    told = recorded(
        joined("a"), joined("other"), correct(1, joined("b")), correct(3, joined("c")), retract(4)
    )
    assert standing(told) == [(3, joined("b")), (2, joined("other"))]
    assert resolve(told, REGISTRY)[0].origin == 1


def test_an_entry_may_be_corrected_again_after_a_correction_was_undone() -> None:
    """A second correction takes the place of a retracted first one."""
    told = recorded(joined("a"), correct(1, joined("b")), retract(2), correct(1, joined("c")))
    assert standing(told) == [(4, joined("c"))]


def test_a_correction_moves_an_entry_in_time() -> None:
    """It stands when the correction says that it happened."""
    told = recorded(joined("a"), (joined("b"), NOON + HOUR), (correct(1, joined("a")), NOON + 2 * HOUR))
    assert members(told) == ["b", "a"]


def test_ties_go_by_the_originals_position() -> None:
    """Moved to another entry's instant, it comes before or after as it was recorded."""
    earlier = recorded((joined("a"), NOON + HOUR), joined("b"), correct(1, joined("a")))
    later = recorded(joined("b"), (joined("a"), NOON + HOUR), correct(2, joined("a")))
    assert members(earlier) == ["a", "b"]
    assert members(later) == ["b", "a"]


def test_merged_members_are_read_as_one() -> None:
    """All that named the duplicate names the member, in entries before and after the merge."""
    told = recorded(
        (joined("anna"), NOON + 3 * HOUR),
        Vouched(member="ben", voucher="anna"),
        ApplicationFiled(member="anna", role="mentor", references=["ben", "anna"]),
        merge("ana", "anna"),
        Vouched(member="anna", voucher="ben"),
    )
    assert [fact for position, fact in standing(told) if position != 4] == [
        Vouched(member="ben", voucher="ana"),
        ApplicationFiled(member="ana", role="mentor", references=["ben", "ana"]),
        Vouched(member="ana", voucher="ben"),
        joined("ana"),
    ]


def test_a_merge_is_itself_never_renamed() -> None:
    """Merges stand with the identifiers that they speak of."""
    told = recorded(merge("b", "a"), merge("c", "b"), unmerge("x", "a"))
    assert resolve(told, REGISTRY) == told


def test_a_correction_that_is_a_merge_means_whom_it_names() -> None:
    """What turns out to have been a merge is of the two whom it names, whomever the entry named before."""
    told = recorded(joined("cleo"), correct(1, joined("ana2")), correct(2, merge("ana", "ana2")))
    assert standing(told) == [(3, merge("ana", "ana2"))]
    assert Amendments.among(told).aliases == {"ana2": "ana"}


def test_the_later_merge_of_two_says_who_is_kept() -> None:
    """Merged into a third meanwhile, or not: the other is a duplicate of the one kept last."""
    told = recorded(joined("a"), joined("b"), joined("c"), merge("b", "a"), merge("c", "b"), merge("a", "b"))
    assert members(told) == ["a", "a", "c"]
    again = recorded(joined("a"), joined("b"), merge("c", "a"), merge("a", "b"), merge("b", "a"))
    assert members(again) == ["b", "b"]


def test_what_nothing_amends_is_handed_on_as_it_is() -> None:
    """Not copied, though others are amended: readers may keep what they know of it."""
    told = recorded(joined("a"), joined("b"), joined("x"), retract(1), merge("y", "x"))
    found = list(Amendments.among(told).apply(told, REGISTRY))
    assert found[0] is told[1]
    assert found[1] == replace(told[2], fact=joined("y"), told=Told(joined("x"), {"x": ("x",)}))
    assert found[2] is told[4]


def test_a_correction_without_its_original_has_its_own_place() -> None:
    """Read by themselves, as where only what is new is read, corrections are placed too."""
    alone = entry(7, correct(1, joined("ana")))
    found = list(Amendments.among([alone]).apply([alone], REGISTRY))
    assert found == [replace(alone, fact=joined("ana"))]


def test_a_merge_renames_no_other_words() -> None:
    """A role or community of the duplicate's name is not a person."""
    told = recorded(RoleAssigned(member="a", role="a", community="a"), merge("b", "a"))
    assert standing(told)[0] == (1, RoleAssigned(member="b", role="a", community="a"))


def test_merges_follow_one_another() -> None:
    """A duplicate of a duplicate is the last of the chain, whichever merge came first."""
    for merges in ([merge("b", "a"), merge("c", "b")], [merge("c", "b"), merge("b", "a")]):
        assert members(recorded(joined("a"), joined("b"), *merges)) == ["c", "c"]


def test_a_longer_chain_ends() -> None:
    """A thousand merges in a row resolve to the last name."""
    merges = [merge(str(number + 1), str(number)) for number in range(1000)]
    assert members(recorded(joined("0"), *merges)) == ["1000"]


@pytest.mark.parametrize(
    "merges",
    [
        [merge("a", "a")],
        [merge("b", "a"), merge("a", "b")],
        [merge("b", "a"), merge("c", "b"), merge("a", "c")],
        [merge("b", "a"), merge("c", "b"), merge("b", "c")],
    ],
    ids=["self", "pair", "ring", "tail"],
)
def test_merges_in_a_ring_end(merges: list[Fact]) -> None:
    """Identifiers that are merged in a circle do not hang the reading."""
    assert len(members(recorded(joined("a"), joined("b"), joined("c"), *merges))) == 3


def test_merges_in_a_ring_make_one_person() -> None:
    """Merged both ways round, which retracted retractions allow, two are one person."""
    told = recorded(joined("a"), joined("b"), merge("b", "a"), retract(3), merge("a", "b"), retract(4))
    assert len(set(members(told))) == 1


def test_an_unmerge_undoes_a_merge() -> None:
    """They are two people again, and may be merged once more."""
    told: list[Fact] = [joined("a"), joined("b"), merge("b", "a"), unmerge("b", "a")]
    assert members(recorded(*told)) == ["a", "b"]
    assert members(recorded(*told, merge("b", "a"))) == ["b", "b"]


def test_an_unmerge_of_others_changes_nothing() -> None:
    """Only the pair that was merged can be unmerged."""
    told = recorded(joined("a"), merge("b", "a"), unmerge("c", "a"), unmerge("a", "b"))
    assert members(told) == ["b"]


def test_retracted_merges_and_unmerges_do_not_count() -> None:
    """A retraction of either leaves things as they were before it."""
    told: list[Fact] = [joined("a"), merge("b", "a")]
    assert members(recorded(*told, retract(2))) == ["a"]
    assert members(recorded(*told, unmerge("b", "a"), retract(3))) == ["b"]


def test_a_corrected_merge_merges_others() -> None:
    """The replacement's identifiers are merged instead of the original's."""
    told = recorded(joined("a"), joined("x"), merge("b", "a"), correct(3, merge("b", "x")))
    assert members(told) == ["a", "b"]


def test_a_merge_corrected_into_something_else_merges_nobody() -> None:
    """What turns out to be no merge renames nobody."""
    told = recorded(joined("a"), merge("b", "a"), correct(2, joined("c")))
    assert members(told) == ["a", "c"]


def test_a_corrected_merge_keeps_its_place_before_its_unmerge() -> None:
    """Putting right the words of a merge that was undone does not merge again."""
    put_right = MembersMerged(member="b", duplicate="a", reason="spelt better")
    told = recorded(joined("a"), merge("b", "a"), unmerge("b", "a"), correct(2, put_right))
    assert members(told) == ["a"]


def test_a_replacement_is_renamed_too() -> None:
    """What a correction puts in place names people as they are merged."""
    told = recorded(joined("x"), merge("b", "a"), correct(1, joined("a")))
    assert members(told) == ["b"]


def test_custom_facts_are_renamed() -> None:
    """Every field that names people is renamed, in facts of a service's own too."""
    badge = CUSTOM[1]
    told = recorded(badge(member="a", badge="a"), merge("b", "a"))  # type: ignore[call-arg]  # a kind made while running
    assert standing(told)[0] == (1, badge(member="b", badge="a"))  # type: ignore[call-arg]  # a kind made while running


def test_amendments_say_what_they_found() -> None:
    """Retracted and superseded ids and aliases are told apart."""
    told = recorded(joined("a"), joined("b"), retract(1), correct(2, joined("c")), merge("c", "b"))
    found = Amendments.among(told)
    assert set(found.retracted) == {"1"}
    assert set(found.readings) == {"2"}
    assert found.aliases == {"b": "c"}


def test_amending_facts_are_those_that_amend() -> None:
    """The listed stored names are those whose facts change how others are read."""
    found = {REGISTRY.of(fact).kind.name for fact in _AMENDMENTS}
    assert found == AMENDING


def test_one_entry_has_one_reading() -> None:
    """A correction that is restored after the entry was corrected again does not double it."""
    told = recorded(joined("a"), correct(1, joined("b")), retract(2), correct(1, joined("c")), retract(3))
    assert len(standing(told)) == 1


def test_an_entry_does_not_stand_beside_its_correction() -> None:
    """A correction restored on top of a retracted one does not double the entry."""
    told = recorded(
        joined("a"), correct(1, joined("b")), correct(2, joined("c")), retract(3), retract(2), retract(4)
    )
    assert len(standing(told)) == 1


_AMENDMENTS: Final = (retract(1), correct(1, joined("a")), merge("b", "a"), unmerge("b", "a"))


@st.composite
def logs(draw: st.DrawFn, *, amendments: int = 8) -> list[Entry]:
    """Make logs of facts, then of amendments that each aim at what stands at that time."""
    few = st.sampled_from(["a", "b", "c", "d"])
    told = draw(
        st.lists(st.tuples(few.map(joined) | facts() | custom_facts(), moments()), min_size=1, max_size=5)
    )
    entries = recorded(*told)
    for _ in range(draw(st.integers(0, amendments))):
        target = draw(st.sampled_from(_open_to_amendment(entries)))
        amendment: Fact
        match draw(st.sampled_from(["retract", "correct", "merge", "unmerge", "plain"])):
            case "correct" if not isinstance(target.fact, EntryRetracted):
                amendment = correct(target.position, draw(few.map(joined)))
            case "merge":
                amendment = merge(draw(few), draw(few))
            case "unmerge":
                amendment = unmerge(draw(few), draw(few))
            case "plain":
                amendment = draw(facts())
            case _:
                amendment = retract(target.position)
        entries.append(entry(len(entries) + 1, amendment, draw(moments())))
    return entries


def _open_to_amendment(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries whose facts stand, and retractions that do; the first if none does."""
    found = Amendments.among(entries)
    void = found.retracted | found.readings.keys()
    return [one for one in entries if one.id not in void] or [entries[0]]


@given(entries=logs(), order=st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(entries: list[Entry], order: object) -> None:
    """Entries given in any order resolve alike."""
    shuffled = list(entries)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert resolve(shuffled, REGISTRY) == resolve(entries, REGISTRY)


@given(entries=logs())
def test_what_stands_is_in_effective_order(entries: list[Entry]) -> None:
    """Standing entries come by occurred_at, ties by the position of the original."""
    found = resolve(entries, REGISTRY)
    assert [one.order for one in found] == sorted(one.order for one in found)


@given(entries=logs())
def test_what_stands_was_recorded(entries: list[Entry]) -> None:
    """Nothing is made up: each standing entry is one of the log, told once, and no correction."""
    known = {one.id: one for one in entries}
    found = resolve(entries, REGISTRY)
    assert len({one.id for one in found}) == len(found)
    for one in found:
        assert not isinstance(one.fact, EntryRetracted | EntryCorrected)
        was = known[one.id]
        assert (one.position, one.occurred_at, one.by) == (was.position, was.occurred_at, was.by)
        assert 1 <= one.origin <= one.position


@given(entries=logs(), more=st.lists(st.tuples(facts() | custom_facts(), moments()), max_size=4))
def test_later_facts_change_nothing_before(entries: list[Entry], more: list[tuple[Fact, datetime]]) -> None:
    """Appending what does not amend leaves the reading of all before it as it was."""
    plain = [item for item in more if not isinstance(item[0], MembersMerged | MembersUnmerged)]
    later = [entry(len(entries) + n, *item) for n, item in enumerate(plain, start=1)]
    found = resolve([*entries, *later], REGISTRY)
    assert [one for one in found if one.position <= len(entries)] == resolve(entries, REGISTRY)


@given(entries=logs(), data=st.data())
def test_a_retraction_undone_changes_nothing(entries: list[Entry], data: st.DataObject) -> None:
    """Retracting anything that stands, and retracting that, leaves the reading as it was."""
    before = resolve(entries, REGISTRY)
    target = data.draw(st.sampled_from(_open_to_amendment(entries)))
    last = len(entries)
    undone = [entry(last + 1, retract(target.position)), entry(last + 2, retract(last + 1))]
    assert resolve([*entries, *undone], REGISTRY) == before


@given(entries=logs(), data=st.data())
def test_a_correction_undone_changes_nothing(entries: list[Entry], data: st.DataObject) -> None:
    """Correcting what stands, and retracting the correction, leaves the reading as it was."""
    before = resolve(entries, REGISTRY)
    if not before:
        return
    target = data.draw(st.sampled_from(before))
    last = len(entries)
    undone = [
        entry(last + 1, correct(target.position, joined("a")), data.draw(moments())),
        entry(last + 2, retract(last + 1)),
    ]
    assert resolve([*entries, *undone], REGISTRY) == before


@given(entries=logs(), data=st.data())
def test_a_retraction_takes_one_entry_away(entries: list[Entry], data: st.DataObject) -> None:
    """Retracting a plain standing entry removes it and nothing else."""
    before = resolve(entries, REGISTRY)
    plain = [
        one
        for one in before
        if not one.is_correction and not isinstance(one.fact, MembersMerged | MembersUnmerged)
    ]
    if not plain:
        return
    target = data.draw(st.sampled_from(plain))
    after = resolve([*entries, entry(len(entries) + 1, retract(target.position))], REGISTRY)
    assert after == [one for one in before if one is not target]


@st.composite
def chains(draw: st.DrawFn) -> list[Entry]:
    """Make one fact, then retractions and corrections that each aim at what stands then."""
    entries = recorded(joined("a"))
    for _ in range(draw(st.integers(4, 9))):
        target = draw(st.sampled_from(_open_to_amendment(entries)))
        amendment: Fact = retract(target.position)
        if not isinstance(target.fact, EntryRetracted) and draw(st.booleans()):
            amendment = correct(target.position, joined("b"))
        entries.append(entry(len(entries) + 1, amendment))
    return entries


@examples(3)
@given(entries=chains())
def test_every_original_has_at_most_one_reading(entries: list[Entry]) -> None:
    """However it was corrected, an entry is read once or not at all."""
    assert len(resolve(entries, REGISTRY)) <= 1


@given(entries=logs())
def test_resolving_what_stands_changes_nothing(entries: list[Entry]) -> None:
    """Names that were made one stay one: an alias never leads to another alias."""
    aliases = Amendments.among(entries).aliases
    merges = [one.fact for one in entries if isinstance(one.fact, MembersMerged)]
    if not _ring(merges):
        assert not set(aliases) & set(aliases.values())


@examples(2)
@given(histories())
def test_amendments_one_after_another_are_those_of_all(history: History) -> None:
    """Recording takes each amendment as it comes, and is told which entries are read otherwise."""
    known: list[Entry] = []
    so_far = Amendments()
    for one in history:
        known.append(one)
        if one.name not in AMENDING:
            continue
        before = {each.id: each for each in so_far.apply(known[:-1], REGISTRY, void=True)}
        changes = so_far.add(one)
        assert said_by(so_far) == plainly_among(known)
        for name, position in product(so_far.people, range(0, one.position + 1, 3)):
            assert so_far.reach(name, position) == plain_reach(so_far, name, position)
        after = {each.id: each for each in so_far.apply(known, REGISTRY, void=True)}
        assert after == {each.id: each for each in Amendments.among(known).apply(known, REGISTRY, void=True)}
        assert (changes is None) >= isinstance(one.fact, MembersMerged | MembersUnmerged)
        if changes is not None:
            gone = {was for was, _ in changes.values() if was in before}
            come = {now for _, now in changes.values() if now in after}
            assert before.keys() - gone == after.keys() - come
            assert all(before[each] == after[each] for each in before.keys() - gone)


def _ring(merges: Sequence[MembersMerged]) -> bool:
    """Whether following the merges may lead back."""
    onward: dict[str, set[str]] = {}
    for one in merges:
        onward.setdefault(one.duplicate, set()).add(one.member)
    for start, following in onward.items():
        seen: set[str] = set()
        ahead = set(following)
        while ahead:
            name = ahead.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                ahead |= onward.get(name, set())
    return False
