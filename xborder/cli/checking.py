"""Commands that need no run: ``check``, ``template``, ``findings``."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xborder import clock, findings, intake
from xborder.checks import Context
from xborder.checks.dry_run import Report, check_together
from xborder.cli import terminal
from xborder.cli.language import either, language, told
from xborder.findings import page
from xborder.intake import Reading
from xborder.schemas import tables

if TYPE_CHECKING:
    import polars as pl

    from xborder.registry.home import Home
    from xborder.schemas.exporters import Shop

RULE = re.compile(r"\bR\d+\b|\bCEB\d+\b", re.ASCII)
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.command()(check)
    app.command()(template)
    app.command("findings")(list_findings)


def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="an order, goods, shipment, price or stock file; several count together",
        ),
    ],
    exporter: Annotated[
        str | None, typer.Option(help="check against this exporter's profile")
    ] = None,
    shop: Annotated[str | None, typer.Option(help="the shop, if the exporter has several")] = None,
    kind: Annotated[
        str | None, typer.Option(help="orders | goods | shipments | prices | stock")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="home folder (default: XBORDER_HOME)")] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="write the file back with its findings")
    ] = None,
    as_json: AsJson = False,
    every: Annotated[bool, typer.Option("--all", help="every finding, not 1,000 a cause")] = False,
) -> None:
    """Check files 检查文件: nothing is stored. Exit 0 clean, 1 findings, 2 unusable file."""
    for file in files:
        if not file.is_file():
            terminal.fail(f"{file}: {either('不是文件或不存在', 'no such file')}")
    if len(files) > 1 and (annotate or kind):
        terminal.fail(f"--annotate, --kind: {either('只用于一个文件', 'for a single file')}")
    if kind is not None:
        known_kind(kind)
    if annotate is not None:
        new_workbook(annotate)
    # First of all, because a fork must come before any thread.
    with intake.Nursery(forked=True) as nursery:
        context, own_shop, mapped, place = _context(exporter, shop, home)
        read = [
            intake.read(
                file, file.name, exporter_shop=own_shop, kind=kind, nursery=nursery,
                mappings=mapped, code_tables=context.tables if place else None,
            )
            for file in files
        ]  # fmt: skip
    declared = _declared(place, str(exporter), own_shop, read) if place and own_shop else []
    context = _completed(place, context, own_shop, read)
    reports = check_together(read, context, own_shop.id if own_shop else "", declared)
    if annotate is not None:
        _annotate(files[0], read[0], reports[0], annotate)
    if as_json:
        most = None if every else terminal.MOST_A_CAUSE
        told = [
            {"file": str(file)} | one.to_json(most)
            for file, one in zip(files, reports, strict=True)
        ]
        said = reports[0].to_json(most) if len(files) == 1 else {"files": told}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        for file, report in zip(files, reports, strict=True):
            _show(file, report, terminal.language(), every=every, annotate=annotate)
            if not report.usable:
                from xborder.cli import proposed

                zh = terminal.language() == "zh"
                if report.proposal:
                    proposed.show(report.proposal, file, exporter, zh=zh)
                elif proposed.UNKNOWN in report.found["code"]:
                    proposed.by_hand(file, exporter, kind or "orders", zh=zh)
    raise typer.Exit(max(one.exit_code for one in reports))


def _annotate(file: Path, read: Reading, report: Report, to: Path) -> None:
    """Write the file back with its findings; exit 3 where the machine has no time for it."""
    from xborder.checks.annotated import annotated
    from xborder.checks.annotator import BusyError

    try:
        copy = annotated(file.read_bytes(), read, report.found)
    except BusyError:
        busy = either("电脑太忙，请稍后再试", "this machine is too busy: try again later")
        terminal.fail(busy, code=3)
        raise
    to.write_bytes(copy)


def _declared(
    place: "Home", exporter: str, shop: "Shop", read: list[Reading]
) -> "list[pl.DataFrame]":
    """The orders of each file that are declared already."""
    from xborder.registry import foreseen
    from xborder.registry.database import reading

    with reading(place.engine) as connection:
        return [foreseen.declared(connection, exporter, shop, one) for one in read]


def _completed(
    place: "Home | None", context: Context, shop: "Shop | None", read: list[Reading]
) -> Context:
    """The context with what files that were handed in before tell of the orders of these."""
    if place is None or shop is None:
        return context
    from xborder.registry import open_lines
    from xborder.registry.database import reading

    with reading(place.engine) as connection:
        return open_lines.with_known_facts(connection, place.store, context, read, shop.id)


def known_kind(kind: str) -> None:
    """Exit 2 for a kind of file that is not read."""
    if kind not in intake.KINDS:
        terminal.fail(f"{kind}: {either('应为其中之一', 'one of')} {', '.join(intake.KINDS)}")


def new_workbook(path: Path) -> None:
    """Exit 2 for a path to which no new workbook can be written; nothing is overwritten."""
    if path.suffix.lower() != ".xlsx":
        terminal.fail(f"{path}: {either('请以 .xlsx 结尾', 'write to a name that ends in .xlsx')}")
    if path.exists():
        terminal.fail(
            f"{path}: {either('文件已存在，不覆盖', 'the file exists; it is not overwritten')}"
        )
    if not path.parent.is_dir():
        terminal.fail(f"{path.parent}: {either('没有这个目录', 'no such folder')}")


def _context(
    exporter: str | None, shop: str | None, home: Path | None
) -> tuple[Context, "Shop | None", dict[str, str], "Home | None"]:
    """The context of a check, the shop, what the exporter said of its own sheets, and the home;
    without an exporter, neither home nor registry is touched."""
    if exporter is None:
        return Context(tables=tables.load(None), on=clock.today()), None, {}, None
    from xborder.cli import running
    from xborder.registry import mappings
    from xborder.registry.checkings import context_of
    from xborder.registry.database import reading

    opened = running.opened(home, profiles=True)
    profile = running.exporter_of(opened, exporter)
    shops = {one.id: one for one in profile.shops}
    if shop is None and len(shops) > 1:
        terminal.fail(
            f"{either('请用 --shop 指定店铺：', 'name the shop with --shop: ')}{', '.join(shops)}"
        )
    own = shops.get(shop or next(iter(shops)))
    if own is None:
        running.no_shop(shop, ", ".join(shops))
    context = context_of(
        opened.engine, opened.store, opened.settings, profile, opened.tables, clock.today()
    )
    with reading(opened.engine) as connection:
        return context, own, mappings.in_force(connection, profile.id), opened


def _show(file: Path, report: Report, lang: str, *, every: bool, annotate: Path | None) -> None:
    zh = lang == "zh"
    names = {
        "rows": either("行数", "rows"), "orders": either("订单", "orders"), "lines": either("商品行", "lines"),
        "accepted": either("通过（行）", "accepted (rows)"), "held": either("暂存（行）", "held (rows)"),
        "excluded": either("不计（行）", "excluded (rows)"), "duplicate": either("重复（行）", "duplicate (rows)"),
    }  # fmt: skip
    title = f"{file.name}  ·  {report.layout or ('无法识别' if zh else 'not recognised')}"
    terminal.out.print(terminal.pairs(title, {names[k]: v for k, v in report.counts.items()}))
    for code, number in report.excluded.items():
        terminal.out.print(f"  {findings.named('excluded', code, language())}: {number}")
    if report.declared:
        terminal.out.print(
            either(
                f"{report.declared} 个订单已经申报，内容没有变化：不会重复申报",
                f"{report.declared} orders are declared already, as they stand here: nothing is "
                "declared twice",
            ),
            style="cyan",
        )
    if report.found.height:
        terminal.causes(report.found)
        terminal.single_findings(report.found, every=every, file=file.name)
    else:
        terminal.out.print("没有发现问题" if zh else "nothing found wrong", style="green")
    if report.not_checked:
        head = "未检查（请用 --exporter 指定企业）：" if zh else "Not checked (name --exporter): "
        terminal.out.print(head + "; ".join(told(one) for one in report.not_checked))
    if annotate is not None:
        terminal.out.print(f"{'已写出批注文件' if zh else 'annotated file'}: {annotate}")


def template(
    kind: Annotated[str, typer.Argument(help="orders | goods | shipments | prices | stock")],
    to: Annotated[
        Path | None, typer.Option(help="file to write (default: <kind>_template.xlsx)")
    ] = None,
) -> None:
    """Write an empty template workbook 空白模板."""
    known_kind(kind)
    target = to or Path(f"{kind}_template.xlsx")
    new_workbook(target)
    intake.write_template(kind, target, lang=terminal.language())
    terminal.out.print(f"{target}")


def list_findings(
    code: Annotated[
        str | None, typer.Argument(help="one finding's code, in capitals or small letters")
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="the whole catalogue as docs/findings.md")
    ] = False,
) -> None:
    """The catalogue of findings 问题目录: what can be wrong, and what to do."""
    if markdown:
        typer.echo(page.markdown(), nl=False)
        return
    known = findings.catalogue()
    code = code.upper() if code is not None else None
    if code is not None and code not in known:
        terminal.fail(f"{code}: {either('没有这个问题代码', 'no such finding')}")
    shown = [known[code]] if code else list(known.values())
    if as_json:
        typer.echo(json.dumps([one.__dict__ for one in shown], ensure_ascii=False, indent=2))
        return
    zh = terminal.language() == "zh"
    heads = (
        ("代码", "级别", "说明", "怎么办", "依据")
        if zh
        else ("code", "severity", "meaning", "what to do", "rule")
    )
    values = (
        (
            one.code,
            findings.named("finding_severity", one.severity, language()),
            one.zh if zh else one.en,
            one.fix_zh if zh else one.fix_en,
            # The rules are told in English; in Chinese their numbers lead to docs/rules.md.
            ", ".join(RULE.findall(one.rule)) if zh else one.rule,
        )
        for one in shown
    )
    terminal.listing(either("问题目录", "Findings"), heads, list(values))
