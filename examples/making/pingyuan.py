# ruff: noqa: E501 - tables keep one row a line, so that columns can be compared
"""Pingyuan (平远): a furniture works with stock in a rented warehouse in Germany.

It declares at Meizhou (6041) and leaves through Qianhai harbour (5349).
"""

from pathlib import Path

from making import formats
from making.goods import PINGYUAN as GOODS
from making.orders import Order, alone, find, line, make, shipments

PROFILE = """\
# 虚构企业，仅供演示 | a fictional firm, for demonstration only
id = "pingyuan-mujia"
name = "平远木佳家具有限公司（示范）"
code = "4414960T03"
producer_code = "NO"
producer_name = "平远示范竹木制品厂"
dxp_id = "DXPENT0000000T03"

# 在梅州（6041）申报，从前海港区（5349）离境 | declares at 6041, leaves through 5349
[[shops]]
id = "overseas-de"
channel = "template"
mode = "9810"
statistics_flag = "A"
customs_code = "6041"
port_code = "5349"
platform_code = "无"
platform_name = "Sample Warehouse Hamburg"
agent_code = "4414980T90"
agent_name = "梅州示范报关有限公司"
transport_mode = "2"

[[shops]]
id = "b2b-eu"
channel = "template"
mode = "9710"
statistics_flag = "A"
customs_code = "6041"
port_code = "5349"
platform_code = "无"
platform_name = "Sample Wholesale Market"
agent_code = "4414980T90"
agent_name = "梅州示范报关有限公司"
transport_mode = "2"
"""

WAREHOUSE = "Sample Warehouse Hamburg"
SEA = {
    "logistics_code": "4403960T13", "logistics_name": "深圳示范海运有限公司", "wrap_type": "5 托盘",
    "transport_mode": "2 水路运输", "transport_name": "SAMPLE OCEAN", "voyage_no": "046W",
}  # fmt: skip
RAIL = SEA | {
    "logistics_name": "示范班列物流有限公司", "logistics_code": "4414960T14",
    "transport_mode": "3 铁路运输", "transport_name": "SAMPLE RAIL", "voyage_no": "X8026",
}  # fmt: skip
PORTS = {"DE": "2110", "NL": "2309", "FR": "2165"}

BOOKINGS = (
    # number, inbound id, day, export date, lines (SKU, quantity, price in EUR)
    ("PYW-2611-01", "HAM-IN-101", "2026-11-10", "2026-11-11", (("PY-BMT-01", "12", "14.00"), ("PY-BMC-03", "20", "8.50"))),
    ("PYW-2611-02", "HAM-IN-102", "2026-11-10", "2026-11-11", (("PY-MTC-05", "24", "9.80"),)),
    ("PYW-2611-03", "HAM-IN-103", "2026-11-10", "2026-11-11", (("PY-BMS-02", "14", "17.50"), ("PY-RTC-06", "10", "18.60"))),
    ("PYW-2611-04", "HAM-IN-104", "2026-11-16", "2026-11-26", (("PY-MTD-04", "30", "27.00"),)),
    ("PYW-2611-05", "HAM-IN-105", "2026-11-17", "2026-11-26", (("PY-BMT-01", "16", "14.00"), ("PY-BMS-02", "10", "17.50"))),
    ("PYW-2611-06", "HAM-IN-106", "2026-11-17", "2026-11-26", (("PY-PNE-08", "18", "24.00"), ("PY-OAK-07", "4", "55.00"))),
    ("PYW-2611-07", "HAM-IN-107", "2026-11-18", "2026-11-26", (("PY-BMC-03", "30", "8.50"), ("PY-MTC-05", "20", "9.80"))),
    ("PYW-2611-08", "HAM-IN-108", "2026-11-18", "2026-11-26", (("PY-RTC-06", "12", "18.60"),)),
    ("PYW-2611-09", "HAM-IN-109", "2026-11-19", "2026-11-26", (("PY-PNB-11", "8", "26.00"),)),
    ("PYW-2611-10", "HAM-IN-110", "2026-11-19", "2026-11-26", (("PY-BMT-01", "10", "14.00"),)),
)  # fmt: skip


def bookings() -> list[Order]:
    """04 is above CNY 5,000, 06 needs inspection: both take the declaration route."""
    orders = make(
        GOODS, list(GOODS), (row[0] for row in BOOKINGS), "2026-11-10T09:00:00", ("DE",), "EUR"
    )
    for order, (_, inbound, day, leaves, lines) in zip(orders, BOOKINGS, strict=True):
        order.at = order.at.fromisoformat(f"{day}T09:00:00")
        order.head = {"order_type": "W", "warehouse": WAREHOUSE, "inbound_id": inbound}
        order.parcel = {"export_date": leaves, "pieces": "3", "bill_no": "SAMPLEBL" + inbound[-3:]}
        if leaves == "2026-11-11":
            order.parcel |= RAIL
        order.lines = [line(GOODS, sku, qty, unit_price=price) for sku, qty, price in lines]
    find(orders, "PYW-2611-10").lines[0]["unit"] = "006 套"
    return orders


