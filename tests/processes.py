"""Programs that tests start: each of them, and each wait for one, has a limit."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["PATIENCE", "Program", "limited"]

_TESTS: Final = Path(__file__).parent

PATIENCE: Final = float(os.environ.get("PYTEST_TIMEOUT") or 45) * 2 / 3
"""Seconds that a test waits for what takes a moment: less than pytest waits for the test."""


class Program(subprocess.Popen[str]):
    """Python code in a process of its own, which is heard and told line by line.

    When a wait is over its limit, and when the test fails, the program is killed, with all that
    it started.

    Args:
        arguments: of the interpreter: a file, or ``-c`` or ``-m``, and what they take.
        options: of ``subprocess.Popen``.
    """

    def __init__(self, *arguments: object, **options: Any) -> None:
        paths = [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        super().__init__(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{"env": environment, **options},
        )

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        try:
            super().__exit__(kind, value, traceback)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def hear(self, timeout: float = PATIENCE) -> str:
        """Return the program's next line, without its end; empty when the program has ended."""
        assert self.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.kill()

        timer = threading.Timer(timeout, expire)
        timer.start()
        try:
            line = self.stdout.readline()
        finally:
            timer.cancel()
        assert not expired.is_set(), f"the program said nothing for {timeout} seconds"
        return line.removesuffix("\n")

    def tell(self, line: str) -> None:
        """Send a line to the program."""
        assert self.stdin is not None
        self.stdin.write(f"{line}\n")
        self.stdin.flush()

    def end(self, line: str | None = None, timeout: float = PATIENCE) -> str:
        """Send a last line, if there is one; wait for the end, and return what else was said."""
        try:
            said, _ = self.communicate(None if line is None else f"{line}\n", timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return said

    def wait(self, timeout: float | None = PATIENCE) -> int:
        """Wait for the end of the program, which has a limit."""
        return super().wait(timeout)

    def kill(self) -> None:
        """Kill the program and what it started, unless its end was seen."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


@contextmanager
def limited(seconds: float = PATIENCE) -> Iterator[None]:
    """In a program: end it when the block takes longer, and say where every thread is."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
