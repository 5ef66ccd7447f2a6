"""A manifest's files: what they say, and that they are the same bytes every time."""

import hashlib
import itertools
import json
import subprocess
import time
from decimal import Decimal
from io import BytesIO

import openpyxl
import pytest
from manifest_samples import frame, group, head_rows, item_rows, manifest

from xborder.manifests import draft, package, sheets, totals, workbook


def book(data):
    return openpyxl.load_workbook(BytesIO(data))


def rows_of(sheet):
    """Rows below the heads as dicts of source → cell."""
    what = "lists" if sheet.title.startswith("清单") else "goods"
    names = [(one.source, one.kind) for one in sheets.columns(what)]
    return [dict(zip(names, row, strict=True)) for row in sheet.iter_rows(min_row=2)]


def build(one, heads, items):
    (files,) = package.build(group([one], [len(heads)], heads, items))
    return files


def archive(number, files):
    sink = BytesIO()
    package.archive(number, files, sink)
    return sink.getvalue()


def written(heads, items, limit=sheets.ROWS):
    together = group([manifest()], [len(heads)], heads, items)
    (data,) = workbook.write(together, totals.totals(together), limit=limit)
    return book(data)


def test_files_of_both_kinds(lists):
    heads, items = lists(3, 2)
    assert list(build(manifest(lists_per_message=2), heads, items)) == [
        "CEB303_0001.xml", "CEB303_0002.xml", "CEB603_0001.xml", "CEB603_0002.xml",
        "manifest.xlsx", "manifest.json", "SHA256SUMS",
    ]  # fmt: skip
    assert list(build(manifest(kind="declarations"), heads, items)) == [
        "CEB303_0001.xml", "manifest.xlsx", "declaration_draft.xlsx", "manifest.json", "SHA256SUMS",
    ]  # fmt: skip


def test_index_counts_totals_and_checksums():
    heads = head_rows(2, packNo="3", grossWeight="0.1", netWeight="0.05")
    items = [
        *item_rows(heads[:1], 2, totalPrice="0.1", gcode="6911101100"),
        *item_rows(heads[1:], 1, totalPrice="99999999999999.99999", gcode="6912009000"),
        *[row | {"gnum": 2} for row in item_rows(heads[1:], 1, currency="142", totalPrice="7")],
    ]
    files = build(manifest(), frame(heads), frame(items))
    index = json.loads(files["manifest.json"])
    assert index["number"] == "XB60412026112200001"
    assert index["issued_at"] == "2026-11-22T12:00:00+08:00"
    assert index["counts"] == {"lists": 2, "goods_lines": 4, "packages": 6, "messages": 2}
    assert (index["gross_weight_kg"], index["net_weight_kg"]) == ("0.2", "0.1")
    assert [(r["currency"], r["currency_name"], r["total"], r["lists"], r["goods_lines"])
            for r in index["totals_by_currency"]] == [
        ("142", "", "7", 1, 1), ("502", "美元", "100000000000000.19999", 2, 3),
    ]  # fmt: skip
    assert [(r["heading"], r["currency"], r["total"]) for r in index["totals_by_heading"]] == [
        ("6911", "142", "7"), ("6911", "502", "0.2"), ("6912", "502", "99999999999999.99999"),
    ]  # fmt: skip
    office = next(one for one in index["batch"] if one["field"] == "customsCode")
    assert office == {
        "field": "customsCode", "value": "6041", "name": "梅州海关", "zh": "申报地海关",
        "en": "customs office",
    }  # fmt: skip
    assert "由客户端加签" in index["signature"] and "to be signed" in index["signature"]
    listed = {one["name"]: (one["size"], one["sha256"]) for one in index["files"]}
    assert listed == {
        name: (len(data), hashlib.sha256(data).hexdigest())
        for name, data in files.items()
        if name not in ("manifest.json", "SHA256SUMS")
    }


def test_checksums_as_sha256sum_reads_them(lists, tmp_path):
    files = build(manifest(kind="declarations"), *lists(1))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().count(": OK") == len(files) - 1


def test_same_rows_same_bytes_later(lists):
    heads, items = lists(3, 2)
    both = [manifest(kind=kind) for kind in ("lists", "declarations")]
    first = [build(one, heads, items) for one in both]
    zipped = [archive("X", files) for files in first]
    time.sleep(2.1)  # ZIP dates have two seconds' grain
    assert [build(one, heads, items) for one in both] == first
    assert [archive("X", files) for files in first] == zipped


