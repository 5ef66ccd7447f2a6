"""The real files of ../shared/samples: each read as the channel means it, or refused rightly."""

from pathlib import Path

import polars as pl
import pytest

from xborder import intake
from xborder.intake import Reading

READ = [
    ("aliexpress/orders_export_synthetic.xls", "aliexpress_orders", 1, 2),
    ("amazon/all_orders_by_order_date.txt", "amazon_all_orders", 0, 0),
    ("amazon/fulfilled_shipments_synthetic.txt", "amazon_fulfilled", 0, 0),
    ("amazon/unshipped_orders_flatfile_2009.txt", "amazon_unshipped", 4, 6),
    ("customs_cn/tianjin_oms/orderbatch.xls", "tianjin_oms_wide", 1, 2),
    ("customs_cn/tianjin_oms/upload_orders_long_anonymised.xlsx", "tianjin_oms_long", 58, 60),
    ("customs_cn/tianjin_oms/upload_orders_wide_anonymised.xlsx", "tianjin_oms_wide", 1, 1),
    ("customs_cn/welogix_order_import_83col.xlsx", "welogix_orders", 0, 0),
    ("ebay/orders_report_uk_footer_rows.csv", "ebay_uk", 2, 2),
    ("ebay/orders_report_us_50col.csv", "ebay_us", 1, 1),
    ("etsy/EtsySoldOrders2022_masked.csv", "etsy_orders", 80, 80),
    ("etsy/EtsySoldOrderItems2020.csv", "etsy_items", 33, 40),
    ("etsy/EtsySoldOrderItems2023.csv", "etsy_items", 4, 4),
    ("lazada/orders_export_synthetic.xlsx", "lazada_orders", 1, 1),
    ("shopee/orderSalesReport.xlsx", "shopee_orders", 2, 7),
    ("shopee/orderSalesReport2.xlsx", "shopee_orders", 2, 7),
    ("shopify/orders_export_2orders.csv", "shopify_orders", 2, 2),
    ("shopify/orders_export_79col_multiline_notes.csv", "shopify_orders", 5, 6),
    ("shopify/orders_export_crlf_inside_lf.csv", "shopify_orders", 57, 57),
    ("shopify/orders_export_excel_resaved_ddmmyyyy.csv", "shopify_orders", 194, 220),
    ("temu/orders_export_33col.xlsx", "temu_orders", 1, 2),
    ("tiktok/tiktok_orders.csv", "tiktok_orders", 1, 1),
    ("tiktok/tiktok_shop_orders.csv", "tiktok_orders", 2, 2),
    ("woocommerce/advanced_order_export_48col.csv", "woocommerce_orders", 1, 2),
]

REFUSED = [
    ("1688/buyer_orders_inlineStr_synthetic.xlsx", "PURCHASE_EVIDENCE"),
    ("amazon/awd_report.csv", "STOCK_SNAPSHOT"),
    ("amazon/fba_inventory_ledger_summary.txt", "STOCK_SNAPSHOT"),
    ("amazon/fba_inventory_planning_health.txt", "STOCK_SNAPSHOT"),
    ("amazon/fba_reserved_inventory.txt", "STOCK_SNAPSHOT"),
    ("customs_cn/customs_entry_dump_anonymised.xlsx", "IDENTIFIERS_DAMAGED"),
    ("customs_cn/wimoor/MaterialCustoms.xlsx", "NO_DATA_ROWS"),
    ("customs_cn/wimoor/ShipmentCustoms.xlsx", "NOT_ORDERS"),
    ("overseas_wms/fbt_inventory.csv", "STOCK_SNAPSHOT"),
    ("overseas_wms/flexport_inbound.csv", "STOCK_SNAPSHOT"),
    ("overseas_wms/flexport_levels.csv", "STOCK_SNAPSHOT"),
    ("overseas_wms/fpx_4px_inventory_synthetic.csv", "STOCK_SNAPSHOT"),
    ("overseas_wms/goodcang_inventory_synthetic.csv", "STOCK_SNAPSHOT"),
]
OTHERS = {"amazon/fba_inventory_ledger_detail.txt", "customs_cn/tianjin_oms/productBatchImport.xls"}


@pytest.fixture(scope="module")
def nursery():
    with intake.Nursery() as made:
        yield made


@pytest.fixture
def read(samples: Path, nursery: intake.Nursery):
    def reading(name: str) -> Reading:
        return intake.read(samples / name, Path(name).name, nursery=nursery)

    return reading


@pytest.mark.parametrize(("name", "layout", "orders", "lines"), READ)
def test_samples_are_read(read, name: str, layout: str, orders: int, lines: int) -> None:
    reading = read(name)
    assert reading.usable
    assert reading.layout == layout
    assert reading.records["order_no"].drop_nulls().n_unique() == orders
    assert reading.records.height == lines
    seen = reading.rows["record"].drop_nulls().unique()
    assert seen.is_in(list(range(lines))).all()
    assert reading.rows.filter(
        pl.col("excluded").is_null() == pl.col("record").is_null()
    ).is_empty()


