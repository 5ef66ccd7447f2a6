"""Clearance lists (清单): at most one live list an order, by a unique index of the database.

``copNo`` is ``XB`` + the day the order was accepted + a 10-digit number, given once, when the list
is claimed, and never again to another list. The GUID follows from exporter, copNo and version.
"""

import re
import uuid
from collections.abc import Container, Sequence
from datetime import date
from hashlib import sha1

import polars as pl
from sqlalchemy import Connection, text

from xborder.registry import audit, counters, versions
from xborder.registry.runs import runs
from xborder.registry.staging import changed, fetch, run, stage
from xborder.registry.versions import cancelled, refused

__all__ = [
    "LISTS", "PENDING_LISTS", "ListClaimError", "cancelled", "claim", "cop_no", "count_pending",
    "follow_check", "guid", "guids", "numbers", "of_manifests", "orders_of_guid", "pending",
    "refused",
]  # fmt: skip

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
    "order_app_type": pl.String,
}

PENDING_LISTS = {
    name: LISTS[name]
    for name in ("list_id", "order_id", "exporter", "order_no", "cop_no", "check_id")
}

READY_LISTS = {name: LISTS[name] for name in ("list_id", "order_id", "check_id")}

NUMBERS = {
    name: LISTS[name]
    for name in (
        "list_id",
        "order_id",
        "check_id",
        "cop_no",
        "version",
        "app_type",
        "order_app_type",
    )
} | {"manifest_id": pl.Int64}

_GOES = f"""
    l.state = 'pending' AND l.live AND o.state = 'accepted' AND o.check_id = l.check_id AND o.route = l.route
    AND (l.version = 1 OR NOT EXISTS (
        SELECT 1 FROM filings f WHERE f.kind = '603' AND f.key = l.cop_no
        AND {versions.IS_APPROVED}))
"""  # noqa: S608

_READY = f"""
    FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
    WHERE {_GOES}
"""

_NAMED = {name: type_ for name, type_ in LISTS.items() if name != "guid"}

_SELECT = """
    SELECT l.id, l.order_id, s.exporter, s.channel, s.shop, o.order_no, l.cop_no,
           l.route, l.check_id, l.version, l.app_type, l.state, l.order_app_type, l.manifest_id
    FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
"""

_GUID = "[0-9A-F]{8}-[0-9A-F]{4}-5[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}"

_PAGE = 10_000

_PORTION = 100_000
"""Lists that are claimed together."""

CLAIMED = "lists claimed up to order"
"""Mark: accepted orders with this number or a lower one have their list, of their last check."""


class ListClaimError(RuntimeError):
    """The database refused a list, or a list was not in the state the caller took it to be in."""


def guid(exporter: str, cop_no: str, version: int) -> str:
    """The GUID of a version of a list: UUIDv5, upper case, the same on every re-run."""
    said = sha1(NAMESPACE.bytes + f"{exporter}/{cop_no}/{version}".encode(), usedforsecurity=False)
    told = said.hexdigest()[:32].upper()
    # Variant and version bits as RFC 9562 sets them; uuid.uuid5 says the same at thrice the cost.
    variant = "89AB"[int(told[16], 16) & 3]
    return f"{told[:8]}-{told[8:12]}-5{told[13:16]}-{variant}{told[17:20]}-{told[20:]}"


def hashes(exporters: pl.Series, cop_nos: pl.Series, versions: pl.Series) -> list[bytes]:
    """The 16 bytes of which ``guid`` is made, row by row."""
    said = pl.select(pl.concat_str(exporters, cop_nos, versions.cast(pl.String), separator="/"))
    start = NAMESPACE.bytes
    return [
        sha1(start + one.encode(), usedforsecurity=False).digest()[:16] for one in said.to_series()
    ]


def as_guids(hashed: bytes) -> pl.Series:
    """Hashes of 16 bytes, one after the other, as the GUIDs (UUIDv5, upper case) they stand for."""
    # They cost more time than all else that most commands ask of this module.
    import numpy as np
    import pyarrow as pa

    octets = np.frombuffer(hashed, np.uint8).reshape(-1, 16).copy()
    # Version and variant bits as RFC 9562 sets them.
    octets[:, 6] = octets[:, 6] & 0x0F | 0x50
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    letters = np.frombuffer(octets.tobytes().hex().upper().encode(), np.uint8).reshape(-1, 32)
    dashed = np.full((len(letters), 36), ord("-"), np.uint8)
    for at, begins, ends in ((0, 0, 8), (9, 8, 12), (14, 12, 16), (19, 16, 20), (24, 20, 32)):
        dashed[:, at : at + ends - begins] = letters[:, begins:ends]
    buffers = [None, pa.py_buffer(np.arange(len(dashed) + 1) * 36), pa.py_buffer(dashed)]
    return pl.Series(pa.LargeStringArray.from_buffers(len(dashed), *buffers[1:]))


