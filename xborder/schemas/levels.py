"""A wide table whose columns stand where they vary, and not once for every row.

An order's currency is one value for all its lines, a catalogue row one for all lines of its
goods. What reads such columns only is judged there and its verdict carried to the rows: a
thousand goods instead of a million lines.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import polars as pl

_HEIGHT = "number of the row at its level"
"""Keeps the height of a level in a selection of constants; unlike any column."""

_MANY, _SAMPLE = 8192, 2048
"""Rows from which on distinct values are looked for, and rows of which half must repeat."""


class Condition(NamedTuple):
    """An expression that must be true, the columns that it reads, and whether it looks at letters."""

    holds: pl.Expr
    reads: frozenset[str]
    of_letters: bool


def conditions(holds: pl.Expr) -> tuple[Condition, ...]:
    """The expressions that an expression joins by "and"; it is true where all of them are."""
    pair = holds.meta.pop()[::-1]
    if len(pair) == 2 and (pair[0] & pair[1]).meta.eq(holds):
        return conditions(pair[0]) + conditions(pair[1])
    return (Condition(holds, frozenset(holds.meta.root_names()), ".str." in str(holds)),)


class Same:
    """A frame that equals only itself: what is worked out from it may be kept for the next table."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __hash__(self) -> int:
        return id(self.frame)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.frame is other.frame


