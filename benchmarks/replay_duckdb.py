"""The one policy of `replay_histories` in SQL for DuckDB, over the same Parquet files.

The best formulation found: dates as bits. A small table maps each day to the bitset of dates
whose window it lies in; the bitset of the k-th report before comes from a streaming ``lag``
over rows as they are stored, in the order of members. Six months touch at most seven calendar
months, which their remainder by 8 tells apart. ``bit_or`` by member makes the bitsets of
members, and the rest is bitwise. Each 64 dates take a query of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from replay_histories import VALUES
from replay_numba import (
    DAY,
    DAYS,
    EVER,
    MONTHS6,
    MONTHS9,
    MONTHS18,
    START,
    WEEKS4,
    WEEKS8,
    YEAR,
    months_of_days,
    paths,
    tables,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

_COLUMNS = {
    "w4": WEEKS4, "w8": WEEKS8, "m6": MONTHS6, "m9": MONTHS9, "y1": YEAR, "m18": MONTHS18,
    "ever": EVER,
}  # fmt: skip

SQL = """
WITH reported AS (
  SELECT "person:member" AS member, "at" // {day} AS day, "code:activity" = {event} AS event
  FROM '{report.filed}'
), placed AS (
  SELECT member, event, w4, w8, m6, m9, y1, m18, month % 8 AS month
  FROM reported JOIN days USING (day)
), lagged AS (
  SELECT *,
    CASE WHEN lag(member, 1) OVER () = member THEN w8 & lag(w8, 1) OVER () END AS two,
    CASE WHEN lag(member, 89) OVER () = member THEN y1 & lag(y1, 89) OVER () END AS ninety,
    CASE WHEN lag(member, 29) OVER () = member THEN m9 & lag(m9, 29) OVER () END AS thirty
  FROM placed
), events AS (
  SELECT member, bit_or(CASE WHEN before = member THEN y1 & earlier END) AS events
  FROM (
    SELECT member, y1, lag(member, 1) OVER () AS before, lag(y1, 1) OVER () AS earlier
    FROM placed WHERE event
  ) GROUP BY member
), filed AS (
  SELECT member, bit_or(w4) AS w4, bit_or(two) AS two, bit_or(ninety) AS ninety,
    bit_or(thirty) AS thirty, bit_or(m18) AS m18, {months}
  FROM lagged GROUP BY member
), roles AS (
  SELECT "person:member" AS member, 'a' AS what, "code:role" AS role, "at", "order"
    FROM '{role.assigned}'
  UNION ALL SELECT "person:member", 'e', "code:role", "at", "order" FROM '{role.ended}'
), retired AS (
  SELECT "person:member" AS member, "at" AS gone FROM '{member.retired}'
), held AS (
  SELECT member, bit_or(mask) FILTER (role = {rep}) AS rep,
    bit_or(mask) FILTER (role = {mentor}) AS mentor
  FROM (
    SELECT member, role, {span} AS mask
    FROM (
      SELECT member, role, what, "at", lead("at") OVER (
        PARTITION BY member, role ORDER BY "at", "order") AS ended FROM roles
    ) s {retiring} WHERE what = 'a'
  ) GROUP BY member
), leaves AS (
  SELECT "person:member" AS member, 'a' AS what, "at", "order" FROM '{leave.started}'
  UNION ALL SELECT "person:member", 'e', "at", "order" FROM '{leave.ended}'
), away AS (
  SELECT member, bit_or(mask) AS away
  FROM (
    SELECT member, {span} AS mask
    FROM (
      SELECT member, what, "at", lead("at") OVER (
        PARTITION BY member ORDER BY "at", "order") AS ended FROM leaves
    ) s {retiring} WHERE what = 'a'
  ) GROUP BY member
), vouches AS (
  SELECT "person:member" AS member, "person:voucher" AS voucher, 'a' AS what, "at", "order"
    FROM '{vouch.given}'
  UNION ALL SELECT "person:member", "person:voucher", 'e', "at", "order"
    FROM '{vouch.withdrawn}'
), vouched AS MATERIALIZED (
  SELECT member, voucher, f.ever & ~coalesce(t.ever, 0::UBIGINT) AS mask
  FROM (
    SELECT member, voucher, what, "at", lead("at") OVER (
      PARTITION BY member, voucher ORDER BY "at", "order") AS ended FROM vouches
  ) s JOIN days f ON f.day = s."at" // {day} LEFT JOIN days t ON t.day = s.ended // {day}
  WHERE what = 'a'
), trusted AS (
  SELECT member, list_reduce(list_transform(range({bits}), lambda i: CASE WHEN list_sum(
    list_transform(masks, lambda m: (m >> i::UBIGINT) & 1::UBIGINT)) >= 3
    THEN 1::UBIGINT << i::UBIGINT ELSE 0::UBIGINT END), lambda a, b: a | b) AS trusted
  FROM (SELECT member, list(mask) AS masks FROM vouched GROUP BY member HAVING count(*) >= 3)
), gave AS (
  SELECT voucher AS member, bit_or(mask) AS gave FROM vouched GROUP BY voucher
), learned AS (
  SELECT "person:member" AS member, bit_or(ever) AS learned
  FROM '{course.completed}' JOIN days ON day = "at" // {day}
  WHERE "code:course" = {onboarding} GROUP BY ALL
), words AS (
  SELECT d.ever AS joined, d.w4 AS new, {filled}
  FROM '{member.joined}' j JOIN days d ON d.day = j."at" // {day}
    LEFT JOIN filed f ON f.member = j."person:member"
    LEFT JOIN events v ON v.member = j."person:member"
    LEFT JOIN held h ON h.member = j."person:member"
    LEFT JOIN away a ON a.member = j."person:member"
    LEFT JOIN trusted t ON t.member = j."person:member"
    LEFT JOIN gave g ON g.member = j."person:member"
    LEFT JOIN learned l ON l.member = j."person:member"
), monthly AS (
  SELECT *, {four} AS four FROM words
), first AS (
  SELECT *, joined & (away | new | (rep & w4) | (four & trusted) | (four & learned)
    | (trusted & learned)) AS active FROM monthly
), second AS (
  SELECT *, joined & ~active & (mentor | (two & ~ninety) | events) AS nudge FROM first
), third AS (
  SELECT *, joined & ~active & ~nudge & ~m18 AS alumni FROM second
), fourth AS (
  SELECT *, joined & ~active & ~nudge & ~alumni & gave & thirty AS again FROM third
), decided AS (
  SELECT active, nudge | again AS nudge, joined & ~active & ~nudge & ~alumni & ~again AS inactive,
    alumni FROM fourth
)
SELECT {counts} FROM decided
"""

_WORDS = {
    "f": ("w4", "two", "ninety", "thirty", "m18", *(f"k{k}" for k in range(8))),
    "v": ("events",),
    "h": ("rep", "mentor"),
    "a": ("away",),
    "t": ("trusted",),
    "g": ("gave",),
    "l": ("learned",),
}


def _four() -> str:
    """Say which dates are set in at least four of eight words: add them up, bit by bit."""
    # At least n of the first k, by halves: pairs give one or two, fours one to four.
    halves = []
    for a in (0, 4):
        w = [f"k{a + k}" for k in range(4)]
        p1, p2 = f"({w[0]} | {w[1]})", f"({w[0]} & {w[1]})"
        q1, q2 = f"({w[2]} | {w[3]})", f"({w[2]} & {w[3]})"
        halves.append(
            (
                f"({p1} | {q1})",
                f"({p2} | {q2} | ({p1} & {q1}))",
                f"(({p2} & {q1}) | ({p1} & {q2}))",
                f"({p2} & {q2})",
            )
        )
    x, y = halves
    return f"({x[3]} | {y[3]} | ({x[2]} & {y[0]}) | ({x[1]} & {y[1]}) | ({x[0]} & {y[2]}))"


def histogram(folder: Path, at: Sequence[datetime], threads: int = 2) -> list[list[int]]:
    """Return how many members have each outcome, at each date."""
    found: list[list[int]] = [[], [], [], []]
    with duckdb.connect() as database:
        database.execute(f"SET threads = {threads}")
        for low in range(0, len(at), 64):
            block = at[low : low + 64]
            inside = tables(block)
            days = pa.table(
                {"day": pa.array(range(START, START + DAYS)), "month": months_of_days()}
                | {name: inside[width] for name, width in _COLUMNS.items()}
            )
            database.register("given", days)
            database.execute("CREATE OR REPLACE TABLE days AS SELECT * FROM given")
            (row,) = database.execute(_query(folder, len(block))).fetchall()
            for code in range(4):
                found[code] += row[code * len(block) : (code + 1) * len(block)]
    return found


def _query(folder: Path, bits: int) -> str:
    filled = ", ".join(
        f"coalesce({table}.{name}, 0::UBIGINT) AS {name}" for table, names in _WORDS.items() for name in names
    )
    counts = ", ".join(
        f"count(*) FILTER ({name} & {1 << bit}::UBIGINT <> 0)"
        for name in ("active", "nudge", "inactive", "alumni")
        for bit in range(bits)
    )
    known = {
        "day": DAY,
        "event": VALUES["activity"].index("event"),
        "rep": VALUES["role"].index("rep"),
        "mentor": VALUES["role"].index("mentor"),
        "onboarding": VALUES["course"].index("onboarding"),
        "bits": bits,
        "months": ", ".join(f"bit_or(m6) FILTER (month = {k}) AS k{k}" for k in range(8)),
        "span": "f.ever & ~coalesce(t.ever, 0::UBIGINT) & ~coalesce(u.ever, 0::UBIGINT)",
        "retiring": 'LEFT JOIN retired USING (member) JOIN days f ON f.day = s."at" // '
        f"{DAY} LEFT JOIN days t ON t.day = s.ended // {DAY} LEFT JOIN days u "
        f'ON u.day = retired.gone // {DAY} AND retired.gone >= s."at"',
        "filled": filled,
        "four": _four(),
        "counts": counts,
        **{name: str(path) for name, path in paths(folder).items()},
    }
    query = SQL
    for name, value in known.items():
        query = query.replace("{" + name + "}", str(value))
    return query
