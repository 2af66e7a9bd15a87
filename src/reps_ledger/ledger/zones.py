"""The time zone of a ledger: what its log declares, or what it was opened with where it declares none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from uuid import uuid4

from attrs import evolve

from reps_ledger.domain.entries import Entry, ledger_tag
from reps_ledger.domain.facts import Fact, LedgerDeclared, stated
from reps_ledger.domain.rules import Source
from reps_ledger.domain.time import zone_name, zone_of
from reps_ledger.errors import CodecError, Damaged, InvalidTime, OtherZone, WrongKeys
from reps_ledger.log import EventLog, Reading
from reps_ledger.log.event_log import Readable
from reps_ledger.privacy import Keyring

Declared = Entry[LedgerDeclared]

_NAME: Final = "ledger.declared"
_ABOUT: Final = Source(ledger_tag(_NAME))


class LedgerZone:
    """The time zone of one log, as it is declared there.

    A log that is new declares its zone with its first entry. One that was written before ledgers
    did so has the zone that it is opened with, until somebody declares one. What others declare
    while this log is open is taken up by the next view.

    Where something under the tag of declarations cannot be read, the log can be opened all the same, so that
    it can be voided; but no day is read before that, as it may be another.

    Args:
        log: the log.
        given: the zone that it was opened with; None for the log's own.
        clock: returns the current time.
        declares: whether the log, while it is new, declares its zone. A log in memory does not:
            nobody can open it again.
        follows: whether what the log declares counts. For a history of a test it does not: that is
            read in the zone in which it was told.
        keyring: seals and opens personal texts of the log; a new log declares then that it seals.

    Attributes:
        seals: whether the log declares that it seals; once it did, it does for ever.

    Raises:
        OtherZone: the log declares another zone than the given one.
        InvalidTime: a zone without a name cannot be declared.
    """

    def __init__(
        self,
        log: EventLog,
        given: tzinfo | None,
        clock: Callable[[], datetime],
        *,
        declares: bool,
        follows: bool = True,
        keyring: Keyring | None = None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._given = given
        self._declares = declares
        self._follows = follows
        self.keyring = keyring
        self.seals = False
        self._declared: Sequence[Declared] = ()
        self.about: frozenset[str] = frozenset()  # ids of declarations, and of what amends them
        self._first, self._last = 0, 0  # positions of the first and last of these; 0 for none
        self._head = 0
        self._unread: CodecError | Damaged | None = None
        name = "UTC" if given is None else zone_name(given)
        if declares and name is None:
            raise InvalidTime(
                f"a ledger keeps its zone by its name, and {given} has none; give an IANA name such as "
                "Europe/Paris",
                field="zone",
            )
        self._own = str(uuid4())  # what a new log declares as its identifier
        self.refresh(log.head())
        self._check()
        if keyring is not None and self.is_new:
            keyring.expect(self._own)

    @property
    def now(self) -> tzinfo:
        """The zone in which days are read now."""
        return self._of(self._declared)

    @property
    def ledger(self) -> str | None:
        """The ledger's identifier; None where it declares none."""
        return self._declared[0].fact.ledger if self._declared else None

    @property
    def is_new(self) -> bool:
        """Whether the log was empty when it was last looked at, and should declare its zone."""
        return self._declares and self._head == 0

    @property
    def is_declared(self) -> bool:
        """Whether the log declares a zone by all that is recorded."""
        self.refresh(self._log.head())
        return bool(self._declared)

    def known(self, position: int) -> tzinfo:
        """Return the zone in which days were read by what was known at a position.

        Raises:
            CodecError, Damaged: what declares it cannot be read.
        """
        self.refresh(position)
        self.must_be_readable()
        if position >= self._last or self._first == 1 > position:  # before the first entry, nothing is read
            return self.now
        return self._of(Reading(log=self._log, known_at=position).ledger_wide(_NAME))

    def refresh(self, head: int) -> None:
        """Read what was declared up to a position, if that was not read yet."""
        if head > self._head and self._follows:
            self._unread = None
            try:
                self._read(self._log, head)
            except (CodecError, Damaged) as error:
                self._unread = error
                self._read(Readable(self._log), head)
            self._head = head
            if self.keyring is not None:
                self.keyring.bind(self.ledger, seals=self.seals)

    def _read(self, log: EventLog, head: int) -> None:
        found, _ = log.read_sources([_ABOUT], upto=head)
        about = found[_ABOUT]
        if any(entry.name != _NAME for entry in about):  # some were corrected or retracted
            self._declared = Reading(log=log, known_at=head).ledger_wide(_NAME)
        else:
            self._declared = sorted(about, key=lambda entry: entry.order)
        if about:
            self.seals = self.seals or any(_seals(entry.fact) for entry in about)
            self.about = frozenset(entry.id for entry in about)
            self._first, self._last = about[0].position, about[-1].position

    def must_be_readable(self) -> None:
        """Raise an error where what declares the zone cannot be read.

        Raises:
            CodecError, Damaged: it cannot; it says what to do.
        """
        if self._unread is not None:
            raise self._unread

    def declaration(self) -> LedgerDeclared | None:
        """Return what the log must declare before its first entry; None where it must not.

        Raises:
            OtherZone: others declared another zone meanwhile.
            WrongKeys: the keys are those of another ledger.
        """
        if not self.is_new:
            return None
        whose = None if self.keyring is None else self.keyring.store.ledger
        self.refresh(self._log.head())  # after that: who began this log bound the keys to it later
        if self._head:
            self._check()
            return None
        declared = self.declaring(self.now)
        if whose not in (None, declared.ledger):
            raise WrongKeys(whose, declared.ledger)
        return declared

    def declaring(self, zone: tzinfo | str) -> LedgerDeclared:
        """Return the declaration of a zone for this ledger.

        Raises:
            InvalidTime: the zone is unknown, or has no name.
        """
        found = zone_of(zone)
        name = zone_name(found)
        if name is None:
            raise InvalidTime(f"{found} has no IANA name by which it could be declared", field="zone")
        seals = self.seals or (self.is_new and self.keyring is not None)
        return LedgerDeclared(ledger=self.ledger or self._own, zone=name, seals=seals)

    def sealing(self) -> LedgerDeclared:
        """Return the declaration that this ledger seals from now on."""
        declared = self.declaring(self.now)
        return evolve(declared, seals=True)

    def adopt(self, declared: LedgerDeclared) -> None:
        """Take over, while the log is new, what the first row of an import declares.

        Raises:
            OtherZone: the ledger was opened with another zone.
        """
        self.must_fit(declared)
        self._given = zone_of(declared.zone)
        if self.keyring is not None:
            self.keyring.expect(declared.ledger)

    def must_fit(self, declared: LedgerDeclared) -> None:
        """Raise an error if the log was opened for another zone than a history declares.

        Raises:
            OtherZone: it was.
        """
        if self._given is not None:
            _must_be(declared.zone, self._given)

    def _of(self, declared: Sequence[Declared]) -> tzinfo:
        """Return the zone of declarations: the last that is so by now, or else the first of all."""
        if not declared:
            return UTC if self._given is None else self._given
        if len(declared) == 1:
            return zone_of(declared[0].fact.zone)
        now = self._clock()
        begun = [entry for entry in declared if entry.occurred_at <= now]
        return zone_of((begun[-1] if begun else declared[0]).fact.zone)

    def _check(self) -> None:
        if self._declared and self._given is not None:
            own = zone_name(self.now)
            assert own is not None, "a declared zone has a name"
            _must_be(own, self._given)


def _seals(fact: Fact) -> bool:
    said = stated(fact)
    return isinstance(said, LedgerDeclared) and said.seals


def _must_be(own: str, given: tzinfo) -> None:
    name = zone_name(given)
    if name != own:
        raise OtherZone(own, name or str(given))
