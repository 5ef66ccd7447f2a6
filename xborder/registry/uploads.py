"""Uploads and deliveries (上传文件): every file that came in, and what became of its rows.

An upload is (exporter, shop, SHA-256 of its bytes); each time it arrives is a delivery. The
same bytes again change nothing, with two exceptions: a refused upload is tried again, because
the profile or layout it lacked may be there now, and goods or shipments are the newest word again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from xborder import clock
from xborder.registry import audit, counters
from xborder.registry.tables import deliveries, upload_rows, uploads

LANDED, READ, CHECKED, REFUSED = "landed", "read", "checked", "refused"
KINDS = ("orders", "goods", "shipments", "prices", "stock", "receipt")
ROW_STATES = ("accepted", "declared", "held", "excluded", "duplicate")

RowCounts = Mapping[str, int] | Mapping[tuple[str, str], int] | Mapping[str | tuple[str, str], int]
"""Rows by code (excluded rows) or by (state, code)."""


@dataclass(frozen=True)
class Received:
    """What a delivery was.

    ``new``: the upload waits to be read (its bytes were unknown, or it had been refused).
    ``counted`` is False when this very landed file was registered before a crash.
    """

    upload_id: int
    new: bool
    delivery_id: int
    counted: bool = True


def receive(
    c: Connection,
    sha256: str,
    exporter: str,
    shop: str,
    kind: str | None,
    file_name: str,
    size: int,
    received_at: datetime,
    marker: str | None = None,
    business_date: date | None = None,
) -> Received:
    """Register a delivery of ``size`` bytes; ``kind`` is None when the layout shall tell it.

    ``business_date`` is by default the day of ``received_at`` (Asia/Shanghai).
    ``marker`` identifies the landed file itself: a second call with the same marker (after a
    crash between this and the file's removal) counts nothing.
    """
    if marker is not None:
        seen = c.execute(select(deliveries).where(deliveries.c.marker == marker)).first()
        if seen:
            return Received(seen.upload_id, seen.new, seen.id, counted=False)
    day = business_date or clock.business_date(received_at)
    arrival = {"kind": kind, "received_at": received_at, "business_date": day}
    identity = {"exporter": exporter, "shop": shop, "sha256": sha256}
    upload_id, new = _claim(c, identity, arrival | {"file_name": file_name, "size": size})
    delivery_id = counters.draw(c, "delivery")
    c.execute(
        deliveries.insert().values(
            id=delivery_id,
            upload_id=upload_id,
            file_name=file_name,
            received_at=received_at,
            new=new,
            marker=marker,
        )
    )
    told = {"delivery": delivery_id, "exporter": exporter, "shop": shop, "new": new}
    told |= {"sha256": sha256, "size": size}
    audit.append(c, "upload received", f"upload {upload_id}", told, received_at)
    return Received(upload_id, new, delivery_id)


def _claim(c: Connection, identity: dict[str, str], arrival: dict[str, Any]) -> tuple[int, bool]:
    build = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    row = build(uploads).values(
        id=counters.peek(c, "upload") + 1, state=LANDED, original="kept", **identity, **arrival
    )
    claimed = c.execute(
        row.on_conflict_do_nothing(index_elements=list(identity)).returning(uploads.c.id)
    ).scalar_one_or_none()
    if claimed is not None:
        counters.draw(c, "upload")
        return int(claimed), True
    known = c.execute(select(uploads.c.id, uploads.c.state).filter_by(**identity)).one()
    again: dict[str, Any] = {"original": "kept"}
    if known.state == REFUSED:
        again |= arrival | {"state": LANDED, "code": None, "rows": None, "layout": None}
        c.execute(delete(upload_rows).where(upload_rows.c.upload_id == known.id))
    c.execute(update(uploads).where(uploads.c.id == known.id).values(again))
    return known.id, known.state == REFUSED


def pending(c: Connection, states: Iterable[str] = (LANDED,)) -> Sequence[Row[Any]]:
    """Uploads in the given states, oldest first (all columns of ``uploads``)."""
    wanted = select(uploads).where(uploads.c.state.in_(list(states))).order_by(uploads.c.id)
    return c.execute(wanted).all()


def get(c: Connection, upload_id: int) -> Row[Any]:
    """One upload. Raises ``sqlalchemy.exc.NoResultFound``."""
    return c.execute(select(uploads).where(uploads.c.id == upload_id)).one()


def of_kind(c: Connection, exporter: str, kind: str) -> Sequence[Row[Any]]:
    """An exporter's uploads of one kind that were read, in order of their last delivery.

    Bytes that were handed in again are the newest word again: an old catalogue comes back into
    force by being delivered once more.
    """
    last = (
        select(deliveries.c.upload_id, func.max(deliveries.c.id).label("delivery"))
        .group_by(deliveries.c.upload_id)
        .subquery()
    )
    wanted = (
        select(uploads)
        .outerjoin(last, last.c.upload_id == uploads.c.id)
        .where(
            uploads.c.exporter == exporter,
            uploads.c.kind == kind,
            uploads.c.state.in_([READ, CHECKED]),
        )
    )
    return c.execute(wanted.order_by(last.c.delivery, uploads.c.id)).all()


def mark_read(
    c: Connection,
    upload_id: int,
    layout: str | None,
    channel: str | None,
    kind: str,
    counts: RowCounts,
    total_rows: int,
    patch_of: int | None = None,
) -> None:
    """The file was parsed: its kind, layout, physical rows, and those that belong to no order.

    ``counts`` counts excluded rows by code; a key (state, code) counts rows of another
    state, e.g. ``("held", "ORDER_NO_MISSING")``. ``patch_of``: the upload of which it is a
    corrected copy.
    """
    known: dict[str, Any] = {"layout": layout, "channel": channel, "kind": kind, "code": None}
    known |= {"patch_of": patch_of}
    _advance(c, upload_id, (LANDED, READ), state=READ, **known)
    c.execute(update(uploads).where(uploads.c.id == upload_id).values(rows=total_rows))
    c.execute(delete(upload_rows).where(upload_rows.c.upload_id == upload_id))
    _count(c, upload_id, counts)
    told = {"kind": kind, "layout": layout, "rows": total_rows}
    told |= {} if patch_of is None else {"patch_of": patch_of}
    audit.append(c, "upload read", f"upload {upload_id}", told)


def _count(c: Connection, upload_id: int, rows: RowCounts) -> None:
    build = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    for key, number in sorted(rows.items(), key=str):
        state, code = ("excluded", key) if isinstance(key, str) else key
        if state not in ROW_STATES:
            raise ValueError(f"{state!r} is not a row state")
        row = build(upload_rows).values(upload_id=upload_id, state=state, code=code, rows=number)
        c.execute(
            row.on_conflict_do_update(
                index_elements=["upload_id", "state", "code"], set_={"rows": number}
            )
        )


def share_rows(
    c: Connection, upload_id: int, of: tuple[str, str], parts: Mapping[tuple[str, str], int]
) -> None:
    """Count rows that stood under one (state, code) under others; a second call changes nothing.

    What the parts leave stays where it stood.
    """
    counted = {
        (row.state, row.code): row.rows
        for row in c.execute(select(upload_rows).where(upload_rows.c.upload_id == upload_id))
    }
    every = sum(counted.get(key, 0) for key in (of, *parts))
    told: RowCounts = {**parts, of: every - sum(parts.values())}
    _count(c, upload_id, told)


def mark_checked(c: Connection, upload_id: int) -> None:
    """The file's rows were checked."""
    _advance(c, upload_id, (READ, CHECKED), state=CHECKED, code=None)


def note(c: Connection, upload_ids: Iterable[int], code: str) -> None:
    """A fault of ours kept these files from being read or checked: they wait as they are.

    ``code`` says so until the next run succeeds.
    """
    waiting = uploads.c.id.in_(sorted(upload_ids)) & uploads.c.state.in_([LANDED, READ, CHECKED])
    c.execute(update(uploads).where(waiting).values(code=code))


def refuse(c: Connection, upload_id: int, code: str, rows: int | None = None) -> None:
    """The file cannot be used; ``code`` says why. Its physical rows, where countable, are held."""
    _advance(c, upload_id, (LANDED, READ), state=REFUSED, code=code, rows=rows)
    c.execute(delete(upload_rows).where(upload_rows.c.upload_id == upload_id))
    if rows:
        _count(c, upload_id, {("held", code): rows})
    audit.append(c, "upload refused", f"upload {upload_id}", {"code": code})


def try_again(c: Connection, upload_ids: Iterable[int]) -> list[int]:
    """Refused uploads whose original is there wait to be read again; which they are."""
    wanted = uploads.c.id.in_(sorted(upload_ids)) & (uploads.c.state == REFUSED)
    found = select(uploads.c.id).where(wanted & (uploads.c.original == "kept"))
    again = sorted(c.execute(found).scalars())
    c.execute(delete(upload_rows).where(upload_rows.c.upload_id.in_(again)))
    fresh = {"state": LANDED, "code": None, "rows": None, "layout": None}
    c.execute(update(uploads).where(uploads.c.id.in_(again)).values(fresh))
    return again


def _advance(c: Connection, upload_id: int, before: tuple[str, ...], **values: Any) -> None:
    one = (uploads.c.id == upload_id) & uploads.c.state.in_(before)
    if c.execute(update(uploads).where(one).values(**values)).rowcount != 1:
        raise LookupError(f"upload {upload_id} is not in state {' or '.join(before)}")
