"""A state machine over any ledger: it records, corrects, repeats, reopens, races and reads back.

The ledger is compared with a reference model, which is the same rules over a plain list: both must
accept and refuse the same, and show the same of what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier
from typing import Final

from attrs import evolve, frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reps_ledger.domain.amendments import resolve
from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact, ReportVerified, kind_of
from reps_ledger.domain.rules import Rule
from reps_ledger.errors import Conflict, Refused
from reps_ledger.ledger import Ledger
from reps_ledger.testing.history import History, moment, timeline
from reps_ledger.testing.memory_log import InMemoryLedger, entry_id
from reps_ledger.testing.strategies.facts import PEOPLE
from reps_ledger.testing.strategies.offers import Context, Offer, offers
from reps_ledger.testing.strategies.vocabulary import FAMILIES, matched, vocabulary_of

Pairs = Sequence[tuple[Fact, date | None]]

AT: Final = moment("2018-10-01")


@frozen
class Answer:
    """What became of an attempt to record: entries, or the codes of refusals, or a conflict."""

    entries: tuple[Entry, ...] = ()
    codes: tuple[str, ...] = ()
    conflict: bool = False


class ReferenceModel:
    """The model of a ledger, and the ids that the entries of each have in the other.

    Entries of the model have the ids of `entry_id`; those of the ledger have ids of its own.

    Args:
        facts: the service's own kinds of fact.
        rules: its own rules.
    """

    def __init__(self, facts: tuple[type[Fact], ...], rules: tuple[Rule, ...]) -> None:
        self.facts = facts
        self.rules = rules
        self.in_memory = InMemoryLedger(facts, rules, UTC)
        self.ids: list[str] = []
        self.last: Pairs = []

    def facts_of(self, drawn: Sequence[Offer]) -> list[tuple[Fact, date | None]]:
        """Return the facts that are offered, with when they happen; ids are the model's."""
        names = [entry_id(number) for number in range(1, len(self.ids) + 1)]
        context = Context(AT, UTC, PEOPLE[:3], names)
        pairs: list[tuple[Fact, date | None]] = []
        for offer in drawn:
            fact = offer.fact(context)
            if fact is not None:
                found = matched(fact, self.in_memory.entries, PEOPLE[:3]) or fact
                pairs.append((found, offer.at.of(AT, UTC)))
        return pairs

    def translated(self, pairs: Pairs) -> list[tuple[Fact, date | None]]:
        """Return the same facts with the ledger's ids."""
        return [(self.translated_fact(fact), at) for fact, at in pairs]

    def translated_fact(self, fact: Fact) -> Fact:
        """Return the same fact with the ledger's ids."""
        match fact:
            case EntryRetracted(target=target):
                return evolve(fact, target=self.id_of(target))
            case EntryCorrected(target=target, replacement=other):
                return evolve(fact, target=self.id_of(target), replacement=self.translated_fact(other))
            case ReportVerified(report=report):
                return evolve(fact, report=self.id_of(report))
        return fact

    def id_of(self, name: str) -> str:
        """Return the ledger's id of an entry of the model."""
        place = place_of(name)
        return self.ids[place] if 0 <= place < len(self.ids) else name

    def attempt(self, ledger: Ledger, pairs: Pairs, command: str | None = None) -> Answer:
        """Record in the ledger and in the model: both must accept it, or refuse it alike."""
        self.last = list(pairs)
        answer = recorded_in(ledger, self.translated(pairs), command)
        self.must(not answer.conflict, "nobody else records, and yet there is a conflict")
        self.follow(pairs, answer)
        if answer.entries:
            first = answer.entries[0].position
            read = tuple(ledger.entries(after=first - 1))
            self.must(read == answer.entries, f"the receipt says {answer.entries}, there is {read}")
        return answer

    def follow(self, pairs: Pairs, answer: Answer) -> None:
        """Record in the model what was tried in the ledger, and compare."""
        try:
            self.in_memory.record(pairs)
        except Refused as refused:
            words = f"the rules refuse it ({', '.join(refused.codes)}): {pairs}"
            self.must(answer.codes == refused.codes, f"{words}; the ledger: {answer.codes or 'not'}")
            return
        words = f"the rules allow it, the ledger does not ({', '.join(answer.codes)}): {pairs}"
        self.must(len(answer.entries) == len(pairs), words)
        self.ids += [entry.id for entry in answer.entries]

    def refused_after(self, state: list[Entry], pair: tuple[Fact, date | None]) -> bool:
        """Whether the rules refuse a fact after some entries."""
        in_memory = InMemoryLedger(self.facts, self.rules, UTC)
        for entry in state:
            in_memory.offer(entry.fact, entry.occurred_at, by=entry.by)
        return in_memory.offer(*pair) is None

    def must(self, so: bool, words: str) -> None:
        """Fail where something is not so, and draw all that was recorded."""
        if not so:
            raise AssertionError(f"{words}\n\n{timeline(self.in_memory.entries)}")


