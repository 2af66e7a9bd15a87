"""`open`, which makes a `Ledger` of what a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, tzinfo

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.rules import Rule, Rulebook
from reps_ledger.domain.time import Clock, system_clock, zone_of
from reps_ledger.errors import CodecError, Damaged
from reps_ledger.ledger.ledger import Ledger
from reps_ledger.ledger.zones import LedgerZone
from reps_ledger.log import Codec, EventLog, Recording, Target, Upcaster, is_kept, open_recorder
from reps_ledger.policies.charter.enforce import governance
from reps_ledger.privacy import KeyStore, opened_keys


@checked
def open(  # noqa: A001 — read as reps_ledger.open, as in gzip.open
    target: Target = None,
    *,
    facts: Iterable[type[Fact]] = (),
    rules: Iterable[Rule] = (),
    upcasters: Iterable[Upcaster] = (),
    zone: str | tzinfo | None = None,
    clock: Clock = system_clock,
    retries: int = 20,
    timeout: float | None = None,
    read_only: bool = False,
    keys: str | os.PathLike[str] | KeyStore | None = None,
) -> Ledger:
    """Open a ledger, and make it where there is none.

    Args:
        target: None for one in memory; a path or ``sqlite:///path``; ``postgresql://…``;
            ``umadb://host:port``; or any ``DCBRecorder`` of the eventsourcing library.
        facts: the service's own kinds of fact, marked with ``reps_ledger.fact``.
        rules: the service's own rules, which refuse more than the built-in ones.
        upcasters: how to read older versions of its facts.
        zone: the time zone in which dates, days, months and years are read; None for the ledger's own. A
            new ledger that is kept declares it with its first entry, UTC where none is given; one that
            was written before ledgers did so has the zone that is given here.
        clock: says what time it is, as an aware datetime.
        retries: how often to try again when others record what a recording depends on, where the log has no
            transactions: in SQLite contention alone fails nothing.
        timeout: how many seconds to wait for others before ``Busy`` is raised: in SQLite for the turn to
            write, 5 by default; in PostgreSQL for a lock, 10 by default, and for an append 10 at least.
        read_only: open one that is there to ask and verify it, also on a medium that cannot be written.
            Recording raises ``ReadOnly``; what is kept beside a ledger is read where it can be, and
            otherwise made in memory; no file is made, changed or left. Others may record meanwhile.
        keys: the keys by which personal texts are sealed and opened (extra ``privacy``): the path of a key
            file, which is made where there is none, or a `reps_ledger.privacy.KeyStore`, which stays open.
            A new ledger seals then; one that is there begins to with ``begin_sealing``. Without keys, a
            ledger that seals shows sealed texts as sealed, and refuses to record any.

    Raises:
        PrivacyError: the keys are those of another ledger, or cannot be read.
        Altered: tables, indexes, triggers or functions of the log are missing, changed or foreign. Opened
            ``read_only``, it can be asked and judged all the same; see `reps_ledger.repair`.
        StorageError: it cannot be opened; the subclass says why. ``ReadOnly``: it cannot be written.
        ConfigurationError: the arguments do not fit together, or a pooler keeps PostgreSQL's sessions away.
        OtherZone: the ledger declares another zone.
        InvalidTime: the zone is unknown, or has no name by which it could be declared.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    registry = Registry((*BUILT_IN, *facts))
    keyring, close_keys = opened_keys(keys, create=not read_only)
    codec = Codec(registry, upcasters, keyring)
    given = None if zone is None else zone_of(zone)
    own = tuple(rules)

    def rulebook(place: tzinfo) -> Rulebook:
        return Rulebook(registry, own, governance(registry, place), place)

    rules_now = rulebook(UTC if given is None else given)  # before anything is opened: they may be wrong
    try:
        recorder, close_log = open_recorder(target, read_only=read_only, timeout=timeout)
    except BaseException:
        close_keys()
        raise

    def close() -> None:
        close_log()
        close_keys()

    try:
        log = EventLog(recorder, codec, read_only=read_only)
        if not read_only:
            log.must_be_unaltered()
        recording = Recording(log=log, rules=rules_now, clock=clock, retries=retries)
        declares = (is_kept(recorder) or keyring is not None) and not read_only
        declared = LedgerZone(log, given, recording.now, declares=declares, keyring=keyring)
    except BaseException:
        close()
        raise
    ledger = Ledger(recording, declared, close, rulebook)
    try:
        # What cannot be read is no reason not to open: whoever mends it has to. It is gone on with next time.
        with suppress(CodecError, Damaged):
            ledger.resume_erasures()
            ledger.resume_redactions()
    except BaseException:
        ledger.close()
        raise
    return ledger
