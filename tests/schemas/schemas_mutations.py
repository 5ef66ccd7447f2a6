"""Rows with something changed in them, and what the row-by-row validators say of those."""

import random
from collections.abc import Iterator
from functools import cache

import polars as pl
from schemas_rows import GOOD

from xborder import schemas
from xborder.schemas import library, tables, validation
from xborder.schemas.compiler import Filter
from xborder.schemas.levels import Levels

NASTY = [
    *("", " ", "0", "-0", "-1", "00", "1.5", "1.", ".5", "+1", "1e3", "NaN", "inf", "1_000"),
    *("12\n", "\n", "１２", "٢", "9" * 14, "9" * 15, "9" * 60, "0.00001", "0.000001", "2.0"),
    *("99999999999999.99999", "123456789", "1234567890", "6911101900", "6911101900\n"),
    *("69111019٠٠", "9403609990", "8518210000", "8507600090", "4420101200", "6999999999"),
    *("2026-02-29", "2028-02-29", "20260431", "2026-04-05T21:06:21Z", "2026-04-05T24:00:00Z"),
    *("USD", "usd", "RMB", "142", "502", "CN", "US", "ﬁ", "Y", "N", "NO", "无", "none", "alone"),
    *("1210", "9610", "E", "W", "other", "sold", "SELLABLE", "035", "999", "3154", "6041"),
    *("瓷", "👨‍👩‍👧", "é", "a\u200bb", "a\x00", "a ", "\u3000a", "实木", "furniture", "ceramics"),
    *("A" * 20, "A" * 21, "瓷" * 250, "瓷" * 251, "𠮷" * 20, "4414960XXX", "91440000MA00000000"),
    *("+5", "5.", "-.5", "  ", "\t", "\r\n", "e\u0301", "\ud7ff", "9" * 40, "9" * 41, "0" * 41),
    *(f"1.{'0' * 40}", f"1.{'0' * 41}", f"0.{'0' * 39}1", "-99999999999999.99999", "000001"),
    *("𠮷" * 21, "S" * 60, "S" * 61, "S" * 101, "S" * 251, "S" * 1001, "y", "e", "Infinity", "0x10"),
    *("8211910000", "8501100000", "7323930000", "6912000000", "9401610000", "3924100000", "4499"),
    *("辐射松", "Pinus radiata", "pinus", "木", "packed_with", "industrial", "generic", "1,5"),
]  # fmt: skip
"""Values that one engine or another reads differently, and codes that switch rules on."""

FAMILIES = [
    {"hs_code": "8518210000", "battery": "none", "magnet": "Y"},
    {"hs_code": "8507600090", "battery": "alone", "magnet": "N"},
    {"hs_code": "9403609990", "wood_species_zh": "辐射松", "wood_species_latin": "Pinus radiata"},
    {"hs_code": "9403200000", "material": "实木", "wood_species_zh": "橡木",
     "wood_species_latin": "Quercus"},
    {"hs_code": "4419909090", "wood_species_zh": "榉木", "wood_species_latin": "Fagus"},
    {"hs_code": "8507600090", "battery": "alone", "magnet": "N", "battery_wh": "37",
     "cell_wh": "3.7", "un38_3_no": "SZ-1"},
    {"hs_code": "8518290000", "battery": "none", "magnet": "Y", "magnet_report_no": "M-1",
     "magnet_field_2m1": "0.1", "magnet_field_4m6": "0"},
    {"hs_code": "9403910010", "wood_species_zh": "阔叶黄檀", "wood_species_latin": "Dalbergia",
     "cites_no": "2026CN-1", "gmodel": "0|0|家具用|红木|无品牌|1米"},
    {"hs_code": "8211910000"},
    {"hs_code": "8501100000", "magnet": "Y"},
    {"hs_code": "3924100000", "unit2": "035", "qty2_per_unit": "1", "producer_code": "NO",
     "producer_name": "某厂"},
]  # fmt: skip

BASES = {name: [row] for name, row in GOOD.items()}
BASES["goods"] += [GOOD["goods"] | changed for changed in FAMILIES]
BASES["clearance_list_head"].append(
    GOOD["clearance_list_head"]
    | {"tradeMode": "1210", "iacCode": "4414960XX2", "iacName": "区内", "emsNo": "L1"}
)
BASES["warehouse_movement"].append(GOOD["warehouse_movement"] | {"movement_type": "other"})


def table(name: str, rows: list[dict[str, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(schemas.columns(name), pl.String()))


def each_value_in_each_column(name: str) -> Iterator[dict[str, str | None]]:
    """Every nasty value and null, alone, in every column of every base row."""
    for base in BASES[name]:
        for column in schemas.columns(name):
            yield from (base | {column: value} for value in (None, *NASTY))
        yield from (base | dict.fromkeys(schemas.columns(name)),)


def drawn(name: str, rows: int, seed: int) -> pl.DataFrame:
    """Rows with none to five cells changed: to nasty values, to values of other columns, to
    null, or by one character."""
    draw = random.Random(f"{name} {seed}")
    columns = schemas.columns(name)
    borrowed = [value for base in BASES[name] for value in base.values()]
    made = []
    for _ in range(rows):
        row: dict[str, str | None] = dict(draw.choice(BASES[name]))
        for column in draw.sample(columns, draw.choice((0, 1, 1, 2, 3, 5))):
            kind = draw.random()
            if kind < 0.2:
                row[column] = None
            elif kind < 0.65:
                row[column] = draw.choice(NASTY)
            elif kind < 0.8:
                row[column] = draw.choice(borrowed)
            else:
                row[column] = _edited(row.get(column) or "", draw)
        made.append(row)
    return table(name, made)


def _edited(text: str, draw: random.Random) -> str:
    at = draw.randint(0, len(text))
    if draw.random() < 0.3:
        return text.swapcase()
    return (
        text[:at] + draw.choice("\n\x00 ０.-+e\u0301𠮷9Aa\u00a0") + text[at + draw.randint(0, 1) :]
    )


def row_by_row(name: str, frame: pl.DataFrame, check: validation.Checker | None = None):
    """The table of ``violations``, made by the whole schema, row by row, without a filter."""
    check = check or validation.checker(name, tables.packaged())
    properties = library.packaged().properties(name)
    place = {column: at for at, column in enumerate(properties)}
    found = []
    for index, row in enumerate(frame.iter_rows(named=True)):
        here = set()
        for failure in check.failures(instance(name, row)):
            field = str(failure.path[0])
            missing = failure.keyword in ("required", "dependentRequired")
            value = None if missing else row[field]
            judged = validation._judge(failure, properties[field], value)
            here.add((index, field, failure.keyword, judged[0], value, judged[1]))
        found += sorted(here, key=lambda one: (place[one[1]], one[2], one[3], one[5]))
    return pl.DataFrame(found, schema=schemas.VIOLATIONS, orient="row")


@cache
def _numbers(name: str) -> frozenset[str]:
    held = library.packaged().properties(name).items()
    return frozenset(column for column, node in held if node.get("type") == "number")


def instance(name: str, row: dict[str, str | None]) -> dict[str, object]:
    return {
        column: schemas.numbers.parse(text) if column in _numbers(name) else text
        for column, text in row.items()
        if text is not None
    }


def passed_though_bad(found: Filter, frame: pl.DataFrame, oracle: pl.DataFrame) -> set[int]:
    """Rows that the oracle finds bad and no part of the filter stops."""
    stopped: set[int] = set()
    for _, rows in found.stopped(Levels(frame)):
        stopped |= set(range(frame.height)) if rows is None else set(rows.to_list())
    return set(oracle.get_column("row").to_list()) - stopped
