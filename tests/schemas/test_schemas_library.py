"""Schemas are read whole or refused with the place named."""

import json
import shutil
import sys

import pytest
from jsonschema import Draft202012Validator

from xborder import schemas
from xborder.schemas import library

ALL = sorted(path.name.removesuffix(".schema.json") for path in library.PACKAGED.glob("*.json"))


@pytest.mark.parametrize("name", ALL)
def test_each_schema_is_json_schema_2020_12(name):
    Draft202012Validator.check_schema(schemas.schema(name))
    assert schemas.schema(name)["$schema"].endswith("draft/2020-12/schema")
    assert " | " in schemas.schema(name)["title"]


@pytest.mark.parametrize("name", [one for one in ALL if one not in ("types", "exporter")])
def test_each_column_is_titled_in_both_languages_and_described(name):
    for column, (zh, en) in schemas.titles(name).items():
        assert zh and en, column
        assert any("一" <= letter <= "龥" for letter in zh), column
        assert (
            name in ("ceramics", "furniture", "industrial", "electroacoustics", "generic")
            or (schemas.descriptions(name)[column])
        ), column


def test_columns_stand_in_the_schemas_order():
    assert schemas.columns("order_line")[:9] == [
        *("order_no", "line_no", "order_type", "ordered_at", "status", "sku", "goods_name"),
        *("qty", "unit"),
    ]
    head = schemas.columns("clearance_list_head")
    assert head[0] == "customsCode" and "copNo" not in head and len(head) == 41
    issued = schemas.columns("clearance_list")
    assert set(issued) - set(head) == {
        *("guid", "appType", "appTime", "appStatus", "copNo", "preNo", "invtNo")
    }
    with pytest.raises(schemas.SchemaError, match="order_lines: no such schema"):
        schemas.columns("order_lines")


