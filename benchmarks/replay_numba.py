"""A numba kernel for the one policy of `replay_histories`, with dates as bits too.

It reads only the columns that this policy needs, checks nothing, and knows that dates are
midnights in UTC at which nothing happens, so that days tell which windows a fact lies in.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from numba import njit
from replay_histories import EPOCH, FIRST, MICRO, VALUES, YEARS

from reps_ledger.domain.time import Period

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

DAY = 86_400_000_000
START = int((FIRST - EPOCH) / MICRO) // DAY - 1
"""The day before the first."""
DAYS = YEARS * 366 + 3 * 366
"""From `START` on; windows of months at midnight begin at midnight."""
MONTHS = YEARS * 12 + 40

WIDTHS = ("4 weeks", "8 weeks", "6 months", "9 months", "1 year", "18 months", "ever")
WEEKS4, WEEKS8, MONTHS6, MONTHS9, YEAR, MONTHS18, EVER = range(len(WIDTHS))


def tables(at: Sequence[datetime]) -> Any:
    """Return, for each day and width, on which dates a fact of that day lies in the window."""
    days = np.arange(START, START + DAYS)
    found = np.zeros((len(WIDTHS), DAYS), np.uint64)
    for bit, date in enumerate(at):
        end = int((date - EPOCH) / MICRO) // DAY
        fixed = {WEEKS4: 28, WEEKS8: 56}
        calendar = {MONTHS6: 6, MONTHS9: 9, YEAR: 12, MONTHS18: 18}
        for width in range(len(WIDTHS)):
            if width in fixed:
                begin = end - fixed[width]
            elif width in calendar:
                reach = Period(calendar[width]).before(date, UTC)
                begin = int((reach - EPOCH) / MICRO) // DAY
            else:
                begin = START - 1
            found[width][(days >= begin) & (days < end)] |= np.uint64(1 << bit)
    return found


def months_of_days() -> Any:
    """Return the calendar month of each day."""
    return np.arange(START, START + DAYS).astype("datetime64[D]").astype("datetime64[M]").astype(int)


@njit(cache=True)
def _bounds(member, members):
    found = np.zeros(members + 1, np.int64)
    for row in range(len(member)):
        found[member[row] + 1] += 1
    for number in range(members):
        found[number + 1] += found[number]
    return found


@njit(cache=True)
def _or_spans(found, member, at, end, after):
    """Set the dates of spans [start, end)."""
    for row in range(len(member)):
        first = after[at[row] // DAY - START]
        if end[row] >= 0:
            first &= ~after[end[row] // DAY - START]
        found[member[row]] |= first


@njit(cache=True)
def _at_least(reached, mask, k):
    for count in range(k - 1, 0, -1):
        reached[count] |= reached[count - 1] & mask
    reached[0] |= mask


@njit(cache=True)
def _vouched(found, member, at, end, after):
    """Set the dates on which three spans hold; they are sorted by member."""
    reached = np.zeros(3, np.uint64)
    for row in range(len(member)):
        if row and member[row] != member[row - 1]:
            reached[:] = 0
        mask = after[at[row] // DAY - START]
        if end[row] >= 0:
            mask &= ~after[end[row] // DAY - START]
        _at_least(reached, mask, 3)
        found[member[row]] |= reached[2]


@njit(cache=True)
def _decide(
    bounds,
    at,
    activity,
    event,
    begun,
    leave,
    rep,
    mentor,
    vouched,
    gave,
    course,
    inside,
    month,
    after,
    new,
    counts,
):
    zero = np.uint64(0)
    members = len(begun)
    nothing = np.zeros(4, np.uint64)
    months = np.zeros(4, np.uint64)
    for who in range(members):
        low, high = bounds[who], bounds[who + 1]
        w4 = two8 = y90 = m30 = events = event2 = ever = recent = zero
        before8 = zero
        months[:] = nothing
        this = zero
        last = -1
        for row in range(low, high):
            day = at[row] // DAY - START
            w4 |= inside[day, 0]
            eight = inside[day, 1]
            two8 |= eight & before8
            before8 = eight
            year = inside[day, 4]
            if row - low >= 89:
                y90 |= year & inside[at[row - 89] // DAY - START, 4]
            if row - low >= 29:
                m30 |= inside[day, 3] & inside[at[row - 29] // DAY - START, 3]
            if activity[row] == event:
                event2 |= events & year
                events = year
            recent |= inside[day, 5]
            ever |= inside[day, 6]
            number = month[day]
            if number != last:
                if last >= 0:
                    _at_least(months, this, 4)
                this = zero
                last = number
            this |= inside[day, 2]
        if last >= 0:
            _at_least(months, this, 4)
        born = begun[who] // DAY - START
        joined = after[born]
        left = joined
        a, b, c = months[3], vouched[who], course[who]
        active = leave[who] | new[born] | (rep[who] & w4) | (a & b) | (a & c) | (b & c)
        active &= left
        left &= ~active
        nudge = left & (mentor[who] | (two8 & ~y90) | event2)
        left &= ~nudge
        alumni = left & ~recent
        left &= ~alumni
        again = left & gave[who] & m30
        nudge |= again
        left &= ~again
        for bit in range(counts.shape[1]):
            one = np.uint64(bit)
            counts[0, bit] += (active >> one) & np.uint64(1)
            counts[1, bit] += (nudge >> one) & np.uint64(1)
            counts[2, bit] += (left >> one) & np.uint64(1)
            counts[3, bit] += (alumni >> one) & np.uint64(1)


def paths(folder: Path) -> dict[str, Path]:
    """Return the files of arrays, by stored name."""
    return {
        ".".join(path.name.split(".")[:2]): path
        for path in folder.glob("*.parquet")
        if ".values." not in path.name and not path.name.startswith("people")
    }


def _read(path: Path, *names: str) -> list[Any]:
    table = pq.read_table(path, columns=list(names))
    return [table[name].to_numpy() for name in names]


def _ends(kinds: dict[str, Any], begin: str, others: tuple[str, ...], key: str | None) -> Any:
    """Return when each row's span ends, -1 for never: at the next row of its member and key."""
    parts = [kinds[begin], *(kinds[other] for other in others)]
    member = np.concatenate([part["member"] for part in parts])
    at = np.concatenate([part["at"] for part in parts])
    order = np.concatenate([part["order"] for part in parts])
    group = member.astype(np.int64) << 24
    if key is not None:
        group = (member.astype(np.int64) << 24) + np.concatenate([part[key] for part in parts])
    place = np.lexsort((order, at, group))
    found = np.full(len(at), -1, np.int64)
    same = group[place][1:] == group[place][:-1]
    found[place[:-1][same]] = at[place][1:][same]
    return found[: len(parts[0]["at"])]


