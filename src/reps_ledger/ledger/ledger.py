"""The ledger: the one object that a service embeds. It composes all of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import CharterAdopted
from reps_ledger.errors import MissingExtra
from reps_ledger.ledger import replaying, reviewing
from reps_ledger.ledger.audited import AuditedLedger
from reps_ledger.ledger.core import Moment
from reps_ledger.ledger.decisions import DecisionAudit, audit_decision
from reps_ledger.log import Receipt
from reps_ledger.policies.charter import Charter, dump_charter
from reps_ledger.policies.policy import Policy
from reps_ledger.views import DocketItem, DocketView

if TYPE_CHECKING:
    from reps_ledger.replay import Agreement, Backtest, Sweep
    from reps_ledger.replay.columns import Columns

__all__ = ["Ledger"]


class Ledger(AuditedLedger):
    """A community's history, to record in and to ask. Made by `reps_ledger.open`.

    Safe to share between threads. Use it as a context manager, or close it.
    """

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
        since: Any = effective_from  # recording reads a date in the ledger's zone
        fact = CharterAdopted(
            document=dump_charter(charter), version=charter.version, effective_from=since
        )
        return self.record(
            fact,
            by=by,
            occurred_at=occurred_at,
            on_behalf_of=on_behalf_of,
            command_id=command_id,
        )

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
            The docket of the policy at the review date, with what it recommends.
        """
        return reviewing.open_reviews(
            self, policy, by=by, at=at, due=due, outcomes=outcomes, occurred_at=occurred_at
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
        Nobody is sent a stage again on the same date, nor while an earlier one of that stage
        is outstanding.

        Args:
            policy: a policy, or the name of one in the charter in force.
            by: who sends them.
            at: the review date; None for now.
            channel: by which channel.
            occurred_at: when they are sent; None for now. Deadlines count from then.
        """
        return reviewing.send_notices(
            self, policy, by=by, at=at, channel=channel, occurred_at=occurred_at
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
    ) -> Receipt:
        """Decide a review, and record what the policy recommended, and on what evidence.

        Args:
            review: its identifier, for what is known now; or an item of a docket, for what
                that docket knew.
            outcome: what people decided.
            reason: why.
            by: who decided.
            occurred_at: when; None for now.
            on_behalf_of: for whom ``by`` acts.

        Raises:
            NotFound: there is no such review.
            InvalidInput: the policy has no such outcome, or the reason is empty.
            Refused: the review is not open.
        """
        return reviewing.decide(
            self,
            review,
            outcome,
            reason,
            by=by,
            occurred_at=occurred_at,
            on_behalf_of=on_behalf_of,
        )

    def replay_decision(self, review: str) -> reviewing.Replayed:
        """Evaluate again what a decision went by: the same policy, at what was known then.

        Raises:
            NotFound: there is no such decision, or its policy's words are not recorded.
        """
        return reviewing.replay_decision(self, review)

    def audit_decision(self, review: str) -> DecisionAudit:
        """Say what a decision went by, as it stood then, and what is known now.

        Args:
            review: its identifier.

        Raises:
            NotFound: no such review was decided.
        """
        return audit_decision(self, review)

    def columns(
        self, at: Moment = None, *, folder: str | os.PathLike[str] | None = None
    ) -> Columns:
        """Return all that stands as arrays, as known at a position: what replay runs on.

        They are kept beside a ledger's file, in the folder ``<file>.columns``, and brought up to
        date from there; what cannot be read there is made again.

        Args:
            at: a position, a receipt, or a datetime, as ``known_at`` of `as_of`; None for
                everything.
            folder: where to keep them instead; a ledger that is no file keeps none otherwise.

        Raises:
            MissingExtra: the extra ``replay`` is not installed.
        """
        try:
            from reps_ledger.replay.columns import folder_of, load_or_build  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtra("replay", "columns of a ledger") from error
        reading = self.as_of(known_at=at).reading
        return load_or_build(reading, folder_of(reading.log) if folder is None else folder)

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
        return replaying.backtest(self, policy, at, against, known_at, on_progress)

    def sweep(
        self,
        make: Callable[..., Policy],
        parameters: Mapping[str, Iterable[Any]],
        *,
        at: Iterable[date],
        known_at: Moment = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Sweep:
        """Run the policy that a function makes of each combination of parameters.

        ``ledger.sweep(lambda weeks: policy_of(weeks), {"weeks": [4, 8, 12, 26]}, at=…)``

        Raises as `backtest` does.
        """
        return replaying.sweep(self, make, parameters, at, known_at, on_progress)

    def agreement(self, policy: Policy | str, *, known_at: Moment = None) -> Agreement:
        """Compare a policy with what people decided in reviews under its name."""
        return replaying.agree(self, policy, known_at)
