"""``xborder mapping``: what the columns of a sheet mean that no channel writes, said once."""

import getpass
import json
import re
import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from xborder import clock, intake
from xborder.cli import proposed, terminal
from xborder.cli.language import either
from xborder.cli.running import HomeOption, exporter_of, opened
from xborder.intake.layouts import VERSION, template
from xborder.intake.mappings import LEAVE_OUT, MappingError, answered, text_of

if TYPE_CHECKING:
    from xborder.registry.home import Home

mapping_app = typer.Typer(
    help="列对应 what the columns of a sheet of your own mean", no_args_is_help=True
)

For = Annotated[
    str | None, typer.Option("--exporter", help="of this exporter (default: the only one)")
]
By = Annotated[str | None, typer.Option(help="who says so (default: the login name)")]
Note = Annotated[str, typer.Option(help="why")]
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]
SIGNS = ("point", "comma")
Name = Annotated[str, typer.Argument(help="name of the mapping, as the list shows it")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(mapping_app, name="mapping")


@mapping_app.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(help="a file whose layout is not known, or has changed")],
    exporter: Annotated[
        str | None, typer.Option(help="whose file it is: its mappings count")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=HEADER", help="say which header a field is; - none"),
    ] = None,
    default: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="what holds where a cell is empty: currency=USD"),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="orders | goods | shipments | prices | stock")
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="point | comma: which of them parts the fraction of numbers")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="as if no layout were known: for a file read wrongly")
    ] = False,
    name: Annotated[str | None, typer.Option(help="name of the mapping")] = None,
    to: Annotated[Path | None, typer.Option(help="write it as TOML, to look at or change")] = None,
    accept_it: Annotated[
        bool, typer.Option("--accept", help="accept it at once for --exporter")
    ] = False,
    by: By = None, note: Note = "", as_json: AsJson = False, home: HomeOption = None,
) -> None:  # fmt: skip
    """Propose what each column means 建议列对应: shown, never used before it is accepted."""
    if not file.is_file():
        terminal.fail(f"{file}: {either('不是文件或不存在', 'no such file')}")
    if kind is not None and kind not in intake.KINDS:
        terminal.fail(f"{kind}: {either('应为其中之一：', 'one of')} {', '.join(intake.KINDS)}")
    if number not in (None, *SIGNS):
        terminal.fail(f"{number}: {either('应为其中之一：', 'one of')} {', '.join(SIGNS)}")
    if to is not None and to.exists():
        terminal.fail(
            f"{to}: {either('文件已存在，不覆盖', 'the file exists; it is not overwritten')}"
        )
    # First of all, because a fork must come before any thread.
    with intake.Nursery(forked=True) as nursery:
        place = opened(home, profiles=True) if exporter or accept_it else None
        who = _exporter(place, exporter) if place else None
        standing = _standing(place, who) if place and who else {}
        said, given = dict(map(_pair, set_ or [])), dict(map(_pair, default or []))
        heads = {field: head for field, head in said.items() if head != LEAVE_OUT}
        read = intake.read(
            file, file.name, kind=kind, nursery=nursery, mappings=standing, fresh=fresh, said=heads
        )
    if read.proposal is None or (read.usable and not (said or given or number)):
        return _nothing(file, read, who, kind, heads, zh=terminal.language() == "zh")
    try:
        proposal = answered(read.proposal, said, given)
        if not proposal["base"]:
            proposal |= {"name": name or _name_of(file) or proposal["name"]}
        text = text_of(proposal, standing, number)
    except MappingError as error:
        terminal.fail(error)
    if as_json:
        typer.echo(json.dumps(proposal, ensure_ascii=False, indent=2))
    else:
        again = ["--kind", kind] if kind else []
        again += ["--fresh"] if fresh else []
        again += ["--name", name] if name else []
        again += ["--number", number] if number else []
        again += [one for pair in said.items() for one in ("--set", "=".join(pair))]
        again += [one for pair in given.items() for one in ("--default", "=".join(pair))]
        proposed.show(
            proposal, file, who, zh=terminal.language() == "zh", to=to, accepted=accept_it,
            again=again,
        )  # fmt: skip
    if to is not None:
        to.write_text(text, "utf-8")
    if accept_it and place and who:
        if proposal["questions"]:
            terminal.fail(
                either("请先用 --set 回答以上问题", "answer the questions first, with --set")
            )
        _accept(place, who, text, by, note)


