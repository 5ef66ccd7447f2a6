"""Warehouse movements (库存变动) as signed ledger entries with a running balance.

An account is exporter × warehouse × SKU × disposition. Every entry names the component of the
stock identity (R40) that it changes, and by how much; the balance is their plain sum, so that
the identity holds by construction and what a warehouse says differently becomes an entry too.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

ACCOUNT = ("exporter", "warehouse", "sku", "disposition")
INCOMING = ("received", "returned", "found", "transfer_in")
OUTGOING = ("sold", "lost", "damaged", "disposed", "transfer_out", "removed")
COMPONENTS = ("opening", *INCOMING, *OUTGOING, "other", "difference")
"""Components of the identity; ``difference`` is what a later stated balance differs by."""

QTY = pl.Decimal(38, 10)
NUMBER = r"^-?[0-9]{1,14}(\.[0-9]{1,10})?$"
"""The lexical rule of a quantity: CEB N19,5 has 14 digits before the point."""

ZONE = "Asia/Shanghai"

MOVEMENTS: dict[str, pl.DataType] = {
    name: pl.String()
    for name in (
        "exporter", "warehouse", "movement_id", "moved_at", "sku", "disposition",
        "movement_type", "qty", "reference", "inbound_id",
    )
} | {"upload_id": pl.Int64(), "sheet": pl.String(), "row": pl.Int64()}  # fmt: skip
"""Columns read from the movements; an absent one counts as null."""


@dataclass(frozen=True)
class Entries:
    """Entries up to the report's day, what was refused, and how many rows became what.

    ``entries``: ACCOUNT, movement_id, day (Date, Asia/Shanghai), at (Datetime), kind, component,
    effect and balance (Decimal, units; balance is that after the entry), stated and computed
    (Decimal, on statements of a balance), inbound_id, reference, upload_id, sheet, row.
    ``refused``: code and the movement's columns. ``counts``: rows, counted, replayed, refused,
    later; the last four add up to the first.
    """

    entries: pl.DataFrame
    refused: pl.DataFrame
    counts: dict[str, int]


def read(movements: pl.DataFrame, until: date) -> Entries:
    """Turn movements into entries up to and including the day ``until``.

    A day is one of Asia/Shanghai: instants with an offset are converted, a bare date or a time
    without an offset is taken as written. Within a day a bare date counts as its first moment
    for what comes in and as its last for what goes out, so that only certain shortages show.

    An ``opening`` (期初) states the balance at its moment. Without an earlier movement of the
    account it is the base. Later it is compared with the computed balance, the difference
    becomes an entry of its own, and the stated balance is the new base. Several opening rows of
    one upload at one moment (bins, lots) are one statement, their sum.

    A movement is known by exporter, warehouse and movement id: one that comes again unchanged is
    counted once (``replayed``), one that comes with another content is refused.
    """
    rows = _typed(movements)
    usable = (
        pl.col("qty").is_not_null()
        & pl.col("at").is_not_null()
        & pl.col("movement_id").is_not_null()
        & pl.col("warehouse").is_not_null()
        & pl.col("sku").is_not_null()
        & pl.col("kind").is_in(["opening", *INCOMING, *OUTGOING, "other"])
        & ((pl.col("qty") >= 0) | (pl.col("kind") == "other"))
    ).fill_null(False)
    unreadable = rows.filter(~usable)
    known = rows.filter(usable).sort("upload_id", "sheet", "row", nulls_last=True)
    place = ("exporter", "warehouse", "movement_id")
    content = pl.struct("sku", "disposition", "kind", "qty", "at", "inbound_id")
    known = known.with_columns(
        copy=pl.int_range(pl.len()).over(place),
        same=(content == content.first().over(place)),
    )
    reused = known.filter((pl.col("copy") > 0) & ~pl.col("same"))
    single = known.filter(pl.col("copy") == 0).drop("copy", "same")
    counted = single.filter(pl.col("day") <= until)
    refused = pl.concat(
        [
            unreadable.select(pl.lit("MOVEMENT_UNREADABLE").alias("code"), *rows.columns),
            reused.select(pl.lit("MOVEMENT_ID_REUSED").alias("code"), *rows.columns),
        ]
    )
    return Entries(
        entries=_balanced(counted),
        refused=refused,
        counts={
            "rows": rows.height,
            "counted": counted.height,
            "replayed": known.height - single.height - reused.height,
            "refused": refused.height,
            "later": single.height - counted.height,
        },
    )


def _typed(movements: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in MOVEMENTS.items()
              if name not in movements.columns]  # fmt: skip
    rows = movements.with_columns(absent).select(
        pl.col(name).cast(dtype, strict=False) for name, dtype in MOVEMENTS.items()
    )
    # The text is kept beside the number: what cannot be read is shown as it stands.
    text = (
        pl.col("moved_at").str.strip_chars().str.replace(" ", "T").str.replace(r"[zZ]$", "+00:00")
    )
    zoned = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", strict=False, time_unit="us")
    local = pl.coalesce(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us"),
        text.str.to_datetime("%Y-%m-%dT%H:%M", strict=False, time_unit="us"),
    )
    day_only = text.str.to_date("%Y-%m-%d", strict=False)
    in_zone = {"ambiguous": "earliest", "non_existent": "null"}
    rows = rows.rename({"movement_type": "kind", "qty": "qty_text"}).with_columns(
        kind=pl.col("kind").str.strip_chars().str.to_lowercase(),
        disposition=pl.col("disposition").fill_null("SELLABLE").str.to_uppercase(),
        qty=pl.when(pl.col("qty_text").str.contains(NUMBER)).then(pl.col("qty_text")),
        bare=day_only.is_not_null(),
        at=pl.coalesce(
            zoned.dt.convert_time_zone(ZONE),
            local.dt.replace_time_zone(ZONE, **in_zone),  # type: ignore[arg-type]
            day_only.cast(pl.Datetime("us")).dt.replace_time_zone(ZONE, **in_zone),  # type: ignore[arg-type]
        ),
    )
    rows = rows.with_columns(pl.col("qty").cast(QTY, strict=False), day=pl.col("at").dt.date())
    goes_out = pl.col("kind").is_in(OUTGOING) | (
        (pl.col("kind") == "other") & (pl.col("qty") < 0)
    ).fill_null(False)
    return rows.with_columns(
        rank=pl.when(pl.col("kind") == "opening").then(0).when(goes_out).then(2).otherwise(1),
        at=pl.when(pl.col("bare") & goes_out)
        .then(pl.col("at").dt.offset_by("1d") - pl.duration(microseconds=1))
        .otherwise(pl.col("at")),
    ).drop("bare")


def _balanced(counted: pl.DataFrame) -> pl.DataFrame:
    is_opening = pl.col("kind") == "opening"
    order = [*ACCOUNT, "at", "rank", "upload_id", "sheet", "row", "movement_id"]
    rows = counted.sort(order, nulls_last=True)
    statement = [*ACCOUNT, "at", "kind", "upload_id"]
    rows = rows.with_columns(
        stated=pl.when(is_opening).then(pl.col("qty").sum().over(statement)),
        bin=pl.int_range(pl.len()).over(statement),
    ).filter(~is_opening | (pl.col("bin") == 0))
    zero = pl.lit(0).cast(QTY)
    moved = (
        pl.when(is_opening).then(zero)
        .when(pl.col("kind").is_in(OUTGOING)).then(-pl.col("qty"))
        .otherwise(pl.col("qty"))
    )  # fmt: skip
    rows = rows.with_columns(
        moved=moved,
        position=pl.int_range(pl.len()).over(ACCOUNT),
    ).with_columns(total=pl.col("moved").cum_sum().over(ACCOUNT))
    # A statement fixes the balance; what came before only shifts by an offset from then on.
    rows = rows.with_columns(offset=pl.col("stated") - pl.col("total"))
    rows = rows.with_columns(offset=pl.col("offset").forward_fill().over(ACCOUNT).fill_null(zero))
    rows = rows.with_columns(balance=pl.col("total") + pl.col("offset"))
    rows = rows.with_columns(
        computed=pl.when(is_opening & (pl.col("position") > 0)).then(
            pl.col("balance").shift(1).over(ACCOUNT)
        )
    )
    effect = (
        pl.when(is_opening)
        .then(pl.col("stated") - pl.col("computed").fill_null(zero))
        .otherwise(pl.col("moved"))
    )
    component = (
        pl.when(pl.col("computed").is_not_null()).then(pl.lit("difference"))
        .otherwise(pl.col("kind"))
    )  # fmt: skip
    return rows.select(
        *ACCOUNT, "movement_id", "day", "at", "kind",
        component.alias("component"),
        effect.alias("effect"),
        "balance", "stated", "computed", "inbound_id", "reference", "upload_id", "sheet", "row",
    )  # fmt: skip
