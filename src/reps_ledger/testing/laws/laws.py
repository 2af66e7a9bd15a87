"""The laws of policies: each has a name, a sentence, and a check of one situation.

They come in three groups. Of people: others do not matter, nobody is dropped, promises are kept. Of
stability: the outcome is the same again, whatever comes later, in any order, at any date. Of truth:
what a verdict says of itself, of its future and of what was missing is so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from itertools import combinations
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, fields, frozen
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import Fact, MemberRetired
from reps_ledger.domain.spans import READS, RETIREMENT
from reps_ledger.domain.time import LAST, day_start
from reps_ledger.errors import InvalidPolicy, TooLarge
from reps_ledger.ledger import Ledger
from reps_ledger.policies import Policy, Subject, Way, decide, digest, dumps, evaluate, is_member, loads
from reps_ledger.policies import months as in_months
from reps_ledger.policies.language.conditions import Leaf, holds, truth
from reps_ledger.policies.language.facts import Facts
from reps_ledger.policies.language.reads import parts
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.outcomes import outcome_of, outcomes_through
from reps_ledger.projections import membership, project
from reps_ledger.testing.history import Everybody, History, Told, regression_test, tell_all, with_changes
from reps_ledger.testing.situations import PolicyLike, Situation, judged, words_of
from reps_ledger.testing.strategies.vocabulary import days_in, widths_in
from reps_ledger.views.evaluator import PolicyEvaluator


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@frozen(kw_only=True)
class Promises:
    """What a policy promises beside the laws that all policies obey.

    Attributes:
        more: stored names of facts of which one more never makes the outcome worse.
        absence: whether another month in which nothing happens never makes it better.
        keeps: grandfathering: a date, and the worst outcome for whoever joined before it.
        outcomes: from best to worst, for a function; a policy has a scale of its own.
    """

    more: tuple[str, ...] = field(default=(), converter=_listed)
    absence: bool = False
    keeps: tuple[date, str] | None = None
    outcomes: tuple[str, ...] = field(default=(), converter=_listed)


NOTHING: Final = Promises()


@frozen
class Broken:
    """How a law is broken.

    Attributes:
        words: how, in a sentence.
        verdicts: what was compared: verdicts in words, each with what it is of.
    """

    words: str
    verdicts: Mapping[str, str] = field(factory=lambda: MappingProxyType({}))


class LawBroken(AssertionError):
    """A law does not hold; the message draws the smallest history on which it does not.

    Attributes:
        law: which law.
        judge: the policy or function that breaks it.
        situation: where it does; None where it is no single situation.
        broken: how.
        looked_at: how many situations were looked at until one broke it; 0 where that was not
            counted.
    """

    looked_at: int = 0

    def __init__(self, law: Law, judge: PolicyLike, situation: Situation | None, broken: Broken) -> None:
        self.law = law
        self.judge = judge
        self.situation = situation
        self.broken = broken
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterable[str]:
        yield f"{name_of(self.judge)} breaks {self.law.name}: {self.broken.words}"
        yield f"The law: {self.law.says}"
        if self.situation is not None:
            yield ""
            yield self.situation.timeline()
        for what, words in self.broken.verdicts.items():
            yield ""
            yield f"{what}: {words}"
        if self.situation is not None:
            yield ""
            yield "To keep it as a test:"
            yield ""
            yield self.regression_test()

    def regression_test(self) -> str:
        """Return the code of a test of this, ready to paste; it must import `policy`."""
        code = "" if self.situation is None else self.situation.code()
        call = f"{self.law.name}(policy, situation)"
        return regression_test(self.law.name, self.law.says, name_of(self.judge), code, call)


Check = Callable[[PolicyLike, Situation, Promises], Broken | None]


@frozen(eq=False)
class Law:
    """A law that every policy must obey, or every one that promises it.

    Called with a policy and a situation it raises `LawBroken` where the law does not hold there.

    Attributes:
        name: its name.
        says: what must hold, in one sentence.
        check: looks at one situation, and returns how it is broken there, or None.
        spared: returns why it is not asked of a policy; an empty text where it is.
    """

    name: str
    says: str
    check: Check = field(repr=False)
    spared: Callable[[PolicyLike, Promises], str] = field(repr=False)

    def __call__(self, judge: PolicyLike, situation: Situation, promises: Promises = NOTHING) -> None:
        """Check it in one situation.

        Raises:
            LawBroken: it does not hold there.
        """
        broken = self.check(judge, situation, promises)
        if broken is not None:
            raise LawBroken(self, judge, situation, broken)

    def __str__(self) -> str:
        return self.name


def law(
    says: str, spared: Callable[[PolicyLike, Promises], str] = lambda _judge, _promises: ""
) -> Callable[[Check], Law]:
    """Make a law of a function that checks one situation; it has the function's name."""

    def make(check: Check) -> Law:
        return Law(check.__name__, says, check, spared)

    return make


