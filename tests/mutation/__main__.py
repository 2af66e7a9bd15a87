"""The command line: make the mutants, choose, run and report."""

from __future__ import annotations

import argparse
import math
import os
import random
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test

from mutation.afresh import run_afresh, try_afresh
from mutation.making import function_of, inside, made
from mutation.reporting import FOUND, Report, changes, justified, tell
from mutation.running import Runner

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    """Do what was asked for."""
    asked = _asked()
    if asked.afresh:
        return run_afresh(asked.afresh, asked.names)
    names = made()
    report = Report(names)
    chosen = _chosen(names, report, asked)
    print(f"{len(chosen):,} of {len(names):,} mutants")
    os.environ["REPS_HYPOTHESIS"] = "mutants"
    with inside():
        runner = Runner(chosen, asked.workers, 60 * asked.minutes, asked.seconds, report)
        selection = config().pytest_add_cli_args_test_selection
        set_mutant_under_test("stats")
        pytest.main(["-q", "-s", "--tb=native", "-p", "no:cacheprovider", *selection], plugins=[runner])
        set_mutant_under_test("")
        if runner.broken:
            print("Without any mutant these tests fail:", *runner.broken, sep="\n  ")
            return 1
        report.save()
        try_afresh(runner, chosen)  # and keeps each verdict
    tell({name: report.verdicts[name] for name in chosen if name in report.verdicts}, names)
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plant bugs, and count those that no test finds.")
    parser.add_argument("names", nargs="*", help="patterns of names; all where none is given")
    parser.add_argument("--sample", type=int, help="how many to draw of them at random")
    parser.add_argument("--seed", type=int, default=1, help="what the draw starts from")
    parser.add_argument("--minutes", type=float, default=math.inf, help="when to begin no more")
    parser.add_argument("--seconds", type=float, default=math.inf, help="of tests for each mutant, at most")
    parser.add_argument("--again", action="store_true", help="those neither found nor justified until now")
    parser.add_argument("--afresh", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _chosen(names: dict[str, Path], report: Report, asked: argparse.Namespace) -> list[str]:
    chosen = list(names)
    if asked.again:
        missed = [name for name in chosen if report.tried(name) not in {None, *FOUND}]
        reasons = justified()
        chosen = [name for name in missed if (function_of(name), changes(name, names[name])) not in reasons]
    if asked.names:
        chosen = [name for name in chosen if any(fnmatch(name, each) for each in asked.names)]
    if asked.sample:
        # Uniform over all, the same for the same seed and sources; and so is every part of it
        # from its start, should there be no time for more.
        draw = random.Random(asked.seed)  # noqa: S311 — the same draw for the same seed
        chosen = draw.sample(chosen, min(asked.sample, len(chosen)))
    return chosen


if __name__ == "__main__":
    raise SystemExit(main())
