"""How well do the tests find bugs? Plants them one by one, and counts those that no test finds.

    make mutants SAMPLE=500 SEED=1
    make mutants MUTANTS="reps_ledger.domain.time.*"
    make mutants AGAIN=1

mutmut makes the mutants: copies of every function of the domain and the policies, each with one
small change, and a switch that chooses one. This runs them. The tests are collected once, run
once without a mutant (which tells what each covers), and then a process is forked for each
mutant, which runs the tests that cover it, quick ones first, until one fails.

What ran when modules were imported is beyond that switch. So mutants of functions that were
called then, and that no test found, are tried again in a process of their own, by all tests.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import hashlib
import json
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import walk_mutatable_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COPY: Final = Path("mutants")
REPORT: Final = COPY / "report.json"
KNOWN: Final = Path("covering.json")  # where the tests run: in the copy
FOUND: Final = ("killed", "timeout")
_PATIENCE: Final = 20  # seconds, beside ten times as long as the tests took
_MEMORY: Final = 4 << 30  # bytes, for mutants that never stop growing


def main() -> int:
    """Make the mutants, choose, run and report."""
    asked = _asked()
    if asked.afresh:
        return run_afresh(asked.afresh)
    names = made()
    chosen = list(names)
    if asked.again:
        before = json.loads(REPORT.read_text("utf-8"))
        chosen = [name for name in names if before.get(name, FOUND[0]) not in FOUND]
    if asked.names:
        chosen = [name for name in names if any(fnmatch(name, each) for each in asked.names)]
    if asked.sample:
        # Uniform over all, the same for the same seed and sources; and so is every part of it
        # from its start, should there be no time for more.
        draw = random.Random(asked.seed)  # noqa: S311
        chosen = draw.sample(chosen, min(asked.sample, len(chosen)))
    print(f"{len(chosen):,} of {len(names):,} mutants")
    os.environ["REPS_HYPOTHESIS"] = "mutants"
    with _inside():
        runner = Runner(chosen, asked.workers, 60 * asked.minutes)
        selection = config().pytest_add_cli_args_test_selection
        set_mutant_under_test("stats")
        pytest.main(["-q", "-s", "-p", "no:cacheprovider", *selection], plugins=[runner])
        if runner.broken:
            print("Without any mutant these tests fail:", *runner.broken, sep="\n  ")
            return 1
        set_mutant_under_test("")
        runner.save()
        runner.try_afresh()
        runner.save()
    tell(runner.verdicts, names)
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plant bugs, and count those that no test finds.")
    parser.add_argument("names", nargs="*", help="patterns of names; all where none is given")
    parser.add_argument("--sample", type=int, help="how many to draw of them at random")
    parser.add_argument("--seed", type=int, default=1, help="what the draw starts from")
    parser.add_argument("--minutes", type=float, default=math.inf, help="when to begin no more")
    parser.add_argument("--again", action="store_true", help="those not found the last time")
    parser.add_argument("--afresh", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def made() -> dict[str, Path]:
    """Make the mutants in a copy of the tree, and return their names and where each is."""
    COPY.mkdir(exist_ok=True)
    shutil.rmtree(COPY / "tests", ignore_errors=True)
    copy_src_dir()
    copy_also_copy_files()
    with contextlib.redirect_stdout(None):
        create_mutants(2)
    names = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        names.update({name.replace("__init__.", ""): path for name in data.exit_code_by_key})
    return dict(sorted(names.items()))


class _inside:  # noqa: N801
    """In the copy, with its sources and tests found first."""

    def __enter__(self) -> None:
        self.outside = Path.cwd()
        os.chdir(COPY)
        paths = [str(Path.cwd() / "src"), str(Path.cwd() / "tests")]
        own = [str(self.outside / "tests"), str(self.outside / "src")]
        sys.path[:] = paths + [each for each in sys.path if each not in own]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)

    def __exit__(self, *_: object) -> None:
        os.chdir(self.outside)


class Runner:
    """A pytest plugin that runs its own loop: all tests once, then some for each mutant."""

    def __init__(self, chosen: list[str], workers: int, limit: float) -> None:
        self.chosen = chosen
        self.limit = limit  # seconds
        self.workers = workers
        self.verdicts: dict[str, str] = {}
        self.broken: list[str] = []
        self.importing: set[str] = set()  # functions that were called while importing
        self.covering: dict[str, list[pytest.Item]] = defaultdict(list)
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed, and how long each took."""
        self.failed = self.failed or report.failed
        self.seconds[report.nodeid] += report.duration

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests, and then the mutants."""
        self.importing = set(state()._stats)
        prints = {str(path): _print_of([path]) for path in Path("tests").rglob("*.py")}
        around = _print_of(path for path in Path().rglob("*.py") if path.name[:5] != "test_")
        known = json.loads(KNOWN.read_text("utf-8")) if KNOWN.exists() else {}
        keys = {
            item: f"{around} {prints[item.nodeid.partition('::')[0]]}" for item in session.items
        }
        told = {item: known[item.nodeid] for item in session.items if item.nodeid in known}
        told = {item: each for item, each in told.items() if each[0] == keys[item]}
        rest = [item for item in session.items if item not in told]
        print(f"{len(told):,} tests ran before, and nothing changed; {len(rest):,} run now")
        _forget()
        state()._stats.clear()
        for item in self._run(rest):
            if self.failed:
                self.broken.append(item.nodeid)
                self.failed = False
            told[item] = [keys[item], self.seconds[item.nodeid], sorted(state()._stats)]
            _forget()
            state()._stats.clear()
        for item, (_, seconds, functions) in told.items():
            self.seconds[item.nodeid] = seconds
            for function in functions:
                self.covering[function].append(item)
        if not self.broken:
            KNOWN.write_text(
                json.dumps({item.nodeid: each for item, each in told.items()}), "utf-8"
            )
        set_mutant_under_test("")
        if not self.broken:
            self._fork_each()
        return True

    def _run(self, items: list[pytest.Item]) -> Iterator[pytest.Item]:
        """Run tests in order, and hand on each that ran."""
        for item, following in zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item

    def _fork_each(self) -> None:
        print(f"\n{sum(self.seconds.values()):.0f} s of tests without a mutant", flush=True)
        for items in self.covering.values():
            items.sort(key=lambda item: self.seconds[item.nodeid])
        start = time.monotonic()
        running: dict[int, str] = {}
        gc.freeze()
        for count, name in enumerate(self.chosen):
            items = self.covering[function_of(name)]
            if time.monotonic() - start > self.limit:
                break
            if not items:
                self.verdicts[name] = "no tests"
                continue
            if len(running) == self.workers:
                self._wait(running)
            sys.stdout.flush()
            if (child := os.fork()) == 0:
                self._be(name, items)
            running[child] = name
            if count % 25 == 0:
                print(f"{count} in {time.monotonic() - start:.0f} s {self.counted()}", flush=True)
        while running:
            self._wait(running)
        print(f"all in {time.monotonic() - start:.0f} s {self.counted()}", flush=True)

    def _wait(self, running: dict[int, str]) -> None:
        child, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        verdict = {0: "survived", -signal.SIGALRM: "timeout"}.get(code, "killed")
        self.verdicts[running.pop(child)] = verdict

    def _be(self, name: str, items: list[pytest.Item]) -> None:
        """Run the tests of a mutant, in a process of its own, until one fails."""
        signal.alarm(_PATIENCE + 10 * round(sum(self.seconds[each.nodeid] for each in items)))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        _forget()
        set_mutant_under_test(name)
        try:
            for _ in self._run(items):
                if self.failed:
                    os._exit(1)
        except BaseException:  # noqa: BLE001 - whatever it is, the mutant did it
            os._exit(1)
        os._exit(0)

    def try_afresh(self) -> None:
        """Try again, from the first import on, what was called while importing."""
        late = [
            name
            for name, verdict in self.verdicts.items()
            if verdict not in FOUND and function_of(name) in self.importing
        ]
        print(f"{len(late)} of those were called while importing: once more, afresh", flush=True)
        patience = _PATIENCE + 10 * sum(self.seconds.values())
        start = time.monotonic()

        def again(name: str) -> str:
            if time.monotonic() - start > self.limit:
                return self.verdicts[name]
            command = [sys.executable, "-m", "mutants", "--afresh", name]
            try:
                done = subprocess.run(command, capture_output=True, check=False, timeout=patience)
            except subprocess.TimeoutExpired:
                return "timeout"
            return "survived" if done.returncode == 0 else "killed"

        with ThreadPoolExecutor(self.workers) as pool:
            self.verdicts.update(zip(late, pool.map(again, late), strict=True))

    def save(self) -> None:
        """Keep the verdicts, for ``--again``."""
        text = json.dumps(self.verdicts, indent=1, ensure_ascii=False)
        Path(REPORT.name).write_text(text, "utf-8")  # in the copy, where the tests run

    def counted(self) -> dict[str, int]:
        """How many there are of each verdict."""
        return dict(Counter(self.verdicts.values()))


class Afresh:
    """A pytest plugin that runs quick tests first.

    It keeps them all: which of them look at what was made while importing, nobody knows.
    """

    def __init__(self) -> None:
        self.known = json.loads(KNOWN.read_text("utf-8"))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort them."""
        items.sort(key=lambda item: self.known[item.nodeid][1])


