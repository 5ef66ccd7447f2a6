"""The rehearsal of the merge (归并预演): lists → declarations → lines, as R15 to R19 say.

All sums are exact decimals. Nothing depends on the order in which lists come, and two
exporters' lists never meet.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

import polars as pl

HEAD_KEY = (
    "exporter", "ebcCode", "trafMode", "ownerCode", "country", "portCode", "tradeMode",
    "customsCode", "loctNo", "agentCode", "declAgentCode", "iacCode", "emsNo", "itemNameFlag",
)  # fmt: skip
"""What the lists of one declaration share (R15; from tradeMode on by design)."""

LINE_KEY = ("country", "gcode", "currency", "unit", "unit1", "unit2", "name")
"""What the goods lines merged into one line share (R16; units by design). ``name`` is the item
name where the application asks for it (itemNameFlag 1), and empty elsewhere."""

NAMES = ("ebcName", "ownerName", "agentName", "declAgentName", "iacName")
"""Names of a declaration's codes: those of its first list."""

SUMS = ("qty", "qty1", "qty2", "totalPrice")
WEIGHTS = ("grossWeight", "netWeight")

EXACT = pl.Decimal(38, 5)
TOTAL_FEE = "3"
"""fFlag, iFlag: the fee is a total."""

_CENT = Decimal("0.00001")
_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)
_ITEM = ["list_id", "gnum"]


@dataclass(frozen=True)
class Merged:
    """A rehearsal. Weights are kg, all amounts and quantities ``Decimal(38, 5)``.

    ``declarations``: declaration (from 1), ``HEAD_KEY``, ``NAMES``, lines, items, lists (with an
    item in it), own_lists, packNo, grossWeight, netWeight, freight, fCurrency, insuredFee,
    iCurrency, held. A list whose lines come to stand in several declarations counts with its
    weights, packages and fees (``own_lists``) in the one that has its first line, so that
    these too add up. ``held``: fees that may not be summed (R22); they are null then.
    ``lines``: declaration, line (from 1), ``LINE_KEY``, gname, gmodel (of the first item),
    gnames (how many different ones), items, ``SUMS``, price (total ÷ quantity, five decimals).
    ``items``: list_id, invtNo, gnum, gcode, declaration, line; each goods line of a list once.
    """

    declarations: pl.DataFrame
    lines: pl.DataFrame
    items: pl.DataFrame


def merge(
    heads: pl.DataFrame, items: pl.DataFrame, most_lines: int = 50, summary_flag: str = "2"
) -> Merged:
    """Merge lists (heads with invtNo and ``itemNameFlag``; items by ``list_id``).

    ``most_lines``: lines a declaration holds (R19). ``summary_flag`` 1 merges whatever the
    producer (R17). Values are text as CEB603 has them; an absent one counts as the empty text.
    """
    key = [one for one in HEAD_KEY if one != "ownerCode" or summary_flag == "2"]
    heads = heads.sort("invtNo", "list_id").with_columns(pl.col(key).fill_null(""))
    groups = heads.select(key).unique().sort(key).with_row_index("group")
    heads = heads.join(groups, on=key, maintain_order="left")
    goods = _goods(heads, items)
    lines = _lines(goods, most_lines)
    placed = goods.join(lines.select("group", *LINE_KEY, "declaration", "line"),
                        on=["group", *LINE_KEY], maintain_order="left")  # fmt: skip
    return Merged(
        _declarations(heads, placed, lines, summary_flag),
        lines.drop("group"),
        placed.select("list_id", "invtNo", "gnum", "gcode", "declaration", "line").sort(
            "declaration", "line", "invtNo", "gnum"
        ),
    )


