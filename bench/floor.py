"""The floor: input and output of the job (``job.py``) and nothing between, as one process.

    python bench/floor.py DATA HOME OUT

HOME is the home that the job left. Measured is only what a program without a single check
would have to do as well: read the CSV files as text, write the Parquet files of HOME's lake
again (same tables, same row groups, same writer), and write the bytes of its 303 and 603
messages from columns that hold every element's text already. Loading these is not measured.
Ends with an error when a message differs from the job's by a byte.
"""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.process import stage, tell

DATA, HOME, OUT = (Path(one) for one in sys.argv[1:4])

with stage("start"):
    import xborder

    xborder.prepare_for_blocks()  # as the job does

    import polars as pl
    import pyarrow.parquet as pq

    from xborder import clock
    from xborder.manifests import messages
    from xborder.registry import lists, manifests
    from xborder.registry.home import open_home
    from xborder.registry.store import Store

TEXT = 16 << 20
"""Bytes of CSV read at a time."""

LISTS = 16_000
"""Lists, at least, whose messages are written by one pass."""

ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def read_as_text(file: Path) -> None:
    """Every block of whole lines becomes a frame of texts."""
    with stage("text"), file.open("rb") as source:
        head, rest = source.readline(), b""
        while piece := source.read(TEXT):
            whole = rest + piece
            cut = whole.rfind(b"\n") + 1
            rest = whole[cut:]
            pl.read_csv(head + whole[:cut], infer_schema=False)


def write_again(store: Store, file: Path, name: str) -> None:
    """A Parquet file, row group by row group."""
    table = pq.ParquetFile(file)
    with store.write_blocks("lake", name) as writer:
        for group in range(table.num_row_groups):
            frame: Any = pl.from_arrow(table.read_row_group(group))
            with stage("Parquet"):
                writer.write(frame)


class Prepared(NamedTuple):
    """Messages of one kind: a row each, and the text of each element of heads and items."""

    kind: str
    messages: pl.DataFrame
    heads: pl.DataFrame
    items: pl.DataFrame


def leaves(kind: str, parent: str) -> Iterator[messages.Field]:
    """The elements with a value below another, in document order."""
    for one in messages.fields(kind):
        if one.parent == parent and one.type == "node":
            yield from leaves(kind, one.element)
        elif one.parent == parent and one.type != "each":
            yield one


def values(kind: str, parent: str, frame: pl.DataFrame) -> list[pl.Expr]:
    """Each element's text: its first source that has one, or its default."""
    told = []
    for one in leaves(kind, parent):
        found = [pl.col(name).cast(pl.String) for name in one.sources if name in frame.columns]
        value = pl.coalesce(*(pl.when(each != "").then(each) for each in found),
                            pl.lit(one.default or None, pl.String))  # fmt: skip
        if one.type == "N":
            cut = value.str.strip_chars_end("0").str.strip_chars_end(".")
            value = pl.when(value.str.contains(".", literal=True)).then(cut).otherwise(value)
        told.append(value.alias(f"{one.parent}.{one.element}"))
    return told


def element(kind: str, name: str) -> pl.Expr:
    """An element with all below it, of the columns that ``values`` made."""
    parts: list[pl.Expr] = [pl.lit(f"\n<ceb:{name}>")]
    for one in messages.fields(kind):
        if one.parent != name:
            continue
        if one.type == "node":
            parts.append(element(kind, one.element))
        elif one.type == "each":
            parts.append(pl.col("lines"))
        else:
            value = pl.col(f"{one.parent}.{one.element}")
            if one.type == "C":
                value = value.str.replace_many(ESCAPES)
            parts.append(pl.concat_str(pl.lit(f"<ceb:{one.element}>"), value,
                                       pl.lit(f"</ceb:{one.element}>")))  # fmt: skip
    return pl.concat_str(*parts, pl.lit(f"</ceb:{name}>"), ignore_nulls=True)


ENTITY = {"CEB303": ("Order", "OrderList"), "CEB603": ("Inventory", "InventoryList")}