@dataclass(frozen=True, eq=False)
class _Exprs:
    """Expressions of one level, by name."""

    named: dict[str, pl.Expr]

    def of(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """Their values in a frame; those of constants too are one a row."""
        got = frame.select(pl.int_range(pl.len()).alias(_HEIGHT), **self.named)
        return {name: got.get_column(name) for name in self.named}


class Asked:
    """Conditions by name, of which table after table is asked in which rows all of them hold."""

    def __init__(self, wanted: Mapping[str, Sequence[Condition]]) -> None:
        self.wanted = wanted
        self._at: dict[Hashable, dict[int, _Exprs]] = {}

    def at(self, table: "Levels") -> dict[int, _Exprs]:
        """What is judged at each level of a table; but for what looks at letters."""
        if table.shape not in self._at:
            found: dict[int, dict[str, pl.Expr]] = {}
            for name, held in self.wanted.items():
                for one in held:
                    if not one.of_letters:
                        own = found.setdefault(table.level_of(one.reads), {})
                        own[name] = own[name] & one.holds if name in own else one.holds
            self._at[table.shape] = {
                level: _Exprs({name: one.fill_null(value=False) for name, one in own.items()})
                for level, own in found.items()
            }
        return self._at[table.shape]


@lru_cache(maxsize=8)
def _kept(frame: Same, exprs: _Exprs) -> dict[str, pl.Series]:
    return exprs.of(frame.frame)


def marked_rows(marks: pl.Series) -> pl.Series:
    """The numbers (UInt32) of the rows that are marked: a fifth of what ``arg_true`` costs."""
    return pl.int_range(marks.len(), dtype=pl.UInt32, eager=True).filter(marks)


class Answer(NamedTuple):
    """An expression's values at a level, and the level's row for each row of the whole table
    (None where the level is the table itself)."""

    values: pl.Series
    rows: pl.Series | None

    def spread(self) -> pl.Series:
        """The values, one a row of the whole table."""
        return self.values if self.rows is None else self.values[self.rows]


@dataclass(frozen=True, eq=False)
class Levels:
    """``own`` has a row for each row of the table; each of ``above`` is a frame of fewer rows
    with, for each row of the table, the number of its row there (UInt32, no nulls). Frames of the
    levels ``kept`` (1 is the first above) are the same for many tables.

    A column may stand at several levels if its values agree. Expressions judge row by row:
    windows, aggregates and lengths would see another number of rows at each level.
    """

    own: pl.DataFrame
    above: tuple[tuple[pl.DataFrame, pl.Series], ...] = ()
    kept: frozenset[int] = frozenset()

    @cached_property
    def shape(self) -> Hashable:
        """The columns of each level, and which level is judged before which."""
        return tuple((at, frozenset(held)) for at, held in self._by_height)

    @property
    def height(self) -> int:
        """Rows of the whole table."""
        return self.own.height

    @cached_property
    def columns(self) -> dict[str, int]:
        """Columns and the level that gives them: 0 is ``own``, then those of ``above``."""
        levels = [self.own, *(frame for frame, _ in self.above)]
        # The first that has a column comes last, and stays.
        return {name: at for at in reversed(range(len(levels))) for name in levels[at].columns}

    @cached_property
    def _by_height(self) -> list[tuple[int, set[str]]]:
        """Levels of fewer rows than the table, the smallest first, with their columns."""
        fewer = [
            (at, frame)
            for at, (frame, _) in enumerate(self.above, 1)
            if frame.height < self.own.height
        ]
        fewer.sort(key=lambda one: one[1].height)
        return [(at, set(frame.columns)) for at, frame in fewer]

    def frame(self, names: Iterable[str]) -> pl.DataFrame:
        """Columns of the whole table."""
        names = list(names)
        at: dict[int, list[str]] = {}
        for name in names:
            at.setdefault(self.columns[name], []).append(name)
        parts = []
        for level, own in at.items():
            if level == 0:
                parts.append(self.own[own])
            else:
                frame, rows = self.above[level - 1]
                parts.append(frame[own][rows])
        if len(parts) == 1:
            return parts[0]
        return pl.DataFrame([one for part in parts for one in part])[names]

    def gather(self, names: Iterable[str], rows: pl.Series) -> pl.DataFrame:
        """Columns of some rows of the table, in the order asked for."""
        places = {0: rows}
        found = []
        for name in names:
            level = self.columns[name]
            if level and level not in places:
                places[level] = self.above[level - 1][1][rows]
            frame = self.above[level - 1][0] if level else self.own
            found.append(frame.get_column(name)[places[level]])
        return pl.DataFrame(found) if found else pl.DataFrame(height=rows.len())

    def where(self, asked: Asked) -> dict[str, pl.Series]:
        """The rows (UInt32) in which all of some conditions hold; left out where there are none.

        A condition is judged at the level of fewest rows that has its columns, and only where
        those of smaller levels hold somewhere; one of letters in the rows that are left.
        """
        at = asked.at(self)
        answers: dict[str, list[Answer]] = {name: [] for name in asked.wanted}
        for level in (*(one for one, _ in self._by_height), 0):
            if level not in at:
                continue
            if level in self.kept:
                frame, rows = self.above[level - 1]
                values = _kept(Same(frame), at[level])
                told = {name: Answer(values[name], rows) for name in values if name in answers}
            else:
                left = {name: one for name, one in at[level].named.items() if name in answers}
                told = self._answers(level, left)
            for name, answer in told.items():
                if not answer.values.any():
                    del answers[name]
                elif not answer.values.all():
                    answers[name].append(answer)
        found = {name: self._all_true(told, asked.wanted[name]) for name, told in answers.items()}
        return {name: rows for name, rows in found.items() if not rows.is_empty()}

    def _all_true(self, answers: list[Answer], asked: Sequence[Condition]) -> pl.Series:
        rows = None
        for values, held in answers:
            if rows is None:
                rows = marked_rows(values if held is None else values[held])
            else:
                rows = rows.filter(values[rows if held is None else held[rows]])
        if rows is None:
            rows = pl.int_range(self.height, dtype=pl.UInt32, eager=True)
        for one in asked:
            if one.of_letters and not rows.is_empty():
                told = self.gather(one.reads, rows).select(one.holds.fill_null(value=False))
                rows = rows.filter(told.to_series())
        return rows

    def evaluate(self, wanted: Mapping[str, pl.Expr]) -> dict[str, Answer]:
        """Each expression at the level of fewest rows that has all its columns."""
        at: dict[int, dict[str, pl.Expr]] = {}
        for name, expr in wanted.items():
            at.setdefault(self.level_of(set(expr.meta.root_names())), {})[name] = expr
        found: dict[str, Answer] = {}
        for level, exprs in at.items():
            found |= self._answers(level, exprs)
        return {name: found[name] for name in wanted}

    def level_of(self, columns: Set[str]) -> int:
        """The level of fewest rows that has these columns."""
        return next((one for one, held in self._by_height if columns <= held), 0)

    def _answers(self, level: int, asked: Mapping[str, pl.Expr]) -> dict[str, Answer]:
        if not asked:
            return {}
        if level:
            frame, rows = self.above[level - 1]
        else:
            read = {name for one in asked.values() for name in one.meta.root_names()}
            frame, rows = self._reading(read), None
        return {name: Answer(one, rows) for name, one in _Exprs(dict(asked)).of(frame).items()}

    def column(self, name: str) -> pl.Series:
        """The values of a column at the level of fewest rows that has it."""
        level = self._least.get(name, 0)
        return (self.above[level - 1][0] if level else self.own).get_column(name)

    @cached_property
    def _least(self) -> dict[str, int]:
        """The level of fewest rows that has each column of the levels above."""
        return {name: at for at, held in reversed(self._by_height) for name in held}

    def repeated(self, name: str) -> pl.Series | None:
        """The distinct values of a column; None where they hardly repeat, or are few anyway, so
        that nothing is gained by looking at each once."""
        column = self.column(name)
        if column.len() < _MANY:
            return None
        # From all over the table: neighbours are often of one order, and alike.
        step = column.len() // _SAMPLE
        places = pl.int_range(0, column.len(), step, dtype=pl.UInt32, eager=True)
        return None if column[places].n_unique() > _SAMPLE // 2 else column.unique()

    def _reading(self, names: set[str]) -> pl.DataFrame:
        return self.frame(sorted(names)) if names else self.own

    def select(self, wanted: Mapping[str, pl.Expr]) -> pl.DataFrame:
        """The values of expressions, one row for each of the whole table."""
        return self.project(wanted).frame(wanted)

    def project(self, wanted: Mapping[str, pl.Expr]) -> "Levels":
        """A table of expressions' values, each at the level where it was evaluated."""
        at: dict[int, list[pl.Series]] = {}
        held = {id(rows): level for level, (_, rows) in enumerate(self.above, 1)}
        for name, (values, rows) in self.evaluate(wanted).items():
            level = 0 if rows is None else held[id(rows)]
            at.setdefault(level, []).append(values.alias(name))
        own = at.pop(0, None)
        if own is None:
            own = [pl.int_range(self.height, dtype=pl.UInt32, eager=True).alias(_HEIGHT)]
        above = ((pl.DataFrame(at[level]), self.above[level - 1][1]) for level in sorted(at))
        return Levels(pl.DataFrame(own), tuple(above))

    def texts(self, names: Iterable[str]) -> "Levels":
        """These columns as text, where they are not."""
        wanted = set(names)

        def as_text(frame: pl.DataFrame) -> pl.DataFrame:
            other = [
                name
                for name, dtype in frame.schema.items()
                if name in wanted and dtype != pl.String
            ]
            return frame.with_columns(pl.col(other).cast(pl.String)) if other else frame

        return Levels(as_text(self.own), tuple((as_text(frame), at) for frame, at in self.above))
