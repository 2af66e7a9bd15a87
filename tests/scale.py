"""How much is tried: one scale for the examples of every property, which longer runs raise.

``make test`` tries what there is time for at every change. ``make test-deep`` raises the scale:
``REPS_SCALE`` says how many times as many examples each property gets, whatever its share.
``make test-faults`` asks for the long count of each search for faults: ``REPS_FAULTS=long``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from pytest import MarkDecorator  # noqa: PT013 — for its type only

__all__ = ["CLUSTER", "DEEP", "LONG", "examples", "load_profile", "seconds", "times"]

SCALE: Final = float(os.environ.get("REPS_SCALE", "1"))
DEEP: Final = SCALE > 1
"""Whether this is the long search for examples: ``make test-deep``."""

LONG: Final = os.environ.get("REPS_FAULTS") == "long"
"""Whether this is the long search for faults: ``make test-faults``."""

CLUSTER: Final = os.environ.get("REPS_SPARK") == "cluster"
"""Whether Spark runs as a cluster of several processes: ``make test-spark``."""

_USUAL: Final = 50


def load_profile() -> None:
    """Set how Hypothesis runs here; to be called before any property is defined."""
    # The first example builds tables of characters, which takes a second. Every run draws others,
    # so that few at a time do; `make test-deep` draws many.
    settings.register_profile(
        "reps-ledger",
        max_examples=round(_USUAL * SCALE),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    # Thousands of mutants (see mutation) get fewer examples, the same for each, no shrinking.
    settings.register_profile(
        "mutants",
        settings.get_profile("reps-ledger"),
        max_examples=30,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )
    settings.load_profile(os.environ.get("REPS_HYPOTHESIS", "reps-ledger"))


def examples(share: float = 1, **options: Any) -> settings:
    """Give a property its number of examples, where the default is too many or too few.

    Args:
        share: times the usual number, which is 50 in `make test`.
        options: more of Hypothesis's settings.
    """
    usual = settings.default
    assert usual is not None
    return settings(max_examples=max(1, round(usual.max_examples * share)), **options)


def times(quick: int, long: int) -> int:
    """Return how often to try to find a fault: in ``make test``, or in ``make test-faults``."""
    return long if LONG else quick


def seconds(limit: float) -> MarkDecorator:
    """Give a test more time than ``timeout`` in ``pyproject.toml`` before it counts as hanging.

    Args:
        limit: where all tests have not more than that (``PYTEST_TIMEOUT``), as in longer runs.
    """
    return pytest.mark.timeout(max(limit, float(os.environ.get("PYTEST_TIMEOUT") or 0)))
