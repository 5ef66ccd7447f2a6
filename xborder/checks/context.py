"""What the checks need to know besides the order lines: it reaches them as an argument."""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from xborder.checks import facts
from xborder.checks.places import PLACEMENTS, SOURCE
from xborder.checks.words import Words
from xborder.schemas import columns
from xborder.schemas.exporters import Exporter
from xborder.schemas.tables import Tables

PARCELS: dict[str, pl.DataType] = {"logistics_code": pl.String(), "logistics_no": pl.String()}

WAYBILLS: dict[str, pl.DataType] = {
    "logistics_code": pl.String(),
    "logistics_no": pl.String(),
    "shop": pl.String(),
    "order_no": pl.String(),
    "export_date": pl.String(),
}

NUMBERS: dict[str, pl.DataType] = {
    "shop": pl.String(),
    "order_no": pl.String(),
    "other_shop": pl.String(),
    "other_order": pl.String(),
    "place": pl.String(),
    "declared_no": pl.String(),
}
"""An order whose declared number another one has: that one's shop, number, file and row."""


def records_schema(kind: str) -> dict[str, pl.DataType]:
    """Columns of a stored record table: the canonical ones (text) and the lineage."""
    return {name: pl.String() for name in columns(kind)} | SOURCE | {"shop": pl.String()}


@dataclass(frozen=True)
class Context:
    """Everything beside the lines: profile, catalogue, shipments, tables, history.

    ``goods`` and ``shipments`` hold the records now in force (one a SKU; the rows of the
    latest file for each order), with lineage, ``prices`` those of price lists (one a shop and
    SKU; an empty shop: all of them), ``order_facts`` the records of reports that complete other
    reports' orders (one an order, see ``checks.partners``); ``waybills`` the logistics numbers (运单号)
    already taken by other orders of the exporter, ``shared`` those that two orders have which
    are checked in several parts (those within one part show themselves), ``numbers`` the orders
    whose declared number another order has (``NUMBERS``), ``placed`` where each
    canonical column stands in the uploads concerned. ``decisions`` what the operator confirmed or refused
    (``facts.DECISIONS``), ``words`` the codes that its
    files' own words mean by its answers. ``exporter`` None means a dry run without a profile:
    only the lines themselves are checked.
    """

    tables: Tables
    on: date
    exporter: Exporter | None = None
    goods: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=records_schema("goods"))
    )
    shipments: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=records_schema("shipment"))
    )
    prices: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=records_schema("price"))
    )
    order_facts: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=records_schema("order_line"))
    )
    waybills: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WAYBILLS))
    shared: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PARCELS))
    numbers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NUMBERS))
    placed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PLACEMENTS))
    decisions: pl.DataFrame = field(default_factory=facts.none)
    words: Words = field(default_factory=dict)
    waybill_months: int = 6
