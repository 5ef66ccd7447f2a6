"""``xborder fix``: why orders are held, by cause, and one answer for all orders of a cause."""

import getpass
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer
from rich.text import Text

from xborder import clock, findings
from xborder.checks.words import TABLES
from xborder.cli import terminal
from xborder.cli.running import HomeOption, exporter_of, opened
from xborder.schemas import columns, titles

if TYPE_CHECKING:
    from xborder.registry.fixes import Given
    from xborder.registry.home import Home

fix_app = typer.Typer(
    help="一次更正 answer a cause once, for all orders that it holds",
    invoke_without_command=True,
)

MOST_LACKING = 200
"""SKUs whose missing fields are sought for the list."""

For = Annotated[
    str | None, typer.Option("--exporter", help="of this exporter (default: the only one)")
]
By = Annotated[str | None, typer.Option(help="who answers (default: the login name)")]
Note = Annotated[str, typer.Option(help="why: the source that was seen")]
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]
Lang = Annotated[str | None, typer.Option("--lang", help="zh | en")]
Word = Annotated[str, typer.Argument(help="the word as the order file writes it")]
Code = Annotated[str, typer.Argument(help="the code that it means, or a known name of it")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(fix_app, name="fix")


@fix_app.callback()
def fix(
    context: typer.Context, exporter: For = None, as_json: AsJson = False,
    home: HomeOption = None, lang: Lang = None,
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
    zh = terminal.language(lang) == "zh"
    _show_causes(causes, zh=zh)
    _show_given(given, zh=zh)


@fix_app.command("sku")
def sku(
    context: typer.Context,
    sku: Annotated[str, typer.Argument(help="the SKU as the catalogue or order file writes it")],
    values: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE…", help="catalogue fields")],
    exporter: For = None, by: By = None, note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Say of a SKU what its catalogue row would say 商品货号: hs_code=6912001000 or 商品编码=…"""
    place, name = _at(context, home, exporter)
    said = _as_records(dict(_field(one) for one in values), place)
    from xborder.registry import fixes
    from xborder.registry.database import transaction

    told = _told(place, name)
    with transaction(place.engine) as connection:
        supposed = fixes.supposed(told, sku, said, fixes.last_delivery(connection))
        valid, wrong = fixes.tried(place.store, supposed, place.tables)
        own = wrong.filter(pl.col("sku") == sku)
        if sku not in valid["sku"].to_list():
            _refuse(sku, own)
        _record(connection, name, fixes.SKU, sku, said, by, note)
    _told_recorded(sku, said)


def _word(table: str) -> None:
    """Make the command that gives a word a code of a table."""

    def command(
        context: typer.Context, word: Word, code: Code, exporter: For = None, by: By = None,
        note: Note = "", home: HomeOption = None,
    ) -> None:  # fmt: skip
        place, name = _at(context, home, exporter)
        look_up = getattr(place.tables, table)
        if (means := look_up(word)) is not None:
            terminal.fail(f"{word}: 已是代码表中的 is known already as {means}")
        found = look_up(code)
        if found is None:
            terminal.fail(f"{code}: 代码表中没有 not in the table {table}")
        from xborder.registry.database import transaction

        with transaction(place.engine) as connection:
            _record(connection, name, table, word, {"": found}, by, note)
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
        terminal.fail(str(error))
    _told_recorded(f"{number} 已撤销 revoked", {})


def _at(context: typer.Context, home: Path | None, exporter: str | None) -> tuple["Home", str]:
    before: tuple[Path | None, str | None] = context.obj or (None, None)
    place = opened(home or before[0], profiles=True)
    return place, _exporter(place, exporter or before[1])


def _exporter(place: "Home", exporter: str | None) -> str:
    if exporter is None:
        if len(place.exporters) != 1:
            known = ", ".join(sorted(place.exporters))
            terminal.fail(f"请用 --exporter 指定企业 name the exporter with --exporter: {known}")
        return next(iter(place.exporters))
    return exporter_of(place, exporter).id


def _told(place: "Home", exporter: str) -> "Given":
    from xborder.registry import fixes
    from xborder.registry.database import reading

    with reading(place.engine) as connection:
        return fixes.given(connection, exporter)


def _causes(place: "Home", exporter: str, told: "Given") -> list[dict[str, Any]]:
    from xborder.registry import causes, fixes

    goods = fixes.goods(place.store, told, place.tables)
    found = causes.of_held(place.engine, place.store, exporter, goods)
    absent = found.filter(pl.col("code") == "SKU_NOT_IN_CATALOGUE")["key"].unique(
        maintain_order=True
    )
    lacks = fixes.lacking(place.store, told, place.tables, absent.head(MOST_LACKING).to_list())
    return [
        {"exporter": exporter}
        | row
        | {"suggestions": json.loads(row["suggestions"])}
        | {"answer": causes.hint(row, lacks.get(row["key"], []))}
        for row in found.iter_rows(named=True)
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
        terminal.fail(f"{text}: 应为 栏目=值 write FIELD=VALUE with a field of: "
                      f"{', '.join(one for one in columns('goods') if one != 'sku')}")  # fmt: skip
    return str(found), value.strip()


def _as_records(values: Mapping[str, str], place: "Home") -> dict[str, str]:
    """Values as a catalogue's reading would have them: names and labels as codes."""
    from xborder.intake import codes

    bare = dict.fromkeys(columns("goods")) | dict(values)
    frame = pl.DataFrame([bare], schema=dict.fromkeys(columns("goods"), pl.String))
    read = codes.apply(frame, "goods", "template_goods", place.tables).row(0, named=True)
    return {name: read[name] for name in values}


def _refuse(sku: str, wrong: pl.DataFrame) -> None:
    """Say what keeps a SKU's row from being in force with the answer; exit 2."""
    lines = [
        f"{sku}: 未记录，商品资料还缺或有误 not recorded; its catalogue row would still be wrong:"
    ]
    named = titles("goods")
    for row in wrong.iter_rows(named=True):
        said = findings.explain({name: row[name] for name in findings.FINDINGS})
        zh, en = named.get(row["field"], (row["field"], ""))
        told = f"{said['message_zh']} {said['message_en']}"
        lines.append(f"  {row['field']}=… ({zh} {en}): {told}")
    terminal.fail("\n".join(lines))


def _record(
    connection: Any, exporter: str, kind: str, key: str, values: Mapping[str, str],
    by: str | None, note: str,
) -> None:  # fmt: skip
    from xborder.registry import fixes

    try:
        fixes.record(connection, exporter, kind, key, values, by=by or getpass.getuser(), note=note)
    except fixes.FixError as error:
        terminal.fail(str(error))


def _told_recorded(key: str, values: Mapping[str, str]) -> None:
    told = ", ".join(f"{field} = {value}" for field, value in values.items())
    terminal.out.print(Text(f"{key}: {told}" if told else key))
    terminal.out.print(
        "未放行的订单下次运行时自动重新核验 open orders are checked again at the next run: "
        "xborder run --no-cutoff",
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
    made = terminal.table("暂存原因 Causes of held orders", *heads)
    for one in causes:
        place = " ".join(part for part in (one["file"], one["sheet"], one["cell"]) if part)
        example = f"{place}: {one['value']}" if one["value"] else place
        meant = findings.perhaps(one["suggestions"], one["field"], "zh" if zh else "en")
        mend = _mend(one["code"], zh=zh)
        if meant and not one["answer"]:
            mend += f"：{meant}" if zh else f": perhaps {meant}"
        terminal.rows(made, [(one["exporter"], one["code"], one["cells"], one["orders"],
                              one["cures"], example, one["answer"] or mend)])  # fmt: skip
    terminal.out.print(made)


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
    made = terminal.table("已更正 Answers", *heads)
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
