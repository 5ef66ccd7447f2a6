"""Declaration elements (申报要素): the model text of goods against what their heading asks for.

``gmodel`` holds them in the heading's order, parted by ``|``. Which elements a heading has is a
dated table (``declaration_elements``); an operator's tariff with a column of elements comes
before it, code by code.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import polars as pl

from xborder.checks.facts import sure
from xborder.schemas.tables import Tables

COLUMNS: dict[str, pl.DataType] = {
    "elements.key": pl.String(),
    "elements.verified": pl.Boolean(),
    "elements.wanted": pl.String(),
    "elements.given": pl.String(),
    "elements.missing_zh": pl.String(),
    "elements.missing_en": pl.String(),
    "elements.odd": pl.String(),
    "elements.odd_zh": pl.String(),
    "elements.odd_en": pl.String(),
    "elements.odd_expected": pl.String(),
    "elements.brand": pl.String(),
}
"""Added to goods: the heading or code whose elements count (null: unknown), whether they are
verified (null: refused), how many are wanted and given, which are missing (empty: none); the
first element whose value is none of the usual, with its name; the brand that stands beside the
type "no brand"."""

_NO_BRAND = ("", "无", "无品牌", "无牌", "无牌子", "no brand", "none", "n/a", "oem")
_NUMBERED = re.compile(r"\s*[0-9]{1,2}\s*[:：.、]\s*")
_NOT_NEEDED = ("GTIN", "CAS", "其他")
_ROLES = {"品牌类型": "brand_type", "出口享惠情况": "export_preference"}


@dataclass(frozen=True)
class Element:
    """One element: its names, what it tells (``role``), the usual values, whether it may lack."""

    name_zh: str
    name_en: str
    role: str = ""
    allowed: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Heading:
    """The elements of a heading or code, in order; ``seen``: their source was seen."""

    key: str
    elements: tuple[Element, ...]
    seen: bool

    @property
    def stated(self) -> str:
        """What the table says, as a decision names it."""
        return ";".join(one.name_zh for one in self.elements)


@lru_cache(maxsize=8)
def headings(tables: Tables, on: date) -> dict[str, Heading]:
    """The elements that hold on a day, by heading or code (4 to 10 digits)."""
    rows = tables.table("declaration_elements", on)
    known: dict[str, Heading] = {}
    ordered = rows.sort("hs_prefix", pl.col("position").cast(pl.Int32))
    for (prefix,), own in ordered.group_by("hs_prefix", maintain_order=True):
        elements = tuple(
            Element(
                row["name_zh"],
                row["name_en"] or row["name_zh"],
                row["role"] or "",
                tuple(filter(None, (row["allowed"] or "").split(";"))),
                row["optional"] == "true",
            )
            for row in own.iter_rows(named=True)
        )
        seen = (own["verified"] == "true").all()
        known[str(prefix)] = Heading(str(prefix), elements, seen)
    return known


def of_text(code: str, text: str, known: dict[str, Heading]) -> Heading | None:
    """The elements as a tariff's column lists them, ``0:品牌类型;1:…`` or parted by ``|``.

    None for a list that breaks off: what it leaves out could be asked for all the same.
    """
    names = [_NUMBERED.sub("", part, count=1).strip() for part in re.split(r"[;；|｜]", text)]
    names = [name for name in names if name]
    if not names or "…" in text or "..." in text:
        return None
    by_name = {one.name_zh: one for own in known.values() for one in own.elements}
    elements = tuple(
        by_name.get(name) or Element(name, name, _ROLES.get(name, ""), (), name in _NOT_NEEDED)
        for name in names
    )
    return Heading(code, elements, seen=False)


def with_elements(
    goods: pl.DataFrame, tables: Tables, on: date, decisions: pl.DataFrame
) -> pl.DataFrame:
    """Goods (columns hs_code, gmodel, brand, …) with the columns of ``COLUMNS``, in their order."""
    goods = goods.with_row_index("_at")
    found = headings_of(
        goods.get_column("hs_code").drop_nulls().unique().sort().to_list(), tables, on
    )
    keys = {code: heading.key for code, heading in found.items()}
    keyed = goods.with_columns(
        pl.col("hs_code")
        .replace_strict(keys, default=None, return_dtype=pl.String)
        .alias("elements.key")
        if keys
        else pl.lit(None, pl.String).alias("elements.key")
    )
    headed = {heading.key: heading for heading in found.values()}
    parts = [_unknown(keyed)]
    parts += [
        _compared(keyed.filter(pl.col("elements.key") == key), heading, decisions)
        for key, heading in headed.items()
    ]
    return pl.concat(parts).sort("_at").drop("_at")


def headings_of(codes: list[str], tables: Tables, on: date) -> dict[str, Heading]:
    """The elements of each code (4 to 10 digits), where any are known: those of the operator's
    tariff, else those of the longest heading in the table of elements."""
    known = headings(tables, on)
    texts = tables.element_lists(on)
    found = {}
    for code in codes:
        own = of_text(code, texts[code], known) if code in texts else None
        longest = (known[code[:n]] for n in range(len(code), 3, -1) if code[:n] in known)
        heading = own or next(longest, None)
        if heading is not None:
            found[code] = heading
    return found


def _unknown(keyed: pl.DataFrame) -> pl.DataFrame:
    return keyed.filter(pl.col("elements.key").is_null()).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in COLUMNS.items() if name != "elements.key"
    )


def _compared(goods: pl.DataFrame, heading: Heading, decisions: pl.DataFrame) -> pl.DataFrame:
    # Each value is read often: it is cut out once.
    text = pl.col("gmodel").fill_null("").str.replace_all("｜", "|", literal=True)
    cut = {
        f"_{at}": pl.col("_parts").list.get(at, null_on_oob=True).str.strip_chars().fill_null("")
        for at in range(len(heading.elements))
    }
    values = [pl.col(name) for name in cut]
    lacking = [(value == "") & pl.lit(not one.optional)
               for one, value in zip(heading.elements, values, strict=True)]  # fmt: skip

    def named(names: list[str], separator: str) -> pl.Expr:
        return pl.concat_str(
            [pl.when(lack).then(pl.lit(name)) for lack, name in zip(lacking, names, strict=True)],
            separator=separator,
            ignore_nulls=True,
        )

    odd = [
        (at, one, (values[at] != "") & ~values[at].is_in(one.allowed))
        for at, one in enumerate(heading.elements)
        if one.allowed
    ]
    at_role = {one.role: at for at, one in enumerate(heading.elements) if one.role}
    brand = values[at_role["brand"]] if "brand" in at_role else pl.col("brand").fill_null("")
    unbranded = (
        values[at_role["brand_type"]].is_in(["0", "无品牌"])
        if "brand_type" in at_role
        else pl.lit(value=False)
    )

    def first(texts: list[pl.Expr]) -> pl.Expr:
        cases = [pl.when(wrong).then(text) for (_, _, wrong), text in zip(odd, texts, strict=True)]
        return pl.coalesce(cases) if cases else pl.lit(None, pl.String)

    return (
        goods.with_columns(pl.lit(heading.stated).alias("_stated"), text.str.split("|").alias("_parts"))
        .with_columns(**cut)
        .with_columns(
            sure(decisions, "elements", "elements.key", "_stated", pl.lit(heading.seen)).alias(
                "elements.verified"
            ),
            pl.lit(str(sum(not one.optional for one in heading.elements))).alias("elements.wanted"),
            pl.sum_horizontal((value != "").cast(pl.Int32)
                              for value, one in zip(values, heading.elements, strict=True)
                              if not one.optional).cast(pl.String).alias("elements.given"),
            named([one.name_zh for one in heading.elements], "、").alias("elements.missing_zh"),
            named([one.name_en for one in heading.elements], ", ").alias("elements.missing_en"),
            first([values[at] for at, _, _ in odd]).alias("elements.odd"),
            first([pl.lit(one.name_zh) for _, one, _ in odd]).alias("elements.odd_zh"),
            first([pl.lit(one.name_en) for _, one, _ in odd]).alias("elements.odd_en"),
            first([pl.lit(" ".join(text for text in one.allowed if len(text) == 1))
                   for _, one, _ in odd]).alias("elements.odd_expected"),
            pl.when(unbranded & ~brand.str.to_lowercase().is_in(_NO_BRAND))
            .then(brand).alias("elements.brand"),
        )
        .select(*goods.columns, *(name for name in COLUMNS if name != "elements.key"))
        .cast(COLUMNS)  # type: ignore[arg-type]
    )  # fmt: skip
