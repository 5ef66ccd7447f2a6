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
    manifests: Sequence[Manifest],
    lists: Sequence[int],
    heads: pl.DataFrame,
    items: pl.DataFrame,
    lines: np.ndarray,
) -> Group:
    """A group of manifests that have ``lists`` lists each; ``heads`` stand in their order.

    So do ``items`` (goods lines with ``list_id``), by ``gnum``: ``lines`` of them for each head.
    """
    counts = np.array(lists, dtype=np.int64)
    numbered = np.arange(len(heads)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    of = np.repeat(np.arange(len(heads)), lines)
    items = items.with_columns(heads[name].gather(of) for name in ("orderNo", "copNo"))
    heads = heads.with_columns(place=pl.Series(numbered), lines=pl.Series(lines))
    return Group(tuple(manifests), counts, lines, Texts(heads), Texts(items))
