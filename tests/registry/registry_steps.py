"""The steps of a registry's life, short, for the tests of this folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Row, event

from xborder.registry import counters, cutoffs, database, lists, manifests, orders, uploads
from xborder.registry.exchange_tables import metadata

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)


def wipe(engine: Engine) -> None:
    """Empty every table (between the examples of a property test)."""
    names = [table.name for table in reversed(metadata.sorted_tables)]
    with database.transaction(engine) as c:
        if engine.dialect.name == "postgresql":
            c.exec_driver_sql(f"TRUNCATE {', '.join(names)}")
        else:
            for name in names:
                c.exec_driver_sql(f"DELETE FROM {name}")


def entries(*told: dict[str, object]) -> pl.DataFrame:
    """Entries of an order file; what is not told is the usual."""
    usual = {
        "digest": "content",
        "status_digest": "paid",
        "ordered_at": "2026-11-01T08:00:00+08:00",
        "cancelled": False,
        "rows": 1,
        "lines": 1,
        "first_row": 2,
    }
    return pl.DataFrame([usual | one for one in told], schema=orders.ENTRIES, orient="row")


def receive(c: Connection, name: str = "a", kind: str = "orders", shop: str = "shop") -> int:
    """An upload that landed; ``name`` stands for its bytes."""
    sha = name.encode().hex().rjust(64, "0")
    return uploads.receive(c, sha, "dapu", shop, kind, f"{name}.csv", 10, NOW).upload_id


def upload(c: Connection, name: str, *told: dict[str, object]) -> dict[str, str]:
    """An order file that was read and entered; outcome by order number."""
    upload_id = receive(c, name)
    frame = entries(*told)
    rows = int(frame["rows"].sum()) + 1
    uploads.mark_read(c, upload_id, "template_orders", "template", "orders", {"HEADER": 1}, rows)
    return dict(orders.enter(c, upload_id, frame).select("order_no", "outcome").iter_rows())


def check(c: Connection, version: str = "v1", held: tuple[str, ...] = ()) -> int:
    """Check what is open: all accepted but the orders named."""
    waiting = orders.open_orders(c, "dapu", version)
    is_held = pl.col("order_no").is_in(held)
    verdicts = waiting.select(
        "order_id",
        pl.when(is_held).then(pl.lit("held")).otherwise(pl.lit("accepted")).alias("state"),
        pl.when(is_held).then(None).otherwise(pl.lit("list")).alias("route"),
        pl.when(is_held).then(pl.lit("AWAITING_SHIPMENT")).otherwise(pl.lit("")).alias("codes"),
    )
    number = counters.draw(c, "check")
    return orders.record_check(c, "dapu", version, number, verdicts, DAY)


def issue(c: Connection) -> str | None:
    """Claim, cut off and reserve one manifest of all that is pending; its number."""
    lists.claim(c)
    waiting = lists.pending(c)
    if waiting.is_empty():
        return None
    cutoff = cutoffs.take(c, DAY, NOW)
    return str(reserve(c, cutoff, waiting["list_id"].to_list(), batch={"office": "6041"}).number)


def reserve(
    c: Connection,
    cutoff: int,
    list_ids: list[int],
    kind: str = "lists",
    exporter: str = "dapu",
    office: str = "6041",
    batch: dict[str, object] | None = None,
) -> Row[Any]:
    """One manifest of these lists."""
    plan = [manifests.NewManifest(kind, exporter, batch or {}, office)]
    assigned = pl.DataFrame(
        {"list_id": list_ids, "manifest": [0] * len(list_ids)},
        schema={"list_id": pl.Int64, "manifest": pl.UInt32},
    )
    (reserved,) = manifests.reserve_all(c, cutoff, plan, [assigned], DAY, NOW)
    return manifests.get(c, reserved)


@contextmanager
def explained(c: Connection) -> Iterator[list[str]]:
    """The steps of SQLite's plans for what runs within."""
    plans: list[str] = []

    def explain(_c, cursor, statement, values, _context, many) -> None:
        if not statement.lstrip().startswith(("EXPLAIN", "CREATE", "DROP")):
            one = values[0] if many else values
            plans.extend(row[3] for row in cursor.execute("EXPLAIN QUERY PLAN " + statement, one))

    event.listen(c, "before_cursor_execute", explain)
    yield plans
    event.remove(c, "before_cursor_execute", explain)