def _retiring(part: Any, ends: Any, retired: Any) -> Any:
    """End spans at their member's next retirement; nobody retires twice here."""
    when = dict(zip(retired["member"].tolist(), retired["at"].tolist(), strict=True))
    known = np.isin(part["member"], retired["member"])
    for row in np.flatnonzero(known).tolist():
        at = when[int(part["member"][row])]
        if at >= part["at"][row] and (ends[row] < 0 or at < ends[row]):
            ends[row] = at
    return ends


def histogram(folder: Path, at: Sequence[datetime], members: int) -> list[list[int]]:
    """Return how many members have each outcome, at each date."""
    files = paths(folder)
    wanted = {
        "role.assigned": ("code:role",),
        "role.ended": ("code:role",),
        "leave.started": (),
        "leave.ended": (),
        "member.retired": (),
        "vouch.given": ("person:voucher",),
        "vouch.withdrawn": ("person:voucher",),
        "course.completed": ("code:course",),
    }
    kinds = {}
    for name, more in wanted.items():
        columns = ("person:member", "at", "order", *more)
        read = _read(files[name], *columns)
        kinds[name] = {
            column.rsplit(":", maxsplit=1)[-1]: found for column, found in zip(columns, read, strict=True)
        }
    member, when, activity = _read(files["report.filed"], "person:member", "at", "code:activity")
    who, joined = _read(files["member.joined"], "person:member", "at")
    begun = np.empty(members, np.int64)
    begun[who] = joined
    bounds = _bounds(member, members)
    retired = kinds["member.retired"]
    role, leave, vouch = kinds["role.assigned"], kinds["leave.started"], kinds["vouch.given"]
    role_end = _retiring(role, _ends(kinds, "role.assigned", ("role.ended",), "role"), retired)
    leave_end = _retiring(leave, _ends(kinds, "leave.started", ("leave.ended",), None), retired)
    vouch_end = _ends(kinds, "vouch.given", ("vouch.withdrawn",), "voucher")
    course = kinds["course.completed"]
    onboarded = course["course"] == VALUES["course"].index("onboarding")
    month = months_of_days()
    parts = []
    for low in range(0, len(at), 64):
        block = at[low : low + 64]
        inside = tables(block)
        after = inside[EVER]
        words = [np.zeros(members, np.uint64) for _ in range(6)]
        away, rep, mentor, vouched, gave, learned = words
        _or_spans(away, leave["member"], leave["at"], leave_end, after)
        for name, into in (("rep", rep), ("mentor", mentor)):
            kept = role["role"] == VALUES["role"].index(name)
            _or_spans(into, role["member"][kept], role["at"][kept], role_end[kept], after)
        _vouched(vouched, vouch["member"], vouch["at"], vouch_end, after)
        _or_spans(gave, vouch["voucher"], vouch["at"], vouch_end, after)
        none = np.full(int(onboarded.sum()), -1, np.int64)
        _or_spans(learned, course["member"][onboarded], course["at"][onboarded], none, after)
        counts = np.zeros((4, len(block)), np.int64)
        _decide(
            bounds, when, activity, VALUES["activity"].index("event"), begun, *words,
            np.ascontiguousarray(inside.T), month, after, inside[WEEKS4], counts,
        )  # fmt: skip
        parts.append(counts)
    found: list[list[int]] = np.concatenate(parts, axis=1).tolist()
    return found
