"""What the terminal shows: tables of counts, findings by cause, manifests; zh or en."""

from collections.abc import Iterable, Mapping, Sequence
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
from xborder.cli.language import either, language, told

MOST_A_CAUSE = 1000
"""Findings shown a cause; the totals are always told, ``--all`` shows the rest."""

ROOM = 110
"""Columns below which long texts do not stand in a table."""

WIDE = 132
"""Columns where the output goes into a file or pipe, which has no width of its own."""


def _console(*, stderr: bool) -> Console:
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=WIDE)


out = _console(stderr=False)
err = _console(stderr=True)

_COLOURS = {"fatal": "bold red", "error": "red", "warning": "yellow", "notice": "cyan"}


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
        collapse_padding=out.width < ROOM,
    )
    for head in heads:
        made.add_column(head.removeprefix("#"), justify="right" if head.startswith("#") else "left",
                        overflow="fold")  # fmt: skip
    return made


def _cell(value: object) -> Text:
    # Text, not markup: a value of a file must never be read as markup by the terminal.
    return value if isinstance(value, Text) else Text("" if value is None else str(value))


def rows(made: Table, values: Iterable[Iterable[object]]) -> Table:
    """Add rows of plain text."""
    for row in values:
        made.add_row(*(_cell(value) for value in row))
    return made


def causes(found: pl.DataFrame, counts: Mapping[str, int] | None = None) -> None:
    """Print findings grouped by cause: how many, an example with its cell, and what to do.

    ``counts`` by code, where not all are in ``found``.
    """
    lang = language()
    heads = (
        ("问题", "级别", "#数量", "例", "说明", "怎么办")
        if lang == "zh"
        else ("finding", "severity", "#count", "example", "meaning", "what to do")
    )
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
    shown = []
    for code, count, _, one in grouped.iter_rows():
        told = findings.explain(one)
        how_bad = str(told["severity"])
        shown.append((
            code, Text(findings.named("finding_severity", how_bad, lang), style=_COLOURS[how_bad]),
            count, place(told, file=True), told[f"message_{lang}"], told[f"fix_{lang}"],
        ))  # fmt: skip
    listing(either("问题", "Findings"), heads, shown)


def place(told: Mapping[str, object], *, file: bool = False) -> str:
    """Where a finding stands: sheet and cell, or row; with ``file`` its file before."""
    parts = (told["file"] if file else "", told["sheet"], told["cell"] or told.get("row"))
    return " ".join(str(part) for part in parts if part)


def single_findings(found: pl.DataFrame, *, every: bool, file: str = "") -> None:
    """Print each finding at its cell, at most ``MOST_A_CAUSE`` a cause unless ``every``.

    ``file`` is the file that all are about: of another one (the catalogue, the shipments, the
    profile) the name stands before the place.
    """
    lang = language()
    heads = (
        ("位置", "列", "订单", "值", "说明")
        if lang == "zh"
        else ("cell", "column", "order", "value", "meaning")
    )
    shown = found if every else found.filter(pl.int_range(pl.len()).over("code") < MOST_A_CAUSE)
    told = map(findings.explain, shown.iter_rows(named=True))
    values = (
        (place(one, file=bool(file) and one["file"] != file), one["column"], one["order_no"],
         one["value"], one[f"message_{lang}"])
        for one in told
    )  # fmt: skip
    listing(either("位置", "Places"), heads, values)


def listing(title: str, heads: Sequence[str], values: Iterable[Sequence[object]]) -> None:
    """Print rows with long texts: a table where there is room for one, else a paragraph each.

    A paragraph begins with the row's first two values; heads stand before the others.
    """
    if out.width >= ROOM:
        out.print(rows(table(title, *heads), values))
        return
    out.print(f"\n[bold]{title}[/bold]\n")
    for row in values:
        named = [(head.removeprefix("#"), _cell(value)) for head, value in
                 zip(heads, row, strict=True)]  # fmt: skip
        out.print(Text.assemble((named[0][1].plain, "bold"), "  ", named[1][1]))
        made = Table.grid(padding=(0, 1))
        made.add_column(style="dim", no_wrap=True)
        made.add_column(overflow="fold")
        for head, value in named[2:]:
            if value.plain:
                made.add_row(f"  {head}", value)
        out.print(made)
        out.print()


def received_before(upload: int) -> str:
    """What is said of a file whose bytes an upload took in before."""
    code = "ALREADY_RECEIVED"
    told = findings.explain(findings.to_frame([findings.Finding(code, value=str(upload))]).row(
        0, named=True))  # fmt: skip
    return f"{code}: {told[f'message_{language()}']}"


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


def fail(message: object, code: int = 2) -> Any:
    """Say what is wrong, a text or an exception, and leave with an exit code."""
    import typer

    err.print(Text(told(message), style="red"))
    raise typer.Exit(code)
