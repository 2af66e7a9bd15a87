"""Mutants that must be there when the first module is imported."""

from __future__ import annotations

import json
import math
import re
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test

from mutation.covering import KEPT, nearness
from mutation.making import MEMORY, PATIENCE, function_of
from mutation.reporting import FOUND

if TYPE_CHECKING:
    from mutation.running import Runner

_FAILED: Final = re.compile(r"^FAILED (.*?)(?: - .*)?$", re.MULTILINE)


def try_afresh(runner: Runner, chosen: list[str]) -> None:
    """Try again, from the first import on, what was called while importing.

    In haste only what was not called afterwards, so that nothing else can find it.
    """
    verdicts = runner.report.verdicts
    hopeless = {"no tests"} if runner.enough < math.inf else {*verdicts.values()} - {*FOUND}
    late = [
        name for name in chosen if verdicts.get(name) in hopeless and function_of(name) in runner.importing
    ]
    print(f"{len(late)} of those were called while importing: once more, afresh", flush=True)
    patience = PATIENCE + 10 * sum(runner.covering.seconds.values())
    start = time.monotonic()
    finders: dict[str, Counter[str]] = defaultdict(Counter)  # by module

    def again(name: str) -> str:
        if time.monotonic() - start > runner.limit:
            return verdicts[name]
        found = finders[name.rpartition(".")[0]]
        # What found others of the module is tried by itself, before all that there is.
        for tests in [[test for test, _ in found.most_common(20)], []] if found else [[]]:
            command = [sys.executable, "-m", "mutation", "--afresh", name, *tests]
            try:
                done = subprocess.run(command, capture_output=True, check=False, timeout=patience, text=True)
            except subprocess.TimeoutExpired:
                return "timeout"
            found.update(_FAILED.findall(done.stdout))
            # Anything but a failed test may be because of a name that was cut: then all decide.
            if done.returncode == pytest.ExitCode.TESTS_FAILED or (done.returncode and not tests):
                return "killed"
        return "survived"

    with ThreadPoolExecutor(runner.workers) as pool:
        for name, verdict in zip(late, pool.map(again, late), strict=True):
            verdicts[name] = verdict
            runner.report.save()


def run_afresh(name: str, tests: list[str]) -> int:
    """Run tests, by default all, for one mutant, which is there when the first is imported."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    set_mutant_under_test(name)
    arguments = ["-x", "-q", "-rf", "--tb=native", "-p", "no:cacheprovider"]
    selection = tests or config().pytest_add_cli_args_test_selection
    return pytest.main([*arguments, *selection], plugins=[_NearFirst(function_of(name))])


class _NearFirst:
    """A pytest plugin that runs first the tests of a function's package, the quick before others.

    It keeps them all: which of them look at what was made while importing, nobody knows.
    """

    def __init__(self, function: str) -> None:
        self.function = function
        self.known = json.loads(KEPT.read_text("utf-8"))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort them."""
        items.sort(key=lambda item: (-nearness(self.function, item.nodeid), self.known[item.nodeid][1]))
