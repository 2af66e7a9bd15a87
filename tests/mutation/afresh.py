"""Mutants that must be there when the first module is imported."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test

from mutation.covering import KEPT
from mutation.making import MEMORY, PATIENCE, function_of
from mutation.reporting import FOUND

if TYPE_CHECKING:
    from mutation.running import Runner


def try_afresh(runner: Runner, chosen: list[str]) -> None:
    """Try again, from the first import on, what was called while importing."""
    verdicts = runner.report.verdicts
    late = [
        name
        for name in chosen
        if verdicts.get(name, FOUND[0]) not in FOUND and function_of(name) in runner.importing
    ]
    print(f"{len(late)} of those were called while importing: once more, afresh", flush=True)
    patience = PATIENCE + 10 * sum(runner.covering.seconds.values())
    start = time.monotonic()

    def again(name: str) -> str:
        if time.monotonic() - start > runner.limit:
            return verdicts[name]
        command = [sys.executable, "-m", "mutation", "--afresh", name]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=patience)
        except subprocess.TimeoutExpired:
            return "timeout"
        return "survived" if done.returncode == 0 else "killed"

    with ThreadPoolExecutor(runner.workers) as pool:
        for name, verdict in zip(late, pool.map(again, late), strict=True):
            verdicts[name] = verdict
            runner.report.save()


def run_afresh(name: str) -> int:
    """Run the tests of one mutant, which is there when the first module is imported."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    set_mutant_under_test(name)
    arguments = ["-x", "-q", "-p", "no:cacheprovider"]
    selection = config().pytest_add_cli_args_test_selection
    return pytest.main([*arguments, *selection], plugins=[_QuickFirst()])


class _QuickFirst:
    """A pytest plugin that runs quick tests first.

    It keeps them all: which of them look at what was made while importing, nobody knows.
    """

    def __init__(self) -> None:
        self.known = json.loads(KEPT.read_text("utf-8"))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort them."""
        items.sort(key=lambda item: self.known[item.nodeid][1])
