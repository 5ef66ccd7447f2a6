"""From any number the whole chain: file and cell, order, list, manifest, warehouse; both ways."""

import json
from pathlib import Path
from typing import Any

import pytest
from pipeline_homes import command, make_home
from typer.testing import CliRunner

from xborder.cli import app

pytestmark = pytest.mark.slow

EXPORTER, SHOP = "pingyuan-mujia", "overseas-de"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_home(tmp_path_factory.mktemp("trace") / "home", SHOP, exporter=EXPORTER)
    command(made, "run", "--date", "2026-11-22")
    return made


def traced(home: Path, key: str, *more: str, code: int = 0) -> dict[str, Any]:
    said = CliRunner().invoke(app, ["trace", key, "--json", "--home", str(home), *more])
    assert said.exit_code == code, said.output
    return dict(json.loads(said.stdout))


def test_every_number_leads_to_the_same_chain(home: Path) -> None:
    (order,) = traced(home, "PYW-2611-04")["orders"]
    assert order["state"] == "declared"
    (source,) = order["sources"]
    (cell,) = source["lines"]
    assert (cell["cell"], cell["sku"]) == ("A7", "PY-MTD-04")
    (one,) = order["lists"]
    (goods,) = one["goods"]
    assert goods["overseas"]["declared"] == "30" and goods["overseas"]["in_transit"] == "30"
    waybill = order["waybills"][0]["logistics_no"]
    for key in (one["cop_no"], one["guid"], waybill, "PY-MTD-04"):
        assert order in traced(home, key)["orders"], key
    of_manifest = traced(home, one["manifest"]["number"])
    assert len(of_manifest["orders"]) == one["manifest"]["lists"] and order in of_manifest["orders"]
    upload = traced(home, str(source["upload_id"]))
    assert order in upload["orders"] and len(upload["uploads"]) == 1


def test_a_movement_leads_back_to_the_declared_line(home: Path) -> None:
    for key in ("HAM-M-0009", "HAM-IN-102"):
        back = traced(home, key)
        assert [one["movement_id"] for one in back["movements"]] == ["HAM-M-0009"]
        fates = [
            goods["overseas"]
            for order in back["orders"]
            for one in order["lists"]
            for goods in one["goods"]
            if goods["overseas"]["inbound_id"] == "HAM-IN-102"
        ]
        assert [row["movement_id"] for fate in fates for row in fate["movements"]] == ["HAM-M-0009"]


def test_of_one_exporter_only(home: Path) -> None:
    assert traced(home, "PYW-2611-04", "--exporter", EXPORTER)["orders"]
    assert not traced(home, "PYW-2611-04", "--exporter", "another")["orders"]


def test_the_tree_is_told_and_an_unknown_number_too(home: Path) -> None:
    words = ["trace", "PYW-2611-04", "--home", str(home), "--lang"]
    for lang, word in (("zh", "清单"), ("en", "list")):
        said = CliRunner().invoke(app, [*words, lang])
        assert said.exit_code == 0 and word in said.stdout and "A7" in said.stdout
    nothing = CliRunner().invoke(app, ["trace", "no-such-number", "--home", str(home)])
    assert nothing.exit_code == 1 and "no-such-number" in nothing.output
