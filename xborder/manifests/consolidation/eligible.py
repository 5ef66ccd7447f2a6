"""Which lists of a month can be consolidated, and why the others cannot (R13).

What a list says comes from the checked content in the lake, what became of it from the
registry. Every list of the month is in exactly one of the two: eligible, or with its reason.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl
from sqlalchemy import Connection

from xborder.manifests.consolidation.merging import EXACT
from xborder.manifests.content import Checked
from xborder.registry import consolidations
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter
from xborder.settings import Settings

REASONS = {
    "CANCELLED": ("已撤销或正在撤销", "cancelled, or its cancellation is on the way"),
    "RETURNED": ("已全部退货", "returned in whole"),
    "NOT_CLEARED": ("尚未结关", "not cleared"),
    "OTHER_MONTH": (
        "在其他月份结关，请按该月汇总",
        "cleared in another month: consolidate that one",
    ),
    "FLAG_A": ("简化申报，计入汇总统计", "flag A: counted in the statistics"),
    "MODE": ("该监管方式不汇总", "this trade mode is not consolidated"),
    "NO_NUMBER": ("没有海关清单编号", "customs' number of the list is not known"),
    "APPLIED": ("已在汇总申请中", "in an application already"),
}
"""Why a list is not eligible, in the order in which reasons count: zh and en."""

HEADS = (
    "ebcCode", "ebcName", "agentCode", "agentName", "ownerCode", "ownerName", "customsCode",
    "portCode", "tradeMode", "trafMode", "statisticsFlag", "country", "loctNo", "iacCode",
    "iacName", "emsNo", "orderNo", "logisticsNo", "freight", "fCurrency", "fFlag", "insuredFee",
    "iCurrency", "iFlag", "packNo", "grossWeight", "netWeight", "dxpId",
)  # fmt: skip

ITEMS = (
    "list_id", "gnum", "itemNo", "itemName", "gcode", "gname", "gmodel", "country", "currency",
    "qty", "qty1", "qty2", "unit", "unit1", "unit2", "price", "totalPrice",
)  # fmt: skip

EXCLUDED = (
    "list_id", "copNo", "orderNo", "invtNo", "status", "cleared_on", "application", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class OfMonth:
    """The lists of an exporter that belong to a month.

    ``heads``: those that are eligible, by invtNo, with all that ``merging.merge`` asks for;
    ``items`` their goods lines. ``excluded``: list_id, copNo, orderNo, invtNo, status,
    cleared_on (YYYY-MM-DD, Asia/Shanghai), application, reason. ``flag_a``: the goods lines of
    cleared lists with flag A, with list_id, tradeMode and cleared_on.
    """

    heads: pl.DataFrame
    items: pl.DataFrame
    excluded: pl.DataFrame
    flag_a: pl.DataFrame


def of_month(
    c: Connection, store: Store, settings: Settings, exporter: str, profile: Exporter | None,
    month: date,
) -> OfMonth:  # fmt: skip
    """The lists of a month; ``profile`` says who declares and whether names are looked at.

    Without a profile the agent declares and names do not count. Raises ContentError when the
    lake lacks an issued list.
    """
    filed = consolidations.of_month(c, exporter, month)
    checked = Checked(store)
    heads = _named(filed.hstack(_told(checked, filed, "heads", HEADS)), profile, settings)
    asked = heads.filter("returned")["list_id"]
    back = _wholly_returned(c, checked, filed.filter(pl.col("list_id").is_in(asked.implode())))
    heads = heads.with_columns(reason=_reason(month, settings, back))
    fits = heads.filter(pl.col("reason").is_null()).sort("invtNo", "list_id")
    flag_a = heads.filter(pl.col("reason") == "FLAG_A")
    wanted = pl.concat([fits["list_id"], flag_a["list_id"]])
    listed = filed.filter(pl.col("list_id").is_in(wanted.implode()))
    items = _told(checked, listed, "items", ITEMS).with_columns(pl.col("gnum").cast(pl.UInt16))
    return OfMonth(
        fits.drop("reason"),
        items.join(fits.select("list_id"), on="list_id", how="semi", maintain_order="left"),
        heads.filter(pl.col("reason").is_not_null()).select(*EXCLUDED).sort("reason", "copNo"),
        items.join(
            flag_a.select("list_id", "tradeMode", "cleared_on"),
            on="list_id",
            maintain_order="left",
        ),
    )


def _told(
    checked: Checked, listed: pl.DataFrame, what: str, columns: tuple[str, ...]
) -> pl.DataFrame:
    """Columns of checked content as text, in the order of the lists; absent ones are null."""
    types = {one: pl.Int64 if one == "list_id" else pl.String for one in columns}
    if listed.is_empty():
        return pl.DataFrame(schema=types)
    content = checked.of(listed, what)
    return content.select(
        pl.col(one).cast(type_) if one in content.columns else pl.lit(None, type_).alias(one)
        for one, type_ in types.items()
    )


def _named(heads: pl.DataFrame, profile: Exporter | None, settings: Settings) -> pl.DataFrame:
    """Heads with who declares for their shop, whether names count there, and customs' words."""
    shops = pl.DataFrame(
        [
            {
                "shop": one.id,
                "declAgentCode": one.decl_agent_code or None,
                "declAgentName": one.decl_agent_name or None,
                "itemNameFlag": "1" if one.consolidate_by_name else None,
            }
            for one in (profile.shops if profile else ())
        ],
        schema=dict.fromkeys(("shop", "declAgentCode", "declAgentName", "itemNameFlag"), pl.String),
    )
    at = pl.col("cleared_at").str.to_datetime(time_zone="UTC", strict=False)
    return heads.join(shops, on="shop", how="left", maintain_order="left").with_columns(
        pl.coalesce("declAgentCode", "agentCode"),
        pl.coalesce("declAgentName", "agentName"),
        pl.col("itemNameFlag").fill_null(settings.item_name_flag_off),
        invtNo=pl.col("invt_no"),
        copNo=pl.col("cop_no"),
        cleared_on=at.dt.convert_time_zone("Asia/Shanghai").dt.strftime("%Y-%m-%d"),
    )