def recorded_in(ledger: Ledger, pairs: Pairs, command: str | None) -> Answer:
    """Try to record in a ledger."""
    try:
        receipt = ledger.record_all(pairs, by="council", command_id=command)
    except Refused as refused:
        return Answer(codes=refused.codes)
    except Conflict:
        return Answer(conflict=True)
    return Answer(receipt.entries)


def place_of(name: str) -> int:
    """Return the place of an entry of the model, from 0, by its id; -1 for any other id."""
    tail = name.rpartition("-")[2]
    return int(tail) - 1 if tail.isdecimal() and name == entry_id(int(tail)) else -1


Opener = Callable[[], "Ledger"]

_HANDLES: Final = 2
_RACERS: Final = 3
_DECLARED: Final = "ledger.declared"


def told_of(ledger: Ledger, *, after: int = 0) -> list[Entry]:
    """Return the entries that were recorded in a ledger, but for what it declares of itself."""
    return [entry for entry in ledger.entries(after=after) if entry.name != _DECLARED]


@checked
def ledger_machine(  # noqa: C901 — a class of its own for each ledger
    make_ledger: Callable[[], Opener],
    *,
    facts: Iterable[type[Fact]] = (),
    rules: Iterable[Rule] = (),
    races: bool = True,
    families: Iterable[str] = FAMILIES,
) -> type[RuleBasedStateMachine]:
    """Make a state machine over a ledger; its ``.TestCase`` is a test.

    ::

        def on_sqlite():
            path = tmp_path_of_this_run()           # a new, empty one each time
            return lambda: reps_ledger.open(path)   # opens it, also again

        TestOnSQLite = ledger_machine(on_sqlite).TestCase

    Args:
        make_ledger: makes a new, empty store, and returns a function that opens a ledger on it,
            with dates in UTC. That is called several times: two ledgers on one store take turns,
            neither of which is told what the other does, and each is closed and opened again
            now and then.
        facts: the service's own kinds of fact, as ``open`` is given them.
        rules: its own rules, as ``open`` is given them.
        races: whether threads record at the same time; False for a ledger that does not allow it.
        families: kinds of fact that are recorded, by family.
    """
    own, laws = tuple(facts), tuple(rules)
    several = {
        family: offers(vocabulary_of(None, classes=own, families=[family]), min_size=1, max_size=_RACERS)
        for family in sorted(families)
    }
    if own:
        mine = vocabulary_of(None, classes=own, families=["people"])
        names = tuple(kind_of(cls).name for cls in own)
        several["own"] = offers(evolve(mine, kinds=names), min_size=1, max_size=_RACERS)
    handles = st.integers(0, _HANDLES - 1)

    class LedgerMachine(RuleBasedStateMachine):
        """Two ledgers on one store, and a model of it."""

        def __init__(self) -> None:
            super().__init__()
            self.open = make_ledger()
            self.ledgers = [self.open() for _ in range(_HANDLES)]
            self.model = ReferenceModel(own, laws)
            self.commands: list[tuple[str, Pairs, tuple[Entry, ...]]] = []

        @initialize(chosen=st.lists(st.sampled_from(sorted(several)), min_size=1, max_size=2))
        def begin(self, chosen: list[str]) -> None:
            """Choose one family of facts or two for this run, so that facts meet one another."""
            self.chosen = st.one_of([several[family] for family in chosen])

        def drawn(self, data: st.DataObject) -> list[Offer]:
            """Draw what is to be recorded."""
            return data.draw(self.chosen)

        @rule(data=st.data(), by=handles)
        def record(self, data: st.DataObject, by: int) -> None:
            """Record one fact after another."""
            for offer in self.drawn(data):
                for pair in self.model.facts_of([offer]):
                    self.model.attempt(self.ledgers[by], [pair])

        @rule(data=st.data(), by=handles)
        def record_all(self, data: st.DataObject, by: int) -> None:
            """Record a batch: all of it, or nothing."""
            if pairs := self.model.facts_of(self.drawn(data)):
                self.model.attempt(self.ledgers[by], pairs)

        @rule(data=st.data(), by=handles)
        def command(self, data: st.DataObject, by: int) -> None:
            """Record a batch as a command."""
            pairs = self.model.facts_of(self.drawn(data))
            name = f"command {len(self.model.ids)}"
            if pairs and (answer := self.model.attempt(self.ledgers[by], pairs, name)).entries:
                self.commands.append((name, pairs, answer.entries))

        @rule(number=st.integers(0, 9), by=handles)
        def repeat(self, number: int, by: int) -> None:
            """Give a command again: it answers with what it recorded, and records nothing."""
            if not self.commands:
                return
            name, pairs, entries = self.commands[number % len(self.commands)]
            receipt = self.ledgers[by].record_all(self.model.translated(pairs), by="council", command_id=name)
            self.model.must(receipt.repeated, f"{name} was recorded twice")
            self.model.must(receipt.entries == entries, f"{name} answers otherwise: {receipt.entries}")

        @rule(by=handles)
        def echo(self, by: int) -> None:
            """Record what was recorded last once more, perhaps in the other ledger."""
            if self.model.last:
                self.model.attempt(self.ledgers[by], self.model.last)

        @rule(data=st.data())
        def take_turns(self, data: st.DataObject) -> None:
            """Record facts by turns in one ledger and in the other, each in both."""
            self.in_turns(self.drawn(data))

        def in_turns(self, drawn: list[Offer]) -> None:
            """Record each in one ledger and then in the other, which may not have seen it."""
            for number, offer in enumerate(drawn):
                for pair in self.model.facts_of([offer]):
                    for by in (number % _HANDLES, (number + 1) % _HANDLES):
                        self.model.attempt(self.ledgers[by], [pair])

        @rule(by=handles)
        def reopen(self, by: int) -> None:
            """Close a ledger, and open it again."""
            self.ledgers[by].close()
            self.ledgers[by] = self.open()

        @rule(data=st.data())
        def race(self, data: st.DataObject) -> None:
            """Record in threads at once: the result is that of some order, one after another.

            In turns, where threads cannot.
            """
            drawn = self.drawn(data)
            if not races:
                self.in_turns(drawn)
                return
            pairs = self.model.facts_of(drawn)[:_RACERS]
            if not pairs:
                return
            before = self.ledgers[0].position
            barrier = Barrier(len(pairs))

            def attempt(number: int) -> Answer:
                barrier.wait(30)
                ledger = self.ledgers[number % _HANDLES]
                return recorded_in(ledger, self.model.translated([pairs[number]]), None)

            with ThreadPoolExecutor(len(pairs)) as pool:
                answers = list(pool.map(attempt, range(len(pairs))))
            landed = told_of(self.ledgers[0], after=before)
            expected = sorted((e for a in answers for e in a.entries), key=lambda e: e.position)
            self.model.must(landed == expected, f"threads were told of {expected}; there is {landed}")
            states = [list(self.model.in_memory.entries)]
            for entry in landed:
                number = next(n for n, a in enumerate(answers) if entry in a.entries)
                self.model.follow([pairs[number]], Answer((entry,)))
                states.append(list(self.model.in_memory.entries))
            for number, answer in enumerate(answers):
                if answer.codes:
                    found = [self.model.refused_after(state, pairs[number]) for state in states]
                    words = f"refused in a race ({', '.join(answer.codes)}), and never refused"
                    self.model.must(any(found), f"{words}: {pairs[number]}")

        @invariant()
        def reads_back(self) -> None:
            """What was recorded is there, in its order, each where its receipt said."""
            for ledger in self.ledgers:
                entries = told_of(ledger)
                positions = [entry.position for entry in entries]
                self.model.must(positions == sorted(set(positions)), f"positions do not grow: {positions}")
                self.model.must(
                    [entry.id for entry in entries] == self.model.ids, "entries are not as recorded"
                )
                for entry, other in zip(entries, self.model.in_memory.entries, strict=True):
                    same = self.model.translated_fact(other.fact) == entry.fact
                    at = (entry.occurred_at, entry.day) == (other.occurred_at, other.day)
                    self.model.must(same and at, f"recorded {other}, read {entry}")

        @rule(number=st.integers(0, 40), by=handles)
        def look_back(self, number: int, by: int) -> None:
            """What was known at a position is what the model says, whatever came after it."""
            if not self.model.ids:
                return
            known = number % len(self.model.ids) + 1
            ledger = self.ledgers[by]
            position = [entry.position for entry in told_of(ledger)][known - 1]
            history = History(tuple(self.model.in_memory.entries), own).known(known)
            shown = resolve(history.entries, history.registry, void=True)
            expected = [self.model.ids[place_of(entry.id)] for entry in shown]
            view = ledger.as_of(datetime.max.replace(tzinfo=UTC), known_at=position)
            found = [entry.id for entry in view.history() if entry.name != _DECLARED]
            self.model.must(found == expected, f"as known at #{known}: {found}, not {expected}")
            for person in PEOPLE[:3]:
                mine = [entry.id for entry in view.history(person)]
                theirs = [
                    self.model.ids[place_of(entry.id)]
                    for entry in shown
                    if person in people_in(entry.fact, history.registry)
                ]
                self.model.must(mine == theirs or person not in history.people, f"of {person}: {mine}")

        def teardown(self) -> None:
            """Close the ledgers."""
            for ledger in self.ledgers:
                ledger.close()

    return LedgerMachine
