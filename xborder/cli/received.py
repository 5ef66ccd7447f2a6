"""``xborder receive``: customs' answers from the inbox into the registry."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from xborder import findings
from xborder.cli import terminal
from xborder.cli.language import either
from xborder.cli.running import HomeOption, exporter_of, opened

if TYPE_CHECKING:
    from xborder.registry.customs_states import Rules
    from xborder.registry.receipts import Applied


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(receive)


def receive(
    files: Annotated[
        list[Path] | None, typer.Argument(help="receipt files to put into the inbox first")
    ] = None,
    exporter: Annotated[
        str | None, typer.Option(help="these files are this exporter's (default: anybody's)")
    ] = None,
    release: Annotated[
        list[int] | None, typer.Option(help="number of a receipt from the future that shall count")
    ] = None,
    dismiss: Annotated[
        list[int] | None, typer.Option(help="number of an answer to put aside, unapplied")
    ] = None,
    dismiss_file: Annotated[
        list[int] | None, typer.Option(help="number of a file in quarantine to put aside")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="documented JSON")] = False,
    home: HomeOption = None,
) -> None:
    """Take in customs' answers 收取回执: those in the inbox, and the files named.

    A file that is still being written waits. Exit 1 when a file is in quarantine or an answer is
    held: each is told.
    """
    from xborder.manifests import receiving
    from xborder.registry import receipt_problems
    from xborder.registry.customs_states import Rules
    from xborder.registry.database import reading, transaction

    place = opened(home, profiles=True)
    if exporter is not None:
        exporter_of(place, exporter)
    missing = [str(file) for file in files or () if not file.is_file()]
    if missing:
        terminal.fail(f"{either('没有这些文件：', 'no such files: ')}{', '.join(missing)}")
    receiving.submit(place.settings, files or (), exporter or "")
    done = receiving.receive(place, receiving.standing_still(place.settings))
    if release:
        done.add(receiving.take_up(place, release))
    if dismiss or dismiss_file:
        with transaction(place.engine) as connection:
            receipt_problems.dismiss(connection, dismiss_file or (), dismiss or ())
    with reading(place.engine) as connection:
        problems = receipt_problems.listed(connection)
    if as_json:
        told = {**done.counts(), "moved": done.moved.told(), "problems": problems}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))
    else:
        _show(done, problems, Rules(place.tables), terminal.language() == "zh")
    if any(one["severity"] in findings.BLOCKING for one in problems):
        raise typer.Exit(1)


_COUNTS = {
    "files": ("文件", "files"), "quarantined": ("隔离", "in quarantine"),
    "new": ("新回执", "new answers"), "repeated": ("重复", "repeated"),
    "waiting": ("等待", "waiting"), "held": ("扣下", "held"),
    "unknown": ("未知代码", "unknown codes"),
}  # fmt: skip


def _show(done: "Applied", problems: list[dict[str, Any]], rules: "Rules", zh: bool) -> None:
    counted = [f"{words[not zh]} {number}" for name, number in done.counts().items()
               for words in [_COUNTS[name]]]  # fmt: skip
    terminal.out.print(" · ".join(counted))
    if done.moved.counts:
        heads = ("报文", "状态", "#单证") if zh else ("message", "state", "#documents")
        made = terminal.table(either("单证状态", "Moved"), *heads)
        moved = sorted(done.moved.counts.items())
        terminal.rows(
            made,
            [(f"CEB{kind}", rules.words[state][not zh], number) for (kind, state), number in moved],
        )
        terminal.out.print(made)
    for one in problems:
        said = one["message_zh" if zh else "message_en"]
        fix = one["fix_zh" if zh else "fix_en"]
        colour = "red" if one["severity"] in findings.BLOCKING else "yellow"
        number = f"{one['file_name']} ({one['what']} {one['id']})"
        terminal.out.print(Text(f"{number}: {one['code']} {said}; {fix}", style=colour))
