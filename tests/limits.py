"""No test runs without a limit: one that hangs fails, says where, and the others go on.

`pytest-timeout` fails a test whose time is up, with what every thread was doing. That raises in
the main thread, and may be caught: by Hypothesis, which tries the example again, or by a ``with``
that waits for a thread that hangs. Then, a third of the time later, the process is ended, again
with what every thread was doing; pytest-xdist names the test and starts another process.

Both times are set by ``timeout`` in ``pyproject.toml``, ``--timeout``, ``PYTEST_TIMEOUT`` (for a
busy machine) and, for a single test, the mark of `scale.seconds`.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from hypothesis.internal.conjecture import engine

if TYPE_CHECKING:
    import pytest

__all__ = [
    "pytest_configure",
    "pytest_enter_pdb",
    "pytest_timeout_cancel_timer",
    "pytest_timeout_set_timer",
    "pytest_unconfigure",
]

_GRACE_AT_LEAST = 5
_ENDING = 5
_SHRINKING = 20  # seconds, not five minutes: an example that is not small yet beats none
_stderr = sys.__stderr__


def pytest_configure(config: pytest.Config) -> None:
    """Keep the standard error that is there before pytest captures it."""
    global _stderr  # noqa: PLW0603 — there is one in a process
    assert sys.__stderr__ is not None
    _stderr = os.fdopen(os.dup(sys.__stderr__.fileno()), "w")
    config.add_cleanup(_stderr.close)
    engine.MAX_SHRINKING_SECONDS = _SHRINKING


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Have the process end some time after the test was to fail; pytest-timeout does the rest."""
    del item
    assert _stderr is not None
    grace = max(_GRACE_AT_LEAST, settings.timeout / 3)
    faulthandler.dump_traceback_later(settings.timeout + grace, exit=True, file=_stderr)


def pytest_timeout_cancel_timer(item: pytest.Item) -> None:
    """Let the process live: the test has ended."""
    del item
    faulthandler.cancel_dump_traceback_later()


def pytest_unconfigure() -> None:
    """Have the process end even where a thread that a test left behind never does."""
    if all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    assert sys.__stderr__ is not None
    sys.stdout.flush()  # what is not written by then is lost
    faulthandler.dump_traceback_later(_ENDING, exit=True, file=sys.__stderr__)


def pytest_enter_pdb() -> None:
    """Give whoever debugs all the time that they need."""
    faulthandler.cancel_dump_traceback_later()
