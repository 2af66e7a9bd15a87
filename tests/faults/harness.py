"""How each search for faults is run, and tells what it tried and what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from processes import PATIENCE

__all__ = ["TRIED", "Tell", "ran", "tell"]

TRIED: Final = "tried"
"""The property under which a test's report carries what it tried; told at the end of a run."""

Tell = Callable[[str], None]

_TESTS: Final = Path(__file__).resolve().parents[1]


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Say what was tried and found; it is printed when the run ends."""

    def said(words: str) -> None:
        request.node.user_properties.append((TRIED, words))

    return said


def ran(program: str, *arguments: object) -> Any:
    """Run a program of this folder in a process of its own; return what it prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", f"faults.{program}", *map(str, arguments)],
        cwd=_TESTS,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout.splitlines()[-1])
