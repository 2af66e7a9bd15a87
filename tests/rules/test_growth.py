"""What recording does grows with what it concerns: counted, as clocks differ.

Each story is told at two sizes. What is decoded, judged, folded or read of charters to tell it may grow in
proportion, and no more.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from reps_ledger.domain.amendments import Amendments
from reps_ledger.domain.entries import derived_id
from reps_ledger.domain.merges import Merges
from reps_ledger.domain.rules.builtin import Rulebook
from reps_ledger.domain.rules.folds import MEMBER
from reps_ledger.domain.spans import SpanFold
from reps_ledger.log.codec import Codec
from reps_ledger.policies import reports
from reps_ledger.policies.charter import Charter, RoleClause, adopted, documents, dump_charter

if TYPE_CHECKING:
    from collections.abc import Callable

FEW: Final = 24
TIMES: Final = 4
SLACK: Final = 1.35
"""By how much more than in proportion: what is read once for all, and rounding."""

START: Final = datetime(2018, 1, 1, tzinfo=UTC)

Story = list[rl.Fact]


def _id(number: int) -> str:
    return derived_id(f"c{number}", 0)


def _report(member: str = "ana", activity: str = "talk") -> rl.ReportFiled:
    return rl.ReportFiled(member=member, activity=activity)


def _joined(*names: str) -> Story:
    return [rl.MemberJoined(member=name) for name in names]


def _corrected(target: int, fact: rl.Fact) -> rl.EntryCorrected:
    return rl.EntryCorrected(target=_id(target), replacement=fact, reason="typo")


def corrections(n: int) -> Story:
    """Each of n members' reports is corrected."""
    names = [f"m{each}" for each in range(n)]
    told = [*_joined(*names), *map(_report, names)]
    return told + [_corrected(n + each, _report(name, "walk")) for each, name in enumerate(names)]


def corrections_of_one(n: int) -> Story:
    """Each of one member's n reports is corrected."""
    told = [*_joined("ana"), *[_report(activity=str(each)) for each in range(n)]]
    return told + [_corrected(1 + each, _report(activity=f"not {each}")) for each in range(n)]


def corrections_of_roles(n: int) -> Story:
    """A role is held n times, and each beginning is corrected."""
    told: Story = [*_joined("ana")]
    for _ in range(n):
        told.append(rl.RoleAssigned(member="ana", role="mentor"))
        told.append(rl.RoleEnded(member="ana", role="mentor", how="resigned"))
    again = rl.RoleAssigned(member="ana", role="mentor", reason="elected")
    return told + [_corrected(1 + 2 * each, again) for each in range(n)]


def correction_chain(n: int) -> Story:
    """A report is corrected, then the correction, and so on."""
    told = [*_joined("ana"), _report()]
    return told + [_corrected(1 + each, _report(activity=str(each))) for each in range(n)]


def moved_chain(n: int) -> Story:
    """A role is corrected again and again, each time to be in another community."""
    told = [*_joined("ana"), rl.RoleAssigned(member="ana", role="mentor")]
    moved = (rl.RoleAssigned(member="ana", role="mentor", community=f"c{each}") for each in range(n))
    return told + [_corrected(1 + each, fact) for each, fact in enumerate(moved)]


def retraction_chain(n: int) -> Story:
    """A report is retracted, then the retraction, and so on."""
    told = [*_joined("ana"), _report()]
    return told + [rl.EntryRetracted(target=_id(1 + each), reason="no") for each in range(n)]


def merge_chain(n: int) -> Story:
    """Each of n records is merged into the next one."""
    names = [f"m{each}" for each in range(n + 1)]
    told: Story = [*_joined(*names), *map(_report, names)]
    merges = (rl.MembersMerged(member=names[each + 1], duplicate=names[each]) for each in range(n))
    return [*told, *merges]


def merges_into_one(n: int) -> Story:
    """Each of n records is merged into the same one."""
    names = [f"m{each}" for each in range(n)]
    told: Story = [*_joined("ana", *names), *map(_report, names)]
    return told + [rl.MembersMerged(member="ana", duplicate=name) for name in names]


def charters(n: int) -> Story:
    """A charter is adopted n times, and somebody gets a role under each."""
    told: Story = [*_joined("ana"), _report()]
    for number in range(n):
        clause = RoleClause(role="mentor", admission=reports() >= 1)
        charter = Charter(name="reps", version=str(number), roles=[clause])
        told.append(rl.CharterAdopted(document=dump_charter(charter), version=str(number)))
        told.append(rl.RoleAssigned(member="ana", role="mentor"))
        told.append(rl.RoleEnded(member="ana", role="mentor", how="resigned"))
    return told


STORIES: Final[dict[str, Callable[[int], Story]]] = {
    told.__name__: told
    for told in (
        corrections,
        corrections_of_one,
        corrections_of_roles,
        correction_chain,
        moved_chain,
        retraction_chain,
        merge_chain,
        merges_into_one,
        charters,
    )
}

