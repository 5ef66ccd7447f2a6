# ruff: noqa: E501 - tables keep one row a line, so that columns can be compared
"""Fengshun (丰顺): a loudspeaker maker that sells on Amazon and books goods into Amazon's FBA."""

from pathlib import Path

from making import channels, formats
from making.goods import FENGSHUN as GOODS
from making.orders import Order, alone, find, line, make, shipments

PROFILE = """\
# 虚构企业，仅供演示 | a fictional firm, for demonstration only
id = "fengshun-shengda"
name = "丰顺声达电子有限公司（示范）"
code = "4414960T02"
producer_code = "4414960T02"
producer_name = "丰顺声达电子有限公司（示范）"
dxp_id = "DXPENT0000000T02"

[[shops]]
id = "amazon-us"
channel = "amazon"
mode = "9610"
statistics_flag = "A"
customs_code = "6041"
port_code = "5317"
platform_code = "无"
platform_name = "Amazon"
transport_mode = "5"
time_zone = "America/Los_Angeles"

[[shops]]
id = "fba-us"
channel = "template"
mode = "9810"
statistics_flag = "A"
customs_code = "6041"
port_code = "5304"
platform_code = "无"
platform_name = "Amazon FBA"
agent_code = "4414980T90"
agent_name = "梅州示范报关有限公司"
transport_mode = "5"
"""

PLANTED = ("FS-BT-310", "FS-SPK-D25", "FS-SPK-S15", "FS-HP-120R", "FS-SPEAKER-OUTDOOR-IP67")
RETAIL = [sku for sku in GOODS if sku not in PLANTED]
AIR = {
    "logistics_code": "4403960T11", "logistics_name": "示范国际物流（深圳）有限公司",
    "wrap_type": "2 纸箱", "transport_mode": "5 航空运输",
}  # fmt: skip
US = {"US": "3154", "CA": "3089"}
DAYS = ("2026-11-24", "2026-11-26")
CENTRE = "LAX9T"
"""The fictional fulfilment centre: its code names the warehouse in bookings and in the ledger."""


def number(count: int) -> str:
    """An Amazon order number (3-7-7 digits), clearly invented."""
    return f"113-{2611000 + count:07d}-{count * 7919 % 10**7:07d}"


def amazon_orders() -> tuple[list[Order], list[Order]]:
    """The first report, and a later one that repeats four orders of it."""
    orders = make(GOODS, RETAIL, map(number, range(1, 36)), "2026-11-11T00:44:09",
                  ("US", "US", "US", "CA"), "USD", hours=3)  # fmt: skip
    first, later = orders[:28], orders[28:]
    alone(first[5], GOODS, "FS-HP-100", "0", line_total="0.00")
    alone(first[7], GOODS, "FS-BT-310")
    alone(first[9], GOODS, "FS-SPK-D25")
    alone(first[11], GOODS, "FS-SPK-S15")
    alone(first[13], GOODS, "FS-HP-120R")
    alone(first[15], GOODS, "FS-SPEAKER-OUTDOOR-IP67")
    # Excel spoilt the order number in this file; the shipment file still has it.
    damaged = alone(first[17], GOODS, "FS-EP-050", "2")
    damaged.no, damaged.parcel = "1.13E+16", {"order_no": damaged.no}
    first[19].lines[0]["goods_name"] = '@Home speaker "S10", black'
    alone(first[21], GOODS, "FS-SPK-S10").parcel = {"destination_port": "9999"}
    again = [
        Order(o.no, o.at, o.country, o.currency, o.lines, dict(o.head), {}) for o in first[-4:]
    ]
    # The buyer of the second of them has ordered more since; it goes in the same parcel.
    changed = again[1]
    changed.lines = [one | {"qty": str(int(one["qty"]) + 2)} for one in changed.lines]
    changed.parcel = {"logistics_no": f"YTFSA{len(first) - 2:08d}"}
    for order in first + again + later:
        order.head |= {"order-status": "Unshipped", "fulfillment-channel": "Merchant"}
    # Two orders that Amazon fills from its own stock abroad, and a cancelled one.
    for order in (later[1], later[4]):
        order.head["fulfillment-channel"] = "Amazon"
        order.parcel = None
    later[5].head["order-status"] = "Cancelled"
    later[5].parcel = None
    return first, again + later


