"""Counter rows (流水号): numbers without a gap or a repeat.

A number is drawn in the transaction that uses it: when that is rolled back, so is the draw.
Database sequences would leave a gap there.
"""

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from xborder.registry import tables


def draw_many(c: Connection, name: str, count: int) -> range:
    """The next ``count`` numbers of a counter, from 1 upwards, as a range.

    Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError("a counter runs forward")
    build = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    row = build(tables.counters).values(name=name, value=count)
    last: int = c.execute(
        row.on_conflict_do_update(
            index_elements=["name"], set_={"value": tables.counters.c.value + count}
        ).returning(tables.counters.c.value)
    ).scalar_one()
    return range(last - count + 1, last + 1)


def draw(c: Connection, name: str) -> int:
    """The next number of a counter; the first is 1."""
    return draw_many(c, name, 1)[0]


def peek(c: Connection, name: str) -> int:
    """The last number drawn; 0 before the first."""
    found = c.scalar(select(tables.counters.c.value).where(tables.counters.c.name == name))
    return int(found or 0)


def put(c: Connection, name: str, value: int) -> None:
    """Set a mark: a number that is remembered, not drawn."""
    build = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    row = build(tables.counters).values(name=name, value=value)
    c.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
