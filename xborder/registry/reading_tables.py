"""The tables of a reading (读入表): what comes of a file's blocks, written as they come."""

from collections import Counter
from collections.abc import Callable

import polars as pl

from xborder.intake import Block, Head
from xborder.registry.entries import bounded, entries, excluded_or_lost, runs
from xborder.registry.patches import UNCHANGED, Patch
from xborder.registry.store import BlockWriter


def of_upload(found: pl.DataFrame, upload_id: int) -> pl.DataFrame:
    """Findings with the number of the upload that they are of."""
    return found.with_columns(pl.lit(upload_id, pl.Int64).alias("upload_id"))


class ReadingTables:
    """Takes the blocks of a file and writes them to the reading's tables."""

    def __init__(
        self,
        records: BlockWriter,
        rows: BlockWriter,
        entered: BlockWriter,
        told: BlockWriter,
        upload_id: int,
        original: Callable[[str], Patch | None],
    ) -> None:
        """``original`` finds the upload of which a file says that it is a corrected copy."""
        self._records, self._rows, self._entries, self._told = records, rows, entered, told
        self._upload, self._original = upload_id, original
        self.blocks = self.total = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lost: list[int] = []
        self.patch: Patch | None = None

    def keep(self, block: Block) -> None:
        """Write a block; of a file that cannot be used only the rows are counted."""
        self.total += block.rows.height
        if not block.records.width:
            return
        if block.copy_of and self.patch is None:
            self.patch = self._original(block.copy_of)
        records, rows, found = bounded(block.records), bounded(block.rows), block.findings
        self._records.write(records)
        self._rows.write(runs(rows, records))
        if "ordered_at" in records.columns:  # lines of orders, no catalogue and no shipments
            entered = entries(records, rows)
            if self.patch is not None and self.patch.kind == "orders":
                entered, unchanged, same = self.patch.orders(records, rows, entered)
                self.counts += Counter({("duplicate", UNCHANGED): int(unchanged.sum())})
                rows = rows.filter(~unchanged)
                # What the reading told of orders that are as they were stands with their file.
                found = found.filter(~pl.col("order_no").is_in(same.implode()))
            self._entries.write(entered)
            self.counts += excluded_or_lost(rows)
            if records.get_column("order_no").null_count():
                self.lost.append(self.blocks)
        self._told.write(of_upload(found, self._upload))
        self.blocks += 1

    def end(self, head: Head) -> None:
        """All blocks have come: what cannot be used, or tells no order, leaves no table."""
        if not head.usable:
            self._records.discard()
            self._rows.discard()
        if not head.usable or head.kind != "orders":
            self._entries.discard()
