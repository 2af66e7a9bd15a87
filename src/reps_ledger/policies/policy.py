"""Policies: ordered cases of condition and outcome, of which the first that matches decides."""

from __future__ import annotations

from attrs import evolve, field, frozen

from reps_ledger.domain.arguments import checked_methods
from reps_ledger.domain.facts import Registry
from reps_ledger.domain.shown import printable
from reps_ledger.domain.validation import MAX_ITEMS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition, Leaf, leaves
from reps_ledger.policies.language.reads import NOTHING, Reader, Reads, readers, reads_of
from reps_ledger.policies.language.reviews import Noticed
from reps_ledger.policies.language.validators import (
    as_tuple,
    is_list_of,
    is_name,
    is_name_or_none,
    is_prose,
    of_type,
    one_of,
)
from reps_ledger.policies.language.widths import Width


@frozen(cache_hash=True)
class Case:
    """One case of a policy.

    Attributes:
        when: the condition.
        outcome: the policy's outcome where the condition holds.
        reason: why, for the people concerned.
    """

    when: Condition = field(validator=of_type(Condition, "a condition"))
    outcome: str = field(validator=is_name)
    reason: str = field(default="", validator=is_prose)

    def words(self) -> str:
        """Say it."""
        why = f" ({self.reason})" if self.reason else ""
        return f'"{self.outcome}"{why} if {self.when.words()}'


@frozen
class When:
    """A case that has no outcome yet; see `when`."""

    condition: Condition = field(validator=of_type(Condition, "a condition"))

    def then(self, outcome: str, reason: str = "") -> Case:
        """Make the case."""
        return Case(self.condition, outcome, reason)


def when(condition: Condition) -> When:
    """Begin a case: ``when(on_leave()).then("active", "on declared leave")``."""
    return When(condition)


@frozen(cache_hash=True)
class Notice(Reader):
    """The notice that members with an outcome are sent.

    Attributes:
        outcome: which outcome.
        stage: the stage of the notice: "appreciation", "nudge", "warning" …
        answer_within: the time in which an answer is expected; None where none is.
        unanswered: their outcome once that time has passed and nothing was heard of them; None
            for no change.
    """

    outcome: str = field(validator=is_name)
    stage: str = field(validator=is_name)
    answer_within: Width | None = field(default=None, validator=of_type(Width, "a width"))
    unanswered: str | None = field(default=None, validator=is_name_or_none)

    def __attrs_post_init__(self) -> None:
        if self.unanswered is not None and self.answer_within is None:
            raise InvalidPolicy("unanswered by when? Give answer_within too", key="unanswered")

    @property
    def silence(self) -> Condition | None:
        """The condition that the time has passed in silence; None where that changes nothing."""
        if self.unanswered is None:
            return None
        return Noticed(stage=self.stage, overdue=True, heard=False)

    def reads(self) -> Reads:
        return NOTHING if self.silence is None else reads_of(self.silence)

    def words(self) -> str:
        """Say it."""
        words = f'Who is "{self.outcome}" is sent the notice "{self.stage}"'
        if self.answer_within is None:
            return f"{words}."
        words += f", to be answered within {self.answer_within}"
        if self.unanswered is None:
            return f"{words}."
        return f'{words}; if nothing is heard of them by then, the outcome is "{self.unanswered}".'


def notice(
    outcome: str, stage: str, *, answer_within: Width | None = None, unanswered: str | None = None
) -> Notice:
    """Plan a notice for members with an outcome, and what their silence leads to; see `Notice`."""
    return Notice(outcome, stage, answer_within, unanswered)


