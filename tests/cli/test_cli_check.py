"""``xborder check``, ``template`` and ``findings``: no home, nothing stored, stable exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from xborder import findings
from xborder.cli import app
from xborder.registry.home import PATTERN

HEAD = "订单编号,下单时间,商品货号,数量,单价,币制,运抵国"
GOOD = "A-1,2026-11-18 10:00:00,CUP-1,2,9.5,USD,US"


def run(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result


def write(folder: Path, *rows: str, name: str = "orders.csv") -> str:
    path = folder / name
    path.write_text("\n".join([HEAD, *rows]) + "\n", "utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XBORDER_HOME", raising=False)


def test_a_clean_file_is_clean_and_nothing_is_stored(tmp_path: Path) -> None:
    told = json.loads(run("check", write(tmp_path, GOOD), "--json").stdout)
    assert told["layout"] == "template_orders"
    assert told["counts"] == {
        "rows": 2, "orders": 1, "lines": 1, "accepted": 1, "held": 0, "excluded": 1, "duplicate": 0,
    }  # fmt: skip
    assert told["findings"] == []
    assert len(told["not_checked"]) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_findings_are_told_at_their_cells(tmp_path: Path) -> None:
    bad = write(tmp_path, GOOD, "A-2,2026-11-18 10:00:00,CUP-1,-2,9.5,USD,US")
    told = json.loads(run("check", bad, "--json", code=1).stdout)
    assert told["counts"]["held"] == 1 and told["counts"]["accepted"] == 1
    (one,) = told["findings"]
    assert (one["code"], one["cell"], one["column"], one["value"]) == (
        "QUANTITY_NOT_POSITIVE", "D3", "数量", "-2",
    )  # fmt: skip
    for key in ("message_zh", "message_en", "fix_zh", "fix_en", "fix", "rule", "severity"):
        assert one[key]


def test_counts_add_up(tmp_path: Path) -> None:
    rows = [GOOD, "", "A-2,2026-11-18 10:00:00,CUP-1,x,9.5,USD,US", "合计,,,3,,,"]
    told = json.loads(run("check", write(tmp_path, *rows), "--json", code=1).stdout)["counts"]
    assert told["rows"] == told["accepted"] + told["held"] + told["excluded"] + told["duplicate"]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"a,b\n1,2\n", b"PK\x03\x04broken"])
def test_an_unusable_file_exits_with_2(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    told = json.loads(run("check", str(path), "--json", code=2).stdout)
    assert told["usable"] is False
    assert any(one["severity"] == "fatal" for one in told["findings"])


def test_no_such_file_is_said(tmp_path: Path) -> None:
    run("check", str(tmp_path / "nothing.csv"), code=2)


def test_the_file_comes_back_with_its_findings(tmp_path: Path) -> None:
    bad = write(tmp_path, "A-2,2026-11-18 10:00:00,CUP-1,-2,9.5,USD,US")
    run("check", bad, "--annotate", "out.xlsx", code=1)
    book = load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames[0] == "问题清单 Issues"
    assert book.worksheets[1]["D2"].comment is not None


@pytest.mark.parametrize("kind", ["orders", "goods", "shipments", "prices", "stock"])
def test_a_template_is_recognised_and_empty(tmp_path: Path, kind: str) -> None:
    run("template", kind)
    told = json.loads(run("check", f"{kind}_template.xlsx", "--json", code=2).stdout)
    assert told["findings"][0]["code"] == "NO_DATA_ROWS"
    run("template", kind, code=2)


def test_the_catalogue_is_printed_in_both_languages() -> None:
    for lang in ("zh", "en"):
        out = run("findings", "QUANTITY_NOT_POSITIVE", "--lang", lang).stdout
        assert "QUANTITY_NOT_POSITIVE" in out
    assert len(json.loads(run("findings", "--json").stdout)) == len(findings.catalogue())
    run("findings", "NO_SUCH_CODE", code=2)


def test_neither_dagster_nor_pandas_is_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = write(tmp_path, GOOD)
    code = (
        "import sys; from xborder.cli import app\n"
        f"try: app(['check', {path!r}, '--json'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('dagster', 'pandas', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_nothing_is_overwritten_and_bad_targets_are_said(tmp_path: Path) -> None:
    bad = write(tmp_path, "A-2,2026-11-18 10:00:00,CUP-1,-2,9.5,USD,US")
    before = Path(bad).read_bytes()
    for target in (bad, "no-folder/a.xlsx", "a.csv"):
        run("check", bad, "--annotate", target, code=2)
    assert Path(bad).read_bytes() == before
    run("template", "goods", "--to", "no-folder/a.xlsx", code=2)
    run("check", bad, "--kind", "rubbish", code=2)


def test_the_demonstration_fills_no_home_of_ours(tmp_path: Path) -> None:
    run("init", "mine")
    run("demo", "mine", code=2)
    assert list((tmp_path / "mine" / "exporters").glob("*.toml")) == []


def test_a_new_home_has_a_profile_to_fill_in_and_says_the_next_steps(tmp_path: Path) -> None:
    told = run("init", "mine").output
    assert PATTERN in told and "submit --home mine" in told
    path = write(tmp_path, GOOD)
    refused = run("submit", "--home", "mine", "--exporter", "my-firm", path, code=2).output
    assert "exporters/my-firm.toml" in refused and PATTERN in refused
    pattern = tmp_path / "mine" / PATTERN
    pattern.with_name("my-firm.toml").write_bytes(pattern.read_bytes())
    run("submit", "--home", "mine", "--exporter", "my-firm", path)
    pattern.write_text("mine", "utf-8")
    run("init", "mine")
    assert pattern.read_text("utf-8") == "mine"


TEMU = "订单号,站点,订单状态,子订单号,应履约件数,商品名称,SKUID,SKU货号,订单创建时间"
TEMU_ROW = "PO-211-1,美国站,待发货,211-1,2,杯,S-1,CUP-1,2026-11-10 10:00:00"


@pytest.mark.parametrize("turn", [1, -1])
def test_files_that_complete_each_other_are_checked_together(tmp_path: Path, turn: int) -> None:
    orders, prices = tmp_path / "temu.csv", tmp_path / "prices.csv"
    orders.write_text(f"{TEMU}\n{TEMU_ROW}\n", "utf-8")
    prices.write_text("SKU货号,供货单价,币种\nCUP-1,9.5,USD\n", "utf-8")
    alone = json.loads(run("check", str(orders), "--json", code=1).stdout)
    assert alone["totals"]["AWAITING_PARTNER_FILE"] == 1
    both = [str(orders), str(prices)][::turn]
    told = json.loads(run("check", *both, "--json").stdout)["files"]
    assert [one["file"] for one in told] == both
    assert all(one["counts"]["held"] == 0 for one in told)
    of_orders = told[both.index(str(orders))]
    assert of_orders["counts"]["accepted"] == 1
    assert "AWAITING_PARTNER_FILE" not in of_orders["totals"]
    assert "temu.csv" in run("check", *both).stdout


def test_an_order_of_two_reports_counts_once(tmp_path: Path) -> None:
    less, full = tmp_path / "unshipped.txt", tmp_path / "all.txt"
    less.write_text(
        "order-id\torder-item-id\tpurchase-date\tsku\tproduct-name\tquantity-purchased\tship-country\n"
        "1-1\t1\t2026-11-10T00:00:00+00:00\tCUP-1\tCup\t2\tUS\n"
        "1-2\t1\t2026-11-10T00:00:00+00:00\tCUP-1\tCup\t2\tUS\n"
    )
    full.write_text(
        "amazon-order-id\tmerchant-order-id\tpurchase-date\torder-status\tfulfillment-channel\t"
        "sales-channel\tproduct-name\tsku\tquantity\tcurrency\titem-price\tship-country\n"
        "1-1\tM\t2026-11-10T00:00:00+00:00\tUnshipped\tMerchant\tAmazon.com\tCup\tCUP-1\t2\tUSD\t9\tUS\n"
    )
    told = json.loads(run("check", str(less), str(full), "--json", code=1).stdout)["files"]
    counts = [one["counts"] for one in told]
    assert [one["orders"] for one in counts] == [1, 1]
    assert (counts[0]["duplicate"], counts[0]["held"], counts[1]["accepted"]) == (1, 1, 1)
    for one in counts:
        assert one["rows"] == sum(one[k] for k in ("accepted", "held", "excluded", "duplicate"))


def test_a_copy_is_written_of_one_file_only(tmp_path: Path) -> None:
    said = run("check", write(tmp_path, GOOD), write(tmp_path, GOOD, name="b.csv"),
               "--annotate", "x.xlsx", code=2)  # fmt: skip
    assert "single file" in said.output
