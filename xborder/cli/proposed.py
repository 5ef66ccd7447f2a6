"""What the columns of a sheet may mean, shown with the command that comes next (列对应建议)."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.text import Text

from xborder.cli import terminal
from xborder.intake.layouts import fields, template
from xborder.intake.mappings import IDENTITY
from xborder.intake.proposals import Proposal, required

UNKNOWN = "UNKNOWN_LAYOUT"


def by_hand(file: Path, exporter: str | None, kind: str, *, zh: bool) -> None:
    """Print how a sheet is mapped none of whose headers is known: its fields and the command."""
    heads = ("栏目", "含义", "必需") if zh else ("field", "meaning", "needed")
    title = "各列要自己指定" if zh else "You say what each column is"
    made = terminal.table(f"{title}: {kind}", *heads)
    needed = [*dict.fromkeys([*IDENTITY[kind], *required(kind)])]
    if kind == "orders":
        needed.append("unit_price")
    others = [one.field for one in template(kind).columns if one.field not in needed]
    for field in (*needed, *others):
        mark = ("必需" if zh else "yes") if field in needed else ""
        terminal.rows(made, [(field, _title(kind, field, zh=zh), mark)])
    terminal.out.print(made)
    words = ["xborder", "mapping", "propose", str(file), "--exporter", exporter or "ID"]
    words += ["--kind", kind] if kind != "orders" else []
    for field in needed:
        words += ["--set", f"{field}={'表头' if zh else 'HEADER'}"]
    told = (
        "把“表头”换成文件里的表头（照抄），没有的列去掉，然后运行；"
        "不是订单时加 --kind goods、shipments、prices 或 stock。"
        "各行相同的内容用 --default 栏目=值"
        if zh
        else "put the file's own headers for HEADER, leave out what it has not, and run this; "
        "for other files than orders add --kind goods, shipments, prices or stock. "
        "What is the same in all rows: --default FIELD=VALUE"
    )
    terminal.out.print(Text(f"{told}\n{shlex.join(words)}", style="green"), soft_wrap=True)


def show(
    proposal: Proposal, file: Path, exporter: str | None, *, zh: bool, to: Path | None = None,
    accepted: bool = False, again: Iterable[str] = (),
) -> None:  # fmt: skip
    """Print a proposal and the command that comes next; ``again``: what was said already."""
    _show_columns(proposal, zh=zh)
    for question in proposal["questions"]:
        heads = " / ".join(one["header"].replace("\n", " ") for one in question["headers"])
        about = " / ".join(_title(proposal["kind"], one, zh=zh) for one in question["fields"])
        ways = [shlex.quote(f"{field}={' '.join(one['header'].split())}")
                for field in question["fields"] for one in question["headers"]]  # fmt: skip
        which = (" 或 --set " if zh else " or --set ").join(ways)
        told = f"  ? {heads} → {about}{'：' if zh else ': '}--set {which}"
        terminal.out.print(Text(told, style="yellow"), soft_wrap=True)
    for key, told_zh, told_en in (
        ("missing", "没有对应的列", "no header gives"),
        ("gone", "不见了的表头", "headers that are gone"),
        ("personal", "个人信息，不读入", "personal, not read"),
        ("unmapped", "其他列，不使用", "other columns, not used"),
    ):
        if names := proposal[key]:
            if key == "missing":
                names = [f"{_title(proposal['kind'], one, zh=zh)} ({one})" for one in names]
            shown = ", ".join(one.replace("\n", " ") for one in names[:20])
            more = f" … ({len(names)})" if len(names) > 20 else ""
            terminal.out.print(Text(f"  {told_zh if zh else told_en}: {shown}{more}"))
    for field, value in proposal["defaults"].items():
        terminal.out.print(Text(f"  {field} = {value}"))
    if not accepted:
        terminal.out.print(
            Text(_next(proposal, file, exporter, to, again, zh=zh), style="green"), soft_wrap=True
        )


def _show_columns(proposal: Proposal, *, zh: bool) -> None:
    heads = (
        ("栏目", "表头", "列", "#把握", "例")
        if zh
        else ("field", "header", "column", "#confidence", "samples")
    )
    base = f" ({proposal['base']})" if proposal["base"] else ""
    title = "建议的列对应" if zh else "Proposed mapping"
    made = terminal.table(f"{title}: {proposal['kind']}{base}", *heads)
    for one in proposal["columns"]:
        title = _title(proposal["kind"], one["field"], zh=zh)
        terminal.rows(made, [(f"{title} {one['field']}", one["header"].replace("\n", " "),
                              one["column"], f"{one['confidence']:.0%}",
                              " | ".join(one["samples"]))])  # fmt: skip
    terminal.out.print(made)


def _title(kind: str, field: str, *, zh: bool) -> str:
    if field not in fields(kind):
        return field
    column = template(kind).column(field)
    return column.zh if zh else column.en


def _next(
    proposal: Proposal, file: Path, exporter: str | None, to: Path | None,
    again: Iterable[str], *, zh: bool,
) -> str:  # fmt: skip
    if to is not None:
        words = ["xborder", "mapping", "accept", str(to), "--exporter", exporter or "ID"]
        return f"{'核对后运行' if zh else 'when it is right, run'}: {shlex.join(words)}"
    words = ["xborder", "mapping", "propose", str(file), "--exporter", exporter or "ID", *again]
    asked = len(words)
    for question in proposal["questions"]:
        words += ["--set", f"{question['field']}=…"]
    for field in proposal["missing"]:
        if field == "currency":
            words += ["--default", "currency=USD"]
        elif field in IDENTITY[proposal["kind"]]:
            words += ["--set", f"{field}=…"]
    asked = len(words) > asked
    if not asked:
        words.append("--accept")
    told = (
        ("选定后运行", "say which, then run") if asked else ("对的话运行", "if that is right, run")
    )
    return f"{told[0] if zh else told[1]}: {shlex.join(words)}"
