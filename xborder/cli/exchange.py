"""Commands of what is filed with customs: ``depart``, ``cancel``, ``amend``, ``ignore``,
``resend``, ``return``."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from xborder import clock, findings
from xborder.cli import terminal
from xborder.cli.language import either, language, told
from xborder.cli.running import HomeOption, exporter_of, opened, tell_broken

if TYPE_CHECKING:
    from xborder.registry.home import Home

Words = Annotated[
    list[str], typer.Argument(help="numbers: manifest, copNo, invtNo, order or waybill")
]
SomeWords = Annotated[
    list[str] | None, typer.Argument(help="numbers: manifest, copNo, invtNo, order or waybill")
]
OfExporter = Annotated[str | None, typer.Option("--exporter", help="the exporter's id")]
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    for command in (depart, cancel, amend, ignore, resend):
        app.command()(command)
    app.command("return")(give_back)


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what cannot be filed, and why; exit 2."""
    from xborder.manifests.filing import RefusedError

    try:
        yield
    except RefusedError as error:
        terminal.fail(f"{told(error)}\n  {either(*error.fixes)}")
    except ValueError as error:
        terminal.fail(error)


def the_place(home: Path | None, exporter: str | None) -> "Home":
    """The home, its exporter known; broken profiles are told."""
    place = opened(home, profiles=True)
    if exporter is not None:
        exporter_of(place, exporter)
    tell_broken(place, *place.broken_profiles)
    return place


def print_json(told: Any) -> None:
    """Print what a program reads."""
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))