def _goods(heads: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Goods lines with the group of their list, in order of list and line."""
    texts = [one for one in LINE_KEY if one != "name"]
    named = pl.when(pl.col("itemNameFlag") == "1").then(pl.col("itemName"))
    return (
        heads.select("list_id", "invtNo", "group", "itemNameFlag")
        .join(items, on="list_id", maintain_order="left")
        .with_columns(
            pl.col(texts).fill_null(""),
            named.fill_null("").alias("name"),
            *(pl.col(one).cast(EXACT) for one in SUMS),
        )
        .sort("invtNo", "list_id", "gnum")
    )


def _lines(goods: pl.DataFrame, most: int) -> pl.DataFrame:
    summed = goods.group_by("group", *LINE_KEY, maintain_order=True).agg(
        pl.col("gname").first(),
        pl.col("gmodel").first(),
        pl.col("gname").n_unique().alias("gnames"),
        pl.len().alias("items"),
        *(pl.col(one).sum() for one in SUMS),
    )
    summed = summed.sort("group", *LINE_KEY).with_columns(
        pl.int_range(pl.len()).over("group").alias("at"),
        qty2=pl.when(pl.col("unit2") != "").then(pl.col("qty2")),
    )
    parts = summed.select("group", part=pl.col("at") // most)
    numbers = parts.unique(maintain_order=True).with_row_index("declaration", offset=1)
    placed = parts.join(numbers, on=["group", "part"], maintain_order="left")
    return summed.select(
        "group",
        placed["declaration"].cast(pl.Int64),
        (pl.col("at") % most + 1).alias("line"),
        *LINE_KEY,
        *("gname", "gmodel", "gnames", "items"),
        *SUMS,
        price=_prices(summed),
    )


def _prices(lines: pl.DataFrame) -> pl.Series:
    """total ÷ quantity, never a mean of prices (R18)."""
    both = zip(lines["totalPrice"], lines["qty"], strict=True)
    told = [_WIDE.divide(total, qty).quantize(_CENT, context=_WIDE) if qty else None
            for total, qty in both]  # fmt: skip
    return pl.Series("price", told, dtype=EXACT)


def _declarations(
    heads: pl.DataFrame, placed: pl.DataFrame, lines: pl.DataFrame, summary_flag: str
) -> pl.DataFrame:
    first = placed.sort("list_id", "gnum").group_by("list_id").agg(pl.col("declaration").first())
    owned = heads.join(first, on="list_id", maintain_order="left").with_columns(
        pl.col("packNo").cast(pl.Int64), *(pl.col(one).cast(EXACT) for one in WEIGHTS)
    )
    fees = [_fees(owned, *one) for one in (("freight", "fCurrency", "fFlag"),
                                           ("insuredFee", "iCurrency", "iFlag"))]  # fmt: skip
    held = pl.concat([one.filter("held").select("group") for one in fees]).unique()["group"]
    own = owned.group_by("declaration").agg(
        pl.len().alias("own_lists"), pl.col("packNo", *WEIGHTS).sum()
    )
    shared = heads.unique("group", keep="first", maintain_order=True).select(
        "group", *HEAD_KEY, *(one for one in NAMES if one in heads.columns)
    )
    if summary_flag != "2":
        # Of several producers none stands on the declaration.
        shared = shared.with_columns(ownerCode=pl.lit(""), ownerName=pl.lit(""))
    table = (
        lines.group_by("group", "declaration").agg(pl.len().alias("lines"))
        .join(shared, on="group")
        .join(placed.group_by("declaration").agg(
            pl.len().alias("items"), pl.col("list_id").n_unique().alias("lists")),
            on="declaration")
        .join(own, on="declaration", how="left")
    )  # fmt: skip
    for one in fees:
        table = table.join(one.drop("held"), on=["group", "declaration"], how="left")
    zero = pl.lit(Decimal(0), EXACT)
    free = ~pl.col("group").is_in(held.implode())
    return table.sort("declaration").select(
        "declaration",
        *HEAD_KEY,
        *(one for one in NAMES if one in heads.columns),
        *("lines", "items", "lists"),
        pl.col("own_lists").fill_null(0),
        pl.col("packNo").fill_null(0),
        *(pl.col(one).fill_null(zero) for one in WEIGHTS),
        *(
            told
            for fee, money in (("freight", "fCurrency"), ("insuredFee", "iCurrency"))
            for told in (
                pl.when(free).then(pl.col(fee).fill_null(zero)),
                pl.when(free).then(pl.col(money)),
            )
        ),
        held=~free,
    )


def _fees(owned: pl.DataFrame, fee: str, money: str, flag: str) -> pl.DataFrame:
    """A fee by group and declaration, and whether the group's may not be summed (R22).

    Fees of nothing do not count, whatever their flag and currency.
    """
    paid = owned.select("group", "declaration", pl.col(fee).cast(EXACT), money, flag).filter(
        pl.col(fee) != 0
    )
    fits = (pl.col(money).n_unique().over("group") == 1) & (pl.col(flag) == TOTAL_FEE).all().over(
        "group"
    )
    return (
        paid.with_columns(held=~fits)
        .group_by("group", "declaration")
        .agg(pl.col(fee).sum(), pl.col(money).first(), pl.col("held").any())
    )


def faults(heads: pl.DataFrame, items: pl.DataFrame, merged: Merged) -> list[str]:
    """What of a rehearsal does not hold; empty when all does (R21)."""
    return item_faults(heads, items, merged) + sum_faults(heads, items, merged)


def item_faults(heads: pl.DataFrame, items: pl.DataFrame, merged: Merged) -> list[str]:
    """Goods lines of lists that stand in no declaration line, or in several."""
    wrong = []
    goods = items.join(heads.select("list_id"), on="list_id", how="semi")
    told = merged.items.select(_ITEM)
    if told.is_duplicated().any():
        wrong.append("a goods line stands in several declaration lines")
    lost = goods.select(_ITEM).join(told, on=_ITEM, how="anti").height
    if lost or told.height != goods.height:
        wrong.append(f"{lost} goods lines stand in no declaration line")
    return wrong


def sum_faults(heads: pl.DataFrame, items: pl.DataFrame, merged: Merged) -> list[str]:
    """Sums of lines and declarations that are not those of their goods lines and lists,
    recomputed from these and from where they were put."""
    wrong = []
    place = ["declaration", "line"]
    again = (
        merged.items.join(items.select(*_ITEM, *SUMS), on=_ITEM)
        .group_by(place)
        .agg(*(pl.col(one).cast(EXACT).sum() for one in SUMS))
    )
    both = merged.lines.select(*place, *SUMS).join(again, on=place, how="full", suffix="_again")
    for one in SUMS:
        was, now = pl.col(one).fill_null(0), pl.col(f"{one}_again").fill_null(0)
        differing = both.filter(was != now).height
        if differing:
            wrong.append(f"{one} of {differing} lines is not the sum of its items")
    for one in WEIGHTS:
        if merged.declarations[one].sum() != heads[one].cast(EXACT).sum():
            wrong.append(f"{one} of the declarations is not the sum of the lists'")
    if merged.declarations["packNo"].sum() != heads["packNo"].cast(pl.Int64).sum():
        wrong.append("packNo of the declarations is not the sum of the lists'")
    return wrong
