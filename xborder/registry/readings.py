"""Readings (读入): each landed file parsed once, its rows counted, its records in force.

A reading lies in the lake under ``readings/<upload>/``: ``records`` (canonical columns, text),
``rows`` (every physical row), ``findings``, and ``columns`` (where each canonical column
stands). It is written before the registry's row says so; a crash between leaves files that the
next run replaces.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine

from xborder import findings
from xborder.checks import check_records, placements
from xborder.checks.dry_run import order_lines
from xborder.checks.orders import check_lines
from xborder.checks.records import RecordCheck
from xborder.crashpoints import crash_point
from xborder.intake import Limits, Nursery, Reading, read
from xborder.intake.limits import MIB
from xborder.registry import movements, orders, originals, uploads
from xborder.registry.database import reading, transaction
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter, Shop
from xborder.schemas.tables import Tables
from xborder.settings import Settings

READERS = 2
"""Files are parsed two at a time, each in a limited child process."""

NO_ORDER = "ORDER_NO_MISSING"
"""Rows that carry no order number are held for this reason."""

MOST_CHARACTERS = 200
"""Characters of an order number that the registry keeps."""

UNREADABLE = "ORIGINAL_UNREADABLE"
"""A file is refused by this code when its kept original is gone or damaged."""

STATUS_COLUMNS = ("status",)
"""What may change without changing what is declared."""


def read_uploads(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporters: dict[str, Exporter],
    tables: Tables,
    progress: Callable[[str], None] = lambda _: None,
) -> list[int]:
    """Parse every upload that has landed and not been read; returns the uploads' ids.

    Orders are entered into the registry (new, duplicate, replaced …), valid goods, shipment
    and movement rows come into force. A file that cannot be used is refused with its code.
    """
    with reading(engine) as connection:
        # A profile that has errors now, or is gone, tells nothing of a file's shop: it waits.
        landed = [one for one in uploads.pending(connection) if one.exporter in exporters]
    if not landed:
        return []
    with ExitStack() as stack:
        free: SimpleQueue[Nursery] = SimpleQueue()
        for _ in range(min(READERS, len(landed))):
            free.put(stack.enter_context(Nursery()))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=READERS))
        parsed = pool.map(lambda upload: _parse(settings, exporters, tables, upload, free), landed)
        for upload, result in zip(landed, parsed, strict=True):
            if result is None:
                _refuse_unreadable(engine, settings, upload)
                continue
            shop = _shop(exporters, upload)
            _keep(engine, store, tables, upload, _refused_without_shop(result, shop), shop)
            progress(upload.file_name)
    return [upload.id for upload in landed]


def _shop(exporters: dict[str, Exporter], upload: Any) -> Shop | None:
    found = exporters.get(upload.exporter)
    return found.shop(upload.shop) if found else None


def _refused_without_shop(result: Reading, shop: Shop | None) -> Reading:
    """Two shops of one exporter both have an order #1001: orders must say whose they are."""
    if shop is not None or result.kind not in ("orders", "shipments"):
        return result
    told = findings.to_frame([findings.Finding("SHOP_NOT_NAMED", file=result.file_name)])
    return replace(result, usable=False, findings=pl.concat([result.findings, told]))


def _parse(
    settings: Settings,
    exporters: dict[str, Exporter],
    tables: Tables,
    upload: Any,
    free: "SimpleQueue[Nursery]",
) -> Reading | None:
    """The reading of an upload; None when its original cannot be read."""
    nursery = free.get()
    try:
        with originals.open_plain(settings, upload.sha256) as plain:
            result = read(
                plain,
                upload.file_name,
                exporter_shop=_shop(exporters, upload),
                kind=upload.kind or None,
                limits=Limits(
                    memory_bytes=settings.reader_memory_mib * MIB,
                    cpu_seconds=settings.reader_cpu_seconds,
                ),
                code_tables=tables,
                nursery=nursery,
            )
            return replace(result, records=_bounded(result.records), rows=_bounded(result.rows))
    except (FileNotFoundError, originals.UnreadableError):
        if not originals.folder(settings).is_dir():
            raise  # all of them are away, not one of them is lost
        return None
    finally:
        free.put(nursery)


def _refuse_unreadable(engine: Engine, settings: Settings, upload: Any) -> None:
    # One damaged file must not keep everybody's from being read, on every later run too.
    with transaction(engine) as connection:
        if uploads.get(connection, upload.id).state == uploads.LANDED:
            uploads.refuse(connection, upload.id, UNREADABLE)
            originals.set_aside(settings, upload.sha256)