def _show(title: str, told: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """What was done, one row each, and how it leaves."""
    if as_json:
        print_json(told)
        return
    names = list(told[0]) if told else ["—"]
    heads = (findings.named("filed", name, language()) for name in names)
    made = terminal.table(title, *heads)
    terminal.out.print(terminal.rows(made, ([_text(one[name]) for name in names] for one in told)))


def _tell_next(place: "Home", filed: Sequence[Any], then: str = "") -> None:
    """How what was filed leaves: by ``send``, or by the client where no way is named."""
    ways = {place.exporters[one.exporter].sending.transport for one in filed}
    if ways == {"none"}:
        terminal.out.print(
            either("由客户端发送：", "the client sends it: ") + "messages/<day>/<copNo>-1/"
        )
    else:
        terminal.out.print(either("发送：", "it leaves by: ") + "xborder send")
    if then:
        terminal.out.print(Text(then))


def _text(value: object) -> object:
    return ", ".join(str(one) for one in value) if isinstance(value, list | tuple) else value


def depart(
    lists: SomeWords = None,
    bill: Annotated[str, typer.Option("--bill", help="billNo 提运单号")] = "",
    voyage: Annotated[str, typer.Option("--voyage", help="voyageNo 航班航次号")] = "",
    vehicle: Annotated[str, typer.Option("--vehicle", help="trafName 运输工具名称")] = "",
    mode: Annotated[str, typer.Option("--mode", help="trafMode 运输方式")] = "",
    domestic: Annotated[str, typer.Option("--domestic", help="domesticTrafNo 车牌号")] = "",
    weight: Annotated[str, typer.Option("--weight", help="grossWeight 毛重 kg")] = "",
    site: Annotated[str, typer.Option("--site", help="loctNo 监管场所代码")] = "",
    arrived: Annotated[bool, typer.Option("--arrived", help="file CEB507 运抵 of --bill")] = False,
    left: Annotated[
        str | None, typer.Option("--left", help="file CEB509 离境 of --bill: time, or now")
    ] = None,
    cancelled: Annotated[bool, typer.Option("--cancel", help="cancel --bill")] = False,
    from_: Annotated[
        Path | None, typer.Option("--from", help="CSV: list,billNo,voyageNo,trafName,…")
    ] = None,
    exporter: OfExporter = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Lists leave under a bill 提运单: CEB607, then CEB507 and CEB509; without LISTS show bills."""
    from xborder.cli import exchange_files
    from xborder.manifests import bills
    from xborder.manifests.bills import Bill

    place = the_place(home, exporter)
    following = [arrived, left is not None, cancelled]
    if sum(following) + bool(lists) + bool(from_) > 1:
        terminal.fail(
            either("一次只做一件事：清单、", "one thing at a time: LISTS, ")
            + "--from, --arrived, --left, --cancel"
        )
    if (any(following) or lists) and not bill:
        terminal.fail(either("请用 --bill 写提运单号", "name the bill with --bill"))
    with _refusals():
        if arrived:
            filed = [bills.arrived(place, bill, domestic, exporter)]
        elif left is not None:
            filed = [bills.left(place, bill, _instant(left), exporter)]
        elif cancelled:
            filed = [bills.cancel(place, bill, exporter)]
        elif from_ is not None:
            filed = bills.depart_all(place, exchange_files.bills(from_), exporter)
        elif lists:
            said = Bill(bill, voyage, vehicle, mode, domestic, weight, site)
            filed = bills.depart_all(place, [(said, lists)], exporter)
        else:
            _show_bills(place, exporter, as_json=as_json)
            return
    _show(either("提运单", "bill"), [asdict(one) for one in filed], as_json=as_json)
    if not as_json and not cancelled:
        then = either(
            "随后：xborder depart --bill 提运单号 --arrived，再 --left 时间",
            "then: xborder depart --bill NO --arrived, … --left TIME",
        )
        _tell_next(place, filed, then if lists or from_ else "")


def _show_bills(place: "Home", exporter: str | None, *, as_json: bool) -> None:
    from xborder.registry import documents
    from xborder.registry.database import reading

    with reading(place.engine) as c:
        told = documents.all_bills(c, exporter)
    if as_json:
        print_json(told)
        return
    heads = (
        either("提运单", "bill"),
        either("企业", "exporter"),
        either("关区", "customs"),
        either("#清单", "#lists"),
        either("状态", "state"),
        "CEB607",
        "CEB507",
        "CEB509",
    )
    made = terminal.table(either("提运单", "bills"), *heads)
    names = ("bill_no", "exporter", "customs_code", "lists", "state")
    rows = (
        [
            *(one[name] for name in names),
            *(
                "; ".join(
                    ", ".join(status or "…" for status in document["statuses"])
                    for document in one[kind]
                )
                for kind in ("607", "507", "509")
            ),
        ]
        for one in told
    )
    terminal.out.print(terminal.rows(made, rows))


def _instant(text: str) -> datetime | None:
    """When goods left; a time without an offset is China's."""
    if text == "now":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        terminal.fail(
            f"{text}: {either('时间格式应为 2026-11-22T18:30，或 now', 'write the time as 2026-11-22T18:30, or now')}"
        )
        raise
    return at if at.tzinfo else at.replace(tzinfo=clock.SHANGHAI)


def cancel(
    lists: Words,
    reason: Annotated[str, typer.Option("--reason", help="reason 撤单原因")],
    exporter: OfExporter = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Ask customs to cancel approved lists 撤单 (CEB605)."""
    from xborder.manifests import cancellations

    place = the_place(home, exporter)
    with _refusals():
        told = cancellations.cancel(place, lists, reason, exporter)
    _show(either("撤单", "cancellations"), [asdict(one) for one in told], as_json=as_json)
    if not as_json:
        _tell_next(place, told)


def amend(
    lists: Words, exporter: OfExporter = None, as_json: AsJson = False, home: HomeOption = None
) -> None:
    """Changed orders go as the next version of their lists 改单, before customs approves them."""
    from xborder.manifests import cancellations

    with _refusals():
        told = cancellations.amend(the_place(home, exporter), lists, exporter)
    _show(
        either("改单：下次运行时重新核验", "amended: checked by the next run"),
        [asdict(one) for one in told],
        as_json=as_json,
    )


def ignore(
    lists: Words, exporter: OfExporter = None, as_json: AsJson = False, home: HomeOption = None
) -> None:
    """Put aside what files told of orders after their lists were issued 忽略变更."""
    from xborder.manifests import cancellations

    with _refusals():
        told = cancellations.ignore(the_place(home, exporter), lists, exporter)
    _show(either("忽略", "ignored"), [asdict(one) for one in told], as_json=as_json)


def resend(
    lists: Words, exporter: OfExporter = None, as_json: AsJson = False, home: HomeOption = None
) -> None:
    """Orders whose list customs refused or cancelled go again as they are 重新申报."""
    from xborder.manifests import cancellations

    with _refusals():
        told = cancellations.resend(the_place(home, exporter), lists, exporter)
    _show(either("重新申报", "declared again"), [asdict(one) for one in told], as_json=as_json)


def give_back(
    list_: Annotated[
        str | None, typer.Argument(metavar="LIST", help="copNo, invtNo, order")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option("--item", help="gnum=qty, as often as needed")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="reason 退货原因")] = "",
    say: Annotated[
        list[str] | None,
        typer.Option("--say", help="way back, name=value: billNo, voyageNo, trafName …"),
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="CSV: list,gnum,qty,reason,billNo,voyageNo,…")
    ] = None,
    exporter: OfExporter = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Tell customs what comes back of lists 退货 (CEB213, CEB215)."""
    from xborder.cli import exchange_files
    from xborder.manifests import returns

    if (list_ is None) == (from_ is None):
        terminal.fail(
            either("写一份清单，或用 --from 写文件", "name a list, or a file with --from")
        )
    if from_ is not None:
        wanted = exchange_files.returns(from_)
    else:
        items = dict(exchange_files.pairs("--item", item))
        wanted = [
            exchange_files.one_return(
                str(list_), items, reason, dict(exchange_files.pairs("--say", say))
            )
        ]
    place = the_place(home, exporter)
    with _refusals():
        told = returns.file(place, wanted, exporter)
    _show(either("退货", "returns"), [asdict(one) for one in told], as_json=as_json)
    if not as_json:
        _tell_next(place, told)
