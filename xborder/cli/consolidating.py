"""``xborder consolidate``: the month's cleared lists merged in rehearsal, named to customs, shown."""

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from xborder import clock
from xborder.cli import terminal
from xborder.cli.language import either
from xborder.cli.running import HomeOption, exporter_of, opened

if TYPE_CHECKING:
    from xborder.registry.home import Home

consolidate_app = typer.Typer(
    help="汇总申报 consolidated declarations: preview | apply | show", no_args_is_help=True
)

MonthOption = Annotated[
    str | None, typer.Option("--month", help="YYYY-MM in which lists were cleared (default: last)")
]
ExporterOption = Annotated[
    str | None, typer.Option("--exporter", help="the exporter's id (default: all)")
]
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(consolidate_app, name="consolidate")


def _month(text: str | None) -> date:
    """The first day of the month that is meant; exit 2 for what is none."""
    from xborder.registry.consolidations import previous_month

    if text is None:
        return previous_month(clock.today())
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        terminal.fail(f"{text}: {either('月份格式应为', 'write the month as')} YYYY-MM")
        raise


def _exporters(place: "Home", exporter: str | None, month: date) -> list[str]:
    from xborder.manifests.consolidation import overview
    from xborder.registry.database import reading

    if exporter is not None:
        return [exporter_of(place, exporter).id]
    with reading(place.engine) as c:
        return overview.exporters(c, month)


def _print_json(told: Any) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=terminal.plain))


@consolidate_app.command("preview")
def preview(
    month: MonthOption = None,
    exporter: ExporterOption = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Rehearse the merge 预演: what is due, what it makes, what is left out; a workbook each."""
    from xborder.manifests.consolidation import overview

    place = opened(home, profiles=True)
    of = _month(month)
    told = [
        overview.told_preview(*overview.make_preview(place, one, of))
        for one in _exporters(place, exporter, of)
    ]
    if as_json:
        _print_json(told)
        return
    if not told:
        terminal.out.print(f"{of:%Y-%m}: {either('没有清单', 'no lists were issued or answered')}")
    for one in told:
        _show_preview(place, one)


def _show_preview(place: "Home", one: dict[str, Any]) -> None:
    from xborder.manifests.consolidation.eligible import REASONS

    about = f"{either('汇总申报预演', 'Rehearsal')} {one['exporter']} {one['month']}"
    made = terminal.table(
        f"{about} · {either('期限', 'due')} {one['due']}",
        either("#报关单", "#no."),
        either("收发货人", "consignor"),
        either("生产销售单位", "producer"),
        either("运抵国", "to"),
        either("运输", "by"),
        either("出境", "leaves"),
        either("#商品项", "#lines"),
        either("#清单", "#lists"),
        either("总价", "total"),
    )
    terminal.rows(
        made,
        (
            (
                row["declaration"],
                row["ebcName"],
                row["ownerName"],
                row["country"],
                row["trafMode"],
                row["portCode"],
                row["lines"],
                row["lists"],
                "; ".join(f"{total['total']} {total['currency']}" for total in row["totals"]),
            )
            for row in one["declarations"]
        ),
    )
    terminal.out.print(made)
    for code, count in one["not_eligible"].items():
        terminal.out.print(
            Text(
                f"  {count} {either('份清单不汇总：', 'lists left out: ')}{either(*REASONS[code])}",
                style="yellow",
            )
        )
    for notice in one["notices"]:
        said = either(notice["message_zh"], notice["message_en"])
        terminal.out.print(Text(f"  {said}", style="yellow"))
    where = place.store.path(*one["files"][-1].split("/"))
    shown = terminal.relative(where.path) if place.store.local else str(where)
    terminal.out.print(Text(f"→ {shown}"))
    terminal.out.print(
        either("这是预演：由海关归并。提交汇总申请：", "a rehearsal: customs merges. Apply: ")
        + "xborder consolidate apply"
    )


@consolidate_app.command("apply")
def apply(
    month: MonthOption = None,
    exporter: ExporterOption = None,
    with_held: Annotated[
        bool, typer.Option("--with-held", help="also lists whose fees cannot be summed (R22)")
    ] = False,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Name the eligible lists to customs 汇总申请 (CEB701). Run again it takes what came since."""
    from xborder.manifests.consolidation import application, overview

    place = opened(home, profiles=True)
    of = _month(month)
    if of >= clock.today().replace(day=1):
        terminal.fail(f"{of:%Y-%m}: {either('该月尚未结束', 'the month is not over yet')}")
    rows, held = [], 0
    for one in _exporters(place, exporter, of):
        done = application.apply(place, one, of, with_held=with_held)
        rows += [overview.told_application(row) for row in done.rows]
        held += done.held
    if as_json:
        _print_json({"applications": rows, "held_lists": held})
        return
    if rows:
        made = _applications(either("#报文", "#messages"), "→")
        terminal.rows(made, (tuple(row.values()) for row in rows))
        terminal.out.print(made)
    else:
        terminal.out.print(f"{of:%Y-%m}: {either('没有可汇总的清单', 'nothing to apply for')}")
    if held:
        terminal.out.print(
            Text(
                f"{held} "
                + either(
                    "份清单的运保费不能相加，未申请：",
                    "lists left out, their fees cannot be summed: ",
                )
                + "--with-held",
                style="yellow",
            )
        )


@consolidate_app.command("show")
def show(
    month: Annotated[str | None, typer.Option("--month", help="YYYY-MM (default: all)")] = None,
    exporter: ExporterOption = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Show applications, the declarations that customs made of them, and what differs."""
    from xborder.manifests.consolidation import overview
    from xborder.registry.database import reading

    place = opened(home)
    of = None if month is None else _month(month)
    with reading(place.engine) as c:
        told = overview.shown(c, place, of, exporter)
    if as_json:
        _print_json(told)
        return
    made = _applications(
        either("状态", "state"),
        either("#报关单", "#declarations"),
        either("#差异", "#differences"),
    )
    terminal.rows(
        made,
        (
            (
                one["cop_no"],
                one["exporter"],
                one["month"],
                one["lists"],
                either(*overview.STATES[one["state"]]),
                len(one["declarations"]),
                len(one["differences"]),
            )
            for one in told
        ),
    )
    terminal.out.print(made)
    for one in told:
        _show_declarations(one)


def _applications(*more: str) -> Table:
    """An empty table of applications, with further heads."""
    return terminal.table(
        either("汇总申请", "Applications"),
        "copNo",
        either("企业", "exporter"),
        either("月份", "month"),
        either("#清单", "#lists"),
        *more,
    )


def _show_declarations(one: dict[str, Any]) -> None:
    if one["declarations"]:
        made = terminal.table(
            f"{either('报关单', 'Declarations')} {one['cop_no']}",
            either("汇总统一编号", "no."),
            either("报关单号", "entry"),
            either("状态", "state"),
            either("#商品项", "#lines"),
            either("#清单商品项", "#items"),
            either("#清单", "#lists"),
        )
        terminal.rows(
            made,
            (
                (
                    row["decl_seq_no"],
                    row["entry_id"],
                    row["decl_state"],
                    row["lines"],
                    row["items"],
                    row["lists"],
                )
                for row in one["declarations"]
            ),
        )
        terminal.out.print(made)
    for found in one["differences"][:20]:
        said = either(found["message_zh"], found["message_en"])
        terminal.out.print(Text(f"  {found['code']}: {said}", style="yellow"))
    if len(one["differences"]) > 20:
        terminal.out.print(f"  … {len(one['differences']) - 20} (--json)")
