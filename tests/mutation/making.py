"""Mutants: a copy of the tree that has them all, and being inside it."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants
from mutmut.mutation.data import SourceFileMutationData
from mutmut.utils.file_utils import walk_mutatable_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COPY: Final = Path("mutants")
PATIENCE: Final = 20  # seconds, beside ten times as long as the tests took
MEMORY: Final = 4 << 30  # bytes, for mutants that never stop growing


def made() -> dict[str, Path]:
    """Make the mutants in a copy of the tree, and return their names and where each is."""
    COPY.mkdir(exist_ok=True)
    shutil.rmtree(COPY / "tests", ignore_errors=True)
    copy_src_dir()
    copy_also_copy_files()
    with contextlib.redirect_stdout(None):
        create_mutants(2)
    names = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        names.update({name.replace("__init__.", ""): path for name in data.exit_code_by_key})
    return dict(sorted(names.items()))


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Be in the copy, with its sources and tests found first."""
    outside = Path.cwd()
    os.chdir(COPY)
    paths = [str(Path.cwd() / "src"), str(Path.cwd() / "tests")]
    own = [str(outside / "tests"), str(outside / "src")]
    sys.path[:] = paths + [each for each in sys.path if each not in own]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    try:
        yield
    finally:
        os.chdir(outside)


def function_of(name: str) -> str:
    """The function that a mutant is of."""
    return name.rpartition("__mutmut_")[0]


def prints_of(path: Path) -> dict[str, str]:
    """A fingerprint of each function of a file, by the last part of its mutants' names."""
    found = {}
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef):
            found[f"x_{node.name}"] = _digest(ast.unparse(node).encode())
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    digest = _digest(ast.unparse(each).encode())
                    found[f"xǁ{node.name}ǁ{each.name}"] = digest
    return found


def print_of(paths: Iterable[Path]) -> str:
    """A fingerprint of files."""
    return _digest(b"".join(path.read_bytes() for path in sorted(paths)))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
