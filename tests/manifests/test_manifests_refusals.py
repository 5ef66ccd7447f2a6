"""A refused list comes back as findings at the exporter's own cells, is corrected, goes again."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from pipeline_homes import EXAMPLES, EXPORTER, command, make_home
from receipt_homes import answer, of_other, receive, table, tell

from xborder import clock, findings
from xborder.registry import answers, causes, filings, fixes, refusals
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, open_home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with issued lists of real files."""
    home = make_home(tmp_path_factory.mktemp("refusals") / "home", "shopify-us")
    command(home, "run", "--date", "2026-11-22")
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    shutil.copytree(made, tmp_path / "home")
    shutil.copy(made.with_name("home.key"), tmp_path / "home.key")
    return open_home(tmp_path / "home")


LISTS = "SELECT o.order_no, l.cop_no FROM lists l JOIN orders o ON o.id = l.order_id ORDER BY l.id"

SAID = {
    "#1001": "[-621001]毛重小于净重",
    "#1002": "第1项商品编码与备案不符",
    "#1004": "原因不明",
    "#1005": "第2项申报单价偏低，数量有误",
    "#1007": "出口口岸代码不符",
    "#1009": "[grossWeight] is too small, qty is not",
}


def refuse(home: Home) -> None:
    cop_nos = dict(table(home, LISTS))
    code = home.exporters[EXPORTER].code
    tell(home, *(answer(cop_nos[one], "100", 1, text, ebcCode=code) for one, text in SAID.items()))
    assert receive(home).moved.counts == {("603", "refused"): len(SAID)}


def told(home: Home) -> pl.DataFrame:
    uploads = [row[0] for row in table(home, "SELECT DISTINCT upload_id FROM orders ORDER BY 1")]
    found = answers.answer(home.engine, home.store, uploads).found
    return found.filter(pl.col("code") == "CUSTOMS_REFUSED")


def test_each_finding_stands_at_the_cell_that_customs_speaks_of(home: Home) -> None:
    refuse(home)
    found = told(home).sort("order_no", "field")
    assert found.select("order_no", "file", "cell", "field").rows() == [
        ("#1001", "03_发货资料.xlsx", "G2", "gross_weight"),
        ("#1001", "01_商品备案.xlsx", "N2", "net_weight"),
        ("#1002", "01_商品备案.xlsx", "B7", "hs_code"),
        ("#1004", "02_orders_export_1.csv", "A6", "order_no"),
        ("#1005", "02_orders_export_1.csv", "Q8", "qty"),
        ("#1005", "02_orders_export_1.csv", "S8", "unit_price"),
        ("#1007", f"exporters/{EXPORTER}.toml", "", "port_code"),
        ("#1009", "03_发货资料.xlsx", "G10", "gross_weight"),
        ("#1009", "02_orders_export_1.csv", "Q14", "qty"),
        ("#1009", "02_orders_export_1.csv", "Q15", "qty"),
    ]  # fmt: skip
    one = findings.explain(found.drop("upload_id").row(0, named=True))
    assert "毛重小于净重" in str(one["message_zh"]) and "-621001" in str(one["message_en"])
    assert one["severity"] == "error" and one["also_at"] == "02_orders_export_1.csv R2"
    states = "SELECT order_no FROM orders WHERE state = 'held' AND codes = 'CUSTOMS_REFUSED'"
    assert {row[0] for row in table(home, states)} == set(SAID)


def test_a_refusal_is_a_cause_that_xborder_fix_shows(home: Home) -> None:
    refuse(home)
    with reading(home.engine) as c:
        given = fixes.given(c, EXPORTER)
    goods = fixes.goods(home.store, given, home.tables)
    found = causes.of_held(home.engine, home.store, EXPORTER, goods)
    own = found.filter(pl.col("code") == "CUSTOMS_REFUSED")
    assert ("sku", "hs_code", 1) in own.select("kind", "field", "cures").rows()
    # An order that two cells hold is cured by neither alone.
    assert set(own.filter(pl.col("field") == "net_weight")["cures"]) == {0}


def test_what_is_corrected_goes_again_and_nothing_else(home: Home) -> None:
    refuse(home)
    place = home.settings.home
    shop = place / "landing" / EXPORTER / "shopify-us"
    before = (EXAMPLES / "landing" / EXPORTER / "shopify-us" / "02_orders_export_1.csv").read_text()
    head, *lines = before.splitlines(keepends=True)
    own = [line for line in lines if line.startswith("#1004,")]
    name = head.split(",").index("Lineitem name")
    cells = own[0].split(",")
    cells[name] += " II"
    (shop / "corrected.csv").write_text("".join([head, ",".join(cells), *own[1:]]), "utf-8")
    command(place, "run", "--date", "2026-11-23", now="2026-11-23T10:00:00+08:00")
    cop_no = dict(table(home, LISTS))["#1004"]
    again = "SELECT cop_no, version, state, app_type FROM lists WHERE version > 1"
    assert table(home, again) == [(cop_no, 2, "issued", "1")]
    held = "SELECT order_no FROM orders WHERE state = 'held' AND codes = 'CUSTOMS_REFUSED'"
    assert {row[0] for row in table(home, held)} == set(SAID) - {"#1004"}
    # The next version's answers are its own; a late one of the first moves it not.
    code = home.exporters[EXPORTER].code
    tell(home, answer(cop_no, "399", 24 * 60, ebcCode=code), answer(cop_no, "100", 2, ebcCode=code))
    command(place, "run", "--no-cutoff", now="2026-11-23T20:00:00+08:00")
    stands = "SELECT version, status FROM filings WHERE kind = '603' AND key = :key ORDER BY 1"
    assert table(home, stands, key=cop_no) == [(1, "100"), (2, "399")]


def test_a_cancelled_list_holds_its_order_and_says_so(home: Home) -> None:
    cop_no = dict(table(home, LISTS))["#1001"]
    with transaction(home.engine) as c:
        filings.of_manifests(c, home.store, filings.without(c))
        one = c.exec_driver_sql(f"SELECT id FROM lists WHERE cop_no = '{cop_no}'").scalar_one()
        new = pl.DataFrame({"kind": ["605"], "key": ["XB605"], "app_type": ["1"], "list_id": [one]})
        filings.enter(c, EXPORTER, clock.now(), new)
    told_of = of_other("606", "399", 2, agentCode="1", copNo="XB605", preNo="", invtNo="1")
    tell(home, told_of)
    assert receive(home).moved.cancelled == [one]
    with reading(home.engine) as c:
        found = refusals.of_exporter(c, home.store, EXPORTER)
    assert found.select("code", "order_no", "cell").rows() == [("LIST_CANCELLED", "#1001", "A2")]
