"""Files of other channels: what their columns mean."""

from intake_files import codes, csv_bytes, read_here

from xborder.intake.lines import Circumstances

SHOPIFY = [
    *("Name", "Email", "Financial Status", "Currency", "Shipping", "Discount Amount", "Created at"),
    *("Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"),
    *("Lineitem requires shipping", "Shipping Country", "Cancelled at", "Lineitem discount"),
]
CREATED = "2026-04-05 21:06:21 +0400"


def shopify(name: str, status: str, sku: str, **more: str) -> list[str]:
    given = {"Name": name, "Financial Status": status, "Lineitem sku": sku} | {
        "Lineitem quantity": "1", "Lineitem name": "Bowl", "Lineitem price": "9.90",
        "Lineitem requires shipping": "true",
    } | more  # fmt: skip
    if status:
        given |= {"Currency": "USD", "Shipping": "5.00", "Created at": CREATED}
        given |= {"Shipping Country": "US", "Email": "someone@example.net"}
    return [given.get(head, "") for head in SHOPIFY]


def test_shopify_meaning() -> None:
    rows = [
        shopify("#1", "paid", "A"),
        shopify("#1", "", "B", **{"Lineitem discount": "-1.00"}),
        shopify("", "", "C"),
        shopify("#2", "refunded", "A"),
        shopify("#2", "", "B"),
        shopify("#3", "paid", "A", **{"Cancelled at": CREATED}),
        shopify("#4", "partially_refunded", "A"),
        shopify("#4", "", "GIFT", **{"Lineitem requires shipping": "false"}),
    ]
    parsed = read_here(csv_bytes([SHOPIFY, *rows]))
    assert parsed.layout == "shopify_orders"
    states = parsed.rows["excluded"].to_list()
    assert states == ["HEADER", None, None, None, *["CANCELLED"] * 3, None, "DIGITAL"]
    lines = parsed.records
    assert lines["order_no"].to_list() == ["#1", "#1", "#1", "#4"]
    assert lines["country"].to_list() == ["US"] * 4
    assert lines["freight"].to_list() == ["5"] * 4
    assert lines["ordered_at"].to_list() == ["2026-04-05T21:06:21+04:00"] * 4
    assert lines["line_discount"].to_list() == [None, "1", None, None]
    assert lines["unit_price"].to_list() == ["9.9"] * 4
    assert lines["line_total"].null_count() == 4
    assert lines["order_row"].to_list() == [2, 2, 2, 8]
    assert lines["status"].to_list() == ["paid"] * 3 + ["partly_refunded"]
    told = {one.code: one for one in parsed.findings}
    assert told["ORDER_NO_FILLED_DOWN"].cell == "A4"
    assert told["ORDER_NO_FILLED_DOWN"].order_no == "#1"
    assert told["PARTLY_REFUNDED"].order_no == "#4"
    assert "someone" not in str(parsed.records.to_dicts()) + str(parsed.findings)


def test_a_shopify_file_in_another_channels_shop_is_refused() -> None:
    data = csv_bytes([SHOPIFY, shopify("#1", "paid", "A")])
    assert codes(read_here(data, shop_channel="amazon"))[-1] == "CHANNEL_DIFFERS"
    assert read_here(data, shop_channel="shopify").kind == "orders"
    assert codes(read_here(data, kind="goods"))[-1] == "KIND_DIFFERS"


AMAZON = ["order-id", "order-item-id", "purchase-date", "sku", "product-name"]
AMAZON += ["quantity-purchased", "currency", "item-price", "shipping-price", "ship-country"]


def amazon(*rows: list[str]) -> bytes:
    return "\r\n".join("\t".join(row) for row in [AMAZON, *rows]).encode()


def test_amazon_unshipped_meaning() -> None:
    at = "2009-01-01T10:50:49-08:00"
    data = amazon(
        ["1-1-1", "11", at, "A", '5" bowl "blue', "2", "USD", "20.00", "1.99", "US"],
        ["1-1-1", "12", at, "B", "Cup", "1", "USD", "3.00", "0.50", "US"],
    )
    parsed = read_here(data)
    assert parsed.layout == "amazon_unshipped"
    assert parsed.records["line_total"].to_list() == ["20", "3"]
    assert parsed.records["unit_price"].null_count() == 2
    assert parsed.records["freight"].to_list() == ["2.49", "2.49"]
    assert parsed.records["goods_name"][0] == '5" bowl "blue'


