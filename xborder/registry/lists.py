"""Clearance lists (清单): at most one live list an order, by a unique index of the database.

``copNo`` is ``XB`` + the day the order was accepted + a 10-digit number; it and the GUID are
given once, when the list is claimed, and never again to another list.
"""

import uuid
from datetime import date

import polars as pl
from sqlalchemy import Connection

from xborder.registry import audit, counters
from xborder.registry.staging import changed, fetch, run, stage

PENDING, ISSUED, VOID = "pending", "issued", "void"

ALL = 2**62
"""No limit, as a number that both databases take."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:xborder:list")

LISTS = {
    "list_id": pl.Int64,
    "order_id": pl.Int64,
    "exporter": pl.String,
    "channel": pl.String,
    "shop": pl.String,
    "order_no": pl.String,
    "cop_no": pl.String,
    "guid": pl.String,
    "route": pl.String,
    "check_id": pl.Int64,
    "version": pl.Int64,
    "app_type": pl.String,
    "state": pl.String,
}

_SELECT = """
    SELECT l.id, l.order_id, s.exporter, s.channel, s.shop, o.order_no, l.cop_no, l.guid,
           l.route, l.check_id, l.version, l.app_type, l.state
    FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
"""


class ListClaimError(RuntimeError):
    """The database refused a list, or a list was not in the state the caller took it to be in."""


def guid(exporter: str, cop_no: str, version: int) -> str:
    """The GUID of a version of a list: UUIDv5, upper case, the same on every re-run."""
    return str(uuid.uuid5(NAMESPACE, f"{exporter}/{cop_no}/{version}")).upper()


def cop_no(day: str, number: int) -> str:
    """The enterprise's list number (copNo, 企业内部编号) of a day ``YYYY-MM-DD``."""
    return f"XB{day.replace('-', '')}{number:010d}"


def claim(c: Connection, day: date | None = None, limit: int | None = None) -> int:
    """Give every accepted order its list, or the first ``limit`` of them; the number of new ones.

    Until it returns less than ``limit`` there may be more. In order of the orders' numbers,
    without a gap; ``day`` stands in the copNo, by default the day on which the order was
    accepted. A pending list whose order was checked again takes the new check; one whose
    order is no longer accepted becomes void (a void list is a row: its copNo is not used again).
    An order that waits to be checked keeps its list pending, and ``pending`` does not show it
    until then.
    """
    voided = changed(
        c,
        """
        UPDATE lists SET state = 'void', live = false FROM orders o
        WHERE lists.state = 'pending' AND lists.live AND o.id = lists.order_id
          AND (o.state = 'excluded' OR (o.state = 'held' AND o.checked_under IS NOT NULL))
        """,
    )
    run(
        c,
        """
        UPDATE lists SET check_id = o.check_id, route = o.route FROM orders o
        WHERE lists.state = 'pending' AND lists.live AND o.id = lists.order_id
          AND o.state = 'accepted'
          AND (o.check_id <> lists.check_id OR o.route <> lists.route)
        """,
    )
    waiting = fetch(
        c,
        """
        SELECT o.id, s.exporter, o.business_date, o.route, o.check_id
        FROM shops s JOIN orders o ON o.shop_id = s.id
        WHERE o.state IN ('held', 'accepted') AND o.state = 'accepted'
          AND NOT EXISTS (SELECT 1 FROM lists l WHERE l.order_id = o.id AND l.live)
        ORDER BY o.id LIMIT :limit
        """,
        {
            "order_id": pl.Int64,
            "exporter": pl.String,
            "day": pl.String,
            "route": pl.String,
            "check_id": pl.Int64,
        },
        limit=ALL if limit is None else limit,
    )
    if waiting.height:
        if day is not None:
            waiting = waiting.with_columns(day=pl.lit(day.isoformat()))
        _insert(c, waiting)
    if waiting.height or voided:
        told = {"new": waiting.height, "void": voided}
        audit.append(c, "lists claimed", "lists", told)
    return waiting.height


def _insert(c: Connection, waiting: pl.DataFrame) -> None:
    ids = counters.draw_many(c, "list", waiting.height)
    numbers = counters.draw_many(c, "cop_no", waiting.height)
    named = [cop_no(day, number) for day, number in zip(waiting["day"], numbers, strict=True)]
    guids = [guid(one, name, 1) for one, name in zip(waiting["exporter"], named, strict=True)]
    stage(
        c,
        "claimed",
        waiting.drop("exporter", "day").with_columns(
            list_id=pl.Series(ids, dtype=pl.Int64), cop_no=pl.Series(named), guid=pl.Series(guids)
        ),
    )
    inserted = changed(
        c,
        """
        INSERT INTO lists (id, order_id, version, live, cop_no, guid, state, route, check_id,
                           app_type)
        SELECT list_id, order_id, 1, true, cop_no, guid, 'pending', route, check_id, '1'
        FROM claimed WHERE true ORDER BY list_id
        ON CONFLICT (order_id) WHERE live DO NOTHING
        """,
    )
    run(c, "DROP TABLE claimed")
    if inserted != waiting.height:
        raise ListClaimError(f"{waiting.height - inserted} orders have a live list already")


def pending(c: Connection, after: int = 0, limit: int | None = None) -> pl.DataFrame:
    """Lists that a cut-off may take, in order of their number; columns ``LISTS``.

    Page by page: ``limit`` lists at most, with a ``list_id`` above ``after``. A list whose order
    was changed or checked again since the list was claimed waits.
    """
    ready = """
        WHERE l.state = 'pending' AND l.live AND o.state = 'accepted'
          AND o.check_id = l.check_id AND o.route = l.route AND l.id > :after
        ORDER BY l.id LIMIT :limit
    """
    return fetch(c, _SELECT + ready, LISTS, after=after, limit=ALL if limit is None else limit)


def of_manifest(c: Connection, manifest_id: int) -> pl.DataFrame:
    """The lists of a manifest, in order of their number; columns ``LISTS``."""
    return fetch(c, _SELECT + "WHERE l.manifest_id = :id ORDER BY l.id", LISTS, id=manifest_id)
