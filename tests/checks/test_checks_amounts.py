"""Exact amounts: the price is half up, shares add up, the tolerance is the rule's."""

from decimal import ROUND_HALF_UP, Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from xborder.checks.amounts import (
    COUNT,
    DECIMAL,
    agrees,
    decimal,
    exactly,
    plain,
    plain_beside,
    price_of,
    share_out,
    without_fraction,
)

quantities = st.decimals("0.00001", "99999999", places=5)
totals = st.decimals("0", "9999999999", places=5)


def frame(**columns: list[Decimal]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: pl.Series(values, dtype=DECIMAL) for name, values in columns.items()}
    )


@given(st.lists(st.tuples(quantities, totals), min_size=1, max_size=20))
def test_the_price_is_total_over_quantity_half_up(pairs: list[tuple[Decimal, Decimal]]) -> None:
    made = frame(q=[q for q, _ in pairs], t=[t for _, t in pairs])
    prices = made.select(price_of(pl.col("t"), pl.col("q"))).to_series().to_list()
    exact = [(t / q).quantize(Decimal("0.00001"), ROUND_HALF_UP) for q, t in pairs]
    assert [p.quantize(Decimal("0.00001")) for p in prices] == exact


@given(st.lists(st.tuples(quantities, totals), min_size=1, max_size=20))
def test_a_computed_price_agrees_with_its_total(pairs: list[tuple[Decimal, Decimal]]) -> None:
    made = frame(q=[q for q, _ in pairs], t=[t for _, t in pairs])
    fits = made.select(agrees(pl.col("q"), price_of(pl.col("t"), pl.col("q")), pl.col("t")))
    assert fits.to_series().all()


@given(
    st.lists(st.decimals("0", "99999", places=2), min_size=1, max_size=12),
    st.decimals("0", "9999", places=2),
)
def test_shares_of_a_discount_add_up(weights: list[Decimal], discount: Decimal) -> None:
    made = (
        frame(w=weights, d=[discount] * len(weights))
        .with_row_index("at")
        .with_columns(pl.lit(1).alias("order"), exactly("0.01").alias("unit"))
    )
    shares = made.select(share_out("d", "w", "unit", ["order"], "at")).to_series()
    assert shares.sum() == discount


def test_a_total_off_by_a_cent_does_not_agree() -> None:
    made = frame(q=[Decimal(3)], p=[Decimal("0.33")], t=[Decimal("1.00")])
    assert not made.select(agrees(pl.col("q"), pl.col("p"), pl.col("t"))).item()


TEXTS = st.one_of(
    st.from_regex(r"\A-?[0-9]{1,4}(\.[0-9]{1,3})?\Z"),
    st.sampled_from([None, "", "0", "-0", "007", "10", "1.50", "0.5", "+1", "1e3", "two", "1.000001"]),
)  # fmt: skip


@given(st.lists(st.tuples(TEXTS, st.sampled_from([None, "1", "0.50", "12.34"])), min_size=1))
def test_a_text_beside_an_amount_is_taken_only_where_it_is_plain(
    rows: list[tuple[str | None, str | None]],
) -> None:
    table = pl.DataFrame(rows, schema={"text": pl.String, "other": pl.String}, orient="row")
    made = table.select(
        "text",
        decimal("text").alias("stated"),
        pl.coalesce(decimal("other"), decimal("text")).alias("amount"),
    )
    told = plain_beside(made["amount"], made["text"], made["stated"])
    assert told.to_list() == made.select(plain(pl.col("amount"))).to_series().to_list()
    assert made["text"].to_list() == [text for text, _ in rows]


@given(st.lists(st.none() | st.decimals("-99", "99999999999999", places=5)))
def test_whole_amounts_are_the_same_without_fraction(values: list[Decimal | None]) -> None:
    amounts = pl.Series(values, dtype=DECIMAL)
    told = without_fraction(amounts)
    assert told.cast(DECIMAL).equals(amounts)
    whole = all(one is None or one == one.to_integral_value() for one in values)
    assert told.dtype == (COUNT if whole else DECIMAL)
