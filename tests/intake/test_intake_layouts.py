"""Each channel's file, made up small: what its columns mean, and what cannot be read from it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_files import codes, csv_bytes, read_here, xlsx_bytes

from xborder.intake.layouts import Layout, all_layouts
from xborder.intake.lines import Circumstances
from xborder.intake.parse import Parsed

Rows = list[dict[str, str]]


def table(rows: Rows, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    heads = list(dict.fromkeys(name for row in rows for name in row))
    body = [[row.get(head, "") for head in heads] for row in rows]
    return csv_bytes([heads, *body], encoding, delimiter)


def lines(parsed: Parsed, *names: str) -> list[tuple[str | None, ...]]:
    return list(parsed.records.select(names).iter_rows())


def excluded(parsed: Parsed) -> list[str | None]:
    return parsed.rows["excluded"].to_list()


AMAZON = {
    "amazon-order-id": "111-1", "merchant-order-id": "M", "purchase-date": "2026-05-01T00:00:00+00:00",
    "order-status": "Shipped", "fulfillment-channel": "Merchant", "sales-channel": "Amazon.com",
    "product-name": 'Cup 5"', "sku": "CUP", "item-status": "Shipped", "quantity": "2",
    "currency": "USD", "item-price": "25.00", "shipping-price": "1.50",
    "item-promotion-discount": "-2.00", "ship-country": "US",
}  # fmt: skip


def amazon(*changes: dict[str, str]) -> bytes:
    rows = [AMAZON | change for change in changes]
    body = ["\t".join(row.values()) for row in rows]
    return "\n".join(["\t".join(AMAZON), *body]).encode()


def test_amazon_all_orders() -> None:
    parsed = read_here(
        amazon(
            {},
            {"sku": "POT", "item-price": "8.00"},
            {"amazon-order-id": "111-2", "fulfillment-channel": "Amazon"},
            {"amazon-order-id": "111-3", "order-status": "Cancelled", "quantity": "0"},
            {"amazon-order-id": "111-4", "order-status": "Pending"},
        )
    )
    assert parsed.layout == "amazon_all_orders"
    assert lines(parsed, "order_no", "sku", "qty", "line_total", "line_discount", "freight") == [
        ("111-1", "CUP", "2", "25", "2", "3"),
        ("111-1", "POT", "2", "8", "2", "3"),
        ("111-4", "CUP", "2", "25", "2", "1.5"),
    ]
    assert excluded(parsed) == ["HEADER", None, None, "OVERSEAS_STOCK", "CANCELLED", None]
    assert {"PAYMENT_PENDING", "OVERSEAS_ROWS"} <= set(codes(parsed))


EBAY = {
    "Sales Record Number": "12", "Order Number": "24-1", "Ship To Country": "United States",
    "Item Number": "9", "Item Title": "Cup", "Custom Label": "CUP", "Quantity": "2",
    "Sold For": "$1,045.99", "Shipping And Handling": "$3.00", "Sale Date": "Jan-15-26",
    "Transaction ID": "T1", "Global Shipping Program": "No",
}  # fmt: skip


def test_ebay_us_order_with_a_row_of_totals() -> None:
    summary = dict.fromkeys(["Item Number", "Item Title", "Custom Label", "Sold For"], "")
    item = dict.fromkeys(["Ship To Country", "Shipping And Handling", "Sale Date"], "")
    data = csv_bytes(
        [
            list(EBAY),
            [""] * len(EBAY),
            list((EBAY | summary | {"Transaction ID": ""}).values()),
            list((EBAY | item).values()),
            list((EBAY | item | {"Custom Label": "POT", "Transaction ID": "T2"}).values()),
            ["3 record(s) downloaded"] + [""] * (len(EBAY) - 1),
            ["Seller ID : someone"] + [""] * (len(EBAY) - 1),
        ]
    )
    parsed = read_here(data)
    assert parsed.layout == "ebay_us"
    assert lines(parsed, "order_no", "sku", "unit_price", "currency", "ordered_at", "freight") == [
        ("24-1", "CUP", "1045.99", "USD", "2026-01-15", "3"),
        ("24-1", "POT", "1045.99", "USD", "2026-01-15", "3"),
    ]
    assert excluded(parsed)[1:] == ["BLANK", "ORDER_SUMMARY", None, None, "FOOTER", "FOOTER"]


def test_ebay_de_writes_commas_words_and_dashes() -> None:
    row = {
        "Verkaufsprotokollnummer": "1", "Bestellnummer": "23-1", "Versand nach Land": "Österreich",
        "Artikelnummer": "9", "Artikelbezeichnung": "Tasse", "Bestandseinheit": "CUP",
        "Anzahl": "1", "Verkauft für": "1.344,00 €", "Verpackung und Versand": "--",
        "Verkauft am": "03-Mär-26", "Transaktions-ID": "T1",
    }  # fmt: skip
    other = row | {"Bestellnummer": "23-2", "Verkauft am": "10-Dez-25", "Verkauft für": "9,90 €"}
    for encoding in ("utf-8-sig", "cp1252"):
        parsed = read_here(table([row, other], ";", encoding))
        assert parsed.layout == "ebay_de"
        assert lines(parsed, "order_no", "unit_price", "currency", "ordered_at", "freight") == [
            ("23-1", "1344", "EUR", "2026-03-03", None),
            ("23-2", "9.9", "EUR", "2025-12-10", None),
        ]


ETSY = {
    "Sale Date": "12/31/25", "Item Name": "Bowl", "Buyer": "someone", "Quantity": "2",
    "Price": "4.50", "Discount Amount": "-0.50", "Order Shipping": "3.00", "Currency": "USD",
    "Transaction ID": "T1", "Listing ID": "L1", "Ship Country": "United States",
    "Order ID": "77", "Order Type": "online", "Listings Type": "listing", "SKU": "BOWL",
}  # fmt: skip


def test_etsy_items() -> None:
    parsed = read_here(
        table(
            [
                ETSY,
                ETSY | {"Transaction ID": "T2", "SKU": "CUP"},
                ETSY | {"Order ID": "78", "Order Type": "in-person"},
                ETSY | {"Order ID": "79", "Listings Type": "digital"},
            ]
        )
    )
    assert parsed.layout == "etsy_items"
    assert lines(parsed, "order_no", "line_no", "ordered_at", "unit_price", "freight") == [
        ("77", "T1", "2025-12-31", "4.5", "3"),
        ("77", "T2", "2025-12-31", "4.5", "3"),
    ]
    assert excluded(parsed)[3:] == ["IN_PERSON", "DIGITAL"]
    assert "DATE_ORDER_ASSUMED" in codes(parsed)


WOO = {
    "Order Number": "5", "Order Status": "Completed", "Order Date": "2026-06-01 18:26",
    "Country Code (Billing)": "DE", "Country Code (Shipping)": "", "Item #": "1", "SKU": "CUP",
    "Name": "Cup", "Quantity": "3", "Quantity (- Refund)": "2", "Item Cost": "12.50",
    "Order Shipping Amount": "5.00",
}  # fmt: skip


def test_woocommerce() -> None:
    parsed = read_here(
        table(
            [
                WOO,
                WOO | {"Item #": "2", "SKU": "POT", "Quantity (- Refund)": "0"},
                WOO | {"Order Number": "6", "Order Status": "Refunded"},
            ]
        ),
        around=Circumstances("Europe/Berlin", "EUR"),
    )
    assert parsed.layout == "woocommerce_orders"
    assert lines(parsed, "sku", "qty", "unit_price", "country", "currency", "ordered_at") == [
        ("CUP", "2", "12.5", "DE", "EUR", "2026-06-01T18:26:00+02:00")
    ]
    assert excluded(parsed)[2:] == ["REFUNDED", "REFUNDED"]


def test_woocommerce_with_all_goods_in_one_cell() -> None:
    row = {
        "order_number": "5", "status": "processing", "order_date": "2026-06-01 18:26:00",
        "shipping_country": "US", "billing_country": "US", "order_currency": "USD",
        "line_items": "name:Cup, blue|sku:CUP|quantity:2|total:25.00;name:Pot|sku:POT|quantity:1|total:8",
    }  # fmt: skip
    parsed = read_here(table([row, row | {"order_number": "6", "line_items": "Cup x 2"}]))
    assert parsed.layout == "woocommerce_line_items"
    assert lines(parsed, "order_no", "goods_name", "sku", "qty", "line_total")[:2] == [
        ("5", "Cup, blue", "CUP", "2", "25.00"),
        ("5", "Pot", "POT", "1", "8"),
    ]
    (unread,) = [one for one in parsed.findings if one.code == "ITEMS_NOT_READ"]
    assert (unread.row, unread.order_no) == (3, "6")
    assert parsed.rows["record"].to_list() == [None, 0, 2]


TIKTOK = {
    "Order ID": "577000000000000001\t", "Order Status": "Completed", "Order Substatus": "x",
    "SKU ID": "1729\t", "Seller SKU": "CUP", "Product Name": "Cup", "Quantity": "3",
    "Sku Quantity of return": "1", "SKU Unit Original Price": "BRL 35,91",
    "SKU Platform Discount": "BRL 1,00", "SKU Seller Discount": "BRL 3,00",
    "SKU Subtotal After Discount": "BRL 103,73", "Created Time": "05/01/2026 10:00:00\t",
    "Fulfillment Type": "Fulfillment by seller", "Country": "Brazil",
}  # fmt: skip


def test_tiktok() -> None:
    described = dict.fromkeys(TIKTOK, "") | {"Order ID": "Platform unique order ID."}
    parsed = read_here(
        b"\xef\xbb\xbf"
        + table(
            [
                described,
                TIKTOK,
                TIKTOK | {"Seller SKU": "", "Sku Quantity of return": "3"},
                TIKTOK | {"Order ID": "577000000000000002\t", "Seller SKU": ""},
                TIKTOK | {"Order ID": "577000000000000003\t", "Order Status": "ยกเลิกแล้ว"},
                TIKTOK | {"Order ID": "577000000000000004\t", "Fulfillment Type": "Fulfillment by TikTok Shop"},
            ]
        ),
        around=Circumstances("America/Sao_Paulo"),
    )  # fmt: skip
    assert parsed.layout == "tiktok_orders"
    assert lines(parsed, "order_no", "sku", "qty", "unit_price", "line_discount", "currency") == [
        ("577000000000000001", "CUP", "2", "35.91", "2", "BRL"),
        ("577000000000000002", "1729", "2", "35.91", "2", "BRL"),
    ]
    assert parsed.records["line_total"].null_count() == 2
    assert parsed.records["ordered_at"][0] == "2026-01-05T10:00:00-03:00"
    assert excluded(parsed)[1:] == [
        "DESCRIPTION", None, "REFUNDED", None, "CANCELLED", "OVERSEAS_STOCK",
    ]  # fmt: skip


def test_tiktok_in_the_us_puts_the_month_first() -> None:
    row = TIKTOK | {"Created Time": "05/01/2026 3:04:05 PM\t", "SKU Unit Original Price": "35.91"}
    row |= {"SKU Seller Discount": "0", "SKU Subtotal After Discount": "107.73", "Country": "US"}
    parsed = read_here(table([row]), around=Circumstances("America/New_York"))
    assert parsed.records["ordered_at"].to_list() == ["2026-05-01T15:04:05-04:00"]


def test_shopee_in_another_language() -> None:
    row = {
        "No. Pesanan": "26A", "Status Pesanan": "Selesai", "Waktu Pesanan Dibuat": "2026-01-09 00:12",
        "SKU Induk": "P1", "Nama Produk": "Cangkir", "Nomor Referensi SKU": "CUP",
        "Harga Awal": "Rp 50.000", "Harga Setelah Diskon": "Rp 1.045.000", "Jumlah": "3",
        "Returned quantity": "1", "Negara": "ID",
    }  # fmt: skip
    parsed = read_here(
        table([row, row | {"No. Pesanan": "26B", "Status Pesanan": "Batal"}]),
        around=Circumstances("Asia/Jakarta", "IDR"),
    )
    assert parsed.layout == "shopee_orders"
    assert lines(parsed, "order_no", "sku", "qty", "unit_price", "currency", "ordered_at") == [
        ("26A", "CUP", "2", "1045000", "IDR", "2026-01-09T00:12:00+07:00")
    ]


LAZADA = {
    "orderItemId": "1", "sellerSku": "CUP", "lazadaSku": "L_1", "createTime": "05 Jan 2026 10:11",
    "orderNumber": "678", "shippingCountry": "Thailand", "paidPrice": "95.00",
    "unitPrice": "100.00", "shippingFee": "20.00", "itemName": "Cup", "status": "shipped",
    "deliveryType": "dropship",
}  # fmt: skip


def test_lazada_rows_are_units() -> None:
    rows = [
        LAZADA,
        LAZADA | {"orderItemId": "2"},
        LAZADA | {"orderItemId": "3", "paidPrice": "90.00"},
        LAZADA | {"orderItemId": "4", "status": "canceled"},
        LAZADA | {"orderItemId": "5", "orderNumber": "679"},
    ]
    parsed = read_here(xlsx_bytes([list(LAZADA), *(list(row.values()) for row in rows)]))
    assert parsed.layout == "lazada_orders"
    assert lines(parsed, "order_no", "line_no", "qty", "unit_price", "freight") == [
        ("678", "1", "2", "95", "80"),
        ("678", "3", "1", "90", "80"),
        ("679", "5", "1", "95", "20"),
    ]
    assert parsed.rows["record"].to_list() == [None, 0, 0, 1, None, 2]


TEMU = {
    "订单号": "PO-211-1", "站点": "美国站", "订单状态": "待发货", "子订单号": "211-1",
    "应履约件数": "2", "商品名称": "杯", "SKUID": "S1", "SKU货号": "--", "国家": "--",
    "订单创建时间": "2026-08-11 10:00:00",
}  # fmt: skip


def test_temu_has_no_price() -> None:
    rows = [
        TEMU,
        TEMU | {"订单号": "PO-211-2", "SKU货号": "CUP", "国家": "Canada", "应履约件数": "0"},
    ]
    parsed = read_here(
        xlsx_bytes([list(TEMU), *(list(row.values()) for row in rows)]),
        around=Circumstances("America/New_York"),
    )
    assert parsed.layout == "temu_orders"
    assert lines(parsed, "order_no", "sku", "qty", "country", "unit_price", "ordered_at") == [
        ("PO-211-1", "S1", "2", "US", None, "2026-08-11T10:00:00+08:00")
    ]
    assert excluded(parsed)[2] == "CANCELLED"
    assert "LAYOUT_LACKS_FIELDS" in codes(parsed)


ALIEXPRESS = {
    "订单号": "8100000000000001", "订单状态": "等待您发货", "买家名称": "x",
    "下单时间": "2026-04-20 23:11", "产品总金额": "US $ 10.00", "物流费用": "US $ 2.10",
    "满立减": "US $ 0.01",
    "产品信息\n（双击单元格展开所有产品信息！）":
        "【1】 Cup (set) (产品属性: Color:Blue ) (商家编码:CUP) (产品数量:2 piece)\n"
        "【2】 Pot (产品属性: x ) (商家编码:POT) (产品数量:1 piece)",
    "收货国家": "Russian Federation", "买家选择物流": "x",
}  # fmt: skip


def test_aliexpress_shares_the_amount_out() -> None:
    one = {
        "产品信息\n（双击单元格展开所有产品信息！）": "【1】 Cup (商家编码:CUP) (产品数量:3 piece)"
    }
    rows = [
        ALIEXPRESS,
        ALIEXPRESS | one | {"订单号": "8100000000000002"},
        ALIEXPRESS | {"订单号": "8100000000000003", "订单状态": "订单关闭"},
    ]
    parsed = read_here(xlsx_bytes([list(ALIEXPRESS), *(list(row.values()) for row in rows)]))
    assert parsed.layout == "aliexpress_orders"
    assert lines(parsed, "order_no", "goods_name", "sku", "qty", "line_total", "currency") == [
        ("8100000000000001", "Cup (set)", "CUP", "2", "6.66", "USD"),
        ("8100000000000001", "Pot", "POT", "1", "3.33", "USD"),
        ("8100000000000002", "Cup", "CUP", "3", "9.99", "USD"),
    ]
    assert [one.row for one in parsed.findings if one.code == "AMOUNT_ALLOCATED"] == [2]
    assert parsed.rows["record"].to_list() == [None, 0, 2, None]


def test_walmart() -> None:
    row = {
        "PO#": "108", "Order#": "200", "Order Date": "2026-05-01", "SKU": "CUP", "Qty": "1",
        "Item Price": "9.99", "Status": "Created", "Fulfillment Entity": "SellerFulfilled",
        "Customer Shipping Address": "1 Main St",
    }  # fmt: skip
    parsed = read_here(table([row, row | {"PO#": "109", "Fulfillment Entity": "WFS Fulfilled"}]))
    assert parsed.layout == "walmart_orders"
    assert lines(parsed, "order_no", "sku", "unit_price") == [("108", "CUP", "9.99")]
    assert excluded(parsed)[2] == "OVERSEAS_STOCK"


def test_wide_sheets_become_lines() -> None:
    heads = ["交易订单号", "成交币种", "成交总价", "产品sku1", "数量", "产品sku2", "数量"]
    rows = [["A1", "RMB", "90", "CUP", "2", "POT", "1"], ["A2", "RMB", "10", "CUP", "1", "", ""]]
    parsed = read_here(xlsx_bytes([heads, *rows]))
    assert parsed.layout == "tianjin_oms_wide"
    assert lines(parsed, "order_no", "sku", "qty", "line_total") == [
        ("A1", "CUP", "2", "60"),
        ("A1", "POT", "1", "30"),
        ("A2", "CUP", "1", "10"),
    ]
    assert parsed.columns["Sheet"]["qty#2"] == (6, "数量")
    assert "DUPLICATE_HEADER" not in codes(parsed)


def test_an_import_is_no_export() -> None:
    heads = [
        "客户单号(必填)",
        "进出口标识",
        "订单号",
        "商品货号",
        "数量(个数)",
        "申报单价",
        "币制",
        "目的国",
    ]
    rows = [
        ["C1", "EXP", "", "CUP", "2", "5.00", "USD", "US"],
        ["C2", "IMP", "", "CUP", "2", "5.00", "USD", "US"],
    ]
    parsed = read_here(xlsx_bytes([heads, *rows]))
    assert parsed.layout == "welogix_orders"
    assert lines(parsed, "order_no", "sku", "qty", "country") == [("C1", "CUP", "2", "US")]
    assert excluded(parsed)[2] == "NOT_AN_EXPORT"


@pytest.mark.parametrize(
    "layout", [one for one in all_layouts() if one.refuse], ids=lambda x: x.layout
)
def test_reports_that_cannot_work_are_refused_with_advice(layout: Layout) -> None:
    heads = [column.headers[0] for column in layout.columns]
    delimiter = "\t" if layout.channel.startswith("amazon") else ","
    parsed = read_here(csv_bytes([heads, ["1"] * len(heads)], delimiter=delimiter))
    assert parsed.kind is None
    assert parsed.layout == layout.layout
    refused = parsed.findings[-1]
    assert refused.code == layout.refuse
    assert refused.params["advice_zh"] == layout.advice_zh != ""
    assert refused.params["advice_en"] == layout.advice_en != ""


CELLS = st.sampled_from(
    [
        *(
            "",
            "1",
            "-3",
            "0",
            "A-1",
            "1,234",
            "1.344,00 €",
            "(12.00)",
            "US $ 5.00",
            "--",
            "x" * 300,
        ),
        *("2026-04-01", "05/06/2026", "Jan-15-26", "31/12/25", "2026-13-45", "cancelled", "Amazon"),
        *("US", "美国站", "1e309", "5.77E+17", "577123456789012000", "NaN", "é", "\u200b", "#REF!"),
        *("0.00001", "99999999999", "9" * 30, "577123456789012", "-0", "0.00"),
        *("【1】 Cup (商家编码:A) (产品数量:2 piece)", "【】", "name:A|sku:B|quantity:9", "yes"),
    ]
)


@pytest.mark.parametrize("layout", all_layouts(), ids=lambda one: one.layout)
@settings(max_examples=5, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_whatever_stands_in_a_channels_columns_every_row_has_one_state(
    layout: Layout, data: st.DataObject
) -> None:
    heads = [column.headers[0] for column in layout.columns]
    heads = [*heads, *(head for head in heads if layout.groups and head in ("产品sku1", "数量"))]
    row = st.lists(CELLS, min_size=len(heads), max_size=len(heads))
    body = data.draw(st.lists(row, max_size=6))
    xlsx = data.draw(st.booleans())
    rows = [heads, *body]
    delimiter = "\t" if not layout.quoted else ","
    parsed = read_here(xlsx_bytes(rows) if xlsx else csv_bytes(rows, delimiter=delimiter))
    if parsed.kind is None:
        assert any(one.code for one in parsed.findings)
        return
    states = parsed.rows
    assert (states["excluded"].is_null() == states["record"].is_not_null()).all()
    assert states["row"].to_list() == list(range(1, states.height + 1))
    pointed = states["record"].drop_nulls()
    assert pointed.is_empty() or pointed.max() < parsed.records.height
    assert set(parsed.records["row"]) <= set(states["row"])
