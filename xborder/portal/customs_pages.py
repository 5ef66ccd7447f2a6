"""The liaison's pages beyond the manifests (海关往来): consolidation of a month, and receipts that
could not be read or applied."""

import threading
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from xborder import clock
from xborder.manifests.consolidation import overview, rehearsal
from xborder.manifests.consolidation.eligible import REASONS
from xborder.portal.context import Portal
from xborder.portal.rendering import page
from xborder.registry import receipt_problems
from xborder.registry.consolidations import previous_month
from xborder.registry.database import reading

MOST_EXCLUDED = 200
"""Lists that are not consolidated which the page names, an exporter; the workbook has all."""

_REHEARSING = threading.BoundedSemaphore(1)
"""A month of a large exporter takes seconds of a processor: one at a time."""


def consolidation(request: Request) -> Response:
    """GET /consolidation?month=&exporter=: what is due, what it makes, what is left out and why,
    what was applied for and what customs made of it."""
    portal: Portal = request.app.state.portal
    month = _month(request.query_params.get("month", ""))
    known = portal.profiles.now().exporters
    asked = request.query_params.get("exporter", "")
    home = portal.home
    with reading(home.engine) as connection:
        names = overview.exporters(connection, month)
        applied = overview.shown(connection, home, month, asked or None)
        with _REHEARSING:
            previews = [
                _preview(rehearsal.rehearse(connection, home, one, month))
                for one in names
                if one in home.exporters and asked in ("", one)
            ]
    return page(
        request,
        "consolidation.html",
        month=f"{month:%Y-%m}",
        previews=previews,
        applied=applied,
        exporters=known,
        exporter=asked,
        reasons=REASONS,
        application_states=overview.STATES,
        most_excluded=MOST_EXCLUDED,
    )


def _month(text: str) -> date:
    """The first day of the month that is asked for; the previous one for what is none."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return previous_month(clock.today())


def _preview(one: rehearsal.Rehearsal) -> dict[str, Any]:
    excluded = one.found.excluded.select("copNo", "orderNo", "reason")
    return overview.told_preview(one, []) | {
        "excluded": list(excluded.head(MOST_EXCLUDED).iter_rows(named=True)),
        "excluded_lists": excluded.height,
    }


def receipts(request: Request) -> Response:
    """GET /receipts: receipt files in quarantine and answers that wait or are held, with why."""
    portal: Portal = request.app.state.portal
    with reading(portal.home.engine) as connection:
        problems = receipt_problems.listed(connection)
        counted = receipt_problems.count(connection)
    return page(
        request,
        "receipts.html",
        problems=problems,
        number=sum(counted.values()),
        exporters=portal.profiles.now().exporters,
    )
