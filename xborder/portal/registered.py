"""What the page asks the registry and the landing zone beyond the common questions (查询)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from xborder.registry import landing
from xborder.registry.landing import Landed
from xborder.registry.tables import deliveries, uploads
from xborder.settings import Settings

MOST_ID = 2**63 - 1


def upload(c: Connection, upload_id: int) -> Row[Any] | None:
    """One upload, or None."""
    if upload_id > MOST_ID:
        return None
    return c.execute(select(uploads).where(uploads.c.id == upload_id)).first()


def latest(c: Connection, most: int, skip: int = 0) -> Sequence[Row[Any]]:
    """Uploads, the newest first, with ``last_at`` and ``deliveries`` of each."""
    came = (
        select(
            deliveries.c.upload_id,
            func.max(deliveries.c.received_at).label("last_at"),
            func.count().label("deliveries"),
        )
        .group_by(deliveries.c.upload_id)
        .subquery()
    )
    wanted = (
        select(uploads, came.c.deliveries)
        .join(came, came.c.upload_id == uploads.c.id, isouter=True)
        .order_by(uploads.c.id.desc())
        .limit(most)
        .offset(skip)
    )
    return c.execute(wanted).all()


def count(c: Connection) -> int:
    """How many uploads there are."""
    return int(c.scalar(select(func.count()).select_from(uploads)) or 0)


def deliveries_of(c: Connection, upload_id: int) -> Sequence[Row[Any]]:
    """Each arrival of an upload's bytes, oldest first."""
    wanted = select(deliveries).where(deliveries.c.upload_id == upload_id)
    return c.execute(wanted.order_by(deliveries.c.id)).all()


def waiting(settings: Settings) -> list[Landed]:
    """Files that lie in the landing zone, the latest first."""
    return sorted(landing.look(settings), key=lambda one: -one.mtime_ns)


def landed(files: Sequence[Landed], exporter: str, shop: str, sha256: str) -> Landed | None:
    """The waiting file with these bytes; known by the checksum that its name begins with."""
    for one in files:
        named = one.path.name.split("@")
        if (one.exporter, one.shop) == (exporter, shop) and named[2:3] == [sha256[:16]]:
            return one
    return None
