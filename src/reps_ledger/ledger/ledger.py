"""`Ledger`, the one object that a service embeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import IO, TYPE_CHECKING, Self

from reps_ledger.audit import (
    AuditFinding,
    Consistency,
    Inclusion,
    SignedCheckpoint,
    SigningKey,
    Verification,
    VerifyingKey,
    verify_log,
)
from reps_ledger.domain.arguments import checked_methods
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import CharterAdopted, Fact
from reps_ledger.domain.rules import Rulebook
from reps_ledger.domain.rules.voids import StoredRow
from reps_ledger.domain.time import day_of
from reps_ledger.importers import ImportReport, export_history, import_as_recorded, import_history
from reps_ledger.ledger import backtests, proofs, reviews
from reps_ledger.ledger.check import MOST, check
from reps_ledger.ledger.core import Attribution, Core, Moment, Subscription
from reps_ledger.ledger.personal import PersonalData
from reps_ledger.ledger.portable import access_given
from reps_ledger.ledger.reviews import DecisionAudit, audit_decision
from reps_ledger.ledger.states import open_state
from reps_ledger.ledger.voiding import void
from reps_ledger.ledger.zones import LedgerZone
from reps_ledger.log import Receipt, Recording
from reps_ledger.policies.charter import Charter, dump_charter
from reps_ledger.policies.policy import Policy
from reps_ledger.projections import Discrepancy
from reps_ledger.state import State
from reps_ledger.views import DocketItem, DocketView, History, View

if TYPE_CHECKING:
    from reps_ledger.replay import Agreement, Backtest, Sweep
    from reps_ledger.replay.columns import Columns


@checked_methods
class Ledger(PersonalData):
    """A community's history, to record in and to ask. Made by `reps_ledger.open`.

    Safe to share between threads. Use it as a context manager, or close it.
    """

    def __init__(
        self,
        recording: Recording,
        zone: LedgerZone | tzinfo,
        close: Callable[[], None],
        rules: Callable[[tzinfo], Rulebook] | None = None,
    ) -> None:
        self._core = Core(recording, zone, close, rules)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log, if this ledger opened it."""
        self._core.close()

    @property
    def read_only(self) -> bool:
        """Whether it was opened to be read: nothing is recorded then, and nothing is kept beside it."""
        return self._core.read_only

    @property
    def zone(self) -> tzinfo:
        """The time zone in which dates, days, months and years are read: what the ledger declares.

        A ledger that declares none, as it was written before ledgers did, has the one that it was
        opened with.
        """
        return self._core.zone

    def day(self, instant: datetime) -> date:
        """Return the local day of an instant, in the ledger's zone; see `View.day`.

        Raises:
            InvalidTime: it is no aware datetime.
        """
        return day_of(instant, self._core.zone)

    def record(
        self,
        fact: Fact,
        *,
        by: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
        source: str | None = None,
        waiver: str | None = None,
    ) -> Receipt:
        """Record one fact.

        Args:
            fact: what happened.
            by: who records it.
            occurred_at: when it happened: an aware datetime, a date for the start of that
                day, or None for now (for a correction: when its target happened).
            on_behalf_of: for whom ``by`` acts.
            command_id: makes this idempotent: recorded again, it returns the first receipt.
            source: where the fact came from.
            waiver: why the charter's clauses, should they refuse the fact, are to be waived
                for it; recorded with it, as ``exemption.granted``. It lifts no rule, no
                limit of seats, and no authority.

        Raises:
            Refused: rules say no; it carries every refusal.
            InvalidInput: a value cannot be accepted.
            Conflict: others kept recording what this depends on.
        """
        attribution = Attribution(by=by, on_behalf_of=on_behalf_of, command_id=command_id, source=source)
        if waiver is None:
            return self._core.record([(fact, occurred_at)], attribution)
        return self._core.record_waived(fact, occurred_at, waiver, attribution)

    def record_all(
        self,
        facts: Iterable[Fact | tuple[Fact, date | None]],
        *,
        by: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
        source: str | None = None,
    ) -> Receipt:
        """Record facts in one atomic batch, each judged after those before it.

        Args:
            facts: facts, or pairs of a fact and its own ``occurred_at``.
            by: who records them.
            occurred_at: when those without their own happened.
            on_behalf_of: for whom ``by`` acts.
            command_id: makes the batch idempotent.
            source: where the facts came from.

        Raises:
            Refused: any of them is refused, and none was recorded.
            InvalidInput: a value cannot be accepted, or there is no fact.
            TooLarge: there are more than ``MAX_BATCH``.
            Conflict: others kept recording what these depend on.
        """
        attribution = Attribution(by=by, on_behalf_of=on_behalf_of, command_id=command_id, source=source)
        pairs = (pair if isinstance(pair, tuple) else (pair, occurred_at) for pair in facts)
        return self._core.record(pairs, attribution)

    def as_of(self, valid_at: date | None = None, known_at: Moment = None) -> View:
        """Return what was true at an instant, as known at a position.

        Args:
            valid_at: an aware datetime, or a date for the end of that day; None for now.
            known_at: a position, a receipt, or a datetime (turned into the last position
                recorded by then); None for everything.
        """
        return self._core.as_of(valid_at, known_at)

    def history(self, member: str | None = None, *, community: str | None = None) -> History:
        """Return the history of a member, a community or everyone, as known now."""
        return self.as_of().history(member, community=community)

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Yield entries as they were recorded, in order of position, corrections among them.

        Sealed texts stay sealed: see `opened`.
        """
        return self._core.log.read(after=after)

    def entry(self, entry_id: str) -> Entry:
        """Return an entry as it was recorded, its sealed texts opened as far as the keys are there.

        Raises:
            NotFound: there is none of that id.
        """
        return self._core.entry(entry_id)

    @property
    def position(self) -> int:
        """The last position, or 0."""
        return self._core.log.head()

    def state(
        self, *, policies: Iterable[Policy | str] | None = None, path: str | os.PathLike[str] | None = None
    ) -> State:
        """Return tables of what is so of everybody, kept beside the log and brought up to its head.

        Questions about everybody are answered from them in milliseconds, whatever the length of the log.
        They are closed with the ledger.

        Args:
            policies: whose outcomes are kept through time, beside those of charters; None for those that
                the tables keep already. Others than these make them anew.
            path: a SQLite file to keep them in; None for ``<file>.state`` beside the ledger's, the schema
                ``reps_state`` of its PostgreSQL, a file in the user's folder for caches where the log lies on
                another server, or memory where the log is in memory or empty.

        Raises:
            InvalidInput: two policies have one name.
            PathTaken: the file is something else.
            InvalidPolicy: a policy asks for facts that this ledger does not know.
            NotFound: no charter in force has a policy of that name.
            StorageError: they can be kept nowhere.
        """
        self._core.must_be_open()
        state = open_state(self._core, policies, path)
        self._core.closes(state.close)
        return state

    def reconcile(self, *, at: date | None = None, complete_rosters: bool = False) -> tuple[Discrepancy, ...]:
        """List what does not add up: failed assertions, orphans, leave past its return and more.

        `reps_ledger.projections.DISCREPANCIES` says what there is.

        Args:
            at: up to when; None for now, with what is planned.
            complete_rosters: take the assertions of one day for a complete roster of the
                roles that they name; list who holds one without being on it for that role, and whom
                an earlier roster named.
        """
        rules = self._core.recording.rules
        return self.as_of(at).reconcile(rules, planned=at is None, complete_rosters=complete_rosters)

    def subscribe(self, *, after: int | Receipt | None = None) -> Subscription:
        """Follow the log: every entry after a position, then each new one as it is recorded.

        Args:
            after: a position or a receipt; None for from now on.
        """
        log = self._core.log
        if after is None:
            after = log.head()
        elif isinstance(after, Receipt):
            after = after.position
        return Subscription(log, after)

    def export(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        known_at: Moment = None,
        as_recorded: bool = False,
        replace: bool = False,
        reveal: bool = False,
        by: str | None = None,
    ) -> int:
        """Write every entry as known at a position in the exchange format; return how many.

        What is voided is left out, and so are the voids, unless it is written as recorded.

        Args:
            target: a new path (``.csv`` for CSV, ``.gz`` for gzip, else one JSON object a line),
                where the file is once all is written; or a binary file for JSON lines.
            known_at: as for `as_of`.
            as_recorded: write what is stored, byte for byte, with tags and positions, for
                `import_as_recorded`; never as CSV.
            replace: whether a plain file that is there is to be replaced.
            reveal: write sealed texts in the clear. That this is done is recorded first; otherwise they
                are written as "[sealed]", and of accounts their tokens.
            by: who reveals them.

        Raises:
            PathTaken: something is there that would be lost.
            StorageError: the file cannot be written.
            InvalidInput: nobody is named who reveals texts, or what is stored should be revealed.
            ConfigurationError: texts are sealed, and the ledger was opened without keys.
        """
        reading = self._core.reading(known_at)
        if reveal:
            access_given(self._core, target, by, as_recorded=as_recorded, replace=replace)
        return export_history(reading, target, as_recorded=as_recorded, replace=replace, reveal=reveal)

    def backup(
        self, target: str | os.PathLike[str], *, on_progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Copy the ledger as it is now into a new file, and return the copy's last position.

        Others may record meanwhile. All that was acknowledged before is in the copy, which is there whole
        or not at all, whatever interrupts this, and is checked as `reps_ledger.restore` checks one. It has
        the permissions of the ledger's own file, or only its owner may read it. It is a ledger by itself.

        Args:
            target: the path of a file that is not there yet.
            on_progress: called now and then with how many pages were copied, and of how many.

        Raises:
            Damaged: the ledger is not whole; the error says what is wrong.
            StorageError: there is something at the target, it cannot be written, or the ledger is kept by
                a server, which has ways of its own.
        """
        return self._core.log.backup(target, on_progress)

    def import_history(
        self,
        source: str | os.PathLike[str] | Iterable[object],
        *,
        by: str = "import",
        on_refused: str = "quarantine",
        on_unknown_member: str = "refuse",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """Import rows of the exchange format. Run again, it records nothing twice.

        Args:
            source: a path (JSON lines or ``.csv``, plain or gzip), or rows as dicts.
            by: who recorded the rows that do not say it.
            on_refused: "quarantine" lists refused rows in the report; "stop" raises at the
                first, and leaves nothing behind (it holds all rows in memory until then).
            on_unknown_member: "refuse" rows that name people who have not joined, or "join":
                they joined at first sight, marked as inferred.
            on_progress: called now and then with the rows and the bytes read so far.

        Raises:
            ImportStopped: on_refused is "stop" and a row was refused.
            InvalidInput: an option is none of those, or the file cannot be read at all.
            Conflict: others kept recording what the rows depend on; import again to go on.
        """
        self._core.must_be_writable()
        report = import_history(
            self._core,
            source,
            by=by,
            on_refused=on_refused,
            on_unknown_member=on_unknown_member,
            on_progress=on_progress,
        )
        self._core.own_zone.refresh(report.position)
        return report

    def import_as_recorded(
        self,
        source: str | os.PathLike[str] | Iterable[str | bytes],
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Import a history as it was recorded into this ledger, which is empty; return how many entries.

        Stored bytes, tags, ids, positions and ``recorded_at`` are what they were, so that checkpoints and
        proofs of the other ledger are good for this one. All or nothing, in one transaction. No rule judges
        the entries, as they were judged when they were recorded: import only what you trust as you trust a
        backup, and verify a checkpoint.

        Args:
            source: a path (plain or gzip) that `export` wrote ``as_recorded``, or its lines.
            on_progress: called now and then with the entries and the bytes read so far.

        Raises:
            ImportStopped: a line is broken, changed, missing or not in its place; it says which.
            InvalidInput: this ledger is not empty.
            OtherZone: the ledger was opened for another time zone than the history declares.
            StorageError: the file cannot be read, or the log takes no entries with their positions.
        """
        self._core.must_be_writable()
        count = import_as_recorded(self._core, source, on_progress)
        self._core.own_zone.refresh(self._core.log.head())
        return count

    def checkpoint(
        self,
        key: SigningKey | str,
        *,
        since: SignedCheckpoint | str | None = None,
        state: proofs.Place = None,
    ) -> SignedCheckpoint:
        """Sign how many entries there are, and the root of their Merkle tree.

        Keep it elsewhere: whoever holds one can have the ledger verified against it. Nothing of
        the ledger can be read from it.

        Only what was hashed from the log is signed, or what this key signed before: of what is kept beside
        the log, nothing else is trusted.

        Args:
            key: a signing key, or its text; its name is the checkpoint's origin.
            since: an earlier checkpoint of this key that was kept elsewhere, or its text: nothing is signed
                unless the log begins with all that it signed.
            state: where inner hashes are kept, so that only what is new is read; None for
                beside the ledger's file, or in memory where it is no file.

        Raises:
            Inconsistent: entries that were there before are not what they were.
            InvalidNote: the key is none.
            InvalidSignature: ``since`` was not signed by this key.
            MissingExtra: the extra ``audit`` is not installed.
        """
        return proofs.checkpoint(self._core.tree(state), key, since)

    def prove(
        self, position: int | Receipt, *, at: proofs.Held | None = None, state: proofs.Place = None
    ) -> Inclusion:
        """Prove that an entry is in the tree, now or as of a checkpoint.

        Args:
            position: of the entry; of a receipt, that of its last.
            at: a checkpoint, its text, or a size; None for all that there is.
            state: as for `checkpoint`.

        Raises:
            NotFound: no entry has that position, or it was not there yet.
            InvalidProof: the log is not the one of the checkpoint.
            Inconsistent: entries are not what they were.
        """
        wanted = position.position if isinstance(position, Receipt) else position
        return proofs.prove(self._core.tree(state), wanted, at)

    def prove_consistency(
        self, old: proofs.Held, new: proofs.Held | None = None, *, state: proofs.Place = None
    ) -> Consistency:
        """Prove that the tree of a checkpoint begins with all that an older one had.

        Args:
            old: a checkpoint, its text, or a size.
            new: another; None for all that there is.
            state: as for `checkpoint`.

        Raises:
            InvalidProof: the log is not the one of the checkpoints.
            InvalidInput: the log has fewer entries.
            Inconsistent: entries are not what they were.
        """
        return proofs.prove_consistency(self._core.tree(state), old, new)

    def check(
        self, *, on_progress: Callable[[int, int], None] | None = None, most: int = MOST
    ) -> tuple[AuditFinding, ...]:
        """Judge the whole log again: what is in it that would not be recorded, and which caches lie.

        Every entry is judged by the rules and the charter of its time, by what was recorded before it; its
        bytes, id and tags are looked at, and whether its values may be what they are. Columns, the tree's
        cache and tables of state beside the log are compared with what follows from it. Nothing is changed.

        `reps_ledger.ledger.CHECKS` says what each code of a finding means; those in `NOTES` are no fault.
        A ledger of an older release may have entries that the rules of this one refuse.

        Args:
            on_progress: called with the position that was judged, and the last one.
            most: ends after so many findings.
        """
        return check(self._core, on_progress=on_progress, most=most)

    def verify(
        self,
        checkpoint: SignedCheckpoint | str,
        key: VerifyingKey | str | None = None,
        *,
        state: proofs.Place = None,
    ) -> Verification:
        """Read and hash the whole log, and compare it with a checkpoint.

        The database's own check is run too. Takes time in proportion to the log, and little
        memory.

        Args:
            checkpoint: one that was kept elsewhere.
            key: the public key that should have signed it; without one, whoever could make
                the checkpoint could also have made the log.
            state: as for `checkpoint`; it only tells where the first difference is.

        Raises:
            InvalidNote: the checkpoint, or the key, cannot be read.
        """
        return verify_log(self._core.log, checkpoint, key=key, cache=self._core.tree(state).cache)

    def audit_bundle(
        self,
        *,
        member: str | None = None,
        review: str | None = None,
        checkpoint: SignedCheckpoint | str | None = None,
        key: SigningKey | str | None = None,
        state: proofs.Place = None,
    ) -> bytes:
        """Return the entries about a member or a decision, with proofs, as one file.

        ``reps-ledger verify-bundle`` checks it with nothing but the public key.

        Args:
            member: all that was recorded of them.
            review: its opening and decision, the evidence, the words of the policy, the
                charters, and what amended any of it.
            checkpoint: of which tree; what was recorded later is left out.
            key: signs a checkpoint of all that there is, instead.
            state: as for `checkpoint`.

        Raises:
            NotFound: there is nothing about them.
            InvalidProof: the log is not the one of the checkpoint.
        """
        tree = self._core.tree(state)
        return proofs.bundle(self._core, tree, member=member, review=review, held=checkpoint, key=key)

    def adopt(
        self,
        charter: Charter,
        *,
        by: str,
        occurred_at: date | None = None,
        effective_from: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
    ) -> Receipt:
        """Adopt a charter: it governs facts from its effective date, and never the past.

        Args:
            charter: which.
            by: who records its adoption.
            occurred_at: when it was adopted; None for now.
            effective_from: from when it governs; a date means its start, None its adoption.
            on_behalf_of: for whom ``by`` acts.
            command_id: makes this idempotent.

        Raises:
            Refused: it asks for facts that this ledger does not know, or would judge the past.
        """
        fact = CharterAdopted(
            document=dump_charter(charter), version=charter.version, effective_from=effective_from
        )
        return self.record(
            fact, by=by, occurred_at=occurred_at, on_behalf_of=on_behalf_of, command_id=command_id
        )

    def declare(
        self,
        *,
        zone: str | tzinfo,
        by: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
    ) -> Receipt:
        """Declare in which time zone the ledger's days are read from now on.

        What is recorded stays: a day that was recorded began when it began in the zone of then. Views
        by what was known before go on reading days in the zone of before.

        Args:
            zone: an IANA name such as Europe/Paris, or a zone that has one.
            by: who declares it.
            occurred_at: when it was decided; None for now. The last that was decided is in force.
            on_behalf_of: for whom ``by`` acts.
            command_id: makes this idempotent.

        Raises:
            InvalidTime: the zone is unknown, or has no name.
        """
        return self.record(
            self._core.own_zone.declaring(zone),
            by=by,
            occurred_at=occurred_at,
            on_behalf_of=on_behalf_of,
            command_id=command_id,
        )

    def look_at(self, position: int) -> StoredRow:
        """Return what is stored at a position, and why it cannot be read as an entry here, if it cannot.

        Raises:
            NotFound: nothing is stored there.
        """
        return self._core.row(position)

    def void(
        self,
        position: int,
        *,
        by: str,
        reason: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
        unknown: bool = False,
    ) -> Receipt:
        """Have everybody read past what is stored at a position, as it cannot be read.

        It counts at once and for all, also for views of what was known before: what cannot be read said
        nothing to anybody. It cannot be undone. `look_at` says first what is there.

        Args:
            position: where.
            by: who decides it.
            reason: what is known of it.
            occurred_at: when it was decided; None for now.
            on_behalf_of: for whom ``by`` acts.
            command_id: makes this idempotent.
            unknown: whether also an entry of a kind, or of a version, that is not known here, which somebody
                else may be able to read.

        Raises:
            Refused: it can be read, it is voided already, or the charter lets others do this.
            NotFound: nothing is stored there.
            InvalidInput: its kind is unknown here, and ``unknown`` is False.
        """
        attribution = Attribution(by=by, on_behalf_of=on_behalf_of, command_id=command_id)
        return void(self._core, position, reason, occurred_at, attribution, unknown=unknown)

    def open_reviews(
        self,
        policy: Policy | str,
        *,
        by: str,
        at: date | None = None,
        due: date | None = None,
        outcomes: Iterable[str] | None = None,
        occurred_at: date | None = None,
    ) -> DocketView:
        """Open a review of each member for whom a policy comes to certain outcomes.

        Whoever has an open review under the policy is left as they are, so that it is safe to
        run again. The words of the policy are recorded with the first review under them.

        Args:
            policy: a policy, or the name of one in the charter in force.
            by: who opens them.
            at: the review date: an aware datetime, or a date for its end; None for now.
            due: when decisions are due.
            outcomes: the outcomes to review; by default all but the best of the scale, or all
                where the policy has none.
            occurred_at: when the reviews are opened; None for now.

        Returns:
            The docket of the policy when they were opened, with what the policy recommends of the
            date that each review is about.
        """
        self._core.must_be_writable()
        return reviews.open_reviews(
            self._core, policy, by=by, at=at, due=due, outcomes=outcomes, occurred_at=occurred_at
        )

    def send_notices(
        self,
        policy: Policy | str,
        *,
        by: str,
        at: date | None = None,
        channel: str | None = None,
        occurred_at: date | None = None,
    ) -> tuple[Entry, ...]:
        """Record the notices that a policy plans for the outcomes that members have.

        Appreciation for the active, nudges for the quiet: as the policy's ``notices`` say.
        Nobody is sent a stage again for the same date, nor while one of that stage is outstanding:
        at the review date, or when it is sent.

        Args:
            policy: a policy, or the name of one in the charter in force.
            by: who sends them.
            at: the review date; None for now.
            channel: by which channel.
            occurred_at: when they are sent; None for now. Deadlines count from then.
        """
        self._core.must_be_writable()
        return reviews.send_notices(
            self._core, policy, by=by, at=at, channel=channel, occurred_at=occurred_at
        )

    def decide(
        self,
        review: str | DocketItem,
        outcome: str,
        reason: str,
        *,
        by: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        known_at: Moment = None,
    ) -> Receipt:
        """Decide a review, and record what the policy recommended, and on what evidence.

        The policy is evaluated at the instant that the review is about, whenever it is decided;
        where its opening does not record one, at the instant of the decision.

        Args:
            review: its identifier, for what was known when it was opened; or an item of a docket,
                for what that docket knew.
            outcome: what people decided.
            reason: why.
            by: who decided.
            occurred_at: when; None for now.
            on_behalf_of: for whom ``by`` acts.
            known_at: what was known to those who decided, as for `as_of`; None for what was known
                when the review was opened. Only with an identifier.

        Raises:
            NotFound: there is no such review.
            InvalidInput: the policy has no such outcome, the reason is empty, or ``known_at`` was
                given with an item.
            Refused: the review is not open.
        """
        self._core.must_be_writable()
        return reviews.decide(
            self._core,
            review,
            outcome,
            reason,
            by=by,
            occurred_at=occurred_at,
            on_behalf_of=on_behalf_of,
            known_at=known_at,
        )

    def replay_decision(self, review: str) -> reviews.Replayed:
        """Evaluate again what a decision went by: the same policy, at what was known then.

        Raises:
            NotFound: there is no such decision, or its policy's words are not recorded.
        """
        return reviews.replay_decision(self._core, review)

    def audit_decision(self, review: str) -> DecisionAudit:
        """Say what a decision went by, as it stood then, and what is known now.

        Args:
            review: its identifier.

        Raises:
            NotFound: no such review was decided.
        """
        return audit_decision(self._core, review)

    def columns(self, at: Moment = None, *, folder: str | os.PathLike[str] | None = None) -> Columns:
        """Return all that stands as arrays, as known at a position: what replay runs on.

        They are kept beside a ledger's file, in the folder ``<file>.columns``, and brought up to
        date from there; what cannot be read there is made again.

        Args:
            at: a position, a receipt, or a datetime, as ``known_at`` of `as_of`; None for
                everything.
            folder: where to keep them instead; a ledger that is no file keeps none otherwise.

        Raises:
            MissingExtra: the extra ``replay`` is not installed.
            PathTaken: the folder that was named holds something else.
        """
        return self._core.columns(at, folder)

    def backtest(
        self,
        policy: Policy | str,
        *,
        at: Iterable[date],
        against: Policy | str | None = None,
        known_at: Moment = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Backtest:
        """Say what a policy would have come to, of everyone, at review dates.

        Args:
            policy: a policy, or the name of one in the charter in force.
            at: the review dates: `quarterly`, `monthly`, `daily` or `yearly` of
                ``reps_ledger.replay``, or any dates; a date means its end.
            against: another policy to compare with; or "decisions", for what people had decided
                last in reviews under the policy's name, with the `agreement` of each decision.
            known_at: what is known; None for everything.
            on_progress: called now and then with what is done, and all.

        Raises:
            MissingExtra: the extra ``replay`` is not installed.
            InvalidPolicy: the policy is about communities, or asks for what columns do not
                hold: personal text.
        """
        return backtests.backtest(self._core, policy, at, against, known_at, on_progress)

    def sweep(
        self,
        make: Callable[..., Policy],
        parameters: Mapping[str, Iterable[object]],
        *,
        at: Iterable[date],
        known_at: Moment = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Sweep:
        """Run the policy that a function makes of each combination of parameters.

        ``ledger.sweep(lambda weeks: policy_of(weeks), {"weeks": [4, 8, 12, 26]}, at=…)``

        Raises as `backtest` does.
        """
        return backtests.sweep(self._core, make, parameters, at, known_at, on_progress)

    def agreement(self, policy: Policy | str, *, known_at: Moment = None) -> Agreement:
        """Compare a policy with what people decided in reviews under its name."""
        return backtests.agree(self._core, policy, known_at)
