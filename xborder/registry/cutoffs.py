"""Cut-offs (截单): the moments at which pending lists go into manifests."""

from datetime import date, datetime

from sqlalchemy import Connection

from xborder.registry import audit, counters, tables


def take(c: Connection, business_date: date, taken_at: datetime) -> int:
    """Record a cut-off; its number."""
    following = counters.draw(c, "cutoff")
    c.execute(
        tables.cutoffs.insert().values(id=following, business_date=business_date, taken_at=taken_at)
    )
    audit.append(
        c, "cut-off taken", f"cutoff {following}", {"date": business_date.isoformat()}, taken_at
    )
    return following
