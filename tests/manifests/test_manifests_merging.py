"""The rehearsal of the merge: nothing is lost, doubled or mixed, and all sums are exact."""

from collections import defaultdict
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_samples import frame, head_rows, item_rows

from xborder.manifests.consolidation.merging import (
    HEAD_KEY,
    LINE_KEY,
    SUMS,
    WEIGHTS,
    faults,
    merge,
)


def lists(count: int, lines: int = 1, **changed):
    """Heads and goods lines of cleared lists; list ``n`` has the customs number ``E…n``."""
    rows = [
        row | {"invtNo": f"60412026E{row['list_id']:09d}", "declAgentCode": "4414960XXX",
               "declAgentName": "大埔瓷韵陶瓷有限公司", "itemNameFlag": "0"} | changed
        for row in head_rows(count)
    ]  # fmt: skip
    return rows, item_rows(rows, lines)


def merged(rows, goods, **how):
    return merge(frame(rows), frame(goods), **how)


amounts = st.integers(1, 10**14).map(lambda one: str(Decimal(one).scaleb(-5)))
HEADS = st.fixed_dictionaries(
    {
        "exporter": st.sampled_from(["dapu", "fengshun"]),
        "country": st.sampled_from(["502", "303"]),
        "ownerCode": st.sampled_from(["4414960XXX", "NO"]),
        "trafMode": st.sampled_from(["5", "6"]),
        "loctNo": st.sampled_from([None, "604101"]),
        "itemNameFlag": st.sampled_from(["0", "1"]),
        "grossWeight": amounts,
        "netWeight": amounts,
        "packNo": st.integers(1, 99).map(str),
        "freight": st.sampled_from(["0", "3.5", "0.00001"]),
        "fCurrency": st.sampled_from(["502", "300"]),
        "fFlag": st.sampled_from(["3", "1"]),
    }
)
GOODS = st.fixed_dictionaries(
    {
        "gcode": st.sampled_from(["6911101100", "6911101900", "9401310000"]),
        "country": st.sampled_from(["502", "303"]),
        "currency": st.sampled_from(["502", "300"]),
        "unit": st.sampled_from(["007", "035"]),
        "unit1": st.sampled_from(["035", "007"]),
        "itemName": st.sampled_from([None, "茶杯", "茶壶"]),
        "qty": amounts,
        "qty1": amounts,
        "totalPrice": amounts,
        "two": st.one_of(st.none(), amounts),
    }
)
MONTHS = st.lists(st.tuples(HEADS, st.lists(GOODS, min_size=1, max_size=5)), max_size=12)


def month(told):
    rows, goods = lists(len(told))
    whole, items = [], []
    for row, item, (head, own) in zip(rows, goods, told, strict=True):
        whole.append(row | head)
        for gnum, one in enumerate(own, start=1):
            two = one["two"]
            items.append(
                item | {name: value for name, value in one.items() if name != "two"}
                | {"gnum": gnum, "unit2": "007" if two else None, "qty2": two}
            )  # fmt: skip
    return whole or lists(1)[0][:0], items


@settings(max_examples=60, deadline=None)
@given(told=MONTHS.filter(len), most=st.integers(1, 4), flag=st.sampled_from("12"))
def test_every_item_stands_once_and_the_sums_stay(told, most, flag) -> None:
    rows, goods = month(told)
    made = merged(rows, goods, most_lines=most, summary_flag=flag)
    assert faults(frame(rows), frame(goods), made) == []
    # By another way: plain Python, from the lists alone.
    heads = {row["list_id"]: row for row in rows}
    key = [one for one in HEAD_KEY if one != "ownerCode" or flag == "2"]
    sums = defaultdict(lambda: defaultdict(Decimal))
    for item in goods:
        head = heads[item["list_id"]]
        name = item["itemName"] or "" if head["itemNameFlag"] == "1" else ""
        said = [(item | {"name": name})[one] or "" for one in LINE_KEY]
        at = (*(head[one] or "" for one in key), *said)
        for one in SUMS:
            sums[at][one] += Decimal(item[one] or 0)
    lines = made.lines.join(
        made.declarations.select("declaration", *key), on="declaration", suffix="_head"
    )
    found = {}
    for row in lines.iter_rows(named=True):
        head = [row["country_head"] if one == "country" else row[one] for one in key]
        at = (*head, *(row[one] for one in LINE_KEY))
        assert at not in found, "two lines of one key"
        found[at] = row
    assert set(found) == set(sums)
    for at, row in found.items():
        assert {one: row[one] or 0 for one in SUMS} == dict(sums[at])
        assert abs(row["price"] * row["qty"] - row["totalPrice"]) <= row["qty"] * Decimal(
            "0.000005"
        )
    for one in WEIGHTS:
        assert made.declarations[one].sum() == sum(Decimal(row[one]) for row in rows)
    assert made.declarations["packNo"].sum() == sum(int(row["packNo"]) for row in rows)
    # Places: lines from 1 without a gap, at most so many; declarations from 1 without a gap.
    assert made.declarations["declaration"].to_list() == list(
        range(1, made.declarations.height + 1)
    )
    for (_,), own in made.lines.group_by("declaration"):
        assert own["line"].to_list() == list(range(1, own.height + 1)) and own.height <= most
    # No declaration mixes exporters.
    owner = made.items.join(frame(rows).select("list_id", "exporter"), on="list_id")
    per = owner.group_by("declaration").agg(pl.col("exporter").n_unique())
    assert per["exporter"].max() == 1


