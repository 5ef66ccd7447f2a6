"""The rows in which cells with findings stand (所在行), as the file was read: nothing personal."""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from xborder.portal.receipt import Cause
from xborder.registry import readings
from xborder.registry.home import Home

MOST_VALUES = 12
"""Values of a row that are shown; the finding's own cell is always among them."""

_MOST_CHARACTERS = 60

Rows = dict[tuple[str, str], list[dict[str, str]]]
"""(sheet, row) → the row's columns in the file's order: cell, head as written, value."""


def of_places(home: Home, upload_id: int, found: Iterable[Cause]) -> Rows:
    """The rows of the places that are shown at once, of a file that was read in one block."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for cause in found:
        for place in cause.first:
            if not place["file"] and place["row"]:
                wanted.setdefault((place["sheet"], place["row"]), set()).add(place["cell"])
    where = (*readings.folder(upload_id), "records.parquet")
    if not wanted or not home.store.exists(*where) or len(home.store.block_rows(*where)) != 1:
        return {}
    heads = {
        (sheet, field): (letter, head)
        for sheet, field, letter, head in readings.columns_of(home.store, [upload_id])
        .select("sheet", "field", "letter", "header")
        .iter_rows()
    }
    numbers = pl.Series([int(row) for _, row in wanted], dtype=pl.UInt32)
    records = home.store.read_parquet(*where, blocks=[0])
    own = records.filter(pl.col("row").is_in(numbers.implode()))
    told: dict[tuple[str, str], list[_Cell]] = {}
    for record in own.iter_rows(named=True):
        key = (record["sheet"], str(record["row"]))
        if key in wanted:
            first = key not in told
            told.setdefault(key, []).extend(_cells(record, heads, wanted[key], first=first))
    return {key: _shown(cells) for key, cells in told.items()}


_Cell = tuple[tuple[int, str], bool, dict[str, str]]
"""A cell's column, whether none of the findings stands there, and what is shown."""


def _cells(
    record: dict[str, Any], heads: dict[tuple[str, str], tuple[str, str]], here: set[str],
    *, first: bool,
) -> Iterator[_Cell]:  # fmt: skip
    """A record's cells; of goods that stand side by side in a row (``qty#2``) each its own."""
    for name, value in record.items():
        place = heads.get((record["sheet"], f"{name}#{record.get('line_no')}"))
        place = place or (heads.get((record["sheet"], name)) if first else None)
        if place is None:
            continue
        letter, head = place
        cell = f"{letter}{record['row']}"
        if value or cell in here:
            text = str(value or "")
            cut = text[:_MOST_CHARACTERS] + ("…" if len(text) > _MOST_CHARACTERS else "")
            told = {"cell": cell, "head": head, "value": cut}
            yield (len(letter), letter), cell not in here, told


def _shown(cells: list[_Cell]) -> list[dict[str, str]]:
    kept = sorted(sorted(cells, key=lambda one: one[1])[:MOST_VALUES], key=lambda one: one[0])
    return [one for _, _, one in kept]
