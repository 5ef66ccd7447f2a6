"""JSON and JSON Lines as a table (JSON 文件): one row a line of an order, one column a key.

Accepted are an array of objects, an object that holds one under a name such as ``orders``, one
object, or one object a line. The list of an order's goods (``lines``, ``items``, …) becomes
rows, each with the order's own values; objects within become columns under their path
(``price.amount``). A column's header is the last part of its path where no other has the same,
else the whole path (``lines[].name``). Every value is text as it stands in the file: a number
keeps its digits, nothing is rounded.

A key that stands twice, ``NaN``, and what no table can hold are refused: readers disagree on
them, and an order must not mean two things.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

from xborder.intake.limits import MIB, Limits, refuse

RECORDS = ("orders", "data", "records", "rows", "results", "goods", "shipments", "movements")
LINES = (
    *("lines", "items", "line_items", "lineItems", "order_lines", "orderLines", "order_items"),
    *("orderItems", "products", "skus", "goods", "details", "orderDetails"),
)
DEPTH = 8
SPACE = re.compile(r"[ \t\n\r]*")
SURROGATE = re.compile(
    r"(\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""A whole pair of escapes, or any other escape but ``\\u``, comes first: what is left is half."""
FIRST = 1000
"""Rows that are looked at for columns before any is written."""
EXPANSION = 2
"""How much larger than a file may be its table may be: an order's values stand in each line."""
MOST_ROWS = 1_048_575
"""As many as a sheet holds."""
OBJECTS = 3
"""Objects a row, at most: what has more need not be gone through to see that it is too much."""
LONGEST = 131_072


Line = tuple[str, Mapping[str, str]]
"""Where a row stands (``[3].lines[0]``), and its values by the path of their column."""


def as_csv(data: bytes, limits: Limits) -> io.BytesIO:
    """The table of a file as CSV in UTF-8 with its mark; the first row are the names.

    Raises Refused: ENCODING_UNKNOWN, NUL_BYTES, FILE_EMPTY, JSON_NOT_WELL_FORMED,
    JSON_KEY_TWICE, JSON_NO_RECORDS, NO_DATA_ROWS, TOO_MANY_COLUMNS, FILE_EXPANDS_TOO_MUCH,
    FILE_TOO_HEAVY.
    """
    text = _text(data)
    if text.count("{") > OBJECTS * MOST_ROWS:
        refuse("FILE_TOO_HEAVY")
    columns: dict[str, int] = {}
    for _, values in islice(_lines(text), FIRST):
        _enter(columns, values, limits)
    while True:
        width = len(columns)
        made = _written(text, columns, limits)
        if len(columns) == width:
            return made
        # A later row has brought a new column: all rows have it then.