def name_of(judge: PolicyLike) -> str:
    """Return the name of a policy, or of a function."""
    if isinstance(judge, Policy):
        return judge.name
    return str(getattr(judge, "__name__", judge))


def outcomes_of(judge: PolicyLike, promises: Promises) -> tuple[str, ...]:
    """Return the outcomes from best to worst; none where that is not known."""
    if promises.outcomes:
        return promises.outcomes
    return judge.outcomes if isinstance(judge, Policy) else ()


_MONTH = in_months(1)
_A_YEAR = 12


def _of_members(judge: PolicyLike, _promises: Promises) -> str:
    whole = isinstance(judge, Policy) and judge.of == "community"
    return "it is about communities" if whole else ""


@law("What strangers do, who are never named together with the member, changes nothing.", _of_members)
def isolation(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge with strangers' facts, and without."""
    known = situation.known
    named = [(entry, set(people_in(entry.fact, known.registry))) for entry in known.standing]
    near = {situation.who}.union(*(people for _, people in named if situation.who in people))
    kept = [entry for entry, people in named if not people or people & near]
    if len(kept) == len(named):
        return None
    return _differs(
        judge, situation, kept, "what strangers did changes it", ("with what strangers did", "without")
    )


@law("Whoever joined is a member at every later instant, whatever is decided of them.", _of_members)
def always_a_member(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge the member once they have been retired too: they still are one, with an outcome."""
    known = situation.known
    joined = situation.subject(judge).dossier.joined
    if joined is None or joined.occurred_at > situation.at:
        return None
    retired = tell_all(
        Told(MemberRetired(member=situation.who, how="removed"), situation.at),
        facts=known.facts,
        zone=known.zone,
    )
    entries = [*known.standing, *retired.entries]
    subject = situation.subject(judge, Everybody(entries, known.registry))
    state = project(membership(situation.who, known.zone), subject.dossier.entries)
    outcome = judged(judge, subject)
    if state.joined_at is not None and holds(is_member(), subject) and isinstance(outcome, str) and outcome:
        return None
    return Broken("a member is no member any more", {"once retired": words_of(judge, subject)})


def _promises_more(judge: PolicyLike, promises: Promises) -> str:
    if not promises.more:
        return "it does not promise that"
    return "" if _scale(judge, promises) else "its outcomes have no order"


@law("Another fact of a kind that it names never makes the outcome worse.", _promises_more)
def more_never_hurts(judge: PolicyLike, situation: Situation, promises: Promises) -> Broken | None:
    """Leave out each such fact in turn: the outcome may not be better without it."""
    scale = _scale(judge, promises)
    known = situation.known
    now = judged(judge, situation.subject(judge))
    for entry in known.standing:
        if entry.name not in promises.more or entry.occurred_at > situation.at:
            continue
        if getattr(entry.fact, "member", None) != situation.who:
            continue
        kept = [each for each in known.standing if each.id != entry.id]
        without = situation.subject(judge, Everybody(kept, known.registry))
        before = judged(judge, without)
        if scale.index(now) > scale.index(before):
            return Broken(
                f"another {entry.name} makes it worse",
                {
                    f"with all of them: the {entry.name} of {entry.occurred_at.date()} too": (
                        words_of(judge, situation.subject(judge))
                    ),
                    "without that one": words_of(judge, without),
                },
            )
    return None


def _promises_absence(judge: PolicyLike, promises: Promises) -> str:
    if not promises.absence:
        return "it does not promise that"
    return "" if _scale(judge, promises) else "its outcomes have no order"


@law("Another month, or a year, without anything never makes the outcome better.", _promises_absence)
def absence_never_helps(judge: PolicyLike, situation: Situation, promises: Promises) -> Broken | None:
    """Let months pass in which nothing happens, one after another for a year."""
    scale = _scale(judge, promises)
    known = situation.known
    past = [entry for entry in known.standing if entry.occurred_at <= situation.at]
    around = Everybody(past, known.registry, known.amendments.readings)
    before = situation.subject(judge, around)
    for _ in range(_A_YEAR):
        after = before.moved(_MONTH.after(before.at, known.zone))
        if scale.index(judged(judge, after)) < scale.index(judged(judge, before)):
            return Broken(
                "a month of absence makes it better",
                {f"on {before.at.date()}": words_of(judge, before), "a month later": words_of(judge, after)},
            )
        before = after
    return None


def _promises_to_keep(judge: PolicyLike, promises: Promises) -> str:
    if promises.keeps is None:
        return "it grandfathers nobody"
    return "" if _scale(judge, promises) else "its outcomes have no order"


@law("Whoever joined before the date never comes to a worse outcome than promised.", _promises_to_keep)
def grandfathering(judge: PolicyLike, situation: Situation, promises: Promises) -> Broken | None:
    """Judge whoever joined before the date."""
    assert promises.keeps is not None, "not asked otherwise"  # noqa: S101 — for type checkers
    day, worst = promises.keeps
    subject = situation.subject(judge)
    joined = subject.dossier.joined
    if joined is None or joined.occurred_at >= day_start(day, situation.zone):
        return None
    if joined.occurred_at > situation.at:
        return None
    scale = _scale(judge, promises)
    if scale.index(judged(judge, subject)) <= scale.index(worst):
        return None
    return Broken(
        f"whoever joined before {day} was promised {worst!r} at worst", {"judged": words_of(judge, subject)}
    )


def _scale(judge: PolicyLike, promises: Promises) -> tuple[str, ...]:
    if promises.outcomes:
        return promises.outcomes
    return judge.scale if isinstance(judge, Policy) else ()


def _differs(
    judge: PolicyLike, situation: Situation, kept: Iterable[Entry], words: str, called: tuple[str, str]
) -> Broken | None:
    known = situation.known
    subject: Subject = situation.subject(judge)
    other = situation.subject(judge, Everybody(kept, known.registry, known.amendments.readings))
    if judged(judge, other) == judged(judge, subject):
        return None
    return Broken(words, {called[0]: words_of(judge, subject), called[1]: words_of(judge, other)})


_TIMES: Final = 4
_YEARS: Final = 28
"""After so many years the calendar of this century repeats: days of the week, leap days."""

_LATEST: Final = datetime(2070, 1, 1, tzinfo=UTC)


@law("Judged again from the same history, the outcome is the same.")
def determinism(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge several times, from copies of what is known."""
    history = situation.known
    outcomes = [
        judged(
            judge,
            situation.subject(
                judge, Everybody(history.standing, history.registry, history.amendments.readings)
            ),
        )
        for _ in range(_TIMES)
    ]
    if len(set(outcomes)) == 1:
        return None
    words = {"one after another": ", ".join(outcomes)}
    return Broken("judged again, it says something else", words)


def _dated(judge: PolicyLike, _promises: Promises) -> str:
    if isinstance(judge, Policy) and days_in(judge):
        return "it names dates of the calendar"
    return ""


@law("28 years later, when the calendar is the same, the outcome is the same.", _dated)
def timelessness(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Move everything by 28 years: what reads a clock of its own is found out."""
    known = evolve(situation.known.settled(), zone=UTC)  # other zones had other rules then
    now = Situation(history=known, who=situation.who, at=situation.at)
    later = situation.at, *(entry.occurred_at for entry in known)
    if max(later) >= _LATEST:
        return None
    moved = known.of(replace(e, occurred_at=_moved(e.occurred_at), fact=_moved_fact(e.fact)) for e in known)
    then = Situation(history=moved, who=situation.who, at=_moved(situation.at))
    one, other = now.subject(judge), then.subject(judge)
    if judged(judge, one) == judged(judge, other):
        return None
    return Broken(
        f"moved by {_YEARS} years, the same history is judged otherwise",
        {"as it is": words_of(judge, one), f"{_YEARS} years later": words_of(judge, other)},
    )


def _moved(instant: datetime) -> datetime:
    return instant.replace(year=instant.year + _YEARS)


def _moved_fact(fact: Fact) -> Fact:
    changes = {
        attribute.name: _moved(value)
        for attribute in fields(type(fact))
        if isinstance(value := getattr(fact, attribute.name), datetime)
    }
    return with_changes(fact, changes)


@law("What happens after the instant, or is recorded after the position, changes nothing.")
def no_hindsight(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge with what came later, and without."""
    known = situation.known
    now = judged(judge, situation.subject(judge))
    horizon = _horizon(judge, situation)
    past = [entry for entry in known.standing if entry.occurred_at <= horizon]
    if len(past) < len(known.standing):
        without = situation.subject(judge, Everybody(past, known.registry, known.amendments.readings))
        if judged(judge, without) != now:
            return Broken(
                "what happened later changes it",
                {
                    "with what happened later": words_of(judge, situation.subject(judge)),
                    "without": words_of(judge, without),
                },
            )
    if situation.known_at >= len(situation.history):
        return None
    with situation.history.ledger() as ledger:
        seen = _seen(ledger, judge, situation)
        if judged(judge, seen) != now:
            return Broken(
                "what was recorded later changes it",
                {
                    "as known then, in a ledger that knows more": words_of(judge, seen),
                    "in a ledger that knows no more": words_of(judge, situation.subject(judge)),
                },
            )
    return None


def _horizon(judge: PolicyLike, situation: Situation) -> datetime:
    """Return until when facts may count: later than the instant where windows look ahead."""
    found = [situation.at]
    for part in parts(judge.cases) if isinstance(judge, Policy) else ():
        ahead = getattr(part, "ahead", None)
        if isinstance(ahead, Width):
            found.append(ahead.after(situation.at, situation.zone))
        if isinstance(part, Facts) and any(item.name == "announced" for item in part.where):
            found.append(LAST)
    return max(found)


def _seen(ledger: Ledger, judge: PolicyLike, situation: Situation) -> Subject:
    """Return the subject of a policy, as a view of a ledger shows it."""
    view = ledger.as_of(situation.at, situation.known_at)
    evaluator = PolicyEvaluator(view.reading, situation.zone)
    if isinstance(judge, Policy) and judge.of == "community":
        subject = evaluator.member(situation.who, situation.at)
        return subject.of(subject.others.community(situation.who))
    return evaluator.member(situation.who, situation.at)


@law("What was said as known at a position stays so, however much is recorded after it.")
def append_stability(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge in a ledger, and, as known then, in one in which more was recorded."""
    if situation.known_at >= len(situation.history):
        return None
    with situation.known.ledger() as before, situation.history.ledger() as after:
        one, other = (_seen(each, judge, situation) for each in (before, after))
        if judged(judge, one) == judged(judge, other):
            return None
        return Broken(
            "recording more changed what it said as known before",
            {"before": words_of(judge, one), "after": words_of(judge, other)},
        )


@law("The order in which things were recorded, and importing them twice, change nothing.")
def order_independence(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge the history recorded as it happened, and in the reverse order.

    Entries of one instant keep their order: it is what says which came first. So do roles, leave and
    retirements where somebody retired: a role that was told before, and was to begin after, never begins.
    """
    known = situation.known.settled()
    turned = [known.of(order) for order in _orders_of_telling([*known])]
    one, *others = (
        Situation(history=each, who=situation.who, at=situation.at).subject(judge)
        for each in (known, *turned)
    )
    for other in others:
        if judged(judge, one) != judged(judge, other):
            return Broken(
                "recorded in another order, the same history is judged otherwise",
                {"in this order": words_of(judge, one), "in another": words_of(judge, other)},
            )
    return _twice(judge, situation)


def _orders_of_telling(known: list[Entry]) -> Iterator[list[Entry]]:
    """Yield orders in which the same might have been told."""
    tied: list[Entry] = []
    if any(entry.name == RETIREMENT for entry in known):
        tied = [entry for entry in known if entry.name in READS["role.assigned"] | READS["leave.started"]]
    rest = [entry for entry in known if entry not in tied]
    if {entry.occurred_at for entry in tied} & {entry.occurred_at for entry in rest}:
        return
    instants = sorted({entry.occurred_at for entry in rest})
    for order in (instants, instants[::-1]):
        yield [*tied, *(entry for at in order for entry in rest if entry.occurred_at == at)]


def _twice(judge: PolicyLike, situation: Situation) -> Broken | None:
    """Judge what is known once it is imported, and once it is imported again."""
    known = situation.known
    rows = known.rows()
    with History((), known.facts, known.zone).ledger() as ledger:
        outcomes = []
        for _ in range(2):
            report = ledger.import_history(rows)
            if report.recorded + report.known < len(rows):
                return None  # what rules refused, they may allow the second time
            seen = evolve(situation, known_at=ledger.position)
            outcomes.append(judged(judge, _seen(ledger, judge, seen)))
    if outcomes[0] == outcomes[1]:
        return None
    return Broken("imported twice, the same history is judged otherwise", {"once and twice": str(outcomes)})


_TICK: Final = timedelta(microseconds=1)
_PROBES: Final = 80
_NEEDS: Final = 4


def _unless_policy(judge: PolicyLike, _promises: Promises) -> str:
    return "" if isinstance(judge, Policy) else "a function explains nothing"


def _unless_known(judge: PolicyLike, promises: Promises) -> str:
    return "" if outcomes_of(judge, promises) else "nobody said which outcomes it has"


@law("Of any history, however illegal, there is an outcome, and the scale has a place for it.", _unless_known)
def totality(judge: PolicyLike, situation: Situation, promises: Promises) -> Broken | None:
    """Judge, and look the outcome up among those that there are."""
    expected = outcomes_of(judge, promises)
    try:
        outcome = judged(judge, situation.subject(judge))
    except Exception as error:  # noqa: BLE001 — whatever a function raises, it is no outcome
        return Broken("it raises an error", {"the error": f"{type(error).__name__}: {error}"})
    if outcome in expected:
        return None
    return Broken(f"{outcome!r} is none of its outcomes", {"those": ", ".join(expected)})


@law("The findings of a verdict alone give its outcome.", _unless_policy)
def explanation_soundness(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Decide again, by the findings alone."""
    policy = _policy(judge)
    verdict = evaluate(policy, situation.subject(policy))
    try:
        outcome = decide(policy, verdict.findings)
    except KeyError as error:
        return Broken(f"a finding is missing: {error}", {"the verdict": verdict.words()})
    known = {entry.id for entry in situation.known}
    if outcome == verdict.outcome and set(verdict.evidence) <= known:
        return None
    return Broken("its findings do not explain it", {"the verdict": verdict.words(), "they give": outcome})


@law("Nothing changes by itself before `lapses_at`; then it is `lapses_to`.", _unless_policy)
def lapses_come_true(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge at the instant at which it lapses, and before; where it never does, at many later."""
    policy = _policy(judge)
    subject = situation.subject(policy)
    verdict = evaluate(policy, subject)
    change = verdict.change
    foretold = "never" if change is None else f"{change.outcome!r} at {change.at.isoformat()}"
    if change is not None and outcome_of(policy, subject.moved(change.at)) != change.outcome:
        return Broken("it does not lapse as it says", {"the verdict": verdict.words()})
    for instant in _probes(policy, subject, change.at if change is not None else LAST):
        found = outcome_of(policy, subject.moved(instant))
        if found != verdict.outcome:
            return Broken(
                f"it says that it will be {foretold}, and is {found!r} at {instant.isoformat()}",
                {"the verdict": verdict.words()},
            )
    return None


def _probes(policy: Policy, subject: Subject, end: datetime) -> list[datetime]:
    """Return instants before an end at which outcomes may change, and those beside them.

    They are the dates of facts and of the policy, and those a width of the policy later.
    """
    bases = {subject.at}
    for entry in subject.dossier.entries:
        bases.add(entry.occurred_at)
        for attribute in fields(type(entry.fact)):
            value = getattr(entry.fact, attribute.name)
            if isinstance(value, datetime):
                bases.add(value)
    zone = subject.zone
    found = set(bases)
    for base in bases:
        found |= {width.after(base, zone) for width in widths_in(policy)}
    found |= {day_start(day, zone) for day in days_in(policy)}
    near = {edge + ticks * _TICK for edge in found for ticks in (-1, 0, 1)}
    if end != LAST:
        near.add(end - _TICK)
    return sorted(instant for instant in near if subject.at < instant < end)[-_PROBES:]


@law(
    "Were all that a shortfall names otherwise, the outcome would be as good; less is not enough.",
    _unless_policy,
)
def shortfalls_suffice(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Decide with the truths of each way's conditions changed; and with only some changed."""
    policy = _policy(judge)
    subject = situation.subject(policy)
    verdict = evaluate(policy, subject)
    held = {leaf: leaf.find(subject).holds for leaf in policy.leaves()}
    for outcome in policy.outcomes:
        good = policy.at_least_as_good(outcome)
        with suppress(TooLarge):
            for way in verdict.shortfalls(outcome):
                wrong = _wrong(policy, subject, way, held, good)
                if wrong:
                    return Broken(
                        f'for "{outcome}" it asks for "{way}", and {wrong}', {"the verdict": verdict.words()}
                    )
    return None


def _wrong(policy: Policy, subject: Subject, way: Way, held: dict[Leaf, bool], good: frozenset[str]) -> str:
    needs = {need.condition: need.wanted for need in way.needs}
    if any(held[leaf] == wanted for leaf, wanted in needs.items()):
        return "some of that is so already"
    if _outcome(policy, {**held, **needs}) not in good:
        return "that is not enough"
    for size in range(len(needs) if len(needs) <= _NEEDS else 0):
        for some in combinations(needs.items(), size):
            if _outcome(policy, {**held, **dict(some)}) in good:
                return "less would do"
    for need in way.needs:
        if need.on is not None:
            then = need.condition.find(subject.moved(need.on)).holds
            if then != need.wanted:
                return f"does not come by itself on {need.on.date()}"
    return ""


def _outcome(policy: Policy, truths: dict[Leaf, bool]) -> str:
    for case, _ in policy.steps:
        if truth(case.when, truths.__getitem__):
            return case.outcome
    return policy.otherwise


def _unless_replayed(judge: PolicyLike, promises: Promises) -> str:
    if why := _unless_policy(judge, promises):
        return why
    if _policy(judge).of != "member":
        return "it is about communities"
    if find_spec("numpy") is None or find_spec("pyarrow") is None:
        return "the extra `replay` is not installed"
    return ""


@law(
    "The replay kernel says of everyone, at every date, what evaluating them one by one says.",
    _unless_replayed,
)
def kernel_agreement(judge: PolicyLike, situation: Situation, _promises: Promises) -> Broken | None:
    """Backtest the situation, at its instant and at others around it."""
    from reps_ledger.testing.replayed import outcomes_by_kernel  # noqa: PLC0415 — an extra's

    policy = _policy(judge)
    known = situation.known
    instants = {entry.occurred_at for entry in known.standing}
    instants |= {situation.at, situation.at + timedelta(days=10), situation.at - timedelta(days=40)}
    dates: Sequence[datetime] = sorted(instants)
    try:
        found = outcomes_by_kernel(policy, known, dates)
    except InvalidPolicy:
        return None  # it reads what columns do not hold, and says so
    around = known.everybody()
    for dossier in around.everyone():
        subject = Subject(dossier, dates[0], known.zone, around)
        joined = dossier.joined
        expected = [
            outcome if joined is not None and joined.occurred_at <= date else None
            for date, outcome in outcomes_through(policy, subject, dates)
        ]
        for instant, one, other in zip(dates, expected, found[dossier.name], strict=True):
            if one != other:
                return Broken(
                    f"of {dossier.name} at {instant.isoformat()} the kernel says {other!r}",
                    {"evaluated": words_of(policy, subject.moved(instant))},
                )
    return None


@law("As a document, TOML or JSON, it reads back equal, with its digest and its sentence.", _unless_policy)
def document_round_trip(judge: PolicyLike, _situation: Situation, _promises: Promises) -> Broken | None:
    """Write the policy as a document, and read it."""
    policy = _policy(judge)
    for form in ("toml", "json"):
        again = loads(dumps(policy, form))
        if (again, digest(again), again.words()) != (policy, digest(policy), policy.words()):
            return Broken(f"as {form} it reads back otherwise", {"read back": again.words()})
    return None


def _policy(judge: PolicyLike) -> Policy:
    assert isinstance(judge, Policy), "not asked otherwise"  # noqa: S101 — for type checkers
    return judge