def test_workbooks_leave_no_trace_in_the_next(lists):
    """XlsxWriter writes into the default format it is given; ours must stay as it was."""
    before = dict(sheets.FONT)
    build(manifest(), *lists(1))
    assert before == sheets.FONT


def test_archive_holds_the_files_in_order(lists):
    one = manifest()
    files = build(one, *lists(2))
    data = archive(one.number, files)
    assert list(package.unpack(one.number, data).items()) == list(files.items())


def test_workbook_numbers_are_numbers_and_codes_are_text():
    heads = head_rows(1, grossWeight="2.40", goodsValue="1234.5", packNo="3", wrapType="2")
    items = item_rows(heads, 1, gcode="0101210010", qty="10", totalPrice="1234.50000")
    lists_row = rows_of(written(frame(heads), frame(items))["清单 Lists"])[0]
    goods_row = rows_of(written(frame(heads), frame(items))["商品 Goods"])[0]
    gross, value = lists_row["grossWeight", "number"], lists_row["goodsValue", "money"]
    assert (gross.value, gross.data_type, gross.number_format) == (2.4, "n", "#,##0.0")
    assert (value.value, value.number_format) == (1234.5, "#,##0.00")
    assert lists_row["packNo", "count"].value == 3
    assert lists_row["packNo", "count"].number_format == "#,##0"
    assert (lists_row["country", "text"].value, lists_row["country", "name"].value) == (
        "502",
        "美国",
    )
    code = goods_row["gcode", "text"]
    assert (code.value, code.data_type) == ("0101210010", "s")
    assert goods_row["qty", "number"].number_format == "#,##0"
    assert goods_row["qty2", "number"].value is None


def test_a_number_longer_than_excel_holds_stays_exact():
    heads = head_rows(1, goodsValue="99999999999999.99999", grossWeight="123456789.123456")
    heads[0]["grossWeight"] = "1234567890.12345"
    cells = rows_of(written(frame(heads), frame(item_rows(heads)))["清单 Lists"])[0]
    value, gross = cells["goodsValue", "money"], cells["grossWeight", "number"]
    assert (value.value, value.data_type) == ("99999999999999.99999", "s")
    assert (Decimal(str(gross.value)), gross.data_type) == (Decimal("1234567890.12345"), "n")


@pytest.mark.parametrize(
    "nasty", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "＝1", "https://x.example", "007"]
)
def test_what_looks_like_a_formula_is_text(nasty):
    heads = head_rows(1, orderNo=nasty, note=nasty)
    items = item_rows(heads, 1, gname=nasty)
    files = build(manifest(kind="declarations"), frame(heads), frame(items))
    made = book(files["manifest.xlsx"])
    for cell in (
        rows_of(made["清单 Lists"])[0]["orderNo", "text"],
        rows_of(made["商品 Goods"])[0]["gname", "text"],
    ):
        assert (cell.data_type, cell.hyperlink) == ("s", None)
        assert cell.value == nasty
        assert bool(cell.quotePrefix) == (nasty[0] in "=+-@\t＝")
    for data in (files["manifest.xlsx"], files["declaration_draft.xlsx"]):
        for sheet in book(data):
            assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def test_heads_are_frozen_filtered_and_bilingual(lists):
    made = written(*lists(2))
    for name, what in (("清单 Lists", "lists"), ("商品 Goods", "goods")):
        sheet = made[name]
        assert sheet.freeze_panes == "C2"
        assert sheet.auto_filter.ref == f"A1:{sheet.dimensions.split(':')[1]}"
        titles = [cell.value for cell in sheet[1]]
        assert titles == [f"{one.zh}\n{one.en}" for one in sheets.columns(what)]
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert sheet.print_title_rows == "$1:$1"


def test_a_full_sheet_rolls_over(lists):
    heads, items = lists(5, 2)
    made = written(heads, items, limit=4)
    assert made.sheetnames == [
        "汇总 Summary", "清单 Lists", "清单 Lists 2",
        "商品 Goods", "商品 Goods 2", "商品 Goods 3", "商品 Goods 4",
    ]  # fmt: skip
    assert [made[name].max_row for name in made.sheetnames[1:]] == [4, 3, 4, 4, 4, 2]
    found = [
        row["orderNo", "text"].value
        for name in ("清单 Lists", "清单 Lists 2")
        for row in rows_of(made[name])
    ]
    assert found == heads["orderNo"].to_list()


