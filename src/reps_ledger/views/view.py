"""Views: what was true at an instant, as known at a position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from reps_ledger.audit.explanations import Explanation
from reps_ledger.domain.facts import ReviewOpened
from reps_ledger.errors import InvalidInput
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import (
    CensusRow,
    OpenReview,
    Overview,
    RosterRow,
    Vouch,
    census,
    overviews,
    roster,
)
from reps_ledger.views.counting import Counting
from reps_ledger.views.explaining import explain
from reps_ledger.views.history import History, as_instant
from reps_ledger.views.judging import Judging
from reps_ledger.views.member import MemberView
from reps_ledger.views.waiting import DocketView, make_docket

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry
    from reps_ledger.log.reading import Reading

__all__ = ["View"]


class View:
    """What was true at ``valid_at``, as known at position ``known_at``. It never changes."""

    def __init__(self, reading: Reading, valid_at: datetime, zone: tzinfo) -> None:
        self.reading = reading
        self.zone = zone
        self.valid_at = valid_at
        self.known_at = reading.known_at
        self._judging = Judging(reading, zone)

    def __repr__(self) -> str:
        return f"View(valid_at={self.valid_at.isoformat()}, known_at={self.known_at})"

    def member(self, member: str) -> MemberView:
        """Return one person; somebody unknown has an empty history."""
        return MemberView(self._judging.member(member, self.valid_at), self._judging)

    def explain(
        self,
        member: str,
        about: str | None = None,
        *,
        role: str | None = None,
        community: str | None = None,
    ) -> Explanation:
        """Say why something is so of a member: the entries behind it, and the rules.

        For each entry: who recorded it and for whom; the charter in force when it happened, how
        that let it be by what was known then, and who may record such facts; and what corrected
        or retracted it since.

        Args:
            member: of whom.
            about: "role", "standing", "vouches" or "membership"; None for the role, where one
                is named, and else for standing.
            role: which role.
            community: where; None for anywhere, or for the whole programme.

        Raises:
            InvalidInput: there is nothing of that name to explain.
        """
        return explain(
            self._judging,
            self.reading,
            member,
            self.valid_at,
            about,
            role=role,
            community=community,
        )

    def history(self, member: str | None = None, *, community: str | None = None) -> History:
        """Return the history of a member, of a community, or of everyone.

        Raises:
            InvalidInput: both a member and a community are named.
        """
        source: Callable[[], Iterable[Entry]]
        if member is not None and community is not None:
            raise InvalidInput("name a member or a community, not both")
        if member is not None:
            source = _kept(self.reading.member(member)[1])
        elif community is not None:
            source = _kept(self.reading.community(community))
        else:
            source = self.reading.everyone
        return History(source, self.valid_at, self.known_at)

    def roster(
        self, *, role: str | None = None, community: str | None = None
    ) -> tuple[RosterRow, ...]:
        """List who holds a role, or who is in a community, by name."""
        standing = Counting(self._judging, self.valid_at).standing()
        people = self._people()
        return roster(people, self.valid_at, role=role, community=community, standing=standing)

    def census(
        self,
        *,
        by: str | Iterable[str] = (),
        at: Iterable[date] | None = None,
        definition: Condition | str | None = None,
    ) -> tuple[CensusRow, ...]:
        """Count members by dimensions, at this view's instant or through time.

        Args:
            by: one dimension or several, of ``reps_ledger.projections.DIMENSIONS``.
            at: instants or dates, all as known to this view.
            definition: who counts as a member: of whom a condition holds; or "charter" for
                what the charter in force says, of the programme and of each community. None
                for whoever joined.

        Raises:
            InvalidInput: there is no such dimension or definition, or an instant is after
                this view's own.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        instants = [self.valid_at] if at is None else [as_instant(d, self.zone, "at") for d in at]
        if any(instant > self.valid_at for instant in instants):
            raise InvalidInput(f"this view ends at {self.valid_at.isoformat()}", field="at")
        registry: Any = self.reading.log.codec.registry
        rows: list[CensusRow] = []
        counted = overviews(self.reading.everyone(), instants, registry, self.zone)
        for when, people in counted:
            counting = Counting(self._judging, when)
            rows += census(
                people.values(),
                when,
                names,
                standing=counting.standing() if "standing" in names else None,
                defined=counting.defined(definition, people, named="community" in names),
            )
        return tuple(rows)

    @property
    def charter(self) -> Charter | None:
        """The charter in force, as known; None without one."""
        return self._judging.charter(self.valid_at)

    def in_zone(self, zone: tzinfo) -> View:
        """Return the same view with dates, months and years read in another zone."""
        return View(self.reading, self.valid_at, zone)

    def policy(self, policy: Policy | str) -> Policy:
        """Return a policy, or the one of that name in the charter in force.

        Raises:
            NotFound: no charter in force has a policy of that name.
            InvalidPolicy: it asks for facts that this ledger does not know.
        """
        return self._judging.policy(policy, self.valid_at)

    def evaluate(self, policy: Policy | str, name: str) -> Verdict:
        """Evaluate a policy of one member, or of one community if it is about communities.

        Args:
            policy: a policy, or the name of one in the charter in force.
            name: whose; somebody unknown has an empty history.

        Raises:
            NotFound: no charter in force has a policy of that name.
            InvalidPolicy: it asks for facts that this ledger does not know.
        """
        return self._judging.evaluate(self.policy(policy), name, self.valid_at)

    def evaluate_all(self, policy: Policy | str) -> Iterator[Verdict]:
        """Yield the verdict of every member, or of every community, in order of identifier.

        In bounded memory: one history at a time. Raises as `evaluate` does.
        """
        return self._judging.evaluate_all(self.policy(policy), self.valid_at)

    def docket(self, policy: str | None = None, *, evaluated_at: date | None = None) -> DocketView:
        """Return what waits: open reviews with recommendations, and notices outstanding.

        Args:
            policy: only what is under the policy of this name.
            evaluated_at: the instant, or the end of the day, of which the policy is evaluated;
                None for this view's own.
        """
        at = self.valid_at
        if evaluated_at is not None:
            at = as_instant(evaluated_at, self.zone, "evaluated_at")
        return make_docket(self._judging, self.valid_at, policy, evaluated_at=at)

    def stated_policy(self, digest: str) -> Policy | None:
        """Return the policy of a digest, where its words are recorded; else None."""
        return self._judging.stated(digest)

    def words_of(self, review: ReviewOpened | OpenReview) -> Policy | None:
        """Return the policy by which a review was opened, where its words are known."""
        return self._judging.words_of(review, self.valid_at)

    def is_member(self, member: str, *, community: str | None = None) -> bool:
        """Whether somebody counts as a member, of the programme or of a community.

        As the charter in force defines it; without its definition, whoever joined.
        """
        subject = self._judging.member(member, self.valid_at)
        return self._judging.counts_as_member(subject, community)

    def vouch_graph(self) -> tuple[Vouch, ...]:
        """Return every standing vouch, by whom and for whom: the edges of the graph."""
        standing = (v for person in self._people() for v in person.vouches.given)
        return tuple(sorted(standing, key=lambda v: (v.voucher, v.member)))

    def _people(self) -> Iterable[Overview]:
        registry = self.reading.log.codec.registry
        everyone = self.reading.everyone()
        for _, people in overviews(everyone, [self.valid_at], registry, self.zone):
            return people.values()
        raise AssertionError  # pragma: no cover — one instant is always yielded


def _kept(entries: list[Entry]) -> Callable[[], Iterable[Entry]]:
    return lambda: entries
