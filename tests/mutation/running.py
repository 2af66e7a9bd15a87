"""Runs tests for mutants, each in a process that is forked when all is imported."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from mutation.covering import Covering, forget
from mutation.making import MEMORY, PATIENCE, function_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mutation.reporting import Report

_VERDICTS: Final = {0: "survived", 2: "survived so far", -signal.SIGALRM: "timeout"}  # or killed


class Runner:
    """A pytest plugin that runs its own loop: all tests once, then some for each mutant."""

    def __init__(self, chosen: list[str], workers: int, limit: float, enough: float, report: Report) -> None:
        self.chosen = chosen
        self.workers = workers
        self.limit = limit  # seconds
        self.enough = enough  # seconds of tests (as long as they take without it) for a mutant
        self.report = report
        self.covering = Covering()
        self.importing: set[str] = set()  # functions that were called while importing
        self.finders: dict[str, Counter[int]] = defaultdict(Counter)  # by function
        self.failed = False
        self.learning = True

    @property
    def broken(self) -> list[str]:
        """The tests that fail without any mutant."""
        return self.covering.broken

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed, and how long each took."""
        self.failed = self.failed or report.failed
        if self.learning:
            self.covering.seconds[report.nodeid] += report.duration

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests, and then the mutants."""
        self.importing = set(state()._stats)
        self.covering.learn(session.items, self._run)
        self.learning = False
        set_mutant_under_test("")
        if not self.broken:
            self._fork_each()
        return True

    def _run(self, items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, bool]]:
        """Run tests in order, and hand on each that ran, and whether it failed."""
        for item, following in zip_longest(items, items[1:]):
            self.failed = False
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item, self.failed

    def _fork_each(self) -> None:
        print(f"\n{sum(self.covering.seconds.values()):.0f} s of tests without a mutant")
        start = time.monotonic()
        running: dict[int, tuple[str, int]] = {}
        gc.freeze()
        for count, name in enumerate(self.chosen):
            if time.monotonic() - start > self.limit:
                break
            if not self.covering.items[function_of(name)]:
                self.report.verdicts[name] = "no tests"
                continue
            if len(running) == self.workers:
                self._wait(running)
            told, tell = os.pipe()
            sys.stdout.flush()
            if (child := os.fork()) == 0:
                self._be(name, tell)
            os.close(tell)
            running[child] = name, told
            if count % 50 == 0:
                self.report.save()
                print(f"{count} in {time.monotonic() - start:.0f} s {self.report.counted()}")
        while running:
            self._wait(running)
        print(f"all in {time.monotonic() - start:.0f} s {self.report.counted()}", flush=True)

    def _wait(self, running: dict[int, tuple[str, int]]) -> None:
        child, status = os.wait()
        name, told = running.pop(child)
        with os.fdopen(told, encoding="ascii") as said:
            if finder := said.read():
                self.finders[function_of(name)][int(finder)] += 1
        self.report.verdicts[name] = _VERDICTS.get(os.waitstatus_to_exitcode(status), "killed")

    def _be(self, name: str, tell: int) -> None:
        """Run the tests of a mutant, in a process of its own, until one fails."""
        function = function_of(name)
        items = self.covering.items[function]
        first = [items[each] for each, _ in self.finders[function].most_common()]
        ordered = [*first, *(item for item in items if item not in first)]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        forget()
        set_mutant_under_test(name)
        spent = 0.0
        try:
            signal.alarm(self._patience(ordered[0]))
            for (item, failed), following in zip_longest(self._run(ordered), ordered[1:]):
                if failed:
                    os.write(tell, b"%d" % items.index(item))
                    os._exit(1)
                spent += self.covering.seconds[item.nodeid]
                if spent > self.enough:
                    os._exit(2)
                if following:
                    signal.alarm(self._patience(following))
        except BaseException:  # noqa: BLE001 — whatever it is, the mutant did it
            os._exit(1)
        os._exit(0)

    def _patience(self, item: pytest.Item) -> int:
        return PATIENCE + 10 * round(self.covering.seconds[item.nodeid])
