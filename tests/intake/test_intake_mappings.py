"""What the headers of an unknown sheet may mean, and mappings that recognise it afterwards."""

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from intake_files import codes, csv_bytes, read_here, xlsx_bytes

from xborder.intake import layouts, postal
from xborder.intake.layouts import Layout
from xborder.intake.limits import Limits
from xborder.intake.mappings import MappingError, answered, checked, text_of
from xborder.intake.proposals import Proposal

HEAD = ["订单号", "交易号(平台单号)", "*SKU\n(必填)", "产品数量", "买家姓名", "收货国家(二字码)",
        "销售单价（USD）", "付款时间", "手机", "产品规格"]  # fmt: skip
ROWS = [
    [
        "MB1",
        "111-1",
        "CB-1",
        "2",
        "张三丰",
        "US",
        "5.5",
        "2026-11-01 10:00:00",
        "13800001111",
        "红",
    ],
    [
        "MB2",
        "111-2",
        "CB-2",
        "1",
        "李四光",
        "DE",
        "7.5",
        "2026-11-02 10:00:00",
        "13800001112",
        "蓝",
    ],
]
ERP = csv_bytes([HEAD, *ROWS])


def proposal_of(data: bytes, *own: Layout, **more: object) -> Proposal:
    parsed = read_here(data, mappings=own, **more)
    assert parsed.kind is None and parsed.proposal is not None
    return parsed.proposal


def mapped(proposal: Proposal) -> dict[str, str]:
    return {one["field"]: one["header"] for one in proposal["columns"]}


def own_of(proposal: Proposal, name: str = "mabang") -> tuple[str, Layout]:
    text, _ = checked(text_of(proposal | {"name": name}, {}))
    (layout,) = layouts.mappings({f"{name}@1": text})
    return text, layout


def mabang() -> Layout:
    return own_of(answered(proposal_of(ERP), {"order_no": "交易号(平台单号)"}))[1]


def changed(old: str, new: str) -> bytes:
    return csv_bytes([[new if one == old else one for one in HEAD], *ROWS])


def test_two_headers_for_a_field_are_asked_about_and_neither_is_mapped() -> None:
    told = proposal_of(ERP)
    assert mapped(told) == {
        "sku": "*SKU\n(必填)", "qty": "产品数量", "country": "收货国家(二字码)",
        "unit_price": "销售单价（USD）", "ordered_at": "付款时间",
    }  # fmt: skip
    (question,) = told["questions"]
    assert question["field"] == "order_no"
    assert [one["header"] for one in question["headers"]] == ["订单号", "交易号(平台单号)"]
    assert told["defaults"] == {"currency": "USD"} and told["missing"] == []


def test_nothing_of_a_buyer_is_shown() -> None:
    told = proposal_of(ERP)
    assert told["personal"] == ["买家姓名", "手机"]
    said = repr(told) + text_of(told, {})
    assert not any(secret in said for row in ROWS for secret in (row[4], row[8]))
    assert next(one for one in told["columns"] if one["field"] == "sku")["samples"] == [
        "CB-1", "CB-2",
    ]  # fmt: skip
    with pytest.raises(MappingError, match="买家姓名"):
        answered(told, {"goods_name": "买家姓名"})


def test_a_row_of_data_is_no_header_to_be_told() -> None:
    parsed = read_here(csv_bytes(ROWS))
    assert codes(parsed) == ["UNKNOWN_LAYOUT"] and parsed.proposal is None


def test_a_mapping_recognises_its_sheet_and_reads_what_it_says() -> None:
    parsed = read_here(ERP, mappings=(mabang(),))
    assert (parsed.kind, parsed.layout, codes(parsed)) == ("orders", "mabang@1", [])
    assert parsed.records.select("order_no", "sku", "qty", "unit_price", "currency").rows() == [
        ("111-1", "CB-1", "2", "5.5", "USD"), ("111-2", "CB-2", "1", "7.5", "USD"),
    ]  # fmt: skip
    assert parsed.records.select("country", "note").rows() == [("US", None), ("DE", None)]


def test_a_mapping_fits_every_shop_and_a_workbook_with_lines_above() -> None:
    data = xlsx_bytes([["马帮订单导出"], [], HEAD, *ROWS])
    assert proposal_of(data)["row"] == 3
    parsed = read_here(data, mappings=(mabang(),), shop_channel="shopify")
    assert parsed.layout == "mabang@1" and parsed.records.height == 2
    assert parsed.records["row"].to_list() == [4, 5]


