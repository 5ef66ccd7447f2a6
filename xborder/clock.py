"""The only place that reads the time.

Instants are stored in UTC. Business days (the day a file landed, a cut-off, a report) are
days in Asia/Shanghai, as customs counts them. The variable ``XBORDER_NOW`` (ISO 8601 with an
offset) fixes the clock, so that tests and re-runs of the real command see one instant.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIXED_BY = "XBORDER_NOW"


def now() -> datetime:
    """The present instant in UTC, cut to whole seconds (CEB ``appTime`` has no fraction)."""
    fixed_at = os.environ.get(FIXED_BY)
    if fixed_at:
        instant = datetime.fromisoformat(fixed_at)
        if instant.tzinfo is None:
            raise ValueError(f"{FIXED_BY} needs an offset, e.g. 2026-11-20T10:00:00+08:00")
        return instant.astimezone(UTC).replace(microsecond=0)
    return datetime.now(UTC).replace(microsecond=0)


def business_date(instant: datetime) -> date:
    """The business day (Asia/Shanghai) to which an instant belongs."""
    return instant.astimezone(SHANGHAI).date()


def today() -> date:
    """The present business day (Asia/Shanghai)."""
    return business_date(now())


def app_time(instant: datetime) -> str:
    """An instant as CEB ``appTime``: 14 digits YYYYMMDDhhmmss, Asia/Shanghai."""
    return instant.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")


@contextmanager
def fixed(at: str) -> Iterator[None]:
    """Fix the clock at an ISO 8601 instant, in this process and the processes it starts."""
    before = os.environ.get(FIXED_BY)
    os.environ[FIXED_BY] = at
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(FIXED_BY, None)
        else:
            os.environ[FIXED_BY] = before