@checked_methods
@frozen(cache_hash=True)
class Policy:
    """Who may, who is, or what a review decides: ordered cases, of which the first decides.

    Attributes:
        name: its name, under which reviews, notices and exemptions refer to it.
        cases: the cases, in order.
        otherwise: the outcome where no case matches.
        because: why that is the outcome then, for the people concerned.
        version: its version.
        scale: the outcomes from best to worst, where they have an order; else empty.
        notices: the notices that members are sent, at most one for each outcome.
        of: whether it is about a "member" or a "community".
        source: where the rule comes from.
    """

    name: str = field(validator=is_name)
    cases: tuple[Case, ...] = field(
        converter=as_tuple, validator=is_list_of(Case, most=MAX_ITEMS), kw_only=True
    )
    otherwise: str = field(validator=is_name, kw_only=True)
    version: str = field(default="1", validator=is_name, kw_only=True)
    scale: tuple[str, ...] = field(
        default=(), converter=as_tuple, validator=is_list_of(str, most=MAX_ITEMS), kw_only=True
    )
    notices: tuple[Notice, ...] = field(
        default=(), converter=as_tuple, validator=is_list_of(Notice, most=MAX_ITEMS), kw_only=True
    )
    of: str = field(default="member", validator=one_of("member", "community"), kw_only=True)
    source: str = field(default="", validator=is_prose, kw_only=True)
    because: str = field(default="", validator=is_prose, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.cases:
            raise InvalidPolicy("a policy needs a case: when(…).then(…)", key="cases")
        if len(set(self.scale)) < len(self.scale):
            raise InvalidPolicy("the scale names an outcome twice", key="scale")
        if self.scale and (lacking := sorted(set(self.outcomes) - set(self.scale))):
            words = f"the scale lacks {', '.join(map(repr, lacking))}"
            raise InvalidPolicy(words, key="scale")
        noticed = [item.outcome for item in self.notices]
        if len(set(noticed)) < len(noticed):
            raise InvalidPolicy("two notices for one outcome; give it one", key="notices")
        if unknown := sorted(set(noticed) - set(self.outcomes)):
            words = f"a notice for an outcome that never comes: {', '.join(unknown)}"
            raise InvalidPolicy(words, key="notices")

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Every outcome that it may have, in the order of its scale, else of its cases."""
        silent = [item.unanswered for item in self.notices if item.unanswered is not None]
        named = dict.fromkeys([*(case.outcome for case in self.cases), self.otherwise, *silent])
        places = {outcome: place for place, outcome in enumerate(self.scale)}
        return tuple(sorted(named, key=lambda outcome: places.get(outcome, len(places))))

    @property
    def steps(self) -> tuple[tuple[Case, int | None], ...]:
        """The cases as they are evaluated, each with its place in `cases`, from 0.

        Before a case whose notice may stay unanswered comes a case for its members whose notice
        did. After the last comes such a case, without a place, for those whom no case matches.
        """
        found: list[tuple[Case, int | None]] = []
        for index, case in enumerate(self.cases):
            silence = self._silence(case.outcome)
            if silence is not None:
                found.append((evolve(silence, when=case.when & silence.when), index))
            found.append((case, index))
        silence = self._silence(self.otherwise)
        return (*found, (silence, None)) if silence is not None else tuple(found)

    def _silence(self, outcome: str) -> Case | None:
        plan = self.notice_for(outcome)
        if plan is None or plan.unanswered is None or plan.silence is None:
            return None
        return Case(plan.silence, plan.unanswered, f"nothing was heard after the {plan.stage}")

    def notice_for(self, outcome: str) -> Notice | None:
        """Return the notice for members with an outcome, or None."""
        return next((item for item in self.notices if item.outcome == outcome), None)

    def leaves(self) -> tuple[Leaf, ...]:
        """Return every leaf of its steps' conditions, each once, in order."""
        return tuple(dict.fromkeys(leaf for case, _ in self.steps for leaf in leaves(case.when)))

    def at_least_as_good(self, outcome: str) -> frozenset[str]:
        """Return the outcomes that are as good as this one, or better; without a scale, only it.

        Raises:
            InvalidPolicy: it is none of the policy's outcomes.
        """
        if outcome not in self.outcomes:
            raise InvalidPolicy(
                f"{self.name} never comes to {outcome!r}; it knows {', '.join(self.outcomes)}"
            )
        if not self.scale:
            return frozenset({outcome})
        return frozenset(self.scale[: self.scale.index(outcome) + 1])

    def check(self, registry: Registry) -> None:
        """Refuse facts and fields that a ledger does not know.

        Raises:
            InvalidPolicy: it names one.
        """
        for case in self.cases:
            for part in readers(case.when):
                part.check_known(registry)

    def words(self) -> str:
        """Say the whole policy, a case a line."""
        first = f"{self.name}, version {self.version}: the first of these that is so"
        lines = [f"{i}. {case.words()};" for i, case in enumerate(self.cases, 1)]
        notices = [item.words() for item in self.notices]
        why = f" ({self.because})" if self.because else ""
        said = [f"{first}:", *lines, f'otherwise "{self.otherwise}"{why}.', *notices]
        return "\n".join(map(printable, said))

    def __str__(self) -> str:
        return self.words()
