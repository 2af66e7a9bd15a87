"""What a ledger is compared with: the same rules over a plain list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact
from reps_ledger.errors import Conflict, Refused
from reps_ledger.testing.desk import Desk, entry_id
from reps_ledger.testing.recorded import moment
from reps_ledger.testing.strategies.matching import matched
from reps_ledger.testing.strategies.offers import Context, Offer
from reps_ledger.testing.strategies.values import PEOPLE
from reps_ledger.testing.timelines import timeline

if TYPE_CHECKING:
    from reps_ledger.domain.rules import Rule
    from reps_ledger.ledger import Ledger

__all__ = ["Answer", "Beside", "Pairs", "place_of", "recorded_in"]

Pairs = Sequence[tuple[Fact, date | None]]

AT: Final = moment("2018-10-01")


@frozen
class Answer:
    """What became of an attempt: entries, or the codes of refusals."""

    entries: tuple[Entry, ...] = ()
    codes: tuple[str, ...] = ()
    conflict: bool = False


class Beside:
    """The model that stands beside a ledger, and how entries are named in each.

    Args:
        facts: the service's own kinds of fact.
        rules: its own rules.
    """

    def __init__(self, facts: tuple[type[Fact], ...], rules: tuple[Rule, ...]) -> None:
        self.facts = facts
        self.rules = rules
        self.desk = Desk(facts, rules, UTC)
        self.ids: list[str] = []
        self.last: Pairs = []

    def meant(self, offers: Sequence[Offer]) -> list[tuple[Fact, date | None]]:
        """Return what offers mean here; entries are named as in the model."""
        names = [entry_id(number) for number in range(1, len(self.ids) + 1)]
        context = Context(AT, UTC, PEOPLE[:3], names)
        pairs: list[tuple[Fact, date | None]] = []
        for offer in offers:
            fact = offer.fact(context)
            if fact is not None:
                found = matched(fact, self.desk.entries, PEOPLE[:3]) or fact
                pairs.append((found, offer.at.of(AT, UTC)))
        return pairs

    def named(self, pairs: Pairs) -> list[tuple[Fact, date | None]]:
        """Return facts with entries named as in the ledger."""
        return [(self.named_fact(fact), at) for fact, at in pairs]

    def named_fact(self, fact: Fact) -> Any:
        """Return a fact with entries named as in the ledger."""
        said: Any = fact
        match said:
            case EntryRetracted(target=target):
                return EntryRetracted(target=self.id_of(target), reason=said.reason)
            case EntryCorrected(target=target, replacement=other):
                return EntryCorrected(
                    target=self.id_of(target),
                    replacement=self.named_fact(other),
                    reason=said.reason,
                )
        if getattr(said, "report", None) is not None:
            return type(said)(
                member=said.member, report=self.id_of(said.report), verifier=said.verifier
            )
        return said

    def id_of(self, name: str) -> str:
        """Return the id in the ledger of an entry of the model."""
        place = place_of(name)
        return self.ids[place] if 0 <= place < len(self.ids) else name

    def attempt(
        self,
        ledger: Ledger,
        pairs: Pairs,
        command: str | None = None,
    ) -> Answer:
        """Record in the ledger and in the model: both do, or both refuse alike."""
        self.last = list(pairs)
        answer = recorded_in(ledger, self.named(pairs), command)
        self.must(not answer.conflict, "nobody else records, and yet there is a conflict")
        self.follow(pairs, answer)
        if answer.entries:
            first = answer.entries[0].position
            read = tuple(ledger.entries(after=first - 1))
            self.must(read == answer.entries, f"the receipt says {answer.entries}, there is {read}")
        return answer

    def follow(self, pairs: Pairs, answer: Answer) -> None:
        """Record in the model what was tried in the ledger."""
        try:
            self.desk.record(pairs)
        except Refused as refused:
            words = f"the rules refuse it ({', '.join(refused.codes)}): {pairs}"
            self.must(
                answer.codes == refused.codes, f"{words}; the ledger: {answer.codes or 'not'}"
            )
            return
        words = f"the rules allow it, the ledger does not ({', '.join(answer.codes)}): {pairs}"
        self.must(len(answer.entries) == len(pairs), words)
        self.ids += [entry.id for entry in answer.entries]

    def refused_after(self, state: list[Entry], pair: tuple[Fact, date | None]) -> bool:
        """Whether the rules refuse a fact after some entries."""
        desk = Desk(self.facts, self.rules, UTC)
        for entry in state:
            desk.offer(entry.fact, entry.occurred_at, by=entry.by)
        return desk.offer(*pair) is None

    def must(self, so: bool, words: str) -> None:
        """Fail, and draw all that was recorded."""
        if not so:
            raise AssertionError(f"{words}\n\n{timeline(self.desk.entries)}")


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
    """Return the place of an entry of the model, from its id; -1 for none of its own."""
    tail = name.rpartition("-")[2]
    return int(tail) - 1 if tail.isdecimal() and name == entry_id(int(tail)) else -1
