"""``xborder facts``: what the tables state without proof, and what the operator decides of it."""

import getpass
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich.text import Text

from xborder import clock, findings
from xborder.checks import facts as checked
from xborder.checks import questions
from xborder.cli import terminal
from xborder.cli.language import either, language
from xborder.cli.running import HomeOption, exporter_of, opened

if TYPE_CHECKING:
    from xborder.registry.home import Home

facts_app = typer.Typer(
    help="事实确认 facts of the tables that nobody verified: confirm, refuse, revoke",
    invoke_without_command=True,
)

Kind = Annotated[str, typer.Argument(help=" | ".join(checked.KINDS))]
Key = Annotated[str, typer.Argument(help="HS code, heading or notice, as the list shows it")]
For = Annotated[str | None, typer.Option("--exporter", help="for this exporter (default: for all)")]
By = Annotated[str | None, typer.Option(help="who decides (default: the login name)")]
Note = Annotated[str, typer.Option(help="why: the source that was seen")]
AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(facts_app, name="facts")


@facts_app.callback()
def facts(context: typer.Context, as_json: AsJson = False, home: HomeOption = None) -> None:
    """List the facts that wait for a decision, and the decisions that stand."""
    context.obj = home
    if context.invoked_subcommand:
        return
    from xborder.registry import decisions
    from xborder.registry.database import reading

    place = opened(home, profiles=True)
    open_now = _asked(place)
    with reading(place.engine) as connection:
        standing = decisions.standing(connection)
    if as_json:
        said = {"open": open_now.to_dicts(), "decided": standing.to_dicts()}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    zh = terminal.language() == "zh"
    _show_open(open_now, zh=zh)
    _show_decided(standing, zh=zh)


@facts_app.command("confirm")
def confirm(
    context: typer.Context, kind: Kind, key: Key, exporter: For = None, by: By = None,
    note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Confirm a fact 确认: from now on it counts as verified, and holds what does not fit."""
    _decide(home or context.obj, "confirmed", kind, key, exporter, by, note)


@facts_app.command("refuse")
def refuse(
    context: typer.Context, kind: Kind, key: Key, exporter: For = None, by: By = None,
    note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Refuse a fact 否定: it is not applied and warns no more."""
    _decide(home or context.obj, "refused", kind, key, exporter, by, note)


@facts_app.command("revoke")
def revoke(
    context: typer.Context, kind: Kind, key: Key, exporter: For = None, by: By = None,
    note: Note = "", home: HomeOption = None,
) -> None:  # fmt: skip
    """Take a decision back 撤销: the fact is unverified again."""
    _decide(home or context.obj, "revoked", kind, key, exporter, by, note)


def _asked(place: "Home") -> pl.DataFrame:
    """The questions of all exporters' goods: exporter and the columns of ``QUESTIONS``."""
    from xborder.registry import decisions, fixes
    from xborder.registry.database import reading

    parts = [pl.DataFrame(schema={"exporter": pl.String(), **questions.QUESTIONS})]
    for name in sorted(place.exporters):
        with reading(place.engine) as connection:
            answered = fixes.given(connection, name)
            decided = decisions.in_force(connection, name)
        goods = fixes.goods(place.store, answered, place.tables)
        asked = questions.asked(goods, place.tables, clock.today(), decided)
        parts.append(asked.select(pl.lit(name).alias("exporter"), *questions.QUESTIONS))
    return pl.concat(parts)


def _show_open(asked: pl.DataFrame, *, zh: bool) -> None:
    heads = (
        ("企业", "种类", "事实", "表中的值", "#货号数", "例")
        if zh
        else ("exporter", "kind", "fact", "what the table says", "#SKUs", "example")
    )
    if asked.is_empty():
        terminal.out.print("没有待确认的事实" if zh else "no fact waits for a decision")
        return
    made = terminal.table(either("待确认", "Waiting for a decision"), *heads)
    for exporter, kind, key, value, skus, example in asked.iter_rows():
        terminal.rows(made, [(exporter, _kind(kind), key, value, skus, example)])
    terminal.out.print(made)
    terminal.out.print(
        "核对来源后：xborder facts confirm 种类 事实（或 refuse）" if zh
        else "see the source, then: xborder facts confirm KIND FACT (or refuse)"
    )  # fmt: skip


def _kind(kind: str) -> str:
    """A kind of fact as the commands take it, and in Chinese what it is."""
    return f"{kind} {findings.named('fact_kind', kind, 'zh')}" if language() == "zh" else kind


def _show_decided(standing: pl.DataFrame, *, zh: bool) -> None:
    if standing.is_empty():
        return
    heads = (
        ("#号", "决定", "种类", "事实", "表中的值", "范围", "何人", "何时", "备注")
        if zh
        else ("#no.", "decision", "kind", "fact", "value", "for", "by", "at", "note")
    )
    words = {"confirmed": "确认", "refused": "否定"} if zh else {}
    made = terminal.table(either("已决定", "Decided"), *heads)
    for row in standing.iter_rows(named=True):
        scope = row["exporter"] or ("全部" if zh else "all")
        verdict = words.get(row["verdict"], row["verdict"])
        at = datetime.fromisoformat(row["decided_at"]).astimezone(clock.SHANGHAI)
        terminal.rows(made, [(row["id"], verdict, _kind(row["kind"]), row["key"], row["value"], scope,
                              row["decided_by"], f"{at:%Y-%m-%d %H:%M}", row["note"])])  # fmt: skip
    terminal.out.print(made)


def _decide(
    home: Path | None,
    verdict: str,
    kind: str,
    key: str,
    exporter: str | None,
    by: str | None,
    note: str,
) -> None:
    from xborder.registry import decisions
    from xborder.registry.database import transaction

    place = opened(home, profiles=True)
    if kind not in checked.KINDS:
        terminal.fail(f"{kind}: {either('应为其中之一', 'one of')} {', '.join(checked.KINDS)}")
    if exporter is not None:
        exporter_of(place, exporter)
    value = questions.stated(kind, key, place.tables, clock.today())
    if value is None and verdict != decisions.REVOKED:
        terminal.fail(
            f"{kind} {key}: {either('表中没有这项事实', 'the tables state no such fact')}"
        )
    if kind == "notice" and verdict == decisions.CONFIRMED:
        terminal.fail(f"notice: {either('目的国提示只能否定', 'a notice can only be refused')}")
    try:
        with transaction(place.engine) as connection:
            number = decisions.record(
                connection, kind, key, value or "", verdict, by=by or getpass.getuser(),
                exporter=exporter or "", note=note,
            )  # fmt: skip
    except decisions.DecisionError as error:
        terminal.fail(error)
    done = {
        "confirmed": either("已确认", "confirmed"),
        "refused": either("已否定", "refused"),
        "revoked": either("已撤销", "revoked"),
    }
    scope = exporter or either("全部", "all")
    terminal.out.print(Text(f"{number}: {done[verdict]}  {kind} {key}  {value or ''}  ({scope})"))
    terminal.out.print(
        either(
            "未放行的订单下次运行时自动重新核验", "open orders are checked again at the next run"
        ),
        style="green",
    )