def _reason(month: date, settings: Settings, back: pl.Series) -> pl.Expr:
    """The first reason that holds, in the order of ``REASONS``; null for an eligible list."""
    holds = {
        "CANCELLED": pl.col("cancelled"),
        "RETURNED": pl.col("list_id").is_in(back.implode()),
        "NOT_CLEARED": (pl.col("status") != consolidations.CLEARED).fill_null(value=True),
        "OTHER_MONTH": ~pl.col("cleared_on").str.starts_with(f"{month:%Y-%m}-"),
        "FLAG_A": pl.col("statisticsFlag") != "B",
        "MODE": ~pl.col("tradeMode").is_in(settings.consolidated_modes),
        "NO_NUMBER": pl.col("invt_no").fill_null("") == "",
        "APPLIED": pl.col("application").is_not_null(),
    }
    return pl.coalesce(
        *(pl.when(holds[one].fill_null(value=False)).then(pl.lit(one)) for one in REASONS)
    )


def _wholly_returned(c: Connection, checked: Checked, asked: pl.DataFrame) -> pl.Series:
    """Which of some lists come back with all their goods, by returns that are not refused."""
    if asked.is_empty():
        return pl.Series("list_id", [], pl.Int64)
    back = consolidations.returned(c, asked["list_id"]).with_columns(
        pl.col("gnum").cast(pl.String), pl.col("qty").cast(EXACT)
    )
    summed = back.group_by("list_id", "gnum").agg(pl.col("qty").sum().alias("back"))
    goods = _told(checked, asked, "items", ("list_id", "gnum", "qty"))
    left = goods.join(summed, on=["list_id", "gnum"], how="left").filter(
        pl.col("back").is_null() | (pl.col("back") < pl.col("qty").cast(EXACT))
    )
    return asked.join(left, on="list_id", how="anti")["list_id"]