@settings(max_examples=30, deadline=None)
@given(told=MONTHS.filter(lambda one: len(one) > 1), seed=st.randoms())
def test_the_order_in_which_lists_come_changes_nothing(told, seed) -> None:
    rows, goods = month(told)
    before = merged(rows, goods, most_lines=2)
    rows, goods = list(rows), list(goods)
    seed.shuffle(rows)
    seed.shuffle(goods)
    after = merged(rows, goods, most_lines=2)
    for name in ("declarations", "lines", "items"):
        assert getattr(before, name).equals(getattr(after, name)), name


def test_fifty_lines_go_into_one_declaration_and_the_51st_into_a_second() -> None:
    rows, goods = lists(1, 51)
    for item in goods:
        item["gcode"] = f"69111{item['gnum']:05d}"
    made = merged(rows, goods)
    assert made.declarations["lines"].to_list() == [50, 1]
    # The list weighs once, in the declaration of its first line.
    assert made.declarations["own_lists"].to_list() == [1, 0]
    assert made.declarations["grossWeight"].to_list() == [Decimal("2.40000"), Decimal(0)]
    assert made.declarations["lists"].to_list() == [1, 1]


def test_the_price_is_the_total_by_the_quantity_not_a_mean_of_prices() -> None:
    rows, goods = lists(2)
    goods[0] |= {"qty": "1", "totalPrice": "10", "price": "10"}
    goods[1] |= {"qty": "2", "totalPrice": "10", "price": "5"}
    (row,) = merged(rows, goods).lines.to_dicts()
    assert (row["qty"], row["totalPrice"], row["price"]) == (3, 20, Decimal("6.66667"))


@pytest.mark.parametrize(
    ("name", "values"),
    [("ownerCode", ("4414960XXX", "NO")), ("portCode", ("5349", "5301")), ("emsNo", (None, "T1"))],
)
def test_lists_that_differ_in_a_head_key_never_meet(name: str, values) -> None:
    rows, goods = lists(2)
    for row, value in zip(rows, values, strict=True):
        row[name] = value
    assert merged(rows, goods).declarations.height == 2
    together = merged(rows, goods, summary_flag="1").declarations
    assert together.height == (1 if name == "ownerCode" else 2)
    if name == "ownerCode":
        assert together["ownerCode"].to_list() == [""]


def test_names_count_only_where_the_application_asks_for_them() -> None:
    rows, goods = lists(2)
    for item, name in zip(goods, ("茶杯", "茶壶"), strict=True):
        item["itemName"] = name
    assert merged(rows, goods).lines.height == 1
    for row in rows:
        row["itemNameFlag"] = "1"
    assert merged(rows, goods).lines["name"].to_list() == ["茶壶", "茶杯"]


@pytest.mark.parametrize(
    ("fees", "freight", "held"),
    [
        ([("3.5", "502", "3"), ("1.25", "502", "3")], Decimal("4.75"), False),
        ([("3.5", "502", "3"), ("0", "300", "1")], Decimal("3.5"), False),
        ([("3.5", "502", "3"), ("1.25", "300", "3")], None, True),
        ([("3.5", "502", "3"), ("0.05", "502", "1")], None, True),
    ],
)
def test_only_totals_of_one_currency_are_summed(fees, freight, held) -> None:
    rows, goods = lists(2)
    for row, (fee, money, flag) in zip(rows, fees, strict=True):
        row |= {"freight": fee, "fCurrency": money, "fFlag": flag}
    (row,) = merged(rows, goods).declarations.to_dicts()
    assert (row["freight"], row["held"]) == (freight, held)


@pytest.mark.parametrize("harm", ["lost", "doubled", "sum", "weight"])
def test_the_check_sees_what_is_wrong(harm: str) -> None:
    rows, goods = lists(3, 2)
    made = merged(rows, goods)
    heads, items = frame(rows), frame(goods)
    assert faults(heads, items, made) == []
    broken = {
        "lost": {"items": made.items[1:]},
        "doubled": {"items": pl.concat([made.items, made.items[:1]])},
        "sum": {"lines": made.lines.with_columns(pl.col("qty") + 1)},
        "weight": {"declarations": made.declarations.with_columns(pl.col("netWeight") * 2)},
    }[harm]
    whole = {name: getattr(made, name) for name in ("declarations", "lines", "items")}
    assert faults(heads, items, type(made)(**(whole | broken)))


def test_no_list_makes_no_declaration() -> None:
    rows, goods = lists(1)
    made = merge(frame(rows).clear(), frame(goods).clear())
    assert (made.declarations.height, made.lines.height, made.items.height) == (0, 0, 0)
    assert faults(frame(rows).clear(), frame(goods).clear(), made) == []
