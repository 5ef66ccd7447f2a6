"""The due day of a consolidation: the 15th, moved by rest days that are data (R14)."""

from datetime import date, timedelta

import pytest

from xborder.schemas import tables
from xborder.schemas.working_days import due_day, is_known, rest

TABLES = tables.packaged()


@pytest.mark.parametrize(
    ("month", "due"),
    [
        ("2025-08", "2025-09-15"),
        ("2025-05", "2025-06-16"),  # a Sunday
        ("2025-12", "2026-01-15"),  # over the year's end
        ("2026-01", "2026-02-24"),  # Spring Festival, 15 to 23 February
        ("2026-07", "2026-08-17"),  # a Saturday
        ("2026-10", "2026-11-16"),  # a Sunday
    ],
)
def test_the_due_day_is_the_15th_or_the_next_working_day(month, due):
    told = due_day(TABLES, date.fromisoformat(f"{month}-07"))
    assert (told.day.isoformat(), told.known) == (due, True)
    fifteenth = told.day.replace(day=15)
    assert len(told.moved_by) == (told.day - fifteenth).days


def test_beyond_the_table_only_weekends_are_known():
    told = due_day(TABLES, date(2027, 1, 1))  # 2027-02-15 is a Monday in the Spring Festival
    assert (told.day, told.known) == (date(2027, 2, 15), False)
    assert due_day(TABLES, date(2027, 4, 1)).day == date(2027, 5, 17)
    assert not is_known(TABLES, date(2024, 12, 31))


def test_a_weekend_that_is_worked_is_no_rest_day():
    assert rest(TABLES, date(2026, 2, 14)) is None and rest(TABLES, date(2026, 2, 28)) is None
    assert rest(TABLES, date(2026, 2, 7)) == "周末"
    assert rest(TABLES, date(2026, 10, 8)) is None and rest(TABLES, date(2026, 10, 7)) == "国庆节"


def test_each_row_says_something_that_the_weekday_does_not():
    rows = TABLES.table("public_holiday", date(2026, 1, 1))
    for row in rows.iter_rows(named=True):
        day = date.fromisoformat(row["day"])
        assert row["kind"] == "rest" or day.isoweekday() > 5, row
        assert row["confidence"] in ("high", "medium") and row["source"]


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_year_has_the_working_days_that_its_calendars_print(year):
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(365))
    assert sum(rest(TABLES, day) is None for day in days) == 248
