"""``xborder send``: what is due leaves for customs, and what did not leave is told."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from xborder import findings
from xborder.cli import terminal
from xborder.cli.exchange import AsJson, print_json, the_place
from xborder.cli.language import either, language, told
from xborder.cli.running import HomeOption


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(send)


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

    place = the_place(home, None)
    named = [one.upper() for one in numbers or ()]
    with reading(place.engine) as c:
        unknown = [one for one in named if queries.manifest(c, one) is None]
    if unknown:
        terminal.fail(f"{either('没有批次', 'no manifest')} {', '.join(unknown)}")
    for word in again or ():
        try:
            found = resending.by_operator(place, word)
        except sending.SendingBusyError as error:
            terminal.fail(f"{either('未发送：', 'not sent: ')}{told(error)}", code=3)
        if not found:
            terminal.fail(
                f"{word}: {either('没有待定或失败的报文', 'no doubtful or failed message')}"
            )
    with Progress(console=terminal.err, transient=True) as shown:
        task = shown.add_task(either("报文", "messages"), total=None)
        try:
            done = sending.send(
                place,
                named,
                progress=lambda n, of: shown.update(task, completed=n, total=of),
            )
        except (sending.SendingBusyError, SigningError) as error:
            terminal.fail(f"{either('未发送：', 'not sent: ')}{told(error)}", code=3)
    with reading(place.engine) as c:
        counts, left = messages.counts(c), messages.unsent(c)
    rest = [
        {
            "guid": row.guid,
            "message": f"CEB{row.kind}",
            "exporter": row.exporter,
            "state": row.state,
            "attempts": row.attempts,
            "code": row.code,
            "next_attempt_at": row.next_attempt_at and row.next_attempt_at.isoformat(),
        }
        for row in left
    ]
    wrong = [one for one in rest if one["state"] != messages.QUEUED]
    if as_json:
        print_json({**asdict(done), "messages": counts, "unsent": rest})
    else:
        _show_sent(asdict(done), counts, rest)
        _tell_older(sending.older(place))
    if wrong:
        raise typer.Exit(1)


def _show_sent(
    done: dict[str, int], counts: list[dict[str, Any]], left: list[dict[str, Any]]
) -> None:
    words = {
        "queued": either("新排队", "queued"),
        "sent": either("已发送", "sent"),
        "not_taken": either("未被接收", "not taken"),
        "doubtful": either("待定", "in doubt"),
    }
    terminal.out.print(" · ".join(f"{words[name]} {number}" for name, number in done.items()))
    if counts:
        made = terminal.table(
            either("至今的报文", "messages so far"),
            either("企业", "exporter"),
            either("报文", "kind"),
            either("状态", "state"),
            either("#报文", "#messages"),
            either("#单证", "#documents"),
        )
        rows = (
            (
                row["exporter"],
                f"CEB{row['kind']}",
                findings.named("message_state", row["state"], language()),
                row["messages"],
                row["entities"],
            )
            for row in counts
        )
        terminal.out.print(terminal.rows(made, rows))
    if left:
        made = terminal.table(
            either("未发送", "not sent"),
            "guid",
            either("报文", "kind"),
            either("企业", "exporter"),
            either("状态", "state"),
            either("#次", "#attempts"),
            either("代码", "code"),
        )
        names = ("guid", "message", "exporter", "state", "attempts", "code")
        told = [
            row | {"state": findings.named("message_state", row["state"], language())}
            for row in left
        ]
        shown = ([row[name] for name in names] for row in told[: terminal.MOST_A_CAUSE])
        terminal.out.print(terminal.rows(made, shown))
        terminal.out.print(
            Text(either("解释：xborder findings 代码", "explained by: xborder findings CODE"))
        )


def _tell_older(numbers: Sequence[str]) -> None:
    """Manifests that no cut-off will send: issued before the profile named a way."""
    if numbers:
        terminal.out.print(
            Text(
                either(
                    "这些批次签发时档案尚未写明发送方式，仍由客户端发送：",
                    "issued before the profile named a way, left to the client: ",
                )
                + ", ".join(numbers)
                + either(
                    "\n改由此处发送：xborder send 批次号…",
                    "\nto send them from here: xborder send NUMBER…",
                ),
                style="yellow",
            )
        )