def guids(exporters: pl.Series, cop_nos: pl.Series, versions: pl.Series) -> pl.Series:
    """The GUIDs of lists, row by row; see ``guid``."""
    return as_guids(b"".join(hashes(exporters, cop_nos, versions))).alias("guid")


def cop_no(day: str, number: int) -> str:
    """The enterprise's list number (copNo, 企业内部编号) of a day ``YYYY-MM-DD``."""
    return f"XB{day.replace('-', '')}{number:010d}"


def claim(c: Connection, day: date | None = None, limit: int | None = None) -> int:
    """Give every accepted order its list, or the first ``limit`` of them; the number of new ones.

    Until it returns less than ``limit`` there may be more. In order of the orders' numbers,
    without a gap; ``day`` stands in the copNo, by default the day on which the order was
    accepted. A pending list whose order was checked again takes the new check. An order that
    waits to be checked keeps its list pending, and ``pending`` does not show it until then.
    Before all others, and not counted for ``limit``, come the next versions of lists that were
    refused or amended.
    """
    following = versions.claim(c)
    mark, end = counters.peek(c, CLAIMED), counters.peek(c, "order")
    before = c.scalar(text("SELECT max(order_id) FROM lists WHERE live")) or 0
    new, last, most = 0, mark, ALL if limit is None else limit
    while new < most:
        waiting = _without_list(c, last, min(_PORTION, most - new), looked_for=last < before)
        if waiting.is_empty():
            break
        last = int(waiting["order_id"][-1])
        new += _enter(c, waiting, day)
    if new == limit:
        end = last
    if mark < before:
        _refresh(c, mark, min(end, before))
    counters.put(c, CLAIMED, end)
    if new or following:
        told = {"new": new} | ({"next_versions": following} if following else {})
        audit.append(c, "lists claimed", "lists", told)
    return new + following


def _without_list(c: Connection, after: int, limit: int, *, looked_for: bool) -> pl.DataFrame:
    """The first accepted orders above ``after`` that have no list (column order_id).

    Unless it is ``looked_for`` none of them has one.
    """
    none = "AND NOT EXISTS (SELECT 1 FROM lists l WHERE l.order_id = o.id AND l.live)"
    return fetch(
        c,
        f"""
        SELECT o.id FROM orders o WHERE o.id > :after AND o.state || '' = 'accepted'
        {none if looked_for else ""} ORDER BY o.id LIMIT :limit
        """,  # noqa: S608
        {"order_id": pl.Int64},
        after=after,
        limit=limit,
    )


def _enter(c: Connection, waiting: pl.DataFrame, day: date | None) -> int:
    """Enter the first lists of orders, in this order; their number."""
    first = counters.draw_many(c, "list", waiting.height).start
    serial = counters.draw_many(c, "cop_no", waiting.height).start
    # Along a run of orders a list's number and its order's lie equally far from each other.
    entered = runs(waiting, "order_id")
    length = pl.col("last_id") - pl.col("first_id") + 1
    apart = length.cum_sum() - length - pl.col("first_id")
    stage(c, "claimed", entered.with_columns(apart.alias("apart")))
    day_of = "o.business_date" if day is None else "CAST(:day AS TEXT)"
    run(
        c,
        f"""
        INSERT INTO lists (id, order_id, version, live, cop_no, state, route, check_id, app_type)
        SELECT :first + o.id + t.apart, o.id, 1, true,
               'XB' || replace({day_of}, '-', '')
                    || substr(CAST(10000000000 + :serial + o.id + t.apart AS TEXT), 2),
               'pending', o.route, o.check_id, '1'
        FROM claimed t CROSS JOIN orders o WHERE o.id BETWEEN t.first_id AND t.last_id
        """,  # noqa: S608
        first=first,
        serial=serial,
        **({} if day is None else {"day": day.isoformat()}),
    )
    run(c, "DROP TABLE claimed")
    return waiting.height


def _refresh(c: Connection, mark: int, end: int) -> None:
    """Give pending lists the last check of their orders, of those above ``mark`` up to ``end``."""
    run(
        c,
        """
        UPDATE lists SET check_id = o.check_id, route = o.route FROM orders o
        WHERE lists.order_id > :mark AND lists.order_id <= :end
          AND lists.state = 'pending' AND lists.live AND o.id = +lists.order_id
          AND o.state = 'accepted' AND (o.check_id <> lists.check_id OR o.route <> lists.route)
        """,
        mark=mark,
        end=end,
    )


