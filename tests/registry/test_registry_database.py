"""Migrations and the one writer."""

import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from registry_steps import NOW, entries, receive
from sqlalchemy import Connection, Engine, exc, inspect, text

from xborder.registry import audit, counters, database, lists, orders, uploads
from xborder.registry.exchange_tables import metadata

ROOT = Path(__file__).parents[2]


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A child process that runs a script of ours."""
    folders = f"{ROOT}:{Path(__file__).parent}"
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {folders!r}.split(':')\n{script}",
         *arguments],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(child: subprocess.Popen[str]) -> str:
    """What it printed; it must end well."""
    said = child.communicate(timeout=60)[0]
    assert child.returncode == 0, said
    return said


MIGRATE = """
from xborder.registry import database
engine = database.connect(sys.argv[1])
database.migrate(engine)
with engine.connect() as c:
    print(database.version(c))
"""


def test_two_processes_make_one_registry(empty_url: str) -> None:
    children = [start(MIGRATE, empty_url) for _ in range(2)]
    assert [finish(child) for child in children] == [f"{database.HEAD}\n"] * 2
    engine = database.connect(empty_url)
    with engine.connect() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar() == 1
    engine.dispose()


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    with database.transaction(engine) as c:
        audit.append(c, "kept", "x")
    database.migrate(engine)
    with engine.connect() as c:
        assert audit.head(c)[0] == 1
        assert compare_metadata(MigrationContext.configure(c), metadata) == []


def upgrade(c: Connection, revision: str) -> None:
    """Migrate step by step, as a registry goes that was made by an older program."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "xborder/registry/migrations"))
    config.attributes["connection"] = c
    command.upgrade(config, revision)


def made(c: Connection) -> dict[str, object]:
    """Everything that the database itself tells of its tables, in no order, by what it is of."""
    told = inspect(c)
    found: dict[str, object] = {}
    for name in told.get_table_names():
        found[name] = (
            {one["name"]: str(one | {"type": str(one["type"])}) for one in told.get_columns(name)},
            told.get_pk_constraint(name),
            sorted(map(str, told.get_foreign_keys(name))),
            sorted(map(str, told.get_unique_constraints(name))),
            sorted(map(str, told.get_check_constraints(name))),
            c.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar(),
        )
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    if c.dialect.name == "sqlite":
        query = "SELECT name || ' as written', sql FROM sqlite_master WHERE sql IS NOT NULL"
    for name, sql in c.exec_driver_sql(query):
        found[name] = sorted(re.findall(r"\w+|[^\w\s,\"]", sql))
    return found


def test_a_new_registry_is_what_the_migrations_make(empty_url: str) -> None:
    engine = database.connect(empty_url)
    with engine.connect() as c, c.begin() as begun:
        upgrade(c, "head")
        assert compare_metadata(MigrationContext.configure(c), metadata) == []
        wanted = made(c)
        begun.rollback()
    database.migrate(engine)
    with engine.connect() as c:
        found = made(c)
        assert [one for one in wanted if found.pop(one) != wanted[one]] == []
        assert not found
    engine.dispose()


OLD_HOME = """
INSERT INTO uploads (id, sha256, exporter, shop, channel, kind, file_name, size, received_at,
    business_date, state, original)
    VALUES (1, 'a', 'dapu', 's', 'template', 'orders', 'a.csv', 1, 'x', '2026-11-20', 'read', 'kept');
INSERT INTO shops (id, exporter, channel, shop) VALUES (1, 'dapu', 'template', 's');
INSERT INTO orders (id, shop_id, order_no, upload_id, digest, status_digest, cancelled,
    proposed_cancellation, state, route, codes, checked_under, check_id, business_date)
    VALUES
    (1, 1, '1', 1, '{digest}', '', false, false, 'accepted', 'list', '', 'v1', 7, '2026-11-20'),
    (2, 1, '2', 1, '{digest}', '', false, false, 'declared', 'list', '', 'v1', 7, '2026-11-20'),
    (3, 1, '3', 1, '{digest}', '', false, false, 'held', null, 'X', 'v1', 7, '2026-11-20');
INSERT INTO order_entries (upload_id, order_id, digest, rows, lines, first_row, outcome)
    SELECT 1, id, digest, 1, 1, 2, 'current' FROM orders;
INSERT INTO lists (id, order_id, version, live, cop_no, guid, state, route, check_id, app_type)
    SELECT id, id, 1, true, 'XB' || id, 'g' || id, 'pending', 'list', 7, '1' FROM orders;
INSERT INTO waybills (logistics_code, logistics_no, order_id, export_date)
    SELECT 'L', 'W', id, '2026-11-2' || id FROM orders;
INSERT INTO counters (name, value) VALUES ('upload', 1), ('order', 3), ('list', 3), ('cop_no', 3), ('check', 7);
"""


