"""Each kind of condition and measure says all about itself, and appears wherever a kind must."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve, fields, frozen
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.every import EVERY
from policies.making import NAME, about, subjects
from reps_ledger.domain.facts import BUILT_IN
from reps_ledger.domain.spans import READS, SPAN_KINDS
from reps_ledger.policies import (
    Condition,
    Dossier,
    SubjectContext,
    count,
    facts,
    holds,
    is_member,
    members,
    missed,
    noticed,
    on_leave,
    tenure,
    weeks,
)
from reps_ledger.policies.language.conditions import Leaf, leaves
from reps_ledger.policies.language.facts import BUILT_IN_FACTS
from reps_ledger.policies.language.kinds import CONDITIONS, MEASURES, WINDOWS
from reps_ledger.policies.language.measures import ClockMeasure, Compare, Measure, NumberMeasure
from reps_ledger.policies.language.reads import NOTHING, Reader, Reads, parts, reads_of
from reps_ledger.policies.language.windows import Always, Window
from reps_ledger.testing.strategies import conditions
from reps_ledger.testing.strategies.policies import condition_strategies, measure_strategies
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reps_ledger.policies import Subject

PAGE: Final = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
KINDS: Final = [*CONDITIONS.values(), *MEASURES.values()]
ABSTRACT: Final = {Leaf, Measure, NumberMeasure, ClockMeasure, Compare, Window}


def subclasses(cls: type) -> Iterator[type]:
    """Yield all that a class is the base of, and itself."""
    yield cls
    each: type
    for each in cls.__subclasses__():
        yield from subclasses(each)


def ours(base: type) -> set[type]:
    """The classes of the package that are of a base; attrs leaves behind one without slots."""
    found: set[type] = {each for each in subclasses(base) if each.__module__.startswith("reps_ledger.")}
    return {each for each in found if "__attrs_attrs__" in vars(each)} - ABSTRACT


def test_no_kind_is_left_out() -> None:
    """Documents know every class of condition, measure and window that there is."""
    assert {each.__name__ for each in ours(Leaf)} == {c.__name__ for c in CONDITIONS.values()}
    assert {each.__name__ for each in ours(Measure)} == {c.__name__ for c in MEASURES.values()}
    known = {each.__name__ for each in WINDOWS.values()}
    assert {each.__name__ for each in ours(Window)} - {Always.__name__} == known


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_a_kind_says_all_about_itself(kind: type[Leaf | Measure]) -> None:
    """Its key, what it reads, its words, how it is found: in its own class, or its family's."""
    needed = {"reads", "words", "edges"}
    needed |= {"find"} if issubclass(kind, Leaf) else {"measure", "may_change", "shown"}
    bare = {Leaf, Measure, *Leaf.__mro__, *Measure.__mro__}
    told = {name for cls in kind.__mro__ if cls not in bare for name in vars(cls)}
    assert needed <= told
    assert vars(kind)["key"] == kind.key


def test_every_kind_has_its_strategy() -> None:
    """The testing kit draws each kind of condition and measure."""
    assert set(condition_strategies()) == set(CONDITIONS.values())
    assert set(measure_strategies()) == set(MEASURES.values())


def test_every_kind_is_lowered() -> None:
    """The kernel of replay has a lowering of its own for each kind, written apart from it."""
    pytest.importorskip("numpy")
    from reps_ledger.replay.kernel.edges import CONDITION_EDGES, MEASURE_EDGES, WINDOW_EDGES
    from reps_ledger.replay.kernel.points import CONDITIONS_LOWERED, MEASURES_LOWERED, WINDOWS_LOWERED

    assert set(CONDITIONS_LOWERED) == {*CONDITIONS.values(), Compare}
    assert set(MEASURES_LOWERED) == set(MEASURES.values())
    assert set(WINDOWS_LOWERED) == {*WINDOWS.values(), Always}
    # And says there, apart from its class too, when it may change.
    assert set(CONDITION_EDGES) == set(CONDITIONS_LOWERED)
    assert set(MEASURE_EDGES) == set(MEASURES_LOWERED)
    assert set(WINDOW_EDGES) == set(WINDOWS_LOWERED)


def test_every_kind_has_its_row_in_the_docs() -> None:
    """The page on policies names each in the words of documents."""
    rows = set(re.findall(r"^\|[^|]*`(\w+)`", PAGE, re.MULTILINE))
    told = set(re.findall(r"`(\w+)[`(]", PAGE))
    assert {*CONDITIONS, *MEASURES} <= rows | told


def test_the_list_of_conditions_has_every_kind() -> None:
    """What tests ask of "every condition" is asked of each kind, and of each window."""
    found = {type(part) for condition in EVERY for part in parts(condition)}
    assert {*KINDS, *WINDOWS.values()} <= found


