"""``xborder mapping``: a sheet that no channel writes, said once and known ever after."""

import io
import json
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook
from pipeline_shop import FIRM, SHOP, Shop, shipment
from typer.testing import CliRunner

from xborder import clock
from xborder.cli import app
from xborder.registry import annotations, mappings
from xborder.registry.database import reading

HEAD = "订单号,交易号(平台单号),SKU(必填),产品数量,买家姓名,收货国家(二字码),销售单价（USD）,付款时间,手机"
ROW = "MB{n},T-{n},XN-PCB-2L,2,张三丰,US,4.8,2026-11-10 10:00:00,13800001111"
CHOSEN = "order_no=交易号(平台单号)"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path / "home")
    monkeypatch.setenv("XBORDER_HOME", str(made.path))
    monkeypatch.setenv("XBORDER_LANG", "en")
    monkeypatch.setenv(clock.FIXED_BY, "2026-11-22T10:00:00+08:00")
    monkeypatch.chdir(tmp_path)
    return made


def invoke(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def mapping(*words: str, code: int = 0) -> str:
    return invoke("mapping", *words, code=code)


def listed() -> dict[str, Any]:
    return json.loads(CliRunner().invoke(app, ["mapping", "list", "--json"]).stdout)  # type: ignore[no-any-return]


def write(folder: Path, name: str, *numbers: int, head: str = HEAD) -> Path:
    path = folder / name
    path.write_text("\n".join([head, *(ROW.format(n=one) for one in numbers), ""]), "utf-8")
    return path


def test_a_check_shows_the_proposal_and_the_command_that_comes_next(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    said = invoke("check", "mabang.csv", code=2)
    assert "Proposed mapping" in said and "UNKNOWN_LAYOUT" in said
    assert "--set 'order_no=订单号' or --set 'order_no=交易号(平台单号)'" in said
    assert "xborder mapping propose mabang.csv --exporter ID --set 'order_no=…'" in said
    assert "张三丰" not in said and "13800001111" not in said
    told = json.loads(CliRunner().invoke(app, ["check", "mabang.csv", "--json"]).stdout)
    assert [one["field"] for one in told["proposal"]["questions"]] == ["order_no"]


def test_a_refused_file_is_taken_up_once_its_columns_are_said(shop: Shop) -> None:
    write(shop.folder(), "mabang.csv", 1, 2)
    shop.shipments("shipments.csv", shipment("T-1", "W1"), shipment("T-2", "W2"))
    shop.work()
    assert shop.receipt("mabang.csv")["code"] == "UNKNOWN_LAYOUT" and shop.states() == {}
    (waiting,) = listed()["waiting"]
    assert "1 refused files await a word on their columns: xborder mapping list" in invoke("fix")
    assert (waiting["file"], waiting["exporter"]) == ("mabang.csv", FIRM)
    write(Path(), "mabang.csv", 1, 2)
    own = ("propose", "mabang.csv", "--exporter", FIRM)
    assert "answer the questions first" in mapping(*own, "--accept", code=2)
    assert listed()["mappings"] == []
    mapping(*own, "--set", CHOSEN, "--to", "mapping.toml")
    assert "1 refused file" in mapping("accept", "mapping.toml", "--by", "Li", "--note", "seen")
    assert listed()["waiting"] == []
    (standing,) = listed()["mappings"]
    assert (standing["name"], standing["version"], standing["given_by"]) == ("mabang", 1, "Li")
    shop.work()
    assert shop.states() == {"T-1": ("accepted", ""), "T-2": ("accepted", "")}
    receipt = shop.receipt("mabang.csv")
    assert (receipt["rows"], receipt["adds_up"], receipt["accepted"]) == (3, True, 2)
    # The next file is simply known.
    write(shop.folder(), "more.csv", 3)
    shop.shipments("more_shipments.csv", shipment("T-3", "W3"))
    shop.work()
    assert shop.states()["T-3"] == ("accepted", "")
    words = ("check", "mabang.csv", "--exporter", FIRM, "--shop", SHOP, "--json")
    told = json.loads(CliRunner().invoke(app, words).stdout)
    assert told["layout"] == "mabang@1" and "proposal" not in told


def test_a_renamed_column_becomes_a_new_version_by_one_command(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    mapping("propose", "mabang.csv", "--exporter", FIRM, "--set", CHOSEN, "--accept")
    renamed = HEAD.replace("产品数量", "产品的数量")
    write(shop.folder(), "later.csv", 5, head=renamed)
    shop.work()
    assert shop.receipt("later.csv")["code"] == "HEADER_CHANGED"
    write(Path(), "later.csv", 5, head=renamed)
    said = invoke("check", "later.csv", "--exporter", FIRM, "--shop", SHOP, code=2)
    assert f"xborder mapping propose later.csv --exporter {FIRM} --accept" in said
    said = mapping("propose", "later.csv", "--exporter", FIRM, "--accept")
    assert "mabang@2" in said and "1 refused file" in said
    shop.shipments("shipments.csv", shipment("T-5", "W5"))
    shop.work()
    assert shop.states()["T-5"] == ("accepted", "")


def test_a_channels_renamed_column_is_accepted_for_its_shop(shop: Shop) -> None:
    head = ("Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,"
            "Taxes,Total,Discount Amount,Created at,Lineitem qty,Lineitem name,Lineitem price,"
            "Lineitem sku,Lineitem requires shipping,Shipping Name,Shipping Country")  # fmt: skip
    row = "#1,,paid,2026-11-01 10:00:00 +0000,,USD,10,0,0,10,0,2026-11-01 10:00:00 +0000,1,Cup,10,C,true,Li,US"
    Path("orders.csv").write_text(f"{head}\n{row}\n", "utf-8")
    mapping("propose", "orders.csv", "--exporter", FIRM, "--accept")
    assert listed()["mappings"][0]["base"] == "shopify_orders"
    assert 'aliases = ["Lineitem qty"]' in mapping("show", "shopify_orders")


def test_a_mapping_taken_back_recognises_nothing_and_keeps_what_it_read(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    mapping("propose", "mabang.csv", "--exporter", FIRM, "--set", CHOSEN, "--accept")
    write(shop.folder(), "mabang.csv", 1)
    shop.work()
    assert set(shop.states()) == {"T-1"}
    mapping("revoke", "mabang")
    assert "no such mapping" in mapping("revoke", "mabang", code=2)
    write(shop.folder(), "more.csv", 2)
    shop.work()
    assert set(shop.states()) == {"T-1"}
    assert shop.receipt("more.csv")["code"] == "UNKNOWN_LAYOUT"
    # It can be said again, as a version of its own.
    assert "mabang@2" in mapping("propose", "mabang.csv", "--exporter", FIRM, "--set", CHOSEN, "--accept")  # fmt: skip
    with reading(shop.home().engine) as connection:
        assert mappings.recorded(connection, FIRM)["verdict"].to_list() == [
            "accepted", "revoked", "accepted",
        ]  # fmt: skip


def test_a_mapped_file_comes_back_annotated_and_its_corrected_copy_is_taken(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    mapping("propose", "mabang.csv", "--exporter", FIRM, "--set", CHOSEN, "--accept")
    file = write(shop.folder(), "mabang.csv", 1)
    file.write_text(file.read_text("utf-8").replace(",US,", ",Atlantis,"), "utf-8")
    shop.work()
    home = shop.home()
    data = annotations.of_upload(
        home.engine, home.store, home.settings, home.exporters, home.tables, 2
    )
    book = load_workbook(io.BytesIO(data))
    sheet = book[book.sheetnames[1]]
    assert sheet["F2"].value == "Atlantis" and sheet["F2"].comment is not None
    sheet["F2"].value = "US"
    book.save(shop.folder() / "mabang_back.xlsx")
    shop.shipments("shipments.csv", shipment("T-1", "W1"))
    shop.work()
    assert shop.states() == {"T-1": ("accepted", "")}


def test_nothing_personal_is_kept_of_a_refused_file(shop: Shop) -> None:
    write(shop.folder(), "mabang.csv", 1)
    shop.work()
    lake = shop.path / "lake" / "readings"
    (proposal,) = lake.rglob("proposal.json")
    told = proposal.read_text("utf-8")
    assert "交易号" in told and "XN-PCB-2L" not in told
    for table in lake.rglob("*.parquet"):
        told += repr(pl.read_parquet(table).rows())
    assert "UNKNOWN_LAYOUT" in told
    assert "张三丰" not in told and "13800001111" not in told


def test_the_same_mapping_again_and_a_wrong_one_are_refused(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    own = ("propose", "mabang.csv", "--exporter", FIRM, "--set", CHOSEN, "--to", "m.toml")
    mapping(*own)
    assert "not overwritten" in mapping(*own, code=2)
    mapping("accept", "m.toml")
    assert "stands already" in mapping("accept", "m.toml", code=2)
    Path("m.toml").write_text("layout = 1", "utf-8")
    assert "[[column]]" in mapping("accept", "m.toml", code=2)
    assert "personal data" in mapping(
        "propose", "mabang.csv", "--set", "goods_name=买家姓名", code=2
    )
    assert "no such header" in mapping("propose", "mabang.csv", "--set", "goods_name=x", code=2)


def test_a_file_that_is_read_wrongly_can_be_mapped_all_the_same(shop: Shop) -> None:
    """The own template knows both headers of the number, and would take the first."""
    head = "订单号,平台订单号,下单时间,商品货号,数量,单价,币制,运抵国"
    row = "MB1,T-1,2026-11-10 10:00:00,XN-PCB-2L,2,4.8,USD,US"
    for folder in (Path(), shop.folder()):
        (folder / "export.csv").write_text(f"{head}\n{row}\n", "utf-8")
    assert "--fresh" in mapping("propose", "export.csv", "--exporter", FIRM)
    own = ("propose", "export.csv", "--exporter", FIRM, "--fresh")
    assert "--set 'order_no=订单号'" in mapping(*own) or "order_no=订单号" in mapping(*own)
    mapping(*own, "--set", "order_no=平台订单号", "--accept")
    shop.work()
    assert set(shop.states()) == {"T-1"}


UNHEARD = "Zakaz Nr;Kauptu;Vara;Fjoldi;Verd;Mynt;Hvert;Annad"
UNHEARD_ROW = "T-1;2026-11-10 10:00:00;XN-PCB-2L;2;4.8;USD;US;x"
BY_HAND = {
    "order_no": "Zakaz Nr", "sku": "Vara", "qty": "Fjoldi", "ordered_at": "Kauptu",
    "currency": "Mynt", "country": "Hvert", "unit_price": "Verd",
}  # fmt: skip


def printed(said: str) -> list[str]:
    """The last command that was printed, as a shell parts it."""
    begin = said.rindex("xborder mapping propose")
    return shlex.split(said[begin:])[2:]


def unheard(*folders: Path) -> None:
    for folder in folders:
        (folder / "sala.csv").write_text(f"{UNHEARD}\n{UNHEARD_ROW}\n", "utf-8")


def test_a_sheet_without_a_known_header_is_mapped_by_what_is_printed(shop: Shop) -> None:
    unheard(Path(), shop.folder())
    shop.shipments("shipments.csv", shipment("T-1", "W1"))
    shop.work()
    assert shop.receipt("sala.csv")["code"] == "UNKNOWN_LAYOUT"
    checked = invoke("check", "sala.csv", "--exporter", FIRM, "--shop", SHOP, code=2)
    words = printed(checked)
    # It prints the same as the command that the finding names.
    assert printed(mapping("propose", "sala.csv", "--exporter", FIRM, code=2)) == words
    blanks = [one for one in words if one.endswith("=HEADER")]
    assert {one.partition("=")[0] for one in blanks} == set(BY_HAND)
    filled = [
        f"{field}={BY_HAND[field]}" if one in blanks else one
        for one in words for field in [one.partition("=")[0]]
    ]  # fmt: skip
    said = mapping(*filled)
    assert "Zakaz Nr" in said and "100%" in said
    again = printed(said)
    assert again == [*filled, "--accept"]
    assert "1 refused file" in mapping(*again)
    shop.work()
    assert shop.states() == {"T-1": ("accepted", "")}


def test_a_header_that_is_not_there_and_a_kind_that_is_said(shop: Shop) -> None:
    unheard(Path())
    assert "no such headers" in mapping("propose", "sala.csv", "--set", "sku=Vöru", code=2)
    words = ("--set", "order_no=Zakaz Nr", "--set", "logistics_no=Vara", "--json")
    told = json.loads(CliRunner().invoke(app, ["mapping", "propose", "sala.csv", *words]).stdout)
    assert told["kind"] == "shipments" and told["row"] == 1
    said = mapping("propose", "sala.csv", "--kind", "prices", code=2)
    assert "--set unit_price=HEADER" in said and "order_no" not in said


def test_what_was_said_stands_in_the_next_command(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    said = mapping("propose", "mabang.csv", "--exporter", FIRM, "--set", CHOSEN, "--name", "mb")
    mapping(*printed(said))
    assert listed()["mappings"][0]["name"] == "mb"


def shopify(**renamed: str) -> str:
    heads = ("Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,"
             "Taxes,Total,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
             "Lineitem sku,Lineitem requires shipping,Shipping Name,Shipping Country,Shelf")  # fmt: skip
    row = ("#1,,paid,2026-11-01 10:00:00 +0000,,USD,10,0,0,10,0,2026-11-01 10:00:00 +0000,1,Cup,10,"
           "C,true,Li,US,K9")  # fmt: skip
    for old, new in renamed.items():
        heads = heads.replace(old.replace("_", " "), new)
    return f"{heads}\n{row}\n"


def test_a_column_is_added_on_top_of_a_known_layout(shop: Shop) -> None:
    Path("orders.csv").write_text(shopify(), "utf-8")
    own = ("propose", "orders.csv", "--exporter", FIRM)
    assert "--set FIELD=HEADER" in mapping(*own)
    said = mapping(*own, "--set", "warehouse=Shelf")
    mapping(*printed(said))
    assert 'aliases = ["Shelf"]' in mapping("show", "shopify_orders")
    assert "recognised: shopify_orders@1" in mapping(*own)
    # What the layout reads already is not read otherwise without a word.
    for wrong in ("sku=Shelf", "warehouse=Lineitem sku"):
        assert "--fresh" in mapping("propose", "orders.csv", "--set", wrong, code=2)


@pytest.mark.parametrize(
    ("old", "field"), [("Lineitem_sku", "sku"), ("Name", "order_no"), ("Created_at", "ordered_at")]
)
def test_a_header_renamed_beyond_likeness_is_cured_by_what_is_printed(
    shop: Shop, old: str, field: str
) -> None:
    text = shopify(**{old: "Kvx"}).replace("Lineitem Kvx", "Lineitem name")
    text = text.replace("Shipping Kvx", "Shipping Name")
    Path("orders.csv").write_text(text, "utf-8")
    as_json = () if field == "order_no" else ("--json",)
    said = invoke("check", "orders.csv", *as_json, code=2 if field == "order_no" else 1)
    command = f"xborder mapping propose FILE --exporter ID --set {field}=HEADER --accept"
    if field == "order_no":
        given = [one.replace("…", "Kvx").replace("ID", FIRM) for one in printed(said)]
        given = printed(mapping(*given))
    else:
        assert command in said
        given = [one.replace("HEADER", "Kvx").replace("FILE", "orders.csv").replace("ID", FIRM)
                 for one in command.split()[2:]]  # fmt: skip
    mapping(*given)
    assert "recognised: shopify_orders@1" in mapping("propose", "orders.csv", "--exporter", FIRM)


def test_how_a_sheet_writes_its_numbers_is_said_once(shop: Shop) -> None:
    write(Path(), "mabang.csv", 1)
    file = Path("mabang.csv")
    file.write_text(file.read_text("utf-8").replace(",4.8,", ",1.234,"), "utf-8")
    own = ("propose", "mabang.csv", "--exporter", FIRM)
    mapping(*own, "--set", CHOSEN, "--accept")
    words = ("check", "mabang.csv", "--exporter", FIRM, "--shop", SHOP, "--json")
    told = json.loads(CliRunner().invoke(app, words).stdout)
    (asked,) = (one for one in told["findings"] if one["code"] == "NUMBER_AMBIGUOUS")
    assert asked["expected"] == "1.234 / 1234" and "--number point" in asked["fix_en"]
    assert "point, comma" in mapping(*own, "--number", "dot", code=2)
    mapping(*own, "--number", "comma", "--accept")
    told = json.loads(CliRunner().invoke(app, words).stdout)
    assert told["layout"] == "mabang@2" and "NUMBER_AMBIGUOUS" not in told["totals"]
