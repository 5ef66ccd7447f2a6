"""First in, first out: against an oracle that moves one unit at a time."""

from collections import deque
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stock_rows import move, movements

from xborder.stock import ageing, entries, fifo, ledger
from xborder.stock.entries import ACCOUNT, INCOMING, OUTGOING, QTY

START = date(2026, 1, 1)
END = START + timedelta(days=500)

kinds = st.sampled_from(["opening", *INCOMING, *OUTGOING, "other"])
steps = st.lists(
    st.tuples(
        st.integers(0, 400), kinds, st.integers(0, 9), st.sampled_from("AB"), st.booleans()
    ),
    max_size=25,
)  # fmt: skip


def history(drawn: list[tuple[int, str, int, str, bool]]) -> pl.DataFrame:
    rows = []
    for days, kind, qty, sku, minus in drawn:
        amount = -qty if kind == "other" and minus else qty
        rows.append(move((START + timedelta(days=days)).isoformat(), kind, amount, sku=sku))
    return movements(*rows)


def unit_by_unit(told: pl.DataFrame) -> dict[str, list[tuple[date, int]]]:
    """The oracle: queues of single units; a debt is paid by what comes next."""
    queues: dict[str, deque[date]] = {}
    debts: dict[str, int] = {}
    for row in told.iter_rows(named=True):
        queue = queues.setdefault(row["sku"], deque())
        for _ in range(abs(int(row["effect"]))):
            if row["effect"] < 0:
                if queue:
                    queue.popleft()
                else:
                    debts[row["sku"]] = debts.get(row["sku"], 0) + 1
            elif debts.get(row["sku"], 0):
                debts[row["sku"]] -= 1
            else:
                queue.append(row["day"])
    return {
        sku: [(day, list(queue).count(day)) for day in sorted(set(queue))]
        for sku, queue in queues.items()
        if queue
    }


@settings(max_examples=60, deadline=None)
@given(steps)
def test_layers_are_those_of_single_units(drawn):
    told = entries.read(history(drawn), END).entries
    left = ageing.layers(told, END)
    found = {
        sku: [(day, int(qty)) for day, qty in part.group_by("put_away").agg(pl.col("left").sum())
              .sort("put_away").iter_rows()]
        for (sku,), part in left.group_by("sku")
    }  # fmt: skip
    assert found == unit_by_unit(told)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_layers_sum_to_the_closing_balance_and_the_identity_holds(drawn):
    told = entries.read(history(drawn), END).entries
    closing = ledger.balances(told, None, END)
    left = dict(ageing.by_age(ageing.layers(told, END)).select("sku", "stock").iter_rows())
    for row in closing.iter_rows(named=True):
        came = sum(row[name] for name in ("opening", *INCOMING, "other", "difference"))
        assert came - sum(row[name] for name in OUTGOING) == row["closing"]
        assert left.get(row["sku"], Decimal(0)) == max(row["closing"], Decimal(0))


@settings(max_examples=40, deadline=None)
@given(steps, st.randoms(use_true_random=False))
def test_a_replayed_movement_changes_nothing(drawn, random):
    frame = history(drawn)
    again = frame.sample(fraction=0.5, seed=random.randint(0, 9)) if frame.height else frame
    again = again.with_columns(upload_id=pl.lit(2, pl.Int64))
    once, twice = entries.read(frame, END), entries.read(pl.concat([again, frame]), END)
    assert once.entries.equals(twice.entries)
    assert twice.counts["replayed"] == again.height


amounts = st.lists(st.integers(0, 8), max_size=8)


def side(name: str, numbers: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"key": ["k"] * len(numbers), name: list(range(len(numbers))), "qty": numbers},
        schema={"key": pl.String, name: pl.Int64, "qty": pl.Int64},
    ).with_columns(pl.col("qty").cast(QTY))


@settings(max_examples=80, deadline=None)
@given(amounts, amounts)
def test_allocation_gives_each_unit_once_in_order(layers, uses):
    shared = fifo.allocate(side("layer", layers), side("use", uses), ["key"])
    units = [at for at, qty in enumerate(layers) for _ in range(qty)]
    wants = [at for at, qty in enumerate(uses) for _ in range(qty)]
    expected: dict[tuple[int, int], int] = {}
    for pair in zip(units, wants, strict=False):
        expected[pair] = expected.get(pair, 0) + 1
    assert {(row[1], row[2]): int(row[3]) for row in shared.iter_rows()} == expected


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "days_0_30"), (30, "days_0_30"), (31, "days_31_60"), (60, "days_31_60"),
     (61, "days_61_90"), (90, "days_61_90"), (91, "days_91_180"), (180, "days_91_180"),
     (181, "days_181_270"), (270, "days_181_270"), (271, "days_271_365"), (365, "days_271_365"),
     (366, "days_366_up"), (4000, "days_366_up")],
)  # fmt: skip
def test_buckets_have_the_bounds_of_the_rule(days, bucket):
    put = (END - timedelta(days=days)).isoformat()
    told = entries.read(movements(move(put, "received", 7)), END).entries
    row = ageing.by_age(ageing.layers(told, END)).row(0, named=True)
    assert row[bucket] == 7
    assert sum(row[name] for name, _ in ageing.BUCKETS) == row["stock"] == 7
    assert row["oldest_days"] == days
    assert set(ACCOUNT) < set(row)