def b2b_orders() -> list[Order]:
    """Orders of European shops; 03 is above CNY 5,000."""
    skus = ("PY-BMT-01", "PY-BMC-03", "PY-MTC-05", "PY-BMS-02")
    orders = make(GOODS, skus, (f"PYB-2611-{n:02d}" for n in range(1, 10)), "2026-11-12T14:00:00",
                  ("DE", "NL", "FR"), "EUR", hours=22)  # fmt: skip
    for at, order in enumerate(orders):
        order.head["order_type"] = "B"
        for one in order.lines:
            one["qty"] = ("6", "4", "8", "5")[at % 4]
    find(orders, "PYB-2611-03").lines = [
        line(GOODS, "PY-MTD-04", "40"),
        line(GOODS, "PY-MTC-05", "60"),
    ]
    # CITES: a licence is needed, and the licence number is missing.
    alone(find(orders, "PYB-2611-05"), GOODS, "PY-CTS-12", "4")
    alone(find(orders, "PYB-2611-07"), GOODS, "PY-BMS-02", "6", currency="US Dollars?")
    return orders


OPENING = (
    ("PY-BMT-01", "9"), ("PY-BMC-03", "14"), ("PY-MTC-05", "22"), ("PY-BMS-02", "6"),
    ("PY-RTC-06", "3"), ("PY-OAK-07", "2"),
)  # fmt: skip
MOVEMENTS = (
    # day and time, SKU, type, quantity, inbound id, reference, reason
    ("2026-11-03 10:20:00", "PY-BMT-01", "sold 销售出库", "2", "", "DE-S-5001", ""),
    ("2026-11-05 15:02:00", "PY-MTC-05", "sold 销售出库", "4", "", "DE-S-5002", ""),
    ("2026-11-06 11:41:00", "PY-BMC-03", "sold 销售出库", "3", "", "DE-S-5003", ""),
    ("2026-11-09 09:15:00", "PY-MTC-05", "returned 退货入库", "1", "", "DE-S-5002", ""),
    ("2026-11-10 16:30:00", "PY-OAK-07", "damaged 损坏", "1", "", "", "桌面划伤"),
    # Four were sold, three were there.
    ("2026-11-12 13:13:00", "PY-RTC-06", "sold 销售出库", "4", "", "DE-S-5004", ""),
    ("2026-11-19 08:00:00", "PY-BMT-01", "received 入库", "12", "HAM-IN-101", "", ""),
    # Twenty were declared.
    ("2026-11-19 08:10:00", "PY-BMC-03", "received 入库", "22", "HAM-IN-101", "", ""),
    ("2026-11-19 08:20:00", "PY-MTC-05", "received 入库", "24", "HAM-IN-102", "", ""),
    ("2026-11-20 08:00:00", "PY-BMS-02", "received 入库", "14", "HAM-IN-103", "", ""),
    ("2026-11-20 08:05:00", "PY-RTC-06", "received 入库", "10", "HAM-IN-103", "", ""),
    ("2026-11-20 14:00:00", "PY-BMT-01", "sold 销售出库", "5", "", "DE-S-5005", ""),
    ("2026-11-20 15:30:00", "PY-BMS-02", "sold 销售出库", "3", "", "DE-S-5006", ""),
    ("2026-11-21 10:00:00", "PY-MTC-05", "sold 销售出库", "6", "", "DE-S-5007", ""),
    ("2026-11-21 12:00:00", "PY-BMC-03", "lost 盘亏", "1", "", "", "盘点"),
    ("2026-11-21 12:05:00", "PY-BMT-01", "sold 销售出库", "-2", "", "DE-S-5008", ""),
)
COUNT = (("PY-BMS-02", "16"),)
"""A count on 2026-11-22; the movements give 17."""


def _stock(prefix: str, rows: tuple[tuple[str, ...], ...]) -> list[dict[str, str]]:
    names = ("moved_at", "sku", "movement_type", "qty", "inbound_id", "reference", "reason")
    return [
        {"movement_id": f"{prefix}{at:04d}", "warehouse": WAREHOUSE, "disposition": "SELLABLE 可售"}
        | dict(zip(names, row, strict=True))
        for at, row in enumerate(rows, start=1)
    ]


def _openings(day: str, stated: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((day, sku, "opening 期初", qty, "", "", "") for sku, qty in stated)


def write(landing: Path) -> None:
    """The files of this exporter."""
    abroad, b2b = (landing / "pingyuan-mujia" / name for name in ("overseas-de", "b2b-eu"))
    priced = [{k: text for k, text in row.items() if k != "price"} for row in GOODS.values()]
    formats.template_csv(abroad / "01_商品备案.csv", "goods", priced, "utf-8-sig")
    booked = bookings()
    formats.template_csv(
        abroad / "02_海外仓订仓单.csv", "orders", formats.order_lines(booked), "utf-8"
    )
    formats.workbook(
        abroad / "03_发货资料.xlsx", "shipments",
        shipments(booked, GOODS, SEA, PORTS, ("2026-11-26",), "SZPYW"),
    )  # fmt: skip
    formats.workbook(
        abroad / "04_期初库存.xlsx",
        "stock",
        _stock("HAM-O-", _openings("2026-11-01 00:00:00", OPENING)),
    )
    formats.workbook(abroad / "05_库存变动_11月.xlsx", "stock", _stock("HAM-M-", MOVEMENTS))
    formats.template_csv(
        abroad / "06_盘点_1122.csv", "stock", _stock("HAM-C-", _openings("2026-11-22 00:00:00", COUNT)),
        "utf-8", english=True,
    )  # fmt: skip
    orders = b2b_orders()
    formats.workbook(b2b / "01_B2B订单.xlsx", "orders", formats.order_lines(orders))
    formats.workbook(
        b2b / "02_发货资料.xlsx", "shipments",
        shipments(orders, GOODS, SEA, PORTS, ("2026-11-25",), "SZPYB"),
    )  # fmt: skip
    formats.cut_off(b2b / "03_B2B订单_下载中断.xlsx", b2b / "01_B2B订单.xlsx")
