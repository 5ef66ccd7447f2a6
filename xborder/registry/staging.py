"""Tables in and out of the registry as a whole (批量), instead of row by row.

A frame goes into a temporary table in one call (SQLite: ``executemany``; PostgreSQL: ``COPY``)
and from there by set-based SQL that both databases understand; results come back as frames.
Values travel as parameters or as CSV data, never inside a statement.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import polars as pl
from polars._typing import PolarsDataType
from sqlalchemy import Connection, CursorResult, text

SQL_TYPES: dict[PolarsDataType, str] = {
    pl.String: "TEXT",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
}

_VALUES = 900
"""Values that one statement binds; every SQLite takes 999."""

Constant = int | bool | str
"""A value that is the same in every row of an ``insert``."""


def stage(c: Connection, name: str, frame: pl.DataFrame) -> None:
    """Fill the temporary table ``name`` with a frame of String, Int64 and Boolean columns.

    What the table held before is dropped. Raises KeyError for a column of another type.
    """
    _plain(name, *frame.columns)
    columns = ", ".join(f'"{col}" {SQL_TYPES[type_]}' for col, type_ in _types(frame).items())
    c.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    c.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} ({columns})")
    insert(c, name, frame)
    if c.dialect.name == "postgresql":
        c.exec_driver_sql(f"ANALYZE {name}")


def insert(
    c: Connection, table: str, frame: pl.DataFrame, *, new_only: bool = False, **same: Constant
) -> int:
    """Insert the rows of a frame, in its order; how many went in.

    ``same`` are columns with one value for all rows (numbers, truths, ``plain`` texts).
    With ``new_only`` the rows that a unique key refuses are left out; otherwise they raise
    ``IntegrityError``.
    """
    _plain(table, *frame.columns, *same)
    cursor = c.connection.cursor()
    try:
        if c.dialect.name == "postgresql":
            return _copy(cursor, table, frame.with_columns(**_literals(same)), new_only)
        # A value that is part of the statement is not bound anew for each row.
        given = {**dict.fromkeys(frame.columns, "?"), **{k: _spelt(v) for k, v in same.items()}}
        values: list[Any] = [None] * (frame.width * frame.height)
        for at, column in enumerate(frame.iter_columns()):
            values[at :: frame.width] = column.to_list()
        return _put(cursor, table, given, values, frame.width, new_only)
    finally:
        cursor.close()


def insert_rows(
    c: Connection,
    table: str,
    schema: Mapping[str, PolarsDataType],
    rows: Sequence[tuple[Any, ...]],
    *,
    new_only: bool = False,
) -> int:
    """The same of rows that are tuples of the columns of ``schema``: on SQLite they need not
    become a frame first."""
    if c.dialect.name == "postgresql" or not rows:
        columns = [[row[at] for row in rows] for at in range(len(schema))]
        told = [pl.Series(name, one, schema[name]) for name, one in zip(schema, columns, strict=True)]  # fmt: skip
        return insert(c, table, pl.DataFrame(told), new_only=new_only)
    _plain(table, *schema)
    cursor = c.connection.cursor()
    try:
        values: list[Any] = list(chain.from_iterable(rows))
        return _put(cursor, table, dict.fromkeys(schema, "?"), values, len(schema), new_only)
    finally:
        cursor.close()


def _put(
    cursor: Any, table: str, given: Mapping[str, str], values: list[Any], width: int, new_only: bool
) -> int:
    """``values`` hold ``width`` a row. Many rows of one statement cost half of what they cost one
    by one."""
    names = ", ".join(f'"{name}"' for name in given)
    row = f"({', '.join(given.values())})"

    def statement(rows: int) -> str:
        put = f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608
        return f"{put} ON CONFLICT DO NOTHING" if new_only else put

    portion = max(1, _VALUES // max(1, width)) * width
    whole = statement(portion // width)
    done = 0
    for start in range(0, len(values), portion):
        few = values[start : start + portion]
        cursor.execute(whole if len(few) == portion else statement(len(few) // width), few)
        done += int(cursor.rowcount)
    return done


def _copy(cursor: Any, table: str, frame: pl.DataFrame, new_only: bool) -> int:
    names = ", ".join(f'"{name}"' for name in frame.columns)
    data = io.BytesIO()
    frame.write_csv(data, include_header=False, quote_style="non_numeric")
    data.seek(0)
    target = "incoming" if new_only else table
    if new_only:
        cursor.execute(f"CREATE TEMPORARY TABLE incoming AS SELECT {names} FROM {table} LIMIT 0")  # noqa: S608
    cursor.copy_expert(f"COPY {target} ({names}) FROM STDIN WITH (FORMAT csv)", data)
    if new_only:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming ON CONFLICT DO NOTHING"  # noqa: S608
        )
    done = int(cursor.rowcount)
    if new_only:
        cursor.execute("DROP TABLE incoming")
    return done


def _plain(*names: str) -> None:
    if not all(re.fullmatch("[a-z_][a-z0-9_]*", one, re.ASCII) for one in names):
        raise ValueError(f"not plain names: {names}")


def _literals(same: Mapping[str, Constant]) -> dict[str, pl.Expr]:
    return {name: pl.lit(value) for name, value in same.items()}


def plain(value: object) -> bool:
    """Whether a value may be one of an ``insert`` for all rows: of a text its letters decide."""
    if isinstance(value, str):
        return re.fullmatch("[A-Za-z0-9_-]*", value, re.ASCII) is not None
    return value is not None


def _spelt(value: Constant) -> str:
    """A constant as SQL; only what cannot be anything else than a value."""
    if isinstance(value, str):
        if not plain(value):
            raise ValueError(f"not a plain word: {value!r}")
        return f"'{value}'"
    return str(int(value))


def rows_of(frame: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    """The rows of a frame as tuples, column-wise converted (several times as fast)."""
    return zip(*(column.to_list() for column in frame.iter_columns()), strict=True)


def _types(frame: pl.DataFrame) -> dict[str, PolarsDataType]:
    return {name: type_.base_type() for name, type_ in frame.schema.items()}


def run(c: Connection, statement: str, **values: Any) -> CursorResult[Any]:
    """Execute SQL with ``:named`` values."""
    return c.execute(text(statement), values)


def changed(c: Connection, statement: str, **values: Any) -> int:
    """Execute SQL with ``:named`` values; the number of rows it changed."""
    return int(run(c, statement, **values).rowcount)


def tuples(c: Connection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query as the driver's own tuples: a row object each would cost as much as
    the query. Truths are 0 and 1 on SQLite."""
    result = run(c, statement, **values)
    rows: list[tuple[Any, ...]] = list(result.cursor.fetchall()) if result.cursor else []
    result.close()
    return rows


def fetch(
    c: Connection, statement: str, schema: Mapping[str, PolarsDataType], **values: Any
) -> pl.DataFrame:
    """The rows of a query as a frame with the columns and types of ``schema``, in its order."""
    rows = tuples(c, statement, **values)
    # Column by column: all rows at once as the arguments of a zip take ten times as long.
    columns = [[row[at] for row in rows] for at in range(len(schema))]
    # SQLite has no truth type: its 0 and 1 are read as numbers first.
    numbers = c.dialect.name != "postgresql"
    return pl.DataFrame(
        [
            pl.Series(name, told, pl.Int64).cast(pl.Boolean)
            if numbers and type_ == pl.Boolean
            else pl.Series(name, told, type_)
            for (name, type_), told in zip(schema.items(), columns, strict=True)
        ]
    )
