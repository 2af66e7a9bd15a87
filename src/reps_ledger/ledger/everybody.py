"""What answers questions about everybody for a ledger's views: kept for the positions asked about last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from reps_ledger.errors import InvalidInput, MissingExtra
from reps_ledger.log import Reading
from reps_ledger.views.evaluator import PolicyEvaluator

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns
    from reps_ledger.state.answers import Answers

FROM: Final = 2_000
"""Entries from which on making columns is quicker than reading everything once."""

_KEPT: Final = 2
"""Positions of which answers are kept in memory."""


class KeptAnswers:
    """Makes what answers questions about everybody, and keeps it for those who ask the same again.

    Args:
        columns: returns the columns of a position.
    """

    def __init__(self, columns: Callable[[int], Columns]) -> None:
        self._columns = columns
        self._made: OrderedDict[tuple[int, int, tzinfo], Answers | None] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, reading: Reading, zone: tzinfo) -> Answers | None:
        """Return what answers for a reading; None where columns cannot, or are slower."""
        if reading.known_at < FROM:
            return None
        # What is voided only grows, and is left out of what was known before, too.
        voided = sum(place <= reading.known_at for place in reading.log.voids())
        key = reading.known_at, voided, zone
        with self._guard:
            if key not in self._made:
                self._made[key] = self._answers(reading, zone)
                if len(self._made) > _KEPT:  # whoever still asks it goes on doing so
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return self._made[key]

    def _answers(self, reading: Reading, zone: tzinfo) -> Answers | None:
        try:
            columns = self._columns(reading.known_at)
        except MissingExtra:
            return None
        from reps_ledger.state.answers import Answers  # noqa: PLC0415 — an extra

        with suppress(InvalidInput):  # a charter asks for what columns do not hold, or for an unknown kind
            return Answers.of(columns, PolicyEvaluator(reading, zone))
        return None

    def forget(self) -> None:
        """Forget all."""
        with self._guard:
            self._made.clear()
