"""Checks of charters, projections and kinds of fact that a service makes itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Never, TypeVar

from hypothesis import HealthCheck
from hypothesis import given as given_hypothesis
from hypothesis import settings as Settings  # noqa: N812 — a class, whatever its case
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Fact, Registry, kind_of
from reps_ledger.errors import LedgerError, Malformed
from reps_ledger.importers.rows import fact_of, write_row
from reps_ledger.log import Codec, Upcaster
from reps_ledger.policies.charter import Charter, charter_digest, dump_charter, read_charter, statements
from reps_ledger.projections.projection import Checkpoint, Projection, project, resume
from reps_ledger.testing.history import History, tell_all
from reps_ledger.testing.memory_log import tags_of
from reps_ledger.testing.strategies.facts import facts as any_facts
from reps_ledger.testing.strategies.histories import histories as legal_histories
from reps_ledger.testing.strategies.histories import raw_histories

S = TypeVar("S")
T = TypeVar("T")


@checked
def check_projection(
    projection: Projection[S],
    *,
    histories: SearchStrategy[History] | None = None,
    facts: Iterable[type[Fact]] = (),
    settings: Settings | None = None,
    resumes: Callable[[S], S] = lambda state: state,
) -> None:
    """Check that a projection is total and pure, and the same however a history is cut.

    ``project(a + b)`` equals ``resume(project(a), b)``, for every cut. A state is never changed by
    going on. Projected again from the beginning, the same comes out.

    Args:
        projection: which.
        histories: on which histories; legal and raw ones by default.
        facts: the service's own kinds of fact.
        settings: Hypothesis's; its current ones by default, without a deadline.
        resumes: returns the state that is read back after one was written for later.

    Raises:
        AssertionError: it is not so; the message draws the history.
    """
    own = tuple(facts)
    strategy = histories or (raw_histories(facts=own, odd=False) | legal_histories(facts=own))

    def once(history: History) -> None:
        entries = history.standing
        states = [(projection.initial, repr(projection.initial))]
        for number, entry in enumerate(entries, 1):
            state = _evolved(projection, states[-1][0], entry, history)
            states.append((state, repr(state)))
            for before, words in states:
                if repr(before) != words:
                    _wrong(projection, f"entry {number} changed a state of before", history)
        whole = project(projection, entries)
        if whole != states[-1][0]:
            _wrong(projection, "folded again, the same history gives another state", history)
        for cut, (state, _) in enumerate(states):
            kept = Checkpoint(name=projection.name, version=projection.version, state=resumes(state))
            if resume(projection, kept, entries[cut:]).state != whole:
                _wrong(projection, f"cut after {cut} of them, it gives another state", history)

    _run(once, strategy, settings)


def _evolved(projection: Projection[S], state: S, entry: Entry, history: History) -> S:
    try:
        return projection.evolve(state, entry)
    except Exception as error:  # noqa: BLE001 — whatever it raises, it is not total
        words = f"{entry.name} raises {type(error).__name__}: {error}"
        _wrong(projection, words, history, error)


def _wrong(
    projection: Projection[S], words: str, history: History, because: Exception | None = None
) -> Never:
    raise AssertionError(f"{projection.name}: {words}\n\n{history!r}") from because


@checked
def check_codec(
    *kinds: type[Fact], upcasters: Iterable[Upcaster] = (), settings: Settings | None = None
) -> None:
    """Check that a service's own facts are stored and read back equal, odd values included.

    As stored bytes, and as rows of the exchange format. Upcasters must lead from every older
    version to the present one.

    Args:
        kinds: the classes of facts.
        upcasters: the upcasters of their older versions.
        settings: Hypothesis's; its current ones by default, without a deadline.

    Raises:
        AssertionError: a fact reads back otherwise; the message shows it.
        ConfigurationError: a class cannot be stored, or a version has no way to the present.
    """
    codec = Codec(Registry((*BUILT_IN, *kinds)), list(upcasters))

    def once(fact: Fact) -> None:
        (entry,) = tell_all((fact, "2018-10-01"), facts=kinds)
        stored = codec.encode(entry)
        again = codec.decode(entry.name, stored, entry.position, tags_of(fact, 1, kinds))
        if again.fact != fact:
            raise AssertionError(f"{kind_of(fact).name}: stored {fact}, read {again.fact}")
        row = write_row(entry, codec)
        try:
            read = fact_of(row, codec)
        except LedgerError as error:
            raise AssertionError(f"{fact} cannot be read back from its row: {error}") from error
        if read != fact:
            raise AssertionError(f"{kind_of(fact).name}: wrote {fact}, read {read} from its row")

    _run(once, any_facts(*kinds), settings)


@checked
def check_charter(
    charter: Charter, *, facts: Iterable[type[Fact]] = (), settings: Settings | None = None
) -> None:
    """Check that a charter reads back from its document, and accepts what it accepted before.

    It reads back equal, with its digest and its sentences. The facts that are accepted under it are
    exported, and must all be accepted when they are imported into another ledger.

    Args:
        charter: which.
        facts: the service's own kinds of fact.
        settings: Hypothesis's; its current ones by default, without a deadline.

    Raises:
        AssertionError: it is not so.
    """
    own = tuple(facts)
    document = dump_charter(charter)
    try:
        again = read_charter(document)
    except Malformed as error:
        raise AssertionError(f"{charter.name} cannot be read back: {error}") from error
    if (again, charter_digest(again)) != (charter, charter_digest(charter)):
        raise AssertionError(f"{charter.name} reads back otherwise: {again}")
    if statements(again) != statements(charter):
        raise AssertionError(f"{charter.name} reads back saying other things")

    def once(history: History) -> None:
        rows = history.rows()
        with History((), own, history.zone).ledger() as ledger:
            report = ledger.import_history(rows)
            if report.recorded != len(rows):
                refused = "; ".join(str(row) for row in report.refused)
                raise AssertionError(f"{charter.name} refuses what it accepted: {refused}\n\n{history!r}")

    _run(once, legal_histories(charter=charter, facts=own), settings)


def _run(once: Callable[[T], None], strategy: SearchStrategy[T], settings: Settings | None) -> None:
    chosen = settings or Settings(deadline=None, suppress_health_check=list(HealthCheck))
    last: list[AssertionError] = []

    @Settings(chosen, report_multiple_bugs=False)
    @given_hypothesis(strategy)
    def every(value: Any) -> None:
        try:
            once(value)
        except AssertionError as error:
            last[:] = [error]
            raise

    try:
        every()
    except Flaky:  # code that remembers earlier calls: show where it last failed
        if last:
            raise last[0] from None
        raise
