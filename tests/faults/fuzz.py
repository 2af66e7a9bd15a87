"""Mutated input: ``python -m faults.fuzz EXAMPLES WHAT…``.

Sound input of one kind is cut, repeated, turned and filled with what breaks readers, and read
again, in a process with little memory and time. An error that is not one of ours ends it with the
smallest input that Hypothesis finds. Prints how often what came of it, by kind, as JSON.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reps_ledger as rl
from histories import REGISTRY
from reps_ledger.audit import make_key, read_checkpoint, verify_bundle
from reps_ledger.domain.entries import Entry
from reps_ledger.log import Codec
from reps_ledger.policies import digest, dumps, loads
from reps_ledger.policies.catalogue import CATALOGUE
from reps_ledger.policies.charter import dump_charter, load_charter, read_charter
from reps_ledger.testing.strategies.facts import FIRST
from strategies import facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn, SearchStrategy

MEMORY: Final = 2 << 30
"""Bytes of address space that a run may have, all libraries included."""

TIME: Final = 1_200
"""Seconds of processor time that a run may take."""

TOKENS: Final = (
    *(b"{", b"}", b"[", b"]", b'"', b"'", b",", b":", b"=", b"\n", b"\r", b"\\", b"#", b"$"),
    *(b"\0", b"\xff", b"\xed\xa0\x80", "\u202e".encode(), b"\\ud800", b"\\u0000", b"\xef\xbb\xbf"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"9" * 400, b"0x", b"1_000"),
    *(b"[" * 3_000, b'{"a":' * 3_000, b"(" * 3_000, b"not = { " * 200, b"a" * 70_000),
    *(b"9999-12-31", b"0001-01-01", b"2018-02-30", b"2018-01-01T00:00:00", b"P1Y", b"1 months"),
    *(b"__class__", b"../../x", b"=cmd()", b"entry.corrected", b"member", b"replacement", b"any"),
)
"""What breaks readers."""


@st.composite
def mutated(draw: DrawFn, seeds: SearchStrategy[bytes]) -> bytes:
    """Make sound input unsound in a few places."""
    data = draw(seeds)
    for _ in range(draw(st.integers(0, 4))):
        low = draw(st.integers(0, len(data)))
        high = min(len(data), low + draw(st.integers(0, 12)))
        match draw(st.sampled_from(["cut", "end", "insert", "repeat", "turn", "swap"])):
            case "cut":
                data = data[:low] + data[high:]
            case "end":
                data = data[:low]
            case "insert":
                data = data[:low] + draw(st.sampled_from(TOKENS)) + data[high:]
            case "repeat":
                data = data[:high] + data[low:high] * draw(st.integers(1, 40)) + data[high:]
            case "turn":
                data = data[:low] + bytes(byte ^ 1 << (low % 8) for byte in data[low:high]) + data[high:]
            case _:
                data = data[high:] + data[:low]
    return data


def entry_of(fact: rl.Fact) -> Entry:
    """An entry of a fact."""
    return Entry(id="e", recorded_at=FIRST, occurred_at=FIRST, by="x", position=1, origin=1, fact=fact)


CODEC: Final = Codec(REGISTRY, [rl.Upcaster("mentoring.held", n, dict) for n in (1, 2)])


def of_codec() -> tuple[SearchStrategy[Any], Callable[[Any], str]]:
    """Stored bytes, under their own name or another."""
    sound = facts().map(entry_of)
    names = st.sampled_from([described.kind.name for described in REGISTRY])
    stored = sound.flatmap(
        lambda entry: st.tuples(st.just(entry.name) | names, mutated(st.just(CODEC.encode(entry))))
    )

    def read(given_: tuple[str, bytes]) -> str:
        name, data = given_
        entry = CODEC.decode(name, data, 1)
        assert CODEC.decode(name, CODEC.encode(entry), 1) == entry
        return "read"

    return stored, read


def history() -> rl.Ledger:
    """A ledger with a little of most things in it."""
    ledger = rl.open()
    ledger.record_all(
        [
            rl.MemberJoined(member="ana"),
            rl.MemberJoined(member="ben"),
            rl.Vouched(member="ana", voucher="ben", reason='met, at "a" fair'),
            rl.ReportFiled(member="ana", activity="talk", areas=("web", "l10n"), amount=2.5),
            rl.CourseCompleted(member="ana", course="basics", version="2"),
            rl.LeaveStarted(member="ben"),
        ],
        by="council",
    )
    target = ledger.record(rl.RoleAssigned(member="ana", role="mentor"), by="council")
    correct = rl.RoleAssigned(member="ana", role="coach")
    ledger.record(rl.EntryCorrected(target=target.id, replacement=correct, reason="r"), by="x")
    return ledger


def of_importers() -> tuple[SearchStrategy[Any], Callable[[Any], str]]:
    """Files of JSON lines and CSV, plain and gzipped."""
    place = Path(tempfile.mkdtemp())
    suffixes = (".jsonl", ".csv", ".jsonl.gz", ".csv.gz")
    seeds = {}
    with history() as ledger:
        for suffix in suffixes:
            ledger.export(place / f"sound{suffix}")
            seeds[suffix] = (place / f"sound{suffix}").read_bytes()
    inside = {
        suffix: mutated(st.just(gzip.decompress(data))).map(gzip.compress)
        for suffix, data in seeds.items()
        if suffix.endswith(".gz")
    }
    files = st.sampled_from(suffixes).flatmap(
        lambda suffix: st.tuples(
            st.just(suffix), mutated(st.just(seeds[suffix])) | inside.get(suffix, st.nothing())
        )
    )

    def read(given_: tuple[str, bytes]) -> str:
        suffix, data = given_
        path = place / f"mutated{suffix}"
        path.write_bytes(data)
        with rl.open() as ledger:
            report = ledger.import_history(path)
            told = report.recorded + report.known + len(report.refused)
            assert told >= report.rows, report
            return "some refused" if len(report.refused) else "read"

    return files, read


def of_policies() -> tuple[SearchStrategy[Any], Callable[[Any], str]]:
    """Documents of policies, as TOML and as JSON."""
    rules = [policy for listed in CATALOGUE for policy in listed.policies]
    forms = st.sampled_from(["toml", "json"])
    seeds = st.builds(dumps, st.sampled_from(rules), forms).map(str.encode)

    def read(data: bytes) -> str:
        policy = loads(data.decode("utf-8", "surrogateescape"))
        assert policy.words()
        for form in ("toml", "json"):
            assert loads(dumps(policy, form)) == policy
        assert digest(loads(dumps(policy))) == digest(policy)
        return "read"

    return mutated(seeds), read


def of_charters() -> tuple[SearchStrategy[Any], Callable[[Any], str]]:
    """Documents of charters."""
    shipped = Path(__file__).resolve().parents[2] / "examples" / "charters" / "reps-2018.toml"
    sound = load_charter(shipped)
    seeds = st.sampled_from([shipped.read_bytes(), dump_charter(sound).encode()])

    def read(data: bytes) -> str:
        charter = read_charter(data.decode("utf-8", "surrogateescape"))
        assert read_charter(dump_charter(charter)) == charter
        return "read"

    return mutated(seeds), read


def of_checkpoints() -> tuple[SearchStrategy[Any], Callable[[Any], str]]:
    """Signed notes: whatever is believed says what was signed, and nothing else."""
    key = make_key("reps.example/ledger")
    with history() as ledger:
        sound = ledger.checkpoint(key)

    def read(data: bytes) -> str:
        found = read_checkpoint(data.decode("utf-8", "surrogateescape"))
        found.verify(key.verifying)
        assert (found.origin, found.size, found.root) == (sound.origin, sound.size, sound.root)
        return "read"

    return mutated(st.just(sound.note.encode())), read


def of_bundles() -> tuple[SearchStrategy[Any], Callable[[Any], str]]:
    """Bundles of entries with proofs: whatever is believed was recorded."""
    key = make_key("reps.example/ledger")
    with history() as ledger:
        bundle = ledger.audit_bundle(member="ana", key=key)
    sound = verify_bundle(bundle, key.verifying)

    def read(data: bytes) -> str:
        found = verify_bundle(data, key.verifying)
        assert {e.data for e in found.entries} <= {e.data for e in sound.entries}
        return "read"

    return mutated(st.just(bundle)), read


KINDS: Final[dict[str, Callable[[], tuple[SearchStrategy[Any], Callable[[Any], str]]]]] = {
    "bundles": of_bundles,
    "charters": of_charters,
    "checkpoints": of_checkpoints,
    "codec": of_codec,
    "importers": of_importers,
    "policies": of_policies,
}


def main(examples: str, *whats: str) -> None:
    """Read mutated input of some kinds, and tell what came of it, by kind."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (TIME * len(whats), TIME * len(whats)))
    found = {what: searched(what, int(examples)) for what in whats}
    sys.stdout.write(json.dumps(found) + "\n")


def searched(what: str, examples: int) -> Counter[str]:
    """Read mutated input of one kind; count what came of it."""
    strategy, read = KINDS[what]()
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def search(given_: Any) -> None:
        try:
            outcomes[read(given_)] += 1
        except rl.LedgerError as error:
            outcomes[type(error).__name__] += 1

    search()
    return outcomes


if __name__ == "__main__":
    main(*sys.argv[1:])
