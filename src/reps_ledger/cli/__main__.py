"""``python -m reps_ledger.cli``: the same as the command ``reps-ledger``."""

from __future__ import annotations

from reps_ledger.cli import main

if __name__ == "__main__":
    main()
