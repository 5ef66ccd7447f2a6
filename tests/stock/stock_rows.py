"""Movements and declared lines in the shape in which the registry hands them over."""

from typing import Any

import polars as pl

from xborder.stock.chain import DECLARED
from xborder.stock.entries import MOVEMENTS


def movements(*rows: dict[str, Any]) -> pl.DataFrame:
    """Movements; what a test does not say is filled in."""
    standard = {
        "exporter": "dapu", "warehouse": "ONT8", "sku": "A", "disposition": "SELLABLE",
        "reference": None, "inbound_id": None, "upload_id": 1, "sheet": "S",
    }  # fmt: skip
    full = [
        standard | {"movement_id": f"M{at:04d}", "row": at + 2} | row for at, row in enumerate(rows)
    ]
    columns = {"moved_at": pl.String, "movement_type": pl.String, "qty": pl.String}
    return pl.DataFrame(full, schema=dict(MOVEMENTS) | columns, orient="row", strict=False)


def declared(*rows: dict[str, str | None]) -> pl.DataFrame:
    """Declared lines; what a test does not say is filled in."""
    standard = {
        "exporter": "dapu", "warehouse": "ONT8", "sku": "A", "unit": "011", "route": "list",
        "manifest": "XB60412026010100001", "inbound_id": "IN-1", "order_no": "W-1",
        "cop_no": "XB1", "export_date": "2026-01-05", "issued_at": "2026-01-04T08:00:00+08:00",
    }  # fmt: skip
    return pl.DataFrame(
        [standard | row for row in rows], schema=dict.fromkeys(DECLARED, pl.String), orient="row"
    )


def move(day: str, kind: str, qty: object, **more: Any) -> dict[str, Any]:
    """One movement, in short."""
    return {"moved_at": day, "movement_type": kind, "qty": str(qty)} | more
