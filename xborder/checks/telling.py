"""One fault, told once (一格一问): of two findings at one cell the one that says more stays."""

import polars as pl

TELLS_MORE = {
    "PORT_UNKNOWN": "FORMAT_WRONG",
    "CURRENCY_NOT_DECLARABLE": "CURRENCY_UNKNOWN",
    "COUNTRY_NOT_DECLARABLE": "COUNTRY_UNKNOWN",
    "DATE_FORMAT": "DATE_AMBIGUOUS",
    "TEXT_CHARACTERS": "FORBIDDEN_CHARACTER",
}
"""Finding → the finding at the same cell that makes it needless; both hold, or only the latter."""

CELL = ["upload_id", "sheet", "row", "field", "cell"]


def once(found: pl.DataFrame, cell: list[str], told: pl.DataFrame | None = None) -> pl.DataFrame:
    """The findings without those that another one at their cell makes needless.

    ``cell`` names the columns that tell cells apart; ``told`` are findings that are known
    already, with ``code`` and those columns.
    """
    lesser = found.filter(pl.col("code").is_in(list(TELLS_MORE)))
    if lesser.is_empty():
        return found
    said = found if told is None else told
    more = said.filter(pl.col("code").is_in(list(TELLS_MORE.values()))).select(*cell, "code")
    if more.is_empty():
        return found
    return found.with_columns(more=pl.col("code").replace_strict(TELLS_MORE, default=None)).join(
        more.unique().rename({"code": "more"}), on=[*cell, "more"], how="anti",
        maintain_order="left", nulls_equal=True,
    ).drop("more")  # fmt: skip
