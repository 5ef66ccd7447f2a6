"""A small world for the checks: one exporter, its catalogue, a shipment for each order."""

from datetime import date
from typing import Any

import polars as pl

from xborder.checks import Context
from xborder.checks.context import records_schema
from xborder.schemas import columns, tables
from xborder.schemas.exporters import Exporter, Shop

ON = date(2026, 11, 20)
CODE = "4414960T01"


def shop(**changes: Any) -> Shop:
    said: dict[str, Any] = {
        "id": "us", "channel": "shopify", "mode": "9610", "statistics_flag": "B",
        "customs_code": "6041", "port_code": "5349", "platform_code": "无",
        "platform_name": "Shopify", "agent_code": CODE, "agent_name": "大埔示范瓷厂",
    }  # fmt: skip
    return Shop(**(said | changes))


def exporter(*shops: Shop) -> Exporter:
    return Exporter(
        id="dapu", name="大埔示范瓷厂", code=CODE, producer_code=CODE,
        producer_name="大埔示范瓷厂", dxp_id="DXPENT0000000001", shops=shops or (shop(),),
    )  # fmt: skip


def goods(*rows: dict[str, str | None]) -> pl.DataFrame:
    basis: dict[str, Any] = {
        "sku": "CUP-1", "hs_code": "6911101900", "gname": "瓷杯", "gmodel": "0|0|瓷|餐具|否|无品牌",
        "origin_country": "CN", "unit": "011", "unit1": "035", "qty1_per_unit": "0.3",
        "net_weight": "0.3", "rebate": "N", "food_contact": "Y", "upload_id": 7,
        "file": "商品.xlsx", "sheet": "商品 Goods", "row": 5, "shop": "",
    }  # fmt: skip
    return pl.DataFrame([basis | row for row in rows or ({},)], schema=records_schema("goods"))


def shipments(*rows: dict[str, Any]) -> pl.DataFrame:
    basis: dict[str, Any] = {
        "order_no": "#1001", "logistics_code": "4404960T09", "logistics_name": "示范物流",
        "logistics_no": "SF1001", "pieces": "1", "wrap_type": "2", "gross_weight": "1.5",
        "export_date": "2026-11-23", "transport_mode": "5", "destination_port": "502",
        "upload_id": 8, "file": "发货.xlsx", "sheet": "发货 Shipments", "row": 3, "shop": "us",
    }  # fmt: skip
    return pl.DataFrame([basis | row for row in rows or ({},)], schema=records_schema("shipment"))


def lines(*rows: dict[str, Any]) -> pl.DataFrame:
    basis: dict[str, Any] = {
        "order_no": "#1001", "ordered_at": "2026-11-18T10:00:00+08:00", "sku": "CUP-1",
        "goods_name": "Cup", "qty": "2", "unit_price": "9.5", "currency": "USD", "country": "US",
        "shop": "us", "upload_id": 9, "file": "orders.csv", "sheet": "", "row": 2,
    }  # fmt: skip
    schema = {name: pl.String() for name in columns("order_line")} | {
        "shop": pl.String(), "upload_id": pl.Int64(), "file": pl.String(), "sheet": pl.String(),
        "row": pl.UInt32(), "order_row": pl.UInt32(),
    }  # fmt: skip
    made = [basis | {"row": index + 2} | row for index, row in enumerate(rows or ({},))]
    return pl.DataFrame(made, schema=schema)


def placed() -> pl.DataFrame:
    from xborder.checks import placements

    order = {name: (index, f"h_{name}") for index, name in enumerate(columns("order_line"))}
    catalogue = {name: (index, f"g_{name}") for index, name in enumerate(columns("goods"))}
    parcel = {name: (index, f"s_{name}") for index, name in enumerate(columns("shipment"))}
    return pl.concat(
        [
            placements({"": order}, 9),
            placements({"商品 Goods": catalogue}, 7),
            placements({"发货 Shipments": parcel}, 8),
        ]
    )


def context(**changes: Any) -> Context:
    said: dict[str, Any] = {
        "tables": tables.load(None), "on": ON, "exporter": exporter(), "goods": goods(),
        "shipments": shipments(), "placed": placed(),
    }  # fmt: skip
    return Context(**(said | changes))
