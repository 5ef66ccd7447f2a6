"""The channels' own formats: Shopify, Amazon, a customs broker's order sheet, Amazon's ledger."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from making.formats import grid, separated, written
from making.orders import Order, cents

SHOPIFY = [
    "Name",
    "Email",
    "Financial Status",
    "Paid at",
    "Fulfillment Status",
    "Fulfilled at",
    "Accepts Marketing",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Total",
    "Discount Code",
    "Discount Amount",
    "Shipping Method",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem compare at price",
    "Lineitem sku",
    "Lineitem requires shipping",
    "Lineitem taxable",
    "Lineitem fulfillment status",
    "Billing Name",
    "Billing Street",
    "Billing Address1",
    "Billing Address2",
    "Billing Company",
    "Billing City",
    "Billing Zip",
    "Billing Province",
    "Billing Country",
    "Billing Phone",
    "Shipping Name",
    "Shipping Street",
    "Shipping Address1",
    "Shipping Address2",
    "Shipping Company",
    "Shipping City",
    "Shipping Zip",
    "Shipping Province",
    "Shipping Country",
    "Shipping Phone",
    "Notes",
    "Note Attributes",
    "Cancelled at",
    "Payment Method",
    "Payment Reference",
    "Refunded Amount",
    "Vendor",
    "Outstanding Balance",
    "Employee",
    "Location",
    "Device ID",
    "Id",
    "Tags",
    "Risk Level",
    "Source",
    "Lineitem discount",
    "Tax 1 Name",
    "Tax 1 Value",
    "Tax 2 Name",
    "Tax 2 Value",
    "Tax 3 Name",
    "Tax 3 Value",
    "Tax 4 Name",
    "Tax 4 Value",
    "Tax 5 Name",
    "Tax 5 Value",
    "Phone",
    "Receipt Number",
    "Duties",
    "Billing Province Name",
    "Shipping Province Name",
    "Payment ID",
    "Payment Terms Name",
    "Next Payment Due At",
    "Payment References",
]

AMAZON = [
    "order-id",
    "order-item-id",
    "purchase-date",
    "payments-date",
    "buyer-email",
    "buyer-name",
    "buyer-phone-number",
    "sku",
    "product-name",
    "quantity-purchased",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "ship-service-level",
    "recipient-name",
    "ship-address-1",
    "ship-address-2",
    "ship-address-3",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "ship-phone-number",
    "delivery-start-date",
    "delivery-end-date",
    "delivery-time-zone",
    "delivery-Instructions",
]

TIANJIN = [
    "订单模式",
    "交货仓库",
    "目的仓库",
    "收件人省份",
    "城市",
    "运输方式",
    "交易订单号",
    "收件人姓名",
    "收件人公司名",
    "收件人邮编",
    "收件人地址1",
    "收件人地址2",
    "收件人电话",
    "收件人电子邮件",
    "订单总毛重（KG）",
    "成交币种",
    "SKU成交总价",
    "收件人证件类型",
    "收件人证件号码",
    "备注",
    "产品sku",
    "数量",
    "SKU成交单价",
]

LEDGER = [
    "Date",
    "FNSKU",
    "ASIN",
    "MSKU",
    "Title",
    "Event Type",
    "Reference ID",
    "Quantity",
    "Fulfillment Center",
    "Disposition",
    "Reason",
    "Country",
    "Reconciled Quantity",
    "Unreconciled Quantity",
    "Date and Time",
    "Store",
]


def shopify(path: Path, orders: Iterable[Order], zone: str) -> None:
    """A Shopify order export: order columns on an order's first line only."""
    rows: list[dict[str, str]] = []
    for at, order in enumerate(orders):
        total = sum(
            (Decimal(one["qty"]) * Decimal(one["unit_price"] or "0") for one in order.lines),
            Decimal(0),
        )
        paid = order.at.strftime("%Y-%m-%d %H:%M:%S ") + zone
        discount, freight = order.head.get("discount", "0.00"), order.head.get("freight", "4.90")
        buyer = f"Sample Buyer {at + 1}"
        head = {
            "Email": f"buyer{at + 1}@example.com",
            "Financial Status": "paid",
            "Paid at": paid,
            "Fulfillment Status": "unfulfilled",
            "Accepts Marketing": "no",
            "Currency": order.currency,
            "Subtotal": f"{cents(total - Decimal(discount))}",
            "Shipping": freight,
            "Taxes": "0.00",
            "Total": f"{cents(total - Decimal(discount) + Decimal(freight))}",
            "Discount Code": "NOV10" if discount != "0.00" else "",
            "Discount Amount": discount,
            "Shipping Method": "Standard",
            "Created at": paid,
            "Billing Name": buyer,
            "Billing Country": order.country,
            "Shipping Name": buyer,
            "Shipping Street": f"{at + 1} Example Street",
            "Shipping Address1": f"{at + 1} Example Street",
            "Shipping City": "Sampleville",
            "Shipping Zip": "'00000",
            "Shipping Country": order.country,
            "Shipping Phone": "+10000000000",
            "Notes": 'Please wrap well.\nA gift, "fragile".' if at % 9 == 4 else "",
            "Payment Method": "Sample Payments",
            "Refunded Amount": "0.00",
            "Outstanding Balance": "0.00",
            "Id": f"7{order.at:%m%d%H%M%S}",
            "Risk Level": "Low",
            "Source": "web",
        } | {name: text for name, text in order.head.items() if name in SHOPIFY}
        for place, one in enumerate(order.lines):
            rows.append(
                {"Name": order.no}
                | (head if place == 0 else {"Email": head["Email"]})
                | {
                    "Lineitem quantity": one["qty"],
                    "Lineitem name": one["goods_name"],
                    "Lineitem price": one["unit_price"],
                    "Lineitem sku": one["sku"],
                    "Lineitem requires shipping": one.get("ships", "true"),
                    "Lineitem taxable": "true",
                    "Lineitem fulfillment status": "pending",
                    "Vendor": "Sample Vendor",
                    "Lineitem discount": one.get("line_discount", "0.00"),
                }
            )
    separated(path, SHOPIFY, rows)