def test_a_new_column_is_a_notice() -> None:
    parsed = read_here(
        csv_bytes([[*HEAD, "新列"], *([*row, "x"] for row in ROWS)]), mappings=(mabang(),)
    )
    assert (parsed.layout, codes(parsed)) == ("mabang@1", ["COLUMN_UNKNOWN"])


@pytest.mark.parametrize("old", ["产品数量", "收货国家(二字码)", "交易号(平台单号)"])
def test_a_renamed_column_stops_with_a_proposal_that_cures_it(old: str) -> None:
    new = old.replace("(", "_").replace(")", "") + "2"
    parsed = read_here(changed(old, new), mappings=(mabang(),))
    assert parsed.kind is None and codes(parsed)[-1] == "HEADER_CHANGED"
    assert parsed.proposal is not None and parsed.proposal["base"] == "mabang@1"
    before, _ = own_of(answered(proposal_of(ERP), {"order_no": "交易号(平台单号)"}))
    text, _ = checked(text_of(parsed.proposal, {"mabang@1": before}))
    own = layouts.mappings({"mabang@2": text})
    for data in (changed(old, new), ERP):
        assert read_here(data, mappings=own).layout == "mabang@2"


def test_a_column_that_is_gone_stops_and_can_be_said_anew() -> None:
    data = changed("产品数量", "件")
    parsed = read_here(data, mappings=(mabang(),))
    assert codes(parsed)[-1] == "MAPPED_COLUMN_GONE"
    assert parsed.proposal is not None and parsed.proposal["missing"] == ["qty"]
    before, _ = own_of(answered(proposal_of(ERP), {"order_no": "交易号(平台单号)"}))
    said = answered(parsed.proposal, {"qty": "件"})
    text, _ = checked(text_of(said, {"mabang@1": before}))
    assert read_here(data, mappings=layouts.mappings({"mabang@2": text})).records.height == 2


def test_another_sheet_with_some_of_the_headers_is_another_sheet() -> None:
    more = [f"列{number}" for number in range(20)]
    data = csv_bytes([[*HEAD, *more], *([*row, *more] for row in ROWS)])
    assert codes(read_here(data, mappings=(mabang(),))) == ["UNKNOWN_LAYOUT"]


SHOPIFY = [
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Currency", "Subtotal",
    "Shipping", "Taxes", "Total", "Discount Amount", "Created at", "Lineitem quantity",
    "Lineitem name", "Lineitem price", "Lineitem sku", "Lineitem requires shipping",
    "Shipping Name", "Shipping Country", "Cancelled at", "Refunded Amount", "Lineitem discount",
]  # fmt: skip
SHOPIFY_ROW = [
    "#1", "", "paid", "2026-11-01 10:00:00 +0000", "fulfilled", "USD", "10", "0", "0", "10", "0",
    "2026-11-01 10:00:00 +0000", "1", "Cup", "10", "CUP-1", "true", "Li", "US", "", "0", "0",
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("Lineitem sku", "Line item SKU", "sku"),
        ("Lineitem quantity", "Lineitem qty", "qty"),
        ("Cancelled at", "Canceled at", "x_cancelled_at"),
    ],
)
def test_a_channels_renamed_column_can_be_accepted_as_it_is(old: str, new: str, field: str) -> None:
    data = csv_bytes([[new if one == old else one for one in SHOPIFY], SHOPIFY_ROW])
    told = proposal_of(data)
    assert (told["base"], mapped(told), told["questions"]) == ("shopify_orders", {field: new}, [])
    text, layout = checked(text_of(told, {}))
    assert layout.channel == "shopify"
    own = layouts.mappings({"shopify_orders@1": text})
    parsed = read_here(data, mappings=own, shop_channel="shopify")
    assert (parsed.layout, parsed.records.height) == ("shopify_orders@1", 1)
    # The channel's own header is still the channel's own layout.
    assert read_here(csv_bytes([SHOPIFY, SHOPIFY_ROW]), mappings=own).layout == "shopify_orders"


def test_the_name_a_channel_renames_beyond_likeness_is_asked_about() -> None:
    data = csv_bytes([["Order Name", *SHOPIFY[1:]], SHOPIFY_ROW])
    told = proposal_of(data)
    assert told["base"] == "shopify_orders"
    assert [one["header"] for one in told["questions"][0]["headers"]] == ["Order Name"]
    text, _ = checked(text_of(answered(told, {"order_no": "Order Name"}), {}))
    assert (
        read_here(data, mappings=layouts.mappings({"shopify_orders@1": text})).records.height == 1
    )


