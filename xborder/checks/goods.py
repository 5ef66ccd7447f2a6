"""What is known of goods (商品) besides their catalogue row: elements and hazards, once a SKU."""

from datetime import date

import polars as pl

from xborder.checks.amounts import decimal
from xborder.checks.elements import with_elements
from xborder.schemas.tables import Tables

LOOSE_MAGNET = "^(?:8505|851829|851890)"
"""Headings of loose magnets, loudspeaker drivers without enclosure and their parts; a
loudspeaker in its box holds a magnet too, but R43 asks a test of loose ones only."""

_UN = {
    "alone": ("UN3480", "PI965"),
    "packed_with": ("UN3481", "PI966"),
    "in_equipment": ("UN3481", "PI967"),
}

COLUMNS = (
    "magnet_untested", "magnet_advised", "magnet_second", "magnet_class_9", "magnet_too_strong",
    "battery_any", "battery_alone", "battery_large", "un38_3_lacks", "wh_lacks",
)  # fmt: skip
"""Booleans added to goods, each as ``hazard.*``; and the texts ``hazard.un``,
``hazard.instruction``."""


def with_hazards(goods: pl.DataFrame, tables: Tables, on: date) -> pl.DataFrame:
    """Goods with what they lack if they fly, one row a SKU as before."""
    near, far = decimal("magnet_field_2m1"), decimal("magnet_field_4m6")
    free, most, wh, cell = (
        pl.lit(f"{tables.hazard_limit(code, on):f}").cast(pl.Decimal(38, 10))
        for code in ("magnet_free", "magnet_most", "battery_wh", "cell_wh")
    )
    magnet = pl.col("magnet") == "Y"
    loose = pl.col("hs_code").str.contains(LOOSE_MAGNET)
    proven = pl.col("magnet_report_no").is_not_null() & near.is_not_null()
    strong = magnet & (near > free)
    battery = pl.col("battery").is_in(list(_UN))
    told = {
        "magnet_untested": magnet & loose & ~proven,
        "magnet_advised": magnet & ~loose & near.is_null(),
        "magnet_second": strong & far.is_null(),
        "magnet_class_9": strong & (far <= most),
        "magnet_too_strong": strong & (far > most),
        "battery_any": battery,
        "battery_alone": pl.col("battery") == "alone",
        "battery_large": battery
        & ((decimal("battery_wh") > wh).fill_null(value=False)
           | (decimal("cell_wh") > cell).fill_null(value=False)),
        "un38_3_lacks": battery & pl.col("un38_3_no").is_null(),
        "wh_lacks": battery & pl.col("battery_wh").is_null(),
    }  # fmt: skip
    return goods.with_columns(
        *(told[name].fill_null(value=False).alias(f"hazard.{name}") for name in COLUMNS),
        *(
            pl.col("battery")
            .replace_strict(
                {kind: both[at] for kind, both in _UN.items()},
                default=None, return_dtype=pl.String,
            )
            .alias(f"hazard.{name}")
            for at, name in enumerate(("un", "instruction"))
        ),
    )  # fmt: skip


def known(goods: pl.DataFrame, tables: Tables, on: date, decisions: pl.DataFrame) -> pl.DataFrame:
    """Goods in force with the columns of ``elements.COLUMNS`` and ``hazard.*``."""
    return with_hazards(with_elements(goods, tables, on, decisions), tables, on)


def in_a_known_subheading(code: str, tables: Tables, on: date) -> pl.Expr:
    """Whether the tariff knows the subheading of a column's code: then a code that is not in it
    does not exist. Where the tariff is complete it knows every one.
    """
    subheadings = tables.tariff(on).get_column("hs_code").str.slice(0, 6).unique()
    known = pl.col(code).str.slice(0, 6).is_in(subheadings.implode())
    return (known | pl.lit(tables.tariff_is_complete(on))).fill_null(value=False)
