"""The example files: made again alike, read as meant, and their planted faults known by name."""

import csv
import importlib.util
import re
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from xborder import findings, intake
from xborder.schemas import exporters

EXAMPLES = Path(__file__).parents[2] / "examples"
EXCLUSIONS = {"CANCELLED", "DIGITAL", "OVERSEAS_STOCK"}
ROW = re.compile(r"\| ([a-z0-9-]+/[a-z0-9-]+/\S.*?) \| (\S+) \| (\d+) \| (\d*) \| (\d*) \|")


def _content(path: Path) -> object:
    """What a file says: a workbook's cells, other files' bytes. A newer writer may pack alike
    cells into other bytes."""
    data = path.read_bytes()
    if path.suffix == ".xlsx" and data.startswith(b"PK"):
        try:
            book = CalamineWorkbook.from_path(path)
        except Exception:  # the truncated one
            return "damaged"
        return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    return data


def _files(folder: Path) -> dict[str, Path]:
    made = [*folder.glob("exporters/*"), *folder.glob("landing/*/*/*")]
    return {path.relative_to(folder).as_posix(): path for path in made}


def _planted() -> list[dict[str, str]]:
    with (EXAMPLES / "planted.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _table() -> list[tuple[str, ...]]:
    return ROW.findall((EXAMPLES / "README.md").read_text("utf-8"))


def test_the_generator_makes_the_committed_files_and_the_same_bytes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    spec = importlib.util.spec_from_file_location("make_examples", EXAMPLES / "make_examples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(tmp_path / "one")
    module.write(tmp_path / "two")
    one, two, committed = _files(tmp_path / "one"), _files(tmp_path / "two"), _files(EXAMPLES)
    assert sorted(one) == sorted(two) == sorted(committed)
    assert [name for name in one if one[name].read_bytes() != two[name].read_bytes()] == []
    assert [name for name in one if _content(one[name]) != _content(committed[name])] == []


def test_every_profile_loads_and_every_file_lies_in_a_shop_of_its_exporter() -> None:
    known = exporters.load_all(EXAMPLES / "exporters")
    assert len(known) == 4
    for path in EXAMPLES.glob("landing/*/*/*"):
        exporter, shop = path.parts[-3:-1]
        assert known[exporter].shop(shop) is not None, path
    assert any(shop.customs_code != shop.port_code for one in known.values() for shop in one.shops)
    assert {shop.mode for one in known.values() for shop in one.shops} == {
        "9610", "9710", "9810", "1210",
    }  # fmt: skip


def test_planted_faults_name_files_that_are_there_and_codes_of_the_catalogue() -> None:
    planted = _planted()
    for row in planted:
        assert (EXAMPLES / "landing" / row["exporter"] / row["shop"] / row["file"]).is_file(), row
    codes = {row["code"] for row in planted} - {""} - EXCLUSIONS
    assert codes - set(findings.catalogue()) == set()
    assert len(codes) >= 30


def test_the_readme_lists_every_file() -> None:
    listed = {name for name, *_ in _table()}
    there = {path.relative_to(EXAMPLES / "landing").as_posix()
             for path in EXAMPLES.glob("landing/*/*/*")}  # fmt: skip
    assert listed == there


@pytest.mark.slow
def test_every_file_is_read_as_the_readme_says() -> None:
    known = exporters.load_all(EXAMPLES / "exporters")
    lines: dict[bytes, int] = {}  # by content: the renamed copy counts once
    for name, layout, records, orders, excluded in _table():
        path = EXAMPLES / "landing" / name
        exporter, shop = path.parts[-3:-1]
        reading = intake.read(path, path.name, exporter_shop=known[exporter].shop(shop))
        out = reading.rows.filter(reading.rows["excluded"].is_in(sorted(EXCLUSIONS))).height
        assert (reading.layout or "—", reading.records.height, out) == (
            layout, int(records), int(excluded or 0),
        ), name  # fmt: skip
        if reading.kind == "orders":
            assert reading.records["order_no"].n_unique() == int(orders), name
            lines[path.read_bytes()] = reading.records.height
        refused = {row["code"] for row in _planted()
                   if path.parts[-3:] == (row["exporter"], row["shop"], row["file"])
                   and row["effect"] == "file refused"}  # fmt: skip
        fatal = reading.findings.filter(reading.findings["severity"] == "fatal")
        assert set(fatal["code"].to_list()) == refused, name
    assert 400 <= sum(lines.values()) <= 440
    said = re.findall(
        r"(?:共 |\n)(\d+) (?:行订单|order lines)", (EXAMPLES / "README.md").read_text("utf-8")
    )
    assert said == [str(sum(lines.values()))] * 2