def _bounded(frame: pl.DataFrame) -> pl.DataFrame:
    """Order numbers that an index of the database can hold.

    A number has 60 characters at most, and its order is held when it has more; a database
    refuses a key of some thousands, and with it the whole file. The end is told by its hash.
    """
    if "order_no" not in frame.columns:
        return frame
    number = pl.col("order_no")
    long = frame.select(number.filter(number.str.len_chars() > MOST_CHARACTERS).unique())
    cut = {
        text: f"{text[:MOST_CHARACTERS]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        for text in long.to_series()
    }
    return frame.with_columns(number.replace(cut)) if cut else frame


def folder(upload_id: int) -> tuple[str, str, str]:
    """The lake folder of an upload's reading."""
    return ("lake", "readings", f"{upload_id:08d}")


def _keep(
    engine: Engine,
    store: Store,
    tables: Tables,
    upload: Any,
    result: Reading,
    shop: Shop | None,
) -> None:
    found = result.findings.with_columns(pl.lit(upload.id, pl.Int64).alias("upload_id"))
    checked = None
    if result.usable and result.kind == "orders":
        found = pl.concat([found, _without_number(result, tables, upload.id)])
    elif result.usable:
        checked = check_records(result, tables, upload.id, upload.shop)
        found = pl.concat([found, checked.found])
        store.write_parquet(checked.valid, "lake", str(result.kind), f"{upload.id:08d}.parquet")
    where = folder(upload.id)
    store.write_parquet(result.records, *where, "records.parquet")
    store.write_parquet(result.rows, *where, "rows.parquet")
    store.write_parquet(found, *where, "findings.parquet")
    places = {"columns": result.columns, "order_fields": sorted(result.order_fields)}
    store.write_bytes((*where, "columns.json"), json.dumps(places, ensure_ascii=False).encode())
    crash_point("reading-written")
    with transaction(engine) as connection:
        _register(connection, upload, result, checked, shop)
    crash_point("reading-registered")


def _register(
    connection: Connection,
    upload: Any,
    result: Reading,
    checked: RecordCheck | None,
    shop: Shop | None,
) -> None:
    if uploads.get(connection, upload.id).state != uploads.LANDED:
        return  # another run read the same file meanwhile, to the same end
    if not result.usable:
        uploads.refuse(connection, upload.id, _fatal_code(result), rows=result.rows.height)
        return
    # An order is the shop's, whichever layout it comes in: the shop's channel is its identity.
    uploads.mark_read(
        connection,
        upload.id,
        layout=result.layout,
        channel=shop.channel if shop else result.channel,
        kind=str(result.kind),
        counts=_row_counts(result, checked),
        total_rows=result.rows.height,
    )
    if checked is not None:
        uploads.mark_checked(connection, upload.id)
    if result.kind == "orders":
        orders.enter(connection, upload.id, entries(result))
    elif result.kind == "stock" and checked is not None:
        movements.enter(connection, upload.id, upload.exporter, checked.valid)


def _fatal_code(result: Reading) -> str:
    fatal = result.findings.filter(pl.col("severity") == "fatal")
    return str(fatal.get_column("code").first() or "UNREADABLE")


def _row_counts(result: Reading, checked: RecordCheck | None) -> dict[tuple[str, str], int]:
    """Rows by (state, code): all of a record file's, the excluded ones of an order file."""
    rows = result.rows
    if checked is not None:
        rows = rows.with_columns(
            pl.when(pl.col("excluded").is_not_null())
            .then(pl.lit("excluded"))
            .when(pl.col("record").is_in(checked.held.implode()))
            .then(pl.lit("held"))
            .otherwise(pl.lit("accepted"))
            .alias("state")
        )
    else:
        rows = rows.filter(
            pl.col("excluded").is_not_null() | pl.col("order_no").is_null()
        ).with_columns(
            pl.when(pl.col("excluded").is_not_null())
            .then(pl.lit("excluded"))
            .otherwise(pl.lit("held"))
            .alias("state")
        )
    code = pl.coalesce(
        "excluded", pl.when(pl.col("order_no").is_null() & (pl.col("state") == "held"))
        .then(pl.lit(NO_ORDER if checked is None else "")), pl.lit(""),
    ).alias("code")  # fmt: skip
    counted = rows.group_by("state", code).len().sort("state", "code")
    return {(state, code): count for state, code, count in counted.rows()}


