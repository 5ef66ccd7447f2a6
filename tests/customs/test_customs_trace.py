"""After the life cycle every number of the chain leads to the order, and from it to all others."""

from pathlib import Path

import pytest
from customs_life import BILLS, CODES, FIRST, SECOND, Life, asked, life_home
from pipeline_homes import command, make_home
from test_cli_documented_json import compare, printed
from typer.testing import CliRunner

from xborder.cli import app
from xborder.cli.traced import told
from xborder.registry.home import Home, open_home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    life = Life(life_home(tmp_path_factory.mktemp("trace") / "home", (5, 3)))
    life.live()
    return open_home(life.folder)


def one(home: Home, statement: str) -> str:
    [(found,), *_] = asked(home.settings.home, statement)
    return str(found)


def test_every_number_leads_to_the_order_and_the_order_to_every_number(home: Home) -> None:
    (order,) = told(home, "#1001")["orders"]
    (listed,) = order["lists"]
    filed = {row["kind"]: row for row in listed["filings"]}
    assert set(filed) == {"303", "505", "603", "213"}
    assert filed["213"]["items"] == [{"gnum": 1, "qty": "1"}]
    (bill,) = listed["bills"]
    documents = {row["kind"]: row for row in bill["documents"]}
    assert {kind: row["answers"][-1]["status"] for kind, row in documents.items()} == {
        "607": "120", "507": "399", "509": "399",
    }  # fmt: skip
    (applied,) = listed["applications"]
    assert applied["live"] is True and applied["status"] == "399"
    declared = [row for line in listed["goods"] for row in line["declared"]]
    assert len(declared) == len(listed["goods"]) == 2 and declared[0]["gseqno"] == 1
    numbers = [
        order["waybills"][0]["logistics_no"], listed["cop_no"], listed["guid"],
        listed["manifest"]["number"], filed["603"]["customs_no"], filed["213"]["key"],
        bill["bill_no"], *(row["cop_no"] for row in documents.values()),
        applied["cop_no"], applied["sum_no"],
        declared[0]["entry_id"], declared[0]["decl_seq_no"],
    ]  # fmt: skip
    for number in numbers:
        found = told(home, f" {number.lower()} ")
        assert order in found["orders"], number
        assert {row["exporter"] for row in found["orders"]} == {FIRST}, number


def test_a_cancelled_list_is_found_by_its_cancellation(home: Home) -> None:
    number = one(home, "SELECT cop_no FROM documents WHERE kind = '605'")
    (order,) = told(home, number)["orders"]
    (listed,) = order["lists"]
    assert (listed["state"], listed["live"], listed["bills"]) == ("cancelled", False, [])
    (cancelled,) = [row for row in listed["filings"] if row["kind"] == "605"]
    assert [row["status"] for row in cancelled["receipts"]] == ["120", "399"]


def test_what_two_exporters_have_stays_apart(home: Home) -> None:
    """Also the bill, the application and the declaration, which are of many lists."""
    for exporter in (FIRST, SECOND):
        (other,) = set(CODES) - {exporter}
        of = f"FROM consolidations k JOIN summary_results r ON r.consolidation_id = k.id WHERE k.exporter = '{exporter}'"  # noqa: E501
        for number in (BILLS[exporter], one(home, f"SELECT k.cop_no {of}"),
                       one(home, f"SELECT r.entry_id {of}")):  # fmt: skip
            found = told(home, number)
            assert {row["exporter"] for row in found["orders"]} == {exporter}
            assert other not in str(found) and CODES[other] not in str(found)
            assert told(home, number, other)["orders"] == []


def test_the_tree_shows_bill_return_application_and_declaration(home: Home) -> None:
    words = ["trace", "#1001", "--home", str(home.settings.home), "--lang"]
    entry = one(home, "SELECT entry_id FROM summary_results ORDER BY id")
    for lang, said in (("en", ("bill", "master waybill", "back 1", "701 consolidation")),
                       ("zh", ("提运单", "总分单", "退回 1", "701 汇总申请"))):  # fmt: skip
        tree = CliRunner().invoke(app, [*words, lang], env={"COLUMNS": "200"})
        assert tree.exit_code == 0
        for word in (*said, BILLS[FIRST], entry):
            assert word in tree.stdout, word


def test_its_json_is_documented(home: Home, tmp_path: Path) -> None:
    overseas = make_home(tmp_path / "home", "overseas-de", exporter="pingyuan-mujia")
    command(overseas, "run", "--date", "2026-11-22")
    mine = str(home.settings.home)
    keys = [("#1001", mine), ("1", mine), ("XB60412026112200001", mine), (BILLS[FIRST], mine)]
    keys += [("PYW-2611-04", str(overseas)), ("HAM-IN-102", str(overseas))]
    outputs = [printed("trace", key, "--json", "--home", folder) for key, folder in keys]
    compare("xborder trace KEY --json", *outputs)