COUNTED: Final[dict[str, tuple[type, str]]] = {
    "entries decoded": (Codec, "decode"),
    "entries encoded": (Codec, "encode"),
    "facts judged": (Rulebook, "of"),
    "readings": (Amendments, "_as_read"),
    "amendments taken": (Amendments, "add"),
    "merges taken": (Merges, "take"),
    "spans folded": (SpanFold, "take"),
}
"""What is counted: calls of these methods."""


def _counting(method: Any, count: Counter[str], what: str) -> Any:
    def calling(*args: Any, **more: Any) -> Any:
        count[what] += 1
        return method(*args, **more)

    return calling


def counted(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> Counter[str]:
    """Return how often each of the methods is called while some work is done."""
    count: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        for what, (of, name) in COUNTED.items():
            patch.setattr(of, name, _counting(getattr(of, name), count, what))
        patch.setattr(adopted, "read_charter", _counting(documents.read_charter, count, "charters read"))
        work()
    return count


def tell(ledger: rl.Ledger, story: Story) -> None:
    """Record a story, fact after fact, an hour each."""
    for number, fact in enumerate(story):
        at = START + timedelta(hours=number)
        if isinstance(fact, rl.EntryCorrected):  # at its target's time
            ledger.record(fact, by="council", command_id=f"c{number}")
        else:
            ledger.record(fact, by="council", command_id=f"c{number}", occurred_at=at)


def seen(ledger: rl.Ledger, member: str) -> object:
    """Return what a view says of somebody."""
    view = ledger.as_of().member(member)
    return view.roles, view.membership, view.timeline


def in_proportion(few: Counter[str], many: Counter[str]) -> None:
    """Check that nothing grew by more than the story did."""
    grown = {what: (few[what], many[what]) for what in many if many[what] > TIMES * SLACK * few[what] + 20}
    assert grown == {}


@pytest.mark.parametrize("story", STORIES)
def test_recording_a_story(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded before is not gone through again for each fact that follows."""
    found = []
    for n in (FEW, TIMES * FEW):
        with rl.open() as ledger:
            found.append(counted(monkeypatch, partial(tell, ledger, STORIES[story](n))))
    in_proportion(*found)


@pytest.mark.parametrize("story", STORIES)
def test_importing_asking_and_checking_a_story(
    story: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nor is it for each row of an import, each entry of a check, or each step to a person's records."""
    found: dict[str, list[Counter[str]]] = {}
    for n in (FEW, TIMES * FEW):
        with rl.open() as ledger, rl.open() as other:
            tell(ledger, STORIES[story](n))
            ledger.export(tmp_path / f"{n}.jsonl")
            person = f"m{n}" if story == "merge_chain" else "ana" if "one" in story else None
            person = person or next(e.fact.member for e in ledger.entries() if e.name == "member.joined")
            works: dict[str, Callable[[], object]] = {
                "import": partial(other.import_history, tmp_path / f"{n}.jsonl"),
                "member": partial(seen, ledger, person),
                "check": ledger.check,
                "roster": ledger.as_of().roster,
            }
            for name, work in works.items():
                found.setdefault(name, []).append(counted(monkeypatch, work))
            assert other.position == ledger.position
    for counts in found.values():
        in_proportion(*counts)


def tags_of(story: Story) -> int:
    """Return how many tags the entries of a story have."""
    with rl.open() as ledger:
        tell(ledger, story)
        return sum(len(entry.tags) for entry in ledger.entries())


@pytest.mark.parametrize("story", STORIES)
def test_tags(story: str) -> None:
    """An amendment has the tags of what it amends, and not those of all before that."""
    assert tags_of(STORIES[story](TIMES * FEW)) <= TIMES * SLACK * tags_of(STORIES[story](FEW))


def test_a_quiet_member(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view of somebody reads and does the same, however much others' entries were corrected."""
    found = []
    for n in (FEW, TIMES * FEW):
        with rl.open() as ledger:
            tell(ledger, [*corrections(n), *_joined("zoe"), _report("zoe")])
            found.append(counted(monkeypatch, partial(seen, ledger, "zoe")))
    assert found[0] == found[1]


def test_the_state_of_a_part_in_the_past() -> None:
    """A fact of long ago is judged without folding all that was known by then."""
    with rl.open() as ledger:
        tell(ledger, corrections_of_roles(20 * FEW)[: -20 * FEW])
        judge, _ = ledger._core.recording.kept.take() or pytest.fail("none is kept")
        held = judge.memory.held(MEMBER.part("ana"))
        assert held is not None
        fold, folded = held.part.fold, list[rl.Entry]()
        evolve = fold.evolve

        def spying(state: Any, entry: rl.Entry, key: str) -> Any:
            folded.append(entry)
            return evolve(state, entry, key)

        object.__setattr__(fold, "evolve", spying)
        try:
            held.state_at(held.entries[len(held.entries) // 2].order)
        finally:
            object.__setattr__(fold, "evolve", evolve)
        assert len(folded) <= 64 < len(held.entries) // 2
