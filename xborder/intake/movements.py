"""What a warehouse's event means as a movement, and sums over an order's lines."""

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from xborder.findings import Finding
from xborder.intake.numbers import CANONICAL, canonical

Finds = list[Finding]


def derive(
    frame: pl.DataFrame, events: Mapping[str, Any], sheet: str, seen: dict[str, int]
) -> tuple[pl.DataFrame, Finds]:
    """Movement type, positive quantity and a stable id from a ledger of signed events.

    ``events`` (the layout's table): ``plus`` and ``minus`` name the movement type by event
    and sign, ``plus_reason`` and ``minus_reason`` by reason where the event decides nothing.
    An event whose sign contradicts its type becomes ``other`` with its sign kept. The id is a
    hash of the row's content and its occurrence in the file: the same ledger, exported again
    with more days, yields the same ids. ``seen`` counts them from block to block.
    """
    types, quantities, ids = [], [], []
    findings: Finds = []
    content = [name for name in frame.columns if name not in ("row", "order_row", "order_no")]
    for row in frame.to_dicts():
        event = (row.get("x_event") or "").casefold()
        reason = (row.get("reason") or "").casefold()
        qty = row.get("qty") or ""
        sign = "minus" if qty.startswith("-") else "plus"
        kind = events[sign].get(event) or events[f"{sign}_reason"].get(reason)
        known = {*events["plus"], *events["minus"], *events.get("by_reason", ())}
        if event not in known:
            findings.append(
                Finding(
                    "EVENT_UNKNOWN", sheet=sheet, row=row["row"], value=row.get("x_event") or ""
                )
            )
        if event not in events.get("by_reason", ()):
            kind = events[sign].get(event)
        types.append(kind or "other")
        quantities.append(qty.removeprefix("-") if kind else qty)
        text = "\x1f".join(row[name] or "" for name in content)
        seen[text] = seen.get(text, 0) + 1
        digest = hashlib.sha256(f"{text}\x1f{seen[text]}".encode()).hexdigest()
        ids.append(f"{events.get('prefix', '')}{digest[:24]}")
    frame = frame.with_columns(
        pl.Series("movement_type", types, dtype=pl.String),
        pl.Series("qty", quantities, dtype=pl.String),
        pl.Series("movement_id", ids, dtype=pl.String),
    )
    received = pl.col("movement_type") == "received"
    inbound = pl.when(received).then(pl.col("reference")) if "reference" in frame.columns else None
    if inbound is not None:
        frame = frame.with_columns(inbound_id=inbound)
    if "x_country" in frame.columns and "warehouse" in frame.columns:
        frame = frame.with_columns(warehouse=pl.coalesce("warehouse", "x_country"))
    if "x_moment" in frame.columns and "moved_at" in frame.columns:
        frame = frame.with_columns(moved_at=pl.coalesce("x_moment", "moved_at"))
    return frame, findings


def summed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """An amount given line by line, as the order's sum on each of its lines.

    Where a line's amount is no number the column stays as written.
    """
    texts = frame[name].drop_nulls()
    if not all(CANONICAL.fullmatch(text) and len(text) < 19 for text in texts.unique()):
        return frame
    amount = pl.col(name).cast(pl.Decimal(38, 10))
    total = frame.select(
        pl.when(pl.col("order_no").is_null())
        .then(amount)
        .otherwise(amount.sum().over("order_no"))
        .cast(pl.String)
        .alias(name)
    )[name]
    distinct = total.drop_nulls().unique().to_list()
    short = [canonical(text) for text in distinct]
    return frame.with_columns(total.replace(distinct, short).alias(name))
