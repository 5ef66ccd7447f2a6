"""Tables that steer rules are looked into when they are loaded: a slip is named with its row."""

import re

import polars as pl
import pytest

from xborder.schemas import table_files, tables
from xborder.schemas.table_values import wrong_value

HELD = tables.packaged()


def changed(name: str, row: int, **cells: str | None) -> pl.DataFrame:
    rows = HELD.table(name).to_dicts()
    rows[row] |= cells
    return pl.DataFrame(rows, schema=dict.fromkeys(HELD.table(name).columns, pl.String()))


def test_the_tables_of_the_release_hold_what_they_must() -> None:
    for one in HELD.entries:
        assert wrong_value(one.kind, one.rows) is None, one.name


@pytest.mark.parametrize(
    ("name", "cells", "told"),
    [
        ("declaration_elements", {"position": "1"}, r"heading 6907: its positions are \[1, 1, 2"),
        ("declaration_elements", {"position": "a"}, "row 2: position 'a' is no number"),
        ("declaration_elements", {"hs_prefix": "690"}, "row 2: hs_prefix '690' is no 4 to 10"),
        ("declaration_elements", {"name_zh": None}, "row 2: name_zh is empty"),
        ("declaration_elements", {"optional": "yes"}, "row 2: optional 'yes' is no true or false"),
        ("hazard_limit", {"limit": "0,159"}, "row 2: limit '0,159' is no number"),
        ("hazard_limit", {"valid_from": "2026-02-30"}, "row 2: valid_from '2026-02-30' is no date"),
        ("hazard_limit", {"valid_to": "2019-01-01"}, "row 2: valid_to 2019-01-01 lies before"),
        ("destination_notice", {"code": "NOPE"}, "row 2: code 'NOPE' is no finding that only"),
        ("destination_notice", {"code": "AWAITING_SHIPMENT"}, "row 2: code 'AWAITING_SHIPMENT'"),
        ("destination_notice", {"hs_prefixes": "69;x"}, "row 2: hs_prefixes 'x' is no 2 to 10"),
        ("destination_notice", {"up_to": "much"}, "row 2: up_to 'much' is no number"),
        ("destination_notice", {"currency": None}, "row 2: a value without its currency"),
        ("destination_notice", {"food_contact": "?"}, "row 2: food_contact '\\?' is no Y or N"),
        ("exchange_rate", {"cny": "7.1元"}, "row 2: cny '7.1元' is no number"),
        ("list_threshold", {"cny": "-1"}, "row 2: cny '-1' is no number"),
        ("hs_padding", {"digits": "four"}, "row 2: digits 'four' is no number"),
        ("pilot_zone", {"valid_to": "soon"}, "row 2: valid_to 'soon' is no date"),
    ],
)
def test_a_wrong_cell_is_named_with_its_row(name: str, cells: dict[str, str], told: str) -> None:
    kind = next(one.kind for one in HELD.entries if one.name == name)
    wrong = wrong_value(kind, changed(name, 0, **cells))
    assert wrong is not None and re.match(told, wrong.en)


def test_every_column_of_the_new_tables_is_one_that_an_import_reads() -> None:
    for kind in ("declaration_elements", "hazard_limit", "country_group", "destination_notice"):
        columns = {one.name for one in table_files.columns_of(kind)}
        assert columns == set(HELD.table(kind).columns), kind


def test_a_table_of_elements_is_imported_with_or_without_their_being_seen() -> None:
    def draft(verified: bool) -> pl.DataFrame:
        cells = [["税号", "序号", "申报要素", "选报"], ["8534", "0", "品牌类型", None],
                 ["8534", "1", "层数", "否"], ["8534", "2", "其他", "是"]]  # fmt: skip
        frame = pl.DataFrame(
            {"sheet": [""] * 4, "row": [1, 2, 3, 4], "cells": cells, "ragged": [None] * 4},
            schema={"sheet": pl.String, "row": pl.UInt32, "cells": pl.List(pl.String),
                    "ragged": pl.UInt32},
        )  # fmt: skip
        present = HELD.table("declaration_elements")
        made = table_files.draft(frame, "declaration_elements", HELD, present, verified=verified)
        assert made.found == []
        return made.rows

    seen = draft(verified=True)
    assert seen["optional"].to_list() == ["false", "false", "true"]
    assert seen["verified"].unique().to_list() == ["true"]
    assert draft(verified=False)["verified"].unique().to_list() == ["false"]
    assert wrong_value("declaration_elements", seen) is None
