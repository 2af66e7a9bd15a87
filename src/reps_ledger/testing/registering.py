"""What Hypothesis loads by its entry point: which strategy makes which of our types.

So ``st.from_type(Vouched)``, ``st.builds(f)`` and ``@given(...)`` with inferred arguments make
values that a ledger accepts. Nothing of the strategies is imported until one is asked for.
"""

from __future__ import annotations

from typing import Any

from hypothesis.strategies import SearchStrategy


def register() -> None:
    """Tell Hypothesis how to make facts, histories, widths, conditions, policies and charters."""
    from hypothesis import strategies as st  # noqa: PLC0415 — Hypothesis itself calls this

    from reps_ledger.domain.facts import BUILT_IN, Fact  # noqa: PLC0415
    from reps_ledger.policies import Condition, Policy, Width  # noqa: PLC0415
    from reps_ledger.policies.charter import Charter  # noqa: PLC0415

    def lazily(name: str, *arguments: Any) -> Any:
        def make(_: type) -> SearchStrategy[Any]:
            from reps_ledger.testing import strategies  # noqa: PLC0415

            made: SearchStrategy[Any] = getattr(strategies, name)(*arguments)
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
