"""Facts of the tables as the operator's decisions leave them (事实与确认).

A fact whose source was not seen (*unverified*) warns and asks the operator; a fact that was seen,
or that the operator confirmed, does what its rule says; one that was refused is not applied. A
decision is about what the table said when it was made: once the table says something else, the
question is asked again.
"""

from datetime import date

import polars as pl

from xborder.schemas.tables import Tables

KINDS = ("units", "licence", "inspection", "elements", "hazards", "notice")
"""What can be decided: statutory units (法定单位), licence and inspection conditions (监管条件)
and hazards (危险品) of an HS code; declaration elements (申报要素) of a heading; a destination's
notice (目的国提示), which only a refusal silences."""

DECISIONS: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "key": pl.String(),
    "value": pl.String(),
    "confirmed": pl.Boolean(),
}
"""Decisions in force for one exporter; ``value`` is what the table said. A confirmation or
refusal counts only for that value."""

EXPORT_LICENCE = "[348EGxy]"
"""Supervision conditions (监管条件) that demand a licence or certificate at export: 3 dual
use, 4 export licence, 8 forbidden, E endangered species, G dual use (directed), x and y
export licences of processing and border trade."""

CITES = "[EF]"
"""Conditions of endangered species (濒危物种; R45)."""

EXPORT_INSPECTION = "B"
"""Supervision condition of inspection at export (出境检验检疫); A alone is import (R46)."""

_MARK = "\x1f"


def none() -> pl.DataFrame:
    """No decisions."""
    return pl.DataFrame(schema=DECISIONS)


def tariff(tables: Tables, on: date, decisions: pl.DataFrame) -> pl.DataFrame:
    """Tariff rows of a day with the verdicts of their facts, one a 10-digit code.

    Added to the columns of ``Tables.tariff``: ``licence``, ``cites``, ``inspection`` (Boolean:
    the fact holds) and ``licence_unverified``, ``inspection_unverified`` (it is only stated);
    ``conditions`` (what the table states, String); ``stated_units``, ``stated_hazards``
    (String); ``magnet_expected``, ``battery_expected`` (Boolean). ``unit_verified`` and
    ``hazards_verified`` are null where the operator refused the fact.
    """
    rows = tables.tariff(on)
    stated = pl.col("supervision").fill_null("")
    letters = stated.str.extract(r"^([0-9A-Za-z]+)", 1).fill_null("")
    flags = pl.col("flags").fill_null("")
    has = {
        name: flags.str.contains(f"(?:^|;){pattern}(?:;|$)")
        for name, pattern in (
            ("MAGNET", "MAGNET"),
            ("BATTERY", r"BATTERY(?:_UN34[0-9]{2})?"),
            ("CITES", "CITES"),
            ("EXPORT_CONTROL", r"EXPORT_CONTROL\??"),
            ("EXPORT_LICENCE", r"EXPORT_LICENCE\??"),
        )
    }
    by_letter = letters.str.contains(EXPORT_LICENCE) | letters.str.contains(CITES)
    by_flag = has["CITES"] | has["EXPORT_CONTROL"] | has["EXPORT_LICENCE"]
    rows = rows.with_columns(
        by_letter.alias("_by_letter"),
        (by_letter | by_flag).alias("_licence"),
        (letters.str.contains(CITES) | has["CITES"]).alias("_cites"),
        letters.str.contains(EXPORT_INSPECTION).alias("_inspection"),
        has["MAGNET"].alias("magnet_expected"),
        has["BATTERY"].alias("battery_expected"),
        pl.concat_str(
            pl.when(letters != "").then(letters),
            pl.when(has["CITES"] & ~letters.str.contains(CITES)).then(pl.lit("CITES")),
            *(
                pl.when(has[name]).then(pl.lit(name))
                for name in ("EXPORT_CONTROL", "EXPORT_LICENCE")
            ),
            separator=" ",
            ignore_nulls=True,
        ).alias("conditions"),
        pl.concat_str("unit1", pl.col("unit2").fill_null(""), separator="+").alias("stated_units"),
        pl.concat_str(
            *(pl.when(has[name]).then(pl.lit(name)) for name in ("BATTERY", "MAGNET")),
            separator=" ",
            ignore_nulls=True,
        ).alias("stated_hazards"),
    )
    seen = pl.col("supervision_verified")
    rows = rows.with_columns(
        sure(decisions, "units", "hs_code", "stated_units", pl.col("unit_verified")).alias(
            "unit_verified"
        ),
        # Flags come from memory: only letters can have been seen.
        sure(decisions, "licence", "hs_code", "conditions", seen & pl.col("_by_letter")).alias(
            "_licence_sure"
        ),
        sure(decisions, "inspection", "hs_code", "conditions", seen).alias("_inspection_sure"),
        sure(decisions, "hazards", "hs_code", "stated_hazards", pl.lit(value=False)).alias(
            "hazards_verified"
        ),
    )
    return rows.with_columns(
        *(
            (pl.col(f"_{fact}") & pl.col(f"_{by}_sure")).fill_null(value=False).alias(fact)
            for fact, by in (
                ("licence", "licence"),
                ("cites", "licence"),
                ("inspection", "inspection"),
            )
        ),
        *(
            (pl.col(f"_{fact}") & ~pl.col(f"_{fact}_sure"))
            .fill_null(value=False)
            .alias(f"{fact}_unverified")
            for fact in ("licence", "inspection")
        ),
    ).select(pl.exclude(r"^_.*$"))


def sure(decisions: pl.DataFrame, kind: str, key: str, stated: str, seen: pl.Expr) -> pl.Expr:
    """Whether a fact counts as verified: true or false, or null where it was refused.

    ``key`` and ``stated`` are columns; ``seen`` says whether the table's source was seen.
    """
    own = decisions.filter(pl.col("kind") == kind)
    if own.is_empty():
        return seen
    said = own.select(
        pl.concat_str("key", "value", separator=_MARK).alias("fact"),
        pl.when("confirmed").then(pl.lit(1)).otherwise(pl.lit(0)).alias("said"),
    ).unique("fact", keep="last")
    verdict = pl.concat_str(key, pl.col(stated).fill_null(""), separator=_MARK).replace_strict(
        said["fact"], said["said"], default=None, return_dtype=pl.Int8
    )
    return pl.when(verdict.is_null()).then(seen).when(verdict == 1).then(pl.lit(value=True))


def refused(decisions: pl.DataFrame, kind: str) -> list[str]:
    """Keys of the facts of a kind that the operator refused, whatever the table said."""
    own = decisions.filter((pl.col("kind") == kind) & ~pl.col("confirmed"))
    return own.get_column("key").unique().sort().to_list()
