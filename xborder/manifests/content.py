"""What a manifest's lists say: checked content from the lake, joined to the registry's rows.

The checks room stored heads and goods lines of each check; the registry says which check, and
which numbers, a list goes out with. Both never change once a list is issued, so a manifest is
rendered from them any number of times.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row

from xborder import clock
from xborder.manifests import batches, messages
from xborder.manifests.batches import Batch, Manifest
from xborder.manifests.group import KEY, Group, group
from xborder.manifests.sheets import columns
from xborder.registry import checkings, lists
from xborder.registry.store import Store
from xborder.schemas import Tables
from xborder.schemas.exporters import Sending
from xborder.settings import Settings

FOLDER = "manifests"
"""Where manifests lie in the store: ``manifests/<date>/<number>/`` and ``…/<number>.zip``."""

CACHE = 96 << 20
"""Bytes of checked content that are kept at hand."""

SHEETS = ("batch", "lists", "goods", "draft", "draft goods")

KINDS = ("CEB303", "CEB603")
"""The messages whose sources are read."""


class ContentError(RuntimeError):
    """The lake lacks the checked content of a list that the registry has issued or claimed."""


def written() -> list[str]:
    """The columns of checked content that show in a manifest, in any of its files."""
    sources = {source for kind in KINDS for one in messages.fields(kind) for source in one.sources}
    sources |= {one.source for sheet in SHEETS for one in columns(sheet)}
    return sorted(sources | set(batches.KEY) | {"order_id"})


def _coded() -> list[str]:
    """The columns whose values have names in code tables."""
    return sorted({one.source for sheet in SHEETS for one in columns(sheet) if one.codes})


KEYED = [*batches.KEY, *batches.NAMES, "order_id"]
"""The columns of heads from which batches are made."""


@dataclass
class Checked:
    """Checked content, read from the store as it is asked for; the last tables are kept.

    They take ``CACHE`` bytes at most, besides the one that was asked for last. Several threads
    may ask at once.
    """

    store: Store
    _kept: OrderedDict[tuple[int, str], pl.DataFrame] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, listed: pl.DataFrame, what: str) -> pl.DataFrame:
        """``heads`` or ``items`` of some lists (list_id, order_id, check_id), with ``list_id``.

        Both in the order of ``listed``, a list's items by ``gnum``. Raises ContentError when a
        list has none.
        """
        return self.counted(listed, what)[0]

    def counted(self, listed: pl.DataFrame, what: str) -> tuple[pl.DataFrame, np.ndarray]:
        """The same, and how many rows each list has."""
        orders, checks = listed["order_id"].to_numpy(), listed["check_id"].to_numpy()
        counts = np.zeros(len(listed), np.int64)
        parts, owners = [], []
        by_check = np.argsort(checks, kind="stable")
        ends = np.flatnonzero(np.diff(checks[by_check])) + 1
        for own in np.split(by_check, ends):
            table = self._table(int(checks[own[0]]), what)
            there = table["order_id"].to_numpy()
            first = np.searchsorted(there, orders[own])
            counts[own] = many = np.searchsorted(there, orders[own], "right") - first
            parts.append(_taken(table, first, many))
            owners.append(np.repeat(own, many))
        if not counts.all():
            missing = int(listed["list_id"].to_numpy()[counts == 0].min())
            raise ContentError(f"the lake has no {what} of list {missing}")
        owner = np.concatenate(owners)
        found = pl.concat(parts, how="diagonal_relaxed") if len(parts) > 1 else parts[0]
        if (np.diff(owner) < 0).any():
            found, owner = found[np.argsort(owner, kind="stable")], np.sort(owner)
        return found.with_columns(listed["list_id"].gather(owner)), counts

    def keys(self, listed: pl.DataFrame) -> pl.DataFrame:
        """What batches are made from: ``KEYED`` and ``list_id`` of some lists."""
        return self.of(listed, "keys").select("list_id", *KEYED)

    def codes(self, check_id: int) -> dict[str, set[str]]:
        """All codes in a check's content that have names, by column."""
        found: dict[str, set[str]] = {}
        for what in ("heads", "items"):
            with _stored(check_id, what) as place:
                told = self.store.texts(*place, columns=_coded())
            for column, values in told.items():
                found.setdefault(column, set()).update(values)
        return found

    def lines_a_list(self, check_id: int) -> float:
        """How many goods lines a list of a check has, about; 1 where nobody can say."""
        try:
            items, heads = (
                len(self._read(check_id, what, ["order_id"])) for what in ("items", "heads")
            )
        except ContentError:
            return 1.0
        return items / max(1, heads)

    def _table(self, check_id: int, what: str) -> pl.DataFrame:
        key = (check_id, what)
        # Held while reading: of two threads that want the same table one reads it.
        with self._lock:
            if key not in self._kept:
                table = "heads" if what == "keys" else what
                read = self._read(check_id, table, KEYED if what == "keys" else written())
                self._kept[key] = _sorted(read, what)
            self._kept.move_to_end(key)
            size = sum(_size(one) for one in self._kept.values())
            while size > CACHE and len(self._kept) > 1:
                size -= _size(self._kept.popitem(last=False)[1])
            return self._kept[key]

    def forget(self) -> None:
        """Keep nothing at hand any more."""
        with self._lock:
            self._kept.clear()

    def _read(self, check_id: int, what: str, wanted: list[str]) -> pl.DataFrame:
        with _stored(check_id, what) as place:
            with self.store.path(*place).open("rb") as file:
                there = set(pq.read_schema(file).names)
            return self.store.read_parquet(*place, columns=[one for one in wanted if one in there])


