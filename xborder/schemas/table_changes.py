"""What a new version of a table changes (变更): rows added, removed, changed by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from xborder.findings import Both
from xborder.schemas.table_files import columns_of
from xborder.schemas.table_versions import TableError, key_of
from xborder.schemas.tables import Tables


@dataclass(frozen=True)
class Changes:
    """``added`` and ``removed``: rows of the one side; ``changed``: key, column, was, now."""

    before: int
    after: int
    added: pl.DataFrame
    removed: pl.DataFrame
    changed: pl.DataFrame

    @property
    def rows_changed(self) -> int:
        """How many rows have another value in any column."""
        return self.changed.get_column("key").n_unique()

    @property
    def none(self) -> bool:
        """Whether both sides say the same."""
        return self.added.is_empty() and self.removed.is_empty() and self.changed.is_empty()

    @property
    def by_column(self) -> dict[str, int]:
        """How many values changed, by column."""
        counted = self.changed.group_by("column").len().sort("len", "column", descending=True)
        return dict(counted.rows())


def compare(before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str]) -> Changes:
    """Compare two states of a table by its key; a column that one side lacks is empty there."""
    columns = list(dict.fromkeys([*after.columns, *before.columns]))
    one, two = (
        side.cast(pl.String).with_columns(
            pl.lit(None, pl.String).alias(name) for name in columns if name not in side.columns
        )
        for side in (before, after)
    )
    both = one.join(two, on=list(key), how="inner", suffix=" now", maintain_order="right")
    told = pl.concat_str(list(key), separator=" ").alias("key")
    parts = [
        both.filter(pl.col(name).ne_missing(pl.col(f"{name} now"))).select(
            told,
            pl.lit(name).alias("column"),
            pl.col(name).alias("was"),
            pl.col(f"{name} now").alias("now"),
        )
        for name in columns
        if name not in key
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(("key", "column", "was", "now"), pl.String()))
    return Changes(
        before=before.height,
        after=after.height,
        added=two.join(one, on=list(key), how="anti", maintain_order="left"),
        removed=one.join(two, on=list(key), how="anti", maintain_order="left"),
        changed=pl.concat([empty, *parts]).sort("key", maintain_order=True),
    )


def dangling(held: Tables) -> list[Both]:
    """What tables refer to and its table does not have today, one text a table and column.

    Found is also what a shorter table takes away from others: a unit that the tariff uses.
    """
    told = []
    for name in held.names:
        rows = held.table(name)
        kind = next(one.kind for one in held.entries if one.name == name)
        for column in columns_of(kind):
            if not column.refers or column.name not in rows.columns:
                continue
            known = held.members(column.refers)
            bad = rows.filter(~pl.col(column.name).is_in(sorted(known)))
            if bad.height:
                at = " ".join(str(bad.item(0, one)) for one in key_of(kind))
                what = f"{column.name} {bad.item(0, column.name)}"
                told.append(
                    Both(
                        f"表 {name}：{what}（行 {at}，共 {bad.height} 行）不在表 {column.refers} 中",
                        f"table {name}: {what} (row {at}, {bad.height} in all) "
                        f"is not in the table {column.refers}",
                    )
                )
    return told


def refuse_dangling(before: Tables, after: Tables, day: date) -> None:
    """Raise TableError where, from a day on, a table would newly refer to a code that its table
    does not have; asked for that day and for each later one on which a version begins."""
    days = {day} | {one.valid_from for one in after.entries if one.valid_from > day}
    for on in sorted(days):
        lacking = dangling(Tables(after.entries, on))
        known = dangling(Tables(before.entries, on)) if lacking else []
        for told in lacking:
            if told not in known:
                since = "" if on == day else f" ({on})"
                raise TableError(Both(f"{told.zh}{since}", f"{told.en}{since}"))
