"""Dapu (大埔): a porcelain works that sells by two Shopify shops and to foreign wholesalers."""

from pathlib import Path

from making import channels, formats
from making.goods import DAPU as GOODS
from making.orders import Order, alone, find, line, make, shipments

PROFILE = """\
# 虚构企业，仅供演示 | a fictional firm, for demonstration only
id = "dapu-ciyun"
name = "大埔瓷韵陶瓷有限公司（示范）"
code = "4414960T01"
producer_code = "4414960T01"
producer_name = "大埔瓷韵陶瓷有限公司（示范）"
dxp_id = "DXPENT0000000T01"
contact = "示范联系人"

[[shops]]
id = "shopify-us"
channel = "shopify"
mode = "9610"
statistics_flag = "B"
customs_code = "6041"
port_code = "5317"
platform_code = "无"
platform_name = "Shopify"
transport_mode = "5"
time_zone = "America/Los_Angeles"

[[shops]]
id = "shopify-eu"
channel = "shopify"
mode = "9610"
statistics_flag = "B"
customs_code = "6041"
port_code = "5317"
platform_code = "无"
platform_name = "Shopify"
order_prefix = "EU-"
transport_mode = "5"
time_zone = "Europe/Berlin"

[[shops]]
id = "b2b"
channel = "template"
mode = "9710"
statistics_flag = "A"
customs_code = "6041"
port_code = "6020"
platform_code = "无"
platform_name = "Sample Wholesale Market"
agent_code = "4414980T90"
agent_name = "梅州示范报关有限公司"
transport_mode = "2"
"""

PLANTED = ("DP-TR-031", "DP-JG-032", "DP-CH-033", "DP-LD-034")
RETAIL = [sku for sku in GOODS if sku not in PLANTED and not sku.startswith("DP-W-")]
AIR = {
    "logistics_code": "4403960T11", "logistics_name": "示范国际物流（深圳）有限公司",
    "wrap_type": "2 纸箱", "transport_mode": "5 航空运输",
}  # fmt: skip
SEA = {
    "logistics_code": "4405960T12", "logistics_name": "汕头示范船务有限公司", "wrap_type": "5 托盘",
    "transport_mode": "2 水路运输", "transport_name": "SAMPLE STAR", "voyage_no": "261E",
}  # fmt: skip
US = {"US": "3154", "CA": "3089"}
EU = {"DE": "2110", "FR": "2176", "NL": "2309"}
DAYS = ("2026-11-24", "2026-11-26")
"""Few export dates: a manifest holds one, so that manifests are full rather than many."""


def us_orders() -> tuple[list[Order], list[Order]]:
    """The first export, and the later one, which begins with four orders of the first."""
    orders = make(GOODS, RETAIL, (f"#{1001 + n}" for n in range(57)), "2026-11-10T08:12:31",
                  ("US", "US", "CA", "US"), "USD", hours=4)  # fmt: skip
    first, later = orders[:54], orders[54:]
    for number in ("#1004", "#1015", "#1026"):
        find(first, number).head["discount"] = "5.00"
    find(first, "#1009").lines[0]["line_discount"] = "1.00"
    alone(
        find(first, "#1008"), GOODS, "DP-NEW-099", goods_name="Porcelain teapot", unit_price="35.00"
    )
    alone(find(first, "#1011"), GOODS, "DP-BW-001", unit_price="")
    alone(find(first, "#1013"), GOODS, "DP-MG-004").head |= {
        "Financial Status": "voided", "Cancelled at": "2026-11-13 09:00:00 -0800",
    }  # fmt: skip
    find(first, "#1016").lines.append(
        line(GOODS, "DP-GIFTCARD", "1", goods_name="Gift card", unit_price="25.00", ships="false")
    )
    alone(find(first, "#1018"), GOODS, "DP-VS-006").country = "CN"
    alone(find(first, "#1020"), GOODS, "DP-TR-031")
    alone(find(first, "#1022"), GOODS, "DP-JG-032")
    alone(find(first, "#1025"), GOODS, "DP-CH-033")
    alone(find(first, "#1027"), GOODS, "DP-LD-034")
    alone(find(first, "#1029"), GOODS, "DP-TS-003", "2").parcel = {"gross_weight": "3.9"}
    alone(find(first, "#1032"), GOODS, "DP-FG-007").parcel = None
    alone(find(first, "#1040"), GOODS, "DP-OR-009")
    find(first, "#1034").head |= {
        "Financial Status": "partially_refunded", "Refunded Amount": "3.00",
    }  # fmt: skip
    alone(find(first, "#1036"), GOODS, "DP-PT-008")
    alone(find(first, "#1038"), GOODS, "DP-GB-012")
    again = [
        Order(o.no, o.at, o.country, o.currency, o.lines, dict(o.head), {}) for o in first[-4:]
    ]
    # Since the first export #1053 was changed to more pieces, and #1054 was cancelled.
    changed = find(again, "#1053")
    changed.lines = [one | {"qty": str(int(one["qty"]) + 1)} for one in changed.lines]
    changed.parcel = {"logistics_no": "SFDPU00000053"}
    find(again, "#1054").head |= {
        "Financial Status": "refunded", "Cancelled at": "2026-11-20 10:00:00 -0800",
    }  # fmt: skip
    return first, again + later


