"""Which lists go out together: the batches (批次) of a cut-off.

Customs reads a manifest as one consignment, so all its lists share what ``KEY`` names. The
transfer block stands once a message, therefore the sender (``ebcCode``, ``dxpId``) belongs to
the key as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

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

KINDS = {"list": "lists", "declaration": "declarations"}
"""Route of the lists (list, declaration) → kind of their manifest."""


@dataclass(frozen=True)
class Batch:
    """The lists of one manifest: what they share, and their ids in the order to write."""

    key: dict[str, str]
    list_ids: tuple[int, ...]

    @property
    def kind(self) -> str:
        """``lists`` (CEB303 + CEB603) or ``declarations`` (CEB303 + draft declarations)."""
        return KINDS[self.key["route"]]


def group(heads: pl.DataFrame, lists_per_manifest: int) -> Iterator[Batch]:
    """Batches of ``heads`` (columns of ``KEY`` and ``list_id``), ordered by key, then list_id.

    A key with more lists than a manifest holds gives several batches. The order of the rows
    that come in does not matter. A null in the key counts as the empty text.
    """
    keyed = heads.select(pl.col(KEY).fill_null(""), "list_id").sort(*KEY, "list_id")
    for row in keyed.group_by(KEY, maintain_order=True).agg("list_id").iter_rows(named=True):
        list_ids = row.pop("list_id")
        for start in range(0, len(list_ids), lists_per_manifest):
            yield Batch(dict(row), tuple(list_ids[start : start + lists_per_manifest]))


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
