"""The cut-off (截单): pending lists become numbered manifests, once and for all.

One transaction takes the cut-off and reserves all manifests: numbers, lists, the time of issue
and every setting that shows in the bytes. The files are then derived from these rows; the row's
state ``published`` is the commit point. A crash anywhere leaves either nothing or reserved rows,
from which the next run writes the same bytes.

Pending lists are looked at page by page, and 8 bytes of each are kept until they are reserved.
"""

from collections.abc import Container, Iterator, Mapping
from datetime import date

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.manifests import batches, content
from xborder.manifests.batches import Batch
from xborder.manifests.publishing import Issued, publish
from xborder.manifests.verification import FetchError, Problem, fetch, verify
from xborder.registry import audit, cutoffs, lists, manifests
from xborder.registry.database import reading, transaction
from xborder.registry.manifests import NewManifest
from xborder.registry.staging import fetch as fetch_rows
from xborder.registry.store import Store
from xborder.schemas import Tables, tables
from xborder.schemas.exporters import Sending
from xborder.settings import Settings

__all__ = ["FetchError", "Issued", "Problem", "fetch", "issue", "verify", "waiting"]

PAGE = 50_000
"""Pending lists that are looked at together."""


def issue(
    engine: Engine,
    store: Store,
    settings: Settings,
    business_date: date,
    *,
    issue_new: bool = True,
    named_by: Tables | None = None,
    exporters: Container[str] | None = None,
    sending: Mapping[str, Sending] | None = None,
) -> list[Issued]:
    """Cut off now, and publish every manifest that is not published yet, oldest first.

    ``issue_new=False`` takes no cut-off: it only completes what a crash left. ``named_by``: the
    code tables that name the codes, by default the home's. ``exporters``: those whose profile
    can be used, by default all; lists of others wait (``waiting`` counts them). ``sending``: how
    exporters' messages go, by exporter; those of others are left to the client. Without pending
    lists no cut-off is taken. Safe to run twice, also at once: a manifest is published by
    whoever comes first.

    Raises ``content.ContentError`` when checked content is missing, and ValueError for a list
    that may not be written (``messages.render``): both are faults of ours, nothing is lost, and
    the manifests without such a fault are published.
    """
    checked = content.Checked(store)
    if issue_new:
        names = named_by or tables.load(settings.home / "tables")
        _reserve(engine, checked, settings, business_date, names, exporters, sending or {})
        crash_point("cutoff-reserved")
        checked.forget()
    return publish(engine, store, checked)


def waiting(c: Connection, exporters: Container[str]) -> dict[str, int]:
    """Pending lists whose exporter is not among ``exporters``, by exporter: they wait.

    Its profile has errors or is gone, so nobody can say now how it declares.
    """
    counted = fetch_rows(
        c,
        """
        SELECT s.exporter, count(*) FROM lists l JOIN orders o ON o.id = l.order_id
        JOIN shops s ON s.id = o.shop_id
        WHERE l.state = 'pending' AND l.live GROUP BY s.exporter ORDER BY s.exporter
        """,
        {"exporter": pl.String, "lists": pl.Int64},
    )
    return {name: count for name, count in counted.iter_rows() if name not in exporters}


def _reserve(
    engine: Engine,
    checked: content.Checked,
    settings: Settings,
    business_date: date,
    names: Tables,
    exporters: Container[str] | None,
    sending: Mapping[str, Sending],
) -> None:
    """Reserve all that is pending, in one transaction.

    It is looked through before, beside other writers. Where the audit trail shows that one of
    them wrote meanwhile, all is looked through again within the transaction, where nothing
    changes any more.
    """
    with reading(engine) as connection:
        seen = audit.head(connection)
        ready = _plan(connection, checked, settings, names, exporters, sending)
    if not ready:
        return
    with transaction(engine, proven=True) as connection:
        if audit.head(connection) != seen:
            ready = _plan(connection, checked, settings, names, exporters, sending)
        if ready:
            taken, plan = ready
            issued_at = clock.now()
            cutoff = cutoffs.take(connection, business_date, issued_at)
            manifests.reserve_all(
                connection, cutoff, plan, _assigned(taken), business_date, issued_at
            )
            crash_point("cutoff-reserving")


def _plan(
    c: Connection,
    checked: content.Checked,
    settings: Settings,
    names: Tables,
    exporters: Container[str] | None,
    sending: Mapping[str, Sending],
) -> tuple[list[Batch], list[NewManifest]] | None:
    """The batches of all pending lists and the manifests to make of them; None without any."""
    codes: dict[int, dict[str, set[str]]] = {}

    def pages() -> Iterator[pl.DataFrame]:
        for page in _pages(c, exporters):
            for check_id in page["check_id"].unique():
                if check_id not in codes:
                    codes[check_id] = checked.codes(check_id)
            yield checked.keys(page)

    taken = batches.group(pages(), settings.lists_per_manifest)
    if not taken:
        return None
    used: dict[str, set[str]] = {}
    for found in codes.values():
        for column, values in found.items():
            used.setdefault(column, set()).update(values)
    named = content.names(names, used)
    return taken, [
        NewManifest(
            one.kind,
            one.key["exporter"],
            content.reservation(one, named, settings, sending.get(one.key["exporter"])),
            one.key["customsCode"],
        )
        for one in taken
    ]


def _pages(c: Connection, exporters: Container[str] | None) -> Iterator[pl.DataFrame]:
    after = 0
    while len(page := lists.ready(c, exporters, after, PAGE)):
        after = int(page["list_id"][-1])
        yield page


def _assigned(taken: list[Batch]) -> Iterator[pl.DataFrame]:
    """Which list goes into which manifest, in portions."""
    start = 0
    while start < len(taken):
        stop, count = start, 0
        while stop < len(taken) and count < PAGE:
            count += len(taken[stop].list_ids)
            stop += 1
        part = taken[start:stop]
        sizes = [len(one.list_ids) for one in part]
        of = np.repeat(np.arange(start, stop, dtype=np.uint32), sizes)
        yield pl.DataFrame(
            {"list_id": np.concatenate([one.list_ids for one in part]), "manifest": of}
        )
        start = stop
