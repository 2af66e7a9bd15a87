"""Both lowerings have a function for each kind of condition, of measure and of window.

The tables of the kernel are apart from what the kinds say about themselves, so that nothing but
these tests notices when a new kind is missing in one.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

import numpy as np
import pytest

import reps_ledger as rl
from policies.making import entries_of
from reps_ledger.policies import Policy, exempt, language, vouches, when
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import ClockMeasure, Measure, NumberMeasure, compare
from reps_ledger.policies.language.windows import Window
from reps_ledger.replay.kernel import masks, points
from reps_ledger.replay.kernel.values import Shares
from reps_ledger.replay.sweep import sweep
from reps_ledger.testing.replayed import columns_of

DAY: Final = datetime(2018, 1, 1, tzinfo=UTC)
BASES = {Leaf, Measure, NumberMeasure, ClockMeasure, Window}


def kinds(base: type) -> set[type]:
    """Every kind that the language defines."""
    modules = [
        importlib.import_module(f"{language.__name__}.{module.name}")
        for module in pkgutil.iter_modules(language.__path__)
    ]
    found = {
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base)
    }
    assert len(found - BASES) > 5
    return found - BASES


def test_each_kind_is_lowered_at_points() -> None:
    """The general lowering knows every condition, every measure and every window."""
    assert set(points.CONDITIONS_LOWERED) == kinds(Leaf)
    assert set(points.MEASURES_LOWERED) == kinds(Measure)
    assert set(points.WINDOWS_LOWERED) == kinds(Window)


def test_each_kind_is_lowered_to_bitsets() -> None:
    """So does the other, but for what depends on the outcome before, which it is never asked."""
    assert set(masks.CONDITIONS_MASKED) == kinds(Leaf) - points.PATH_DEPENDENT
    assert set(masks.MEASURES_MASKED) == kinds(Measure) - points.PATH_DEPENDENT
    assert kinds(Leaf) | kinds(Measure) >= points.PATH_DEPENDENT
    assert set(masks.WINDOWED) <= set(masks.MEASURES_MASKED)


def test_policies_of_a_sweep_do_not_share_what_their_names_change() -> None:
    """Vouchers exempt from *this* policy: another policy's vouchers are others."""
    joined = [(rl.MemberJoined(member=name), DAY) for name in ("ana", "ben", "cleo")]
    columns = columns_of(
        entries_of(
            [
                *joined,
                (rl.ExemptionGranted(member="ben", policy="first", reason="r"), DAY),
                (rl.ExemptionGranted(member="cleo", policy="second", reason="r"), DAY),
                (rl.Vouched(member="ana", voucher="ben", reason="r"), DAY),
            ]
        )
    )

    def make(name: str) -> Policy:
        case = when(vouches(voucher=exempt()) >= 1).then("good")
        return Policy(name, cases=[case], otherwise="bad")

    found = sweep(make, {"name": ["first", "second"]}, columns, [DAY], UTC)
    assert found.curve("good") == ((("first",), 1), (("second",), 0))


@pytest.mark.parametrize("operator", ["at_least", "more_than", "at_most", "less_than", "exactly"])
@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.1 + 0.2, 1 / 3, 0.9999999999999999, 0, 1])
def test_shares_are_compared_exactly(operator: str, threshold: float) -> None:
    """Whatever the threshold's denominator: counts times it need not fit in 64 bits."""
    counts = [0, 1, 3, 299, 300, 301, 2_500, 9_999, 10_000]
    totals = [1_000, 10_000]
    pairs = [(count, total) for count in counts for total in totals]
    shares = Shares(np.array([c for c, _ in pairs]), np.array([t for _, t in pairs]), None)
    expected = [compare(count, operator, Fraction(str(threshold)) * t) for count, t in pairs]
    assert shares.compared(operator, threshold).tolist() == expected
