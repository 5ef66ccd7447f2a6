"""``xborder facts``: what waits, what is decided, and that the next run checks again by it."""

import json
from pathlib import Path

import pytest
from pipeline_shop import FIRM, Shop, order, shipment
from typer.testing import CliRunner

from xborder import clock
from xborder.cli import app

NOW = "2026-11-22T10:00:00+08:00"


@pytest.fixture(autouse=True)
def at_home(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBORDER_HOME", str(shop.path))
    monkeypatch.setenv("XBORDER_LANG", "en")
    monkeypatch.setenv(clock.FIXED_BY, NOW)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "home")


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["facts", *words])
    assert result.exit_code == code, result.output
    return result.output


GOODS_HEAD = "商品货号,商品编码,申报品名,规格型号,原产国,计量单位,法定单位,每单位法定数量,净重,是否退税,食品接触"
BONE = "BC-1,6911101100,骨瓷杯,1|0|瓷|餐具|是|示范牌,CN,007,007,1,0.3,N,Y"


def hand_in(shop: Shop) -> None:
    """Goods whose unit differs from one that the table has from memory, and an order of them."""
    (shop.folder() / "骨瓷.csv").write_text(f"{GOODS_HEAD}\n{BONE}\n", "utf-8")
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.orders("orders.csv", order("A", sku="BC-1", price="12"))
    shop.work()


def test_a_decision_takes_up_the_open_orders_at_the_next_run(shop: Shop) -> None:
    hand_in(shop)
    assert shop.states()["A"] == ("accepted", "")
    assert "STATUTORY_UNIT_UNVERIFIED" in shop.findings("orders.csv")["code"].to_list()
    listed = run()
    assert "6911101100" in listed and "035+" in listed and FIRM in listed
    said = run("confirm", "units", "6911101100", "--by", "Li", "--note", "tariff 2026")
    assert "confirmed" in said and "next run" in said
    shop.orders("more.csv", order("B", sku="BC-1", price="12"))
    shop.shipments("more_shipments.csv", shipment("B", "W2"))
    shop.work()
    # What was accepted stands on a list that waits for the cut-off; what is open is checked.
    assert shop.states()["B"] == ("held", "STATUTORY_UNIT_DIFFERS")
    listed = run()
    assert "035+" in listed and "Li" in listed and "2026-11-22 10:00" in listed
    run("revoke", "units", "6911101100")
    shop.work()
    assert shop.states()["B"] == ("accepted", "")
    assert "STATUTORY_UNIT_UNVERIFIED" in shop.findings("more.csv")["code"].to_list()
    run("refuse", "units", "6911101100", "--exporter", FIRM)
    shop.orders("third.csv", order("C", sku="BC-1", price="12"))
    shop.shipments("third_shipments.csv", shipment("C", "W3"))
    shop.work()
    assert shop.states()["C"] == ("accepted", "")
    assert "STATUTORY_UNIT_UNVERIFIED" not in shop.findings("third.csv")["code"].to_list()


def test_the_json_says_what_is_open_and_decided(shop: Shop) -> None:
    hand_in(shop)
    said = json.loads(run("--json"))
    mine = [one for one in said["open"] if one["key"] == "6911101100"]
    assert mine == [
        {"exporter": FIRM, "kind": "units", "key": "6911101100", "value": "035+", "skus": 1,
         "example": "BC-1"}
    ]  # fmt: skip
    assert said["decided"] == []
    run("refuse", "units", "6911101100", "--by", "Li")
    said = json.loads(run("--json"))
    assert [one for one in said["open"] if one["key"] == "6911101100"] == []
    (row,) = said["decided"]
    assert (row["verdict"], row["exporter"], row["decided_by"], row["value"]) == (
        "refused", "", "Li", "035+",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("confirm", "weather", "1"), "one of units"),
        (("confirm", "units", "0101210010"), "state no such fact"),
        (("confirm", "units", "6911101100", "--exporter", "nobody"), "no exporter nobody"),
        (("revoke", "units", "6911101100"), "nothing was decided"),
        (("confirm", "notice", "eu_duty_3"), "can only be refused"),
        (("refuse", "notice", "mars"), "state no such fact"),
    ],
)
def test_what_cannot_be_decided_is_said_with_exit_2(words: tuple[str, ...], told: str) -> None:
    assert told in run(*words, code=2)


def test_a_notice_is_refused_by_its_name(shop: Shop) -> None:
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.orders("orders.csv", order("A"))
    run("refuse", "notice", "us_no_de_minimis")
    shop.work()
    assert "US_NO_DE_MINIMIS" not in shop.findings("orders.csv")["code"].to_list()


def test_elements_seen_at_their_source_hold_and_others_only_warn(
    shop: Shop, tmp_path: Path
) -> None:
    """An imported table of elements counts like that of the release, and blocks when verified."""
    table = tmp_path / "要素.csv"
    rows = [f"69111011,{at},{name}" for at, name in enumerate(("品牌类型", "出口享惠情况", "容量"))]
    table.write_text("\n".join(["税号,序号,申报要素", *rows, ""]), "utf-8")
    bad = tmp_path / "bad.csv"
    bad.write_text("税号,序号,申报要素\n69111011,0,品牌类型\n69111011,2,容量\n", "utf-8")
    (shop.folder() / "骨瓷.csv").write_text(
        f"{GOODS_HEAD}\n{BONE.replace('007,007,1', '007,035,0.3').replace('1|0|瓷|餐具|是|示范牌', '1|0')}\n",
        "utf-8",
    )
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.orders("orders.csv", order("A", sku="BC-1", price="12"))

    def bring(file: Path, *more: str, code: int = 0) -> str:
        words = ["tables", "import", str(file), "--name", "declaration_elements", "--yes",
                 "--valid-from", "2026-11-01", *more]  # fmt: skip
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output
        return result.output

    told = bring(bad, code=2)
    assert "heading 69111011" in told and "[0, 2]" in told
    shop.work()
    assert shop.states()["A"] == ("accepted", "")  # the release's table, unverified
    bring(table, "--verified")
    shop.orders("more.csv", order("B", sku="BC-1", price="12"))
    shop.shipments("more_shipments.csv", shipment("B", "W2"))
    shop.work()
    assert shop.states()["B"] == ("held", "ELEMENTS_MISSING")
    run("refuse", "elements", "69111011")
    shop.work()
    assert shop.states()["B"] == ("accepted", "")