@contextmanager
def _stored(check_id: int, what: str) -> Iterator[tuple[str, ...]]:
    """Where a check's content lies; ContentError when it is missing there."""
    place = (*checkings.folder(check_id), f"{what}.parquet")
    try:
        yield place
    except FileNotFoundError as error:
        raise ContentError(f"the lake has no {'/'.join(place)}") from error


def _sorted(table: pl.DataFrame, what: str) -> pl.DataFrame:
    """Content by order, and its items by ``gnum``: as it was stored, if nothing is wrong."""
    key = table["order_id"].to_numpy()
    if what == "items":
        key = key << 32 | table["gnum"].cast(pl.UInt32).to_numpy()
    return table if (np.diff(key) >= 0).all() else table[np.argsort(key, kind="stable")]


def _taken(table: pl.DataFrame, first: np.ndarray, many: np.ndarray) -> pl.DataFrame:
    """The rows ``first``, ``first + 1`` … of each of some lists, one list after the other."""
    if (first[1:] == (first + many)[:-1]).all():
        return table[int(first[0]) : int(first[-1] + many[-1])]
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return table[np.repeat(first, many) + within]


def _size(table: pl.DataFrame) -> int:
    # Polars counts the letters only; each cell has a view of 16 bytes besides.
    return int(table.estimated_size()) + 16 * table.width * table.height


def names(
    tables: Tables, used: dict[str, set[str]], sheets: Sequence[str] = SHEETS
) -> dict[str, dict[str, str]]:
    """Names of codes (by column of some sheets), by code table."""
    wanted: dict[str, set[str]] = {}
    for one in {column for sheet in sheets for column in columns(sheet) if column.codes}:
        wanted.setdefault(one.codes, set()).update(used.get(one.source, ()))
    # A line without a known origin is shown as made in China.
    wanted.setdefault("country", set()).add("CN")
    return {spec: _named(tables, spec, codes) for spec, codes in sorted(wanted.items())}


def _named(tables: Tables, spec: str, codes: set[str]) -> dict[str, str]:
    table, _, column = spec.partition(".")
    rows = tables.codes(table).select(pl.col(column or "code").alias("key"), "name").drop_nulls()
    return dict(rows.filter(pl.col("key").is_in(sorted(codes))).unique("key").sort("key").rows())


