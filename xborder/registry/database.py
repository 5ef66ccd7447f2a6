"""The registry's database (数据库): connections, the one writer, and migrations.

Every write runs in ``transaction``: one writer at a time, on SQLite by ``BEGIN IMMEDIATE``
(WAL, ``synchronous=FULL``), on PostgreSQL by an advisory lock that ends with the transaction.
So what a transaction reads cannot change under it, and numbers are drawn without a gap.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url

from xborder.registry.exchange_tables import metadata

HEAD = "0019"
"""The newest migration; a registry that stands there needs no migration tool loaded."""

WRITER_LOCK = 0x78626F72646572
"""PostgreSQL advisory lock key of the one writer ("xborder" in ASCII)."""

SENDER_LOCK = WRITER_LOCK + 1
"""That of the one sender."""

BUSY_SECONDS = 30


class RegistryTooNewError(RuntimeError):
    """The registry was made by a newer program; this one must not write to it."""


def connect(url: str) -> Engine:
    """An engine for a registry URL (``sqlite:///…`` or ``postgresql+psycopg2://…``).

    For SQLite the folder of the file is made when missing. Raises ValueError for another
    database.
    """
    address = make_url(url)
    kind = address.get_backend_name()
    if kind == "postgresql":
        return create_engine(address, pool_pre_ping=True)
    if kind != "sqlite":
        raise ValueError(f"the registry runs on SQLite or PostgreSQL, not {kind}")
    if address.database and address.database != ":memory:":
        Path(address.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transaction handling begins too late (and not before DDL): we begin.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    # Of a new registry: most pages are filled in order, and a page costs more than its bytes.
    connection.execute("PRAGMA page_size = 16384")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    # The log is copied back when it is half the database long (32 MB to 512 MB): a page that
    # several transactions changed is then copied once. What is committed is safe in the log.
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    size: int = connection.execute("PRAGMA page_size").fetchone()[0]
    log = min(max(pages * size // 2, 32 << 20), 512 << 20)
    connection.execute(f"PRAGMA wal_autocheckpoint = {log // size}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Turning WAL on needs the file alone for a moment and does not wait by itself: two
    # processes that open a fresh registry together would otherwise fail now and then.
    for _ in range(BUSY_SECONDS * 20):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
            time.sleep(0.05)
    raise TimeoutError("the registry stayed locked while it was opened")


def _begin_sqlite(connection: Connection) -> None:
    asked = connection.get_execution_options()
    # Said each time: a connection serves one transaction after the other.
    connection.exec_driver_sql(f"PRAGMA foreign_keys = {not asked.get('xborder_proven', False)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if asked.get("xborder_writer") else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, proven: bool = False) -> Iterator[Connection]:
    """The one writer's transaction: committed at the end, rolled back by any exception.

    ``proven``: every row that its rows refer to was read or written by it, or by what it goes by,
    and no such row is ever deleted. SQLite then does not look each of them up again, which would
    cost a fifth of what entering rows costs. PostgreSQL always does.
    """
    opened = engine.connect().execution_options(xborder_writer=True, xborder_proven=proven)
    with opened as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the registry throughout, beside any writer.

    For questions only: it ends with a rollback, so temporary tables are all it can write.
    """
    opened = engine.connect()
    if engine.dialect.name == "postgresql":
        opened = opened.execution_options(isolation_level="REPEATABLE READ")
    with opened as connection:
        begun = connection.begin()
        try:
            yield connection
        finally:
            begun.rollback()


@contextmanager
def held(engine: Engine, key: int) -> Iterator[bool]:
    """Hold an advisory lock of the database, on a connection of its own; whether it is ours.

    It ends with its process, however that ends. Always ours on SQLite, whose file is of one host:
    there a file is locked.
    """
    if engine.dialect.name != "postgresql":
        yield True
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))
        try:
            yield ours
        finally:
            if ours:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def version(connection: Connection) -> str | None:
    """The migration at which the registry stands; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def migrate(engine: Engine) -> None:
    """Bring the registry to the newest tables; safe at any time and from two processes at once.

    Raises RegistryTooNewError when the registry stands at a migration this program does not
    know.
    """
    with engine.connect() as connection:
        if version(connection) == HEAD:
            return
    with transaction(engine) as connection:
        found = version(connection)
        if found is None:
            _create(connection)
        elif found != HEAD:
            _upgrade(connection, found)


def _create(connection: Connection) -> None:
    """The newest tables in an empty database: what all migrations make, in a tenth of their time."""
    metadata.create_all(connection, checkfirst=False)
    stand = (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(stand)
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _upgrade(connection: Connection, found: str) -> None:
    # Loaded here because the tool costs more time than everything else in a short command.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known:
        raise RegistryTooNewError(
            f"the registry stands at migration {found}; this program knows up to {HEAD}"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