@pytest.mark.parametrize(("name", "code"), REFUSED)
def test_samples_that_cannot_work_say_which_report_to_export(read, name: str, code: str) -> None:
    reading = read(name)
    assert not reading.usable
    (fatal,) = reading.findings.filter(pl.col("severity") == "fatal").iter_rows(named=True)
    assert fatal["code"] == code
    if code != "NO_DATA_ROWS":
        assert "advice_en" in fatal["params"]


def test_every_sample_is_in_one_of_the_tables(samples: Path) -> None:
    there = {str(one.relative_to(samples)) for one in samples.rglob("*") if one.is_file()}
    told = {name for name, *_ in READ} | {name for name, _ in REFUSED} | OTHERS
    assert there == told


def found(reading: Reading) -> dict[str, dict[str, object]]:
    return {str(row["code"]): row for row in reading.findings.iter_rows(named=True)}


def test_sample_resaved_by_excel(read) -> None:
    reading = read("shopify/orders_export_excel_resaved_ddmmyyyy.csv")
    told = found(reading)
    assert told["COLUMN_MISSING"]["expected"] == "Lineitem price"
    assert "Shipping Name" in str(told["COLUMNS_DELETED"]["expected"])
    assert "EXCEL_RESAVED" in told
    two = reading.records.filter(pl.col("order_no") == "#4083")
    assert two["ordered_at"].to_list() == ["2023-12-31T13:33:00+08:00"] * 2


def test_sample_amounts_and_quantities(read) -> None:
    amazon = read("amazon/unshipped_orders_flatfile_2009.txt").records
    assert amazon["line_total"].to_list()[:2] == ["1.29", "1.29"]
    assert amazon["unit_price"].null_count() == 6
    (lazada,) = read("lazada/orders_export_synthetic.xlsx").records.iter_rows(named=True)
    assert (lazada["qty"], lazada["unit_price"], lazada["country"]) == ("2", "95", "TH")
    woo = read("woocommerce/advanced_order_export_48col.csv").records
    assert woo["qty"].to_list() == ["1", "1"]
    assert woo["unit_price"].to_list() == ["12.5", "12.5"]
    temu = read("temu/orders_export_33col.xlsx").records
    assert temu["qty"].to_list() == ["1", "2"]
    assert temu["unit_price"].null_count() == temu["line_total"].null_count() == 2
    assert temu["country"].to_list() == ["CA", "CA"]


def test_sample_aliexpress_is_allocated_and_says_so(read) -> None:
    reading = read("aliexpress/orders_export_synthetic.xls")
    lines = reading.records.select("sku", "qty", "line_total", "currency", "country")
    assert list(lines.iter_rows()) == [
        ("MZ-CUP-02", "1", "8.33", "USD", "RU"),
        ("MZ-SPK-01", "2", "16.65", "USD", "RU"),
    ]
    assert found(reading)["AMOUNT_ALLOCATED"]["cell"] == "G2"


def test_samples_of_goods_that_lie_abroad_are_no_export(read) -> None:
    for name in ("amazon/fulfilled_shipments_synthetic.txt", "amazon/all_orders_by_order_date.txt"):
        reading = read(name)
        assert "OVERSEAS_STOCK" in reading.rows["excluded"].to_list()
        assert "ledger" in str(found(reading)["OVERSEAS_ROWS"]["params"])


def test_sample_footers_are_skipped_with_a_notice(read) -> None:
    reading = read("ebay/orders_report_uk_footer_rows.csv")
    assert found(reading)["FOOTER_SKIPPED"]["value"] == "4"
    assert reading.records["country"].to_list() == ["GB", "GB"]


def test_sample_wide_sheets_become_lines(read) -> None:
    both = read("customs_cn/tianjin_oms/orderbatch.xls").records
    lines = both.select("sku", "qty", "unit_price", "line_total", "currency")
    assert list(lines.iter_rows()) == [
        ("13-69", "2", "120", "240", "CNY"),
        ("5", "1", "120", "120", "CNY"),
    ]
    (one,) = read("customs_cn/tianjin_oms/upload_orders_wide_anonymised.xlsx").records.iter_rows(
        named=True
    )
    assert (one["sku"], one["qty"], one["line_total"]) == ("8976022343", "1", "207")


def test_sample_goods_and_movements(read) -> None:
    goods = read("customs_cn/tianjin_oms/productBatchImport.xls")
    assert (goods.kind, goods.records["hs_code"].to_list()) == ("goods", ["9705000090"])
    (movement,) = read("amazon/fba_inventory_ledger_detail.txt").records.iter_rows(named=True)
    assert (movement["movement_type"], movement["qty"]) == ("sold", "1")
    assert movement["moved_at"] == "2026-05-13T09:00:00+08:00"