def follow_check(c: Connection, accepted_from: int | None, held: pl.DataFrame) -> int:
    """What a check changes of lists: those of orders that are held now become void; their number.

    ``held`` are the orders that the check holds (column order_id). ``accepted_from`` is the first
    order it accepted: ``claim`` begins there again.
    """
    if accepted_from is not None and accepted_from <= counters.peek(c, CLAIMED):
        counters.put(c, CLAIMED, accepted_from - 1)
    if held.is_empty():
        return 0
    stage(c, "holding", held)
    voided = changed(
        c,
        """
        UPDATE lists SET state = 'void', live = false,
                         next_app_type = CASE WHEN version > 1 THEN app_type END
        FROM holding h, orders o
        WHERE lists.order_id = h.order_id AND lists.live
          AND lists.state = 'pending' AND o.id = h.order_id AND o.state = 'held'
          AND o.check_id IS NOT NULL
        """,
    )
    run(c, "DROP TABLE holding")
    return voided


def pending(c: Connection, after: int = 0, limit: int | None = None) -> pl.DataFrame:
    """Lists that a cut-off may take, in order of their number; columns of ``PENDING_LISTS``.

    Page by page: ``limit`` lists at most, with a ``list_id`` above ``after``. A list whose order
    was changed or checked again since the list was claimed waits.
    """
    return fetch(
        c,
        f"""
        SELECT l.id, l.order_id, s.exporter, o.order_no, l.cop_no, l.check_id
        {_READY} AND l.id > :after ORDER BY l.id LIMIT :limit
        """,
        PENDING_LISTS,
        after=after,
        limit=ALL if limit is None else limit,
    )


def ready(
    c: Connection, exporters: Container[str] | None, after: int = 0, limit: int | None = None
) -> pl.DataFrame:
    """The same of the orders of ``exporters`` (by default all), as ``READY_LISTS``."""
    shops = run(c, "SELECT id, exporter FROM shops ORDER BY id").all()
    known = [one.id for one in shops if exporters is None or one.exporter in exporters]
    # Mostly all are known, and nobody asks of each order whose it is.
    of = (
        ""
        if len(known) == len(shops)
        else f"AND o.shop_id IN ({', '.join(map(str, known)) or 'NULL'})"
    )
    return fetch(
        c,
        f"""
        SELECT l.id, l.order_id, l.check_id FROM lists l JOIN orders o ON o.id = l.order_id
        WHERE {_GOES} {of} AND l.id > :after ORDER BY l.id LIMIT :limit
        """,  # noqa: S608
        READY_LISTS,
        after=after,
        limit=ALL if limit is None else limit,
    )


def count_pending(c: Connection) -> int:
    """How many lists a cut-off may take."""
    return int(run(c, f"SELECT count(*) {_READY}").scalar_one())


def of_manifests(c: Connection, manifest_ids: Sequence[int]) -> pl.DataFrame:
    """The lists of manifests in order of manifest and number; ``LISTS`` and ``manifest_id``."""
    if not manifest_ids:
        return pl.DataFrame(schema=LISTS | {"manifest_id": pl.Int64})
    ids = ", ".join(str(int(one)) for one in manifest_ids)
    found = fetch(
        c,
        _SELECT + f"WHERE l.manifest_id IN ({ids}) ORDER BY l.manifest_id, l.id",
        _NAMED | {"manifest_id": pl.Int64},
    )
    given = guids(found["exporter"], found["cop_no"], found["version"])
    return found.with_columns(given).select(*LISTS, "manifest_id")


def numbers(c: Connection, manifest_ids: Sequence[int]) -> pl.DataFrame:
    """The same lists in the same order, with what the registry gave them: columns ``NUMBERS``."""
    ids = ", ".join(str(int(one)) for one in manifest_ids)
    return fetch(
        c,
        f"""
        SELECT id, order_id, check_id, cop_no, version, app_type, order_app_type, manifest_id
        FROM lists WHERE manifest_id IN ({ids or "NULL"}) ORDER BY manifest_id, id
        """,  # noqa: S608
        NUMBERS,
    )


def orders_of_guid(c: Connection, asked: str) -> list[int]:
    """The order whose list has this GUID, in a list; empty where none has, or it is no GUID.

    A GUID stands in no table: it follows from the copNo. So this looks through all lists, some
    seconds among ten million. Whoever has the copNo asks by that.
    """
    if not re.fullmatch(_GUID, asked.upper(), re.ASCII):
        return []
    every = """
        SELECT l.id, l.order_id, s.exporter, l.cop_no, l.version
        FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
        WHERE l.id > :after ORDER BY l.id LIMIT :page
    """
    after = 0
    while page := run(c, every, after=after, page=_PAGE).all():
        for _, order_id, *named in page:
            if guid(*named) == asked.upper():
                return [order_id]
        after = page[-1][0]
    return []
