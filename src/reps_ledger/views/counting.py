"""Counting: who stands how, and who counts as a member, of everyone at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from reps_ledger.errors import InvalidInput
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.projections import Defined, Overview
from reps_ledger.views.judging import Judging

if TYPE_CHECKING:
    from reps_ledger.projections import Standings

__all__ = ["Counting"]


@frozen
class Counting:
    """What counting everyone takes, beside what was folded of them.

    Attributes:
        judging: evaluates the charter in force.
        at: when.
    """

    judging: Judging
    at: datetime

    def standing(self) -> Standings | None:
        """Return how each member stands by the charter in force; None for the default rule."""
        charter = self.judging.charter(self.at)
        if charter is None or charter.standing is None:
            return None
        found: Standings = {}
        for subject in self.judging.members(self.at):
            _, stand = self.judging.stand(subject)
            found[subject.dossier.name] = (stand.outcome, stand.active)
        return found

    def defined(
        self, definition: Condition | str | None, people: Mapping[str, Overview], *, named: bool
    ) -> Defined | None:
        """Return who counts as a member; None for whoever joined.

        Args:
            definition: as `View.census` takes it.
            people: everyone, as folded up to then.
            named: whether communities are told apart, each with a definition of its own.

        Raises:
            InvalidInput: there is no such definition.
        """
        if definition is None:
            return None
        charter = None
        if isinstance(definition, str):
            if definition != "charter":
                raise InvalidInput(
                    f"members are defined by a condition or by 'charter', not {definition!r:.60}",
                    field="definition",
                )
            charter = self.judging.charter(self.at)
            programme = None if charter is None else charter.member
        else:
            programme = definition
        local = dict(charter.communities) if charter is not None and named else {}
        members: set[str] = set()
        communities: dict[str, set[str]] = {name: set() for name in local}
        for dossier in self.judging.everyone():
            subject = self.judging.subject(dossier, self.at)
            name = dossier.name
            if programme is None:
                person = people.get(name)
                if person is not None and person.membership.joined_at is not None:
                    members.add(name)
            elif holds(programme, subject):
                members.add(name)
            for community, condition in local.items():
                if holds(condition, subject):
                    communities[community].add(name)
        return Defined(members=frozenset(members), communities=communities)
