"""What new entries amend: whatever may read otherwise, or count again, once they are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reps_ledger.domain.entries import Entry, entry_tag
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted
from reps_ledger.domain.rules import Source
from reps_ledger.log.history import Reading


def amended_by(new: Iterable[Entry], reading: Reading) -> Iterator[Entry]:
    """Yield what entries correct or retract, and whatever else amends that: it may count again, or no more.

    The tags of an amendment are those of what was told first; another correction may have read it otherwise.
    """
    seen: set[str] = set()
    wanted = [entry.fact.target for entry in new if isinstance(entry.fact, EntryCorrected | EntryRetracted)]
    while wanted := [target for target in dict.fromkeys(wanted) if target not in seen]:
        seen.update(wanted)
        found, _ = reading.log.read_sources(
            [Source(entry_tag(target)) for target in wanted], upto=reading.known_at
        )
        entries = [entry for each in found.values() for entry in each]
        yield from entries
        wanted = [e.id for e in entries if isinstance(e.fact, EntryCorrected | EntryRetracted)]
        wanted += [e.fact.target for e in entries if isinstance(e.fact, EntryCorrected | EntryRetracted)]
