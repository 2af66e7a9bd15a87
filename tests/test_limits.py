"""No test waits without a limit: what hangs fails, says where, and the other tests go on."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from processes import Program

TESTS: Final = Path(__file__).parent
WAITS: Final = {"acquire", "communicate", "join", "result", "wait"}
RUNS: Final = {"call", "check_call", "check_output", "run"}
STARTING: Final = {"processes.py", "servers.py"}
"""The modules that start other programs, and end them."""

HANGS: Final = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
from hypothesis import given, strategies as st
from limits import *

def never():
    threading.Event().wait()

def test_in_the_main_thread():
    never()

def test_in_a_pool():
    with ThreadPoolExecutor() as pool:
        pool.submit(never)

@given(st.integers())
def test_in_a_property(number):
    never()

def test_that_leaves_a_thread():
    threading.Thread(target=never).start()
"""


def tried(folder: Path, *options: str) -> tuple[str, str]:
    """Run those tests with a limit of a second; return what is said of them."""
    (folder / "conftest.py").write_text("from limits import *\n")
    (folder / "test_hangs.py").write_text(HANGS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, "--timeout", "1", "--rootdir", str(folder), *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
        cwd=folder,
        env={"PYTHONPATH": str(TESTS), "TMPDIR": str(folder)},
    )
    assert done.returncode == 1
    return done.stdout, done.stderr


def test_what_hangs_fails_and_says_where(tmp_path: Path) -> None:
    """In the main thread, in another one that it waits for, and where the failure is caught."""
    said, stacks = tried(tmp_path, "-n", "1")
    for name in ("the_main_thread", "a_pool", "a_property"):
        assert f"FAILED test_hangs.py::test_in_{name}" in said, said
    assert ">       never()" in said  # pytest's own account of the first
    assert "in never" in said  # that of the thread in the pool
    assert "in test_in_a_property" in stacks  # and what the process was doing when it was ended
    assert "1 passed" in said


def test_a_thread_that_is_left_behind_keeps_nobody(tmp_path: Path) -> None:
    """Python would wait for it at the end; so would whoever ran the tests."""
    said, stacks = tried(tmp_path, "-p", "no:xdist", "-k", "leaves")
    assert "1 passed" in said
    assert "in never" in stacks


def test_a_program_that_says_nothing_is_killed() -> None:
    """A wait for a line has a limit, and so have a wait for the end and what failed tests leave."""
    with pytest.raises(AssertionError, match="said nothing for"), Program("-c", SLEEP) as program:
        program.hear(0.2)
    assert program.wait(10) != 0
    with pytest.raises(subprocess.TimeoutExpired), Program("-c", SLEEP) as program:
        program.end(timeout=0.2)
    assert program.wait(10) != 0
    with pytest.raises(ZeroDivisionError), Program("-c", SLEEP) as program:
        raise ZeroDivisionError
    assert program.wait(10) != 0


SLEEP: Final = "import time; time.sleep(100)"
SLOW: Final = """
from processes import limited
import time
with limited(0.1):
    time.sleep(100)
"""


def test_a_program_that_hangs_says_where() -> None:
    """It ends by itself, with what it was doing."""
    with Program("-c", SLOW, stderr=subprocess.PIPE) as program:
        assert program.stderr is not None
        assert program.wait(10) == 1
        assert 'File "<string>", line 5 in <module>' in program.stderr.read()


def waits(path: Path) -> list[str]:
    """Calls in a file that may wait for ever."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        named = {keyword.arg for keyword in node.keywords}
        what = node.func.attr
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        on_module = owner == "subprocess"
        if (
            (on_module and what in RUNS and "timeout" not in named)
            or (on_module and what == "Popen" and path.name not in STARTING)
            or (what in WAITS and owner != "os" and not node.args and "timeout" not in named)
        ):
            found.append(f"{path.relative_to(TESTS)}:{node.lineno}: {ast.unparse(node.func)}")
    return found


def test_every_wait_has_a_limit() -> None:
    """For threads, for what they do, and for other programs, which one module starts."""
    assert [wait for path in sorted(TESTS.rglob("*.py")) for wait in waits(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['ls'])",
        "subprocess.Popen(['ls'], timeout=5)",
        "thread.join()",
        "event.wait()",
        "future.result()",
        "lock.acquire()",
        "program.communicate()",
    ],
)
def test_a_wait_without_a_limit_is_found(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above can fail."""
    monkeypatch.setitem(globals(), "TESTS", tmp_path)
    path = tmp_path / "wait.py"
    path.write_text(line)
    assert waits(path) == [f"wait.py:1: {line.partition('(')[0]}"]
