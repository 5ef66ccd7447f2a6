"""Commands on tables: ``xborder tables``, ``tables import``, ``tables show``, ``tables remove``."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer
from rich.text import Text

from xborder import clock, findings, intake
from xborder.cli import terminal
from xborder.cli.language import either, language, told
from xborder.cli.running import HomeOption, opened, parse_day
from xborder.schemas import table_files
from xborder.schemas.table_changes import Changes
from xborder.schemas.table_versions import Table, TableError, key_of
from xborder.schemas.tables import Tables

if TYPE_CHECKING:
    from xborder.registry.home import Home
    from xborder.registry.table_imports import Proposal

tables_app = typer.Typer(
    help="税则与代码表 tariff and code tables: list, import, show, remove",
    invoke_without_command=True,
)

MOST_SHOWN = 10
"""Rows of each sort of change that the terminal shows; ``--all`` shows every one."""

MOST_ROWS = 20
CONFIDENCE = ("high", "medium", "low")
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Every = Annotated[bool, typer.Option("--all", help="every change, not the first ten a sort")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="show what would change, and stop")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(tables_app, name="tables")


@tables_app.callback()
def list_tables(context: typer.Context, home: HomeOption = None) -> None:
    """List the tables: version, validity, rows, how sure, from where, out of date."""
    context.obj = home
    if context.invoked_subcommand:
        return
    zh = terminal.language() == "zh"
    today = clock.today()
    held = opened(home).tables
    heads = (
        ("表", "版本", "自", "至", "#行数", "可信度", "来源", "状态") if zh
        else ("table", "version", "from", "to", "#rows", "confidence", "origin", "state")
    )  # fmt: skip
    made = terminal.table(f"{either('表格', 'Tables')}  ·  {held.version}", *heads)
    for one in sorted(held.entries, key=lambda one: (one.name, one.valid_from)):
        terminal.rows(made, [(
            one.name, one.sha256[:12], one.valid_from, one.valid_to, one.rows.height,
            findings.named("table_confidence", one.confidence, language()),
            _origin(one.origin), _state(held, one, today, zh=zh),
        )])  # fmt: skip
    terminal.out.print(made)


def _origin(origin: str) -> str:
    """A table of the release has no file of the operator's."""
    return either("随软件发布", "packaged") if origin == "packaged" else either("导入", "home")


def _state(held: Tables, one: Table, today: date, *, zh: bool) -> str:
    if one.valid_from > today:
        return "尚未生效" if zh else "not yet"
    if held.held(one.name, today) is not one:
        return "已被取代" if zh else "succeeded"
    if one.ended(today):
        if one.name not in held.out_of_date(today):
            return "已被取代" if zh else "succeeded"
        return "已过期" if zh else "OUT OF DATE"
    whole = ("，完整" if zh else ", complete") if one.complete else ""
    return ("生效" if zh else "in force") + whole


@tables_app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="the table; tariff = all tariff tables together")],
    code: Annotated[str | None, typer.Option(help="the rows of this code, or below it")] = None,
    on: Annotated[str | None, typer.Option("--on", help="day (default: today)")] = None,
    home: HomeOption = None,
) -> None:
    """Show a table as it holds on a day, or the rows of one code."""
    zh = terminal.language() == "zh"
    day = parse_day(on) or clock.today()
    held = opened(home or context.obj).tables
    rows = held.tariff(day) if name == "tariff" else held.table(name, day)
    key = key_of(table_files.kind_of(name, held) or name)[0]
    if code is not None:
        rows = rows.filter(pl.col(key).str.starts_with(code))
        if rows.is_empty():
            terminal.fail(f"{name}: {either('没有', 'has no')} {code} ({day})", code=1)
    if rows.height == 1:
        terminal.out.print(
            terminal.pairs(f"{name}  ·  {day}", rows.cast(pl.String).row(0, named=True))
        )
        return
    _print_rows(f"{name}  ·  {day}  ·  {rows.height}", rows, MOST_ROWS, zh=zh)


