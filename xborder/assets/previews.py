"""Small tables and links for Dagster's pages. Counts and codes only: no cell values of an
upload belong here."""

from typing import Any

import pandas as pd
import polars as pl
from dagster import MetadataValue

MOST_ROWS = 20
"""Metadata is stored with every event; more belongs on the page or in a workbook."""


def markdown(frame: pl.DataFrame, most: int = MOST_ROWS) -> Any:
    """A table as Markdown metadata, cut to ``most`` rows with the rest counted."""
    if frame.is_empty():
        return MetadataValue.md("—")
    shown: pd.DataFrame = frame.head(most).to_pandas()
    text = "| " + " | ".join(map(str, shown.columns)) + " |\n" + "|---" * shown.shape[1] + "|\n"
    for row in shown.astype(str).itertuples(index=False):
        text += "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n"
    rest = frame.height - most
    return MetadataValue.md(text + (f"\n… {rest} more" if rest > 0 else ""))
