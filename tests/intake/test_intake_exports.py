"""Exports as channels and spreadsheets write them elsewhere than in the samples."""

import pytest
from intake_files import codes, csv_bytes, read_here

from xborder.intake import numbers
from xborder.intake.lines import Circumstances

AMAZON = [
    *("amazon-order-id", "merchant-order-id", "purchase-date", "order-status"),
    *("fulfillment-channel", "sales-channel", "product-name", "sku", "quantity"),
    *("currency", "item-price", "ship-country"),
]
AMAZON_ROW = [
    *("302-1111111-1111111", "", "2026-10-03T09:11:22+00:00", "Shipped"),
    *("Merchant", "Amazon.de", 'Bowl, "blue"; 5"', "A-1", "2", "EUR", "39.98", "DE"),
]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_flat_file_that_a_spreadsheet_saved_with_other_separators(delimiter: str) -> None:
    data = csv_bytes([AMAZON, AMAZON_ROW], delimiter=delimiter)
    parsed = read_here(data)
    assert (parsed.layout, codes(parsed)) == ("amazon_all_orders", [])
    line = parsed.records.row(0, named=True)
    assert line["goods_name"] == 'Bowl, "blue"; 5"'
    assert (line["sku"], line["qty"], line["line_total"]) == ("A-1", "2", "39.98")


EBAY = [
    *("Sales Record Number", "Order Number", "Ship To Country", "Item Number", "Item Title"),
    *("Custom Label", "Quantity", "Sold For", "Shipping And Handling", "Sale Date"),
]
EBAY_ROW = ["101", "24-1-8", "United States", "1234", "Bowl", "A-1", "2", "$45.99", "$5.00"]
EBAY_DE = [
    *("Verkaufsprotokollnummer", "Bestellnummer", "Versand nach Land", "Artikelnummer"),
    *("Angebotstitel", "Bestandseinheit", "Anzahl", "Verkauft für", "Verpackung und Versand"),
    "Verkauft am",
]
EBAY_DE_ROW = ["7", "03-1", "Österreich", "12", "Bowl", "A-1", "2", "1.344,00 €", "4,99 €"]


@pytest.mark.parametrize(
    ("rows", "footer", "delimiter"),
    [
        ([EBAY, [*EBAY_ROW, "Oct-15-26"]], '1,record(s) downloaded,"from ,Oct-01-26"', ","),
        ([EBAY, [*EBAY_ROW, "Oct-15-26"]], "1 record(s) downloaded", ","),
        ([EBAY_DE, [*EBAY_DE_ROW, "03-Mär-26"]], "1;Datensätze heruntergeladen", ";"),
    ],
)
def test_ebay_counts_its_records_in_a_cell_of_their_own(
    rows: list[list[str]], footer: str, delimiter: str
) -> None:
    parsed = read_here(csv_bytes(rows, delimiter=delimiter) + footer.encode() + b"\r\n")
    assert parsed.records["qty"].to_list() == ["2"]
    assert parsed.rows["excluded"].to_list() == ["HEADER", None, "FOOTER"]
    assert [one for one in codes(parsed) if one != "FOOTER_SKIPPED"] == []


WOO = "order_id,order_number,order_date,status,order_currency,shipping_country,line_item_1"
BALANCES = "仓库,商品编码,商品名称,库存总量,可用库存,待出库,在途库存,冻结库存"
ITEM = "name:Bowl|sku:A-1|quantity:2|total:25.00"
ANALYTICS = "Date,Order #,N. Revenue (formatted),Status,Customer,Product(s),Items sold"
GOODCANG = "仓库代码,仓库,产品SKU,产品名称,在途,待上架,可售,不合格,待出库"
SETTLEMENT = "settlement-id,deposit-date,currency,transaction-type,order-id,amount,sku"
DATE_RANGE = "date/time,settlement id,type,order id,sku,description,quantity,product sales"
FBA_SALES = (
    "shipment-date,sku,fnsku,fulfillment-center-id,quantity,amazon-order-id,item-price-per-unit"
)
PREAMBLE = '"Includes Amazon Marketplace, Fulfillment by Amazon (FBA)"\r\n"Definitions:"\r\n'


