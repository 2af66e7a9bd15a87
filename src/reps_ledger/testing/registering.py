"""Registers strategies for our types; Hypothesis calls it by its entry point.

With it ``st.from_type(Vouched)``, ``st.builds(f)`` and ``@given(...)`` with inferred arguments
make values that a ledger accepts. The strategies are imported only once one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis.strategies import SearchStrategy


def register() -> None:
    """Tell Hypothesis how to make facts, histories, widths, conditions, policies and charters."""
    from hypothesis import strategies as st

    from reps_ledger.domain.facts import BUILT_IN, Fact
    from reps_ledger.policies import Condition, Policy, Width
    from reps_ledger.policies.charter import Charter

    def lazily(name: str, *arguments: object) -> Callable[[type], SearchStrategy[object]]:
        def make(_: type) -> SearchStrategy[object]:
            from reps_ledger.testing import strategies

            made: SearchStrategy[object] = getattr(strategies, name)(*arguments)
            return made

        return make

    for cls in BUILT_IN:
        st.register_type_strategy(cls, lazily("facts", cls))
    for kind, name in (
        (Fact, "facts"),
        (Width, "widths"),
        (Condition, "conditions"),
        (Policy, "policies"),
        (Charter, "charters"),
    ):
        st.register_type_strategy(kind, lazily(name))