def eu_orders() -> list[Order]:
    """Numbers begin at #1001 again: another shop, other orders."""
    orders = make(GOODS, RETAIL, (f"#{1001 + n}" for n in range(18)), "2026-11-11T10:05:02",
                  ("DE", "FR", "NL"), "EUR", hours=6)  # fmt: skip
    for number in ("#1003", "#1015"):
        find(orders, number).head["freight"] = "9.50"
    alone(find(orders, "#1005"), GOODS, "DP-SD-011").country = "Atlantis"
    alone(find(orders, "#1007"), GOODS, "DP-SP-010", "6").head["Created at"] = (
        "2026-11-31 10:05:00 +0100"
    )
    alone(find(orders, "#1009"), GOODS, "DP-OR-009").parcel = {"logistics_no": "SFDPE09990001"}
    alone(find(orders, "#1011"), GOODS, "DP-BW-001").parcel = {"logistics_no": "SFDPE09990001"}
    # The waybill of order #1040 of the other shop.
    alone(find(orders, "#1013"), GOODS, "DP-MG-004").parcel = {"logistics_no": "SFDPU00000040"}
    return orders


def b2b_orders() -> list[Order]:
    """Wholesale orders: most stay under CNY 5,000 and go on a list."""
    skus = ("DP-W-BW21", "DP-W-PL22", "DP-W-VS23", "DP-W-OR24")
    amounts = ("40", "30", "12", "24", "36")
    orders = make(GOODS, skus, (f"DPB2B-2611-{n:03d}" for n in range(1, 17)), "2026-11-10T09:30:00",
                  ("US", "DE", "AU"), "USD", hours=15)  # fmt: skip
    for at, order in enumerate(orders):
        order.head["order_type"] = "B"
        for place, one in enumerate(order.lines):
            one["qty"] = amounts[(at + place) % len(amounts)]
    find(orders, "DPB2B-2611-004").lines = [line(GOODS, "DP-W-PL22", "400", line_total="1,360.00")]
    find(orders, "DPB2B-2611-006").lines = [line(GOODS, "DP-TS-003", "5")]
    alone(find(orders, "DPB2B-2611-008"), GOODS, "DP-W-BW21", "50").head["order_type"] = "E"
    alone(find(orders, "DPB2B-2611-010"), GOODS, "DP-W-OR24", "20", line_total="94.00")
    # Full-width digits in the order file; the shipment file has the right number.
    lookalike = alone(find(orders, "DPB2B-2611-012"), GOODS, "DP-W-VS23", "10")
    lookalike.no, lookalike.parcel = "DPB2B-2611-０１２", {"order_no": lookalike.no}
    differing = find(orders, "DPB2B-2611-013")
    differing.lines = [line(GOODS, "DP-W-BW21", "30"), line(GOODS, "DP-W-VS23", "6", country="GB")]
    find(orders, "DPB2B-2611-015").lines = [
        line(GOODS, "DP-W-VS23", "10", goods_name="+Vase, second choice")
    ]
    return orders


def write(landing: Path) -> None:
    """The files of this exporter."""
    us, eu, b2b = (landing / "dapu-ciyun" / shop for shop in ("shopify-us", "shopify-eu", "b2b"))
    formats.workbook(us / "01_商品备案.xlsx", "goods", GOODS.values())
    first, later = us_orders()
    channels.shopify(us / "02_orders_export_1.csv", first, "-0800")
    parcels = list(shipments(first, GOODS, AIR, US, DAYS, "SFDPU"))
    # Order #1036 was sent in two parcels.
    parcels.append(
        next(one for one in parcels if one["order_no"] == "#1036")
        | {"logistics_no": "SFDPU09990036"}
    )
    formats.workbook(us / "03_发货资料.xlsx", "shipments", parcels)
    channels.shopify(us / "04_orders_export_2.csv", later, "-0800")
    formats.workbook(
        us / "05_发货资料_补充.xlsx",
        "shipments",
        shipments([find(later, "#1053"), *later[4:]], GOODS, AIR, US, DAYS[1:], "SFDPV"),
    )
    statement = ["结算日期", "结算币种", "收入合计", "平台佣金", "提现手续费"]
    formats.separated(us / "06_平台结算单.csv", statement, [
        dict(zip(statement, row, strict=True))
        for row in (("2026-11-15", "USD", "1804.20", "36.08", "2.00"),
                    ("2026-11-20", "USD", "1522.70", "30.45", "2.00"))
    ])  # fmt: skip
    (us / "07_空文件.csv").write_bytes(b"")
    orders = eu_orders()
    channels.shopify(eu / "01_orders_export.csv", orders, "+0100")
    formats.workbook(
        eu / "02_发货资料.xlsx", "shipments", shipments(orders, GOODS, AIR, EU, DAYS, "SFDPE")
    )
    copy = eu / "03_orders_export (1).csv"
    copy.write_bytes((eu / "01_orders_export.csv").read_bytes())
    orders = b2b_orders()
    formats.workbook(b2b / "01_B2B订单.xlsx", "orders", formats.order_lines(orders))
    ports = {"US": "3154", "DE": "2110", "AU": "3266"}
    formats.workbook(
        b2b / "02_发货资料.xlsx", "shipments", shipments(orders, GOODS, SEA, ports, DAYS, "STDPB")
    )
    formats.locked(b2b / "03_B2B订单_加密.xlsx")
