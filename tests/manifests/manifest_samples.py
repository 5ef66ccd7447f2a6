"""Checked content as the checks room stores it: heads and goods lines of fictional lists."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine

from xborder.clock import fixed
from xborder.manifests import batches
from xborder.manifests.batches import Manifest
from xborder.manifests.group import KEY, Group
from xborder.manifests.group import group as put_together
from xborder.registry import lists, orders, uploads
from xborder.registry.database import connect, migrate, transaction
from xborder.registry.store import Store
from xborder.settings import Settings, load

SHARED = Path(__file__).parents[2].parent / "shared"
NAMESPACE = "{http://www.chinaport.gov.cn/ceb}"

HEAD = {
    "exporter": "dapu-ciyun",
    "channel": "shopify",
    "shop": "shopify-us",
    "order_no": "#1001",
    "route": "list",
    "customsCode": "6041",
    "ebpCode": "无",
    "ebpName": "Shopify",
    "orderNo": "#1001",
    "logisticsCode": "4414980001",
    "logisticsName": "梅州示例国际货运有限公司",
    "logisticsNo": "XB0000000001CN",
    "ieFlag": "E",
    "portCode": "5349",
    "ieDate": "20261122",
    "statisticsFlag": "B",
    "agentCode": "4414960XXX",
    "agentName": "大埔瓷韵陶瓷有限公司",
    "ebcCode": "4414960XXX",
    "ebcName": "大埔瓷韵陶瓷有限公司",
    "ownerCode": "4414960XXX",
    "ownerName": "大埔瓷韵陶瓷有限公司",
    "iacCode": None,
    "iacName": None,
    "emsNo": None,
    "tradeMode": "9610",
    "trafMode": "5",
    "trafName": None,
    "voyageNo": None,
    "billNo": "112-12345678",
    "totalPackageNo": None,
    "loctNo": None,
    "licenseNo": None,
    "country": "502",
    "POD": "3154",
    "freight": "0",
    "fCurrency": "502",
    "fFlag": "3",
    "insuredFee": "0",
    "iCurrency": "502",
    "iFlag": "3",
    "wrapType": "2",
    "packNo": "1",
    "grossWeight": "2.4",
    "netWeight": "2.1",
    "note": None,
    "orderType": "E",
    "goodsValue": "49.98",
    "orderFreight": "5.5",
    "orderCurrency": "502",
    "value_cny": "355.36",
    "dxpId": "DXPENT0000000001",
    "warehouse": None,
    "inbound_id": None,
}

ITEM = {
    "gnum": 1,
    "itemNo": "TC-CUP-01",
    "itemRecordNo": None,
    "itemName": "青花茶杯",
    "gcode": "6911101100",
    "gname": "瓷制茶杯",
    "gmodel": "0|0|瓷制|饮茶用|瓷韵牌|TC-01",
    "barCode": None,
    "country": "502",
    "currency": "502",
    "qty": "2",
    "qty1": "0.84",
    "qty2": None,
    "unit": "007",
    "unit1": "035",
    "unit2": None,
    "price": "24.99",
    "totalPrice": "49.98",
    "note": None,
    "itemDescribe": None,
    "sku": "TC-CUP-01",
    "sheet": "orders",
    "row": "2",
}

ISSUED = {
    "guid": "8F6D7A3C-2B41-5C1E-9B0A-0D3F5E7A9B1C",
    "copNo": "XB202611220000000001",
    "appType": "1",
    "appTime": "20261122120000",
    "appStatus": "2",
    "preNo": None,
    "invtNo": None,
    "orderGuid": "0A1B2C3D-2B41-5C1E-9B0A-0D3F5E7A9B1C",
}

TRANSFER = {"copCode": "4414960XXX", "copName": "大埔瓷韵陶瓷有限公司", "dxpId": "DXPENT0000000001"}


def schema_file() -> Path | None:
    """The official XSD of the export messages, where it is on this machine."""
    folder = SHARED / "ceb" / "xsd-2022-05"
    return next(iter(sorted(folder.glob("*出口业务节点报文定义202205.xsd"))), None)


Rows = list[dict[str, object]]


def head_rows(count: int, **changed: object) -> Rows:
    """Heads of lists 1 to ``count``, each with numbers of its own."""
    return [
        HEAD
        | ISSUED
        | {
            "list_id": number,
            "order_id": 1000 + number,
            "order_no": f"#{1000 + number}",
            "orderNo": f"#{1000 + number}",
            "logisticsNo": f"XB{number:010d}CN",
            "copNo": f"XB20261122{number:010d}",
        }
        | changed
        for number in range(1, count + 1)
    ]


def item_rows(heads: Rows, lines: int = 1, **changed: object) -> Rows:
    """Goods lines of some heads; the second line onwards weighs and costs a little more."""
    return [
        ITEM | {"list_id": head["list_id"], "order_id": head["order_id"], "gnum": gnum} | changed
        for head in heads
        for gnum in range(1, lines + 1)
    ]


def frame(rows: Rows) -> pl.DataFrame:
    """Rows as the store holds them: ids Int64, gnum UInt16, all else String."""
    types = {"list_id": pl.Int64, "order_id": pl.Int64, "gnum": pl.UInt16}
    schema = {name: types.get(name, pl.String) for row in rows[:1] for name in row}
    return pl.DataFrame(rows, schema=schema, orient="row")


NAMES = {
    "country": {"CN": "中国"},
    "country.customs": {"502": "美国"},
    "currency.customs": {"502": "美元"},
    "customs_office": {"6041": "梅州海关", "5349": "大鹏海关"},
    "port": {"3154": "洛杉矶"},
    "statistics_flag": {"B": "汇总申报"},
    "trade_mode": {"9610": "跨境贸易电子商务", "9710": "跨境电商B2B直接出口"},
    "transport_mode": {"5": "航空运输"},
    "unit": {"007": "个", "035": "千克"},
    "wrap_type": {"2": "纸箱"},
}


def manifest(**changed: object) -> Manifest:
    """A manifest of fictional lists, issued at noon of 2026-11-22 (Asia/Shanghai)."""
    key = {name: str(HEAD[name]) for name in batches.KEY}
    said = {
        "number": "XB60412026112200001",
        "kind": "lists",
        "issued_at": datetime(2026, 11, 22, 4, 0, tzinfo=UTC),
        "key": key,
        "transfer": TRANSFER,
        "app_status": "2",
        "lists_per_message": 100,
        "names": NAMES,
    }
    return Manifest(**(said | changed))


DAY = date(2026, 11, 22)
NOON = "2026-11-22T12:00:00+08:00"


def home(folder: Path, heads: Rows, lines: int = 1, **changed: object) -> Settings:
    """A home in which the given orders were taken in, checked and claimed; none is issued."""
    settings = load(folder, **changed)
    engine, store = connect(settings.database), Store(settings.storage)
    migrate(engine)
    with fixed("2026-11-22T11:00:00+08:00"), transaction(engine) as c:
        by_exporter = frame(heads).partition_by("exporter", as_dict=True, maintain_order=True)
        for number, ((exporter,), part) in enumerate(by_exporter.items(), start=1):
            taken_in(c, store, str(exporter), number, part, lines)
        lists.claim(c)
    engine.dispose()
    return settings


def taken_in(
    c: Connection, store: Store, exporter: str, check_id: int, heads: pl.DataFrame, lines: int
) -> None:
    """One exporter's orders, as the registry and the lake hold them after their check."""
    sha256 = f"{exporter}{check_id}".encode().hex().rjust(64, "0")
    upload = uploads.receive(
        c,
        sha256,
        exporter,
        "shopify-us",
        "orders",
        "orders.csv",
        1,
        datetime(2026, 11, 22, 3, tzinfo=UTC),
    ).upload_id
    uploads.mark_read(c, upload, "shopify_orders", "shopify", "orders", {}, len(heads))
    entries = heads.select(
        "order_no",
        digest=pl.lit("a"),
        status_digest=pl.lit("b"),
        ordered_at=pl.lit("2026-11-20T10:00:00Z"),
        cancelled=pl.lit(value=False),
        rows=pl.lit(1),
        lines=pl.lit(1),
        first_row=pl.int_range(2, pl.len() + 2),
    )
    ids = orders.enter(c, upload, entries).select("order_no", "order_id")
    known = heads.drop("list_id", "order_id", *ISSUED).join(ids, on="order_no")
    goods = frame(item_rows(known.with_columns(list_id="order_id").to_dicts(), lines))
    place = ("lake", "checked_orders", f"{check_id:08d}")
    store.write_parquet(known, *place, "heads.parquet")
    known_goods = goods.drop("list_id").with_columns(upload_id=pl.lit(upload, pl.Int64))
    store.write_parquet(known_goods, *place, "items.parquet")
    verdicts = known.select("order_id", "route", state=pl.lit("accepted"), codes=pl.lit(""))
    orders.record_check(c, exporter, "v1", check_id, verdicts, DAY)


def opened(settings: Settings) -> tuple[Engine, Store]:
    """The registry and the store of a home."""
    return connect(settings.database), Store(settings.storage)


def group(
    manifests: list[Manifest], counts: list[int], heads: pl.DataFrame, items: pl.DataFrame
) -> Group:
    """A group of frames: the goods lines may come in any order, those of other lists are left out."""
    place = {one: at for at, one in enumerate(heads[KEY])}
    items = items.filter(pl.col(KEY).is_in(heads[KEY].implode()))
    items = items.sort(pl.col(KEY).replace_strict(place), pl.col("gnum").cast(pl.Int64))
    of = np.array([place[one] for one in items[KEY]], dtype=np.int64)
    return put_together(manifests, counts, heads, items, np.bincount(of, minlength=len(heads)))


def at_once(run: Callable[[], None], times: int = 4) -> None:
    """Run it so many times at once."""
    threads = [threading.Thread(target=run) for _ in range(times)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
