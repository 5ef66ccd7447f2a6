"""What a run did, in the terminal: uploads by state, findings by cause, manifests, stock."""

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.table import Table
from rich.text import Text

from xborder import clock, findings
from xborder.cli import terminal
from xborder.cli.language import either, language
from xborder.registry import answers, fixes, queries
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.registry.uploads import ROW_STATES
from xborder.stock import book
from xborder.stock.report import StockReport

if TYPE_CHECKING:
    from xborder.registry.customs_states import Rules

MOST_AGAIN = 10
"""Files that came again which are named."""

STATES = ("rows", *ROW_STATES)
STATES_ZH = ("行", "待截单", "已申报", "暂存", "不计", "重复")


def last_delivery(home: Home) -> int:
    """The number of the last delivery of a file, before a run that may take more in."""
    with reading(home.engine) as connection:
        return fixes.last_delivery(connection)


def show(home: Home, day: date, before: int) -> None:
    """Print the day's uploads with their counts, what came again after the delivery ``before``,
    open findings, manifests and stock."""
    from xborder.manifests import cutoff

    with reading(home.engine) as connection:
        uploads = queries.uploads(connection, day=day)
        receipts = [queries.receipt(connection, row.id) for row in uploads]
        manifests = queries.manifests(connection, day)
        again = queries.received_again(connection, before)
    zh = language() == "zh"
    _uploads(uploads, receipts, zh)
    _again(again)
    _findings(home, [row.id for row in uploads])
    show_manifests(manifests, zh)
    with reading(home.engine) as connection:
        _waiting(cutoff.waiting(connection, home.exporters), zh)
        report = book.build(connection, home.store, day, home.exporter_names)
    show_stock(report, zh)
    _places(home, zh)


def _waiting(lists: dict[str, int], zh: bool) -> None:
    """Say which exporters' lists were not issued, because their profile cannot be used."""
    for exporter, count in lists.items():
        said = (
            f"{exporter}：企业档案缺失或有误，{count} 份清单等待"
            if zh
            else f"{exporter}: profile missing or with errors, {count} lists wait"
        )
        terminal.out.print(Text(said, style="yellow"))


def _uploads(uploads: list[queries.UploadRow], receipts: list[dict[str, object]], zh: bool) -> None:
    heads = STATES_ZH if zh else STATES
    made = terminal.table(
        either("收到的文件", "Uploads"),
        *(("文件", "格式") if zh else ("file", "layout")),
        *(f"#{head}" for head in heads),
    )
    group = None
    for row, receipt in zip(uploads, receipts, strict=True):
        if group != (row.exporter, row.shop):
            group = (row.exporter, row.shop)
            made.add_section()
            made.add_row(Text("/".join(group), style="bold cyan"))
        layout = f"✗ {row.code}" if row.code else row.layout
        if receipt["patch_of"]:
            layout = f"{layout} · {_patch(receipt['patch_of'], zh)}"
        counts = [receipt[state] or "·" for state in STATES]
        terminal.rows(made, [(f"  {row.file_name}", layout, *counts)])
    totals = [sum(int(str(receipt[state])) for receipt in receipts) for state in STATES]
    made.add_section()
    terminal.rows(made, [("Σ", "", *totals)])
    terminal.out.print(made)


def _again(deliveries: list[dict[str, Any]]) -> None:
    """Say which files were known already, with the upload that took them in."""
    for row in deliveries[:MOST_AGAIN]:
        said = terminal.received_before(row["upload_id"])
        terminal.out.print(Text(f"{row['exporter']}/{row['shop']} {row['file_name']}: {said}"))
    if len(deliveries) > MOST_AGAIN:
        more = len(deliveries) - MOST_AGAIN
        terminal.out.print(either(f"… 另有 {more} 个文件", f"… and {more} more files"))


def _patch(of: Any, zh: bool) -> str:
    number, changed, unchanged = of["upload_id"], of["changed"], of["unchanged"]
    if zh:
        return f"上传 {number} 的改正件：{changed} 行改动，{unchanged} 行未动"
    return f"patch of upload {number}: {changed} rows changed, {unchanged} unchanged"


def _findings(home: Home, uploads: list[int]) -> None:
    lang = language()
    told = answers.answer(home.engine, home.store, uploads, most=1)
    if told.found.height:
        counts = dict(told.totals.select("code", "cells").iter_rows())
        terminal.causes(told.found.drop("upload_id"), counts)
    if (told.totals["severity"] == "error").any():
        terminal.out.print(
            "按原因一次更正，放行暂存的订单：xborder fix"
            if lang == "zh"
            else "one answer for all orders of a cause: xborder fix",
            style="yellow",
        )
    unverified = told.totals.filter(pl.col("code").str.ends_with("_UNVERIFIED"))
    asking = int(unverified.get_column("cells").sum())
    if asking:
        terminal.out.print(
            f"{asking} 条警告等待运营方核对后决定：xborder facts"
            if lang == "zh"
            else f"{asking} warnings wait for the operator's decision: xborder facts",
            style="yellow",
        )


