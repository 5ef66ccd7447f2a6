"""``xborder fix``: causes of held orders, and one answer that the next run takes up for all."""

import json
from pathlib import Path
from typing import Any

import pytest
from pipeline_shop import FIRM, SHOP, Shop, order, shipment
from typer.testing import CliRunner

from xborder import clock
from xborder.cli import app
from xborder.registry.database import reading
from xborder.registry.lists import pending

HEAD = "商品货号,商品编码,申报品名,规格型号,原产国,计量单位,法定单位,每单位法定数量,净重,是否退税,食品接触"
MODEL = "1|0|瓷|餐具|是|示范牌"
BONE = f"BC-1,{{hs}},骨瓷杯,{MODEL},CN,{{unit}},007,1,0.3,N,Y"
WORD = "Deutschland (DE)"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path / "home")
    monkeypatch.setenv("XBORDER_HOME", str(made.path))
    monkeypatch.setenv("XBORDER_LANG", "en")
    monkeypatch.setenv(clock.FIXED_BY, "2026-11-22T10:00:00+08:00")
    return made


def invoke(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.output


def fix(*words: str, code: int = 0) -> str:
    return invoke("fix", *words, code=code)


def told() -> dict[str, list[dict[str, Any]]]:
    return json.loads(fix("--json"))  # type: ignore[no-any-return]


def goods(shop: Shop, name: str, *rows: str) -> None:
    (shop.folder() / name).write_text("\n".join([HEAD, *rows, ""]), "utf-8")


def hand_in(shop: Shop, *orders: str) -> None:
    numbers = list(dict.fromkeys(one.split(",")[0] for one in orders))
    shop.shipments("shipments.csv", *(shipment(one, f"W{one}") for one in numbers))
    shop.orders("orders.csv", *orders)
    shop.work()


def states(shop: Shop) -> dict[str, str]:
    return {number: state for number, (state, _) in shop.states().items()}


def test_a_word_is_given_its_code_once_for_all_orders(shop: Shop) -> None:
    hand_in(shop, order("A", country=WORD), order("B", country=WORD),
            order("C", country=WORD, sku="NEW-1"), order("D"))  # fmt: skip
    assert states(shop) == {"A": "held", "B": "held", "C": "held", "D": "accepted"}
    first, second = told()["causes"]
    assert (first["code"], first["kind"], first["key"]) == ("COUNTRY_UNKNOWN", "country", WORD)
    # Three cells; the third order lacks its goods too.
    assert (first["cells"], first["orders"], first["cures"]) == (3, 3, 2)
    assert first["answer"] == f"xborder fix country '{WORD}' DE"
    assert (second["key"], second["orders"], second["cures"]) == ("NEW-1", 1, 0)
    assert "xborder run" in fix("country", WORD, "Germany", "--by", "Li", "--note", "seen")
    assert states(shop)["A"] == "held"  # told, not applied before the next run
    shop.work()
    assert states(shop) == {"A": "accepted", "B": "accepted", "C": "held", "D": "accepted"}
    (given,) = told()["given"]
    assert (given["value"], given["given_by"], given["note"]) == ("DE", "Li", "seen")
    # A file that comes later has the word too.
    shop.shipments("more_shipments.csv", shipment("E", "WE"))
    shop.orders("more.csv", order("E", country=WORD))
    shop.work()
    assert states(shop)["E"] == "accepted"
    assert "COUNTRY_UNKNOWN" not in shop.findings("more.csv")["code"].to_list()


def test_an_answer_taken_back_holds_what_no_manifest_declares_yet(shop: Shop) -> None:
    hand_in(shop, order("A", country=WORD))
    fix("country", WORD, "DE")
    shop.work(issue=True)
    assert states(shop) == {"A": "declared"}
    shop.shipments("more_shipments.csv", shipment("B", "WB"))
    shop.orders("more.csv", order("B", country=WORD))
    shop.work()
    fix("revoke", "1", "--by", "Li")
    assert told()["given"] == []
    shop.work()
    assert states(shop) == {"A": "declared", "B": "held"}


def test_a_held_catalogue_row_needs_only_what_it_lacks(shop: Shop) -> None:
    goods(shop, "骨瓷.csv", BONE.format(hs="", unit="007"))
    hand_in(shop, order("A", sku="BC-1"), order("B", sku="BC-1"))
    (cause,) = told()["causes"]
    assert cause["answer"] == "xborder fix sku BC-1 hs_code=…"
    assert (cause["orders"], cause["cures"]) == (2, 2)
    fix("sku", "BC-1", "商品编码=6911101100")
    shop.work()
    assert states(shop) == {"A": "accepted", "B": "accepted"}
    with reading(shop.home().engine) as connection:
        assert pending(connection).height == 2


def test_a_sku_that_no_catalogue_has_needs_all_its_fields(shop: Shop) -> None:
    hand_in(shop, order("A", sku="NEW-1"))
    said = fix("sku", "NEW-1", "hs_code=6911101100", code=2)
    for field in ("gname", "origin_country", "unit", "unit1", "net_weight", "rebate"):
        assert f"{field}=…" in said
    assert "hs_code=…" not in said and told()["given"] == []
    values = ("hs_code=6911101100", "gname=骨瓷杯", f"gmodel={MODEL}", "origin_country=中国",
              "unit=007 个", "unit1=007", "qty1_per_unit=1", "net_weight=0.3", "rebate=N",
              "food_contact=Y")  # fmt: skip
    fix("sku", "NEW-1", *values)
    shop.work()
    assert states(shop) == {"A": "accepted"}
    assert {one["field"]: one["value"] for one in told()["given"]}["unit"] == "007"


def test_a_sku_that_only_answers_know_can_be_answered_again(shop: Shop) -> None:
    hand_in(shop, order("A", sku="NEW-1"))
    values = ("gname=骨瓷杯", f"gmodel={MODEL}", "origin_country=CN", "unit=007", "unit1=007",
              "qty1_per_unit=1", "net_weight=0.3", "rebate=N", "food_contact=Y")  # fmt: skip
    fix("sku", "NEW-1", "hs_code=6911101999", *values)
    shop.work()
    assert shop.states()["A"] == ("held", "HS_CODE_NOT_IN_TARIFF")
    (cause,) = told()["causes"]
    assert (cause["kind"], cause["key"], cause["field"]) == ("sku", "NEW-1", "hs_code")
    assert (cause["file"], cause["value"]) == ("xborder fix", "6911101999")
    fix("sku", "NEW-1", "hs_code=6911101100")
    shop.work()
    assert states(shop) == {"A": "accepted"}


def test_a_catalogue_that_comes_later_counts_and_it_is_told(shop: Shop) -> None:
    goods(shop, "骨瓷.csv", BONE.format(hs="", unit="007"))
    hand_in(shop, order("A", sku="BC-1"))
    fix("sku", "BC-1", "hs_code=6911101100")
    # A later file that says nothing of the field leaves it to the answer.
    goods(shop, "again.csv", BONE.format(hs="", unit="011"))
    shop.work()
    assert states(shop)["A"] == "accepted" and told()["given"][0]["overtaken_by"] == ""
    goods(shop, "later.csv", BONE.format(hs="6911101999", unit="007"))
    shop.work()
    (given,) = told()["given"]
    assert given["overtaken_by"] == "later.csv"
    assert "a later file counts: later.csv" in fix().replace("\n", " ") or "later.csv" in fix()
    assert shop.states()["A"] == ("held", "HS_CODE_NOT_IN_TARIFF")
    (cause,) = told()["causes"]
    assert (cause["kind"], cause["key"], cause["field"]) == ("sku", "BC-1", "hs_code")
    assert cause["answer"].startswith("xborder fix sku BC-1 hs_code=")
    fix("sku", "BC-1", "hs_code=6911101100")
    shop.work()
    assert states(shop)["A"] == "accepted"


def test_a_word_in_the_catalogue_is_given_its_code_too(shop: Shop) -> None:
    goods(shop, "骨瓷.csv", BONE.format(hs="6911101100", unit="Stck"))
    hand_in(shop, order("A", sku="BC-1"))
    assert states(shop) == {"A": "held"}
    fix("unit", "Stck", "007")
    shop.work()
    assert states(shop) == {"A": "accepted"}


def test_a_check_of_a_file_knows_the_answers(shop: Shop, tmp_path: Path) -> None:
    shop.work()
    file = tmp_path / "orders.csv"
    shop.orders("orders.csv", order("A", country=WORD))
    (shop.folder() / "orders.csv").rename(file)
    words = ("check", str(file), "--exporter", FIRM, "--shop", SHOP, "--json")
    assert "COUNTRY_UNKNOWN" in json.loads(invoke(*words, code=1))["totals"]
    fix("country", WORD, "DE")
    assert "COUNTRY_UNKNOWN" not in json.loads(invoke(*words, code=1))["totals"]


def test_an_order_that_awaits_its_shipment_is_not_told_to_mend_its_file(shop: Shop) -> None:
    shop.orders("orders.csv", order("A"))
    shop.work()
    (cause,) = told()["causes"]
    assert (cause["code"], cause["answer"]) == ("AWAITING_SHIPMENT", "")
    shown = " ".join(fix().split())
    assert "submit a shipment file" in shown and "mend the file" not in shown


def test_a_sku_spelt_otherwise_is_mended_in_the_file(shop: Shop) -> None:
    hand_in(shop, order("A", sku="xn pcb 2l"))
    (cause,) = told()["causes"]
    assert cause["answer"] == "" and cause["suggestions"][0]["value"] == "XN-PCB-2L"
    assert "perhaps XN-PCB-2L" in " ".join(fix().split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("country", "Germny", "Mars"), "not in the table country"),
        (("country", "Germany", "FR"), "known already as DE"),
        (("sku", "XN-PCB-2L", "colour=red"), "FIELD=VALUE"),
        (("sku", "XN-PCB-2L", "hs_code"), "FIELD=VALUE"),
        (("sku", "XN-PCB-2L", "sku=B"), "FIELD=VALUE"),
        (("sku", "XN-PCB-2L", "hs_code=12"), "not recorded"),
        (("revoke", "7"), "stands"),
        (("country", "Germny", "DE", "--exporter", "nobody"), "no exporter nobody"),
        (("country", "Germny", "DE", "--by", " "), "must be named"),
    ],
)
def test_what_cannot_be_answered_is_said_with_exit_2(
    shop: Shop, words: tuple[str, ...], said: str
) -> None:
    shop.work()
    assert said in fix(*words, code=2)
    assert told()["given"] == []


def test_without_a_held_order_it_says_so(shop: Shop) -> None:
    assert "no order is held" in fix()