def _nothing(
    file: Path, read: intake.Reading, exporter: str | None, kind: str | None,
    said: Mapping[str, str], *, zh: bool,
) -> None:  # fmt: skip
    """Say why nothing is proposed, and what may be said all the same; exit 2 unless the file is
    recognised."""
    if read.usable:
        known = f"{file.name}: {either('已识别', 'recognised')}: {read.layout}"
        again = either(
            "读得不对时加 --fresh 自行指定各列",
            "if it is read wrongly, say what each column is: --fresh",
        )
        more = either("要加一列，用 --set 栏目=表头", "to add a column: --set FIELD=HEADER")
        terminal.out.print(Text(f"{known}\n{again}\n{more}", style="green"))
        return
    from xborder import findings

    told = findings.explain(read.findings.row(-1, named=True))
    if read.fatal == proposed.UNKNOWN and not said:
        proposed.by_hand(file, exporter, kind or "orders", zh=zh)
        raise typer.Exit(2)
    if read.fatal == proposed.UNKNOWN and said:
        heads = ", ".join(said.values())
        terminal.fail(
            f"{heads}: {either('文件中没有这些表头', 'no such headers in the file')} {file.name}"
        )
    message = either(str(told["message_zh"]), str(told["message_en"]))
    terminal.fail(f"{file.name}: {told['code']} {message}")


def _pair(text: str) -> tuple[str, str]:
    field, equal, value = text.partition("=")
    if not equal or not field.strip() or not value.strip():
        terminal.fail(f"{text}: {either('应为 栏目=值', 'write FIELD=VALUE')}")
    return _field(field.strip()), value.strip()


def _field(name: str) -> str:
    """A field by its name or its title in the template."""
    for kind in intake.KINDS:
        for column in template(kind).columns:
            if name.casefold() in (column.field, column.zh.casefold(), column.en.casefold()):
                return column.field
    return name


def _name_of(file: Path) -> str:
    """A name for the mapping from the file's; empty where it gives none."""
    words = re.findall(r"[a-z]+", file.stem.lower(), re.ASCII)
    return "_".join(words)[:40] if words and len("".join(words)) > 3 else ""


