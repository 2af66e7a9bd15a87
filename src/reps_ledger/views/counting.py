"""What a census of a view depends on at one instant: the charter in force, and who counts as a member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import frozen

from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidInput
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.subject import Dossier
from reps_ledger.projections import Defined, Overview
from reps_ledger.projections.census import Group, groups_of
from reps_ledger.views.evaluator import PolicyEvaluator


@frozen(kw_only=True)
class CensusInputs:
    """Inputs of a census at one instant, by which each person is counted.

    Attributes:
        evaluator: evaluates the charter in force.
        when: the instant.
        by: the dimensions.
        charter: the one that says how members stand; None where it is not asked for, or says nothing.
        defining: whether members are defined otherwise than by having joined.
        programme: who counts as a member of the programme; None for whoever joined.
        communities: who counts as a member of communities that say so themselves.
    """

    evaluator: PolicyEvaluator
    when: datetime
    by: tuple[str, ...]
    charter: Charter | None
    defining: bool
    programme: Condition | None
    communities: Mapping[str, Condition]

    @classmethod
    def at(
        cls,
        evaluator: PolicyEvaluator,
        when: datetime,
        definition: Condition | str | None,
        by: tuple[str, ...],
    ) -> CensusInputs:
        """Return those of an instant.

        Args:
            evaluator: of all that is known.
            when: the instant.
            definition: as `View.census` takes it.
            by: the dimensions.

        Raises:
            InvalidInput: there is no such definition.
            Malformed: the charter in force is asked for, and cannot be read here.
        """
        standing = evaluator.charter(when) if "standing" in by else None
        charter = None
        if isinstance(definition, str):
            if definition != "charter":
                raise InvalidInput(
                    f"members are defined by a condition or by 'charter', not {shown(definition, 60)}",
                    field="definition",
                )
            charter = evaluator.charter(when)
            programme = None if charter is None else charter.member
        else:
            programme = definition
        local = dict(charter.communities) if charter is not None and "community" in by else {}
        return cls(
            evaluator=evaluator,
            when=when,
            by=by,
            charter=None if standing is None or standing.standing is None else standing,
            defining=definition is not None,
            programme=programme,
            communities=local,
        )

    def groups(self, person: Overview, dossier: Dossier) -> Iterable[Group]:
        """Return the groups in which a person is counted.

        Args:
            person: as folded up to the instant.
            dossier: their whole history.
        """
        subject = self.evaluator.subject(dossier, self.when)
        joined = person.membership.joined_at is not None
        standing = None
        if self.charter is not None and joined:
            _, stand = self.evaluator.stand(subject)
            standing = {person.member: (stand.outcome, stand.active)}
        defined = None
        if self.defining:
            counts = joined if self.programme is None else holds(self.programme, subject)
            own = frozenset([person.member])
            defined = Defined(
                members=own if counts else frozenset(),
                communities={
                    name: own if holds(condition, subject) else frozenset()
                    for name, condition in self.communities.items()
                },
            )
        return groups_of(person, self.when, self.by, standing=standing, defined=defined)
