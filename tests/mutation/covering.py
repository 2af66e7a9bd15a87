"""Which tests call which functions, kept from run to run while the tests are the same."""

from __future__ import annotations

import functools
import gc
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mutmut.state import state

from mutation.making import print_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

KEPT: Final = Path("covering.json")  # where the tests run: in the copy


class Covering:
    """What each test covers.

    Attributes:
        seconds: how long each test took without a mutant, by its id.
        items: the tests of each function: first those of the folder for its package, of these
            first those that are quick and call little else.
        broken: the ids of tests that failed without a mutant.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.items: dict[str, list[pytest.Item]] = defaultdict(list)
        self.broken: list[str] = []

    def learn(
        self, items: list[pytest.Item], run: Callable[[list[pytest.Item]], Iterator[tuple[pytest.Item, bool]]]
    ) -> None:
        """Run those tests of which it is not known."""
        prints = {str(path): print_of([path]) for path in Path("tests").rglob("*.py")}
        around = print_of(
            path
            for path in Path().rglob("*.py")
            if path.name[:5] != "test_" and path.parent.name != "mutation"
        )
        known = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
        keys = {item: f"{around} {prints[item.nodeid.partition('::')[0]]}" for item in items}
        told = {item: known[item.nodeid] for item in items if item.nodeid in known}
        told = {item: each for item, each in told.items() if each[0] == keys[item]}
        rest = [item for item in items if item not in told]
        print(f"{len(told):,} tests ran before, and nothing changed; {len(rest):,} run now")
        forget()
        state()._stats.clear()
        for item, failed in run(rest):
            if failed:
                self.broken.append(item.nodeid)
            told[item] = [keys[item], self.seconds[item.nodeid], sorted(state()._stats)]
            forget()
            state()._stats.clear()
        for item, (_, seconds, functions) in told.items():
            self.seconds[item.nodeid] = seconds
            for function in functions:
                self.items[function].append(item)
        # A test that calls little else is likely to be about the function.
        for function, covering in self.items.items():
            covering.sort(
                key=lambda item: (-nearness(function, item.nodeid), told[item][1] * len(told[item][2]))
            )
        kept = {item.nodeid: each for item, each in told.items() if item.nodeid not in self.broken}
        KEPT.write_text(json.dumps(kept), "utf-8")


def nearness(function: str, test: str) -> int:
    """How deep the package is that a test's folder is named after; 0 where it is another's."""
    folder = test.split("/")[1]
    parts = function.split(".")
    return max(depth for depth, part in enumerate(parts) if depth == 0 or folder.startswith(part))


def forget() -> None:
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
