"""Manifests (清关批次): reserved with their lists in one transaction, published from the rows.

Reserving draws the number, issues the lists and declares their orders. The files are written
afterwards from these rows; a crash between leaves the manifest ``reserved``, and the next run
renders the same bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, select, update

from xborder.registry import audit, counters, lists
from xborder.registry.staging import changed, run, stage
from xborder.registry.tables import manifests

KINDS = ("lists", "declarations")


@dataclass(frozen=True)
class NewManifest:
    """A manifest that a cut-off is about to reserve.

    ``kind`` is ``lists`` or ``declarations``, ``batch`` what shows in the bytes (JSON values),
    ``customs_code`` the 4 digits of the customs office.
    """

    kind: str
    exporter: str
    batch: Mapping[str, Any]
    customs_code: str


RESERVED, PUBLISHED = "reserved", "published"


def reserve_all(
    c: Connection,
    cutoff: int,
    plan: Sequence[NewManifest],
    assigned: Iterable[pl.DataFrame],
    business_date: date,
    app_time: datetime,
) -> list[Row[Any]]:
    """Put pending lists into new manifests, in order of ``plan``; their rows.

    ``assigned`` are frames [list_id Int64, manifest UInt32]: which list goes into which manifest
    of ``plan`` (its index); every list once, every manifest at least one. Numbers are
    ``XB`` + customs office + yyyymmdd + 5 digits, gapless for an office and day. Raises
    ListClaimError when a list is no longer pending or not the exporter's, and ValueError for
    an unknown kind, a customs code that is not 4 digits, or a manifest without lists: the
    caller's transaction then ends without any of it.
    """
    wanted = pl.concat([pl.DataFrame(schema={"list_id": pl.Int64, "manifest": pl.UInt32}),
                        *assigned])  # fmt: skip
    return [
        reserve(
            c,
            cutoff,
            new.kind,
            new.exporter,
            new.batch,
            wanted.filter(pl.col("manifest") == place)["list_id"],
            new.customs_code,
            business_date,
            app_time,
        )
        for place, new in enumerate(plan)
    ]


def reserve(
    c: Connection,
    cutoff: int,
    kind: str,
    exporter: str,
    batch: Mapping[str, Any],
    list_ids: Iterable[int],
    customs_code: str,
    business_date: date,
    app_time: datetime,
) -> Row[Any]:
    """Put pending lists into a new manifest; its row (``id``, ``number`` and the rest).

    The number is ``XB`` + customs office + yyyymmdd + 5 digits, gapless for an office and day.
    Raises ListClaimError when a list is no longer pending (nothing is reserved then), and
    ValueError for an unknown kind, a customs code that is not 4 digits, or no lists.
    """
    wanted = list(list_ids)
    if kind not in KINDS or not re.fullmatch("[0-9]{4}", customs_code, re.ASCII) or not wanted:
        raise ValueError(f"no manifest of {len(wanted)} lists, kind {kind}, office {customs_code}")
    day = f"{business_date:%Y%m%d}"
    following = counters.draw(c, "manifest")
    serial = counters.draw(c, f"manifest:{customs_code}:{day}")
    number = f"XB{customs_code}{day}{serial:05d}"
    c.execute(
        manifests.insert().values(
            id=following,
            number=number,
            kind=kind,
            cutoff_id=cutoff,
            business_date=business_date,
            exporter=exporter,
            customs_code=customs_code,
            batch=dict(batch),
            lists=len(wanted),
            app_time=app_time,
            state=RESERVED,
        )
    )
    _issue(c, following, exporter, wanted, app_time)
    told = {"lists": len(wanted), "kind": kind, "cutoff": cutoff}
    audit.append(c, "manifest reserved", number, told, app_time)
    return get(c, following)


def _issue(
    c: Connection, manifest_id: int, exporter: str, wanted: list[int], app_time: datetime
) -> None:
    stage(c, "taken", pl.DataFrame({"list_id": pl.Series(wanted, dtype=pl.Int64)}))
    issued = changed(
        c,
        """
        UPDATE lists SET state = 'issued', manifest_id = :manifest, app_time = :at
        FROM taken t, orders o, shops s
        WHERE lists.id = t.list_id AND lists.state = 'pending' AND lists.live
          AND o.id = lists.order_id AND o.state = 'accepted' AND o.check_id = lists.check_id
          AND s.id = o.shop_id AND s.exporter = :exporter
        """,
        manifest=manifest_id,
        at=app_time.astimezone(UTC).isoformat(),
        exporter=exporter,
    )
    if issued != len(wanted):
        raise lists.ListClaimError(f"{len(wanted) - issued} lists are not pending any more")
    declared = changed(
        c,
        """
        UPDATE orders SET state = 'declared' FROM taken t, lists l
        WHERE l.id = t.list_id AND orders.id = l.order_id AND orders.state = 'accepted'
        """,
    )
    run(c, "DROP TABLE taken")
    if declared != len(wanted):
        raise lists.ListClaimError(f"{len(wanted) - declared} orders were declared before")


def get(c: Connection, manifest_id: int) -> Row[Any]:
    """One manifest. Raises ``sqlalchemy.exc.NoResultFound``."""
    return c.execute(select(manifests).where(manifests.c.id == manifest_id)).one()


def published(c: Connection, manifest_id: int, sha256: str, folder: str) -> None:
    """The manifest's folder stands, with this checksum.

    The same call again changes nothing; raises ValueError for another checksum, because an
    issued manifest is never edited.
    """
    row = get(c, manifest_id)
    if row.state == PUBLISHED:
        if row.sha256 != sha256:
            raise ValueError(f"manifest {row.number} was published with another checksum")
        return
    c.execute(
        update(manifests)
        .where(manifests.c.id == manifest_id)
        .values(state=PUBLISHED, sha256=sha256, folder=folder)
    )
    audit.append(c, "manifest published", row.number, {"sha256": sha256})


def unpublished(c: Connection) -> Sequence[Row[Any]]:
    """Reserved manifests whose folder does not stand yet, oldest first."""
    waiting = select(manifests).where(manifests.c.state == RESERVED).order_by(manifests.c.id)
    return c.execute(waiting).all()


def lists_of(c: Connection, manifest_id: int) -> pl.DataFrame:
    """The lists of a manifest, in order of their number; columns ``lists.LISTS``."""
    return lists.of_manifest(c, manifest_id)