def test_a_home_of_the_first_version_is_taken_over(empty_url: str) -> None:
    engine = database.connect(empty_url)
    with database.transaction(engine) as c:
        upgrade(c, "0001")
        for statement in OLD_HOME.format(digest="ab" * 32).split(";\n")[:-1]:
            c.exec_driver_sql(statement)
    database.migrate(engine)
    with database.transaction(engine) as c:
        assert compare_metadata(MigrationContext.configure(c), metadata) == []
        stand = c.exec_driver_sql("SELECT id, volume, orders FROM shops").all()
        assert [tuple(row) for row in stand] == [(1, 1, 3)]
        assert orders.open_orders(c, "dapu", "v1").is_empty(), "they were checked"
        assert orders.open_blocks(c, "dapu").rows() == [(1, None, 2)]
        states = c.execute(text("SELECT cop_no, state FROM lists ORDER BY id")).all()
        assert [tuple(row) for row in states] == [
            ("XB1", "pending"), ("XB2", "pending"), ("XB3", "void"),
        ]  # fmt: skip
        assert lists.claim(c) == 0
        assert lists.pending(c)["cop_no"].to_list() == ["XB1"]
        holders = c.execute(text("SELECT order_id, released FROM waybills ORDER BY 1")).all()
        assert [tuple(row) for row in holders] == [(1, 1), (2, 0), (3, 3)]
        # The same content again is a duplicate, though its digest was kept longer before.
        upload_id = uploads.receive(c, "b", "dapu", "s", "orders", "b", 1, NOW).upload_id
        told = entries({"order_no": "1", "digest": "ab" * 32, "status_digest": ""})
        told = orders.enter(c, upload_id, told, channel="template")
        assert told["outcome"].to_list() == ["duplicate"]
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "xborder/registry/migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == database.HEAD


def test_a_newer_registry_is_left_alone(engine: Engine) -> None:
    with database.transaction(engine) as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(database.RegistryTooNewError, match="9999"):
            database.migrate(engine)
    finally:
        with database.transaction(engine) as c:
            c.execute(text(f"UPDATE alembic_version SET version_num = '{database.HEAD}'"))


def test_a_fresh_home_is_made_fast(tmp_path: Path) -> None:
    database.migrate(database.connect(f"sqlite:///{tmp_path / 'warm.db'}"))
    begun = time.process_time()
    database.migrate(database.connect(f"sqlite:///{tmp_path / 'home' / 'registry.db'}"))
    assert time.process_time() - begun < 0.15


