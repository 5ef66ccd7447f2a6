"""Exports as channels and spreadsheets write them elsewhere than in the samples."""

import pytest
from intake_files import codes, csv_bytes, read_here

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