BROKEN = [
    (["properties", "sku"], {"maxLenght": 3}, r"order_line.schema.json#/properties/sku.*maxLenght"),
    (["properties", "sku"], {"$ref": "types.schema.json#/$defs/txt"}, r"properties/sku: \$ref"),
    (["properties", "sku"], {"$ref": "https://example.com/a.json"}, r"properties/sku: \$ref"),
    (["properties", "sku"], {"pattern": r"^\d+$"}, r"properties/sku: pattern"),
    (["properties", "sku"], {"pattern": "^(?=a)"}, r"properties/sku: pattern"),
    (["properties", "sku"], {"pattern": "^(a"}, r"properties/sku: pattern"),
    (["properties", "sku"], {"x-finding": {"pattern": "NO_SUCH"}}, r"sku: finding NO_SUCH"),
    (["properties", "qty"], {"x-digits": [1]}, r"properties/qty: x-digits"),
    (["properties", "qty"], {"type": "integer"}, r"properties/qty: write type number"),
    (["properties", "qty"], {"maxLength": -1}, "order_line.schema.json: is no JSON Schema"),
    (["allOf", 0, "else"], {"oneOf": []}, r"allOf/0/else: unknown keyword oneOf"),
    # References that other validators read otherwise, or that lead past what was checked.
    (["properties", "sku"], {"$ref": "#text"}, r"sku: \$ref #text leads nowhere"),
    (["properties", "sku"], {"$ref": "types.schema.json#text"}, r"sku: \$ref"),
    (["properties", "sku"], {"$ref": "types#/$defs/text"}, r"sku: \$ref"),
    (["properties", "sku"], {"$ref": "#/allOf/-1"}, r"sku: \$ref #/allOf/-1 leads nowhere"),
    (["properties", "sku"], {"$ref": "#/properties"}, r"sku: \$ref .* leads to no schema"),
    (["properties", "sku"], {"$ref": "#/default", "default": {"a": 1}}, r"sku: \$ref"),
    (["properties", "sku"], {"$ref": 5}, r"sku: \$ref 5"),
    (["properties", "sku"], {"$ref": "#/properties/sku"}, r"sku: \$ref leads in a circle"),
    (["allOf", 0], {"$ref": "#"}, r"order_line.schema.json#: \$ref leads in a circle"),
    (["properties"], {"sku": True}, r"properties/sku: is no schema"),
    (["allOf", 0], {"else": False}, r"allOf/0/else: is no schema"),
    (["properties", "sku"], {"not": True}, r"properties/sku/not: is no schema"),
    ([], {"properties": []}, r"order_line.schema.json#: properties is no object"),
    ([], {"allOf": {}}, r"order_line.schema.json#: allOf is no list"),
    ([], {"$schema": "https://example.com/x"}, r"order_line.schema.json: \$schema must be"),
    ([], {"$schema": "http://json-schema.org/draft-07/schema#"}, r"\$schema must be"),
    (["properties", "sku"], {"$id": "x"}, r"properties/sku: \$id stands at the top"),
    (["properties", "sku"], {"$schema": "x"}, r"properties/sku: \$schema stands at the top"),
    (["allOf", 0], {"additionalProperties": False}, r"allOf/0: additionalProperties false wants"),
    (["properties", "sku"], {"x-finding": ["NO"]}, r"properties/sku: x-finding wants a text"),
    (["properties", "sku"], {"x-table": 5}, r"properties/sku: x-table wants the name"),
    (["properties", "sku"], {"x-described": False}, r"properties/sku: x-described can only"),
    (["properties", "sku"], {"pattern": "^(?:[a-z]{1000}){1000}$"}, r"properties/sku: pattern"),
    (
        ["properties"],
        {"^.*$": {}},
        r"properties: .* is no name of a column|#: '\^\.\*\$' is no name",
    ),
    (["properties", "qty"], {"minimum": 0.1}, r"properties/qty: minimum wants whole numbers"),
    (["properties", "qty"], {"minimum": 10**20}, r"properties/qty: minimum wants whole numbers"),
    (["properties", "qty"], {"enum": [1, [0.5]]}, r"properties/qty: enum wants whole numbers"),
    (["properties", "sku"], {"minLength": 2.0}, r"properties/sku: minLength wants whole"),
    (["properties", "sku"], {"const": "\ud800"}, r"order_line.schema.json: .*surrogates"),
]


@pytest.mark.parametrize(("place", "change", "message"), BROKEN)
def test_a_broken_schema_is_refused_with_its_place(place, change, message, tmp_path):
    for path in library.PACKAGED.glob("*.schema.json"):
        shutil.copy(path, tmp_path)
    library.read(tmp_path)
    file = tmp_path / "order_line.schema.json"
    schema = json.loads(file.read_text("utf-8"))
    node = schema
    for step in place:
        node = node[step]
    node.update(change)
    file.write_text(json.dumps(schema), "utf-8")
    with pytest.raises(library.SchemaError, match=message):
        library.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"$id": "x",\n oops}', "order_line.schema.json: .* line 2 column 2"),
        (b'{"title": "\xff"}', "order_line.schema.json: .* position 11"),
        (b"{}", r"order_line.schema.json: \$id must be"),
        (b"[]", "order_line.schema.json#: is no schema"),
        (b'{"title": "a", "title": "b"}', "order_line.schema.json: 'title' stands twice"),
    ],
)
def test_a_file_that_is_no_schema_is_refused_with_its_place(content, message, tmp_path):
    (tmp_path / "order_line.schema.json").write_bytes(content)
    with pytest.raises(library.SchemaError, match=message):
        library.read(tmp_path)


def test_what_is_kept_of_the_schemas_is_what_they_say(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    said = library.read(library.PACKAGED).schemas
    assert library.packaged.__wrapped__().schemas == said
    monkeypatch.setattr(library, "_checked", None)
    assert library.packaged.__wrapped__().schemas == said
    assert list(library.packaged.__wrapped__().schemas) == list(said)