def test_sqlite_is_durable(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.connect() as c:
        told = [
            c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert told == ["wal", 2, 1, 30_000]


@pytest.mark.parametrize("fails", [False, True])
def test_references_are_looked_up_again_after_what_is_proven(tmp_path: Path, fails: bool) -> None:
    engine = database.connect(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate(engine)
    row = "INSERT INTO order_filters (shop_id, bits) VALUES (7, x'00')"
    with contextlib.suppress(RuntimeError), database.transaction(engine, proven=True) as c:
        c.execute(text(row))
        if fails:
            raise RuntimeError
    with database.reading(engine) as c:
        assert c.execute(text("SELECT count(*) FROM order_filters")).scalar_one() == 1 - fails
    with pytest.raises(exc.IntegrityError), database.transaction(engine) as c:
        c.execute(text(row.replace("7", "8")))


def test_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        database.connect("mysql://localhost/x")


def test_reading_sees_one_state_and_keeps_nothing(engine: Engine) -> None:
    with database.reading(engine) as seen:
        assert counters.peek(seen, "n") == 0
        with database.transaction(engine) as c:
            counters.draw(c, "n")
        assert counters.peek(seen, "n") == 0
    with database.reading(engine) as seen:
        assert counters.peek(seen, "n") == 1


def test_an_exception_rolls_back_the_draw(engine: Engine) -> None:
    with pytest.raises(RuntimeError), database.transaction(engine) as c:
        assert counters.draw(c, "n") == 1
        raise RuntimeError
    with database.transaction(engine) as c:
        assert list(counters.draw_many(c, "n", 3)) == [1, 2, 3]
        assert list(counters.draw_many(c, "n", 0)) == []
        assert counters.draw(c, "n") == 4
        with pytest.raises(ValueError, match="forward"):
            counters.draw_many(c, "n", -1)


def test_the_database_itself_refuses_a_second_live_list(engine: Engine) -> None:
    insert = text(
        "INSERT INTO lists (id, order_id, version, live, cop_no, state, route, check_id,"
        " app_type) VALUES (:id, 1, 1, :live, :cop, 'pending', 'list', 1, '1')"
    )
    with database.transaction(engine) as c:
        receive(c)
        uploads.mark_read(c, 1, "l", "template", "orders", {}, 1)
        orders.enter(c, 1, entries({"order_no": "1"}))
        c.execute(insert, {"id": 1, "live": True, "cop": "a"})
        c.execute(insert, {"id": 2, "live": False, "cop": "b"})
        point = c.begin_nested()
        with pytest.raises(exc.IntegrityError):
            c.execute(insert, {"id": 3, "live": True, "cop": "c"})
        point.rollback()


ENTER = """
import polars as pl
from registry_steps import check, upload, issue
from xborder.registry import database, lists
engine = database.connect(sys.argv[1])
told = [{"order_no": f"N{i:05d}"} for i in range(2000)]
with database.transaction(engine) as c:
    outcomes = upload(c, sys.argv[2], *told)
with database.transaction(engine) as c:
    check(c)
    claimed = lists.claim(c)
print(list(outcomes.values()).count("current"), claimed)
"""


def test_two_processes_enter_the_same_orders_at_once(url: str) -> None:
    children = [start(ENTER, url, name) for name in ("first", "second")]
    said = [tuple(map(int, finish(child).split())) for child in children]
    assert sum(entered for entered, _ in said) == 2000
    assert sum(claimed for _, claimed in said) == 2000
    engine = database.connect(url)
    with database.transaction(engine) as c:
        numbers = c.execute(text("SELECT cop_no FROM lists ORDER BY cop_no")).scalars().all()
        assert numbers == [f"XB20261120{n:010d}" for n in range(1, 2001)]
        assert audit.verify(c) is None
    engine.dispose()


KILLED = """
import os, signal
from registry_steps import check, issue, upload
from xborder.registry import database
engine = database.connect(sys.argv[1])
with database.transaction(engine) as c:
    upload(c, "b", *({"order_no": f"K{i}"} for i in range(500)))
    check(c)
    issue(c)
    print("all done but the commit", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_inside_a_transaction_leaves_nothing(url: str) -> None:
    engine = database.connect(url)
    with database.transaction(engine) as c:
        receive(c, "a")

    def everything() -> dict[str, list[object]]:
        with database.reading(engine) as c:
            return {
                table.name: [tuple(row) for row in c.execute(table.select())]
                for table in metadata.sorted_tables
            }

    before = everything()
    child = start(KILLED, url)
    said = child.communicate(timeout=60)[0]
    assert (child.returncode, said) == (-9, "all done but the commit\n")
    assert everything() == before
    with database.transaction(engine) as c:
        assert receive(c, "b") == 2
    engine.dispose()