def _written(text: str, columns: dict[str, int], limits: Limits) -> io.BytesIO:
    """All rows in the columns known before; new ones are entered."""
    if not columns:
        refuse("NO_DATA_ROWS")
    made = io.BytesIO()
    out = io.TextIOWrapper(made, "utf-8-sig", newline="")
    writer = csv.writer(out, lineterminator="\n")
    paths, width = list(columns), len(columns)
    writer.writerow(_heads(paths))
    for number, (_, values) in enumerate(_lines(text)):
        if number == MOST_ROWS:
            refuse("FILE_TOO_HEAVY")
        if not values.keys() <= columns.keys():
            _enter(columns, values, limits)
        if len(columns) == width:
            writer.writerow([values.get(path, "") for path in paths])
        if made.tell() > EXPANSION * limits.unpacked_bytes:
            refuse("FILE_EXPANDS_TOO_MUCH", expected=str(EXPANSION * limits.unpacked_bytes // MIB))
    out.flush()
    out.detach()
    made.seek(0)
    return made


def _enter(columns: dict[str, int], values: Mapping[str, str], limits: Limits) -> None:
    for path in values:
        columns.setdefault(path, len(columns))
    if len(columns) > limits.columns:
        value, expected = str(len(columns)), str(limits.columns)
        refuse("TOO_MANY_COLUMNS", value=value, expected=expected)


def placed_rows(data: bytes, most_cells: int) -> list[tuple[int, list[str]]] | None:
    """Row number and texts of every row; the last text of each is where it stands in the file.

    None where more than ``most_cells`` are filled. Raises Refused as ``as_csv``.
    """
    columns: dict[str, int] = {}
    lines: list[Line] = []
    cells = 0
    for place, values in _lines(_text(data)):
        _enter(columns, values, Limits())
        cells += len(values)
        if cells > most_cells:
            return None
        lines.append((place, values))
    rows: list[tuple[int, list[str]]] = [(1, [*_heads(list(columns)), ""])]
    for number, (place, values) in enumerate(lines, 2):
        rows.append((number, [*(values.get(path, "") for path in columns), place]))
    return rows


def _heads(paths: list[str]) -> list[str]:
    """The shortest names that tell the columns apart."""
    last = [path.rpartition(".")[2] for path in paths]
    return [name if last.count(name) == 1 else path for name, path in zip(last, paths, strict=True)]


def _text(data: bytes) -> str:
    if b"\0" in data:
        refuse("NUL_BYTES", offset=data.index(b"\0"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        value = data[error.start : error.start + 4].hex(" ")
        refuse("ENCODING_UNKNOWN", offset=error.start, value=value)
    if not text.strip():
        refuse("FILE_EMPTY")
    # Half a character, which no text may hold, becomes the sign for a damaged one.
    if "\\ud" in text or "\\uD" in text:
        return SURROGATE.sub(lambda found: found[1] or "\\ufffd", text)
    return text


def _bad(line: int | None, reason: str) -> NoReturn:
    refuse("JSON_NOT_WELL_FORMED", row=line, line=line or "?", reason=reason)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        refuse("JSON_KEY_TWICE", value=next(key for key in keys if keys.count(key) > 1)[:60])
    return made


def _constant(name: str) -> NoReturn:
    _bad(None, name)


DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=str, parse_float=str, parse_constant=_constant
)


def _decoded(text: str, at: int, first_line: int = 1) -> tuple[Any, int]:
    """The value that begins at ``at``, and where it ends."""
    try:
        return DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        _bad(error.lineno + first_line - 1, f"{error.msg} (column {error.colno})")
    except RecursionError:
        _bad(text.count("\n", 0, at) + first_line, "nested too deeply")


def _after(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    assert found is not None
    return found.end()


def _lines(text: str) -> Iterator[Line]:
    begin = _after(text, 0)
    if text[begin] == "[":
        for number, value in enumerate(_elements(text, begin)):
            yield from _record(f"[{number}]", value)
        return
    first, end = _decoded(text, begin)
    if _after(text, end) < len(text):
        yield from _json_lines(text)
        return
    name = next((one for one in RECORDS if _is_table(first.get(one))), None)
    if name is None or _goods_of(first):
        yield from _record("", first)
        return
    for number, value in enumerate(first[name]):
        yield from _record(f"{name}[{number}]", value)


def _elements(text: str, begin: int) -> Iterator[Any]:
    """The elements of an array, one after the other: the whole tree would take ten times the
    room of its text."""
    at = _after(text, begin + 1)
    while text[at : at + 1] != "]":
        value, at = _decoded(text, at)
        yield value
        at = _after(text, at)
        sign = text[at : at + 1]
        if sign == ",":
            at = _after(text, at + 1)
        if sign not in (",", "]") or (sign == "," and text[at : at + 1] == "]"):
            _bad(text.count("\n", 0, at) + 1, "Expecting ',' or ']'")
    if _after(text, at + 1) < len(text):
        _bad(text.count("\n", 0, at) + 1, "more after the end")


def _json_lines(text: str) -> Iterator[Line]:
    """One object a line; blank lines count, and hold nothing."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        value, end = _decoded(line, _after(line, 0), number)
        if _after(line, end) < len(line):
            _bad(number, "more than one value in a line")
        yield from _record(f"line {number}: ", value)


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _goods_of(record: Mapping[str, Any]) -> str:
    """The key under which an order's lines stand; empty if it has none."""
    return next((name for name in LINES if _is_table(record.get(name))), "")


def _record(place: str, value: object) -> Iterator[Line]:
    """An order's lines, or a record that is one line itself."""
    if not isinstance(value, dict):
        refuse("JSON_NO_RECORDS", value=place or "-", expected="{…}")
    goods = _goods_of(value)
    own: dict[str, str] = {}
    _enter_values(own, "", value, goods)
    if not goods:
        yield place, own
        return
    inner = place if not place or place.endswith(" ") else f"{place}."
    for number, line in enumerate(value[goods]):
        values = own.copy()
        _enter_values(values, f"{goods}[].", line, "")
        yield f"{inner}{goods}[{number}]", values


def _enter_values(into: dict[str, str], prefix: str, value: Mapping[str, Any], but: str) -> None:
    """The values of an object and of the objects in it, by their paths; null as empty text."""
    if prefix.count(".") > DEPTH:
        _bad(None, "nested too deeply")
    for key, one in value.items():
        if key == but:
            continue
        path = prefix + key
        if isinstance(one, dict):
            _enter_values(into, f"{path}.", one, "")
            continue
        if path in into:
            refuse("JSON_KEY_TWICE", value=path[:60])
        text = one if isinstance(one, str) else _as(one)
        if len(text) > LONGEST or len(path) > LONGEST:
            _bad(None, f"{path[:60]}: {len(text)} characters")
        into[path] = text


def _as(value: object) -> str:
    """A value as the text that stands in the file; a list as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if value else ""
