"""The report out of a registry and a lake."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine

from xborder.registry import movements, tables
from xborder.registry.database import connect, migrate, reading, transaction
from xborder.registry.store import Store
from xborder.stock import book

AT = datetime(2026, 1, 6, 2, 0, tzinfo=UTC)
DAY = date(2026, 1, 6)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'registry.db'}")
    migrate(engine)
    return engine


def fill(engine: Engine, store: Store) -> None:
    """Three 9810 lists, of which one is pending, and a 9610 list."""
    with transaction(engine) as c:
        c.execute(tables.uploads.insert().values(
            id=1, sha256="0" * 64, exporter="dapu", shop="", kind="stock", file_name="f.xlsx",
            size=1, received_at=AT, business_date=DAY, state="read", rows=0, original="kept",
        ))  # fmt: skip
        c.execute(tables.shops.insert().values(
            id=1, exporter="dapu", channel="template", shop="w", volume=1, orders=4
        ))  # fmt: skip
        c.execute(tables.cutoffs.insert().values(id=1, business_date=DAY, taken_at=AT))
        for number, mode in ((1, "9810"), (2, "9610")):
            c.execute(tables.manifests.insert().values(
                id=number, number=f"XB604120260106{number:05d}", kind="lists", cutoff_id=1,
                business_date=DAY, exporter="dapu", customs_code="6041", lists=1, app_time=AT,
                batch={"key": {"tradeMode": mode}}, state="published",
            ))  # fmt: skip
        for number, manifest in ((1, 1), (2, 1), (3, None), (4, 2)):
            c.execute(tables.orders.insert().values(
                id=number, shop_id=1, order_no=f"W-{number}", upload_id=1, digest="d",
                status_digest="s", cancelled=False, proposed_cancellation=False, codes="",
                state="declared" if manifest else "accepted", check_id=7,
            ))  # fmt: skip
            c.execute(tables.lists.insert().values(
                id=number, order_id=number, version=1, live=True, cop_no=f"XB{number}",
                state="issued" if manifest else "pending", route="list",
                check_id=7, manifest_id=manifest, app_type="1",
            ))  # fmt: skip
    heads = pl.DataFrame({
        "order_id": [1, 2, 3, 4], "warehouse": ["ONT8"] * 4,
        "inbound_id": ["IN-1", "IN-2", "x", "y"],
        "tradeMode": ["9810"] * 3 + ["9610"], "ieDate": ["20260107"] * 4,
    })  # fmt: skip
    items = pl.DataFrame({
        "order_id": [1, 1, 2, 3, 4], "gnum": [2, 1, 1, 1, 1], "sku": ["B", "A", "A", "A", "A"],
        "qty": ["5", "7.5", "3", "9", "9"], "unit": ["011"] * 5,
    })  # fmt: skip
    store.write_parquet(heads, "lake", "checked_orders", "00000007", "heads.parquet")
    store.write_parquet(items, "lake", "checked_orders", "00000007", "items.parquet")


def test_an_empty_home_has_an_empty_report(engine, tmp_path):
    with reading(engine) as c:
        made = book.build(c, Store(tmp_path.as_uri()), DAY)
    assert {frame.height for frame in made.frames().values()} == {0}


def test_only_issued_lists_of_the_mode_are_declared(engine, tmp_path):
    store = Store(tmp_path.as_uri())
    fill(engine, store)
    with reading(engine) as c:
        lines = book.declared_lines(c, store)
    assert lines.select("order_no", "sku", "qty").rows() == [
        ("W-1", "A", "7.5"), ("W-1", "B", "5"), ("W-2", "A", "3"),
    ]  # fmt: skip
    assert lines.row(0, named=True) == {
        "exporter": "dapu", "warehouse": "ONT8", "inbound_id": "IN-1", "order_no": "W-1",
        "cop_no": "XB1", "manifest": "XB60412026010600001", "sku": "A", "qty": "7.5",
        "unit": "011", "export_date": "2026-01-07", "issued_at": AT.isoformat(), "route": "list",
    }  # fmt: skip


def test_booked_movements_meet_the_declared_lines(engine, tmp_path):
    store = Store(tmp_path.as_uri())
    fill(engine, store)
    told = pl.DataFrame({
        "movement_id": ["M1", "M2"], "moved_at": ["2026-02-01", "2026-02-03T10:00:00-05:00"],
        "warehouse": ["ONT8"] * 2, "sku": ["A"] * 2, "disposition": ["SELLABLE"] * 2,
        "movement_type": ["received", "sold"], "qty": ["6", "2"], "inbound_id": ["IN-1", None],
        "sheet": ["S"] * 2, "row": [2, 3],
    })  # fmt: skip
    with transaction(engine) as c:
        movements.enter(c, 1, "dapu", told)
    with reading(engine) as c:
        made = book.build(c, store, date(2026, 2, 28), {"dapu": "大埔"})
    row = made.chain.filter(pl.col("sku") == "A").row(0, named=True)
    assert (row["declared"], row["received"], row["sold"], row["closing"]) == (10.5, 6, 2, 4)
    assert made.in_transit["in_transit"].sum() == pl.Series([1.5 + 5 + 3]).sum()
    assert made.exceptions["code"].to_list() == ["SHORT_RECEIPT"] * 2
