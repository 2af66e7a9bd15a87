"""Checkpoints, proofs and bundles of a ledger: `reps_ledger.audit` applied to its log."""

from __future__ import annotations

import os
from collections.abc import Iterable

from reps_ledger.audit import (
    Consistency,
    Inclusion,
    SignedCheckpoint,
    SigningKey,
    Tree,
    make_bundle,
    read_checkpoint,
)
from reps_ledger.audit.tree import TreeSnapshot
from reps_ledger.domain.entries import Entry, ledger_tag
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted
from reps_ledger.domain.rules import Source
from reps_ledger.errors import InvalidInput, InvalidProof, NotFound
from reps_ledger.ledger.core import Core

Held = SignedCheckpoint | str | int
"""An earlier tree of the log: a checkpoint, its text, or only its size."""

Place = str | os.PathLike[str] | None
"""Where the tree's inner hashes are kept; None for beside the ledger's file."""


def checkpoint(
    tree: Tree, key: SigningKey | str, since: SignedCheckpoint | str | None = None
) -> SignedCheckpoint:
    """Sign the present size and root of the tree."""
    signer = SigningKey.parse(key) if isinstance(key, str) else key
    held = None if since is None else read_checkpoint(since)
    return tree.ask(lambda leaves: leaves.sign(signer, held))


def prove(tree: Tree, position: int, at: Held | None) -> Inclusion:
    """Prove that an entry is in the tree, now or as of an earlier tree."""
    held = _held(at)
    size = held.size if isinstance(held, SignedCheckpoint) else held
    proof = tree.ask(lambda leaves: leaves.inclusion(position, size))
    _must_be(held, proof.root)
    return proof


def prove_consistency(tree: Tree, old: Held, new: Held | None) -> Consistency:
    """Prove that a tree begins with all entries of an older one."""
    older, newer = _held(old), _held(new)
    proof = tree.ask(lambda leaves: leaves.consistency(_size(older) or 0, _size(newer)))
    _must_be(older, proof.old_root)
    _must_be(newer, proof.new_root)
    return proof


def _held(given: Held | None) -> SignedCheckpoint | int | None:
    return read_checkpoint(given) if isinstance(given, str) else given


def _size(held: SignedCheckpoint | int | None) -> int | None:
    return held.size if isinstance(held, SignedCheckpoint) else held


def _must_be(held: SignedCheckpoint | int | None, root: bytes) -> None:
    if isinstance(held, SignedCheckpoint) and held.root != root:
        raise InvalidProof(f"this log is not the one of the checkpoint of {held.size:,} entries; verify it")


def bundle(
    core: Core,
    tree: Tree,
    *,
    member: str | None,
    review: str | None,
    held: SignedCheckpoint | str | None,
    key: SigningKey | str | None,
) -> bytes:
    """Return the entries about a member or a decision, with proofs, as one file."""
    if (member is None) == (review is None):
        raise InvalidInput("a bundle is about a member or a review: name one of them")
    if (held is None) == (key is None):
        raise InvalidInput("give a checkpoint, or a key to make one, not both")
    if member is not None:
        about = ("member", member)
        entries: Iterable[Entry] = core.as_of().reading.recorded_of(member)
    else:
        about = ("review", str(review))
        entries = _of_decision(core, str(review))
    positions = [entry.position for entry in entries]
    if not positions:
        raise NotFound(f"nothing is known of the {about[0]} {about[1]}")
    if key is not None:
        held = checkpoint(tree, key)
    signed = read_checkpoint(held or "")

    def make(leaves: TreeSnapshot) -> bytes:
        return make_bundle(leaves, about, signed, positions)

    return tree.ask(make)


def _of_decision(core: Core, review: str) -> list[Entry]:
    """Return the entries of a review, the evidence of its decision, and their amendments.

    The stated policies that they name by digest, all charters and all voids are among them: what was voided
    might have been any of it.
    """
    own = core.found(Source(f"review:{review}"))
    decided = [entry for entry in own if entry.name == "review.decided"]
    ids = {entry_id for entry in decided for entry_id in entry.fact.evidence}
    digests = {entry.fact.digest for entry in own if hasattr(entry.fact, "digest")} - {None}
    found = {entry.position: entry for entry in own}
    members = {entry.fact.member for entry in own if hasattr(entry.fact, "member")}
    reading = core.as_of().reading
    for member in sorted(members):
        recorded = reading.recorded_of(member)
        amended = _with_amendments(ids | {entry.id for entry in own}, recorded)
        found.update({entry.position: entry for entry in recorded if entry.id in amended})
    found.update({e.position: e for e in reading.log.entries_of(sorted(ids)).values()})
    for entry in core.found(Source(ledger_tag("policy.stated"))):
        if getattr(entry.fact, "digest", None) in digests:
            found[entry.position] = entry
    for name in ("charter.adopted", "entry.voided"):
        found.update({entry.position: entry for entry in core.found(Source(ledger_tag(name))) if own})
    return [found[position] for position in sorted(found)]


def _with_amendments(ids: set[str], recorded: Iterable[Entry]) -> set[str]:
    """Return ids, with those of amendments of these entries and of entries that they correct."""
    known = set(ids)
    for entry in recorded:  # in order of position, so that one pass finds all
        fact = entry.fact
        if isinstance(fact, EntryCorrected | EntryRetracted) and fact.target in known:
            known.add(entry.id)
    for entry in reversed(list(recorded)):  # the originals of corrections
        if entry.id in known and isinstance(entry.fact, EntryCorrected):
            known.add(entry.fact.target)
    return known
