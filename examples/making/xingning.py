"""Xingning (兴宁): circuit boards, hand tools and kitchen ware, sold on the firm's own site."""

from pathlib import Path

from making import channels, formats
from making.goods import XINGNING as GOODS
from making.orders import Order, alone, find, line, make, shipments

PROFILE = """\
# 虚构企业，仅供演示 | a fictional firm, for demonstration only
id = "xingning-jinggong"
name = "兴宁精工五金电子有限公司（示范）"
code = "4414960T04"
producer_code = "4414960T04"
producer_name = "兴宁精工五金电子有限公司（示范）"
dxp_id = "DXPENT0000000T04"

[[shops]]
id = "own-site"
channel = "template"
mode = "9610"
statistics_flag = "B"
customs_code = "6042"
port_code = "5301"
platform_code = "无"
platform_name = "Sample Tools Online"
transport_mode = "4"

[[shops]]
id = "tianjin-oms"
channel = "tianjin_oms"
mode = "9610"
statistics_flag = "B"
customs_code = "6042"
port_code = "5301"
platform_code = "无"
platform_name = "Sample Broker OMS"
transport_mode = "4"

# 1210 尚未启用，订单会被暂扣 | 1210 is not enabled yet: its orders are held
[[shops]]
id = "bonded"
channel = "template"
mode = "1210"
statistics_flag = "B"
customs_code = "6046"
port_code = "5317"
platform_code = "无"
platform_name = "Sample Bonded Shop"
iac_code = "4414960T91"
iac_name = "梅州综保区示范仓储有限公司"
ems_no = "T6046W000001"
transport_mode = "5"
"""

RETAIL = [sku for sku in GOODS if sku not in ("XN-CT-09", "XN-HX-08", "XN-PL-06")]
ROAD = {
    "logistics_code": "4414960T15", "logistics_name": "梅州示范跨境物流有限公司",
    "wrap_type": "6 包", "transport_mode": "4 公路运输",
}  # fmt: skip
PORTS = {"US": "3154", "GB": "1974", "AU": "3266", "CA": "3086", "JP": "1331"}
DAYS = ("2026-11-24", "2026-11-26")


def site_orders() -> list[Order]:
    """Orders of mid November, as the site's own export (CSV, GB18030)."""
    orders = make(GOODS, RETAIL, (f"XN2611{n:04d}" for n in range(1, 37)), "2026-11-10T07:20:11",
                  ("US", "GB", "AU", "US", "CA", "JP"), "USD", hours=3)  # fmt: skip
    alone(find(orders, "XN26110004"), GOODS, "XN-WR-10", "-2")
    alone(find(orders, "XN26110006"), GOODS, "XN-CT-04", "0")
    alone(
        find(orders, "XN26110008"), GOODS, "XN-KT-01", "2", unit_price="27.00", line_total="45.00"
    )
    alone(find(orders, "XN26110010"), GOODS, "XN-PCB-2L", "10", currency="US Dollars?")
    alone(find(orders, "XN26110012"), GOODS, "XN-KT-02", country="火星")
    alone(find(orders, "XN26110014"), GOODS, "XN-WR-17", ordered_at="2026-02-30 10:00:00")
    alone(find(orders, "XN26110016"), GOODS, "XN-CT-09")
    alone(find(orders, "XN26110018"), GOODS, "XN-HX-08", "2")
    alone(find(orders, "XN26110020"), GOODS, "XN-KN-05", "6").head["order_type"] = "B"
    find(orders, "XN26110022").head["status"] = "已取消"
    find(orders, "XN26110024").head["country"] = "英国"
    find(orders, "XN26110026").lines = [
        line(GOODS, "XN-PCB-6L", "120", unit_price="", line_total="1,392.00")
    ]
    alone(find(orders, "XN26110028"), GOODS, "XN-HT-05", hs_code="8204110000")
    alone(find(orders, "XN26110032"), GOODS, "XN-PL-06")
    find(orders, "XN26110030").lines[0]["goods_name"] = "-50% 精密工具套装"
    return orders


