"""Which lists go out together: the batches (批次) of a cut-off.

Customs reads a manifest as one consignment, so all its lists share what ``KEY`` names. The
transfer block stands once a message, therefore the sender (``ebcCode``, ``dxpId``) belongs to
the key as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

KEY = (
    "exporter",
    "agentCode",
    "customsCode",
    "portCode",
    "tradeMode",
    "trafMode",
    "statisticsFlag",
    "ieDate",
    "route",
    "ebcCode",
    "dxpId",
)
"""Exporter, declarant, office, exit port, mode, transport, flag, export date, route; sender."""

NAMES = ("ebcName", "agentName")
"""No part of the key, but people look for them: those of a manifest's first list."""

KINDS = {"list": "lists", "declaration": "declarations"}
"""Route of the lists (list, declaration) → kind of their manifest."""


@dataclass(frozen=True)
class Batch:
    """The lists of one manifest: what they share, the first one's names, ids in order to write."""

    key: dict[str, str]
    names: dict[str, str]
    list_ids: np.ndarray

    @property
    def kind(self) -> str:
        """``lists`` (CEB303 + CEB603) or ``declarations`` (CEB303 + draft declarations)."""
        return KINDS[self.key["route"]]


@dataclass
class _Gathered:
    """The lists of one key so far (8 bytes each), and the names of every batch's first list."""

    ids: list[np.ndarray] = field(default_factory=list)
    count: int = 0
    names: list[dict[str, str]] = field(default_factory=list)


def group(pages: Iterable[pl.DataFrame], lists_per_manifest: int) -> list[Batch]:
    """Batches of pages of heads (columns of ``KEY``, ``NAMES`` and ``list_id``), ordered by key.

    Within a batch lists stand in order of their id: the ids of a page are all above those of the
    pages before it; the order of a page's rows does not matter. A key with more lists than a
    manifest holds gives several batches. A null counts as the empty text.
    """
    gathered: dict[tuple[str, ...], _Gathered] = {}
    for page in pages:
        if page.is_empty():
            continue
        ordered = page if page["list_id"].is_sorted() else page.sort("list_id")
        rows = ordered.select(pl.col(KEY + NAMES).fill_null(""), "list_id")
        # Mostly the lists of a page differ in few of these, or in none.
        alike = rows.select((pl.col(name) == pl.col(name).first()).all() for name in KEY).row(0)
        differing = [name for name, same in zip(KEY, alike, strict=True) if not same]
        parts = rows.partition_by(differing) if differing else [rows]
        for alike_rows in parts:
            shared = alike_rows.select(KEY).row(0)
            _add(gathered.setdefault(shared, _Gathered()), alike_rows, lists_per_manifest)
    batches = []
    for shared in sorted(gathered):
        one = gathered.pop(shared)
        ids = np.concatenate(one.ids)
        for number, names in enumerate(one.names):
            start = number * lists_per_manifest
            part = ids[start : start + lists_per_manifest]
            batches.append(Batch(dict(zip(KEY, shared, strict=True)), names, part))
    return batches


def _add(one: _Gathered, rows: pl.DataFrame, lists_per_manifest: int) -> None:
    first = -one.count % lists_per_manifest
    one.names += rows[first::lists_per_manifest].select(NAMES).to_dicts()
    one.ids.append(rows["list_id"].to_numpy())
    one.count += len(rows)


@dataclass(frozen=True)
class Manifest:
    """A manifest as its registry row tells it: all that its bytes depend on, besides the lists.

    ``names`` holds the names of the codes it uses, by code table, as they were at the cut-off:
    a table that changes later does not change a manifest that is rendered again.
    """

    number: str
    kind: str
    issued_at: datetime
    key: Mapping[str, str]
    transfer: Mapping[str, str]
    app_status: str
    lists_per_message: int
    names: Mapping[str, Mapping[str, str]]

    def name(self, codes: str, code: str | None) -> str:
        """What a code means (``codes``: the table's name), or the empty text."""
        return self.names.get(codes, {}).get(code or "", "")
