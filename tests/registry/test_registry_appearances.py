"""Where orders stand in files: a new one in its own row, and elsewhere once more is told of it."""

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_steps import check, entries, issue, receive, upload, wipe
from sqlalchemy import Connection, Engine, bindparam, text

from xborder.registry import chains, claims, database, orders, queries, uploads
from xborder.registry.database import transaction

SEEN = "upload_id, order_id, outcome, digest, first_row"


def seen(c: Connection) -> list[tuple[object, ...]]:
    """All appearances, as they are read together."""
    found = c.exec_driver_sql(f"SELECT {SEEN} FROM appearances ORDER BY 1, 2").all()
    return [tuple(row) for row in found]


def apart(c: Connection) -> int:
    """Appearances that do not stand in the order's own row."""
    return int(c.exec_driver_sql("SELECT count(*) FROM order_entries").scalar_one())


def test_a_new_order_tells_where_it_stands_until_it_changes(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"}, {"order_no": "2"})
        rows = {order_id: row for _, order_id, _, _, row in seen(c)}
        assert apart(c) == 0
        upload(c, "b", {"order_no": "1"}, {"order_no": "3"})
        assert apart(c) == 1, "a duplicate changes nothing"
        assert [one[:3] for one in seen(c)] == [
            (1, 1, "current"), (1, 2, "current"), (2, 1, "duplicate"), (2, 4, "current"),
        ]  # fmt: skip
        upload(c, "c", {"order_no": "1", "digest": "other"})
        assert [one[:4] for one in seen(c) if one[1] == 1] == [
            (1, 1, "replaced", "content"), (2, 1, "duplicate", "content"), (3, 1, "current", "other"),
        ]  # fmt: skip
        assert seen(c)[0][4] == rows[1]
        check(c)
        issue(c)
        upload(c, "d", {"order_no": "2", "digest": "later"})
        assert [one[:3] for one in seen(c) if one[1] == 2] == [
            (1, 2, "current"), (4, 2, "changed_after_issue"),
        ]  # fmt: skip
        own = c.exec_driver_sql("SELECT id FROM orders WHERE rows IS NOT NULL ORDER BY id")
        assert own.scalars().all() == [4]


def test_a_trace_tells_the_files_of_an_order_and_the_orders_of_a_file(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"}, {"order_no": "2"})
        upload(c, "b", {"order_no": "1", "digest": "other"}, {"order_no": "2"})
        sha = c.exec_driver_sql("SELECT sha256 FROM uploads WHERE id = 1").scalar_one()
        for key in ("1", sha):
            assert set(chains.orders_of(c, key)) >= {1, 2}
        told = chains.chain(c, [1, 2])["entries"]
        assert [(one["order_id"], one["upload_id"], one["outcome"]) for one in told] == [
            (1, 1, "replaced"), (1, 2, "current"), (2, 1, "current"), (2, 2, "duplicate"),
        ]  # fmt: skip
        assert all(one["first_row"] and one["file_name"] for one in told)


ORDER = st.fixed_dictionaries(
    {"order_no": st.sampled_from("123456"), "digest": st.sampled_from(["one", "two"])}
)
FILES = st.lists(
    st.lists(ORDER, min_size=1, max_size=6, unique_by=lambda one: one["order_no"]),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(files=FILES, issued=st.integers(0, 4))
def test_each_order_of_each_file_appears_once(
    engine: Engine, files: list[list[dict[str, str]]], issued: int
) -> None:
    wipe(engine)
    with transaction(engine) as c:
        for at, told in enumerate(files):
            upload_id = receive(c, str(at))
            uploads.mark_read(c, upload_id, "l", "template", "orders", {}, len(told))
            half = len(told) // 2
            for block, part in enumerate((told[:half], told[half:])):
                orders.enter(c, upload_id, entries(*part), block)
            # A run that crashed begins anew under another division into blocks.
            assert claims.begun(c, upload_id)
            again = orders.enter(c, upload_id, entries(*told), 7, again=True)
            found = orders.of_upload(c, upload_id)
            assert sorted(found["order_no"]) == sorted(one["order_no"] for one in told)
            both = found.join(again, on=["order_no", "order_id", "outcome"])
            assert both.height == len(told)
            if at == issued:
                check(c)
                issue(c)
        assert queries.uploads_that_do_not_add_up(c) == []
        standing = pl.DataFrame(
            seen(c), schema=["upload", "id", "outcome", "digest", "row"], orient="row"
        )
        current = standing.filter(outcome="current")
        assert current["id"].is_unique().all()
        kept = c.exec_driver_sql("SELECT id, upload_id, digest FROM orders ORDER BY id").all()
        assert sorted(current.select("id", "upload", "digest").rows()) == [
            tuple(one) for one in kept
        ]


def test_a_trace_does_not_read_all_orders(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate(engine)
    ids = {"ids": [1, 2]}
    keys = {"key": "1", "upper": "1", "lower": "1", "most": 5}
    by_ids = text(f"EXPLAIN QUERY PLAN {chains._CHAIN['entries']}")
    by_key = text(f"EXPLAIN QUERY PLAN {chains._ORDERS_OF_KEY}")
    with database.reading(engine) as c:
        steps = [
            row[3] for row in c.execute(by_ids.bindparams(bindparam("ids", expanding=True)), ids)
        ]
        steps += [row[3] for row in c.execute(by_key, keys)]
    engine.dispose()
    assert [
        one for one in steps if one in ("SCAN o", "SCAN e", "SCAN orders", "SCAN order_entries")
    ] == []