@mapping_app.command("accept")
def accept(
    file: Annotated[Path, typer.Argument(help="the TOML that propose wrote, changed or not")],
    exporter: For = None, by: By = None, note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Accept a mapping 确认列对应: files with these headers are recognised from now on."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        terminal.fail(f"{file}: {error}")
    place = opened(home, profiles=True)
    _accept(place, _exporter(place, exporter), text, by, note)


def _accept(place: "Home", exporter: str, text: str, by: str | None, note: str) -> None:
    from xborder.registry import mappings
    from xborder.registry.database import transaction

    try:
        with transaction(place.engine) as connection:
            name, version, layout = mappings.accept(
                connection, exporter, text, by=by or getpass.getuser(), note=note
            )
            again = mappings.take_up(connection, place.store, exporter, layout)
    except MappingError as error:
        terminal.fail(error)
    done = either("已确认", "accepted")
    terminal.out.print(Text(f"{name}{VERSION}{version}: {done}, {exporter}", style="green"))
    if again:
        told = either(
            f"{len(again)} 个被拒的文件将由下次运行重新读取",
            f"{len(again)} refused file(s) will be read again by the next run",
        )
        terminal.out.print(Text(f"{told}: xborder run --no-cutoff"))


@mapping_app.command("revoke")
def revoke(
    name: Name, exporter: For = None, by: By = None, note: Note = "", home: HomeOption = None
) -> None:
    """Take a mapping back 撤销: its files are no longer recognised; what was read stays."""
    from xborder.registry import mappings
    from xborder.registry.database import transaction

    place = opened(home, profiles=True)
    who = _exporter(place, exporter)
    try:
        with transaction(place.engine) as connection:
            mappings.revoke(connection, who, name, by=by or getpass.getuser(), note=note)
    except MappingError as error:
        terminal.fail(error)
    terminal.out.print(Text(f"{name}: {either('已撤销', 'revoked')}", style="green"))


@mapping_app.command("show")
def show_one(
    name: Name,
    version: Annotated[int | None, typer.Option(help="an earlier version")] = None,
    exporter: For = None, home: HomeOption = None,
) -> None:  # fmt: skip
    """Print a mapping as TOML, as accept takes it."""
    from xborder.registry import mappings
    from xborder.registry.database import reading

    place = opened(home, profiles=True)
    who = _exporter(place, exporter)
    with reading(place.engine) as connection:
        own = mappings.recorded(connection, who)
    rows = [
        row for row in own.iter_rows(named=True)
        if row["name"] == name and version in (None, row["version"])
    ]  # fmt: skip
    if not rows:
        terminal.fail(f"{name}: {who} {either('没有这个列对应', 'has no such mapping')}")
    typer.echo(rows[-1]["text"], nl=False)


@mapping_app.command("list")
def list_all(exporter: For = None, as_json: AsJson = False, home: HomeOption = None) -> None:
    """The mappings that stand, and refused files that one would cure."""
    from xborder.registry import mappings
    from xborder.registry.database import reading

    place = opened(home, profiles=True)
    names = [_exporter(place, exporter)] if exporter else sorted(place.exporters)
    told: dict[str, list[dict[str, Any]]] = {"mappings": [], "waiting": []}
    with reading(place.engine) as connection:
        for who in names:
            for row in mappings.standing(connection, who).iter_rows(named=True):
                layout = mappings.layout_of(row["text"])
                own = {key: row[key] for key in row if key not in ("id", "text", "verdict")}
                told["mappings"].append(own | {"kind": layout.kind, "base": layout.base})
            for upload, proposal in mappings.waiting(connection, place.store, who):
                told["waiting"].append(
                    {"exporter": who, "shop": upload.shop, "upload": upload.id,
                     "file": upload.file_name, "code": upload.code,
                     "received_at": upload.received_at.isoformat(), "proposal": proposal}
                )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    _show_list(told)


def _show_list(told: Mapping[str, list[dict[str, Any]]]) -> None:
    zh = terminal.language() == "zh"
    heads = (
        ("企业", "名称", "#版本", "类型", "何人", "何时", "备注")
        if zh
        else ("exporter", "name", "#version", "kind", "by", "at", "note")
    )
    made = terminal.table(either("列对应", "Mappings"), *heads)
    for row in told["mappings"]:
        at = datetime.fromisoformat(row["given_at"]).astimezone(clock.SHANGHAI)
        terminal.rows(made, [(row["exporter"], row["name"], row["version"], row["kind"],
                              row["given_by"], f"{at:%Y-%m-%d %H:%M}", row["note"])])  # fmt: skip
    terminal.out.print(made if told["mappings"] else either("还没有列对应", "no mapping yet"))
    if not told["waiting"]:
        return
    four = ("企业", "文件", "问题", "下一步") if zh else ("exporter", "file", "finding", "next")
    made = terminal.table(either("待确认的文件", "Refused files with a proposal"), *four)
    for row in told["waiting"]:
        words = ["xborder", "mapping", "propose", row["file"], "--exporter", row["exporter"]]
        terminal.rows(made, [(row["exporter"], row["file"], row["code"], shlex.join(words))])
    terminal.out.print(made)


def _exporter(place: "Home", exporter: str | None) -> str:
    if exporter is None:
        if len(place.exporters) != 1:
            known = ", ".join(sorted(place.exporters))
            told = either("请用 --exporter 指定企业", "name the exporter with --exporter")
            terminal.fail(f"{told}: {known}")
        return next(iter(place.exporters))
    return exporter_of(place, exporter).id


def _standing(place: "Home", exporter: str) -> dict[str, str]:
    from xborder.registry import mappings
    from xborder.registry.database import reading

    with reading(place.engine) as connection:
        return mappings.in_force(connection, exporter)