BOOKINGS = (
    # number, inbound id, day, export date, lines (SKU, quantity, price in USD)
    ("FSW-2611-01", "FBA17TEST01", "2026-11-10", "2026-11-13", (("FS-SPK-S10", "24", "11.20"), ("FS-HP-100", "30", "6.90"))),
    ("FSW-2611-02", "FBA17TEST02", "2026-11-10", "2026-11-13", (("FS-EP-050", "80", "2.80"), ("FS-CBL-RCA", "60", "1.90"))),
    ("FSW-2611-03", "FBA17TEST03", "2026-11-11", "2026-11-13", (("FS-MIC-070", "30", "8.10"),)),
    ("FSW-2611-04", "FBA17TEST04", "2026-11-12", "2026-11-13", (("FS-AMP-2CH", "20", "18.50"), ("FS-ADP-12V", "20", "3.10"))),
    ("FSW-2611-05", "FBA17TEST05", "2026-11-18", "2026-11-24", (("FS-SPK-D20", "60", "24.00"), ("FS-DRV-W4", "80", "5.20"))),
    ("FSW-2611-06", "FBA17TEST06", "2026-11-19", "2026-11-24", (("FS-SPK-S10", "36", "11.20"),)),
    ("FSW-2611-07", "FBA17TEST07", "2026-11-19", "2026-11-24", (("FS-HP-100", "50", "6.90"), ("FS-EP-050", "60", "2.80"))),
    ("FSW-2611-08", "FBA17TEST08", "2026-11-20", "2026-11-24", (("FS-BT-300", "40", "9.80"),)),
    ("FSW-2611-09", "FBA17TEST09", "2026-11-20", "2026-11-24", (("FS-MIC-070", "24", "8.10"),)),
)  # fmt: skip


def bookings() -> list[Order]:
    """Bookings into the centre; 05 is above CNY 5,000, 09 names no warehouse."""
    orders = make(
        GOODS, RETAIL, (row[0] for row in BOOKINGS), "2026-11-10T10:00:00", ("US",), "USD"
    )
    for order, (_, inbound, day, leaves, lines) in zip(orders, BOOKINGS, strict=True):
        order.at = order.at.fromisoformat(f"{day}T10:00:00")
        order.head = {"order_type": "W", "warehouse": CENTRE, "inbound_id": inbound}
        order.parcel = {"export_date": leaves}
        order.lines = [line(GOODS, sku, qty, unit_price=price) for sku, qty, price in lines]
    find(orders, "FSW-2611-03").head["warehouse"] = f"Amazon FBA {CENTRE}"
    del find(orders, "FSW-2611-09").head["warehouse"]
    return orders


OPENING = (("FS-SPK-S10", "18"), ("FS-HP-100", "25"), ("FS-EP-050", "40"), ("FS-MIC-070", "6"))

