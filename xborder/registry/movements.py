"""Warehouse movements (库存变动): each once, whatever file it comes in again.

A movement is (exporter, warehouse, movement id). The same one with other content is held as
MOVEMENT_ID_REUSED: a ledger takes a reversal, never an edit.
"""

import polars as pl
from sqlalchemy import Connection

from xborder.registry import audit, counters, uploads
from xborder.registry.reuploads import CURRENT, DUPLICATE
from xborder.registry.staging import changed, fetch, run, stage
from xborder.registry.tables import MOVEMENT_COLUMNS

MOVEMENT_ID_REUSED = "MOVEMENT_ID_REUSED"

MOVEMENTS: dict[str, pl.DataType] = {
    "exporter": pl.String(),
    **{name: pl.String() for name in MOVEMENT_COLUMNS},
    "upload_id": pl.Int64(),
    "sheet": pl.String(),
    "row": pl.Int64(),
}

_TEXT = ", ".join(MOVEMENT_COLUMNS)


def enter(c: Connection, upload_id: int, exporter: str, records: pl.DataFrame) -> pl.DataFrame:
    """Book the movements of a file; the frame of ``outcomes``.

    ``records`` has the canonical movement columns (absent ones count as null), sheet and row.
    Outcomes: current (booked now, or by an earlier call for this upload), duplicate, and
    MOVEMENT_ID_REUSED. Rows that were counted as accepted and were not booked are counted
    as duplicate, or as held under that code.
    """
    read = _placed(records)
    key = ["warehouse", "movement_id"]
    first = read.unique(key, keep="first", maintain_order=True)
    ids = counters.peek(c, "movement")
    stage(c, "moved", first.with_columns(id=pl.int_range(ids + 1, ids + 1 + first.height)))
    booked = _insert(c, upload_id, exporter)
    told = outcomes(c, upload_id, exporter, read)
    run(c, "DROP TABLE moved")
    counted: dict[str, int] = dict(told["outcome"].value_counts().iter_rows())
    parts = {
        ("duplicate", ""): counted.get(DUPLICATE, 0),
        ("held", MOVEMENT_ID_REUSED): counted.get(MOVEMENT_ID_REUSED, 0),
    }
    uploads.share_rows(c, upload_id, ("accepted", ""), parts)
    payload = {"booked": booked, "exporter": exporter, "rows": read.height}
    audit.append(c, "movements booked", f"upload {upload_id}", payload)
    return told


def _insert(c: Connection, upload_id: int, exporter: str) -> int:
    # Identifiers without a gap: what is known already is left out before numbers are given.
    run(
        c,
        """
        DELETE FROM moved WHERE EXISTS (
          SELECT 1 FROM movements m WHERE m.exporter = :exporter
             AND m.warehouse = moved.warehouse AND m.movement_id = moved.movement_id)
        """,
        exporter=exporter,
    )
    left = fetch(c, "SELECT count(*) FROM moved", {"n": pl.Int64}).item()
    drawn = counters.draw_many(c, "movement", left)
    booked = changed(
        c,
        f"""
        INSERT INTO movements (id, exporter, {_TEXT}, upload_id, sheet, row)
        SELECT :first + row_number() OVER (ORDER BY id), :exporter, {_TEXT}, :upload, sheet, row
        FROM moved WHERE true
        ON CONFLICT (exporter, warehouse, movement_id) DO NOTHING
        """,  # noqa: S608
        first=drawn.start - 1,
        exporter=exporter,
        upload=upload_id,
    )
    if booked != left:
        raise RuntimeError("the database refused movements that were not there a moment ago")
    return booked


def _placed(records: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in MOVEMENT_COLUMNS if name not in records.columns]
    return records.with_columns(pl.lit(None, pl.String).alias(name) for name in absent).select(
        *MOVEMENT_COLUMNS, pl.col("sheet").cast(pl.String), pl.col("row").cast(pl.Int64)
    )


def outcomes(c: Connection, upload_id: int, exporter: str, records: pl.DataFrame) -> pl.DataFrame:
    """What became of the movements of a file; frame [warehouse, movement_id, sheet, row, outcome,
    booked_from] with the number of the upload that booked each."""
    read = _placed(records)
    stage(c, "keys", read.select("warehouse", "movement_id").unique())
    there = fetch(
        c,
        f"""
        SELECT m.exporter, {", ".join("m." + name for name in MOVEMENT_COLUMNS)},
               m.upload_id, m.sheet, m.row
        FROM keys k JOIN movements m ON m.exporter = :exporter
          AND m.warehouse = k.warehouse AND m.movement_id = k.movement_id
        """,  # noqa: S608
        MOVEMENTS,
        exporter=exporter,
    )
    run(c, "DROP TABLE keys")
    known = read.join(
        there.drop("exporter"),
        on=["warehouse", "movement_id"],
        how="left",
        suffix="_booked",
        maintain_order="left",
    )
    content = [name for name in MOVEMENT_COLUMNS if name not in ("warehouse", "movement_id")]
    same = pl.all_horizontal(pl.col(one).eq_missing(pl.col(f"{one}_booked")) for one in content)
    here = (
        (pl.col("upload_id") == upload_id)
        & pl.col("sheet").eq_missing(pl.col("sheet_booked"))
        & pl.col("row").eq_missing(pl.col("row_booked"))
    )
    return known.select(
        "warehouse",
        "movement_id",
        "sheet",
        "row",
        pl.when(here)
        .then(pl.lit(CURRENT))
        .when(same)
        .then(pl.lit(DUPLICATE))
        .otherwise(pl.lit(MOVEMENT_ID_REUSED))
        .alias("outcome"),
        pl.col("upload_id").alias("booked_from"),
    )


def table(c: Connection, exporter: str | None = None) -> pl.DataFrame:
    """All booked movements, in the order of booking; columns ``MOVEMENTS``."""
    return fetch(
        c,
        f"""
        SELECT exporter, {_TEXT}, upload_id, sheet, row FROM movements
        WHERE CAST(:exporter AS TEXT) IS NULL OR exporter = :exporter
        ORDER BY id
        """,  # noqa: S608
        MOVEMENTS,
        exporter=exporter,
    )
