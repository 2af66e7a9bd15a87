"""Heavy-tailed histories for replay, made with NumPy and kept as a ledger's columns are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.policies import (
    Policy,
    at_least,
    completed,
    distinct,
    holds,
    months,
    on_leave,
    reports,
    tenure,
    time_since,
    vouches,
    weeks,
    when,
    years,
)
from reps_ledger.replay.columns.model import MISSING, Coded, Columns, Table, schema_of
from reps_ledger.replay.columns.store import _save, load_or_build

if TYPE_CHECKING:
    from pathlib import Path

POLICY = Policy(
    "bench",
    cases=[
        when(on_leave()).then("active", "on leave"),
        when(tenure() < weeks(4)).then("active", "new"),
        when(holds("rep") & (reports(within=weeks(4)) >= 1)).then("active"),
        when(
            at_least(
                2,
                distinct("month", "report.filed", within=months(6)) >= 4,
                vouches() >= 3,
                completed("onboarding"),
            )
        ).then("active"),
        when(
            holds("mentor")
            | ((reports(within=weeks(8)) >= 2) & ~(reports(within=years(1)) >= 90))
            | (reports(within=years(1), activity="event") >= 2)
        ).then("nudge"),
        when(time_since("report.filed") > months(18)).then("alumni"),
        when((vouches(given=True) >= 1) & (reports(within=months(9)) >= 30)).then("nudge"),
    ],
    otherwise="inactive",
    scale=["active", "nudge", "inactive", "alumni"],
)
"""Fourteen conditions, on windows of six widths, three selections of reports, roles and vouches."""

FIRST = datetime(2010, 1, 1, tzinfo=UTC)
YEARS = 10
_SECONDS = YEARS * 365 * 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)

REGISTRY = Registry(BUILT_IN)
VALUES: dict[str, tuple[str, ...]] = {
    "activity": ("code", "event", "social", "talk", "translation"),
    "role": ("mentor", "rep"),
    "course": ("advanced", "onboarding"),
    "community": tuple(f"c{n:03}" for n in range(200)),
    "how": ("resigned",),
    "by": ("bench",),
    "source": ("import",),
}
"""Of each field, its values; fields that are not here are None, or false."""


def dates(number: int) -> list[datetime]:
    """Return so many dates, at midnight, from the first year to the end.

    None is after the 28th, which makes days enough for the contenders written by hand.
    """
    found = [FIRST + timedelta(days=YEARS * 365 * (k + 1) // number) for k in range(number)]
    return [date.replace(day=min(date.day, 28)) for date in found]


def names_of(members: int) -> tuple[str, ...]:
    """Return so many identifiers, sorted."""
    return tuple([f"m{number:08}" for number in range(members)])


def make(people: tuple[str, ...], seed: int = 20_240_601) -> Columns:
    """Make histories of ten facts a member on average, about 85 % of them reports.

    How many reports a member filed is heavy-tailed: log-normal, so that a few filed thousands.
    """
    rng = np.random.default_rng(seed)
    members = len(people)
    joined = (rng.beta(1.0, 1.5, members) * _SECONDS).astype(np.int64)
    weight = rng.lognormal(0.0, 1.6, members)
    filed = rng.poisson(8.5 * weight / np.exp(1.6**2 / 2)).clip(max=20_000)

    def after(who: Any) -> Any:
        """Return when facts of members happened: the sooner after joining, the likelier."""
        span = _SECONDS - joined[who]
        return joined[who] + 1 + (rng.beta(0.7, 1.6, len(who)) * (span - 1)).astype(np.int64)

    everyone = np.arange(members)
    reporting = np.repeat(everyone, filed)
    busy = np.flatnonzero(rng.random(members) < 0.17)
    taught = np.flatnonzero(rng.random(members) < 0.08)
    away = np.flatnonzero(rng.random(members) < 0.05)
    left = np.flatnonzero(rng.random(members) < 0.01)
    vouched = rng.choice(members, members // 12, p=weight / weight.sum())
    began, role = after(busy), rng.integers(0, 2, len(busy))
    ended = np.flatnonzero(rng.random(len(busy)) < 0.4)
    gone, back = after(away), np.flatnonzero(rng.random(len(away)) < 0.6)
    vouch, voucher = after(vouched), rng.integers(0, members, len(vouched))
    withdrawn = np.flatnonzero(rng.random(len(vouched)) < 0.1)
    later = 90 * 86_400
    raw: dict[str, dict[str, Any]] = {
        "member.joined": {"member": everyone, "at": joined},
        "report.filed": {
            "member": reporting,
            "at": after(reporting),
            "activity": rng.integers(0, 5, len(reporting)),
            "community": rng.integers(0, 200, len(reporting)),
        },
        "role.assigned": {"member": busy, "at": began, "role": role},
        "role.ended": {"member": busy[ended], "at": began[ended] + 5 * later, "role": role[ended]},
        "leave.started": {"member": away, "at": gone},
        "leave.ended": {"member": away[back], "at": gone[back] + later},
        "member.retired": {"member": left, "at": after(left)},
        "vouch.given": {"member": vouched, "at": vouch, "voucher": voucher},
        "vouch.withdrawn": {
            "member": vouched[withdrawn],
            "at": vouch[withdrawn] + later,
            "voucher": voucher[withdrawn],
        },
        "course.completed": {
            "member": taught,
            "at": after(taught),
            "course": rng.integers(0, 2, len(taught)),
        },
    }
    for found in raw.values():  # nothing happens at midnight: days tell all windows
        found["at"] = found["at"] + (found["at"] % 86_400 == 0)
    offset = int((FIRST - EPOCH) / MICRO)
    ats = np.concatenate([found["at"] for found in raw.values()])
    order = np.empty(len(ats), np.int64)
    order[np.argsort(ats, kind="stable")] = np.arange(1, len(ats) + 1)
    tables, begin = {}, 0
    for name, found in raw.items():
        end = begin + len(found["at"])
        tables[name] = _table(name, found, order[begin:end], offset)
        begin = end
    return Columns(len(ats), people, tables, REGISTRY)


def _table(name: str, found: dict[str, Any], order: Any, offset: int) -> Table:
    described = REGISTRY.named(name)
    assert described is not None
    schema = schema_of(described)
    place = np.lexsort((order, found["at"], found["member"]))
    none = np.full(len(place), -1, np.int32)
    fields = {}
    for field in schema.coded:
        if field in found:
            fields[field] = Coded(VALUES[field], found[field][place].astype(np.int32))
        elif schema.shapes[field] == "bool":
            fields[field] = Coded((False,), np.zeros(len(place), np.int32))
        elif field in {"by", "how", "source"}:
            fields[field] = Coded(VALUES[field], np.zeros(len(place), np.int32))
        else:
            fields[field] = Coded((), none)
    missing = np.full(len(place), MISSING, np.int64)
    return Table(
        name=name,
        times={
            "at": found["at"][place] * 1_000_000 + offset,
            "order": order[place],
            **({"verified": missing} if "verified" in schema.times else {}),
        },
        persons={
            field: found[field][place].astype(np.int32) if field in found else none
            for field in schema.persons
        },
        fields=fields,
        keyed=dict.fromkeys(schema.keyed, Coded((), none)),
        numbers={},
        instants=dict.fromkeys(schema.instants, missing),
    )


def _reading(facts: int) -> Any:
    """Return what `load_or_build` asks of a reading, of a log that is not there."""
    codec = SimpleNamespace(registry=REGISTRY)
    log = SimpleNamespace(codec=codec, read=lambda **_: iter(()))
    return SimpleNamespace(log=log, known_at=facts)


def save(folder: Path, members: int) -> int:
    """Make histories and keep them; return how many facts there are."""
    columns = make(names_of(members))
    _save(folder, columns, _reading(columns.position), None)
    return columns.position


def load(folder: Path, facts: int) -> Columns:
    """Load what was kept, as a ledger does."""
    return load_or_build(_reading(facts), folder)
