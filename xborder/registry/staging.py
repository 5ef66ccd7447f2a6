"""Tables in and out of the registry as a whole (批量), instead of row by row.

A frame goes into a temporary table in one call (SQLite: ``executemany``; PostgreSQL: ``COPY``)
and from there by set-based SQL that both databases understand; results come back as frames.
Values travel as parameters or as CSV data, never inside a statement.
"""

import io
import re
from collections.abc import Mapping
from typing import Any

import polars as pl
from polars._typing import PolarsDataType
from sqlalchemy import Connection, CursorResult, text

SQL_TYPES: dict[PolarsDataType, str] = {
    pl.String: "TEXT",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
}


def stage(c: Connection, name: str, frame: pl.DataFrame) -> None:
    """Fill the temporary table ``name`` with a frame of String, Int64 and Boolean columns.

    What the table held before is dropped. Raises KeyError for a column of another type.
    """
    names = [name, *frame.columns]
    if not all(re.fullmatch("[a-z_][a-z0-9_]*", one, re.ASCII) for one in names):
        raise ValueError(f"not plain column names: {names}")
    columns = ", ".join(f'"{col}" {SQL_TYPES[type_]}' for col, type_ in _types(frame).items())
    c.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    c.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} ({columns})")
    cursor = c.connection.cursor()
    try:
        if c.dialect.name == "postgresql":
            data = io.BytesIO()
            frame.write_csv(data, include_header=False, quote_style="non_numeric")
            data.seek(0)
            cursor.copy_expert(f"COPY {name} FROM STDIN WITH (FORMAT csv)", data)
            cursor.execute(f"ANALYZE {name}")
        else:
            marks = ", ".join("?" * frame.width)
            rows: Any = frame.iter_rows()
            cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608
    finally:
        cursor.close()


def _types(frame: pl.DataFrame) -> dict[str, PolarsDataType]:
    return {name: type_.base_type() for name, type_ in frame.schema.items()}


def run(c: Connection, statement: str, **values: Any) -> CursorResult[Any]:
    """Execute SQL with ``:named`` values."""
    return c.execute(text(statement), values)


def changed(c: Connection, statement: str, **values: Any) -> int:
    """Execute SQL with ``:named`` values; the number of rows it changed."""
    return int(run(c, statement, **values).rowcount)


def fetch(
    c: Connection, statement: str, schema: Mapping[str, PolarsDataType], **values: Any
) -> pl.DataFrame:
    """The rows of a query as a frame with the columns and types of ``schema``, in its order."""
    rows = [tuple(row) for row in run(c, statement, **values)]
    # SQLite has no truth type: its 0 and 1 are read as numbers first.
    read = {name: pl.Int64() if type_ == pl.Boolean else type_ for name, type_ in schema.items()}
    if c.dialect.name == "postgresql":
        read = dict(schema)
    frame = pl.DataFrame(rows, schema=read, orient="row")
    return frame.cast({name: type_ for name, type_ in schema.items() if read[name] != type_})
