"""The tree against the RFC's own definitions, and against vectors of other implementations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference_trees as trees
from reps_ledger.audit.merkle import (
    EMPTY,
    MAX_PATH,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    parents_of,
    subtree,
    verify_consistency,
    verify_inclusion,
)
from reps_ledger.errors import InvalidProof
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors" / "merkle.json").read_text())
OTHERS: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors" / "others.json").read_text())
LEAVES: Final = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
ROOTS: Final = [bytes.fromhex(found) for found in VECTORS["roots"]]
RANDOM: Final = bytes.fromhex(VECTORS["random_hash"])
MOST: Final = 70


def made(size: int) -> list[bytes]:
    """So many different leaves."""
    return [b"leaf %d" % number for number in range(size)]


def hashes(proof: list[str]) -> tuple[bytes, ...]:
    """The hashes of a proof in hexadecimal."""
    return tuple(bytes.fromhex(each) for each in proof)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_reference_roots(size: int) -> None:
    """The roots of the reference's eight leaves are those that it publishes."""
    assert subtree(trees.lookup_of(LEAVES), 0, size) == ROOTS[size]
    assert trees.root(LEAVES[:size]) == ROOTS[size]


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_reference_inclusion_proofs(case: dict[str, Any]) -> None:
    """The reference's inclusion proofs are made here too, and verify."""
    index, size, path = case["index"], case["size"], hashes(case["proof"])
    assert inclusion_path(trees.lookup_of(LEAVES), index, size) == path
    verify_inclusion(index, size, leaf_hash(LEAVES[index]), path, ROOTS[size])


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_reference_consistency_proofs(case: dict[str, Any]) -> None:
    """The reference's consistency proofs are made here too, and verify."""
    old, new, path = case["old"], case["new"], hashes(case["proof"])
    assert consistency_path(trees.lookup_of(LEAVES), old, new) == path
    verify_consistency(old, new, ROOTS[old], ROOTS[new], path)