@tables_app.command("import")
def import_table(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8, GB18030) or XLSX with the full table")],
    name: Annotated[str | None, typer.Option(help="the table, e.g. tariff, exchange_rate")] = None,
    valid_from: Annotated[str | None, typer.Option(help="first day (default: today)")] = None,
    valid_to: Annotated[str | None, typer.Option(help="last day (default: until the next)")] = None,
    source: Annotated[str | None, typer.Option(help="where it comes from")] = None,
    confidence: Annotated[str, typer.Option(help="high | medium | low")] = "medium",
    complete: Annotated[
        bool, typer.Option("--complete", help="tariff: has every code; others do not exist")
    ] = False,
    verified: Annotated[
        bool,
        typer.Option(
            "--verified", help="tariff: units and conditions (or elements) were seen at the source"
        ),
    ] = False,
    sha256: Annotated[str | None, typer.Option(help="checksum that the file must have")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="take the place of the version with this beginning")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    every: Every = False,
    home: HomeOption = None,
) -> None:
    """Import a full tariff or code table 导入表格: shows the difference, asks, brings it into force.

    Exit 0 in force (or shown), 1 not confirmed, 2 refused: then what was in force stays.
    """
    from xborder.registry import table_imports

    chosen = terminal.language()
    if confidence not in CONFIDENCE:
        terminal.fail(f"--confidence: {' | '.join(CONFIDENCE)}")
    begins, ends = parse_day(valid_from) or clock.today(), parse_day(valid_to)
    place = opened(home or context.obj)
    cells = _cells(file, sha256)
    if name is None and table_files.looks_like_a_tariff(cells):
        name = "tariff"
    # A version whose file is damaged can still be replaced.
    standing = table_imports.in_force(place, name, begins) if name and replace else place.tables
    held = Tables(standing.entries, begins)
    name, kind = _named(name, held)
    if complete and kind != "tariff":
        terminal.fail(f"--complete: {either('仅用于税则', 'for a tariff only')}")
    if verified and kind not in ("tariff", "declaration_elements"):
        terminal.fail(
            "--verified: "
            + either("仅用于税则和申报要素", "for a tariff or declaration_elements only")
        )
    present = held.tariff(begins) if kind == "tariff" else held.table(name, begins)
    made = table_files.draft(cells, kind, held, present, verified=verified, confidence=confidence)
    _refuse(findings.to_frame(made.found).with_columns(pl.lit(file.name).alias("file")))
    if made.unread:
        unread = ", ".join(one.strip()[:40] for one in made.unread)
        terminal.out.print(
            Text(f"{either('未读的列：', 'columns not read: ')}{unread}", style="yellow")
        )
    entry: dict[str, Any] = {"name": name, "kind": kind, "valid_from": begins}
    entry |= {"valid_to": ends} if ends else {}
    entry |= {"source": source or file.name, "confidence": confidence}
    entry |= {"complete": True} if complete else {}
    proposal = table_imports.propose(place, entry, made.rows, replace=replace)
    _decide(place, proposal, chosen, dry_run=dry_run, yes=yes, every=every)


@tables_app.command("remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="the table")],
    valid_from: Annotated[str, typer.Option(help="first day of the version to remove")],
    dry_run: DryRun = False,
    yes: Yes = False,
    every: Every = False,
    home: HomeOption = None,
) -> None:
    """Take an imported version out of force 撤销导入: what held before holds again."""
    from xborder.registry import table_imports

    place = opened(home or context.obj)
    begins = parse_day(valid_from)
    assert begins is not None
    proposal = table_imports.propose_removal(place, name, begins)
    _decide(place, proposal, terminal.language(), dry_run=dry_run, yes=yes, every=every)


def _cells(file: Path, sha256: str | None) -> pl.DataFrame:
    """The file's cells, or what is wrong with it and exit 2."""
    if not file.is_file():
        terminal.fail(f"{file}: {either('没有这个文件', 'no such file')}")
    read = intake.read_plain(file, heads=table_files.heads())
    if sha256 is not None and read.sha256 != sha256.strip().lower():
        terminal.fail(
            f"{file.name}: {either('校验值不符：', 'the checksum differs: ')}{read.sha256} ≠ {sha256.strip().lower()}"
        )
    _refuse(read.found)
    return read.cells


def _named(name: str | None, held: Tables) -> tuple[str, str]:
    kind = table_files.kind_of(name, held) if name else None
    if name is None or kind is None:
        terminal.fail(
            f"{either('请用 --name 指定表：', 'name the table with --name: ')}tariff, {', '.join(held.names)}"
        )
        raise AssertionError
    return name, kind


