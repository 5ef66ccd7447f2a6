"""Words that an exporter's answers have given a code (代码别名): its files' own words for codes."""

from collections.abc import Mapping

import polars as pl

from xborder.checks.suggestions import tables_of_fields

TABLES = ("country", "currency", "unit")
"""Code tables of which a word may be given a code."""

Words = Mapping[str, Mapping[str, str]]
"""Code table → word as the file writes it → code."""


def fields_of(table: str) -> list[str]:
    """Canonical columns that hold codes of a table."""
    return [name for name, own in tables_of_fields().items() if own == table]


def in_codes(records: pl.DataFrame, words: Words) -> pl.DataFrame:
    """Records with codes in place of the words that were given one."""
    told = {
        name: words[table]
        for name, table in tables_of_fields().items()
        if table in words and name in records.columns
    }
    if not told:
        return records
    return records.with_columns(pl.col(name).replace(codes) for name, codes in told.items())
