"""When reports were verified: the first time that somebody confirmed what now stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reps_ledger.replay.columns.model import MISSING, Instants, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reps_ledger.domain.entries import Entry
    from reps_ledger.log import EventLog

__all__ = ["Reports"]

_AT_ONCE: Final = 500
_NEVER: Final = np.iinfo(np.int64).max


class Reports:
    """Finds the rows of reports by the ids under which they were verified.

    Args:
        log: where those are found that were not among the reports taken.
        readings: id of a corrected entry to that of the correction in its place.
    """

    def __init__(self, log: EventLog, readings: Mapping[str, str]) -> None:
        self._log = log
        self._readings = readings
        self._ids: list[pa.Array] = []
        self._origins: list[Instants] = []

    def take(self, reports: Sequence[Entry]) -> None:
        """Take reports that stand."""
        self._ids.append(pa.array([entry.id for entry in reports], pa.large_string()))
        self._origins.append(np.array([entry.origin for entry in reports], np.int64))

    def verified(self, reports: Table, verifications: Table, after: int) -> Instants:
        """Return when each report was verified first, by verifications after a position too.

        As in a member's own history: by those that name whose report it is.
        """
        chosen = np.flatnonzero(verifications.order > after)
        said = verifications.fields["report"]
        used, which = np.unique(said.codes[chosen], return_inverse=True)
        ids = [self._readings.get(name, name) for name in map(said.values.__getitem__, used)]
        origins, same = np.unique(self._found(ids, after), return_inverse=True)
        places = np.full(len(origins) + 1, -1, np.int64)
        near = np.searchsorted(origins, reports.order)
        there = np.flatnonzero(np.append(origins, -1)[near] == reports.order)
        places[near[there]] = there
        rows = places[same[which]]
        owners = np.append(reports.persons["member"], -2)[rows]
        owned = (verifications.persons["member"][chosen] == owners) | (
            verifications.persons["verifier"][chosen] == owners
        )
        assert reports.verified is not None  # noqa: S101 — of these facts it is not
        first = np.where(reports.verified == MISSING, _NEVER, reports.verified)
        np.minimum.at(first, rows[owned], verifications.at[chosen[owned]])
        return np.where(first == _NEVER, MISSING, first)

    def _found(self, ids: list[str], after: int) -> Instants:
        """Return the origins of entries, taken or up to a position; 0 for none."""
        found = np.zeros(len(ids), np.int64)
        if self._ids:
            taken = pc.index_in(
                pa.array(ids, pa.large_string()), value_set=pa.concat_arrays(self._ids)
            )
            known = np.flatnonzero(taken.is_valid().to_numpy(zero_copy_only=False))
            places = taken.drop_null().to_numpy(zero_copy_only=False)
            found[known] = np.concatenate(self._origins)[places]
        missing = np.flatnonzero(found == 0) if after else found[:0]
        before = self._corrected() if len(missing) else {}
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            chains = {int(i): [ids[i], *before.get(ids[i], ())] for i in some}
            entries = self._log.entries_of([name for chain in chains.values() for name in chain])
            for i, chain in chains.items():
                found[i] = min((entries[n].position for n in chain if n in entries), default=0)
        return found

    def _corrected(self) -> Mapping[str, list[str]]:
        """What each correction that stands is a reading of."""
        found: dict[str, list[str]] = {}
        for name, reading in self._readings.items():
            found.setdefault(reading, []).append(name)
        return found