def beside(sending: Sending) -> dict[str, Any]:
    """What a profile files for each list besides order and list."""
    return {
        "documents": [one for one in sending.documents if one in ("403", "505")],
        "payment": {"payCode": sending.payment_code, "payName": sending.payment_name},
    }


def reservation(
    batch: Batch,
    named: dict[str, dict[str, str]],
    settings: Settings,
    sending: Sending | None = None,
) -> dict[str, Any]:
    """What the registry keeps of a batch: all that its bytes depend on, besides its lists.

    Where ``sending`` says that its messages are sent from here, also what is filed for each
    list besides order and list: what was issued before a transport was named stays the client's.
    """
    sent = {}
    if sending is not None and sending.transport != "none":
        sent["sending"] = beside(sending)
    return sent | {
        "key": batch.key | batch.names,
        "transfer": {
            "copCode": batch.key["ebcCode"],
            "copName": batch.names["ebcName"],
            "dxpId": batch.key["dxpId"],
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


def order_guids(list_guids: pl.Series) -> pl.Series:
    """The guids of lists' order messages (CEB303): made of the lists' own, and never the same.

    They are ``uuid5(list's guid, "CEB303")`` in upper case, by the hash that this stands for.
    """
    own = bytes.fromhex("".join(list_guids).replace("-", ""))
    hashed = [
        hashlib.sha1(own[at : at + 16] + b"CEB303", usedforsecurity=False).digest()[:16]
        for at in range(0, len(own), 16)
    ]
    return lists.as_guids(b"".join(hashed))


def place(row: Row[Any]) -> tuple[str, str, str]:
    """The parts of a manifest's folder in the store; its ZIP has the same name and ``.zip``."""
    return (FOLDER, row.business_date.isoformat(), row.number)


def archive_place(row: Row[Any]) -> tuple[str, str, str]:
    """The parts of a manifest's ZIP in the store."""
    return (FOLDER, row.business_date.isoformat(), f"{row.number}.zip")


def load(c: Connection, checked: Checked, rows: Sequence[Row[Any]]) -> Group:
    """All that reserved or published manifests of one cut-off are written from.

    Heads get what was given at issue: guid, copNo, appType, appTime, appStatus, orderGuid,
    orderAppType.
    """
    listed = _listed(c, rows)
    lists_of = dict(listed.group_by("manifest").len().rows())
    counts = [lists_of.get(row.id, 0) for row in rows]
    manifests = [manifest(row) for row in rows]
    of = np.repeat(np.arange(len(rows)), counts)
    given = listed.select("guid", "copNo", "appType", "orderAppType").with_columns(
        orderGuid=order_guids(listed["guid"]),
        appTime=_repeated([clock.app_time(one.issued_at) for one in manifests], of),
        appStatus=_repeated([one.app_status for one in manifests], of),
    )
    heads = checked.of(listed, "heads").with_columns(given.get_columns())
    items, lines = checked.counted(listed, "items")
    return group(manifests, counts, heads, items, lines)


def _repeated(told: list[str], of: np.ndarray) -> pl.Series:
    """What is told of each manifest, for its lists; the same text is in memory once."""
    own = list(dict.fromkeys(told))
    return pl.Series(own).gather(np.array([own.index(one) for one in told])[of])


_GIVEN = {
    "manifest_id": "manifest",
    "cop_no": "copNo",
    "app_type": "appType",
    "order_app_type": "orderAppType",
}


def _listed(c: Connection, rows: Sequence[Row[Any]]) -> pl.DataFrame:
    """The lists of manifests, in the order of their ``rows``, then by their number."""
    whose = pl.DataFrame(
        {"manifest": [row.id for row in rows], "exporter": [row.exporter for row in rows]},
        schema={"manifest": pl.Int64, "exporter": pl.String},
    ).with_row_index("order")
    found = (
        lists.numbers(c, [row.id for row in rows])
        .rename(_GIVEN)
        .join(whose, on="manifest", maintain_order="left")
        .sort("order", KEY)
    )
    return found.with_columns(lists.guids(found["exporter"], found["copNo"], found["version"]))
