"""``xborder postal``: the buyers' names and addresses of orders, masked, or for the logistics firm."""

import getpass
import io
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from xborder.cli import terminal
from xborder.cli.checking import new_workbook
from xborder.cli.language import either, told
from xborder.cli.running import HomeOption, opened, parse_day
from xborder.findings import Both

if TYPE_CHECKING:
    from xborder.registry.home import Home
    from xborder.registry.postal import OrderKey

postal_app = typer.Typer(
    help="收件人资料 postal data of exporters whose profile keeps them", no_args_is_help=True
)

HEADS = {
    "manifest": Both("清单批次", "Manifest"),
    "cop_no": Both("清单编号", "copNo"),
    "order_no": Both("订单编号", "Order no"),
    "logistics_no": Both("运单号", "Waybill"),
    "name": Both("收件人", "Name"),
    "surname": Both("姓", "Surname"),
    "company": Both("公司", "Company"),
    "phone": Both("电话", "Phone"),
    "email": Both("电子邮箱", "E-mail"),
    "address1": Both("地址1", "Address 1"),
    "address2": Both("地址2", "Address 2"),
    "address3": Both("地址3", "Address 3"),
    "district": Both("区", "District"),
    "city": Both("城市", "City"),
    "province": Both("州/省", "State"),
    "postcode": Both("邮编", "Postcode"),
    "country": Both("国家（地区）", "Country"),
}
MOST_SHOWN = 200

Manifest = Annotated[str | None, typer.Option(help="orders of this manifest")]
Day = Annotated[str | None, typer.Option("--date", help="orders issued on this day")]
Order = Annotated[str | None, typer.Option(help="the order of this number")]
For = Annotated[str | None, typer.Option("--exporter", help="of this exporter only")]
By = Annotated[str | None, typer.Option(help="who asks (default: the login name)")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(postal_app, name="postal")


@postal_app.command("show")
def show(
    manifest: Manifest = None,
    date_: Day = None,
    order: Order = None,
    exporter: For = None,
    home: HomeOption = None,
) -> None:
    """Show postal data, masked 掩码显示."""
    from xborder.registry import postal

    place = opened(home)
    found = _records(place, manifest, parse_day(date_), order, exporter)
    used = _used(found)
    made = terminal.table(
        either("收件人资料（掩码）", "Postal data, masked"), *(told(HEADS[one]) for one in used)
    )
    terminal.rows(
        made,
        [
            [(row | postal.masked(said)).get(name, "") or "" for name in used]
            for row, said in found[:MOST_SHOWN]
        ],
    )
    terminal.out.print(made)
    if len(found) > MOST_SHOWN:
        terminal.out.print(f"+ {len(found) - MOST_SHOWN}")


@postal_app.command("export")
def export(
    to: Annotated[Path, typer.Option(help="workbook to write (.xlsx)")],
    manifest: Manifest = None,
    date_: Day = None,
    order: Order = None,
    exporter: For = None,
    by: By = None,
    home: HomeOption = None,
) -> None:
    """Write postal data to a workbook for the logistics firm 导出 (who and what is audited)."""
    from xborder.registry import audit
    from xborder.registry.database import transaction

    place = opened(home)
    new_workbook(to)
    day = parse_day(date_)
    found = _records(place, manifest, day, order, exporter)
    data = _workbook(found)
    told = {
        "by": by or getpass.getuser(),
        "orders": len(found),
        "exporter": exporter or "",
        "manifests": sorted({str(row["manifest"]) for row, _ in found if row["manifest"]}),
        "date": day.isoformat() if day else "",
        "order": order or "",
    }
    # Audited first: nothing leaves that the trail does not know.
    with transaction(place.engine) as connection:
        audit.append(connection, "postal data exported", "postal data", told)
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    terminal.out.print(
        f"{to}: {len(found)} "
        + either("单，未掩码，用后请删除", "orders in clear; delete it after use"),
        style="yellow",
    )


@postal_app.command("forget")
def forget(
    order: Annotated[str, typer.Argument(help="the order's number")],
    exporter: For = None,
    by: By = None,
    home: HomeOption = None,
) -> None:
    """Delete the postal data of an order 删除, before their time is over."""
    from xborder.registry import audit, postal
    from xborder.registry.database import transaction

    place = opened(home)
    keys = [_key(row) for row in _asked(place, None, None, order, exporter).to_dicts()]
    gone = postal.forget(place.settings, keys)
    if not gone:
        terminal.fail(f"{order}: {either('没有保存的收件人资料', 'no postal data are kept')}")
    told = {"by": by or getpass.getuser(), "order": order, "orders": gone}
    with transaction(place.engine) as connection:
        audit.append(connection, "postal data deleted", "postal data", told)
    terminal.out.print(f"{order}: {either('已删除', 'deleted')}", style="green")


def _asked(
    place: "Home", manifest: str | None, day: date | None, order: str | None, exporter: str | None
) -> pl.DataFrame:
    from xborder.registry import postal
    from xborder.registry.database import reading

    if manifest is None and day is None and order is None:
        terminal.fail(
            either("请指定 --manifest、--date 或 --order", "name --manifest, --date or --order")
        )
    with reading(place.engine) as connection:
        return postal.orders_of(
            connection, manifest=manifest, day=day, order_no=order, exporter=exporter
        )


def _key(row: dict[str, str]) -> "OrderKey":
    from xborder.registry.postal import OrderKey

    return OrderKey(row["exporter"], row["channel"], row["shop"], row["order_no"])


def _records(
    place: "Home", manifest: str | None, day: date | None, order: str | None, exporter: str | None
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """The orders asked for that have a record, each with it; exit 2 where none has."""
    from xborder.registry import originals, postal

    rows = {_key(row): row for row in _asked(place, manifest, day, order, exporter).to_dicts()}
    try:
        found = [(rows[key], said) for key, said in postal.get(place.settings, rows)]
    except (originals.KeyFileError, postal.SealError) as error:
        terminal.fail(error)
        raise
    if not found:
        terminal.fail(
            either(
                "没有保存的收件人资料；档案中写 [postal] keep = true 才保存",
                "no postal data are kept of these orders; a profile asks by [postal] keep = true",
            )
        )
    return found


def _used(found: list[tuple[dict[str, str], dict[str, str]]]) -> list[str]:
    return [name for name in HEADS if any((row | said).get(name) for row, said in found)]


def _workbook(found: list[tuple[dict[str, str], dict[str, str]]]) -> bytes:
    """All cells are text: no value runs as a formula, no postcode loses a zero."""
    import xlsxwriter

    used, target = _used(found), io.BytesIO()
    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, {"in_memory": True} | safe) as book:
        sheet = book.add_worksheet("收件人 Recipients")
        text = book.add_format({"num_format": "@", "quote_prefix": True})
        bold = book.add_format({"bold": True})
        for column, name in enumerate(used):
            sheet.write_string(0, column, HEADS[name], bold)
            sheet.set_column(column, column, 18)
        for number, (row, said) in enumerate(found, 1):
            for column, name in enumerate(used):
                sheet.write_string(number, column, str((row | said).get(name) or ""), text)
        sheet.freeze_panes(1, 0)
    return target.getvalue()