def run_afresh(name: str) -> int:
    """Run the tests of one mutant, which is there when the first module is imported."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    set_mutant_under_test(name)
    arguments = ["-x", "-q", "-p", "no:cacheprovider"]
    selection = config().pytest_add_cli_args_test_selection
    return pytest.main([*arguments, *selection], plugins=[Afresh()])


def function_of(name: str) -> str:
    """The function that a mutant is of."""
    return name.rpartition("__mutmut_")[0]


def _print_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _forget() -> None:
    """Empty the caches of functions: what one test has filled hides a mutant from the next."""
    for each in _caches():
        each.cache_clear()


@functools.cache
def _caches() -> list[functools._lru_cache_wrapper[object]]:
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, functools._lru_cache_wrapper)
        and (each.__module__ or "").startswith("reps_ledger")
    ]


def interval(found: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share, after Wilson (1927)."""
    z = 1.96
    share, weight = found / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / of + weight / (4 * of)) / (1 + weight)
    return middle - half, middle + half


def tell(verdicts: dict[str, str], names: dict[str, Path]) -> None:
    """Print what was not found, and the score."""
    missed = [name for name, verdict in verdicts.items() if verdict not in FOUND]
    for name in missed:
        print(f"\n# {verdicts[name]}: {name}")
        print("\n".join(_changes(get_diff_for_mutant(name, path=names[name]).splitlines())))
    found = len(verdicts) - len(missed)
    low, high = interval(found, len(verdicts))
    print(f"\n{found} of {len(verdicts)} found: {found / len(verdicts):.1%} ", end="")
    print(f"(95% interval: {low:.1%} to {high:.1%}) {dict(Counter(verdicts.values()))}")


def _changes(diff: Iterable[str]) -> list[str]:
    return [line for line in diff if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


if __name__ == "__main__":
    raise SystemExit(main())
