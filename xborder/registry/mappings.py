"""Mappings (列对应): what an exporter said the columns of its own sheets mean.

Each is a layout as TOML under a name; saying it again makes a new version, a revocation leaves
none. Rows are never changed. The last version of each name recognises the exporter's files; what
an earlier one has read stays as it was read. A refused file whose headers a mapping knows is read
again by the next run.
"""

import json
from collections.abc import Iterable
from typing import Any

import polars as pl
from sqlalchemy import Connection, select

from xborder import clock
from xborder.findings import Both
from xborder.intake import headers, layouts
from xborder.intake.layouts import VERSION, Layout
from xborder.intake.mappings import MappingError, checked
from xborder.intake.proposals import Proposal
from xborder.registry import audit, counters, uploads
from xborder.registry.answer_tables import mappings
from xborder.registry.store import Store
from xborder.registry.tables import uploads as uploads_table

ACCEPTED, REVOKED = "accepted", "revoked"

MOST_BYTES = 96 * 1024
"""All mappings of an exporter go to each reader with its order, which is one message."""

RECORDED: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "exporter": pl.String(),
    "name": pl.String(),
    "version": pl.Int64(),
    "text": pl.String(),
    "verdict": pl.String(),
    "given_by": pl.String(),
    "given_at": pl.String(),
    "note": pl.String(),
}
"""Columns of ``recorded``; ``given_at`` is an instant in UTC (ISO 8601)."""


def recorded(c: Connection, exporter: str) -> pl.DataFrame:
    """All that an exporter ever said of its sheets, in its order; columns ``RECORDED``."""
    own = select(mappings).where(mappings.c.exporter == exporter).order_by(mappings.c.id)
    rows = [{**row._mapping, "given_at": row.given_at.isoformat()} for row in c.execute(own)]
    return pl.DataFrame([{name: row[name] for name in RECORDED} for row in rows], schema=RECORDED)


def standing(c: Connection, exporter: str) -> pl.DataFrame:
    """The mappings that stand: the last version of each name, unless it was revoked."""
    last = recorded(c, exporter).unique("name", keep="last", maintain_order=True)
    return last.filter(pl.col("verdict") == ACCEPTED).sort("name")


def in_force(c: Connection, exporter: str) -> dict[str, str]:
    """The mappings that stand as a reader takes them: ``name@version`` → TOML."""
    own = standing(c, exporter).select("name", "version", "text")
    return {f"{name}{VERSION}{version}": text for name, version, text in own.iter_rows()}


def of_reading(c: Connection, exporter: str, layout: str | None) -> dict[str, str]:
    """The mapping by which a file was read, as a reader takes it; none for another layout."""
    name, _, version = (layout or "").partition(VERSION)
    if not version:
        return {}
    own = recorded(c, exporter).filter(pl.col("name") == name, pl.col("version") == int(version))
    return {str(layout): text for text in own["text"].head(1)}


def accept(
    c: Connection, exporter: str, text: str, *, by: str, note: str = ""
) -> tuple[str, int, Layout]:
    """Record a mapping; its name and version, and the layout that it is.

    Raises MappingError for one that cannot be used, stands already or is one too many, or a
    missing name.
    """
    if not by.strip():
        raise MappingError(Both("没有写明何人确认", "who accepts must be named"))
    plain, layout = checked(text)
    name = layout.layout
    now = {row["name"]: row for row in standing(c, exporter).iter_rows(named=True)}
    if name in now and now[name]["text"] == plain:
        there = f"{name}{VERSION}{now[name]['version']}"
        raise MappingError(Both(f"{there}: 已是如此", f"{there}: stands already"))
    others = [row["text"] for row in now.values() if row["name"] != name]
    if sum(len(one.encode()) for one in (*others, plain)) > MOST_BYTES:
        raise MappingError(
            Both("列对应太多，请先撤销不用的", "too many mappings: revoke one first")
        )
    before = recorded(c, exporter).filter(pl.col("name") == name, pl.col("verdict") == ACCEPTED)
    _append(c, exporter, name, before.height + 1, plain, ACCEPTED, by, note)
    return name, before.height + 1, layout


def revoke(c: Connection, exporter: str, name: str, *, by: str, note: str = "") -> None:
    """Take a mapping back. Raises MappingError where none of this name stands."""
    own = standing(c, exporter).filter(pl.col("name") == name)
    if own.is_empty():
        asked = f"{name}: {exporter}"
        raise MappingError(Both(f"{asked} 没有这个列对应", f"{asked} has no such mapping"))
    row = own.row(0, named=True)
    _append(c, exporter, name, row["version"], row["text"], REVOKED, by, note)


def _append(
    c: Connection, exporter: str, name: str, version: int, text: str, verdict: str,
    by: str, note: str,
) -> None:  # fmt: skip
    number, at = counters.draw(c, "mapping"), clock.now()
    row = {"exporter": exporter, "name": name, "version": version, "text": text,
           "verdict": verdict, "given_by": by.strip(), "note": note.strip()}  # fmt: skip
    c.execute(mappings.insert().values(id=number, given_at=at, **row))
    audit.append(c, f"mapping {verdict}", f"{exporter} {name}", row | {"mapping": number}, at)


def keep(store: Store, folder: Iterable[str], proposal: Proposal | None) -> None:
    """Keep what the headers of a refused file may mean, beside its reading; no cell of it."""
    if proposal is None:
        return
    columns = [one | {"samples": []} for one in proposal["columns"]]
    told = json.dumps(proposal | {"columns": columns}, ensure_ascii=False)
    store.write_bytes((*folder, "proposal.json"), told.encode())


def proposed(store: Store, upload_id: int) -> Proposal | None:
    """What the headers of an upload that was refused may mean, without samples; None where
    nothing is proposed. See ``intake.proposals`` for its keys."""
    where = ("lake", "readings", f"{upload_id:08d}", "proposal.json")
    if not store.exists(*where):
        return None
    told: Proposal = json.loads(store.read_bytes(where))
    return told


def waiting(c: Connection, store: Store, exporter: str) -> list[tuple[Any, Proposal]]:
    """Refused uploads of an exporter whose columns may be mapped, with what is proposed."""
    told = [(row, proposed(store, row.id)) for row in _refused(c, exporter)]
    return [(row, one) for row, one in told if one]


def _refused(c: Connection, exporter: str) -> list[Any]:
    refused = select(uploads_table).where(
        uploads_table.c.exporter == exporter, uploads_table.c.state == uploads.REFUSED
    )
    return list(c.execute(refused.order_by(uploads_table.c.id)).all())


def take_up(c: Connection, store: Store, exporter: str, layout: Layout) -> list[int]:
    """Have the refused uploads read again whose headers a mapping knows; which they are.

    Of files without a header that was known then nothing is kept: they are tried as well.
    """
    told = [(row, proposed(store, row.id)) for row in _refused(c, exporter)]
    cured = [
        row.id
        for row, one in told
        if (knows(layout, one["heads"]) if one else row.code == "UNKNOWN_LAYOUT")
    ]
    again = uploads.try_again(c, cured)
    if again:
        audit.append(c, "uploads taken up", f"{exporter} {layout.layout}", {"uploads": again})
    return again


def knows(layout: Layout, heads: list[str]) -> bool:
    """Whether a layout recognises these headers, and lacks none that it needs."""
    mapping = headers.match(heads, layout)
    missing = [one for one in layout.needed if one not in mapping.columns]
    if missing and (not layout.recognise or headers.renamed(missing, mapping)):
        return False
    return mapping.recognised


def layout_of(text: str) -> Layout:
    """The layout of a standing mapping's text."""
    return layouts.parse(text)
