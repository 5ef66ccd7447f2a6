"""Answering a cause (一次更正): what can be asked of whoever answers, and whether it can be right.

The command and the page ask the same here, so that both take and refuse the same answers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine

from xborder import findings
from xborder.findings import Both
from xborder.intake import codes
from xborder.registry import causes, fixes
from xborder.registry.database import reading
from xborder.registry.fixes import SKU, FixError, Given
from xborder.registry.store import Store
from xborder.schemas import columns
from xborder.schemas.tables import Tables

MOST_LACKING = 200
"""SKUs whose missing fields are sought for one list."""


class WrongAnswerError(FixError):
    """An answer with which the SKU's catalogue row would still be wrong; ``problems`` says why.

    Each has field, message_zh and message_en.
    """

    def __init__(self, sku: str, problems: Sequence[Mapping[str, str]]) -> None:
        super().__init__(f"{sku}: the catalogue row would still be wrong")
        self.problems = problems


def open_causes(
    engine: Engine, store: Store, tables: Tables, exporter: str, told: Given
) -> list[dict[str, Any]]:
    """Why an exporter's orders are held, what cures most first.

    Each has the columns ``causes.CAUSES`` with ``suggestions`` as a list, ``asks`` (the fields
    that an answer would tell; one empty text for a word's code; nothing where the file is to be
    mended) and ``answer``, the command that gives it.
    """
    goods = fixes.goods(store, told, tables)
    found = causes.of_held(engine, store, exporter, goods)
    absent = found.filter(pl.col("code") == "SKU_NOT_IN_CATALOGUE")["key"].unique(
        maintain_order=True
    )
    lacks = fixes.lacking(store, told, tables, absent.head(MOST_LACKING).to_list())
    return [
        row
        | {"suggestions": json.loads(row["suggestions"])}
        | {"answer": (hint := causes.hint(row, lacks.get(row["key"], [])))}
        | {"asks": _asks(row, lacks.get(row["key"], [])) if hint else []}
        for row in found.iter_rows(named=True)
    ]


def _asks(cause: Mapping[str, Any], lacks: Sequence[str]) -> list[str]:
    if cause["kind"] != SKU:
        return [""]
    return [name for name in lacks or [cause["field"]] if name != SKU]


def given(engine: Engine, exporter: str) -> Given:
    """What an exporter has answered."""
    with reading(engine) as connection:
        return fixes.given(connection, exporter)


def of_sku(
    c: Connection,
    store: Store,
    tables: Tables,
    exporter: str,
    sku: str,
    values: Mapping[str, str],
    *,
    by: str,
    note: str = "",
) -> dict[str, str]:
    """Record what a catalogue row would say of a SKU; the values as they are recorded, names
    and labels as codes.

    Raises WrongAnswerError when the row would not come into force with it, FixError.
    """
    if unknown := set(values) - (set(columns("goods")) - {SKU}):
        raise FixError(fixes.unknown_fields(unknown))
    said = _as_records(values, tables)
    told = fixes.given(c, exporter)
    supposed = fixes.supposed(told, sku, said, fixes.last_delivery(c))
    valid, wrong = fixes.tried(store, supposed, tables)
    if sku not in valid[SKU].to_list():
        raise WrongAnswerError(sku, _problems(wrong.filter(pl.col(SKU) == sku)))
    fixes.record(c, exporter, SKU, sku, said, by=by, note=note)
    return said


def of_word(
    c: Connection,
    tables: Tables,
    exporter: str,
    table: str,
    word: str,
    code: str,
    *,
    by: str,
    note: str = "",
) -> str:
    """Record the code that a word of the files means; the code, which may be given by a name.

    Raises FixError for a word that is known already and a code that is not.
    """
    look_up = getattr(tables, table)
    if (means := look_up(word)) is not None:
        raise FixError(
            Both(f"{word}: 已是代码表中的 {means}", f"{word}: is known already as {means}")
        )
    found: str | None = look_up(code)
    if found is None:
        raise FixError(Both(f"{code}: 代码表 {table} 中没有", f"{code}: not in the table {table}"))
    fixes.record(c, exporter, table, word, {"": found}, by=by, note=note)
    return found


def _as_records(values: Mapping[str, str], tables: Tables) -> dict[str, str]:
    """Values as a catalogue's reading would have them: names and labels as codes."""
    bare = dict.fromkeys(columns("goods")) | dict(values)
    frame = pl.DataFrame([bare], schema=dict.fromkeys(columns("goods"), pl.String))
    read = codes.apply(frame, "goods", "template_goods", tables).row(0, named=True)
    return {name: read[name] for name in values}


def _problems(wrong: pl.DataFrame) -> list[dict[str, str]]:
    told = []
    for row in wrong.iter_rows(named=True):
        said = findings.explain({name: row[name] for name in findings.FINDINGS})
        texts = {name: str(said[name]) for name in ("message_zh", "message_en")}
        told.append({"field": str(row["field"] or "")} | texts)
    return told
