"""Working days (工作日) and the day by which a month's lists are to be consolidated (R14)."""

from dataclasses import dataclass
from datetime import date, timedelta

from xborder.schemas.tables import Tables

DUE_ON = 15
"""Day of the following month (GAC 2018/194)."""


@dataclass(frozen=True)
class DueDay:
    """The due day of a month: ``day``; ``moved_by`` names the rest days that moved it, oldest
    first; ``known`` is false where the holidays of that time stand in no table, and weekends
    alone were counted."""

    day: date
    moved_by: tuple[str, ...]
    known: bool


def is_known(tables: Tables, day: date) -> bool:
    """Whether the table of public holidays takes in a day."""
    held = tables.held("public_holiday", day)
    return held is not None and not held.ended(day)


def rest(tables: Tables, day: date) -> str | None:
    """Why nobody works on a day: the holiday's name, or 周末; None for a working day.

    Outside the table only weekends are known.
    """
    if is_known(tables, day):
        rows = tables.table("public_holiday", day)
        told = {row["day"]: row for row in rows.iter_rows(named=True)}
        row = told.get(day.isoformat())
        if row is not None:
            return str(row["name"]) if row["kind"] == "rest" else None
    return "周末" if day.isoweekday() > 5 else None


def due_day(tables: Tables, month: date) -> DueDay:
    """When lists that were cleared in the month of ``month`` are due: the 15th of the next one,
    or the first working day after it."""
    following = date(month.year + month.month // 12, month.month % 12 + 1, DUE_ON)
    day, moved = following, []
    while (why := rest(tables, day)) is not None:
        moved.append(f"{day.isoformat()} {why}")
        day += timedelta(days=1)
    return DueDay(day, tuple(moved), is_known(tables, following) and is_known(tables, day))
