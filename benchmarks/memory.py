"""Peak memory of importing, reading and exporting: bounded, whatever the length."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from importing import fresh, write

import reps_ledger as rl

SIZES = (100_000, 1_000_000)
STEPS = ("import", "read", "history", "export")


def run(folder: Path) -> list[str]:
    """Measure each step in a process of its own; return what to print."""
    found = []
    for facts in SIZES:
        file = folder / f"memory-{facts}.jsonl"
        write(file, facts)
        fresh(folder / f"memory-{facts}.db")
        for step in STEPS:
            command = [sys.executable, __file__, step, str(folder), str(facts)]
            peak = int(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603 — this very script
            found.append(f"  {step} of {facts:,} facts: peak {peak // 1024:,} MB")
    return ["peak memory of a process:", *found]


def step(name: str, folder: Path, facts: int) -> None:
    """Do one step, and print this process's peak in kB."""
    with rl.open(folder / f"memory-{facts}.db") as ledger:
        match name:
            case "import":
                assert ledger.import_history(folder / f"memory-{facts}.jsonl").recorded == facts
            case "read":
                assert sum(1 for _ in ledger.entries()) == facts
            case "history":
                assert sum(1 for _ in ledger.history()) == facts
            case "export":
                assert ledger.export(folder / f"memory-{facts}-out.jsonl") == facts
    # Not getrusage: its peak begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]  # it is there on Linux


if __name__ == "__main__":
    step(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
