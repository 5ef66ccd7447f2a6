"""Two orders of one exporter that customs would take for one: which of them is told."""

from dataclasses import replace
from pathlib import Path

import polars as pl
from registry_steps import check, entries, issue, receive
from sqlalchemy import Connection, Engine

from xborder.registry import database, order_numbers, orders, uploads
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter, Shop


def _shop(name: str, prefix: str = "", code: str = "无") -> Shop:
    own = ("template", "9610", "B", "6041", "5317", code, "Sample", "4414960T01", "示例")
    return replace(Shop(name, *own), order_prefix=prefix)


def _exporter(*shops: Shop) -> Exporter:
    return Exporter("dapu", "示例", "4414960T01", "4414960T01", "示例", "DXP", shops)


def _hand_in(c: Connection, shop: str, *numbers: str) -> None:
    upload_id = receive(c, shop, shop=shop)
    frame = entries(*({"order_no": one} for one in numbers))
    uploads.mark_read(c, upload_id, "template_orders", "template", "orders", {}, len(numbers))
    orders.enter(c, upload_id, frame)


def _taken(c: Connection, store: Store, *shops: Shop) -> list[tuple[str, ...]]:
    found = order_numbers.taken(c, store, _exporter(*shops))
    return [row[:4] for row in found.sort("shop", "order_no").rows()]


def test_the_order_that_came_later_is_told(engine: Engine, tmp_path: Path) -> None:
    store = Store(tmp_path.as_uri())
    with database.transaction(engine) as c:
        _hand_in(c, "us", "1", "2", "S-3", "T1")
        _hand_in(c, "eu", "2", "3", "1")
        assert _taken(c, store, _shop("us"), _shop("eu")) == [
            ("eu", "1", "us", "1"), ("eu", "2", "us", "2"),
        ]  # fmt: skip
        (told,) = order_numbers.taken(c, store, _exporter(_shop("us"), _shop("eu"))).filter(
            pl.col("order_no") == "2"
        ).to_dicts()  # fmt: skip
        assert (told["place"], told["declared_no"]) == ("us.csv R2", "2")
        # A prefix may free the numbers, or make others alike.
        assert _taken(c, store, _shop("us"), _shop("eu", "S-")) == [("eu", "3", "us", "S-3")]
        assert _taken(c, store, _shop("us", "S"), _shop("eu", "ST")) == [("eu", "1", "us", "T1")]
        assert _taken(c, store, _shop("us", "A"), _shop("eu", "B")) == []
        assert _taken(c, store, _shop("us"), _shop("eu", code="4414960T77")) == []
        # Of one shop, and of one whose profile is gone, nothing is known to clash.
        assert _taken(c, store, _shop("us")) == []


def test_what_is_accepted_or_declared_goes_before(engine: Engine, tmp_path: Path) -> None:
    store = Store(tmp_path.as_uri())
    both = (_shop("us"), _shop("eu"))
    with database.transaction(engine) as c:
        _hand_in(c, "us", "1", "2")
        _hand_in(c, "eu", "1", "2")
        c.exec_driver_sql("UPDATE orders SET state = 'excluded', open = false WHERE id IN (1, 2)")
        assert _taken(c, store, *both) == []
        check(c)
        c.exec_driver_sql("UPDATE orders SET state = 'held', open = true WHERE id IN (1, 2)")
        assert _taken(c, store, *both) == [("us", "1", "eu", "1"), ("us", "2", "eu", "2")]
        issue(c)
        where = ("lake", "checked_orders", "00000001", "heads.parquet")
        named = dict.fromkeys(("ebcCode", "logisticsCode", "logisticsNo"), "x")
        heads = pl.DataFrame({"order_id": [3, 4], "ebpCode": ["无", "CODE"], "orderNo": ["1", "2"]})
        store.write_parquet(heads.with_columns(**{k: pl.lit(v) for k, v in named.items()}), *where)
        # What the lists say counts, not what the profile says by now.
        assert _taken(c, store, *both) == [("us", "1", "eu", "1")]
        assert _taken(c, store, _shop("us"), _shop("eu", "E")) == [("us", "1", "eu", "1")]
        assert _taken(c, store, _shop("us", code="CODE"), _shop("eu")) == [("us", "2", "eu", "2")]