def prepared(home: Path) -> Iterator[Prepared]:
    """The issued lists of a home, some whole manifests at a time, in the order to write."""
    at = open_home(home)
    checks = sorted((home / "lake" / "checked_orders").iterdir())
    heads, items = (
        pl.concat([pl.read_parquet(check / f"{name}.parquet") for check in checks])
        for name in ("heads", "items")
    )
    with at.engine.connect() as connection:
        rows = [manifests.get(connection, one) for (one,) in connection.exec_driver_sql(
            "SELECT id FROM manifests ORDER BY id")]  # fmt: skip
        parts: list[pl.DataFrame] = []
        for place, row in enumerate(rows, start=1):
            listed = lists.of_manifests(connection, [row.id]).drop("manifest_id")
            parts.append(listed.with_columns(
                pl.lit(row.number).alias("number"),
                (pl.int_range(pl.len()) // row.batch["lists_per_message"] + 1).alias("sequence"),
                pl.lit(clock.app_time(row.app_time)).alias("appTime"),
                pl.lit(row.batch["app_status"]).alias("appStatus"),
                pl.lit(json.dumps(row.batch["transfer"])).alias("transfer"),
                pl.col("cop_no").alias("copNo"),
                pl.col("app_type").alias("appType"),
                pl.Series("orderGuid", [
                    str(uuid.uuid5(uuid.UUID(one), "CEB303")).upper() for one in listed["guid"]
                ]),
            ))  # fmt: skip
            if sum(part.height for part in parts) >= LISTS or place == len(rows):
                listed = pl.concat(parts)
                parts = []
                for kind in ENTITY:
                    yield _prepared(kind, listed, heads, items)


def _prepared(
    kind: str, listed: pl.DataFrame, heads: pl.DataFrame, items: pl.DataFrame
) -> Prepared:
    entity, line = ENTITY[kind]
    own = listed.join(heads, on="order_id", maintain_order="left", suffix="_")
    goods = own.select("list_id", "order_id").join(
        items, on="order_id", maintain_order="left_right"
    )
    each = own.group_by("number", "sequence", maintain_order=True).agg(
        pl.len().alias("size"), pl.col("transfer").first()
    )
    base = [
        pl.DataFrame([json.loads(one)]).pipe(lambda frame: frame.select(
            *values(kind, "BaseTransfer", frame)).select(element(kind, "BaseTransfer"))).item()
        for one in each["transfer"]
    ]  # fmt: skip
    roots = [
        messages.guid(number, kind, str(sequence))
        for number, sequence in each.select("number", "sequence").iter_rows()
    ]
    told = each.select(
        "number",
        "sequence",
        "size",
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<ceb:{kind}Message xmlns:ceb="{messages.NAMESPACE}" guid="'
            + pl.Series("opening", roots) + f'" version="{messages.VERSION}">'
        ).alias("opening"),
        (pl.Series("closing", base) + f"\n</ceb:{kind}Message>\n").alias("closing"),
    )  # fmt: skip
    return Prepared(
        kind,
        told,
        own.select("list_id", *values(kind, entity, own)),
        goods.select("list_id", *values(kind, line, goods)),
    )


def write(one: Prepared, out: Path) -> None:
    """Write messages as the job does: at most 100 entities each, one file a message."""
    entity, line = ENTITY[one.kind]
    with stage("messages"):
        lines = one.items.select("list_id", element(one.kind, line).alias("lines"))
        joined = lines.group_by("list_id", maintain_order=True).agg(pl.col("lines").str.join(""))
        entities = one.heads.with_columns(joined["lines"]).select(element(one.kind, entity))
        # One buffer of text: a message is a slice of it, and nothing is copied once more.
        text: Any = entities.to_series().to_arrow(compat_level=pl.CompatLevel.oldest())
        _, ends, data = text.buffers()
        at, start = memoryview(ends).cast("q"), 0
        for number, sequence, size, opening, closing in one.messages.iter_rows():
            (out / number).mkdir(exist_ok=True)
            with (out / number / f"{one.kind}_{sequence:04d}.xml").open("wb", 0) as file:
                body = memoryview(data)[at[start] : at[start + size]]
                os.writev(file.fileno(), [opening.encode(), body, closing.encode()])
            start += size


for name in ("goods", "orders", "shipments"):
    read_as_text(DATA / f"{name}.csv")

OUT.mkdir(parents=True)
again = Store(OUT.as_uri())
lake = HOME / "lake"
for file in sorted(lake.rglob("*.parquet")):
    write_again(again, file, "-".join(file.relative_to(lake).parts))
for some in prepared(HOME):
    write(some, OUT)

written = sorted(OUT.glob("*/*.xml"))
made = {f"{one.parent.name}/{one.name}": one for one in HOME.glob("manifests/*/*/*.xml")}
if {f"{one.parent.name}/{one.name}" for one in written} != made.keys():
    sys.exit("the floor wrote other messages than the job")
for one in written:
    if one.read_bytes() != made[f"{one.parent.name}/{one.name}"].read_bytes():
        sys.exit(f"{one}: not the bytes that the job wrote")
tell(messages=len(written))