def test_summary_names_what_the_lists_share(lists):
    sheet = written(*lists(2))["汇总 Summary"]
    said = {row[0].value: [cell.value for cell in row[1:4]] for row in sheet.iter_rows()}
    assert said["申报地海关"] == ["customs office", "6041", "梅州海关"]
    assert said["出口口岸"] == ["exit port", "5349", "大鹏海关"]
    assert said["清单数"][1] == 2
    assert said["502"][:2] == ["502 美元", 99.96]


def test_draft_declaration_of_each_order():
    heads = head_rows(
        2, kind="x", route="declaration", tradeMode="9710", orderNo="PO/2026:*", goodsValue="9000"
    )
    items = item_rows(heads, 2, qty2="3", unit2="035", origin_country="CN")
    one = manifest(kind="declarations")
    (name, data), *more = draft.write(one, frame(heads), frame(items)).items()
    assert name == "declaration_draft.xlsx" and not more
    made = book(data)
    assert made.sheetnames == ["PO_2026__", "PO_2026__~2"]
    sheet = made["PO_2026__"]
    texts = [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]
    said = {
        before.split("\n")[0]: after
        for before, after in itertools.pairwise(texts)
        if isinstance(before, str) and "\n" in before
    }
    assert said["境内收发货人"] == "大埔瓷韵陶瓷有限公司"
    assert said["申报地海关"] == "6041 梅州海关"
    assert said["出境关别"] == "5349 大鹏海关"
    assert said["监管方式"] == "9710 跨境电商B2B直接出口"
    assert said["运输方式"] == "5 航空运输"
    assert said["运抵国（地区）"] == "502 美国"
    assert said["指运港"] == "3154 洛杉矶"
    assert said["成交方式"] == "3 FOB"
    assert said["包装种类"] == "2 纸箱"
    assert said["随附单证 10000004"] == "10000004 : PO/2026:*"
    assert (said["件数"], said["毛重（千克）"], said["净重（千克）"]) == (1, 2.4, 2.1)
    head = next(row for row in sheet.iter_rows() if row[0].value == "项号\nLine")
    line = {
        title.value.split("\n")[0]: cell.value
        for title, cell in zip(head, sheet[head[0].row + 1], strict=True)
    }
    assert line["项号"] == 1
    assert line["商品编号"] == "6911101100"
    assert (line["成交数量"], line["单位"]) == (2, "007 个")
    assert (line["第二数量"], line["第二单位"]) == (3, "035 千克")
    assert (line["币制"], line["原产国"], line["最终目的国"]) == ("502 美元", "CN 中国", "502 美国")


def test_draft_says_when_one_declaration_is_too_short():
    heads = head_rows(1)
    for lines, expected in ((50, False), (51, True)):
        items = frame(item_rows(heads, lines))
        data = draft.write(manifest(kind="declarations"), frame(heads), items)
        sheet = book(data["declaration_draft.xlsx"]).active
        texts = [str(cell.value) for row in sheet.iter_rows() for cell in row]
        assert any("须分单申报" in text for text in texts) == expected


def test_many_drafts_go_into_several_workbooks(lists, monkeypatch):
    monkeypatch.setattr(draft, "ORDERS_PER_WORKBOOK", 2)
    heads, items = lists(5)
    made = draft.write(manifest(kind="declarations"), heads, items)
    assert {name: book(data).sheetnames for name, data in made.items()} == {
        "declaration_draft.xlsx": ["#1001", "#1002"],
        "declaration_draft_0002.xlsx": ["#1003", "#1004"],
        "declaration_draft_0003.xlsx": ["#1005"],
    }


@pytest.mark.parametrize("order_no", ["'", "History", "x" * 40, "[a]:*?/\\", "#1'", ""])
def test_any_order_number_names_a_sheet(order_no):
    heads = head_rows(3, orderNo=order_no)
    data = draft.write(manifest(kind="declarations"), frame(heads), frame(item_rows(heads)))
    assert len(book(data["declaration_draft.xlsx"]).sheetnames) == 3
