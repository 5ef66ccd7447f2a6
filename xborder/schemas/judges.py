"""What one column decides by itself: each of its values is judged once, and remembered.

The same units, SKUs and names stand in every block of a file and in every file of a shop. What
has passed before passes again, without another look; a column without any value is not
looked at, nor is one without a gap for what only lacks.
"""

from collections.abc import Mapping
from functools import cached_property, reduce
from operator import or_

import polars as pl

from xborder.schemas.levels import Levels

_KEPT = 4096
"""Values of a column that are remembered at most, and distinct values that are looked up."""

_FEW = 5
"""Values that are compared one by one: that costs less than to hash each row."""


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
        self._last: list[str | None] = []
        self._passed: set[str | None] = set()
        self._failed: dict[str | None, list[int]] = {}

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
        if self._only_the_last(values, nulls):
            failing: dict[str | None, list[int]] = {}
        elif (distinct := self._distinct(table, values)) is None:
            return left
        else:
            failing = self._failing(distinct)
            known = distinct.len() <= _FEW and not failing
            self._last = distinct.to_list() if known else []
        for at in self._looks:
            left.pop(at, None)
            if few := [value for value, parts in failing.items() if at in parts]:
                left[at] = _one_of(pl.col(self.column), few)
        return left

    def _only_the_last(self, values: pl.Series, nulls: int) -> bool:
        """Whether nothing stands there but the few values that the last table had, all of which
        passed."""
        last = self._last
        if nulls and None not in last:
            return False
        found = [values == one for one in last if one is not None]
        return bool(found) and reduce(or_, found).all()

    def _distinct(self, table: Levels, values: pl.Series) -> pl.Series | None:
        """As ``Levels.repeated`` has it; where values repeated last time they are taken to do so."""
        distinct = values.unique() if self._repeated else table.repeated(self.column)
        self._repeated = distinct is not None and distinct.len() < values.len() // 2
        return distinct

    def _failing(self, distinct: pl.Series) -> dict[str | None, list[int]]:
        """The values that stop some part, with those parts."""
        if distinct.len() > _KEPT:
            return self._judged(distinct)
        rest = set(distinct.to_list()) - self._passed
        known = {value: self._failed[value] for value in rest if value in self._failed}
        if new := [value for value in rest if value not in known]:
            told = self._judged(pl.Series(new, dtype=pl.String))
            known |= told
            if len(self._passed) + len(self._failed) + len(new) <= _KEPT:
                self._failed.update(told)
                self._passed.update(value for value in new if value not in told)
        return known

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
