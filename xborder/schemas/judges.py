"""What one column decides by itself: each of its values is judged once, and remembered.

The same units, SKUs and names stand in every block of a file and in every file of a shop. What
has passed before passes again, without another look; a column without any value is not
looked at, nor is one without a gap for what only lacks.
"""

from collections.abc import Mapping
from functools import cached_property, reduce
from operator import or_
from typing import NamedTuple

import polars as pl

from xborder.schemas.levels import Levels

_KEPT = 4096
"""Values of a column that are remembered at most."""

_FEW = 5
"""Values that are compared one by one: that costs less than to hash each row."""


class _Memory(NamedTuple):
    """Values that were judged, and the parts that stop those of them that fail.

    Two tables at once may each take it further, and one of the two is lost; none is mixed.
    """

    judged: pl.Series
    failed: Mapping[str | None, list[int]]

    def holds_all(self, values: pl.Series) -> bool:
        """Whether nothing stands in a column but what was judged."""
        if self.judged.is_empty():
            return False
        if self.judged.len() > _FEW:
            # The column adds no value to those: one pass tells that, and keeps none of them.
            return pl.concat([self.judged, values]).n_unique() == self.judged.len()
        known = self.judged.to_list()
        if values.null_count() and None not in known:
            return False
        return reduce(or_, (values == one for one in known if one is not None)).all()


class Judges:
    """The predicates of a filter's parts (by the numbers of those) that read one column only."""

    def __init__(self, column: str, parts: Mapping[int, pl.Expr]) -> None:
        self.column, self.parts = column, parts
        # What compares with one value costs less than to find the distinct ones.
        self._looks = {
            at: one for at, one in parts.items() if ".str." in str(one) or ".is_in(" in str(one)
        }
        self._gaps = {at for at, one in parts.items() if one.meta.eq(pl.col(column).is_null())}
        self._repeated = False
        self._memory = _Memory(pl.Series(dtype=pl.String), {})

    @cached_property
    def _at_null(self) -> list[int]:
        """The parts that stop where there is no value."""
        nothing = pl.DataFrame({self.column: [None]}, schema={self.column: pl.String})
        stops = nothing.select(one.alias(str(at)) for at, one in self.parts.items())
        return [at for at in self.parts if stops.get_column(str(at)).item()]

    def left(self, table: Levels) -> Mapping[int, pl.Expr]:
        """The parts that may stop a row of a table, each with a predicate that tells which."""
        values = table.column(self.column)
        nulls = values.null_count()
        if nulls == values.len():
            return {at: self.parts[at] for at in self._at_null}
        left = dict(self.parts)
        if not nulls:
            for at in self._gaps:
                del left[at]
        if not self._looks:
            return left
        if (failing := self._failing(table, values)) is None:
            return left
        for at in self._looks:
            left.pop(at, None)
            if few := [value for value, parts in failing.items() if at in parts]:
                left[at] = _one_of(pl.col(self.column), few)
        return left

    def _failing(self, table: Levels, values: pl.Series) -> Mapping[str | None, list[int]] | None:
        """The values of a table that stop some part, with those parts, and perhaps others that do;
        None where values hardly repeat."""
        memory = self._memory
        if memory.holds_all(values):
            return memory.failed
        # Where values repeated last time they are taken to do so.
        distinct = values.unique() if self._repeated else table.repeated(self.column)
        if distinct is None:
            self._repeated = False
            return None
        self._repeated = distinct.len() < values.len() // 2
        new = distinct
        if not memory.judged.is_empty():
            new = new.filter(~new.is_in(memory.judged.implode(), nulls_equal=True))
        failed = {**memory.failed, **self._judged(new)}
        if memory.judged.len() + new.len() <= _KEPT:
            self._memory = _Memory(pl.concat([memory.judged, new]), failed)
        return failed

    def _judged(self, values: pl.Series) -> dict[str | None, list[int]]:
        frame = values.alias(self.column).to_frame()
        fails = frame.select(one.alias(str(at)) for at, one in self._looks.items())
        told: dict[str | None, list[int]] = {}
        for at, marked in zip(self._looks, fails.get_columns(), strict=True):
            if marked.any():
                for value in values.filter(marked):
                    told.setdefault(value, []).append(at)
        return told


def _one_of(cell: pl.Expr, values: list[str | None]) -> pl.Expr:
    """Whether a cell holds one of some values, of which null may be one."""
    if len(values) <= _FEW:
        return reduce(or_, (cell.eq_missing(pl.lit(one, pl.String)) for one in values))
    return cell.is_in(pl.Series(values, dtype=pl.String).implode(), nulls_equal=True)
