"""Manifests (清关批次): reserved with their lists in one transaction, published from the rows.

Reserving draws the number, issues the lists and declares their orders. The files are written
afterwards from these rows; a crash between leaves the manifest ``reserved``, and the next run
renders the same bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, bindparam, select, update

from xborder.registry import audit, counters, lists
from xborder.registry.runs import runs
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

_TOGETHER = 500
"""Rows that are written by one statement: what a batch says is some thousands of letters."""


def reserve_all(
    c: Connection,
    cutoff: int,
    plan: Sequence[NewManifest],
    assigned: Iterable[pl.DataFrame],
    business_date: date,
    app_time: datetime,
) -> range:
    """Put pending lists into new manifests, in order of ``plan``; the ids of their rows.

    ``assigned`` are frames [list_id Int64, manifest UInt32]: which list goes into which manifest
    of ``plan`` (its index); every list once, every manifest at least one. Numbers are
    ``XB`` + customs office + yyyymmdd + 5 digits, gapless for an office and day. Raises
    ListClaimError when a list is no longer pending or not the exporter's, and ValueError for
    an unknown kind, a customs code that is not 4 digits, or a manifest without lists: the
    caller's transaction then ends without any of it.
    """
    for new in plan:
        if new.kind not in KINDS or not re.fullmatch("[0-9]{4}", new.customs_code, re.ASCII):
            raise ValueError(f"no manifest of kind {new.kind}, office {new.customs_code}")
    day = f"{business_date:%Y%m%d}"
    ids = counters.draw_many(c, "manifest", len(plan))
    rows: list[dict[str, Any]] = []
    offices = Counter(new.customs_code for new in plan)
    serials = {
        office: iter(counters.draw_many(c, f"manifest:{office}:{day}", count))
        for office, count in offices.items()
    }
    for number, new in zip(ids, plan, strict=True):
        serial = next(serials[new.customs_code])
        rows.append(
            {
                "id": number,
                "number": f"XB{new.customs_code}{day}{serial:05d}",
                "kind": new.kind,
                "cutoff_id": cutoff,
                "business_date": business_date,
                "exporter": new.exporter,
                "customs_code": new.customs_code,
                "batch": dict(new.batch),
                "lists": 0,
                "app_time": app_time,
                "state": RESERVED,
            }
        )
    for start in range(0, len(rows), _TOGETHER):
        c.execute(manifests.insert(), rows[start : start + _TOGETHER])
    counts: Counter[int] = Counter()
    for part in assigned:
        counts.update(_issue(c, ids.start, part))
    for row in rows:
        row["lists"] = counts[row["id"]]
        if not row["lists"]:
            raise ValueError(f"manifest {row['number']} would have no lists")
    told = [
        (row["number"], {"lists": row["lists"], "kind": row["kind"], "cutoff": cutoff})
        for row in rows
    ]
    audit.extend(c, "manifest reserved", told, app_time)
    if rows:
        counted = update(manifests).where(manifests.c.id == bindparam("of"))
        told_of = [{"of": row["id"], "count": row["lists"]} for row in rows]
        c.execute(counted.values(lists=bindparam("count")), told_of)
    return ids


def _issue(c: Connection, first: int, assigned: pl.DataFrame) -> dict[int, int]:
    """Issue lists and declare their orders; how many lists each manifest got."""
    taken = assigned.select("list_id", manifest=pl.col("manifest").cast(pl.Int64) + first)
    stage(c, "taken", runs(taken, "list_id"))
    # The signs behind the states keep SQLite from going through all that is pending or open.
    issued = changed(
        c,
        """
        UPDATE lists SET state = 'issued', manifest_id = t.manifest FROM taken t
        WHERE lists.id BETWEEN t.first_id AND t.last_id
          AND lists.state || '' = 'pending' AND lists.live
        """,
    )
    declared = changed(
        c,
        """
        UPDATE orders SET state = 'declared', open = false WHERE state || '' = 'accepted' AND id IN (
            SELECT o.id FROM taken t
            CROSS JOIN lists l CROSS JOIN orders o CROSS JOIN shops s CROSS JOIN manifests m
            WHERE l.id BETWEEN t.first_id AND t.last_id AND o.id = l.order_id
              AND o.check_id = l.check_id AND s.id = o.shop_id AND m.id = t.manifest
              AND s.exporter = m.exporter)
        """,
    )
    run(c, "DROP TABLE taken")
    if issued != taken.height or declared != taken.height:
        raise lists.ListClaimError(f"{taken.height - issued} lists are not pending any more")
    return dict(taken["manifest"].value_counts().iter_rows())


def get(c: Connection, manifest_id: int) -> Row[Any]:
    """One manifest. Raises ``sqlalchemy.exc.NoResultFound``."""
    return c.execute(select(manifests).where(manifests.c.id == manifest_id)).one()


def issued(c: Connection, number: str) -> Row[Any] | None:
    """The published manifest of a number; None for an unknown one, or one that is being made."""
    wanted = select(manifests).where(manifests.c.number == number, manifests.c.state == PUBLISHED)
    return c.execute(wanted).one_or_none()


def reserved(c: Connection, manifest_ids: Sequence[int]) -> set[int]:
    """Those of some manifests that are not published yet."""
    wanted = select(manifests.c.id).where(
        manifests.c.id.in_(manifest_ids), manifests.c.state == RESERVED
    )
    return set(c.scalars(wanted))


def published(c: Connection, done: Mapping[int, tuple[str, str]]) -> None:
    """Manifests' folders stand: the checksum of each and its folder, by the manifest's number.

    The same call again changes nothing; raises ValueError for another checksum, because an
    issued manifest is never edited.
    """
    wanted = select(manifests).where(manifests.c.id.in_(list(done))).order_by(manifests.c.id)
    new = []
    for row in c.execute(wanted):
        sha256, folder = done[row.id]
        if row.state != PUBLISHED:
            new.append((row.number, {"of": row.id, "sha": sha256, "place": folder}))
        elif row.sha256 != sha256:
            raise ValueError(f"manifest {row.number} was published with another checksum")
    if new:
        standing = update(manifests).where(manifests.c.id == bindparam("of"))
        c.execute(
            standing.values(state=PUBLISHED, sha256=bindparam("sha"), folder=bindparam("place")),
            [row for _, row in new],
        )
        told = [(number, {"sha256": row["sha"]}) for number, row in new]
        audit.extend(c, "manifest published", told)