@pytest.mark.parametrize(
    ("text", "layout", "code"),
    [
        (SETTLEMENT, "amazon_settlement", "NOT_ORDERS"),
        (PREAMBLE + DATE_RANGE, "amazon_settlement", "NOT_ORDERS"),
        (FBA_SALES, "amazon_fba_sales", "NOT_ORDERS"),
        (
            f"{WOO}\r\n1,1,2026-10-03,completed,USD,US,{ITEM}",
            "woocommerce_columns",
            "NO_LINE_ITEMS",
        ),
        (ANALYTICS, "woocommerce_analytics", "NO_LINE_ITEMS"),
        (f"{BALANCES}\r\nUS1,A-1,碗,10,8,2,5,0", "overseas_balances", "STOCK_SNAPSHOT"),
        (f"{GOODCANG}\r\nUSEA,美东,A-1,碗,5,3,10,1,2", "goodcang_stock", "STOCK_SNAPSHOT"),
    ],
)
def test_reports_that_are_no_orders_are_refused_by_their_own_name(
    text: str, layout: str, code: str
) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        parsed = read_here(f"{text}\r\n".encode(encoding))
        assert (parsed.layout, codes(parsed)) == (layout, [code])
        told = parsed.findings[0].params
        assert told["advice_zh"]
        assert told["advice_en"]


def test_woocommerce_without_the_quantity_before_refunds() -> None:
    head = [
        "Order Number",
        "Order Status",
        "Order Date",
        "Country Code (Billing)",
        "Country Code (Shipping)",
    ]
    head += ["SKU", "Item #", "Item Name", "Quantity (- Refund)", "Item Cost"]
    row = ["55", "Completed", "2026-10-03 10:11", "GB", "", "A-1", "1", "Bowl", "２", "1.344,00"]
    parsed = read_here(csv_bytes([head, row], delimiter=";"))
    assert (parsed.layout, codes(parsed)) == ("woocommerce_orders", [])
    line = parsed.records.row(0, named=True)
    assert (line["qty"], line["unit_price"], line["country"]) == ("2", "1344", "GB")


def test_shopee_of_taiwan_tells_the_freight_that_the_buyer_paid() -> None:
    head = ["訂單編號", "訂單狀態", "訂單成立日期", "買家支付運費 (單)", "商品名稱 (品)"]
    head += ["商品活動價格 (品)", "商品選項貨號 (品)", "數量", "國家 (單)"]
    row = ["2610130ABCDEFG", "已出貨", "2026-10-13 21:05", "60", "碗", "134", "A-1", "2", "TW"]
    parsed = read_here(csv_bytes([head, row], "big5"))
    assert parsed.layout == "shopee_orders"
    line = parsed.records.row(0, named=True)
    assert (line["freight"], line["unit_price"], line["sku"]) == ("60", "134", "A-1")


TIKTOK = ["Order ID", "Order Status", "SKU ID", "Seller SKU", "Quantity"]
TIKTOK += ["SKU Unit Original Price", "Created Time", "Country", "Currency"]


def tiktok(number: str, price: str, currency: str = "") -> list[str]:
    at = "13/10/2026 21:05:06"
    return [number, "Shipped", "17", "A-1", "2", price, at, "Malaysia", currency]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_an_empty_currency_column_does_not_hide_the_sign_of_the_amount(delimiter: str) -> None:
    rows = [
        tiktok("5761", "USD 29.90"), tiktok("5762", "RM29.90"), tiktok("5763", "₱1,200.50"),
        tiktok("5764", "29.90", "SGD"), tiktok("5765", "29.90"), tiktok("5766", "S$29.90"),
    ]  # fmt: skip
    data = csv_bytes([TIKTOK, *rows], delimiter=delimiter)
    for around in (None, "THB"):
        said = {"around": Circumstances(currency=around)} if around else {}
        parsed = read_here(data, **said)
        told = parsed.records["currency"].to_list()
        assert told == ["USD", "MYR", "PHP", "SGD", around, "SGD"]
        assert parsed.records["unit_price"].to_list()[:3] == ["29.9", "29.9", "1200.5"]


@pytest.mark.parametrize(
    ("price", "currency"), [("HK$12.00", "HKD"), ("NZ $12.00", "NZD"), ("US $12.00", "USD")]
)
def test_the_dollars_of_other_countries_are_not_those_of_the_united_states(
    price: str, currency: str
) -> None:
    row = [*EBAY_ROW[:7], price, "$5.00", "Oct-15-26"]
    line = read_here(csv_bytes([EBAY, row])).records.row(0, named=True)
    assert (line["unit_price"], line["currency"]) == ("12", currency)


@pytest.mark.parametrize("text", ["руб. 1 344,98", "1 344,98 руб.", "руб 1344,98"])
def test_roubles_are_read(text: str) -> None:
    assert numbers.canonical(text, "comma") == "1344.98"


@pytest.mark.parametrize("word", ["合计", "Total", "Grand total"])
def test_totals_under_a_channels_own_rows_are_no_order(word: str) -> None:
    total = [word, "", "", "", "12", "358.80", "", "", ""]
    parsed = read_here(csv_bytes([TIKTOK, tiktok("5761", "29.90", "MYR"), total]))
    assert parsed.records["order_no"].to_list() == ["5761"]
    assert codes(parsed) == ["FOOTER_SKIPPED"]
