"""Convert the Debian histories to the exchange format: ``convert.py SOURCE_DIR TARGET_DIR``.

Reads ``debian-membership``, ``debian-vouches`` and ``debian-snapshots`` (``.ndjson.gz``) from
the first folder, writes ``debian-membership``, ``debian-vouches`` and ``debian-rosters``
(``.jsonl.gz``) to the second, and prints what it did. What is mapped to what, and why, is told
in the README beside this file. The same sources give the same lines, always.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = dict[str, Any]

SOURCE: Final = "debian-keyring"
AREAS: Final = {"sig": "signatures", "uid": "user-ids", "sub": "subkeys"}
"""What a key update brought, as the source counts it, and the words that are shipped."""

ENDED_BY_REASON: Final = {
    "inactive (WAT)": "inactive",
    "inactive (WAT), key unusable": "inactive",
    "lost or compromised key": "removed",
    "removed": "removed",
    "requested by account managers": "removed",
    "retired DM": "resigned",
    "revoked": "removed",
    "suspended": "removed",
    "unspecified": "removed",
    "weak key": "removed",
    "weak key (1024 bit)": "removed",
}
"""How a role ended; a reason that is not listed stops the conversion."""


def main(source: Path, target: Path) -> None:
    """Convert every file from one folder into another."""
    events = list(read(source / "debian-membership.ndjson.gz"))
    tally: Counter[str] = Counter()
    joined = {event["person"]: event["date"] for event in events if event["kind"] == "joined"}
    certifications = read(source / "debian-vouches.ndjson.gz")
    rosters = read(source / "debian-snapshots.ndjson.gz")
    for name, rows in (
        ("debian-membership", membership(events, tally)),
        ("debian-vouches", vouches(certifications, joined, tally)),
        ("debian-rosters", map(asserted, rosters)),
    ):
        print(f"{name}: {write(target / f'{name}.jsonl.gz', rows)} rows")
    for what, count in sorted(tally.items()):
        print(f"{what}: {count}")


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a compressed file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def write(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as compressed JSON lines, with no trace of when or where; return how many."""
    count = 0
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
    ):
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            packed.write(f"{line}\n".encode())
            count += 1
    return count


def row_of(fact: str, day: str, detail: Row, **fields: Any) -> Row:
    """Return a row of the exchange format; the keyring's keepers are named where known."""
    by = detail.get("by", SOURCE)
    return {"fact": fact, "occurred_at": day, "by": by, **fields, "source": SOURCE}


def membership(events: Iterable[Row], tally: Counter[str]) -> Iterator[Row]:
    """Yield the rows for joinings, roles, departures and key updates, in the source's order."""
    retired: dict[str, str] = {}  # who is, and since when
    for day, group in groupby(events, key=lambda event: str(event["date"])):
        same_day = list(group)
        happened = {(event["person"], event["kind"]) for event in same_day}
        for event in same_day:
            person, detail = event["person"], event.get("detail", {})
            match event["kind"]:
                case "joined":
                    yield joining(event, detail)
                case "role_assigned":
                    if detail.get("returned") and retired.pop(person, None):
                        tally["member.returned added before a new role"] += 1
                        yield row_of("member.returned", day, detail, member=person)
                    retired.pop(person, None)
                    yield row_of("role.assigned", day, detail, **role(event))
                case "role_ended":
                    how = ending(event, happened)
                    yield row_of("role.ended", day, detail, **role(event), how=how)
                case "leave" | "emeritus":
                    how = "emeritus" if event["kind"] == "emeritus" else departure(detail)
                    if how == "removed" and retired.get(person) == day:
                        tally["second leave of one day dropped"] += 1
                        continue
                    retired[person] = day
                    yield row_of("member.retired", day, detail, member=person, how=how)
                case "key_changed" | "activity_report":
                    yield report(event, detail)
                case unknown:
                    raise ValueError(f"no mapping for {unknown!r}")


def joining(event: Row, detail: Row) -> Row:
    """Return the row for somebody who became a member."""
    fields = {"member": event["person"], "kind": "volunteer"}
    if "inferred" in detail:
        return row_of("member.joined", event["date"], detail, **fields, inferred=True)
    return row_of("member.joined", event["date"], detail, **fields)


def role(event: Row) -> Row:
    """Return the fields that say who, what and where."""
    return {"member": event["person"], "role": event["role"], "community": event["community"]}


def ending(event: Row, happened: set[tuple[str, str]]) -> str:
    """Say how a role ended: the stated reason first, else by what else happened that day."""
    person = event["person"]
    if (reason := event.get("detail", {}).get("reason")) is not None:
        return ENDED_BY_REASON[reason]
    if (person, "emeritus") in happened:
        return "emeritus"
    if (person, "role_assigned") in happened:
        return "expired"  # another role took its place: nobody gave it up or took it away
    raise ValueError(f"a role ended for no known reason: {event}")


def departure(detail: Row) -> str:
    """Say how somebody left; the source never says that anyone died."""
    return "resigned" if ENDED_BY_REASON[detail["reason"]] == "resigned" else "removed"


def report(event: Row, detail: Row) -> Row:
    """Return the row for a key that was changed or brought up to date."""
    activity = "key-change" if event["kind"] == "key_changed" else "key-update"
    fields = {"member": event["person"], "activity": activity, "community": event["community"]}
    counts = {area: detail[key] for key, area in AREAS.items() if detail.get(key)}
    if counts:
        fields |= {"areas": list(counts), "amount": sum(counts.values())}
    return row_of("report.filed", event["date"], detail, **fields)


def vouches(certifications: Iterable[Row], joined: dict[str, str], tally: Counter[str]) -> Iterator[Row]:
    """Yield the first certification of each pair, in force once both had joined."""
    standing: dict[tuple[str, str], Row] = {}
    for event in certifications:
        # Who is certified comes first in the source, who certified second: see the README.
        member, voucher, given = event["person"], event["other"], event["date"]
        if (member, voucher) in standing:
            tally["renewals of a vouch dropped"] += 1
            continue
        day = max(given, joined.get(member, given), joined.get(voucher, given))
        if day > given:
            tally["vouches dated at the later joining"] += 1
        standing[member, voucher] = row_of("vouch.given", day, {}, member=member, voucher=voucher)
    yield from sorted(standing.values(), key=lambda row: str(row["occurred_at"]))


def asserted(event: Row) -> Row:
    """Return the row for somebody on a roster."""
    return row_of("role.asserted", event["date"], {}, **role(event), held=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004 — the script and two folders
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
