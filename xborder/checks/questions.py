"""Which unverified facts concern an exporter's goods: what its operator is asked to decide."""

from datetime import date

import polars as pl

from xborder.checks import facts
from xborder.checks.elements import headings_of, with_elements
from xborder.schemas.tables import Tables

QUESTIONS: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "key": pl.String(),
    "value": pl.String(),
    "skus": pl.UInt32(),
    "example": pl.String(),
}
"""A fact (``value``: what the table says), how many SKUs it concerns, and the first of them."""

_OF_TARIFF = {
    "units": "stated_units",
    "licence": "conditions",
    "inspection": "conditions",
    "hazards": "stated_hazards",
}


def asked(goods: pl.DataFrame, tables: Tables, on: date, decisions: pl.DataFrame) -> pl.DataFrame:
    """The facts that warn of these goods and wait for a decision; ordered by kind and key.

    ``goods`` has the columns of the catalogue; the result those of ``QUESTIONS``.
    """
    known = with_elements(goods, tables, on, decisions)
    tariff = facts.tariff(tables, on, decisions)
    own = known.join(tariff.select(
        "hs_code", "unit_verified", "licence_unverified", "inspection_unverified",
        "magnet_expected", "battery_expected", "hazards_verified", "stated_units", "conditions",
        "stated_hazards", pl.col("unit1").alias("unit1_listed"),
        pl.col("unit2").alias("unit2_listed"),
    ), on="hs_code", how="left", maintain_order="left")  # fmt: skip
    c = pl.col
    differs = (c("unit1") != c("unit1_listed")) | (
        c("unit1_listed").is_not_null() & c("unit2").ne_missing(c("unit2_listed"))
    )
    denied = (c("magnet_expected") & (c("magnet") == "N")) | (
        c("battery_expected") & (c("battery") == "none")
    )
    stated = {
        heading.key: heading.stated
        for heading in headings_of(
            own.get_column("hs_code").drop_nulls().unique().to_list(), tables, on
        ).values()
    }
    elements = c("elements.key").replace_strict(stated, default="", return_dtype=pl.String)
    parts = [
        own.filter(when.fill_null(value=False)).select(
            pl.lit(kind).alias("kind"), c(key).alias("key"), value.fill_null("").alias("value"),
            "sku",
        )
        for kind, key, value, when in (
            ("units", "hs_code", c("stated_units"), differs & ~c("unit_verified")),
            ("licence", "hs_code", c("conditions"), c("licence_unverified")),
            ("inspection", "hs_code", c("conditions"), c("inspection_unverified")),
            ("hazards", "hs_code", c("stated_hazards"), denied & ~c("hazards_verified")),
            ("elements", "elements.key", elements,
             (c("elements.missing_zh") != "") & ~c("elements.verified")),
        )
    ]  # fmt: skip
    return (
        pl.concat(parts)
        .group_by("kind", "key", "value", maintain_order=True)
        .agg(pl.len().alias("skus"), c("sku").first().alias("example"))
        .sort("kind", "key")
        .cast(QUESTIONS)  # type: ignore[arg-type]
    )


def stated(kind: str, key: str, tables: Tables, on: date) -> str | None:
    """What the tables say about a fact on a day; None where they say nothing."""
    if kind == "notice":
        notices = tables.table("destination_notice", on)
        return "" if notices.filter(pl.col("notice") == key).height else None
    if kind == "elements":
        heading = headings_of([key], tables, on).get(key)
        return heading.stated if heading is not None and heading.key == key else None
    column = _OF_TARIFF.get(kind)
    if column is None:
        return None
    rows = facts.tariff(tables, on, facts.none()).filter(pl.col("hs_code") == key)
    said = None if rows.is_empty() else rows.item(0, column)
    return said or None
