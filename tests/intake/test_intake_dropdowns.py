"""What a template's dropdown offers is read as what it means, and so are its parts."""

import polars as pl
import pytest

from xborder.intake import KINDS
from xborder.intake.codes import apply, labels
from xborder.intake.layouts import template
from xborder.intake.lines import record_columns
from xborder.schemas import tables


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_becomes_its_code(kind: str) -> None:
    held = tables.load(None)
    offered = 0
    for column in template(kind).columns:
        if column.field == "status":
            continue  # its words are read in the child already
        for label in labels(column, held):
            code, _, name = label.partition(" ")
            said = [label, code] + ([name] if column.choices else [])
            blank = {one: [None] * len(said) for one in record_columns(kind)}
            records = pl.DataFrame(blank | {column.field: said}, schema=record_columns(kind))
            read = apply(records, kind, f"template_{kind}", held).get_column(column.field)
            assert read.to_list() == [code] * len(said), (column.field, label)
            offered += 1
    assert offered
