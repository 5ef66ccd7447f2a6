"""Manifests that are written together (批次组): their lists one after another in one frame.

A pass over columns costs the same whether they hold ten rows or ten thousand, so many small
manifests share one. What is written of a manifest never depends on its company.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from xborder.manifests.batches import Manifest
from xborder.manifests.texts import Texts

KEY = "list_id"
"""The column that ties goods lines to their head."""


@dataclass(frozen=True)
class Group:
    """Manifests, how many lists each has, and the columns of all their lists and goods lines.

    ``heads`` stand in order of manifest and list, with their ``place`` in the manifest and
    number of ``lines``; ``items`` in the same order and by ``gnum``, with ``orderNo`` and
    ``copNo`` of their list. All manifests are of one cut-off: codes have one name.
    """

    manifests: tuple[Manifest, ...]
    lists: np.ndarray
    lines: np.ndarray
    heads: Texts
    items: Texts

    def spans(self) -> Iterator[tuple[Manifest, slice, slice]]:
        """Each manifest with the places of its heads and of its goods lines."""
        ends = np.cumsum(self.lists)
        at = np.concatenate([[0], np.cumsum(self.lines)])
        for one, count, end in zip(self.manifests, self.lists, ends, strict=True):
            first = int(end - count)
            yield one, slice(first, int(end)), slice(int(at[first]), int(at[end]))

    def alone(self, number: int) -> "Group":
        """One manifest of the group by itself."""
        one, lists, lines = list(self.spans())[number]
        return Group(
            (one,),
            self.lists[number : number + 1],
            self.lines[lists],
            Texts(self.heads.frame[lists]),
            Texts(self.items.frame[lines]),
        )


def group(
    manifests: Sequence[Manifest], lists: Sequence[int], heads: pl.DataFrame, items: pl.DataFrame
) -> Group:
    """A group of manifests that have ``lists`` lists each; ``heads`` stand in their order.

    ``items`` (goods lines with ``list_id``) may come in any order; those of other lists are
    left out.
    """
    places = pl.DataFrame({KEY: heads[KEY], "place": np.arange(len(heads), dtype=np.uint32)})
    place = items.select(KEY).join(places, on=KEY, how="left", maintain_order="left")["place"]
    if place.null_count():
        items, place = items.filter(place.is_not_null()), place.drop_nulls()
    if len(items):
        order = place.to_numpy().astype(np.int64) << 32 | items["gnum"].cast(pl.UInt32).to_numpy()
        if (np.diff(order) < 0).any():
            items = items[np.argsort(order, kind="stable")]
    lines = np.bincount(place.to_numpy(), minlength=len(heads))
    counts = np.array(lists, dtype=np.int64)
    numbered = np.arange(len(heads)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    heads = heads.with_columns(place=pl.Series(numbered), lines=pl.Series(lines))
    of = np.repeat(np.arange(len(heads)), lines)
    items = items.with_columns(heads[name].gather(of) for name in ("orderNo", "copNo"))
    return Group(tuple(manifests), counts, lines, Texts(heads), Texts(items))
