"""Checkings (核验): every order that is open, against what is known now.

An order is checked again only when something it depends on has changed: its exporter's
profile, catalogue or shipments, the tables or what of them holds on the day, or the order
itself. So a mended catalogue takes up the held orders by itself, and nothing is uploaded again.
An order that is held for a logistics number another order has is looked at each time: the other
may be cancelled, or the months be over.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine

from xborder.checks import Context, OrderCheck, check_orders
from xborder.checks.context import records_schema
from xborder.crashpoints import crash_point
from xborder.registry import counters, orders, readings, uploads, waybills
from xborder.registry.database import reading, transaction
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter
from xborder.schemas.tables import Tables
from xborder.settings import Settings

RULES_VERSION = "1"
"""Raised when the rules change in a way that should re-check what is open."""


@dataclass(frozen=True)
class Checked:
    """One exporter's check: its number and how many orders it accepted and held."""

    check_id: int
    exporter: str
    accepted: int
    held: int


def check_open_orders(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporters: dict[str, Exporter],
    tables: Tables,
    on: date,
) -> list[Checked]:
    """Check every open order whose inputs have changed; exporters in order of their id.

    Accepted orders' list content goes to ``checked_orders/<check>/heads.parquet`` and
    ``items.parquet`` (with ``order_id``), all findings to ``checked_orders/<check>/findings.parquet``.
    """
    done = []
    for exporter in sorted(exporters):
        version = _inputs_version(engine, exporters[exporter], tables, on)
        with reading(engine) as connection:
            waiting = orders.open_orders(connection, exporter, version)
        if waiting.is_empty():
            continue
        context = context_of(engine, store, settings, exporters[exporter], tables, on)
        result = check_orders(
            lines_of(engine, store, waiting), context, _told_at_reading(store, waiting)
        )
        done.append(_keep(engine, store, exporter, version, waiting, result, on))
    return done


def folder(check_id: int) -> tuple[str, str, str]:
    """The lake folder of a check's results."""
    return ("lake", "checked_orders", f"{check_id:08d}")


def _inputs_version(engine: Engine, exporter: Exporter, tables: Tables, on: date) -> str:
    """Hash of what an exporter's orders are checked against, besides the waybills in use."""
    with reading(engine) as connection:
        in_force = _read(connection, exporter.id, "goods", "shipments")
    # The profile as it was loaded: its file may have changed or gone since.
    parts = [RULES_VERSION, tables.version_on(on), repr(exporter), repr(in_force)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _read(connection: Connection, exporter: str, *kinds: str) -> list[int]:
    """Uploads of these kinds that were read: kind by kind, oldest first."""
    return [row.id for kind in kinds for row in uploads.of_kind(connection, exporter, kind)]


def lines_of(engine: Engine, store: Store, waiting: pl.DataFrame) -> pl.DataFrame:
    """The lines of orders, from the readings that hold their current content.

    ``waiting`` has order_id, upload_id, shop, order_no; the result the canonical columns of
    an order line, ``shop`` and lineage, ordered by order and row.
    """
    parts = []
    for (number,), own in waiting.group_by("upload_id", maintain_order=True):
        upload_id = int(str(number))
        with reading(engine) as connection:
            name = uploads.get(connection, upload_id).file_name
        records = store.read_parquet(*readings.folder(upload_id), "records.parquet")
        parts.append(
            own.select("order_no", "shop")
            .join(records, on="order_no", how="inner", maintain_order="left_right")
            .with_columns(
                pl.lit(upload_id, pl.Int64).alias("upload_id"), pl.lit(name).alias("file")
            )
        )
    return pl.concat(parts, how="diagonal")


def _told_at_reading(store: Store, waiting: pl.DataFrame) -> pl.DataFrame:
    """What the readings of these orders told of them: shop, order_no, code."""
    parts = [waiting.clear().select("shop", "order_no", pl.lit("").alias("code"))]
    for (upload_id,), own in waiting.group_by("upload_id", maintain_order=True):
        told = readings.findings_of(store, int(str(upload_id))).select("order_no", "code")
        parts.append(
            own.select("shop", "order_no")
            .join(told, on="order_no", maintain_order="left")
            .unique(maintain_order=True)
        )
    return pl.concat(parts)


def in_force(engine: Engine, store: Store, exporter: str, kind: str) -> pl.DataFrame:
    """The goods or shipment records now in force: the latest row of each SKU, or the rows of
    the latest file for each order (two rows there are two parcels)."""
    with reading(engine) as connection:
        files = _read(connection, exporter, kind)
    schema = "goods" if kind == "goods" else "shipment"
    parts = [pl.DataFrame(schema=records_schema(schema))]
    parts += [store.read_parquet("lake", kind, f"{upload_id:08d}.parquet") for upload_id in files]
    every = pl.concat(parts, how="diagonal")
    if kind == "goods":
        return every.unique("sku", keep="last", maintain_order=True)
    latest = pl.col("upload_id") == pl.col("upload_id").max().over("shop", "order_no")
    return every.filter(latest).unique(
        ["shop", "order_no", "logistics_code", "logistics_no"], keep="last", maintain_order=True
    )


def context_of(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporter: Exporter,
    tables: Tables,
    on: date,
) -> Context:
    """Everything that an exporter's orders are checked against, as it stands now."""
    goods = in_force(engine, store, exporter.id, "goods")
    shipments = in_force(engine, store, exporter.id, "shipments")
    with reading(engine) as connection:
        taken = waybills.taken(
            connection, shipments.select("logistics_code", "logistics_no").unique()
        )
        files = _read(connection, exporter.id, "orders", "goods", "shipments")
    return Context(
        tables=tables,
        on=on,
        exporter=exporter,
        goods=goods,
        shipments=shipments,
        waybills=taken,
        placed=readings.columns_of(store, files),
        waybill_months=settings.waybill_months,
    )


def _keep(
    engine: Engine,
    store: Store,
    exporter: str,
    version: str,
    waiting: pl.DataFrame,
    result: OrderCheck,
    on: date,
) -> Checked:
    ids = waiting.select("order_id", "shop", "order_no")
    verdicts = result.orders.join(
        waiting.drop("state"), on=["shop", "order_no"], maintain_order="left"
    )
    # Drawn by itself: two runs at once check under two numbers, and neither waits for the other.
    with transaction(engine) as connection:
        check_id = counters.draw(connection, "check")
    where = folder(check_id)
    for name, frame in (("heads", result.heads), ("items", result.items)):
        store.write_parquet(
            frame.join(ids, on=["shop", "order_no"], maintain_order="left"),
            *where,
            f"{name}.parquet",
        )
    store.write_parquet(result.found, *where, "findings.parquet")
    crash_point("check-written")
    with transaction(engine) as connection:
        orders.record_check(connection, exporter, version, check_id, verdicts, on)
        for upload_id in waiting.get_column("upload_id").unique().sort():
            uploads.mark_checked(connection, upload_id)
        waybills.enter(
            connection,
            result.heads.join(ids, on=["shop", "order_no"]).select(
                "order_id",
                pl.col("logisticsCode").alias("logistics_code"),
                pl.col("logisticsNo").alias("logistics_no"),
                pl.col("ieDate").str.to_date("%Y%m%d").alias("export_date"),
            ),
        )
    crash_point("check-registered")
    counts: dict[Any, int] = dict(verdicts.group_by("state").len().rows())
    return Checked(check_id, exporter, counts.get("accepted", 0), counts.get("held", 0))