EVENTS = (
    ("2026-11-02", "10:12:00", "FS-SPK-S10", "Shipments", "", "-2", CENTRE, "SELLABLE", ""),
    ("2026-11-04", "15:31:00", "FS-HP-100", "Shipments", "", "-3", CENTRE, "SELLABLE", ""),
    ("2026-11-06", "09:02:00", "FS-EP-050", "Shipments", "", "-8", CENTRE, "SELLABLE", ""),
    (
        "2026-11-09",
        "11:45:00",
        "FS-SPK-S10",
        "CustomerReturns",
        "",
        "1",
        CENTRE,
        "CUSTOMER_DAMAGED",
        "",
    ),
    # Sold before anything of it had come in.
    ("2026-11-14", "08:30:00", "FS-AMP-2CH", "Shipments", "", "-1", CENTRE, "SELLABLE", ""),
    (
        "2026-11-16",
        "07:10:00",
        "FS-SPK-S10",
        "Receipts",
        "FBA17TEST01",
        "24",
        CENTRE,
        "SELLABLE",
        "",
    ),
    (
        "2026-11-16",
        "07:20:00",
        "FS-HP-100",
        "Receipts",
        "FBA17TEST01",
        "30",
        CENTRE,
        "SELLABLE",
        "",
    ),
    # Two more than were declared.
    (
        "2026-11-17",
        "07:40:00",
        "FS-EP-050",
        "Receipts",
        "FBA17TEST02",
        "82",
        CENTRE,
        "SELLABLE",
        "",
    ),
    (
        "2026-11-17",
        "07:45:00",
        "FS-CBL-RCA",
        "Receipts",
        "FBA17TEST02",
        "60",
        CENTRE,
        "SELLABLE",
        "",
    ),
    # Three fewer than were declared, at a warehouse named otherwise in the booking.
    (
        "2026-11-17",
        "08:05:00",
        "FS-MIC-070",
        "Receipts",
        "FBA17TEST03",
        "27",
        CENTRE,
        "SELLABLE",
        "",
    ),
    (
        "2026-11-18",
        "06:55:00",
        "FS-AMP-2CH",
        "Receipts",
        "FBA17TEST04",
        "20",
        CENTRE,
        "SELLABLE",
        "",
    ),
    (
        "2026-11-18",
        "06:58:00",
        "FS-ADP-12V",
        "Receipts",
        "FBA17TEST04",
        "20",
        CENTRE,
        "SELLABLE",
        "",
    ),
    # No booking bears this inbound id.
    (
        "2026-11-18",
        "09:15:00",
        "FS-DRV-W4",
        "Receipts",
        "FBA17TEST99",
        "12",
        CENTRE,
        "SELLABLE",
        "",
    ),
    ("2026-11-18", "12:00:00", "FS-SPK-S10", "Shipments", "", "-5", CENTRE, "SELLABLE", ""),
    ("2026-11-19", "13:00:00", "FS-EP-050", "Shipments", "", "-11", CENTRE, "SELLABLE", ""),
    ("2026-11-19", "16:25:00", "FS-HP-100", "Adjustments", "", "-1", CENTRE, "SELLABLE", "M"),
    ("2026-11-20", "10:40:00", "FS-HP-100", "Adjustments", "", "1", CENTRE, "SELLABLE", "F"),
    ("2026-11-20", "11:30:00", "FS-CBL-RCA", "Shipments", "", "-7", CENTRE, "SELLABLE", ""),
    ("2026-11-20", "14:12:00", "FS-ADP-12V", "Shipments", "", "-2", CENTRE, "SELLABLE", ""),
    ("2026-11-21", "09:09:00", "FS-MIC-070", "VendorReturns", "", "-2", CENTRE, "SELLABLE", ""),
)


def write(landing: Path) -> None:
    """The files of this exporter."""
    shop, fba = (landing / "fengshun-shengda" / name for name in ("amazon-us", "fba-us"))
    formats.workbook(shop / "01_商品备案.xlsx", "goods", GOODS.values())
    first, later = amazon_orders()
    header = [*channels.AMAZON, "order-status", "fulfillment-channel"]
    channels.amazon(shop / "02_unshipped_20261118.txt", first, "-08:00", header)
    formats.workbook(
        shop / "03_发货资料.xlsx", "shipments",
        shipments(first, GOODS, AIR, US, DAYS, "YTFSA"),
    )  # fmt: skip
    channels.amazon(shop / "04_unshipped_20261121.txt", later, "-08:00", header)
    formats.workbook(
        shop / "05_发货资料_补充.xlsx", "shipments",
        shipments([later[1], *later[4:]], GOODS, AIR, US, DAYS[1:], "YTFSB"),
    )  # fmt: skip
    booked = bookings()
    formats.workbook(fba / "01_海外仓订仓单.xlsx", "orders", formats.order_lines(booked))
    formats.workbook(
        fba / "02_发货资料.xlsx", "shipments",
        shipments(booked, GOODS, AIR | {"wrap_type": "5 托盘"}, US, ("2026-11-24",), "YTFSW"),
    )  # fmt: skip
    formats.workbook(fba / "03_期初库存.xlsx", "stock", (
        {"movement_id": f"FS-OPEN-{at:02d}", "moved_at": "2026-11-01 00:00:00", "warehouse": CENTRE,
         "sku": sku, "disposition": "SELLABLE 可售", "movement_type": "opening 期初", "qty": qty}
        for at, (sku, qty) in enumerate(OPENING, start=1)
    ))  # fmt: skip
    channels.ledger(fba / "04_ledger_detail.txt", EVENTS, GOODS)
