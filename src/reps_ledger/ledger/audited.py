"""A ledger that can be audited: checkpoints, proofs, verification, bundles."""

from __future__ import annotations

from reps_ledger.audit import (
    Consistency,
    Inclusion,
    SignedCheckpoint,
    SigningKey,
    Verification,
    VerifyingKey,
    verify_log,
)
from reps_ledger.ledger import auditing
from reps_ledger.ledger.core import LedgerCore
from reps_ledger.log import Receipt

__all__ = ["AuditedLedger"]


class AuditedLedger(LedgerCore):
    """What a ledger can prove of itself: see `Ledger`."""

    def checkpoint(
        self, key: SigningKey | str, *, state: auditing.Place = None
    ) -> SignedCheckpoint:
        """Sign how many entries there are, and the root of their Merkle tree.

        Keep it elsewhere: whoever holds one can have the ledger verified against it. Nothing of
        the ledger can be read from it.

        Args:
            key: a signing key, or its text; its name is the checkpoint's origin.
            state: where inner hashes are kept, so that only what is new is read; None for
                beside the ledger's file, or in memory where it is no file.

        Raises:
            Inconsistent: entries that were there before are not what they were.
            InvalidNote: the key is none.
            MissingExtra: the extra ``audit`` is not installed.
        """
        self._must_be_open()
        return auditing.checkpoint(self._trees.at(state), key)

    def prove(
        self,
        position: int | Receipt,
        *,
        at: auditing.Held | None = None,
        state: auditing.Place = None,
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
        self._must_be_open()
        wanted = position.position if isinstance(position, Receipt) else position
        return auditing.prove(self._trees.at(state), wanted, at)

    def prove_consistency(
        self,
        old: auditing.Held,
        new: auditing.Held | None = None,
        *,
        state: auditing.Place = None,
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
        self._must_be_open()
        return auditing.prove_consistency(self._trees.at(state), old, new)

    def verify(
        self,
        checkpoint: SignedCheckpoint | str,
        key: VerifyingKey | str | None = None,
        *,
        state: auditing.Place = None,
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
        self._must_be_open()
        return verify_log(self._log, checkpoint, key=key, shelf=self._trees.at(state).shelf)

    def audit_bundle(
        self,
        *,
        member: str | None = None,
        review: str | None = None,
        checkpoint: SignedCheckpoint | str | None = None,
        key: SigningKey | str | None = None,
        state: auditing.Place = None,
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
        self._must_be_open()
        tree = self._trees.at(state)
        return auditing.bundle(self, tree, member=member, review=review, held=checkpoint, key=key)