def test_an_empty_amazon_report_is_no_fault() -> None:
    parsed = read_here(amazon())
    assert parsed.kind == "orders"
    assert codes(parsed) == ["EMPTY_REPORT"]
    assert parsed.records.height == 0


LEDGER = ["Date", "FNSKU", "MSKU", "Event Type", "Reference ID", "Quantity"]
LEDGER += ["Fulfillment Center", "Disposition", "Reason", "Country"]


def ledger(*events: tuple[str, str, str]) -> bytes:
    rows = [
        ["05/13/2026", "X1", "SKU1", event, "REF1", qty, "PHL7", "SELLABLE", reason, "US"]
        for event, qty, reason in events
    ]
    return csv_bytes([LEDGER, *rows], delimiter="\t")


def test_ledger_events_become_movements() -> None:
    events = {
        ("Receipts", "10", ""): ("received", "10"),
        ("Shipments", "-1", ""): ("sold", "1"),
        ("CustomerReturns", "1", ""): ("returned", "1"),
        ("VendorReturns", "-3", ""): ("removed", "3"),
        ("WhseTransfers", "4", ""): ("transfer_in", "4"),
        ("WhseTransfers", "-4", ""): ("transfer_out", "4"),
        ("Adjustments", "2", "F"): ("found", "2"),
        ("Adjustments", "-2", "M"): ("lost", "2"),
        ("Adjustments", "-1", "E"): ("damaged", "1"),
        ("Adjustments", "-1", "Z"): ("other", "-1"),
        ("Shipments", "1", ""): ("other", "1"),
        ("Teleported", "-1", ""): ("other", "-1"),
    }
    parsed = read_here(ledger(*events))
    read = list(parsed.records.select("movement_type", "qty").iter_rows())
    assert read == list(events.values())
    assert parsed.records["moved_at"].unique().to_list() == ["2026-05-13"]
    assert parsed.records["inbound_id"].to_list() == ["REF1"] + [None] * (len(events) - 1)
    assert sorted(codes(parsed)) == ["EVENT_UNKNOWN"]


def test_movement_ids_stay_when_the_ledger_is_exported_again() -> None:
    first = read_here(ledger(("Shipments", "-1", ""), ("Shipments", "-1", ""))).records
    later = read_here(
        ledger(("Receipts", "5", ""), ("Shipments", "-1", ""), ("Shipments", "-1", ""))
    ).records
    assert first["movement_id"].n_unique() == 2
    assert set(first["movement_id"]) < set(later["movement_id"])


def test_times_without_offset_take_the_shops_zone() -> None:
    resaved = [shopify("#1", "paid", "A"), shopify("#2", "paid", "A")]
    resaved[0][SHOPIFY.index("Created at")] = "31/12/2023 22:36"
    resaved[1][SHOPIFY.index("Created at")] = "01/12/2023 08:00"
    parsed = read_here(csv_bytes([SHOPIFY, *resaved]), around=Circumstances("America/Toronto"))
    assert parsed.records["ordered_at"].to_list() == [
        "2023-12-31T22:36:00-05:00",
        "2023-12-01T08:00:00-05:00",
    ]
    assert "EXCEL_RESAVED" in codes(parsed)


def test_an_ambiguous_date_is_asked_about_not_guessed() -> None:
    row = shopify("#1", "paid", "A")
    row[SHOPIFY.index("Created at")] = "05/06/2023 22:36"
    parsed = read_here(csv_bytes([SHOPIFY, row]))
    assert "DATE_AMBIGUOUS" in codes(parsed)
    assert parsed.records["ordered_at"].to_list() == ["05/06/2023 22:36"]


def test_an_unknown_file_shows_its_header_and_the_nearest_layouts() -> None:
    data = csv_bytes([["Order ID", "Seller SKU", "Quantity", "Colour"], ["1", "A", "1", "red"]])
    (refused,) = read_here(data).findings
    assert refused.code == "UNKNOWN_LAYOUT"
    assert refused.value == "Order ID | Seller SKU | Quantity | Colour"
    assert refused.params["nearest"].startswith("template_orders")
    assert "币制" in refused.params["nearest"]


def test_a_file_without_header_quotes_no_personal_data() -> None:
    data = csv_bytes([["Jane", "jane@example.net", "+8613800138000", "x"]])
    (refused,) = read_here(data).findings
    assert "jane@" not in refused.value
    assert "138" not in refused.value
