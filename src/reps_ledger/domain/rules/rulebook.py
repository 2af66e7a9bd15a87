"""Every rule, by the stored name of the facts that it judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.rules.activity import ACTIVITY
from reps_ledger.domain.rules.governance import Governance
from reps_ledger.domain.rules.machines import TARGET
from reps_ledger.domain.rules.parts import Known, Parts, Rule
from reps_ledger.domain.rules.people import PEOPLE, custom
from reps_ledger.domain.rules.reviews import REVIEWS
from reps_ledger.domain.rules.standing import STANDING
from reps_ledger.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.facts import Fact, Registry

__all__ = ["BUILT_IN_RULES", "Rulebook"]


def _target_parts(fact: Any, _known: Known) -> Parts:
    return (TARGET.part(fact.target),)


# Corrections are judged by the world itself, as they change the very history to judge by.
_CORRECTIONS = (
    Rule(name="entry.retracted", parts=_target_parts),
    Rule(name="entry.corrected", parts=_target_parts),
)

BUILT_IN_RULES: tuple[Rule, ...] = (*PEOPLE, *STANDING, *ACTIVITY, *REVIEWS, *_CORRECTIONS)
"""One rule for every built-in kind of fact."""


class Rulebook:
    """The rules in force in one ledger.

    Args:
        registry: the facts that the ledger knows.
        extra: rules of the service's own, which only ever refuse more.
        governance: what is asked of new entries only, after the rules.

    Attributes:
        governance: as given. `of` never includes it, as it does not judge the past.
        dynamic: whether any rule names parts by what is known.
        led: whether what is known decides what else must be known, by such a rule or by
            governance: then that is asked for once more right before a fact is judged.

    Raises:
        ConfigurationError: an extra rule judges a fact that the ledger does not know; or
            something is no rule, or no governance.
    """

    def __init__(
        self,
        registry: Registry,
        extra: Iterable[Rule] = (),
        governance: Governance | None = None,
    ) -> None:
        if not isinstance(governance, Governance | None):
            raise ConfigurationError(f"governance must be a Governance, not {governance!r:.80}")
        self.governance = governance
        self.dynamic = False
        self._rules: dict[str, tuple[Rule, ...]] = {r.name: (r,) for r in BUILT_IN_RULES}
        for described in registry:
            name = described.kind.name
            self._rules.setdefault(name, (custom(name),))
        for rule in extra:
            if not isinstance(rule, Rule):
                raise ConfigurationError(f"rules must be Rule values, not {rule!r:.80}")
            if rule.name not in self._rules:
                raise ConfigurationError(
                    f"a rule judges {rule.name}, which this ledger does not know; "
                    "pass its class to open(…, facts=[…])"
                )
            self._rules[rule.name] += (rule,)
            self.dynamic = self.dynamic or rule.dynamic
        self.led = self.dynamic or governance is not None

    def of(self, fact: Fact) -> tuple[Rule, ...]:
        """Return the rules that judge a fact."""
        return self._rules[fact.__fact__.name]  # type: ignore[attr-defined]  # of every fact
