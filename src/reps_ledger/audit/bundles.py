"""Making audit bundles: entries with their proofs and a checkpoint, for whoever wants to verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reps_ledger.audit.verifier import MAX_ENTRIES, BundledEntry, written
from reps_ledger.errors import InvalidProof, NotFound, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.audit.checkpoints import SignedCheckpoint
    from reps_ledger.audit.tree import Leaves

__all__ = ["make_bundle"]


def make_bundle(
    leaves: Leaves,
    about: tuple[str, str],
    checkpoint: SignedCheckpoint,
    positions: Iterable[int],
) -> bytes:
    """Return the bytes of a bundle.

    Args:
        leaves: the tree of the log in which the entries are.
        about: whom or what it is about: ``("member", "ana")``.
        checkpoint: of which tree; what was recorded after it is left out.
        positions: of the entries.

    Raises:
        InvalidProof: the log is not the one that the checkpoint signed.
        NotFound: the checkpoint is older than every entry.
        TooLarge: there are too many entries.
    """
    if leaves.root(checkpoint.size) != checkpoint.root:
        raise InvalidProof("this log is not the one that the checkpoint signed; verify it")
    entries: list[BundledEntry] = []
    for position in sorted(set(positions)):
        if leaves.index_of(position) >= checkpoint.size:
            break
        if len(entries) == MAX_ENTRIES:
            raise TooLarge(f"a bundle has at most {MAX_ENTRIES:,} entries")
        proof = leaves.inclusion(position, checkpoint.size)
        (_, name, data, tags), *_ = leaves.log.stored(after=position - 1, limit=1)
        entries.append(
            BundledEntry(
                index=proof.index,
                position=position,
                name=name,
                data=data,
                tags=tags,
                path=proof.path,
            )
        )
    if not entries:
        raise NotFound(
            f"nothing about the {about[0]} {about[1]} was recorded by the time of the checkpoint"
        )
    return written(about, checkpoint, entries)
