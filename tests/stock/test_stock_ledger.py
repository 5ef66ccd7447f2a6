"""The identity of R40, statements of balances, days, replays and refusals."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from stock_rows import move, movements

from xborder.stock import entries, ledger

DAY = date(2026, 3, 31)


def read(frame: pl.DataFrame, until: date = DAY) -> entries.Entries:
    return entries.read(frame, until)


def test_every_component_stands_in_the_identity():
    kinds = {
        "opening": "100", "received": "40.5", "returned": "3", "found": "2", "transfer_in": "7",
        "sold": "20.25", "lost": "1", "damaged": "2", "disposed": "3", "transfer_out": "4",
        "removed": "5",
    }  # fmt: skip
    rows = [move("2026-01-01", kind, qty) for kind, qty in kinds.items()]
    rows += [move("2026-01-02", "other", "-1.5"), move("2026-01-03", "other", "0.5")]
    row = ledger.balances(read(movements(*rows)).entries, None, DAY).row(0, named=True)
    for kind, qty in kinds.items():
        assert row[kind] == Decimal(qty), kind
    assert row["other"] == Decimal("-1")
    assert row["difference"] == 0
    assert row["closing"] == Decimal("116.25")


def test_a_period_opens_with_the_balance_before_it():
    frame = movements(
        move("2026-01-01", "opening", 10),
        move("2026-02-10", "received", 5),
        move("2026-03-05", "sold", 4),
        move("2026-03-31T23:59:59+08:00", "sold", 1),
        move("2026-03-31T23:59:59-05:00", "sold", 9),
    )
    kept = read(frame)
    row = ledger.balances(kept.entries, date(2026, 3, 1), DAY).row(0, named=True)
    assert (row["opening"], row["received"], row["sold"], row["closing"]) == (15, 0, 5, 10)
    assert kept.counts == {"rows": 5, "counted": 4, "replayed": 0, "refused": 0, "later": 1}
    day = ledger.moved_on(kept.entries, DAY).row(0, named=True)
    assert (day["opening"], day["sold"], day["closing"]) == (11, 1, 10)
    assert ledger.moved_on(kept.entries, date(2026, 3, 6)).height == 0


def test_a_later_opening_is_a_statement_and_the_new_base():
    frame = movements(
        move("2026-01-01", "opening", 10),
        move("2026-01-05", "sold", 2),
        move("2026-02-01", "opening", 6),
        move("2026-02-02", "received", 1),
        move("2026-03-01", "opening", 7),
    )
    kept = read(frame).entries
    stated = ledger.statements(kept)
    assert stated.select("day", "computed", "stated", "difference").rows() == [
        (date(2026, 2, 1), 8, 6, -2),
        (date(2026, 3, 1), 7, 7, 0),
    ]
    row = ledger.balances(kept, None, DAY).row(0, named=True)
    assert (row["opening"], row["difference"], row["closing"]) == (10, -2, 7)


def test_an_opening_after_other_movements_is_compared_too():
    frame = movements(move("2026-01-01", "received", 10), move("2026-02-01", "opening", 10))
    row = ledger.balances(read(frame).entries, None, DAY).row(0, named=True)
    assert (row["opening"], row["received"], row["closing"]) == (0, 10, 10)


def test_bins_of_one_file_are_one_statement_but_two_files_are_two():
    frame = movements(
        move("2026-01-01", "opening", 10),
        move("2026-01-01", "opening", 5),
        move("2026-01-01", "opening", 14, upload_id=2),
    )
    kept = read(frame).entries
    assert kept["balance"].to_list() == [15, 14]
    assert ledger.statements(kept)["difference"].to_list() == [-1]


def test_a_stated_balance_of_zero_counts():
    frame = movements(move("2026-01-01", "opening", 3), move("2026-01-09", "opening", 0))
    row = ledger.balances(read(frame).entries, None, DAY).row(0, named=True)
    assert (row["difference"], row["closing"]) == (-3, 0)


def test_accounts_are_kept_apart():
    frame = movements(
        move("2026-01-01", "received", 1),
        move("2026-01-01", "received", 2, disposition="unsellable"),
        move("2026-01-01", "received", 4, warehouse="LAX9"),
        move("2026-01-01", "received", 8, exporter="meixian"),
        move("2026-01-01", "received", 16, sku="B"),
        move("2026-01-01", "received", 32, disposition=None),
    )
    closing = ledger.balances(read(frame).entries, None, DAY)
    assert sorted(closing["closing"].to_list()) == [2, 4, 8, 16, 33]


def test_a_replayed_movement_counts_once_and_a_reused_id_is_refused():
    frame = movements(
        move("2026-01-01", "received", "5", movement_id="R1"),
        move("2026-01-01T00:00:00+08:00", "received", "5.0", movement_id="R1", upload_id=2),
        move("2026-01-01", "received", "6", movement_id="R1", upload_id=3),
        move("2026-01-01", "received", "5", movement_id="R1", warehouse="LAX9"),
    )
    kept = read(frame)
    assert kept.counts == {"rows": 4, "counted": 2, "replayed": 1, "refused": 1, "later": 0}
    assert kept.refused.select("code", "upload_id").rows() == [("MOVEMENT_ID_REUSED", 3)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"qty": "1e3"}, {"qty": "-1"}, {"qty": "NaN"}, {"qty": "１"}, {"qty": "1_0"},
        {"qty": None}, {"qty": "9" * 200}, {"moved_at": "05/04/2026"}, {"moved_at": None},
        {"movement_type": "stolen"}, {"movement_type": None}, {"sku": None}, {"movement_id": None},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_and_nothing_else(wrong):
    kept = read(movements(move("2026-01-01", "received", 5), move("2026-01-02", "sold", 1) | wrong))
    assert kept.refused["code"].to_list() == ["MOVEMENT_UNREADABLE"]
    assert kept.entries["balance"].to_list() == [5]


def test_a_bare_date_gives_the_benefit_of_the_doubt_within_its_day():
    frame = movements(move("2026-01-01", "sold", 5), move("2026-01-01", "received", 5))
    assert ledger.sales_before_receipt(read(frame).entries).height == 0
    timed = movements(
        move("2026-01-01T09:00:00+08:00", "sold", 5),
        move("2026-01-01T15:00:00+08:00", "received", 5),
    )
    early = ledger.sales_before_receipt(read(timed).entries)
    assert early["short"].to_list() == [5]
    # The day itself ended at nought, so the account was never short at a day's end.
    assert ledger.negative(read(timed).entries).height == 0


def test_negative_balances_tell_since_when_and_how_deep():
    frame = movements(
        move("2026-01-01", "received", 3),
        move("2026-01-02", "sold", 5),
        move("2026-01-03", "lost", 1),
        move("2026-01-04", "received", 10),
    )
    below = ledger.negative(read(frame).entries).row(0, named=True)
    assert (below["first"], below["lowest"], below["closing"]) == (date(2026, 1, 2), -3, 7)
    assert ledger.sales_before_receipt(read(frame).entries)["short"].to_list() == [2]


def test_the_order_of_the_rows_does_not_matter():
    frame = movements(
        move("2026-01-01", "opening", 9),
        move("2026-01-02", "sold", 2),
        move("2026-01-03", "opening", 8),
        move("2026-01-03", "sold", 1),
    )
    first = read(frame).entries
    assert first.equals(read(frame.reverse()).entries)
    assert first["balance"].to_list() == [9, 7, 8, 7]


def test_quantities_are_exact_to_the_last_digit():
    most = "99999999999999.99999"
    frame = movements(
        move("2026-01-01", "received", most), move("2026-01-02", "received", most),
        move("2026-01-03", "sold", "0.00001"),
    )  # fmt: skip
    row = ledger.balances(read(frame).entries, None, DAY).row(0, named=True)
    assert row["closing"] == 2 * Decimal(most) - Decimal("0.00001")


def test_no_movements_make_an_empty_ledger():
    kept = read(movements())
    assert ledger.balances(kept.entries, None, DAY).height == 0
    assert kept.counts["rows"] == 0