def show_manifests(manifests: list[dict[str, Any]], zh: bool, rules: "Rules | None" = None) -> None:
    """Print manifests, one a row; with ``rules`` how far they are at customs too."""
    heads = (
        ("编号", "类型", "#清单", "申报 → 离境", "方式", "海关状态")
        if zh
        else ("number", "kind", "#lists", "from → by", "mode", "at customs")
    )
    made = terminal.table(either("清单批次", "Manifests"), *(heads if rules else heads[:-1]))
    group = None
    for row in manifests:
        if group != (group := row["exporter"]):
            _begin(made, group)
        key = row["batch"]["key"]
        route = f"{key['customsCode']} → {key['portCode']}"
        mode = f"{key['tradeMode']} {key['statisticsFlag']}"
        kind = findings.named("manifest_sort", row["kind"], language())
        values = [f"  {row['number']}", kind, row["lists"], route, mode]
        if rules:
            values.append(_counted(row["customs"], rules, zh))
        terminal.rows(made, [values])
    terminal.out.print(made)


def _begin(made: Table, group: str) -> None:
    """Begin a group of rows with its name."""
    made.add_section()
    made.add_row(Text(group, style="bold cyan"))


def _counted(customs: dict[str, int], rules: "Rules", zh: bool) -> str:
    """The states of a manifest's lists, each with its count where there are several."""
    told = [(rules.words[state][not zh], number) for state, number in customs.items()]
    if len(told) == 1:
        return told[0][0]
    return ", ".join(f"{word} {number}" for word, number in told)


def show_lists(
    manifest: dict[str, Any], customs: dict[str, int], lists: list[dict[str, Any]],
    rules: "Rules", zh: bool,
) -> None:  # fmt: skip
    """Print the lists of a manifest with their states."""
    heads = (
        ("copNo", "订单号", "海关状态", "回执时间", "清单编号", "其他代码")
        if zh
        else ("copNo", "order", "at customs", "answered", "invtNo", "other codes")
    )
    title = f"{manifest['number']} {manifest['exporter']}: {_counted(customs, rules, zh)}"
    made = terminal.table(title, *heads)
    for one in lists:
        at = one["status_at"]
        when = at.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if at else ""
        word = rules.words[one["state"]][not zh]
        state = f"{word} ({one['status']})" if one["status"] else word
        cells = (one["cop_no"], one["order_no"], state, when, one["invt_no"], one["also"])
        terminal.rows(made, [cells])
    terminal.out.print(made)


_STOCK_NUMBERS = ("#opening", "#received", "#sold", "#other", "#closing")


def show_stock(report: StockReport, zh: bool) -> None:
    """Print the stock of a report and how many exceptions it has, by code."""
    shown = report.stock
    heads = (
        ("货号", "状态", "#期初", "#入库", "#售出", "#其他", "#结存")
        if zh
        else ("SKU", "disposition", *_STOCK_NUMBERS)
    )
    made = terminal.table(either("海外仓库存", "Overseas stock"), *heads)
    rest = pl.col("closing") - pl.col("opening") - pl.col("received") + pl.col("sold")
    columns = ["exporter", "warehouse", "sku", "disposition", "opening", "received", "sold"]
    group = None
    for exporter, warehouse, sku, disposition, *numbers in shown.select(
        *columns, rest.alias("other"), "closing"
    ).iter_rows():
        if group != (group := f"{exporter}  {warehouse}"):
            _begin(made, group)
        named = findings.named("disposition", disposition, language())
        terminal.rows(made, [(f"  {sku}", named, *map(terminal.plain, numbers))])
    terminal.out.print(made)
    if report.exceptions.height:
        codes = report.exceptions.group_by("code").len().sort("code")
        said = ", ".join(f"{code} {number}" for code, number in codes.rows())
        terminal.out.print(f"{'差异与例外' if zh else 'differences and exceptions'}: {said}")


def _places(home: Home, zh: bool) -> None:
    settings = home.settings
    made = terminal.table(either("在哪里", "Where it lies"), "", "")
    own = terminal.relative(settings.home / "registry.db")
    registry = "registry_url (xborder.toml)" if settings.registry_url else own
    root = settings.store_url.rstrip("/") or terminal.relative(settings.home)
    terminal.rows(
        made,
        [
            (either("批次", "manifests"), f"{root}/manifests"),
            (either("报告", "reports"), f"{root}/reports"),
            (either("数据湖", "lake"), f"{root}/lake"),
            (either("登记库", "registry"), registry),
        ],
    )  # fmt: skip
    terminal.out.print(made)
    follow = "浏览：xborder up --home" if zh else "browse it: xborder up --home"
    terminal.out.print(f"{follow} {terminal.relative(settings.home)}")