def amazon(path: Path, orders: Iterable[Order], zone: str, header: Sequence[str] = AMAZON) -> None:
    """Amazon's unshipped-orders report: TAB separated, unquoted, item-price is a line total."""
    lines = ["\t".join(header)]
    for at, order in enumerate(orders):
        when = order.at.isoformat() + zone
        for place, one in enumerate(order.lines):
            total = one.get("line_total") or str(
                cents(Decimal(one["qty"]) * Decimal(one["unit_price"]))
            )
            row = {
                "order-id": order.no,
                "order-item-id": f"{order.at:%m%d%H%M%S}{place + 1:04d}",
                "purchase-date": when,
                "payments-date": when,
                "buyer-email": f"sample{at + 1}@marketplace.example",
                "buyer-name": f"Sample Buyer {at + 1}",
                "buyer-phone-number": "+1 000-000-0000",
                "sku": one["sku"],
                "product-name": one["goods_name"],
                "quantity-purchased": one["qty"],
                "currency": order.currency,
                "item-price": total,
                "item-tax": "0.00",
                "shipping-price": "0.00",
                "shipping-tax": "0.00",
                "ship-service-level": "Standard",
                "recipient-name": f"Sample Buyer {at + 1}",
                "ship-address-1": f"{at + 1} Example Street",
                "ship-city": "Sampleville",
                "ship-state": "CA",
                "ship-postal-code": "00000",
                "ship-country": order.country,
                "ship-phone-number": "+1 000-000-0000",
            } | {name: text for name, text in (order.head | one).items() if name in header}
            lines.append("\t".join(row.get(name, "") for name in header))
    written("\r\n".join(lines) + "\r\n", path)


def tianjin(path: Path, orders: Iterable[Order]) -> None:
    """The long upload sheet of a customs broker's order system (天津): one line a SKU."""
    rows = []
    for at, order in enumerate(orders):
        for one in order.lines:
            total = one.get("line_total") or str(
                cents(Decimal(one["qty"]) * Decimal(one["unit_price"]))
            )
            row = {
                "订单模式": "集货模式",
                "交货仓库": "示范仓",
                "目的仓库": "示范仓",
                "收件人省份": "示范省",
                "运输方式": "NEUB",
                "交易订单号": order.no,
                "收件人姓名": f"示范买家{at + 1}",
                "收件人邮编": "000000",
                "收件人地址1": f"示范路{at + 1}号",
                "收件人电话": "00000000000",
                "成交币种": order.currency,
                "SKU成交总价": total,
                "产品sku": one["sku"],
                "数量": one["qty"],
                "SKU成交单价": one["unit_price"],
            } | {name: text for name, text in order.head.items() if name in TIANJIN}
            rows.append([row.get(name, "") for name in TIANJIN])
    grid(path, "Sheet1", TIANJIN, rows)


def ledger(
    path: Path, events: Iterable[Sequence[str]], goods: Mapping[str, Mapping[str, str]]
) -> None:
    """Amazon's inventory ledger, detail view. ``events``: day (ISO), time, SKU, event type,
    reference, signed quantity, centre, disposition, reason."""
    lines = ["\t".join(LEDGER)]
    for day, time, sku, event, reference, qty, centre, disposition, reason in events:
        year, month, date = day.split("-")
        shown = f"{month}/{date}/{year}"
        asin = f"B0TEST{abs(int.from_bytes(sku.encode(), 'big')) % 10000:04d}"
        lines.append("\t".join((
            shown, f"X00{asin[-4:]}TST", asin, sku, goods.get(sku, {}).get("item_name", sku),
            event, reference, qty, centre, disposition, reason, "US", qty, "0",
            f"{shown} {time}", "US",
        )))  # fmt: skip
    written("\r\n".join(lines) + "\r\n", path)
