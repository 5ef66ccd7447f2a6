"""The clearance list's schemas say what the field table of CEB603 says."""

import csv
import re
from pathlib import Path

import pytest

from xborder import schemas
from xborder.schemas import library

FIELDS = Path(__file__).parents[2].parent / "shared" / "ceb" / "fields" / "CEB603.csv"

pytestmark = pytest.mark.skipif(
    not FIELDS.exists(), reason="the field tables of CEB 2022-05 lie in ../shared, which is absent"
)

PARENTS = {"clearance_list": "InventoryHead", "clearance_list_item": "InventoryList"}


def fields(parent):
    with FIELDS.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.DictReader(file) if row["parent"] == parent]


def required(name):
    schema = schemas.schema(name)
    names = set(schema["required"])
    return names | (required("clearance_list_head") if name == "clearance_list" else set())


@pytest.mark.parametrize("name", PARENTS)
def test_the_elements_and_what_is_required_are_the_table_s(name):
    table = fields(PARENTS[name])
    assert set(schemas.columns(name)) == {row["element"] for row in table}
    effective = {row["element"] for row in table if row["required_effective"] == "Y"}
    assert required(name) - {"items"} == effective


@pytest.mark.parametrize("name", PARENTS)
def test_no_element_is_longer_than_the_xsd_allows(name):
    held = library.packaged().properties(name)
    for row in fields(PARENTS[name]):
        node = held[row["element"]]
        length = re.fullmatch(r"C(?:\.\.)?(?:[0-9]\.\.)?([0-9]+)", row["type_xsd2022"])
        if row["type_xsd2022"].startswith("N"):
            assert node["type"] == "number", row["element"]
            digits = {"N19,5": [14, 5], "N9": [9, 0], "N5": [5, 0]}[row["type_xsd2022"]]
            assert node["x-digits"] == digits, row["element"]
            continue
        most = int(length.group(1))
        longest = "9" * (most + 1)
        allowed = node.get("maxLength")
        if allowed is not None:
            assert allowed == most, row["element"]
        elif "enum" in node or "x-table" in node:
            codes = node.get("enum") or schemas.tables.packaged().members(node["x-table"])
            assert max(map(len, codes)) <= most, row["element"]
        else:
            assert not re.fullmatch(node["pattern"], longest, re.ASCII), row["element"]


@pytest.mark.parametrize("name", ["clearance_list_head", "clearance_list_item"])
def test_no_text_may_be_empty(name, check):
    held = library.packaged().properties(name)
    for column in schemas.columns(name):
        assert column in {field for field, _ in check(name, **{column: ""})}, column
        assert held[column]["type"] in ("string", "number")
