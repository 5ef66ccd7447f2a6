"""Commands of what goes to customs: ``send``, ``depart``, ``cancel``, ``amend``, ``ignore``,
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

from xborder import clock
from xborder.cli import terminal
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
    for command in (send, depart, cancel, amend, ignore, resend):
        app.command()(command)
    app.command("return")(give_back)


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what cannot be filed, and why; exit 2."""
    from xborder.manifests.filing import RefusedError

    try:
        yield
    except RefusedError as error:
        terminal.fail(f"{error}\n  {' '.join(error.fixes)}")
    except ValueError as error:
        terminal.fail(str(error))


def _place(home: Path | None, exporter: str | None) -> "Home":
    place = opened(home, profiles=True)
    if exporter is not None:
        exporter_of(place, exporter)
    tell_broken(place, *place.broken_profiles)
    return place


def _print_json(told: Any) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))


def _show(title: str, told: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """What was done, one row each, and how it leaves."""
    if as_json:
        _print_json(told)
        return
    names = list(told[0]) if told else ["—"]
    made = terminal.table(title, *names)
    terminal.out.print(terminal.rows(made, ([_text(one[name]) for name in names] for one in told)))


def _tell_next(place: "Home", filed: Sequence[Any], then: str = "") -> None:
    """How what was filed leaves: by ``send``, or by the client where no way is named."""
    ways = {place.exporters[one.exporter].sending.transport for one in filed}
    if ways == {"none"}:
        terminal.out.print("由客户端发送 the client sends it: messages/<day>/<copNo>-1/")
    else:
        terminal.out.print("由此发送 it leaves by: xborder send")
    if then:
        terminal.out.print(Text(then))


def _text(value: object) -> object:
    return ", ".join(str(one) for one in value) if isinstance(value, list | tuple) else value


def send(
    numbers: Annotated[
        list[str] | None,
        typer.Argument(help="manifests from before a transport was named, to be sent as well"),
    ] = None,
    again: Annotated[
        list[str] | None,
        typer.Option(
            "--again", help="send again what is doubtful, failed, or stands at 4: guid or manifest"
        ),
    ] = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Send what is due to customs 发送报文, by the way each exporter's profile names.

    Exit 1 when a message is in doubt or failed: each is told.
    """
    from rich.progress import Progress

    from xborder.manifests import resending, sending
    from xborder.manifests.signing import SigningError
    from xborder.registry import messages, queries
    from xborder.registry.database import reading

    place = _place(home, None)
    named = [one.upper() for one in numbers or ()]
    with reading(place.engine) as c:
        unknown = [one for one in named if queries.manifest(c, one) is None]
    if unknown:
        terminal.fail(f"没有批次 no manifest {', '.join(unknown)}")
    for word in again or ():
        try:
            found = resending.by_operator(place, word)
        except sending.SendingBusyError as error:
            terminal.fail(f"未发送 not sent: {error}", code=3)
        if not found:
            terminal.fail(f"{word}: 没有待定或失败的报文 no doubtful or failed message")
    with Progress(console=terminal.err, transient=True) as shown:
        task = shown.add_task("报文 messages", total=None)
        try:
            done = sending.send(
                place,
                named,
                progress=lambda n, of: shown.update(task, completed=n, total=of),
            )
        except (sending.SendingBusyError, SigningError) as error:
            terminal.fail(f"未发送 not sent: {error}", code=3)
    with reading(place.engine) as c:
        counts, left = messages.counts(c), messages.unsent(c)
    told = [
        {
            "guid": row.guid, "message": f"CEB{row.kind}", "exporter": row.exporter,
            "state": row.state, "attempts": row.attempts, "code": row.code,
            "next_attempt_at": row.next_attempt_at and row.next_attempt_at.isoformat(),
        }
        for row in left
    ]  # fmt: skip
    wrong = [one for one in told if one["state"] != messages.QUEUED]
    if as_json:
        _print_json({**asdict(done), "messages": counts, "unsent": told})
    else:
        _show_sent(asdict(done), counts, told)
        _tell_older(sending.older(place))
    if wrong:
        raise typer.Exit(1)


def _show_sent(
    done: dict[str, int], counts: list[dict[str, Any]], left: list[dict[str, Any]]
) -> None:
    words = {
        "queued": "新排队 queued", "sent": "已发送 sent", "not_taken": "未被接收 not taken",
        "doubtful": "待定 in doubt",
    }  # fmt: skip
    terminal.out.print(" · ".join(f"{words[name]} {number}" for name, number in done.items()))
    if counts:
        made = terminal.table(
            "至今的报文 messages so far",
            "企业 exporter",
            "报文 kind",
            "状态 state",
            "#报文 messages",
            "#单证 documents",
        )
        rows = ((row["exporter"], f"CEB{row['kind']}", row["state"], row["messages"], row["entities"])
                for row in counts)  # fmt: skip
        terminal.out.print(terminal.rows(made, rows))
    if left:
        made = terminal.table("未发送 not sent", "guid", "报文 kind", "企业 exporter", "状态 state",
                              "#次 attempts", "代码 code")  # fmt: skip
        names = ("guid", "message", "exporter", "state", "attempts", "code")
        shown = ([row[name] for name in names] for row in left[: terminal.MOST_A_CAUSE])
        terminal.out.print(terminal.rows(made, shown))
        terminal.out.print(Text("解释 explained by: xborder findings CODE"))


def _tell_older(numbers: Sequence[str]) -> None:
    """Manifests that no cut-off will send: issued before the profile named a way."""
    if numbers:
        terminal.out.print(
            Text(
                "这些批次签发时档案尚未写明发送方式，仍由客户端发送 issued before the profile named a "
                f"way, left to the client: {', '.join(numbers)}\n"
                "由此发送 to send them from here: xborder send NUMBER…",
                style="yellow",
            )
        )


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

    place = _place(home, exporter)
    following = [arrived, left is not None, cancelled]
    if sum(following) + bool(lists) + bool(from_) > 1:
        terminal.fail(
            "一次只做一件事 one thing at a time: LISTS, --from, --arrived, --left, --cancel"
        )
    if (any(following) or lists) and not bill:
        terminal.fail("请用 --bill 写提运单号 name the bill with --bill")
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
    _show("提运单 bill", [asdict(one) for one in filed], as_json=as_json)
    if not as_json and not cancelled:
        then = "随后 then: xborder depart --bill NO --arrived, … --left TIME"
        _tell_next(place, filed, then if lists or from_ else "")


def _show_bills(place: "Home", exporter: str | None, *, as_json: bool) -> None:
    from xborder.registry import documents
    from xborder.registry.database import reading

    with reading(place.engine) as c:
        told = documents.all_bills(c, exporter)
    if as_json:
        _print_json(told)
        return
    heads = (
        "提运单 bill",
        "企业 exporter",
        "关区 customs",
        "#清单 lists",
        "状态 state",
        "CEB607",
        "CEB507",
        "CEB509",
    )
    made = terminal.table("提运单 bills", *heads)
    names = ("bill_no", "exporter", "customs_code", "lists", "state")
    rows = (
        [*(one[name] for name in names),
         *("; ".join(", ".join(status or "…" for status in document["statuses"])
                     for document in one[kind]) for kind in ("607", "507", "509"))]
        for one in told
    )  # fmt: skip
    terminal.out.print(terminal.rows(made, rows))


def _instant(text: str) -> datetime | None:
    """When goods left; a time without an offset is China's."""
    if text == "now":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        terminal.fail(f"{text}: 时间格式应为 write the time as 2026-11-22T18:30, or now")
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

    place = _place(home, exporter)
    with _refusals():
        told = cancellations.cancel(place, lists, reason, exporter)
    _show("撤单 cancellations", [asdict(one) for one in told], as_json=as_json)
    if not as_json:
        _tell_next(place, told)


def amend(
    lists: Words, exporter: OfExporter = None, as_json: AsJson = False, home: HomeOption = None
) -> None:
    """Changed orders go as the next version of their lists 改单, before customs approves them."""
    from xborder.manifests import cancellations

    with _refusals():
        told = cancellations.amend(_place(home, exporter), lists, exporter)
    _show("改单 amended: 下次运行时重新核验 checked by the next run",
          [asdict(one) for one in told], as_json=as_json)  # fmt: skip


def ignore(
    lists: Words, exporter: OfExporter = None, as_json: AsJson = False, home: HomeOption = None
) -> None:
    """Put aside what files told of orders after their lists were issued 忽略变更."""
    from xborder.manifests import cancellations

    with _refusals():
        told = cancellations.ignore(_place(home, exporter), lists, exporter)
    _show("忽略 ignored", [asdict(one) for one in told], as_json=as_json)


def resend(
    lists: Words, exporter: OfExporter = None, as_json: AsJson = False, home: HomeOption = None
) -> None:
    """Orders whose list customs refused or cancelled go again as they are 重新申报."""
    from xborder.manifests import cancellations

    with _refusals():
        told = cancellations.resend(_place(home, exporter), lists, exporter)
    _show("重新申报 declared again", [asdict(one) for one in told], as_json=as_json)


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
        terminal.fail("写一份清单或用 --from name a list, or a file with --from")
    if from_ is not None:
        wanted = exchange_files.returns(from_)
    else:
        items = dict(exchange_files.pairs("--item", item))
        wanted = [
            exchange_files.one_return(
                str(list_), items, reason, dict(exchange_files.pairs("--say", say))
            )
        ]
    place = _place(home, exporter)
    with _refusals():
        told = returns.file(place, wanted, exporter)
    _show("退货 returns", [asdict(one) for one in told], as_json=as_json)
    if not as_json:
        _tell_next(place, told)