def _refuse(found: pl.DataFrame) -> None:
    if found.is_empty():
        return
    terminal.causes(found)
    terminal.single_findings(found.head(MOST_ROWS), every=True)
    terminal.fail(
        f"{found.height} "
        + either("处问题，未导入，原有表格不变", "faults; not imported, what was in force stays")
    )


def _decide(
    place: "Home", proposal: "Proposal", lang: str, *, dry_run: bool, yes: bool, every: bool
) -> None:
    """Show what changes, ask, and bring it into force."""
    from xborder.registry import table_imports

    entry = proposal.entry
    if proposal.in_force_already:
        terminal.out.print(
            f"{entry['name']} {entry['valid_from']}: {either('已经生效', 'in force already')}"
        )
        return
    _show_changes(proposal, lang, every=every)
    for exporter, why in proposal.broken.items():
        terminal.out.print(Text(f"! {exporter}: {'; '.join(map(told, why))}", style="yellow"))
    if dry_run:
        terminal.out.print(either("试运行，未改动", "dry run: nothing was changed"))
        return
    if not yes and not typer.confirm(
        either("使其生效？", "Bring this into force?")
        if proposal.content
        else either("撤销？", "Remove it?")
    ):
        terminal.fail(either("未改动", "nothing was changed"), code=1)
    try:
        table_imports.put(place, proposal)
    except (TableError, OSError) as error:
        terminal.fail(
            f"{either('未生效，原有表格不变：', 'not in force, what was stays: ')}{told(error)}"
        )
    done = either("已生效", "in force") if proposal.content else either("已撤销", "removed")
    terminal.out.print(
        f"{entry['name']} {entry['valid_from']}: {done}; "
        + either(
            "暂存的订单下次运行时自动重新核验", "held orders are checked again at the next run"
        ),
        style="green",
    )


def _show_changes(proposal: "Proposal", lang: str, *, every: bool) -> None:
    """What changes on the version's first day, and where that is past, what changes today."""
    zh, most = lang == "zh", None if every else MOST_SHOWN
    entry = proposal.entry
    title = f"{entry['name']}  ·  {entry['valid_from']} → {entry.get('valid_to', '…')}"
    _show_day(title, proposal.changes, zh=zh, most=most)
    if proposal.now is None:
        return
    today = f"{either('今天', 'today')} {clock.today()}"
    if proposal.now.none:
        terminal.out.print(f"{today}: {either('无变化', 'nothing changes')}")
    else:
        _show_day(f"{entry['name']}  ·  {today}", proposal.now, zh=zh, most=most)


def _show_day(title: str, changes: Changes, *, zh: bool, most: int | None) -> None:
    names = ("原行数", "新行数", "新增", "删除", "修改") if zh else (
        "rows before", "rows after", "added", "removed", "changed")  # fmt: skip
    counts = (
        changes.before, changes.after, changes.added.height, changes.removed.height,
        changes.rows_changed,
    )  # fmt: skip
    said: dict[str, object] = dict(zip(names, counts, strict=True))
    said |= {f"  {column}": count for column, count in changes.by_column.items()}
    terminal.out.print(terminal.pairs(title, said))
    heads = ("键", "列", "原值", "新值") if zh else ("key", "column", "was", "now")
    sorts = (
        (either("新增", "Added"), changes.added),
        (either("删除", "Removed"), changes.removed),
        (
            either("修改", "Changed"),
            changes.changed.rename(dict(zip(changes.changed.columns, heads, strict=True))),
        ),
    )
    for named, rows in sorts:
        if rows.height:
            _print_rows(f"{named}  ·  {rows.height}", rows, most or rows.height, zh=zh)


def _print_rows(title: str, rows: pl.DataFrame, most: int, *, zh: bool) -> None:
    filled = [name for name in rows.columns if rows[name].null_count() < rows.height][:8]
    made = terminal.table(title, *(filled or rows.columns[:1]))
    shown = rows.select(filled or rows.columns[:1]).head(most)
    terminal.out.print(terminal.rows(made, shown.iter_rows()))
    if rows.height > most:
        left = rows.height - most
        terminal.out.print(f"… 另有 {left} 行" if zh else f"… and {left} more")
