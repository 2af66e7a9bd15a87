"""The shape of the code: what may import what, and what every file and name must have."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger
from reps_ledger import errors
from reps_ledger.domain.facts import BUILT_IN, kind_of
from reps_ledger.domain.rules import BUILT_IN_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = Path(reps_ledger.__file__).parent

LAYERS: Final = (
    *("errors", "domain", "files", "interchange", "salted", "leaves", "log", "projections", "policies"),
    *("replay", "audit", "privacy", "importers", "views", "state", "ledger", "live", "testing", "cli"),
)
"""The design's list: a layer imports itself and those before it."""

FAMILIES: Final = ("activity", "corrections", "governance", "people", "profiles", "reviews", "roles")
"""The files of facts."""

LONGEST: Final = 800

IMPURE: Final = frozenset(
    {
        *("asyncio", "concurrent", "ctypes", "fcntl", "glob", "http", "importlib", "io", "logging"),
        *("mmap", "multiprocessing", "os", "pathlib", "pickle", "random", "secrets", "select"),
        *("shelve", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile"),
        *("threading", "time", "urllib", "warnings"),
    }
)
CHANCE: Final = {("domain/chance.py", "os")}
"""Where the domain reaches outside: for the chance in new ids and salts, and nowhere else."""
CLOCK: Final = {("domain/time.py", "now")}
"""Where the system's clock is wrapped, to be injected; nothing else in the domain reads one."""

OF_DISTRIBUTION: Final = {"eventsourcing_umadb": "eventsourcing-umadb"}
EXTRAS: Final[dict[str, set[str]]] = {
    "postgres": {"psycopg"},
    "umadb": {"eventsourcing_umadb", "umadb"},
    "cli": {"rich", "typer"},
    "replay": {"numpy", "pyarrow"},
    "spark": {"pandas", "pyspark"},
    "testing": {"hypothesis"},
    "audit": {"cryptography"},
    "privacy": {"cryptography"},
    "reports": {"altair", "jinja2"},
}
"""What each extra of the design brings, as modules."""

NEED_THEIR_EXTRA: Final = {
    layer: EXTRAS[layer] | {f"reps_ledger.{layer}"} for layer in ("cli", "replay", "testing")
}
"""Layers that nothing imports but from within functions, with what each may import at once."""

FILES_NEED_EXTRA: Final = {
    "log/postgres/guarded.py": {"psycopg", "reps_ledger.log.postgres.session"},
    "log/postgres/session.py": {"psycopg"},
    "state/bulk.py": NEED_THEIR_EXTRA["replay"],
    "state/answers.py": NEED_THEIR_EXTRA["replay"] | {"reps_ledger.state.bulk"},
}
"""Files of other layers of which the same is so."""


def files() -> list[Path]:
    """Every file of the package."""
    found = sorted(SOURCE.rglob("*.py"))
    assert len(found) > len(LAYERS)
    return found


def named(path: Path) -> str:
    """A file's path below the package."""
    return path.relative_to(SOURCE).as_posix()


def module_of(path: Path) -> str:
    """A file's module."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from running(node)


def imported(path: Path, *, for_types: bool = False) -> set[str]:
    """The full names of what a file imports while it runs, inside functions too.

    With ``for_types`` also what it imports for a type checker alone.
    """
    found = set()
    for node in ast.walk(parsed(path)) if for_types else running(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(module: str) -> str | None:
    """The layer of a module of ours, or None for the package itself."""
    return [*module.split("."), ""][1] or None


def test_every_file_has_its_place() -> None:
    """There is no folder and no module that is not listed, and none is listed that is not there."""
    assert {layer(module_of(path)) for path in files()} - {None} == set(LAYERS)


def ours(path: Path) -> set[str]:
    """The modules of the package that a file imports, for a type checker alone too."""
    known = {module_of(each) for each in files()}
    names = {name for name in imported(path, for_types=True) if name.split(".")[0] == "reps_ledger"}
    found = {name if name in known else name.rpartition(".")[0] for name in names}
    assert found <= known
    return found - {module_of(path)}


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import one another, each circle once."""
    reach: dict[str, set[str]] = {}
    for start, after in edges.items():
        seen, waiting = set[str](), [*after]
        while waiting:
            if (module := waiting.pop()) not in seen:
                seen.add(module)
                waiting += edges.get(module, ())
        reach[start] = seen
    found = {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in edges
        if module in reach[module]
    }
    return sorted(sorted(circle) for circle in found)


def test_no_files_import_each_other() -> None:
    """There is no circle of imports, those for a type checker included."""
    assert circles({module_of(path): ours(path) for path in files()}) == []


def test_circles_are_found() -> None:
    """The search itself: a circle of two, one of three, and what only leads to one."""
    edges = {"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"e"}, "e": {"c", "a"}, "f": {"c"}, "g": set()}
    assert circles(edges) == [["a", "b"], ["c", "d", "e"]]


def test_no_two_files_of_a_layer_have_one_name() -> None:
    """Whoever names a file of a layer means one."""
    names = [(layer(module_of(path)), path.name) for path in files() if not path.name.startswith("__")]
    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize("path", files(), ids=named)
def test_imports_only_point_back(path: Path) -> None:
    """A layer imports itself and those before it in the design's list, never a later one."""
    own = layer(module_of(path))
    if own is None:
        return  # the package itself gathers all that is public
    reach = set(LAYERS[: LAYERS.index(own) + 1])
    assert {name for name in ours(path) if layer(name) not in reach} == set()


def test_the_walk_sees_imports() -> None:
    """The reader of imports sees those in functions, and not those for type checkers."""
    assert "typer" in imported(SOURCE / "cli" / "app.py")
    assert "psycopg.conninfo.conninfo_to_dict" in imported(SOURCE / "log" / "connect.py")


def test_only_two_folders_know_the_library() -> None:
    """Only log/ and live/ import eventsourcing, even for its types."""
    users = {
        layer(module_of(path))
        for path in files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        + [alias.name for alias in node.names]
        if name.split(".")[0].startswith("eventsourcing")
    }
    assert users == {"log", "live"}


def test_the_domain_is_pure() -> None:
    """The domain imports nothing that reaches outside, but for chance in new entry ids."""
    found = {
        (named(path), name.split(".")[0])
        for path in files()
        if layer(module_of(path)) == "domain"
        for name in imported(path)
        if name.split(".")[0] in IMPURE
    }
    assert found == CHANCE
    uses = {
        node.attr
        for node in ast.walk(parsed(SOURCE / "domain" / "chance.py"))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert uses == {"register_at_fork", "urandom"}


def reaching_out(*layers: str) -> set[tuple[str, str]]:
    """Where functions of some layers ask what time it is, open a file, or run text as code."""
    methods = {"now", "utcnow", "today", "localtime", "perf_counter", "monotonic"}
    methods |= {"open", "read_text", "write_text", "import_module", "system"}
    functions = {"open", "input", "print", "exec", "eval", "__import__", "compile"}
    found = set()
    for path in files():
        if layer(module_of(path)) not in layers:
            continue
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in methods:
                found.add((named(path), called.attr))
            if isinstance(called, ast.Name) and called.id in functions:
                found.add((named(path), called.id))
    return found


def test_the_domain_reads_no_clock_and_no_file() -> None:
    """No function of the domain asks what time it is or opens a file; one clock is to inject."""
    assert reaching_out("domain", "projections") == CLOCK


def test_policies_read_no_clock_and_run_nothing() -> None:
    """Evaluating asks for no time but that given; only loading documents opens files."""
    assert reaching_out("policies") == {("policies/documents/text.py", "open")}


def test_each_folder_lists_its_public_names() -> None:
    """Every package lists them, without repeats; ruff keeps what is written sorted."""
    wrong = []
    for path in files():
        # The domain is a folder of folders, each with names of its own.
        if path.name == "__init__.py" and named(path) != "domain/__init__.py":
            module = importlib.import_module(module_of(path))
            if not module.__all__ or len(set(module.__all__)) < len(module.__all__):
                wrong.append(module.__name__)
    assert wrong == []


SAY_THEMSELVES: Final = {"errors.py", *(f"domain/facts/{name}.py" for name in FAMILIES)}
"""Files whose public names are many, and are public everywhere: said once, in the file."""


def test_what_is_listed_exists() -> None:
    """Every name in any ``__all__`` is there."""
    modules = [importlib.import_module(module_of(path)) for path in files()]
    listed = [(module, name) for module in modules for name in getattr(module, "__all__", ())]
    assert len(listed) > len(modules)
    saying = {
        module_of(path) for path in files() if path.name == "__init__.py" or named(path) in SAY_THEMSELVES
    }
    assert {module.__name__ for module, _ in listed} <= saying, "say what is public once"
    assert [f"{m.__name__}.{name}" for m, name in listed if not hasattr(m, name)] == []


def test_every_error_is_in_the_tree() -> None:
    """The tree in the docstring of errors names every class of the module, and no other."""
    document = errors.__doc__ or ""
    drawn = set(re.findall(r"^    [│├└─ ]*([A-Z]\w+)", document, re.MULTILINE))
    classes = {
        name: cls
        for name, cls in vars(errors).items()
        if inspect.isclass(cls) and issubclass(cls, Exception) and cls.__module__ == errors.__name__
    }
    assert drawn == set(classes)
    assert drawn <= set(reps_ledger.__all__)


def test_the_tree_is_drawn_as_it_is() -> None:
    """In the drawn tree, each error stands under its own base class."""
    parents: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^( {4}[│├└─ ]*)([A-Z]\w+)", line)
        if found is None:
            continue
        depth, name = len(found[1]), found[2]
        while parents and parents[-1][0] >= depth:
            parents.pop()
        base = getattr(errors, name).__bases__[0].__name__
        assert base == (parents[-1][1] if parents else "Exception")
        parents.append((depth, name))


def test_no_file_is_long() -> None:
    """No file of the package has more than 800 lines: past that it holds a second idea."""
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_fact_has_a_rule() -> None:
    """Each built-in fact has exactly one built-in rule, and each rule judges a built-in fact."""
    facts = [kind_of(cls).name for cls in BUILT_IN]
    assert sorted(facts) == sorted(rule.name for rule in BUILT_IN_RULES)


def test_every_built_in_fact_is_public() -> None:
    """Each built-in fact can be had from the package itself."""
    assert {cls.__name__ for cls in BUILT_IN} <= set(reps_ledger.__all__)


def test_everything_public_is_described() -> None:
    """Every module, and every public class, function and method, says what it is for."""
    bare = []
    for path in files():
        tree = parsed(path)
        if not ast.get_docstring(tree):
            bare.append(named(path))
        module = importlib.import_module(module_of(path))
        bare += [f"{named(path)}:{node.lineno}" for node in _public(tree, module)]
    assert bare == []


def _public(tree: ast.AST, owner: object) -> Iterator[Any]:
    """Public definitions without a docstring, their own or of what they override."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_") or any(
                isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list
            ):
                continue
            value = getattr(owner, node.name, None)
            if not (ast.get_docstring(node) or inspect.getdoc(value)):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node, value)


REASON: Final = re.compile(r"  # noqa: [A-Z0-9, ]+ — \S.*|  # type: ignore\[[a-z-, ]+\]  # \S.*")


def test_every_check_is_waived_for_a_reason() -> None:
    """Each ``noqa`` and ``type: ignore`` names what it waives, and says why."""
    places = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("src", "tests", "benchmarks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"#\s*(noqa|type:\s*ignore)", line) and not REASON.search(line)
    ]
    assert places == []


MOST_ANY: Final = 200
"""Lines of code that may say ``Any``: where no type can be said."""


def test_types_are_said() -> None:
    """Few lines give up on a type: values of JSON, hooks of libraries, facts of any kind."""
    found = {
        named(path): sum(
            re.search(r"\bAny\b", line) is not None and "import" not in line
            for line in path.read_text(encoding="utf-8").splitlines()
        )
        for path in files()
    }
    assert sum(found.values()) < MOST_ANY, sorted(found.items(), key=lambda each: -each[1])[:30]


def project() -> dict[str, Any]:
    """What pyproject.toml says of the project."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = document["project"]
    return found


def distributions(requirements: list[str]) -> set[str]:
    """The names in a list of requirements."""
    return {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements}


def foreign() -> dict[str, set[str]]:
    """Top-level modules that are neither ours nor Python's, with the layers that import them."""
    found: dict[str, set[str]] = {}
    for path in files():
        for name in imported(path):
            top = name.split(".")[0]
            if top != "reps_ledger" and top not in sys.stdlib_module_names:
                found.setdefault(top, set()).add(layer(module_of(path)) or "")
    return found


def test_extras_are_those_that_the_code_needs() -> None:
    """Each extra brings what the code imports under it, and none is there without need."""
    optional: dict[str, list[str]] = project()["optional-dependencies"]
    used = set(foreign())
    needed = {extra for extra, modules in EXTRAS.items() if modules & used}
    assert set(optional) - {"all", "bench", "dev"} == needed
    for extra in needed:
        wanted = {OF_DISTRIBUTION.get(module, module) for module in EXTRAS[extra] & used}
        assert wanted <= distributions(optional[extra])
    everything = re.search(r"\[(.*)\]", optional["all"][0])
    assert everything is not None
    assert set(everything[1].split(",")) == needed
    missing = {
        match
        for path in files()
        for match in re.findall(r"MissingExtra\(\s*\"(\w+)\"", path.read_text(encoding="utf-8"))
    }
    assert missing <= needed


def test_core_imports_are_dependencies() -> None:
    """What the code imports without an extra is a dependency that the project names."""
    of_extras = set().union(*EXTRAS.values())
    core = {name.replace("_", "-") for name in foreign() if name not in of_extras}
    assert core == distributions(project()["dependencies"])


def test_optional_parts_are_imported_late() -> None:
    """Importing reps_ledger imports nothing that an extra brings.

    Layers and files that cannot be without their extra import it at once, and so are imported late.
    """
    late = set().union(*EXTRAS.values()) | {f"reps_ledger.{name}" for name in NEED_THEIR_EXTRA}
    late |= {module_of(SOURCE / name) for name in FILES_NEED_EXTRA}
    early = {
        (named(path), name)
        for path in files()
        for node in parsed(path).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        + [alias.name for alias in node.names]
        if {name, name.split(".")[0], ".".join(name.split(".")[:2])}
        & (
            late
            - NEED_THEIR_EXTRA.get(layer(module_of(path)) or "", set())
            - FILES_NEED_EXTRA.get(named(path), set())
        )
    }
    assert early == set()
