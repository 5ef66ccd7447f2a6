"""One fault, told once (一格一问): of two findings at one cell the one that says more stays."""

from functools import cache

import polars as pl

TELLS_MORE = {
    "PORT_UNKNOWN": ("FORMAT_WRONG",),
    "CURRENCY_NOT_DECLARABLE": ("CURRENCY_UNKNOWN",),
    "COUNTRY_NOT_DECLARABLE": ("COUNTRY_UNKNOWN",),
    "DATE_FORMAT": ("DATE_AMBIGUOUS", "DATE_ORDER_MIXED"),
    "NOT_A_NUMBER": ("NUMBER_AMBIGUOUS", "NUMBER_SIGN_MIXED"),
    "TEXT_CHARACTERS": ("FORBIDDEN_CHARACTER",),
}
"""Finding → those of which one at the same cell makes it needless; both hold, or only the latter."""

CELL = ["upload_id", "sheet", "row", "field", "cell"]


def once(found: pl.DataFrame, cell: list[str], told: pl.DataFrame | None = None) -> pl.DataFrame:
    """The findings without those that another one at their cell makes needless.

    ``cell`` names the columns that tell cells apart; ``told`` are findings that are known
    already, with ``code`` and those columns.
    """
    said = found if told is None else told
    codes, saying = set(found["code"].unique()), set(said["code"].unique())
    if not any(saying.intersection(TELLS_MORE[one]) for one in TELLS_MORE.keys() & codes):
        return found
    more = said.select(*cell, more="code").join(_needless(), on="more").select(*cell, "code")
    if more.is_empty():
        return found
    return found.join(
        more.unique(), on=[*cell, "code"], how="anti", maintain_order="left", nulls_equal=True
    )


@cache
def _needless() -> pl.DataFrame:
    pairs = [(code, one) for code, more in TELLS_MORE.items() for one in more]
    return pl.DataFrame(pairs, schema=["code", "more"], orient="row")
