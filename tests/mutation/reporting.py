"""What was found and what was not, kept from run to run, and what that says of all."""

from __future__ import annotations

import json
import math
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

from mutmut.mutation.diff_apply import get_diff_for_mutant

from mutation.making import COPY, function_of, prints_of

FOUND: Final = ("killed", "timeout")
_CHANGED: Final = "it is another now"
_JUSTIFIED: Final = Path(__file__).with_name("justified.toml")
_KEPT: Final = (COPY / "report.json").absolute()


class Report:
    """The verdicts on mutants, and of what sources."""

    def __init__(self, names: dict[str, Path]) -> None:
        self.verdicts: dict[str, str] = {}
        prints = {path: prints_of(path) for path in set(names.values())}
        self._prints = {
            name: prints[path].get(function_of(name).rpartition(".")[2], "") for name, path in names.items()
        }
        self._before = json.loads(_KEPT.read_text("utf-8")) if _KEPT.exists() else {}
        self._whole = len(self._before) > len(names) / 2

    def tried(self, name: str) -> str | None:
        """What was found out about a mutant before, if it was tried; if all were, what is new."""
        if name not in self._before:
            return _CHANGED if self._whole else None
        verdict, of = self._before[name]
        return str(verdict) if of == self._prints[name] else _CHANGED

    def save(self) -> None:
        """Keep the verdicts, beside those of earlier runs on the same mutants."""
        verdicts = {name: tried for name in self._prints if (tried := self.tried(name))}
        verdicts.update(self.verdicts)
        kept = {
            name: [verdict, "" if verdict == _CHANGED else self._prints[name]]
            for name, verdict in sorted(verdicts.items())
        }
        _KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False), "utf-8")

    def counted(self) -> dict[str, int]:
        """How many there are of each verdict in this run."""
        return dict(Counter(self.verdicts.values()))


def interval(found: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share, after Wilson (1927)."""
    z = 1.96
    share, weight = found / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / of + weight / (4 * of)) / (1 + weight)
    return middle - half, middle + half


def tell(verdicts: dict[str, str], names: dict[str, Path]) -> None:
    """Print what was not found, with why none could be, and the score."""
    missed = [name for name, verdict in verdicts.items() if verdict not in FOUND]
    reasons = justified()
    why: Counter[str] = Counter()
    for name in missed:
        change = changes(name, names[name])
        if reason := reasons.get((function_of(name), change)):
            why[reason] += 1
        else:
            print(f"\n# {verdicts[name]}: {name}\n{change}")
    for reason, number in why.items():
        print(f"\n{number} left: {reason}")
    found = len(verdicts) - len(missed)
    low, high = interval(found, len(verdicts)) if verdicts else (0, 1)
    print(f"\n{found:,} of {len(verdicts):,} found: {found / (len(verdicts) or 1):.1%}", end="")
    print(f" (95% interval: {low:.1%} to {high:.1%}) {dict(Counter(verdicts.values()))}")
    print(f"{len(missed) - why.total():,} neither found nor justified")


def justified() -> dict[tuple[str, str], str]:
    """Why no test need find a mutant, by function and change."""
    reasons = tomllib.loads(_JUSTIFIED.read_text("utf-8"))
    return {
        (f"reps_ledger.{function}", change): each["why"]
        for each in reasons["left"]
        for function, changed in each["mutants"].items()
        for change in changed
    }


def changes(name: str, path: Path) -> str:
    """Return what a mutant changes: its lines, or those that it leaves out."""
    lines = get_diff_for_mutant(name, path=path).splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    for sign in "+-":
        found = [line[1:].strip() for line in changed if line[0] == sign]
        if any(found):
            return "\n".join([f"{sign} {line}" for line in found])
    return ""
