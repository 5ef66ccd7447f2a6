"""What a manifest's lists say: checked content from the lake, joined to the registry's rows.

The checks room stored heads and goods lines of each check; the registry says which check, and
which numbers, a list goes out with. Both never change once a list is issued, so a manifest is
rendered from them any number of times.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder import clock
from xborder.manifests import package
from xborder.manifests.batches import Batch, Manifest
from xborder.manifests.sheets import columns
from xborder.registry import checkings, manifests
from xborder.registry.store import Store
from xborder.schemas import Tables
from xborder.settings import Settings

FOLDER = "manifests"
"""Where manifests lie in the store: ``manifests/<date>/<number>/`` and ``…/<number>.zip``."""


SHEETS = ("batch", "lists", "goods", "draft", "draft goods")


class ContentError(RuntimeError):
    """The lake lacks the checked content of a list that the registry has issued or claimed."""


@dataclass
class Checked:
    """Checked content, read from the store; batches share the last check's tables."""

    store: Store
    _kept: dict[tuple[int, str], pl.DataFrame] = field(default_factory=dict)

    def of(self, listed: pl.DataFrame, what: str) -> pl.DataFrame:
        """``heads`` or ``items`` of some lists (list_id, order_id, check_id), with ``list_id``.

        Heads come in the order of ``listed``, items by list in that order, then by ``gnum``.
        Raises ContentError when a list has none.
        """
        parts = []
        for (check_id,), part in listed.partition_by("check_id", as_dict=True).items():
            wanted = part.select("list_id", "order_id")
            parts.append(self._table(check_id, what).join(wanted, on="order_id"))
        found = pl.concat(parts, how="diagonal_relaxed")
        if missing := set(listed["list_id"]) - set(found["list_id"]):
            raise ContentError(f"the lake has no {what} of list {min(missing)}")
        places = listed.select("list_id", pl.int_range(pl.len()).alias("place"))
        by = ["place", "gnum"] if what == "items" else ["place"]
        return found.join(places, on="list_id").sort(by).drop("place")

    def _table(self, check_id: int, what: str) -> pl.DataFrame:
        key = (check_id, what)
        if key not in self._kept:
            self._kept = {one: table for one, table in self._kept.items() if one[0] == check_id}
            place = (*checkings.folder(check_id), f"{what}.parquet")
            try:
                self._kept[key] = self.store.read_parquet(*place)
            except FileNotFoundError as error:
                raise ContentError(f"the lake has no {'/'.join(place)}") from error
        return self._kept[key]


def names(tables: Tables, heads: pl.DataFrame, items: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Names of all codes that stand in columns which our sheets name, by code table."""
    used: dict[str, set[str]] = {}
    for one in {column for sheet in SHEETS for column in columns(sheet) if column.codes}:
        for frame in (heads, items):
            if one.source in frame.columns:
                codes = frame[one.source].drop_nulls().unique().to_list()
                used.setdefault(one.codes, set()).update(codes)
    # A line without a known origin is shown as made in China.
    used.setdefault("country", set()).add("CN")
    return {spec: _named(tables, spec, codes) for spec, codes in sorted(used.items())}


def _named(tables: Tables, spec: str, codes: set[str]) -> dict[str, str]:
    table, _, column = spec.partition(".")
    rows = tables.codes(table).select(pl.col(column or "code").alias("key"), "name").drop_nulls()
    return dict(rows.filter(pl.col("key").is_in(sorted(codes))).unique("key").sort("key").rows())


def reservation(
    batch: Batch, heads: pl.DataFrame, named: dict[str, dict[str, str]], settings: Settings
) -> dict[str, Any]:
    """What the registry keeps of a batch: all that its bytes depend on, besides its lists."""
    first = heads.row(by_predicate=pl.col("list_id") == batch.list_ids[0], named=True)
    return {
        # The names are no part of the key, but people look for them.
        "key": batch.key | {name: first[name] or "" for name in ("ebcName", "agentName")},
        "transfer": {
            "copCode": first["ebcCode"] or "",
            "copName": first["ebcName"] or "",
            "dxpId": first["dxpId"] or "",
        },
        "app_status": settings.app_status,
        "lists_per_message": settings.lists_per_message,
        "names": named,
    }


def manifest(row: Row[Any]) -> Manifest:
    """A manifest of its registry row."""
    batch = row.batch
    return Manifest(
        number=row.number,
        kind=row.kind,
        issued_at=row.app_time,
        key=batch["key"],
        transfer=batch["transfer"],
        app_status=batch["app_status"],
        lists_per_message=batch["lists_per_message"],
        names=batch["names"],
    )


def order_guid(list_guid: str) -> str:
    """The guid of a list's order message (CEB303): made of the list's own, and never the same."""
    return str(uuid.uuid5(uuid.UUID(list_guid), "CEB303")).upper()


def issued(heads: pl.DataFrame, listed: pl.DataFrame, one: Manifest) -> pl.DataFrame:
    """Heads with what is given at issue: guid, copNo, appType, appTime, appStatus, orderGuid."""
    given = listed.select(
        "list_id",
        "guid",
        pl.col("cop_no").alias("copNo"),
        pl.col("app_type").alias("appType"),
        pl.Series("orderGuid", [order_guid(guid) for guid in listed["guid"]], dtype=pl.String),
        pl.lit(clock.app_time(one.issued_at)).alias("appTime"),
        pl.lit(one.app_status).alias("appStatus"),
    )
    return heads.join(given, on="list_id", maintain_order="left")


def place(row: Row[Any]) -> tuple[str, str, str]:
    """The parts of a manifest's folder in the store; its ZIP has the same name and ``.zip``."""
    return (FOLDER, row.business_date.isoformat(), row.number)


def archive_place(row: Row[Any]) -> tuple[str, str, str]:
    """The parts of a manifest's ZIP in the store."""
    return (FOLDER, row.business_date.isoformat(), f"{row.number}.zip")


def render(c: Connection, checked: Checked, row: Row[Any]) -> dict[str, bytes]:
    """All files of a reserved or published manifest, from its rows and the checked content."""
    one = manifest(row)
    listed = manifests.lists_of(c, row.id)
    heads = issued(checked.of(listed, "heads"), listed, one)
    return package.build(one, heads, checked.of(listed, "items"))