def test_a_weight_in_grams_is_no_weight_in_kilograms() -> None:
    head = ["商品SKU", "HSCODE", "申报中文名", "报关要素", "净重(g)", "毛重(kg)", "产地"]
    data = csv_bytes([head, ["C-1", "6911101900", "瓷碗", "1|0", "300", "0.4", "CN"]])
    told = proposal_of(data)
    assert told["kind"] == "goods"
    assert told["unmapped"] == ["净重(g)"] and mapped(told)["gross_weight"] == "毛重(kg)"
    assert "net_weight" in told["missing"]
    # The own template does not take grams for its kilograms either.
    head = ["商品货号", "商品编码", "申报品名", "规格型号", "净重（克）", "原产国"]
    parsed = read_here(csv_bytes([head, ["C-1", "6911101900", "瓷碗", "1|0", "300", "CN"]]))
    assert parsed.layout == "template_goods"
    assert parsed.records["net_weight"].to_list() == [None]


HEADED = 'layout = "m"\nkind = "orders"\ntitle_zh = ""\ntitle_en = ""\n'
COLUMNS = '[[column]]\nfield = "{}"\naliases = ["{}"]\n'
THREE = "".join(COLUMNS.format(*one) for one in (("order_no", "a"), ("sku", "b"), ("qty", "c")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "TOML"),
        ('kind = "orders"', "column"),
        (THREE, "layout"),
        (f'layout = "m"\nkind = "orders"\nrefuse = "X"\n{THREE}', "refuse"),
        (f'layout = "m"\nkind = "orders"\nrecognise = ["sku"]\n{THREE}', "recognise"),
        (f'layout = "M 1"\nkind = "orders"\ntitle_zh = ""\ntitle_en = ""\n{THREE}', "M 1"),
        (f'layout = "shopify_orders"\nkind = "orders"\ntitle_zh = ""\ntitle_en = ""\n{THREE}', "built in"),
        (f'{HEADED}{COLUMNS.format("sku", "b")}', "order_no"),
        (f'{HEADED}{THREE}{COLUMNS.format("goods_name", "B")}', "two fields"),
        (f'{HEADED}{THREE}{COLUMNS.format("price", "d")}', "price"),
        (f'layout = "m"\nbase = "no_such"\n{THREE}', "no_such"),
        (f'layout = "m"\nbase = "magento_grid"\n{THREE}', "magento_grid"),
        (f'{HEADED}share = 0.1\n{THREE}', "share"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(MappingError, match=said):
        checked(text)


def test_a_header_of_two_lines_may_be_said_without_its_line_end() -> None:
    head = ["*订单号\n(必填)", "SKU", "数量", "申报金额\n（USD）"]
    data = csv_bytes([head, ["P1", "S-1", "1", "9.5"]])
    said = answered(proposal_of(data, kind="orders"), {"line_total": "申报金额（USD）"})
    assert mapped(said)["line_total"] == head[3]
    with pytest.raises(MappingError, match="no such header"):
        answered(proposal_of(data, kind="orders"), {"line_total": "申报 金额 USD"})


def test_a_mapping_says_which_columns_are_an_address_and_reads_none_of_them() -> None:
    own = mabang()
    assert dict(own.postal) == {"name": ("买家姓名",), "phone": ("手机",)}
    parsed = read_here(ERP, mappings=(own,))
    assert "张三丰" not in repr(parsed.records.rows())
    text, _ = own_of(answered(proposal_of(ERP), {"order_no": "交易号(平台单号)"}))
    with pytest.raises(MappingError, match="postal: qq"):
        checked(text.replace('phone = ["手机"]', 'qq = ["手机"]'))


def test_postal_rows_of_json_of_a_zip_and_of_an_old_workbook() -> None:
    text, _ = own_of(answered(proposal_of(ERP), {"order_no": "交易号(平台单号)"}))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("erp.csv", ERP)
    lines = "\n".join(json.dumps(dict(zip(HEAD, row, strict=True))) for row in ROWS).encode()
    for data, encoding in ((ERP, "utf-8"), (lines, "json"), (packed.getvalue(), "utf-8")):
        kept: list[pl.DataFrame] = []
        postal.parse(io.BytesIO(data), "mb@1", encoding, Limits(), kept.append, {"mb@1": text})
        told = pl.concat(kept).select("row", "name", "phone").rows()
        assert told == [(2, "张三丰", "13800001111"), (3, "李四光", "13800001112")]
    old = Path(__file__).parents[3] / "shared/samples/aliexpress/orders_export_synthetic.xls"
    if not old.exists():
        pytest.skip(f"no samples: {old}")
    with old.open("rb") as file:
        kept = []
        postal.parse(file, "aliexpress_orders", None, Limits(), kept.append, {})
    assert pl.concat(kept)["name"].null_count() == 0
