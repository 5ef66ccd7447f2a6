"""From the declared line to the warehouse's receipt to the sale (R41): each unit once, FIFO."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from xborder.stock import fifo
from xborder.stock.entries import NUMBER, QTY, ZONE
from xborder.stock.settlement import LINE

STORE = ("exporter", "warehouse", "sku")
BOOKING = ("exporter", "inbound_key", "sku")
ZERO = pl.lit(0).cast(QTY)

DECLARED = (
    "exporter", "warehouse", "inbound_id", "order_no", "cop_no", "manifest", "sku", "qty", "unit",
    "export_date", "issued_at", "route",
)  # fmt: skip
"""Columns of the declared 9810 lines, all text; a line without a readable quantity is left out."""


@dataclass(frozen=True)
class Chain:
    """Declared lines with their fate, and the receipts they were linked with.

    ``lines``: LINE, route, declared, received, in_transit, sold, gone, in_stock (Decimal, units),
    link (inbound | fifo | null), state (in_transit | part_received | received), days_out.
    ``summary``: one row per exporter × warehouse × SKU. ``bookings``: one row per exporter ×
    inbound id × SKU. ``unknown``: receipts under an inbound id that no declared line bears.
    ``unusable``: declared lines that could not be read.
    """

    lines: pl.DataFrame
    summary: pl.DataFrame
    bookings: pl.DataFrame
    unknown: pl.DataFrame
    unusable: pl.DataFrame


def follow(entries: pl.DataFrame, declared: pl.DataFrame, until: date) -> Chain:
    """Link declared lines, receipts and sales up to the day ``until``.

    A receipt belongs to the declared lines of its inbound id (入库单号; blanks and case do not
    count; the movement's reference serves where it names a known inbound id) and SKU, whatever
    the warehouse calls itself. A receipt without an inbound id fills what is still open of the
    same exporter, warehouse and SKU, oldest export first, and never a line exported later than
    the receipt.

    Sales and losses use up what the warehouse had of the SKU, in all dispositions, oldest first.
    A return takes back the sale before it; transfers within one warehouse and SKU cancel out.
    """
    lines, unusable = _lines(declared, until)
    receipts = _receipts(entries, lines)
    linked = _linked(lines, receipts)
    fates = _fates(entries, receipts, linked)
    arrived = linked.group_by("line").agg(
        pl.col("qty").sum().alias("received"), pl.col("link").min()
    )
    begun = receipts.filter(pl.col("inbound_key").is_not_null()).select("exporter", "inbound_key")
    told = (
        lines.join(arrived, on="line", how="left", maintain_order="left")
        .join(fates, on="line", how="left", maintain_order="left")
        .join(
            begun.unique().with_columns(begun=pl.lit(True)),
            on=["exporter", "inbound_key"], how="left", maintain_order="left",
        )
        .with_columns(pl.col("received", "sold", "gone").fill_null(ZERO))
        .with_columns(
            in_transit=pl.col("declared") - pl.col("received"),
            in_stock=pl.col("received") - pl.col("sold") - pl.col("gone"),
            days_out=(pl.lit(until) - pl.col("export_date")).dt.total_days(),
        )
        .with_columns(
            state=pl.when(pl.col("in_transit") == 0).then(pl.lit("received"))
            .when((pl.col("received") > 0) | pl.col("begun").fill_null(False))
            .then(pl.lit("part_received"))
            .otherwise(pl.lit("in_transit"))
        )
    )  # fmt: skip
    return Chain(
        lines=told.select(
            *LINE, "route", "declared", "received", "in_transit", "sold", "gone", "in_stock",
            "link", "state", "days_out",
        ).sort(LINE, nulls_last=True),
        summary=_summary(entries, told, receipts, linked),
        bookings=_bookings(lines, receipts, until),
        unknown=receipts.filter(pl.col("unknown")),
        unusable=unusable,
    )  # fmt: skip


def _key(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars().str.to_uppercase()
    return pl.when(text != "").then(text)


def _lines(declared: pl.DataFrame, until: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = declared.with_columns(
        pl.lit(None, pl.String()).alias(name) for name in DECLARED if name not in declared.columns
    ).select(pl.col(name).cast(pl.String()) for name in DECLARED)
    issued = pl.col("issued_at").str.replace(r"[zZ]$", "+00:00")
    rows = rows.with_columns(
        declared=pl.when(pl.col("qty").str.contains(NUMBER)).then(pl.col("qty")),
        export_date=pl.col("export_date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
        issued=pl.coalesce(
            issued.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", strict=False, time_unit="us")
            .dt.convert_time_zone(ZONE).dt.date(),
            issued.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
        ),
        inbound_key=_key("inbound_id"),
    ).with_columns(pl.col("declared").cast(QTY, strict=False))  # fmt: skip
    usable = (
        (pl.col("declared") > 0).fill_null(False)
        & pl.col("exporter").is_not_null()
        & pl.col("sku").is_not_null()
    )
    since = pl.coalesce("issued", "export_date")
    lines = (
        rows.filter(usable & (since.is_null() | (since <= until)))
        .sort("export_date", "issued", "order_no", "cop_no", "manifest", "sku", nulls_last=True)
        .with_row_index("line")
        .with_columns(pl.col("line").cast(pl.Int64))
    )
    return lines, rows.filter(~usable)


def _receipts(entries: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Receipts in order, with the inbound key that counts and whether it is a known one."""
    known = lines.select("exporter", "inbound_key").drop_nulls().unique()
    named = known.with_columns(known=pl.lit(True))
    by_reference = known.with_columns(reference_key=pl.col("inbound_key"))
    return (
        entries.with_row_index("entry")
        .with_columns(pl.col("entry").cast(pl.Int64))
        .filter((pl.col("kind") == "received") & (pl.col("effect") > 0))
        .with_columns(own=_key("inbound_id"), reference_key=_key("reference"), qty=pl.col("effect"))
        .join(by_reference, on=["exporter", "reference_key"], how="left", maintain_order="left")
        .with_columns(inbound_key=pl.coalesce("own", "inbound_key"))
        .join(named, on=["exporter", "inbound_key"], how="left", maintain_order="left")
        .with_columns(unknown=pl.col("inbound_key").is_not_null() & pl.col("known").is_null())
        .sort("at", "upload_id", "sheet", "row", "movement_id", nulls_last=True)
    )


def _linked(lines: pl.DataFrame, receipts: pl.DataFrame) -> pl.DataFrame:
    """Units of declared lines in receipts: line, entry, qty, link."""
    named = fifo.allocate(
        lines.filter(pl.col("inbound_key").is_not_null()).select(
            *BOOKING, pl.col("line").alias("layer"), pl.col("declared").alias("qty")
        ),
        receipts.filter(~pl.col("unknown") & pl.col("inbound_key").is_not_null()).select(
            *BOOKING, pl.col("entry").alias("use"), "qty"
        ),
        BOOKING,
    ).select(
        pl.col("layer").alias("line"), pl.col("use").alias("entry"), "qty",
        pl.lit("inbound").alias("link"),
    )  # fmt: skip
    taken = named.group_by("line").agg(pl.col("qty").sum().alias("taken"))
    still_open = lines.join(taken, on="line", how="left", maintain_order="left").select(
        *STORE, pl.col("line").alias("layer"), pl.col("export_date").alias("day"),
        (pl.col("declared") - pl.col("taken").fill_null(ZERO)).alias("qty"),
    )  # fmt: skip
    loose = receipts.filter(pl.col("inbound_key").is_null()).select(
        *STORE, pl.col("entry").alias("use"), "day", "qty"
    )
    by_age = fifo.allocate(
        still_open.drop("day"), _after_export(still_open, loose).drop("day"), STORE
    ).select(
        pl.col("layer").alias("line"), pl.col("use").alias("entry"), "qty",
        pl.lit("fifo").alias("link"),
    )  # fmt: skip
    return pl.concat([named, by_age])


def _after_export(still_open: pl.DataFrame, loose: pl.DataFrame) -> pl.DataFrame:
    """Receipts cut to the units that had been exported by then and were not yet received.

    The running difference of exported and received units is reflected at zero: what the receipts
    exceed it by at its lowest so far was never declared, and is cut.
    """
    first = pl.lit(date.min)
    flow = pl.concat(
        [
            still_open.select(
                *STORE, pl.col("day").fill_null(first), pl.lit(0).alias("rank"),
                pl.lit(None, pl.Int64()).alias("use"), pl.col("qty").alias("flow"),
            ),
            loose.select(
                *STORE, "day", pl.lit(1).alias("rank"), "use", (-pl.col("qty")).alias("flow")
            ),
        ]
    ).with_row_index("position").sort(*STORE, "day", "rank", "position")  # fmt: skip
    flow = flow.with_columns(
        unmet=pl.max_horizontal((-pl.col("flow").cum_sum().over(STORE)), ZERO)
    ).with_columns(unmet=pl.col("unmet").cum_max().over(STORE))
    flow = flow.with_columns(
        cut=pl.col("unmet") - pl.col("unmet").shift(1).over(STORE).fill_null(ZERO)
    )
    return flow.filter(pl.col("use").is_not_null()).select(
        *STORE, "use", "day", (-pl.col("flow") - pl.col("cut")).alias("qty")
    )


def _fates(entries: pl.DataFrame, receipts: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Per declared line the units that were sold and that are gone otherwise."""
    flow = (
        entries.with_row_index("entry")
        .select(
            pl.col("entry").cast(pl.Int64), *STORE, "at",
            pl.when(pl.col("effect") < 0).then(pl.lit("out")).otherwise(pl.lit("in")).alias("way"),
            "component", pl.col("effect").abs().alias("qty"),
        )
        .sort("at", "entry")
    )  # fmt: skip
    total = pl.col("qty").filter
    netted = flow.with_columns(
        transfers=pl.min_horizontal(
            total(pl.col("component") == "transfer_in").sum().over(STORE),
            total(pl.col("component") == "transfer_out").sum().over(STORE),
        ),
        returns=pl.min_horizontal(
            total(pl.col("component") == "returned").sum().over(STORE),
            total(pl.col("component") == "sold").sum().over(STORE),
        ),
    )
    parts = []
    for (component,), part in netted.group_by("component"):
        if component in ("transfer_in", "transfer_out"):
            part = fifo.cancel(part, STORE, "transfers")
        elif component in ("returned", "sold"):
            part = fifo.cancel(part, STORE, "returns", last=component == "sold")
        parts.append(part)
    if not parts:
        return pl.DataFrame(schema={"line": pl.Int64(), "sold": QTY, "gone": QTY})
    flow = pl.concat(parts).sort("at", "entry")
    layers = _layers(flow.filter(pl.col("way") == "in"), linked)
    uses = flow.filter((pl.col("way") == "out") & (pl.col("qty") > 0))
    spent = fifo.allocate(
        layers.select(*STORE, "layer", "qty"),
        uses.select(*STORE, pl.col("entry").alias("use"), "qty"),
        STORE,
    )
    is_sale = pl.col("component") == "sold"
    return (
        spent.join(layers.select("layer", "line"), on="layer")
        .filter(pl.col("line").is_not_null())
        .join(uses.select(pl.col("entry").alias("use"), "component"), on="use")
        .group_by("line")
        .agg(
            pl.col("qty").filter(is_sale).sum().alias("sold"),
            pl.col("qty").filter(~is_sale).sum().alias("gone"),
        )
    )


def _layers(incoming: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Incoming units in order, receipts split by the declared line that they belong to."""
    of_lines = linked.group_by("entry").agg(pl.col("qty").sum().alias("declared_part"))
    rest = (
        incoming.join(of_lines, on="entry", how="left", maintain_order="left")
        .with_columns(qty=pl.col("qty") - pl.col("declared_part").fill_null(ZERO))
        .select(*STORE, "at", "entry", pl.lit(None, pl.Int64()).alias("line"), "qty")
    )
    declared = linked.join(incoming.select(*STORE, "at", "entry"), on="entry").select(
        *STORE, "at", "entry", "line", "qty"
    )
    return (
        pl.concat([declared, rest])
        .filter(pl.col("qty") > 0)
        .sort("at", "entry", "line", nulls_last=True)
        .with_row_index("layer")
        .with_columns(pl.col("layer").cast(pl.Int64))
    )


def _summary(
    entries: pl.DataFrame, told: pl.DataFrame, receipts: pl.DataFrame, linked: pl.DataFrame
) -> pl.DataFrame:
    """Per exporter × warehouse × SKU: declared, arrived, in_transit, received, undeclared,
    sold, returned, closing, unsold."""
    of_lines = told.group_by(STORE).agg(
        pl.col("declared").sum(),
        pl.col("received").sum().alias("arrived"),
        pl.col("in_transit").sum(),
        (pl.col("declared") - pl.col("sold")).sum().alias("unsold"),
    )
    traced = (
        linked.join(receipts.select("entry", *STORE), on="entry")
        .group_by(STORE)
        .agg(pl.col("qty").sum().alias("traced"))
    )
    of_stock = entries.group_by(STORE).agg(
        *[
            pl.col("effect").filter(pl.col("component") == name).sum().abs().alias(name)
            for name in ("received", "sold", "returned")
        ],
        pl.col("effect").sum().alias("closing"),
    )
    numbers = ("declared", "arrived", "in_transit", "received", "undeclared", "sold", "returned",
               "closing", "unsold")  # fmt: skip
    return (
        of_stock.join(of_lines, on=STORE, how="full", coalesce=True)
        .join(traced, on=STORE, how="left")
        .with_columns(
            undeclared=pl.col("received").fill_null(ZERO) - pl.col("traced").fill_null(ZERO)
        )
        .select(*STORE, pl.col(*numbers).cast(QTY).fill_null(ZERO))
        .sort(STORE, nulls_last=True)
    )


def _bookings(lines: pl.DataFrame, receipts: pl.DataFrame, until: date) -> pl.DataFrame:
    """Per exporter × inbound id × SKU: declared against received, over or short.

    Columns: exporter, inbound_key, sku, warehouse, received_at (the receiving warehouse),
    declared, received, days (since the last receipt of the inbound id), and of the last receipt
    movement_id, upload_id, sheet, row.
    """
    known = receipts.filter(~pl.col("unknown") & pl.col("inbound_key").is_not_null())
    declared = (
        lines.filter(pl.col("inbound_key").is_not_null())
        .group_by(BOOKING)
        .agg(pl.col("declared").sum(), pl.col("warehouse", "manifest").first())
    )
    received = known.group_by(BOOKING).agg(
        pl.col("qty").sum().alias("received"),
        pl.col("warehouse").last().alias("received_at"),
        pl.col("movement_id", "upload_id", "sheet", "row").last(),
    )
    last = known.group_by("exporter", "inbound_key").agg(pl.col("day").max().alias("last"))
    return (
        declared.join(received, on=BOOKING, how="full", coalesce=True)
        .join(last, on=["exporter", "inbound_key"], how="inner")
        .with_columns(
            pl.col("declared", "received").fill_null(ZERO),
            days=(pl.lit(until) - pl.col("last")).dt.total_days(),
        )
        .sort(BOOKING)
    )