def later_orders() -> list[Order]:
    """Orders of late November (CSV, UTF-8, English headers)."""
    orders = make(GOODS, RETAIL, (f"XN2611{n:04d}" for n in range(101, 117)), "2026-11-18T06:41:53",
                  ("US", "CA", "GB"), "USD", hours=2)  # fmt: skip
    # Excel spoilt the order number in this file; the shipment file still has it.
    damaged = alone(find(orders, "XN26110105"), GOODS, "XN-KT-02")
    damaged.no, damaged.parcel = "2.6110105E+11", {"order_no": damaged.no}
    alone(find(orders, "XN26110111"), GOODS, "XN-CT-04", unit_price="")
    find(orders, "XN26110114").head["order_discount"] = "2.00"
    return orders


def large_order() -> Order:
    """One order of 101 lines: a list holds 100."""
    order = make(GOODS, RETAIL, ["XN2611-BIG"], "2026-11-19T09:00:00", ("US",), "USD")[0]
    order.lines = [line(GOODS, RETAIL[at % len(RETAIL)], str(1 + at % 4)) for at in range(101)]
    return order


def oms_orders() -> list[Order]:
    """The broker's sheet has no country, no time of order: such orders cannot be declared."""
    orders = make(GOODS, ("XN-KT-01", "XN-HT-05", "XN-CI-03"), (f"9610000261100{n}" for n in range(1, 5)),
                  "2026-11-16T09:00:00", ("US",), "RMB")  # fmt: skip
    for order in orders:
        for one in order.lines:
            one["unit_price"] = {"XN-KT-01": "189.00", "XN-HT-05": "112.00", "XN-CI-03": "218.00"}[
                one["sku"]
            ]
    return orders


def bonded_orders() -> list[Order]:
    """Orders of the 1210 shop."""
    return make(GOODS, ("XN-KT-01", "XN-KN-05"), (f"XNBD-{n:02d}" for n in range(1, 4)),
                "2026-11-17T09:00:00", ("US",), "USD")  # fmt: skip


def write(landing: Path) -> None:
    """The files of this exporter."""
    site, oms, bonded = (
        landing / "xingning-jinggong" / name for name in ("own-site", "tianjin-oms", "bonded")
    )
    priced = [{k: text for k, text in row.items() if k != "price"} for row in GOODS.values()]
    # The same SKU once more, with another weight: which is meant?
    priced.append(
        priced[-1] | {"net_weight": "0.29", "qty1_per_unit": "0.29", "gross_weight": "0.32"}
    )
    formats.template_csv(site / "01_商品备案.csv", "goods", priced, "gb18030")
    orders = site_orders()
    formats.template_csv(
        site / "02_订单_11月中旬.csv", "orders", formats.order_lines(orders), "gb18030"
    )
    formats.template_csv(
        site / "03_发货资料.csv", "shipments", shipments(orders, GOODS, ROAD, PORTS, DAYS, "MZXNA"),
        "gb18030",
    )  # fmt: skip
    later = later_orders()
    formats.template_csv(
        site / "04_orders_late_november.csv",
        "orders",
        formats.order_lines(later),
        "utf-8",
        english=True,
    )
    large = large_order()
    formats.workbook(site / "05_大订单.xlsx", "orders", formats.order_lines([large]))
    formats.workbook(
        site / "06_发货资料_补充.xlsx", "shipments",
        shipments([*later, large], GOODS, ROAD, PORTS, DAYS[1:], "MZXNB"),
    )  # fmt: skip
    orders = oms_orders()
    channels.tianjin(oms / "01_upload_orders_long.xlsx", orders)
    formats.workbook(
        oms / "02_发货资料.xlsx", "shipments", shipments(orders, GOODS, ROAD, PORTS, DAYS, "MZXNT")
    )
    orders = bonded_orders()
    formats.workbook(bonded / "01_保税订单.xlsx", "orders", formats.order_lines(orders))
    formats.workbook(
        bonded / "02_发货资料.xlsx",
        "shipments",
        shipments(orders, GOODS, ROAD, PORTS, DAYS, "MZXNG"),
    )