@pytest.mark.parametrize("case", VECTORS["consistency_cases"])
def test_reference_cases_of_consistency(case: dict[str, Any]) -> None:
    """Sizes that need no proof, and sizes that shrink, are handled as in the reference."""
    arguments = (
        *(case["old"], case["new"]),
        *(bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"])),
        hashes(case["proof"]),
    )
    if case["holds"]:
        verify_consistency(*arguments)
    else:
        with pytest.raises(InvalidProof):
            verify_consistency(*arguments)


@pytest.mark.parametrize("tree", OTHERS["trees"], ids=lambda tree: str(tree["size"]))
def test_roots_and_proofs_are_those_of_another_implementation(tree: dict[str, Any]) -> None:
    """Roots and inclusion proofs made by other software are the same here, and verify."""
    size, root = tree["size"], bytes.fromhex(tree["root"])
    leaves = made(size)
    lookup = trees.lookup_of(leaves)
    assert subtree(lookup, 0, size) == root
    for case in tree["proofs"]:
        index, path = case["index"], hashes(case["proof"])
        assert inclusion_path(lookup, index, size) == path
        verify_inclusion(index, size, leaf_hash(leaves[index]), path, root)


def inclusion_probes(case: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The reference's ways to spoil an inclusion proof, by its names."""
    index, size, path = case["index"], case["size"], hashes(case["proof"])
    leaf, root = leaf_hash(LEAVES[index]), ROOTS[size]
    yield "leafIndex - 1", (index - 1, size, leaf, path, root)
    yield "leafIndex + 1", (index + 1, size, leaf, path, root)
    yield "leafIndex ^ 2", (index ^ 2, size, leaf, path, root)
    yield "treeSize * 2", (index, size * 2, leaf, path, root)
    yield "treeSize / 2", (index, size // 2, leaf, path, root)
    yield "wrong leaf", (index, size, b"WrongLeaf", path, root)
    yield "empty root", (index, size, leaf, path, EMPTY)
    yield "random root", (index, size, leaf, path, RANDOM)
    yield "trailing garbage", (index, size, leaf, (*path, b""), root)
    yield "trailing root", (index, size, leaf, (*path, root), root)
    yield "preceding garbage", (index, size, leaf, (b"", *path), root)
    yield "preceding root", (index, size, leaf, (root, *path), root)
    for number in range(len(path)):
        yield f"modified proof[{number}]", (index, size, leaf, flipped(path, number, 8), root)
    if path:
        yield "removed component", (index, size, leaf, path[:-1], root)
    if len(path) > 1:
        yield "inserted component", (index, size, leaf, (path[0], RANDOM, *path[1:]), root)


def consistency_probes(case: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The reference's ways to spoil a consistency proof, by its names."""
    old, new, path = case["old"], case["new"], hashes(case["proof"])
    first, second = ROOTS[old], ROOTS[new]
    yield "size1 - 1", (old - 1, new, first, second, path)
    yield "size1 + 1", (old + 1, new, first, second, path)
    yield "size1 ^ 2", (old ^ 2, new, first, second, path)
    yield "size2 * 2", (old, new * 2, first, second, path)
    yield "size2 / 2", (old, new // 2, first, second, path)
    yield "wrong root1", (old, new, b"WrongRoot", second, path)
    yield "wrong root2", (old, new, first, b"WrongRoot", path)
    yield "swapped roots", (old, new, second, first, path)
    yield "empty proof", (old, new, first, second, ())
    for name, extra in (("garbage", b""), ("root1", first), ("root2", second)):
        yield f"trailing {name}", (old, new, first, second, (*path, extra))
        yield f"preceding {name}", (old, new, first, second, (extra, *path))
    yield "preceding proof[0]", (old, new, first, second, (path[0], *path))
    yield "truncated proof", (old, new, first, second, path[:-1])
    for number in range(len(path)):
        yield f"modified proof[{number}]", (old, new, first, second, flipped(path, number, 16))


def flipped(path: tuple[bytes, ...], number: int, bit: int) -> tuple[bytes, ...]:
    """A proof with one bit of one hash flipped."""
    changed = bytearray(path[number])
    changed[0] ^= bit
    return (*path[:number], bytes(changed), *path[number + 1 :])


def test_reference_probes_of_inclusion_are_refused() -> None:
    """Each inclusion proof that the reference spoils is refused."""
    probes = [probe for case in VECTORS["inclusion"] for probe in inclusion_probes(case)]
    assert len(probes) > 70
    accepted = []
    for name, arguments in probes:
        try:
            verify_inclusion(*arguments)
        except InvalidProof:
            continue
        accepted.append(name)
    assert accepted == []


def test_reference_probes_of_consistency_are_refused() -> None:
    """Each consistency proof that the reference spoils is refused."""
    cases = [case for case in VECTORS["consistency"] if case["proof"]]
    probes = [probe for case in cases for probe in consistency_probes(case)]
    assert len(probes) > 70
    accepted = []
    for name, arguments in probes:
        try:
            verify_consistency(*arguments)
        except InvalidProof:
            continue
        accepted.append(name)
    assert accepted == []


def test_every_small_tree_is_as_defined() -> None:
    """Up to 70 leaves, every root, inclusion and consistency proof is that of the RFC."""
    leaves = made(MOST)
    frontier = Frontier()
    roots = [trees.root(leaves[:size]) for size in range(MOST + 1)]
    for size in range(MOST + 1):
        lookup = trees.lookup_of(leaves[:size])
        assert frontier.root() == subtree(lookup, 0, size) == roots[size]
        for number in range(size):
            path = inclusion_path(lookup, number, size)
            assert list(path) == trees.path(number, leaves[:size])
            verify_inclusion(number, size, leaf_hash(leaves[number]), path, roots[size])
        for old in range(1, size + 1):
            path = consistency_path(lookup, old, size)
            assert list(path) == trees.proof(old, leaves[:size])
            verify_consistency(old, size, roots[old], roots[size], path)
        if size < MOST:
            frontier.push(leaf_hash(leaves[size]))


@examples(0.6)
@given(st.integers(1, 3_000), st.data())
def test_larger_trees_are_as_defined(size: int, data: st.DataObject) -> None:
    """In a larger tree, roots and proofs are those of the RFC, and verify."""
    leaves = made(size)
    lookup = trees.lookup_of(leaves)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    root = trees.root(leaves)
    path = inclusion_path(lookup, index, size)
    assert list(path) == trees.path(index, leaves)
    verify_inclusion(index, size, leaf_hash(leaves[index]), path, root)
    assert len(path) <= MAX_PATH
    steps = consistency_path(lookup, old, size)
    assert list(steps) == trees.proof(old, leaves)
    verify_consistency(old, size, trees.root(leaves[:old]), root, steps)


@examples(4)
@given(st.integers(1, 64), st.data())
def test_whatever_is_altered_is_refused(size: int, data: st.DataObject) -> None:
    """A proof with another leaf, index, size, hash or root is refused."""
    leaves = made(size)
    index = data.draw(st.integers(0, size - 1))
    leaf, root = leaf_hash(leaves[index]), trees.root(leaves)
    path = inclusion_path(trees.lookup_of(leaves), index, size)
    other = data.draw(st.integers(-1, 2 * size).filter(lambda number: number != index))
    byte = data.draw(st.binary(min_size=32, max_size=32).filter(lambda b: b not in {leaf, root}))
    wrong: list[tuple[Any, ...]] = [
        (other, size, leaf, path, root),
        (index, size, byte, path, root),
        (index, size, leaf, path, byte),
        (index, size, leaf, (*path, byte), root),
    ]
    if path:
        number = data.draw(st.integers(0, len(path) - 1))
        wrong.append((index, size, leaf, (*path[:number], byte, *path[number + 1 :]), root))
        wrong.append((index, size, leaf, path[:number] + path[number + 1 :], root))
    for arguments in wrong:
        with pytest.raises(InvalidProof):
            verify_inclusion(*arguments)


@given(st.integers(2, 64), st.data())
def test_another_history_is_not_consistent(size: int, data: st.DataObject) -> None:
    """With one early leaf changed, no proof leads from the older root to the newer one."""
    leaves = made(size)
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    other = [*leaves[:changed], b"changed", *leaves[changed + 1 :]]
    for known in (leaves, other):
        path = consistency_path(trees.lookup_of(known), old, size)
        with pytest.raises(InvalidProof):
            verify_consistency(old, size, trees.root(leaves[:old]), trees.root(other), path)


@given(st.integers(0, 40), st.integers(0, 3), st.integers(0, 7))
def test_a_frontier_of_subtrees_is_that_of_leaves(blocks: int, level: int, rest: int) -> None:
    """A frontier takes whole subtrees in place of leaves, and a rest of leaves for the root."""
    width = 1 << level
    leaves = made(blocks * width + rest % width)
    frontier = Frontier()
    for number in range(blocks):
        frontier.push(trees.root(leaves[number * width : (number + 1) * width]))
    assert frontier.root([leaf_hash(x) for x in leaves[blocks * width :]]) == trees.root(leaves)


def test_levels_are_parents_of_in_pairs() -> None:
    """The level above has half as many nodes, each the hash of two."""
    leaves = made(8)
    found = parents_of([leaf_hash(leaf) for leaf in leaves])
    assert found == [trees.root(leaves[number : number + 2]) for number in range(0, 8, 2)]
    with pytest.raises(ValueError, match="argument"):
        parents_of(found[:3])