def _without_number(result: Reading, tables: Tables, upload_id: int) -> pl.DataFrame:
    """Findings of lines without an order number: they belong to no order that a check takes up."""
    lost = result.records.filter(pl.col("order_no").is_null())
    if lost.is_empty():
        return findings.empty().with_columns(pl.lit(None, pl.Int64).alias("upload_id"))
    return check_lines(
        order_lines(replace(result, records=lost), "", upload_id), result.columns, tables
    )


def entries(result: Reading) -> pl.DataFrame:
    """The orders of a reading as the registry enters them: one row an order, file order.

    Columns: order_no, digest (SHA-256 of what would be declared), status_digest, ordered_at,
    cancelled (Boolean), rows (physical rows not excluded), lines, first_row.
    """
    content = [
        name
        for name in result.records.columns
        if name not in ("sheet", "row", "order_row", "order_no", *STATUS_COLUMNS)
    ]
    joined = result.records.select(
        "order_no",
        "ordered_at",
        "row",
        pl.concat_str([pl.col(name).fill_null("\x00") for name in content], separator="\x1f").alias(
            "said"
        ),
        pl.concat_str([pl.col(name).fill_null("") for name in STATUS_COLUMNS]).alias("status_said"),
    )
    # Sorted: the same lines in another arrangement of rows are the same order.
    per_order = joined.group_by("order_no", maintain_order=True).agg(
        pl.col("said").sort().str.join("\x1e"),
        pl.col("status_said").sort().str.join("\x1e"),
        pl.col("ordered_at").drop_nulls().first(),
        pl.len().cast(pl.Int64).alias("lines"),
        pl.col("row").min().cast(pl.Int64).alias("first_row"),
    )
    kept = result.rows.filter(pl.col("excluded").is_null(), pl.col("order_no").is_not_null())
    counts = kept.group_by("order_no").agg(pl.len().cast(pl.Int64).alias("rows"))
    cancelled = (
        result.rows.filter(pl.col("excluded") == "CANCELLED", pl.col("order_no").is_not_null())
        .join(per_order, on="order_no", how="anti")
        .group_by("order_no", maintain_order=True)
        .agg(pl.col("row").min().cast(pl.Int64).alias("first_row"))
    )
    live = per_order.join(counts, on="order_no", how="left", maintain_order="left").select(
        "order_no",
        pl.Series("digest", _digests(per_order.get_column("said")), pl.String),
        pl.when(pl.col("status_said").str.strip_chars("\x1e") == "")
        .then(pl.lit(""))
        .otherwise(pl.Series(_digests(per_order.get_column("status_said")), dtype=pl.String))
        .alias("status_digest"),
        "ordered_at",
        pl.lit(value=False).alias("cancelled"),
        pl.col("rows").fill_null(0),
        "lines",
        "first_row",
    )
    gone = cancelled.select(
        "order_no",
        pl.lit("").alias("digest"),
        pl.lit("cancelled").alias("status_digest"),
        pl.lit(None, pl.String).alias("ordered_at"),
        pl.lit(value=True).alias("cancelled"),
        pl.lit(0, pl.Int64).alias("rows"),
        pl.lit(0, pl.Int64).alias("lines"),
        "first_row",
    )
    return (
        pl.concat([live, gone])
        .filter(pl.col("order_no").is_not_null())
        .sort("first_row", maintain_order=True)
    )


def _digests(texts: Iterable[str]) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def columns_of(store: Store, upload_ids: Iterable[int]) -> pl.DataFrame:
    """Where the canonical columns stand in these uploads; columns of ``PLACEMENTS``."""
    parts = [placements({}, 0)]
    for upload_id in upload_ids:
        said = json.loads(store.read_bytes((*folder(upload_id), "columns.json")))
        parts.append(placements(said["columns"], upload_id, frozenset(said["order_fields"])))
    return pl.concat(parts)


def findings_of(store: Store, upload_id: int) -> pl.DataFrame:
    """The findings of an upload's own reading (orders' rules are told by their check)."""
    where = (*folder(upload_id), "findings.parquet")
    if not store.exists(*where):
        return findings.empty().with_columns(pl.lit(None, pl.Int64).alias("upload_id"))
    return store.read_parquet(*where)