class Asked:
    """What an evaluation asked for, noted as it asks."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.spans: set[str] = set()
        self.people: set[str] = set()
        self.acts = self.everyone = self.programme = False


class NotedDossier(Dossier):
    """A dossier that notes what it is asked for."""

    def __init__(self, dossier: Dossier, asked: Asked) -> None:
        self._asked = asked
        super().__init__(
            dossier.name, dossier.entries, is_community=dossier.is_community, readings=dossier.readings
        )
        self._told = self.entries
        _ = self._by_kind  # indexed as it is first asked for a kind, which is no question about all entries
        del self.entries

    def __getattr__(self, name: str) -> Any:
        if name != "entries":
            raise AttributeError(name)
        self._asked.acts = True
        return self._told

    def of_kind(self, *names: str) -> Sequence[rl.Entry]:
        """Note kinds of fact."""
        self._asked.kinds |= set(names)
        return super().of_kind(*names)

    def spans(self, name: str) -> Any:
        """Note spans; what these take is theirs."""
        self._asked.spans.add(name)
        plain = Dossier(self.name, self._told, is_community=self.is_community)
        return plain.spans(name)


@frozen
class NotedContext:
    """Everybody else, with notes of whom it is asked for."""

    context: SubjectContext
    asked: Asked

    def member(self, member: str) -> Dossier:
        """Note a person."""
        self.asked.people.add(member)
        return NotedDossier(self.context.member(member), self.asked)

    def everyone(self) -> Iterable[Dossier]:
        """Note everybody."""
        self.asked.everyone = True
        return [NotedDossier(each, self.asked) for each in self.context.everyone()]

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Note a whole body."""
        self.asked.everyone = True
        return NotedDossier(self.context.community(community, kinds), self.asked)

    def opportunities(self) -> Sequence[rl.Entry]:
        """Note what is of the whole programme."""
        self.asked.programme = True
        return self.context.opportunities()

    def once(self, _: object, make: Callable[[], Any]) -> Any:
        """Keep nothing, so that all is asked for again."""
        return make()


def noted(subject: Subject) -> tuple[Subject, Asked]:
    """Return the same subject, and what will be asked of it."""
    asked = Asked()
    others = NotedContext(subject.others, asked)
    return evolve(subject, dossier=NotedDossier(subject.dossier, asked), others=others), asked


def people_in_fields(entries: Iterable[rl.Entry], names: frozenset[str]) -> set[str]:
    """Whom these fields of some facts name."""
    found: set[str] = set()
    for entry in entries:
        for name in names:
            value = getattr(entry.fact, name, None) or ()
            found |= {value} if isinstance(value, str) else set(value)
    return found


def check_covers(reads: Reads, asked: Asked, subject: Subject, entries: Iterable[rl.Entry]) -> None:
    """Assert that what was asked for had been declared."""
    assert asked.spans <= reads.spans
    assert asked.kinds <= reads.kinds(BUILT_IN_FACTS)
    assert reads.acts or not asked.acts
    assert reads.everyone or not asked.everyone
    assert reads.programme or not asked.programme
    if not reads.everyone:
        named = people_in_fields(entries, reads.people)
        assert asked.people - {subject.dossier.name} <= named


@examples(0.4)
@given(data=st.data(), drawn=conditions(max_leaves=2))
def test_what_a_kind_says_it_reads_covers_what_it_asks_for(data: st.DataObject, drawn: Condition) -> None:
    """Evaluation touches nothing of a history that its class does not declare."""
    subject = data.draw(subjects(about=data.draw(st.sampled_from([None, drawn]))))
    entries = [entry for each in subject.others.everyone() for entry in each.entries]
    for condition in (drawn, *EVERY):
        for leaf in leaves(condition):
            watched, asked = noted(subject)
            leaf.find(watched)
            check_covers(reads_of(leaf), asked, subject, entries)


@pytest.mark.parametrize(
    "condition",
    [
        holds("rep"),
        on_leave(),
        is_member(),
        noticed(heard=False),
        noticed("nudge"),
        missed("vote") >= 1,
        members() >= 1,
        tenure("rep") > weeks(1),
        count(facts("report.filed"), within=weeks(4), pausing=True) >= 1,
    ],
    ids=str,
)
def test_a_kind_that_hides_what_it_reads_is_found(
    condition: Condition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted in each of them: a class that says it reads nothing."""
    (leaf,) = leaves(condition)
    joined = rl.MemberJoined(member="ana")
    told = rl.NoticeSent(member="ana", notice="n", stage="nudge", policy=NAME)
    subject = about((joined, "2018-01-01"), (told, "2018-02-01"), at="2018-10-01")
    watched, asked = noted(subject)
    leaf.find(watched)
    check_covers(reads_of(leaf), asked, subject, ())
    for part in parts(leaf):
        if isinstance(part, Reader):
            monkeypatch.setattr(type(part), "reads", lambda _: NOTHING)
    with pytest.raises(AssertionError):
        check_covers(reads_of(leaf), asked, subject, ())


def test_spans_are_of_facts_that_there_are() -> None:
    """Each beginning and each end is a fact of the registry, and so is what a fact follows."""
    known: Mapping[str, Any] = {each.kind.name: each for each in BUILT_IN_FACTS}
    for beginning, kind in SPAN_KINDS.items():
        assert READS[beginning] <= known.keys()
        assert {"member", *kind.fields} <= known[beginning].names
        assert kind.ends is None or {"member", *kind.fields} <= known[kind.ends].names
        assert kind.pair is None or kind.pair in kind.fields
        assert kind.until is None or kind.until in known[beginning].instants
    for cls in BUILT_IN:
        described = BUILT_IN_FACTS.named(cls.__fact__.name)  # type: ignore[attr-defined]  # every fact has it
        assert described is not None
        follows = described.kind.follows
        assert follows is None or set(described.kind.shared) <= known[follows].names
        assert described.entries <= {each.name for each in fields(cls)}
