"""``xborder fix``: why orders are held, by cause, and one answer for all orders of a cause."""

import getpass
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from xborder import clock, findings
from xborder.checks.words import TABLES
from xborder.cli import terminal
from xborder.cli.language import either
from xborder.cli.running import HomeOption, exporter_of, opened
from xborder.schemas import columns, titles

if TYPE_CHECKING:
    from xborder.registry.fixes import Given
    from xborder.registry.home import Home

fix_app = typer.Typer(
    help="一次更正 answer a cause once, for all orders that it holds",
    invoke_without_command=True,
)

For = Annotated[
    str | None, typer.Option("--exporter", help="of this exporter (default: the only one)")
]
By = Annotated[str | None, typer.Option(help="who answers (default: the login name)")]
Note = Annotated[str, typer.Option(help="why: the source that was seen")]
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]
Word = Annotated[str, typer.Argument(help="the word as the order file writes it")]
Code = Annotated[str, typer.Argument(help="the code that it means, or a known name of it")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(fix_app, name="fix")


@fix_app.callback()
def fix(
    context: typer.Context, exporter: For = None, as_json: AsJson = False,
    home: HomeOption = None,
) -> None:  # fmt: skip
    """List the causes of held orders with the command that answers each, and what was answered."""
    context.obj = (home, exporter)
    if context.invoked_subcommand:
        return
    place = opened(home, profiles=True)
    names = [_exporter(place, exporter)] if exporter else sorted(place.exporters)
    causes, given = [], []
    for name in names:
        told = _told(place, name)
        causes += _causes(place, name, told)
        given += _given(place, name, told)
    if as_json:
        typer.echo(json.dumps({"causes": causes, "given": given}, ensure_ascii=False, indent=2))
        return
    zh = terminal.language() == "zh"
    _show_causes(causes, zh=zh)
    _show_fields(causes)
    _show_given(given, zh=zh)
    _show_waiting(place, names, zh=zh)


def _show_waiting(place: "Home", names: list[str], *, zh: bool) -> None:
    """Refused files that an answer about their columns cures are answered elsewhere."""
    from xborder.registry import mappings
    from xborder.registry.database import reading

    with reading(place.engine) as connection:
        number = sum(len(mappings.waiting(connection, place.store, one)) for one in names)
    if number:
        told = (
            f"{number} 个被拒的文件待确认各列含义"
            if zh
            else f"{number} refused files await a word on their columns"
        )
        terminal.out.print(Text(f"{told}: xborder mapping list", style="yellow"))


@fix_app.command("sku")
def sku(
    context: typer.Context,
    sku: Annotated[str, typer.Argument(help="the SKU as the catalogue or order file writes it")],
    values: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE…", help="catalogue fields")],
    exporter: For = None, by: By = None, note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Say of a SKU what its catalogue row would say 商品货号: hs_code=6912001000 or 商品编码=…"""
    place, name = _at(context, home, exporter)
    from xborder.registry import answering, fixes
    from xborder.registry.database import transaction

    told = dict(_field(one) for one in values)
    try:
        with transaction(place.engine) as connection:
            said = answering.of_sku(
                connection, place.store, place.tables, name, sku, told,
                by=by or getpass.getuser(), note=note,
            )  # fmt: skip
    except answering.WrongAnswerError as error:
        _refuse(sku, error.problems)
        raise
    except fixes.FixError as error:
        terminal.fail(error)
        raise
    _told_recorded(sku, said)


def _word(table: str) -> None:
    """Make the command that gives a word a code of a table."""

    def command(
        context: typer.Context, word: Word, code: Code, exporter: For = None, by: By = None,
        note: Note = "", home: HomeOption = None,
    ) -> None:  # fmt: skip
        place, name = _at(context, home, exporter)
        from xborder.registry import answering, fixes
        from xborder.registry.database import transaction

        try:
            with transaction(place.engine) as connection:
                found = answering.of_word(
                    connection, place.tables, name, table, word, code,
                    by=by or getpass.getuser(), note=note,
                )  # fmt: skip
        except fixes.FixError as error:
            terminal.fail(error)
            raise
        _told_recorded(word, {table: found})

    names = {"country": "国家（地区）", "currency": "币制", "unit": "计量单位"}
    help_text = f"Say which {table} a word of the files means {names[table]}"
    fix_app.command(table, help=help_text)(command)


for _table in TABLES:
    _word(_table)


@fix_app.command("revoke")
def revoke(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="number of the answer, as the list shows it")],
    exporter: For = None, by: By = None, note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Take an answer back 撤销: the orders are checked without it again."""
    place, name = _at(context, home, exporter)
    from xborder.registry import fixes
    from xborder.registry.database import transaction

    try:
        with transaction(place.engine) as connection:
            fixes.revoke(connection, name, number, by=by or getpass.getuser(), note=note)
    except fixes.FixError as error:
        terminal.fail(error)
    _told_recorded(f"{number} {either('已撤销', 'revoked')}", {})


def _at(context: typer.Context, home: Path | None, exporter: str | None) -> tuple["Home", str]:
    before: tuple[Path | None, str | None] = context.obj or (None, None)
    place = opened(home or before[0], profiles=True)
    return place, _exporter(place, exporter or before[1])


def _exporter(place: "Home", exporter: str | None) -> str:
    if exporter is None:
        if len(place.exporters) != 1:
            known = ", ".join(sorted(place.exporters))
            terminal.fail(
                f"{either('请用 --exporter 指定企业：', 'name the exporter with --exporter: ')}{known}"
            )
        return next(iter(place.exporters))
    return exporter_of(place, exporter).id


def _told(place: "Home", exporter: str) -> "Given":
    from xborder.registry import answering

    return answering.given(place.engine, exporter)


def _causes(place: "Home", exporter: str, told: "Given") -> list[dict[str, Any]]:
    from xborder.registry import answering

    found = answering.open_causes(place.engine, place.store, place.tables, exporter, told)
    return [
        {"exporter": exporter, "fields": [name for name in one["asks"] if name]}
        | {name: one[name] for name in one if name != "asks"}
        for one in found
    ]


def _given(place: "Home", exporter: str, told: "Given") -> list[dict[str, Any]]:
    from xborder.registry import fixes

    overtaken = fixes.overtaken(place.store, told)
    shown = told.answers.drop("verdict", "after")
    return [
        {"exporter": exporter} | row | {"overtaken_by": overtaken.get(row["id"], "")}
        for row in shown.iter_rows(named=True)
    ]


def _field(text: str) -> tuple[str, str]:
    """A field of the catalogue by its name or title, and the value given to it."""
    name, equal, value = text.partition("=")
    known = {field: field for field in columns("goods")}
    for field, both in titles("goods").items():
        known |= {title.casefold(): field for title in both}
    found = known.get(name.strip().casefold())
    if not equal or not value.strip() or found in (None, "sku"):
        terminal.fail(f"{text}: {either('应为 栏目=值，栏目是：', 'write FIELD=VALUE with a field of: ')}"
                      f"{', '.join(one for one in columns('goods') if one != 'sku')}")  # fmt: skip
    return str(found), value.strip()


def _refuse(sku: str, problems: Sequence[Mapping[str, str]]) -> None:
    """Say what keeps a SKU's row from being in force with the answer; exit 2."""
    lines = [
        f"{sku}: "
        + either(
            "未记录，商品资料还缺或有误：", "not recorded; its catalogue row would still be wrong:"
        )
    ]
    named = titles("goods")
    for one in problems:
        title = either(*named.get(one["field"], (one["field"], one["field"])))
        why = either(one["message_zh"], one["message_en"])
        lines.append(f"  {one['field']}=… ({title}): {why}")
    terminal.fail("\n".join(lines))


def _told_recorded(key: str, values: Mapping[str, str]) -> None:
    told = ", ".join(f"{field} = {value}" for field, value in values.items())
    terminal.out.print(Text(f"{key}: {told}" if told else key))
    terminal.out.print(
        either(
            "未放行的订单下次运行时自动重新核验：",
            "open orders are checked again at the next run: ",
        )
        + "xborder run --no-cutoff",
        style="green",
    )


def _show_causes(causes: list[dict[str, Any]], *, zh: bool) -> None:
    if not causes:
        terminal.out.print("没有暂存的订单" if zh else "no order is held")
        return
    heads = (
        ("企业", "问题", "#单元格", "#订单", "#可放行", "例", "一次更正")
        if zh
        else ("exporter", "finding", "#cells", "#orders", "#cures", "example", "answer")
    )
    shown = []
    for one in causes:
        place = " ".join(part for part in (one["file"], one["sheet"], one["cell"]) if part)
        example = f"{place}: {one['value']}" if one["value"] else place
        meant = findings.perhaps(one["suggestions"], one["field"], "zh" if zh else "en")
        mend = _mend(one["code"], zh=zh)
        if meant and not one["answer"]:
            mend += f"：{meant}" if zh else f": perhaps {meant}"
        shown.append((one["exporter"], one["code"], one["cells"], one["orders"], one["cures"],
                      example, one["answer"] or mend))  # fmt: skip
    terminal.listing(either("暂存原因", "Causes of held orders"), heads, shown)


def _show_fields(causes: list[dict[str, Any]]) -> None:
    """Print what the catalogue's fields that are asked for are called, each with an example."""
    from xborder.intake.layouts import template

    asked = {field for one in causes if one["kind"] == "sku" for field in one["fields"]}
    told = [
        (one.field, either(one.zh, one.en), one.example or " / ".join(one.choices[:3]),
         either(one.note_zh, one.note_en))
        for one in template("goods").columns
        if one.field in asked
    ]  # fmt: skip
    if told:
        heads = (either("栏目", "field"), either("名称", "title"), either("例", "example"),
                 either("填写说明", "how to fill it in"))  # fmt: skip
        terminal.listing(either("栏目怎么填", "The fields"), heads, told)


def _mend(code: str, *, zh: bool) -> str:
    """What to do where no answer helps: an order that awaits its shipment has no wrong file."""
    entry = findings.catalogue()[code]
    told = entry.fix_zh if zh else entry.fix_en
    # A text that names its cell's column or value does not speak for all cells of a cause.
    if "{" not in told:
        return told
    return "改文件" if zh else "mend the file"


def _show_given(given: list[dict[str, Any]], *, zh: bool) -> None:
    if not given:
        return
    heads = (
        ("#号", "企业", "更正", "值", "何人", "何时", "备注", "状态")
        if zh
        else ("#no.", "exporter", "about", "value", "by", "at", "note", "state")
    )
    made = terminal.table(either("已更正", "Answers"), *heads)
    for row in given:
        at = datetime.fromisoformat(row["given_at"]).astimezone(clock.SHANGHAI)
        about = " ".join(part for part in (row["kind"], row["key"], row["field"]) if part)
        state = "有效" if zh else "stands"
        if row["overtaken_by"]:
            later = row["overtaken_by"]
            state = f"以后来的文件为准：{later}" if zh else f"a later file counts: {later}"
        terminal.rows(made, [(row["id"], row["exporter"], about, row["value"], row["given_by"],
                              f"{at:%Y-%m-%d %H:%M}", row["note"], state)])  # fmt: skip
    terminal.out.print(made)
