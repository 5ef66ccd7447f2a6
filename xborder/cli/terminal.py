"""What the terminal shows: tables of counts, findings by cause, manifests; zh or en."""

import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xborder import findings

MOST_A_CAUSE = 1000
"""Findings shown a cause; the totals are always told, ``--all`` shows the rest."""

WIDE = 132
"""Columns where the output goes into a file or pipe, which has no width of its own."""


def _console(*, stderr: bool) -> Console:
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=WIDE)


out = _console(stderr=False)
err = _console(stderr=True)

_COLOURS = {"fatal": "bold red", "error": "red", "warning": "yellow", "notice": "cyan"}


def language(chosen: str | None = None) -> str:
    """``zh`` or ``en``: as asked, else ``XBORDER_LANG``, else as the terminal's locale says."""
    said = (
        chosen
        or os.environ.get("XBORDER_LANG")
        or os.environ.get("LC_ALL")
        or os.environ.get("LANG")
    )
    return "zh" if (said or "zh").lower().startswith("zh") else "en"


def table(title: str, *heads: str) -> Table:
    """An empty table in our style; heads that begin with ``#`` are numbers."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        min_width=cell_len(title) + 2,
        pad_edge=False,
    )
    for head in heads:
        made.add_column(head.removeprefix("#"), justify="right" if head.startswith("#") else "left",
                        overflow="fold")  # fmt: skip
    return made


def _cell(value: object) -> Text:
    # Text, not markup: a value of a file must never be read as markup by the terminal.
    return Text("" if value is None else str(value))


def rows(made: Table, values: Iterable[Iterable[object]]) -> Table:
    """Add rows of plain text."""
    for row in values:
        made.add_row(*(_cell(value) for value in row))
    return made


def causes(found: pl.DataFrame, lang: str, counts: Mapping[str, int] | None = None) -> Table:
    """Findings grouped by cause: how many, an example with its cell, and what to do.

    ``counts`` by code, where not all are in ``found``.
    """
    heads = (
        ("问题", "级别", "#数量", "例", "说明", "怎么办")
        if lang == "zh"
        else ("finding", "severity", "#count", "example", "meaning", "what to do")
    )
    made = table("问题 Findings", *heads)
    rank = {severity: place for place, severity in enumerate(findings.SEVERITIES)}
    grouped = (
        found.with_columns(
            pl.col("severity").replace_strict(rank).alias("rank"),
            (pl.len().over("code") if counts is None else pl.col("code").replace_strict(counts))
            .cast(pl.Int64)
            .alias("count"),
        )
        .group_by("code", maintain_order=True)
        .agg(
            pl.col("count").first(),
            pl.col("rank").first(),
            pl.struct(found.columns).first().alias("one"),
        )
        .sort("rank", "count", "code", descending=[False, True, False])
    )
    for code, count, _, one in grouped.iter_rows():
        told = findings.explain(one)
        place = " ".join(str(part) for part in (told["file"], told["sheet"], told["cell"]) if part)
        made.add_row(
            Text(code), Text(str(told["severity"]), style=_COLOURS[str(told["severity"])]),
            Text(str(count)), Text(place), Text(str(told[f"message_{lang}"])),
            Text(str(told[f"fix_{lang}"])),
        )  # fmt: skip
    return made


def single_findings(found: pl.DataFrame, lang: str, *, every: bool) -> Table:
    """Each finding at its cell, at most ``MOST_A_CAUSE`` a cause unless ``every``."""
    heads = (
        ("位置", "列", "订单", "值", "说明")
        if lang == "zh"
        else ("cell", "column", "order", "value", "meaning")
    )
    made = table("位置 Places", *heads)
    shown = found if every else found.filter(pl.int_range(pl.len()).over("code") < MOST_A_CAUSE)
    for one in shown.iter_rows(named=True):
        told = findings.explain(one)
        place = " ".join(str(part) for part in (told["sheet"], told["cell"] or told["row"]) if part)
        rows(
            made,
            [(place, told["column"], told["order_no"], told["value"], told[f"message_{lang}"])],
        )
    return made


def pairs(title: str, said: Mapping[str, object]) -> Table:
    """A two-column table of names and values."""
    return rows(table(title, "", "#"), said.items())


def plain(value: object) -> str:
    """A value as text: a decimal without exponent or trailing zeros, a date as ISO."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def relative(path: Path | str) -> str:
    """A path as the user would type it from here."""
    absolute = Path(path).absolute()
    return (
        str(absolute.relative_to(Path.cwd()))
        if absolute.is_relative_to(Path.cwd())
        else str(absolute)
    )


def fail(message: str, code: int = 2) -> Any:
    """Say what is wrong and leave with an exit code."""
    import typer

    err.print(Text(message, style="red"))
    raise typer.Exit(code)
